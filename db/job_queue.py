"""How jobs come to workers: procrastinate's queue, filled in the transaction of the cause.

A row of `jobs` has at most one entry in the queue, whose locks bear the job's name: no job waits
twice, and no two workers are given the same one. A row is the truth and an entry only carries it,
so an entry that was lost with its worker is put back, whatever became of it.
"""

from datetime import datetime
from typing import Final, NamedTuple
from uuid import UUID

import orjson

from db.rows import JobRow
from db.statements import sql
from db.transaction import Transaction
from domain.tasks import Task

RUN_JOB: Final = "appointment360.run_job"
"""The one task of procrastinate that runs jobs of every kind; its argument is `job_id`."""

_NAME: Final = "('job-' || j.id)"
_DEFER: Final = (
    "procrastinate_defer_jobs_v1(ARRAY[CAST(ROW(j.queue, CAST(:task AS text), j.priority,"
    f" {_NAME}, {_NAME}, jsonb_build_object('job_id', j.id), j.run_at)"
    " AS procrastinate_job_to_defer_v1)])"
)
_INSERT: Final = (
    "INSERT INTO jobs"
    " (kind, version, payload, queue, priority, max_attempts, user_uuid, total, run_at)"
    " VALUES (:kind, :version, CAST(:payload AS jsonb), :queue, :priority, :max_attempts,"
    " CAST(:user_uuid AS uuid), CAST(:total AS bigint), CAST(:run_at AS timestamptz)) RETURNING *"
)
_RECORD: Final = sql(_INSERT, JobRow)
_ENQUEUE: Final = sql(
    f"WITH j AS ({_INSERT}), entry AS (SELECT {_DEFER} FROM j) SELECT j.* FROM j CROSS JOIN entry",
    JobRow,
)
_QUIET: Final = "make_interval(secs => CAST(:seconds AS double precision))"

# Its worker has gone quiet; or it was taken a while ago and the job does not run: the worker could
# not say how it ended. What has no row of ours is periodic, and its next slot will do.
_LOST: Final = (
    "SELECT q.id, j.run_at, j.id IS NOT NULL AND NOT EXISTS (SELECT FROM procrastinate_jobs o"
    " WHERE o.queueing_lock = q.queueing_lock AND o.status = 'todo') AS goes_on"
    " FROM procrastinate_jobs q"
    " LEFT JOIN procrastinate_workers w ON w.id = q.worker_id"
    f" LEFT JOIN jobs j ON q.lock = {_NAME}"
    " WHERE q.status = 'doing'"
    f" AND (w.id IS NULL OR w.last_heartbeat < now() - {_QUIET}"
    " OR (j.id IS NOT NULL AND (j.locked_by IS NULL OR j.finished_at IS NOT NULL) AND NOT EXISTS"
    " (SELECT FROM procrastinate_events e WHERE e.job_id = q.id AND e.type = 'started'"
    " AND e.at > now() - make_interval(secs => CAST(:unstarted AS double precision)))))"
    " FOR UPDATE OF q SKIP LOCKED"
)
_PUT_BACK: Final = sql(
    f"WITH lost AS MATERIALIZED ({_LOST}),"
    " put_back AS (SELECT procrastinate_retry_job_v2("
    "id, greatest(run_at, now()), NULL, NULL, NULL) FROM lost WHERE goes_on),"
    " dropped AS (SELECT procrastinate_finish_job_v1(id, 'failed', true) FROM lost"
    " WHERE NOT goes_on)"
    " SELECT (SELECT count(*) FROM put_back), (SELECT count(*) FROM dropped)"
)
_QUEUE_AGAIN: Final = sql(
    f"WITH j AS MATERIALIZED (SELECT * FROM jobs j WHERE j.finished_at IS NULL"
    f" AND j.updated_at < now() - {_QUIET}"
    f" AND NOT EXISTS (SELECT FROM procrastinate_jobs q WHERE q.queueing_lock = {_NAME}"
    " AND q.status = 'todo')"
    f" AND NOT EXISTS (SELECT FROM procrastinate_jobs q WHERE q.lock = {_NAME}"
    " AND q.status = 'doing') FOR UPDATE OF j SKIP LOCKED)"
    f" SELECT {_DEFER} FROM j"
)
# Nobody is at it, nor has been given it this moment.
_WITHDRAW: Final = sql(
    "WITH j AS MATERIALIZED (SELECT j.id FROM jobs j WHERE j.id = CAST(:job_id AS bigint)"
    " AND j.finished_at IS NULL"
    f" AND (j.locked_by IS NULL OR j.updated_at < now() - {_QUIET})"
    " AND NOT EXISTS (SELECT FROM procrastinate_jobs q"
    " JOIN procrastinate_workers w ON w.id = q.worker_id"
    f" WHERE q.lock = {_NAME} AND q.status = 'doing'"
    f" AND w.last_heartbeat >= now() - {_QUIET}) FOR UPDATE OF j SKIP LOCKED),"
    " entry AS MATERIALIZED (SELECT procrastinate_cancel_job_v1(q.id, false, true) FROM j"
    f" JOIN procrastinate_jobs q ON q.queueing_lock = {_NAME} AND q.status = 'todo')"
    " SELECT (SELECT count(*) FROM j), (SELECT count(*) FROM entry)"
)


