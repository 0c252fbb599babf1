"""Whether a process should be sent requests: a load balancer asks this, again and again."""

from collections.abc import Awaitable, Callable
from typing import Final

from app.resources import Resources

_DRAINING: Final = "It is about to stop, and answers what it has been sent."


def readiness(resources: Resources) -> Callable[[], Awaitable[tuple[dict[str, object], int]]]:
    """Tells it: `ok` and `degraded` with 200, `draining` and `unavailable` with 503."""

    async def tell() -> tuple[dict[str, object], int]:
        if resources.stop_clock.is_draining:
            return {"status": "draining", "checks": {"server": _DRAINING}}, 503
        problem = await resources.probe.problem()
        if problem is not None:
            return {"status": "unavailable", "checks": {"database": problem}}, 503
        around = _around(resources)
        checks = {name: found or "ok" for name, found in around.items()}
        status = "degraded" if any(around.values()) else "ok"
        return {"status": status, "checks": {"database": "ok", **checks}}, 200

    return tell


def _around(resources: Resources) -> dict[str, str | None]:
    """What is used beside the database, each with its problem: without it requests are answered."""
    around: dict[str, str | None] = {}
    lease = resources.caching.lease
    if resources.settings.enable_redis_cache and lease is not None:
        around["cache"] = "Redis does not answer." if lease.down_seconds() else None
    if resources.replica is not None:
        around["replica"] = resources.replica.problem
    return around
