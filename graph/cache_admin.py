"""The root field that tells how the cache does; for admins."""

from typing import Any, Final

import strawberry

from cache.events import CacheInvalidated
from cache.query_cache import QueryCache
from domain.scalars import BigInt, Json
from domain.viewer import Permission
from graph.context import Info
from graph.permissions import needs
from graph.types.caching import CacheInvalidation, CacheStats

_ALWAYS: Final = ("enabled", "backend", "hits", "misses", "bypasses", "hit_ratio", "advice")
_NUMBERS: Final = (
    "total_entries",
    "valid_entries",
    "max_entries",
    "keyspace_hits",
    "keyspace_misses",
    "total_commands_processed",
)


@strawberry.type
class CacheQueries:
    """What operators ask about the cache."""

    @strawberry.field(
        description="How the cache of answers does: `enabled: false` when there is none. Needs the "
        "role ADMIN.",
        metadata=needs(Permission.ADMIN),
    )
    async def cache_stats(self, info: Info) -> CacheStats:
        """The numbers of the cache of this process."""
        cache = info.context.cache
        return _of_none() if cache is None else await _of(cache)


def _of_none() -> CacheStats:
    return CacheStats(
        enabled=False,
        backend=None,
        hits=BigInt(0),
        misses=BigInt(0),
        bypasses=BigInt(0),
        hit_ratio=None,
        advice=None,
        recent_invalidations=[],
        **dict.fromkeys(_NUMBERS),
    )


async def _of(cache: QueryCache) -> CacheStats:
    told = await cache.get_cache_stats()
    shown: dict[str, Any] = {name: told.get(name) for name in (*_ALWAYS, *_NUMBERS)}
    return CacheStats(**shown, recent_invalidations=_recent(cache.events.recent()))


def _recent(events: list[CacheInvalidated]) -> list[CacheInvalidation]:
    return [
        CacheInvalidation(
            at=event.at,
            reason=event.reason,
            tags=sorted(event.tags),
            pattern=event.pattern,
            metadata=Json(dict(event.metadata)),
        )
        for event in reversed(events)
    ]
