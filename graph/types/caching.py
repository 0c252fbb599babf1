"""The cache of a process as operators see it."""

from datetime import datetime

import strawberry

from cache.statistics import Advice
from domain.scalars import BigInt, Json
from graph.declare import as_enum, column

as_enum(Advice)


@strawberry.type(description="Cached answers that are not found any more, and why.")
class CacheInvalidation:
    """A `cache.events.CacheInvalidated`."""

    at: datetime = column("When.")
    reason: str = column(
        "Why: `records_changed` when it followed from a change, else what an admin gave."
    )
    tags: list[str] = column("What the answers depended on; empty when a pattern named them.")
    pattern: str | None = column("What their names matched; null when a change made them old.")
    metadata: Json = column("What else is known of the cause.")


@strawberry.type(
    description="How the cache of answers does. Numbers are of this process since it began, those "
    "of `keyspace` and `total` of the whole Redis."
)
class CacheStats:
    """What `QueryCache.get_cache_stats` tells."""

    enabled: bool = column("Whether answers are kept.")
    backend: str | None = column("Where they are kept; null when they are not.")
    hits: BigInt = column("Questions that the cache answered.")
    misses: BigInt = column("Questions that it could not answer, and took the answer of.")
    bypasses: BigInt = column(
        "Questions that were answered past it: by wish, beside a change, or while it is away."
    )
    hit_ratio: float | None = column("Hits among hits and misses, 0 to 1; null before any.")
    advice: Advice | None = column("What the ratio means; null before any question.")
    total_entries: BigInt | None = column("Answers in memory, outdated ones among them.")
    valid_entries: BigInt | None = column("Those that would still be found.")
    max_entries: BigInt | None = column("How many fit.")
    keyspace_hits: BigInt | None = column("Keys that Redis was asked for and had.")
    keyspace_misses: BigInt | None = column("Keys that Redis was asked for and did not have.")
    total_commands_processed: BigInt | None = column("Commands that Redis has carried out.")
    recent_invalidations: list[CacheInvalidation] = column(
        "What this process made old lately, the newest first; at most a hundred."
    )
