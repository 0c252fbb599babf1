"""What the worker that has a job writes about it, as long as it has it.

Taking a job gives a fencing token. Every batch begins by asking for the job's row under the token,
and keeps it locked: a worker that was taken for dead, and wakes, can write nothing any more. What a
batch does and how far the job is are committed together.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final
from uuid import UUID

import orjson

from db.rows import JobRow, Row
from db.statements import sql
from db.transaction import Transaction
from domain.jobs import JobErrorCode, JobStatus

FAILED: Final = "failed"
"""The counter of what could not be done."""

_IDLE_SECONDS: Final = 5

_OF_JOB: Final = "id = CAST(:job_id AS bigint)"
_HELD: Final = f"{_OF_JOB} AND locked_by = CAST(:token AS uuid)"
_LOCK: Final = sql(f"SELECT * FROM jobs WHERE {_OF_JOB} FOR UPDATE", JobRow)

# Who falls silent in the middle of a batch must not keep the row from the next one for long.
_LOCK_HELD: Final = sql(
    "SELECT status, finished_at, counters, batches,"
    f" set_config('idle_in_transaction_session_timeout', '{_IDLE_SECONDS}s', true)"
    f" FROM jobs WHERE {_HELD} FOR UPDATE"
)
_TAKE: Final = sql(
    "UPDATE jobs SET status = 'RUNNING', locked_by = CAST(:token AS uuid),"
    " attempts = attempts + 1, started_at = coalesce(started_at, now()), run_at = NULL,"
    " error_code = NULL, error = NULL"
    f" WHERE {_OF_JOB} RETURNING *",
    JobRow,
)
_ADVANCE: Final = sql(
    "UPDATE jobs SET batches = batches + 1, done = done + CAST(:done AS bigint),"
    " total = CAST(:total AS bigint), counters = CAST(:counters AS jsonb),"
    f" result = coalesce(CAST(:result AS jsonb), result) WHERE {_OF_JOB}"
)
_END: Final = sql(
    "UPDATE jobs SET status = :status, finished_at = now(), locked_by = CAST(:token AS uuid),"
    " error_code = CAST(:error_code AS text), error = CAST(:error AS text)"
    f" WHERE {_OF_JOB}"
)

_LET_GO: Final = sql(
    "UPDATE jobs SET status = 'QUEUED', locked_by = NULL,"
    " attempts = attempts - CAST(:uncounted AS integer),"
    # Who only looked whether its time has come has not begun.
    " started_at = CASE WHEN batches > 0 OR attempts > CAST(:uncounted AS integer)"
    " THEN started_at END,"
    " run_at = now() + make_interval(secs => CAST(:seconds AS double precision)),"
    " error_code = CAST(:error_code AS text), error = CAST(:error AS text)"
    f" WHERE {_OF_JOB}"
)


class Fenced(Exception):
    """Another worker has the job by now; nothing may be written for it any more."""


class Cancelled(Exception):
    """The job is to stop."""


@dataclass(frozen=True)
class Failure:
    """Why an attempt came to nothing, in words for the job's owner."""

    code: JobErrorCode
    message: str


@dataclass(frozen=True)
class Hold:
    """A job that this worker may go on with.

    Attributes:
        row: As it was when it was taken.
    """

    row: JobRow
    token: UUID

    @property
    def values(self) -> Mapping[str, object]:
        """What tells the job from others, and the holder too."""
        return {"job_id": self.row.id, "token": self.token}


@dataclass(frozen=True)
class Step:
    """What a batch did.

    Attributes:
        done: Of the units that `total` counts.
        counters: What to add to the job's counters.
        total: How many units there are, once that is known.
        result: What the job gives; takes the place of what an earlier batch gave.
        ends: Nothing is left, and the job is completed by the batch itself. Only for jobs that
            change no records, for nobody waits until they are shown.
    """

    done: int
    counters: Mapping[str, int] = field(default_factory=dict)
    total: int | None = None
    result: Mapping[str, object] | None = None
    ends: bool = False


@dataclass(frozen=True)
class Standing:
    """How far a job is.

    Attributes:
        batches: How many are committed.
    """

    batches: int
    counters: Mapping[str, int]


async def take_job(tx: Transaction, job_id: int, token: UUID) -> Hold | None:
    """The job for this worker; None when nothing is to be done for it any more.

    One that is to stop ends here, and so does one that every worker before died of. Whoever has it
    already, by a COMMIT whose answer was lost, is given it again.
    """
    row = await tx.fetch_one(_LOCK, {"job_id": job_id})
    if row is None or row.finished_at is not None:
        return None
    if row.locked_by == token:
        return Hold(row, token)
    if row.status == JobStatus.CANCELING:
        await _end(tx, job_id, JobStatus.CANCELLED)
        return None
    if row.attempts >= row.max_attempts:
        await _end(tx, job_id, JobStatus.FAILED, _lost_with_workers(row))
        return None
    (taken,) = await tx.fetch(_TAKE, {"job_id": job_id, "token": token})
    return Hold(taken, token)