class PutBack(NamedTuple):
    """What became of the entries that workers had taken and could not go on with.

    Attributes:
        put_back: Another worker can take these now.
        dropped: Periodic ones, and those of jobs that wait already.
    """

    put_back: int
    dropped: int


async def enqueue(
    tx: Transaction,
    task: Task,
    *,
    owner: UUID | None,
    total: int | None = None,
    priority: int | None = None,
    run_at: datetime | None = None,
    is_queued: bool = True,
) -> JobRow:
    """The new job, which a worker is given once the transaction is committed.

    Args:
        owner: The user who sees the job; None when it is the server's own.
        total: How many records or bytes there are to do, when that is known.
        priority: Instead of the task's own.
        run_at: Not before this moment.
        is_queued: False for one that this process does itself; workers are given it when nobody
            has been at it for a while.
    """
    values = {
        "kind": task.kind.value,
        "version": task.version,
        "payload": orjson.dumps(task.to_json()).decode(),
        "queue": task.queue,
        "priority": task.priority if priority is None else priority,
        "max_attempts": task.max_attempts,
        "user_uuid": owner,
        "total": total,
        "task": RUN_JOB,
        "run_at": run_at,
    }
    (row,) = await tx.fetch(_ENQUEUE if is_queued else _RECORD, values)
    return row


async def withdraw(tx: Transaction, job_id: int, *, quiet_seconds: float) -> bool:
    """Take a job that nobody is at out of the queue; False when somebody is, or it has ended.

    Args:
        quiet_seconds: After how long without a sign a worker counts as dead.
    """
    (counts,) = await tx.fetch(_WITHDRAW, {"job_id": job_id, "seconds": quiet_seconds})
    return bool(counts[0])


async def put_back_lost(
    tx: Transaction, *, quiet_seconds: float, unstarted_seconds: float
) -> PutBack:
    """Give back what workers took and cannot go on with. Any number of processes may call it.

    Args:
        quiet_seconds: After how long without a sign a worker counts as dead.
        unstarted_seconds: How long a living one may take to begin with a job it took.
    """
    values = {"seconds": quiet_seconds, "unstarted": unstarted_seconds}
    (counts,) = await tx.fetch(_PUT_BACK, values)
    return PutBack(*counts)


async def queue_again(tx: Transaction, *, quiet_seconds: float) -> int:
    """Give every job an entry that has not ended and has none; how many they were.

    It looks at all that wait, so it is for now and then.
    """
    return len(await tx.fetch(_QUEUE_AGAIN, {"seconds": quiet_seconds, "task": RUN_JOB}))
