"""Durable jobs: what all of them show, and what those of a kind show beyond it."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, Final, TypeVar
from uuid import UUID

import strawberry

from db.rows import JobRow
from domain.exports import ExportEntity, ExportFormat
from domain.jobs import JobErrorCode, JobKind, JobStatus
from domain.node_ids import NodeKind
from domain.scalars import BigInt, Json, read_datetime
from domain.tasks import ExportRecords
from domain.viewer import Permission
from graph.context import Context, Info
from graph.declare import as_enum, column, loaded, node_id, rows_of
from graph.types.bulk import BulkCounts
from graph.types.parts import Node, User

T = TypeVar("T", bound="type[Job]")

as_enum(JobErrorCode)

EXPORTS_PATH: Final = "/api/v1/exports/"
LINK_SECONDS: Final = 900.0
"""How long the address of a file is good, at most."""

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


_TYPES: Final[dict[str, type["Job"]]] = {}


def shows(*kinds: JobKind) -> Callable[[T], T]:
    """Say which kinds of jobs a type shows; no other type shows them."""

    def note(type_: T) -> T:
        _TYPES.update(dict.fromkeys(kinds, type_))
        return type_

    return note


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
        return isinstance(row, JobRow) and _type(row) is cls


def _counts(root: strawberry.Parent[Any]) -> BulkCounts:
    return BulkCounts.named(root.counters)


@shows(JobKind.TAG_CONTACTS, JobKind.DELETE_CONTACTS, JobKind.DELETE_COMPANIES)
@rows_of("jobs")
@strawberry.type(description="Many records that are changed in the background.")
class BulkJob(Job):
    """A row of `jobs` whose counters count records."""

    counts: BulkCounts = strawberry.field(
        resolver=_counts, description="How many records came to which end so far."
    )


def _entity(root: strawberry.Parent[Any]) -> ExportEntity | None:
    return ExportEntity.__members__.get(root.export["entity"])


def _format(root: strawberry.Parent[Any]) -> ExportFormat | None:
    return ExportFormat.__members__.get(root.export.get("format", ExportFormat.JSONL.name))


def _proof(name: str, description: str, read: Callable[[Any], Any] = lambda value: value) -> Any:
    """A part of what the job has given; None until it is completed."""

    def resolve(root: strawberry.Parent[Any]) -> Any:
        result = _result(root)
        return None if result is None else read(result[name])

    return strawberry.field(resolver=resolve, description=description)


def _result(row: JobRow) -> Mapping[str, Any] | None:
    # What an attempt gave that could not end is not there any more.
    return row.result if row.status == JobStatus.COMPLETED else None


def _columns(root: strawberry.Parent[Any]) -> list[str]:
    columns: list[str] = root.export["columns"]
    return columns


def _filter(root: strawberry.Parent[Any]) -> Json | None:
    filter_: Json | None = root.export.get("filter")
    return filter_


def _download_url(root: strawberry.Parent[Any], info: Info) -> str | None:
    result, context = _result(root), info.context
    if result is None or context.signed_link is None or not _may_download(root, context):
        return None
    left = (read_datetime(result["expiresAt"]) - datetime.now(UTC)).total_seconds()
    path = EXPORTS_PATH + result["spool"]
    return context.signed_link(path, min(left, LINK_SECONDS)) if left > 0 else None


@shows(JobKind.EXPORT_RECORDS)
@rows_of("jobs")
@strawberry.type(description="Records that are written into a file to download.")
class ExportJob(Job):
    """A row of `jobs` with what was asked for, as `domain.export_json` wrote it, and its result."""

    entity: ExportEntity | None = strawberry.field(
        resolver=_entity, description="What the rows are; null when only a newer release knows."
    )
    format: ExportFormat | None = strawberry.field(
        resolver=_format, description="How they are written; null when only a newer release knows."
    )
    columns: list[str] = strawberry.field(
        resolver=_columns, description="Which columns, as dotted paths, in their order."
    )
    filter: Json | None = strawberry.field(
        resolver=_filter, description="Which records, as it was asked for; null for all of them."
    )
    row_count: BigInt | None = _proof("rows", "How many rows the file has; null until it is whole.")
    byte_size: BigInt | None = _proof("bytes", "How many bytes it has; null until it is whole.")
    sha256: str | None = _proof("sha256", "SHA-256 of its bytes, in hexadecimal digits.")
    truncated: bool | None = _proof(
        "truncated", "Whether more records match than the file has rows; null until it is whole."
    )
    snapshot_at: datetime | None = _proof(
        "snapshotAt", "The moment whose state of the records it shows.", read_datetime
    )
    expires_at: datetime | None = _proof(
        "expiresAt", "Until when it can be downloaded; then make another one.", read_datetime
    )
    download_url: str | None = strawberry.field(
        resolver=_download_url,
        description="Its address, relative to this server, to follow without a token within 15"
        " minutes; read it again for another. Null until it is whole, once it has expired, and for"
        " everybody but the owner, and with a token that has not the permission EXPORT.",
    )


def _may_download(row: JobRow, context: Context) -> bool:
    """Whether the viewer could ask for the file without a signed address too."""
    viewer = context.viewer
    may_export = viewer is not None and Permission.EXPORT in viewer.permissions
    return may_export and is_of_viewer(row, context)


def is_of_viewer(row: JobRow, context: Context) -> bool:
    """Whether a job is the viewer's own; an admin sees more, but downloads nobody's files."""
    return row.user_uuid is not None and row.user_uuid == context.asker


@rows_of("jobs")
@strawberry.type(description="A job of which there is no more to tell than of any.")
class OtherJob(Job):
    """A row of `jobs` of a kind that has no type."""


def _type(row: JobRow) -> type[Job]:
    """The type that can show a row."""
    if row.kind == JobKind.EXPORT_RECORDS and row.version > ExportRecords.version:
        # A newer release may have asked for it in a form that is not known here.
        return OtherJob
    return _TYPES.get(row.kind, OtherJob)


JOB_TYPES: Final = (BulkJob, ExportJob, OtherJob)
"""The types behind `Job`; the schema must be told, since no field names them all."""
