"""Procrastinate's side of a worker: what entries run, when they are retried, who may end them."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from typing import Any, Final

from procrastinate import App, BaseRetryStrategy, PsycopgConnector, RetryDecision
from procrastinate.jobs import Job, Status
from procrastinate.manager import JobManager

from db.job_queue import RUN_JOB
from domain.tasks import HOUSEKEEPING, LOW
from jobs.running import TryAgain, pause_seconds

_POOL_CONNECTIONS: Final = 4
"""For fetching, heartbeats and ends; what listens has one of its own. Jobs use those of `db`."""

_CONNECT_SECONDS: Final = 5.0
_HOUSEKEEPING_CRON: Final = "*/10 * * * *"
_HOUSEKEEPING_LOCK: Final = "housekeeping"
_HOUSEKEEPING_SECONDS: Final = 300.0

# Each time it is put back, its attempts go up.
_MINE: Final = (
    "SELECT id FROM procrastinate_jobs WHERE id = %(id)s AND worker_id = %(worker_id)s"
    " AND attempts = %(attempts)s AND status = 'doing' FOR UPDATE"
)

CONNECTIONS: Final = _POOL_CONNECTIONS + 1
"""How many connections a worker opens beside the pool of `db`."""


def build_queue(
    address: Mapping[str, str],
    *,
    run_job: Callable[[int], Awaitable[None]],
    keep_house: Callable[[], Awaitable[object]],
) -> App:
    """The application of a worker.

    Args:
        address: PostgreSQL as libpq names it, without a pooler in between.
        run_job: Does the job of a row; as TryAgain it says when it is to be given out again.
        keep_house: Is called every ten minutes, by one worker of all.
    """
    app = App(
        connector=PsycopgConnector(
            min_size=1,
            max_size=_POOL_CONNECTIONS,
            timeout=_CONNECT_SECONDS,
            kwargs=dict(address),
            configure=_without_transactions,
        ),
        periodic_defaults={"max_delay": 60.0},
    )
    app.job_manager = _OwnEntries(app.connector)

    @app.task(name=RUN_JOB, retry=_WhenTold())
    async def run(job_id: int) -> None:
        await run_job(job_id)

    @app.periodic(cron=_HOUSEKEEPING_CRON)
    @app.task(
        name="appointment360.keep_house",
        queue=HOUSEKEEPING,
        priority=LOW,
        lock=_HOUSEKEEPING_LOCK,
        queueing_lock=_HOUSEKEEPING_LOCK,
    )
    async def keep(timestamp: int) -> None:  # noqa: ARG001  # of its slot; all that is old goes
        # What fails or takes too long is done in the next slot.
        async with asyncio.timeout(_HOUSEKEEPING_SECONDS):
            await keep_house()

    return app


async def _without_transactions(connection: Any) -> None:
    # Each of procrastinate's statements stands alone; a BEGIN and a COMMIT would treble them.
    await connection.set_autocommit(True)


class _WhenTold(BaseRetryStrategy):
    """Retries when the job says, at once when the process ends, and later when all else fails."""

    def get_retry_decision(self, *, exception: BaseException, job: Job) -> RetryDecision:
        """When the entry is given out again; how often is counted in the job's row."""
        if isinstance(exception, TryAgain):
            seconds = exception.seconds
        elif isinstance(exception, asyncio.CancelledError):
            seconds = 0.0
        else:
            seconds = pause_seconds(job.attempts + 1)
        return RetryDecision(retry_in={"milliseconds": round(seconds * 1000)})


class _OwnEntries(JobManager):
    """Ends and retries only entries that are still those that this worker took.

    One that was frozen and is awake again would else end the entry of the worker that has the job
    by now; so would its own older run, once it has taken the job a second time.
    """

    async def finish_job(self, job: Job, status: Status, delete_job: bool) -> None:
        """End an entry."""
        await self.connector.execute_query_all_async(
            "SELECT procrastinate_finish_job_v1(id, %(status)s::procrastinate_job_status,"
            f" %(delete)s) FROM ({_MINE}) AS mine",
            **_named(job),
            status=status.value,
            delete=delete_job,
        )

    async def retry_job(
        self,
        job: Job,
        retry_at: datetime | None = None,
        priority: int | None = None,
        queue: str | None = None,
        lock: str | None = None,
    ) -> None:
        """Put an entry back."""
        await self.connector.execute_query_all_async(
            "SELECT procrastinate_retry_job_v2(id, %(retry_at)s, %(priority)s, %(queue)s, %(lock)s)"
            f" FROM ({_MINE}) AS mine",
            **_named(job),
            retry_at=retry_at,
            priority=priority,
            queue=queue,
            lock=lock,
        )


def _named(job: Job) -> dict[str, Any]:
    return {"id": job.id, "worker_id": job.worker_id, "attempts": job.attempts}
