"""Housekeeping: what is past its time is forgotten, every few minutes, by one worker of all."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import structlog

from db.housekeeping import (
    ACTIVITIES,
    API_TOKENS,
    IDEMPOTENCY_KEYS,
    IMPORT_CHANGES,
    IMPORT_ERRORS,
    IMPORT_REJECTS,
    IMPORT_UNDO,
    JOB_RECORDS,
    JOBS,
    MERGE_UNDO,
    REFRESH_TOKENS,
    SESSIONS,
    Prune,
)
from db.transaction import Database
from domain.idempotency import KEPT_SECONDS
from jobs.parallel import ParallelSettings, process_in_parallel_async
from streaming.uploads import Uploads

BATCH_ROWS: Final = 1000
_AT_ONCE: Final = 2
_AN_HOUR: Final = 3600.0
# Processes ask which sessions have ended for as long as a token of one can be taken: a day at most.
_TWO_DAYS: Final = 2 * 86_400.0
_A_MONTH: Final = 30 * 86_400.0

log = structlog.get_logger(__name__)


@dataclass(frozen=True, kw_only=True)
class Retention:
    """How long things are kept, in seconds.

    Attributes:
        undo: What it takes to undo a merge or an import.
        jobs: Jobs, from their end on.
        activities: None keeps them for ever.
    """

    undo: float
    jobs: float
    activities: float | None = None

    def limits(self) -> Sequence[tuple[Prune, float]]:
        """What is forgotten before jobs are, and after how many seconds."""
        limits = [
            (IDEMPOTENCY_KEYS, float(KEPT_SECONDS)),
            (MERGE_UNDO, self.undo),
            (IMPORT_UNDO, self.undo),
            (JOB_RECORDS, _AN_HOUR),
            (IMPORT_ERRORS, self.jobs),
            (IMPORT_REJECTS, self.jobs),
            (IMPORT_CHANGES, self.jobs),
            (SESSIONS, _TWO_DAYS),
            (REFRESH_TOKENS, _A_MONTH),
            (API_TOKENS, _A_MONTH),
        ]
        return [*limits, (ACTIVITIES, self.activities)] if self.activities else limits


async def keep_house(
    database: Database, retention: Retention, uploads: Uploads, *, parallel: ParallelSettings
) -> None:
    """Forget all that is past its time: rows, and the files of users."""
    await prune(database, retention, parallel=parallel)
    if swept := await uploads.sweep():
        log.info("uploads_swept", uploads=swept)


async def prune(
    database: Database, retention: Retention, *, parallel: ParallelSettings
) -> dict[str, int]:
    """Forget all that is past its time; how many rows of each kind that were."""

    async def forget(limit: tuple[Prune, float]) -> tuple[str, int]:
        kind, age_seconds = limit
        return kind.name, await _prune_all(database, kind, age_seconds=age_seconds)

    pruned = await process_in_parallel_async(
        retention.limits(), forget, max_concurrent=_AT_ONCE, settings=parallel
    )
    # A million rows would go with them in one statement, which may take 8 s.
    pruned.append(await forget((JOBS, retention.jobs)))
    counts = {name: count for name, count in pruned if count}
    if counts:
        log.info("pruned", **counts)
    return counts


async def _prune_all(database: Database, kind: Prune, *, age_seconds: float) -> int:
    total, last = 0, BATCH_ROWS
    while last == BATCH_ROWS:
        async with database.write() as tx:
            last = await kind.run(tx, age_seconds=age_seconds, most=BATCH_ROWS)
        total += last
    return total
