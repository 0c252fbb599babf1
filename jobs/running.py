"""Running one job: take it, do it batch by batch, write down how it ended.

The row of the job is the truth and every write about it is fenced (`db.job_runs`). So whatever
happens here, to the process or to PostgreSQL, the job is either ended, or waits for a worker, or
counts as lost and is given to another one.
"""

import asyncio
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final, TypeVar
from uuid import uuid4

import structlog

from db import job_runs
from db.job_runs import Cancelled, Failure, Fenced, Hold, Step
from db.retrying import write_again
from db.rows import JobRow
from db.transaction import Database, Transaction
from domain.asker import asked_by
from domain.errors import InsufficientStorage, OperationTimeout, Rejected, Unavailable
from domain.jobs import JobErrorCode, JobStatus
from domain.tasks import Task, UnknownPayload, read_task

_PATIENCE_SECONDS: Final = 20.0
_MAX_PAUSE_SECONDS: Final = 60.0
_STRANGE: Final = timedelta(days=1)
"""How long a job that no worker knows waits for one that does."""

T = TypeVar("T")

Batch = Callable[[Transaction], Awaitable[Step | None]]
"""Does a part of a job in a transaction and says what it did; None when nothing is left.

It may be called again when the transaction came to nothing, never after it was committed.
"""

Handler = Callable[["Run", Any], Awaitable[None]]
"""Does a job, given its task. It is begun anew after a failure and goes on from what is stored."""

Handlers = Mapping[type[Task], Handler]

log = structlog.get_logger(__name__)


@dataclass(frozen=True, kw_only=True)
class JobRun:
    """An attempt at a job that is over.

    Attributes:
        outcome: `completed`, `failed`, `cancelled`, `retried`, `handed_back` to other workers,
            `fenced` when another worker has it, or `interrupted` by the end of this one.
        counters: What its batches have added to those of the job.
    """

    kind: str
    outcome: str
    seconds: float
    counters: Mapping[str, int]


JobObserver = Callable[[JobRun], None]
"""Is told each attempt; it is quick, and raises nothing."""


class TryAgain(Exception):
    """The job is to be given to a worker again. From a handler it is no attempt that counts.

    Args:
        seconds: After how long.
    """

    def __init__(self, seconds: float) -> None:
        super().__init__(f"in {seconds:g} s")
        self.seconds = seconds


class HandedBack(TryAgain):
    """The worker is to stop; another one goes on with the job."""

    def __init__(self) -> None:
        super().__init__(0)


class Writer:
    """Writes about jobs; while PostgreSQL is away, it tries again for a while.

    Args:
        is_ending: Tells that there is no time for that. A job that cannot be written about counts
            as lost, and is put back.
    """

    def __init__(self, database: Database, *, is_ending: Callable[[], bool]) -> None:
        self._database = database
        self._is_ending = is_ending

    async def write(self, work: Callable[[Transaction], Awaitable[T]]) -> T:
        """What work gives, which may be done again after it was committed.

        Raises:
            Unavailable: PostgreSQL was away for too long.
        """
        ends, pause = time.monotonic() + _PATIENCE_SECONDS, 0.1
        while True:
            try:
                return await write_again(self._database, work, is_repeatable=True)
            except Unavailable:
                if self._is_ending() or time.monotonic() + pause > ends:
                    raise
            await asyncio.sleep(pause)
            pause = min(2.0, pause * 2)

    async def shown(self) -> None:
        """Wait until everybody who reads is shown what was written."""
        await self._database.shown()


class Run:
    """An attempt at a job, as its handler sees it.

    Attributes:
        job_id: The row of the job.
        attempt: 1 for the first worker that took it.
        owner: Whose job it is; None when it is the server's own.
        done: How much of it was done when this attempt began.
        counters: What its batches have added to those of the job until now.
    """

    def __init__(
        self,
        writer: Writer,
        hold: Hold,
        *,
        limit: asyncio.Timeout,
        batch_seconds: float,
        is_stopping: Callable[[], bool],
    ) -> None:
        self.job_id = hold.row.id
        self.attempt = hold.row.attempts
        self.owner = hold.row.user_uuid
        self.done = hold.row.done
        self.counters: Counter[str] = Counter()
        self._writer = writer
        self._hold = hold
        self._limit = limit
        self._batch_seconds = batch_seconds
        self._is_stopping = is_stopping
        self._batches = hold.row.batches

    async def batch(self, work: Batch) -> bool:
        """Do a batch and commit it with the progress it made; False when nothing was left.

        Between batches a job can be cancelled, handed back, or found to be another worker's; such
        an error goes through the handler untouched.

        Raises:
            Unavailable: PostgreSQL was away for too long.
        """
        if self._is_stopping():
            raise HandedBack
        self._limit.reschedule(asyncio.get_running_loop().time() + self._batch_seconds)

        added: Mapping[str, int] = {}

        async def fenced(tx: Transaction) -> bool:
            nonlocal added
            standing = await job_runs.begin_batch(tx, self._hold)
            if standing.batches > self._batches:
                # It was committed before, and only the answer of COMMIT was lost.
                return True
            step = await work(tx)
            if step is not None:
                added = step.counters
                await job_runs.end_batch(tx, self._hold, step, standing)
            return step is not None

        goes_on = await self._writer.write(fenced)
        self._batches += goes_on
        if goes_on:
            self.counters.update(added)
        return goes_on

    async def read(self, work: Callable[[Transaction], Awaitable[T]]) -> T:
        """What work gives that writes nothing, and may be done again.

        Raises:
            Unavailable: PostgreSQL was away for too long.
        """
        return await self._writer.write(work)

    async def has_ended(self) -> bool:
        """Whether a batch of this attempt has ended the job, also one whose COMMIT got no answer.

        Raises:
            Unavailable: PostgreSQL was away for too long.
        """
        return await self._writer.write(lambda tx: job_runs.has_ended(tx, self._hold))


