"""Durable jobs as users see them: read, listed, cancelled.

What a worker does with a job stands in `db.job_runs`, how it comes to a worker in `db.job_queue`.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Final
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    Boolean,
    Uuid,
    bindparam,
    literal_column,
    select,
)
from sqlalchemy.dialects.postgresql import JSONB

from db import paging
from db.entities import listed
from db.import_tables import imports
from db.job_tables import jobs
from db.parameters import one_of
from db.problems import not_found
from db.rows import JobRow
from db.sorting import JOB_SORT_KEYS
from db.statements import Statement, sql
from db.tables import users
from db.transaction import ReadSession, Transaction
from domain.absent import given
from domain.errors import Problem, ProblemCode, Rejected
from domain.filters import JobFilter, UUIDFilter
from domain.jobs import JobKind, JobStatus
from domain.node_ids import NodeKind
from domain.paging import Page, PageRequest

# What was asked for may name people, and the token lets its holder write.
_OF_WORKERS: Final = frozenset({"payload", "locked_by"})

# An export is shown with what was asked for, which its owner wrote.
_EXPORT: Final = literal_column(
    f"CASE WHEN jobs.kind = '{JobKind.EXPORT_RECORDS.value}' THEN jobs.payload -> 'export' END",
    JSONB,
).label("export")

# Of an undo: the import that names it.
_IMPORT_ID: Final = literal_column(
    f"CASE WHEN jobs.kind = '{JobKind.UNDO_IMPORT.value}'"
    " THEN (SELECT undone.job_id FROM imports AS undone WHERE undone.undo_job_id = jobs.id) END",
    BigInteger,
).label("import_id")
_HAS_REJECTS: Final = literal_column(
    f"CASE WHEN jobs.kind = '{JobKind.IMPORT_RECORDS.value}'"
    " THEN EXISTS (SELECT FROM import_rejects WHERE import_rejects.job_id = jobs.id) END",
    Boolean,
).label("has_rejects")

# NULL for all but imports.
_OF_IMPORT: Final = (
    imports.c.entity,
    imports.c.filename,
    imports.c.mapping,
    imports.c.options,
    imports.c.reading["vendor"].astext.label("vendor"),
    imports.c.undone_at,
    imports.c.undo_job_id,
)

_ROWS: Final = select(
    *(column for column in jobs.c if column.name not in _OF_WORKERS),
    users.c.id.label("owner_id"),
    _EXPORT,
    *_OF_IMPORT,
    _IMPORT_ID,
    _HAS_REJECTS,
).select_from(
    jobs.outerjoin(users, users.c.uuid == jobs.c.user_uuid).outerjoin(
        imports, imports.c.job_id == jobs.c.id
    )
)
_BY_IDS: Final = Statement(_ROWS.where(jobs.c.id == one_of("ids")), JobRow)
_BY_UUID: Final = Statement(_ROWS.where(jobs.c.uuid == bindparam("uuid", type_=Uuid)), JobRow)

# One that waits is stopped at once, one that runs as soon as its worker looks.
_CANCEL: Final = sql(
    "UPDATE jobs SET status = CASE status WHEN 'QUEUED' THEN 'CANCELLED' ELSE 'CANCELING' END,"
    " finished_at = CASE status WHEN 'QUEUED' THEN now() END,"
    " error_code = CASE status WHEN 'QUEUED' THEN NULL ELSE error_code END,"
    " error = CASE status WHEN 'QUEUED' THEN NULL ELSE error END"
    " WHERE id = CAST(:job_id AS bigint) AND finished_at IS NULL RETURNING status"
)
# A batch keeps the row to its end.
_WAIT: Final = sql("SELECT set_config('lock_timeout', '8s', true)")
_CANCEL_IN_QUEUE: Final = sql(
    "SELECT procrastinate_cancel_job_v1(id, false, true) FROM procrastinate_jobs"
    " WHERE queueing_lock = 'job-' || CAST(:job_id AS bigint) AND status = 'todo'"
)

JOBS: Final = listed(NodeKind.JOB, _ROWS, JobRow, JOB_SORT_KEYS)


async def load_jobs(session: ReadSession, job_ids: Sequence[int]) -> list[JobRow | None]:
    """Jobs by id, in the order of the ids; None for missing ones.

    They have what users may know, and the id of the owner's row.
    """
    return await session.fetch_by_id(_BY_IDS, job_ids)


async def find_job(session: ReadSession, job_uuid: UUID) -> JobRow | None:
    """The job that clients outside GraphQL know by this id, as `load_jobs` gives it."""
    return await session.fetch_one(_BY_UUID, {"uuid": job_uuid})


async def list_jobs(
    session: ReadSession, request: PageRequest, filter_: JobFilter | None, *, owner: UUID | None
) -> Page[JobRow]:
    """One page of the jobs of a user; of all jobs without an owner."""
    return await paging.list_page(session, JOBS, request, _of_owner(filter_, owner))


async def jobs_behind(
    session: ReadSession, request: PageRequest, filter_: JobFilter | None, *, owner: UUID | None
) -> bool:
    """Whether there are jobs on the other side of the request's cursor, its own row included."""
    return await paging.rows_behind(session, JOBS, request, _of_owner(filter_, owner))


async def count_jobs(session: ReadSession, filter_: JobFilter | None, *, owner: UUID | None) -> int:
    """How many jobs match."""
    return await paging.count_rows(session, JOBS, _of_owner(filter_, owner))


async def cancel_job(tx: Transaction, job_id: int) -> JobRow:
    """A job that is stopped, or will be before its next batch; one that is at work is waited for.

    Raises:
        Rejected: NOT_FOUND, or NOT_ALLOWED_IN_STATE when it has ended already.
    """
    await tx.fetch(_WAIT)
    status = await tx.fetch_value(_CANCEL, {"job_id": job_id})
    if status == JobStatus.CANCELLED:
        await tx.fetch(_CANCEL_IN_QUEUE, {"job_id": job_id})
    (row,) = await load_jobs(tx, [job_id])
    if row is None:
        raise no_job()
    if status is None:
        message = "The job has ended already; nothing is left to cancel."
        problem = Problem(code=ProblemCode.NOT_ALLOWED_IN_STATE, message=message, path=("id",))
        raise Rejected([problem])
    return row


def no_job() -> Rejected:
    """Why nothing is done about a job that is not there, or not for this user to see."""
    return Rejected([not_found("job")])


def _of_owner(filter_: JobFilter | None, owner: UUID | None) -> JobFilter | None:
    """The filter, for the jobs of an owner alone."""
    if owner is None:
        return filter_
    theirs = JobFilter(user_uuid=UUIDFilter(eq=owner))
    if filter_ is None:
        return theirs
    also = filter_.and_ if given(filter_.and_) else []
    # Behind what the user wrote, so that mistakes are told where they stand; null is one of them.
    return replace(filter_, and_=None if also is None else [*also, theirs])
