"""Durable jobs: what all of them show, and what those of a kind show beyond it."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import strawberry

from db.rows import JobRow
from domain.jobs import JobErrorCode, JobKind, JobStatus
from domain.node_ids import NodeKind
from domain.scalars import BigInt
from graph.declare import as_enum, column, loaded, node_id, rows_of
from graph.types.bulk import BulkCounts
from graph.types.parts import Node, User

as_enum(JobErrorCode)

_CAN_BE_CANCELLED: Final = frozenset({JobStatus.QUEUED, JobStatus.RUNNING})
_KINDS: Final = frozenset(JobKind)
_ERROR_CODES: Final = frozenset(JobErrorCode)


@strawberry.type(description="Why an attempt at a job came to nothing.")
class JobError:
    """The error of a row of `jobs`."""

    code: JobErrorCode = column("What a program branches on.")
    message: str = column("What a person reads.")


# A newer release may have written names that this one has no words for.
def _kind(root: strawberry.Parent[Any]) -> JobKind | None:
    return JobKind(root.kind) if root.kind in _KINDS else None


def _error(root: strawberry.Parent[Any]) -> JobError | None:
    code = root.error_code
    if code is None:
        return None
    known = JobErrorCode(code) if code in _ERROR_CODES else JobErrorCode("ERROR")
    return JobError(code=known, message=root.error or known.doc)


def _can_cancel(root: strawberry.Parent[Any]) -> bool:
    return root.status in _CAN_BE_CANCELLED


@strawberry.interface(
    description="Work that goes on after the request that asked for it: its owner and admins see it"
    " and can stop it."
)
class Job(Node):
    """A row of `jobs`, as `db.jobs` reads it."""

    id: strawberry.ID = node_id(NodeKind.JOB)
    uuid: UUID = column("The id for clients outside GraphQL.")
    kind: JobKind | None = strawberry.field(
        resolver=_kind,
        description="What it does; null when only a newer release of this server knows.",
    )
    status: JobStatus = column("How it stands. One that has ended stays as it is.")
    progress: float = column("How much is done, 0 to 1; it never goes back.")
    done: BigInt = column("How many of `total` are done.")
    total: BigInt | None = column("How many records or bytes there are; null until that is known.")
    attempts: int = column("How often a worker has begun.")
    max_attempts: int = column("How often one may begin before the job has failed.")
    priority: int = column("Of those that wait, the highest goes first.")
    error: JobError | None = strawberry.field(
        resolver=_error,
        description="Why it failed; of one that has not ended, why the last attempt did.",
    )
    created_at: datetime = column("When it was made.")
    started_at: datetime | None = column("When a worker first began.")
    finished_at: datetime | None = column("When it ended.")
    can_cancel: bool = strawberry.field(
        resolver=_can_cancel, description="Whether `cancelJob` would still stop it."
    )
    owner: User | None = loaded(
        "user_by_id",
        "owner_id",
        "Who asked for it; null when it is the server's own, or that user is gone.",
    )

    @classmethod
    def is_type_of(cls, row: object, _info: object) -> bool:
        """Whether a row is a job of this type."""
        return isinstance(row, JobRow) and _TYPES.get(row.kind, OtherJob) is cls


def _counts(root: strawberry.Parent[Any]) -> BulkCounts:
    return BulkCounts.named(root.counters)


@rows_of("jobs")
@strawberry.type(description="Many records that are changed in the background.")
class BulkJob(Job):
    """A row of `jobs` whose counters count records."""

    counts: BulkCounts = strawberry.field(
        resolver=_counts, description="How many records came to which end so far."
    )


@rows_of("jobs")
@strawberry.type(description="A job of which there is no more to tell than of any.")
class OtherJob(Job):
    """A row of `jobs` of a kind that has no type."""


_TYPES: Final[Mapping[str, type[Job]]] = {
    JobKind("TAG_CONTACTS"): BulkJob,
    JobKind("DELETE_CONTACTS"): BulkJob,
    JobKind("DELETE_COMPANIES"): BulkJob,
}

JOB_TYPES: Final = (BulkJob, OtherJob)
"""The types behind `Job`; the schema must be told, since no field names them all."""