class JobRunner:
    """Runs the jobs that a worker is given.

    Args:
        writer: What it writes with.
        handlers: What does the jobs, by the class of their task.
        is_stopping: Tells that jobs are to be handed back after their batch.
        observe: Is told each attempt.
    """

    def __init__(
        self,
        writer: Writer,
        handlers: Handlers,
        *,
        is_stopping: Callable[[], bool],
        observe: JobObserver = lambda _run: None,
    ) -> None:
        self._writer = writer
        self._handlers = handlers
        self._is_stopping = is_stopping
        self._observe = observe

    async def run(self, job_id: int) -> None:
        """Do a job, unless it has ended or is to end.

        Raises:
            TryAgain: It is not done, and waits for another attempt.
            CancelledError: This process may not go on; the job waits for another worker.
        """
        token = uuid4()
        hold = await self._writer.write(lambda tx: job_runs.take_job(tx, job_id, token))
        if hold is None:
            return
        started, counters, outcome = time.perf_counter(), Counter[str](), "interrupted"
        told = log.bind(job=job_id, kind=hold.row.kind, attempt=hold.row.attempts)
        try:
            await self._attempt(hold, counters)
        except Fenced:
            outcome = "fenced"
            told.warning("job_fenced")
        except Cancelled:
            await self._end(hold, JobStatus.CANCELLED)
            outcome = "cancelled"
            told.info("job_cancelled")
        except TryAgain as later:
            outcome = "handed_back"
            await self._let_go(hold, seconds=later.seconds, counts=False)
            raise
        except asyncio.CancelledError:
            await asyncio.shield(self._let_go(hold, counts=False))
            raise
        except Exception as error:  # noqa: BLE001  # the door: whatever a handler raises ends here
            outcome = "retried"
            told.warning("job_failed", exc_info=not isinstance(error, Rejected | UnknownPayload))
            await self._fail(hold, error)
            outcome = "failed"
        else:
            await self._end(hold, JobStatus.COMPLETED)
            outcome = "completed"
            told.info("job_done", seconds=round(time.perf_counter() - started, 3))
        finally:
            seconds = time.perf_counter() - started
            self._observe(
                JobRun(kind=hold.row.kind, outcome=outcome, seconds=seconds, counters=counters)
            )

    async def _attempt(self, hold: Hold, counters: Counter[str]) -> None:
        row = hold.row
        task = read_task(row.kind, row.version, row.payload)
        handle = self._handlers.get(type(task))
        if handle is None:
            raise UnknownPayload(f"This worker does no jobs of the kind {row.kind}.")
        async with asyncio.timeout(task.batch_seconds) as limit:
            run = Run(
                self._writer,
                hold,
                limit=limit,
                batch_seconds=task.batch_seconds,
                is_stopping=self._is_stopping,
            )
            try:
                with asked_by(row.user_uuid):
                    await handle(run, task)
            finally:
                counters.update(run.counters)

    async def _fail(self, hold: Hold, error: Exception) -> None:
        failure, row = _failure(error), hold.row
        is_strange = failure.code is JobErrorCode.UNKNOWN_PAYLOAD
        is_last = _age(row) > _STRANGE if is_strange else row.attempts >= row.max_attempts
        if is_last or failure.code is JobErrorCode.REJECTED:
            await self._end(hold, JobStatus.FAILED, failure)
            return
        # Workers of the release that knows it are on their way, when a release is rolled out.
        seconds = _MAX_PAUSE_SECONDS if is_strange else pause_seconds(row.attempts)
        await self._let_go(hold, seconds=seconds, counts=not is_strange, failure=failure)
        raise TryAgain(seconds) from error

    async def _end(self, hold: Hold, status: JobStatus, failure: Failure | None = None) -> None:
        await self._writer.shown()
        await self._write(lambda tx: job_runs.end_job(tx, hold, status, failure))

    async def _let_go(
        self, hold: Hold, *, seconds: float = 0.0, counts: bool, failure: Failure | None = None
    ) -> None:
        # Who goes on with the job may find that nothing is left, and end it at once.
        await self._writer.shown()
        await self._write(
            lambda tx: job_runs.let_go(tx, hold, seconds=seconds, counts=counts, failure=failure)
        )

    async def _write(self, work: Callable[[Transaction], Awaitable[None]]) -> None:
        try:
            await self._writer.write(work)
        except Fenced:
            # Also after an answer of COMMIT that got lost: it is written, and the token is gone.
            log.info("job_fenced_at_its_end")


def pause_seconds(attempts: int) -> float:
    """How long to wait after so many attempts: 1, 2, 4 … seconds, at most a minute."""
    return min(_MAX_PAUSE_SECONDS, 2.0 ** (attempts - 1))


def _age(row: JobRow) -> timedelta:
    return datetime.now(UTC) - row.created_at


def _failure(error: Exception) -> Failure:
    if isinstance(error, UnknownPayload):
        return Failure(JobErrorCode.UNKNOWN_PAYLOAD, f"{error} A newer release has to do it.")
    if isinstance(error, Rejected):
        return Failure(JobErrorCode.REJECTED, str(error))
    if isinstance(error, TimeoutError | OperationTimeout):
        return Failure(JobErrorCode.TIMED_OUT, "A part of the job took longer than it may.")
    if isinstance(error, Unavailable | InsufficientStorage):
        return Failure(JobErrorCode.UNAVAILABLE, error.message)
    # What a bug says may tell of the inside; the log has it.
    return Failure(JobErrorCode.ERROR, "Something went wrong; the worker's log says what.")
