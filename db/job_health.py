"""How jobs do as a whole: how many wait, and whether anybody is there to take them."""

from typing import Final

from db.rows import Row
from db.statements import sql
from db.transaction import ReadSession
from domain.jobs import JobHealth, KindHealth

# What has ended long ago is left where it is: the table keeps it for weeks.
_KINDS: Final = sql(
    "SELECT kind, count(*) FILTER (WHERE status = 'QUEUED') AS queued,"
    " count(*) FILTER (WHERE status IN ('RUNNING', 'CANCELING')) AS running,"
    " count(*) FILTER (WHERE status = 'FAILED') AS failed,"
    " max(extract(epoch FROM now() - greatest(created_at, run_at)))"
    " FILTER (WHERE status = 'QUEUED' AND (run_at IS NULL OR run_at <= now()))"
    " AS waiting_seconds"
    " FROM (SELECT kind, status, created_at, run_at FROM jobs WHERE finished_at IS NULL"
    " UNION ALL SELECT kind, status, created_at, run_at FROM jobs"
    " WHERE finished_at > now() - interval '1 day' AND status = 'FAILED') j"
    " GROUP BY kind ORDER BY kind"
)
_WORKERS: Final = sql(
    "SELECT count(*) FROM procrastinate_workers"
    " WHERE last_heartbeat > now() - make_interval(secs => CAST(:seconds AS double precision))"
)


async def read_job_health(session: ReadSession, *, quiet_seconds: float) -> JobHealth:
    """How jobs do.

    Args:
        quiet_seconds: After how long without a sign a worker counts as dead.
    """
    kinds = await session.fetch(_KINDS)
    workers = await session.fetch_value(_WORKERS, {"seconds": quiet_seconds})
    return JobHealth(kinds=tuple(map(_kind, kinds)), workers=workers)


def _kind(row: Row) -> KindHealth:
    kind, queued, running, failed, waiting = row
    return KindHealth(
        kind=kind,
        queued=queued,
        running=running,
        failed=failed,
        waiting_seconds=None if waiting is None else float(waiting),
    )