async def begin_batch(tx: Transaction, hold: Hold) -> Standing:
    """How the job stands, while nobody else can change that until the transaction ends.

    Raises:
        Fenced: Another worker has the job.
        Cancelled: The job is to stop.
    """
    row = await _lock(tx, hold)
    if row["status"] == JobStatus.CANCELING:
        raise Cancelled
    return Standing(row["batches"], row["counters"])


async def end_batch(tx: Transaction, hold: Hold, step: Step, before: Standing) -> None:
    """Write down what the batch did.

    Args:
        before: What `begin_batch` gave.
    """
    counters = before.counters
    added = {**counters, **{k: counters.get(k, 0) + n for k, n in step.counters.items()}}
    told = {
        "done": step.done,
        "total": step.total,
        "counters": orjson.dumps(added).decode(),
        "result": None if step.result is None else orjson.dumps(step.result).decode(),
    }
    await tx.fetch(_ADVANCE, {**told, "job_id": hold.row.id})
    if step.ends:
        # Whoever holds it can tell by the token that this is the end that it wrote.
        await _end(tx, hold.row.id, _completed(added), token=hold.token)


async def has_ended(tx: Transaction, hold: Hold) -> bool:
    """Whether a batch of this holder has ended the job.

    One that is being committed is waited for.
    """
    row = await tx.fetch_one(_LOCK_HELD, hold.values)
    return row is not None and row["finished_at"] is not None


async def end_job(
    tx: Transaction, hold: Hold, status: JobStatus, failure: Failure | None = None
) -> None:
    """The job has ended and stands so for ever.

    One that is completed, but counts something as `failed`, is so with errors. One that fails while
    it is to stop has stopped. One that a batch has ended stays so.

    Raises:
        Fenced: Another worker has the job.
    """
    row = await _lock(tx, hold)
    if row["finished_at"] is not None:
        return
    if status is JobStatus.COMPLETED:
        status = _completed(row["counters"])
    if status is JobStatus.FAILED and row["status"] == JobStatus.CANCELING:
        status, failure = JobStatus.CANCELLED, None
    await _end(tx, hold.row.id, status, failure)


async def let_go(
    tx: Transaction,
    hold: Hold,
    *,
    seconds: float = 0.0,
    counts: bool,
    failure: Failure | None = None,
) -> None:
    """The job waits for a worker again; one that is to stop has stopped, one that has ended, too.

    Args:
        seconds: How long it waits at least.
        counts: Whether it was an attempt, or only interrupted.
        failure: What went wrong, for the owner to see meanwhile.

    Raises:
        Fenced: Another worker has the job.
    """
    row = await _lock(tx, hold)
    if row["finished_at"] is not None:
        return
    if row["status"] == JobStatus.CANCELING:
        await _end(tx, hold.row.id, JobStatus.CANCELLED)
        return
    values = {"job_id": hold.row.id, "uncounted": int(not counts), "seconds": seconds}
    await tx.fetch(_LET_GO, {**values, **_told(failure)})


async def _lock(tx: Transaction, hold: Hold) -> Row:
    """How the job stands, while nobody else can change that until the transaction ends."""
    row = await tx.fetch_one(_LOCK_HELD, hold.values)
    if row is None:
        raise Fenced(f"job {hold.row.id} was given to another worker")
    return row


async def _end(
    tx: Transaction,
    job_id: int,
    status: JobStatus,
    failure: Failure | None = None,
    *,
    token: UUID | None = None,
) -> None:
    values = {"job_id": job_id, "status": status.value, "token": token}
    await tx.fetch(_END, {**values, **_told(failure)})


def _completed(counters: Mapping[str, int]) -> JobStatus:
    return JobStatus.COMPLETED_WITH_ERRORS if counters.get(FAILED) else JobStatus.COMPLETED


def _told(failure: Failure | None) -> dict[str, object]:
    if failure is None:
        return {"error_code": None, "error": None}
    return {"error_code": failure.code.value, "error": failure.message}


def _lost_with_workers(row: JobRow) -> Failure:
    times = f"{row.attempts} workers" if row.attempts > 1 else "The worker"
    return Failure(
        JobErrorCode.WORKER_LOST,
        f"{times} took the job and did not come back. Look into their logs; make it again when"
        " the cause is found.",
    )
