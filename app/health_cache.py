"""How the cache of answers does in this process."""

from collections.abc import Awaitable, Callable

from app.resources import Resources
from cache.lease import Lease
from cache.query_cache import QueryCache
from cache.statistics import Advice, Status, advice


def cache_health(resources: Resources) -> Callable[[], Awaitable[tuple[dict[str, object], int]]]:
    """Tells it, always with 200: without the cache everything is read from PostgreSQL."""

    async def tell() -> tuple[dict[str, object], int]:
        cache, lease = resources.caching.cache, resources.caching.lease
        if cache is None or lease is None:
            return {"status": "healthy", "enabled": False}, 200
        return _told(cache, lease), 200

    return tell


def _told(cache: QueryCache, lease: Lease) -> dict[str, object]:
    problem, down_seconds = lease.problem, lease.down_seconds()
    counts = cache.counts
    return {
        "status": "healthy" if problem is None else "degraded",
        "enabled": True,
        "backend": cache.backend,
        "problem": problem,
        "isUp": not down_seconds,
        "downSeconds": round(down_seconds, 3),
        "isTrusted": lease.era() is not None,
        "hits": counts.of(Status.HIT),
        "misses": counts.of(Status.MISS),
        "bypasses": counts.of(Status.BYPASS),
        "hitRatio": counts.hit_ratio,
        "advice": _words(advice(counts.hit_ratio)),
    }


def _words(found: Advice | None) -> str | None:
    return None if found is None else found.doc
