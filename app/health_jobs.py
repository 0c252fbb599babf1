"""How durable jobs do, wherever they run."""

from collections.abc import Awaitable, Callable
from dataclasses import asdict
from functools import partial

from app.resources import Resources
from db.job_health import read_job_health
from db.sharing import Shared
from db.transaction import ReadSession
from domain.errors import DatabaseUnavailable
from domain.jobs import JobHealth, KindHealth
from domain.names import spelled
from jobs.worker import WorkerSettings


def jobs_health(resources: Resources) -> Callable[[], Awaitable[tuple[dict[str, object], int]]]:
    """Tells it, with 503 when PostgreSQL does not answer."""
    quiet_seconds = WorkerSettings().quiet_seconds

    async def read(session: ReadSession) -> JobHealth:
        return await read_job_health(session, quiet_seconds=quiet_seconds)

    # Whoever asks whether the process is ready has the same connection.
    read_once = Shared(partial(resources.probe.ask, read))

    async def tell() -> tuple[dict[str, object], int]:
        try:
            health = await read_once()
        except DatabaseUnavailable as error:
            return {"status": "unavailable", "problem": error.message}, 503
        return _told(health), 200

    return tell


def _told(health: JobHealth) -> dict[str, object]:
    is_stuck = health.waiting_seconds is not None and not health.workers
    return {
        "status": "degraded" if is_stuck else "healthy",
        "workers": health.workers,
        "oldestWaitingSeconds": health.waiting_seconds,
        "kinds": [_kind(kind) for kind in health.kinds],
        "advice": (
            "Jobs wait and no worker is alive: start one with `appointment360 work`."
            if is_stuck
            else None
        ),
    }


def _kind(kind: KindHealth) -> dict[str, object]:
    return {spelled(name): value for name, value in asdict(kind).items()}
