"""Imports: the job that reads a file, the one that takes it back, what was found in the file."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Final

import strawberry

from db.rows import ImportErrorRow
from domain.import_json import options_to_json
from domain.imports import ImportEntity, ImportErrorCode, ImportOptions, Severity
from domain.jobs import JobKind, JobStatus
from domain.node_ids import NodeKind
from domain.scalars import BigInt, Json
from graph.context import Info
from graph.declare import batched, column, node_id, rows_of
from graph.loading import load_each
from graph.types.jobs import LINK_SECONDS, Job, is_of_viewer, shows
from graph.types.parts import Node

REJECTS_PATH: Final = "/api/v1/imports/{}/rejects"

# Of less than this nobody can tell when the rest will be done.
_LEAST_PROGRESS: Final = 0.001

_IS_WHOLE: Final = frozenset({JobStatus.COMPLETED, JobStatus.COMPLETED_WITH_ERRORS})
_ENTITIES: Final = frozenset(ImportEntity)
_CODES: Final = frozenset(ImportErrorCode)


def _count(name: str, description: str) -> Any:
    """One of the counters of a job."""

    def resolve(root: strawberry.Parent[Any]) -> int:
        count: int = root.counters.get(name, 0)
        return count

    return strawberry.field(resolver=resolve, description=description)


def _entity(root: strawberry.Parent[Any]) -> ImportEntity | None:
    return ImportEntity(root.entity) if root.entity in _ENTITIES else None


def _options(root: strawberry.Parent[Any]) -> Json | None:
    try:
        return Json(options_to_json(ImportOptions.from_json(root.options)))
    except ValueError:
        return None


def _dry_run(root: strawberry.Parent[Any]) -> bool:
    return bool(root.options.get("dry_run", False))


def _total_rows(root: strawberry.Parent[Any]) -> int | None:
    return root.counters.get("rows", 0) if root.status in _IS_WHOLE else None


def _elapsed(row: Any) -> timedelta | None:
    """Until the end of the job, or to when it was last heard of."""
    if row.started_at is None:
        return None
    elapsed: timedelta = (row.finished_at or row.updated_at) - row.started_at
    return elapsed


def _rows_per_second(root: strawberry.Parent[Any]) -> float | None:
    elapsed, rows = _elapsed(root), root.counters.get("rows", 0)
    return rows / elapsed.total_seconds() if elapsed and rows else None


def _estimated_completion(root: strawberry.Parent[Any]) -> datetime | None:
    elapsed, progress = _elapsed(root), root.progress
    if root.status != JobStatus.RUNNING or not elapsed or progress < _LEAST_PROGRESS:
        return None
    estimate: datetime = root.started_at + elapsed / progress
    return estimate


def _reject_file_url(root: strawberry.Parent[Any], info: Info) -> str | None:
    context = info.context
    is_there = root.has_rejects and root.finished_at is not None
    if not is_there or context.signed_link is None or not is_of_viewer(root, context):
        return None
    return context.signed_link(REJECTS_PATH.format(root.uuid.hex), LINK_SECONDS)


async def _jobs(rows: Sequence[Any], info: Info, key: str) -> list[Any]:
    """The jobs that a column names; None for those that the viewer may not see."""
    found = await load_each(info.context.loaders.job_by_id, (row[key] for row in rows))
    return [
        job
        if job is None or isinstance(job, Exception) or info.context.shows_what_is_of(job.user_uuid)
        else None
        for job in found
    ]


async def _undo_jobs(rows: Sequence[Any], info: Info) -> list[Any]:
    return await _jobs(rows, info, "undo_job_id")


async def _imports(rows: Sequence[Any], info: Info) -> list[Any]:
    return await _jobs(rows, info, "import_id")


@shows(JobKind.IMPORT_RECORDS)
@rows_of("jobs")
@strawberry.type(
    description="Contacts or companies that are read from a file. `done` and `total` count bytes of"
    " it."
)
class ImportJob(Job):
    """A row of `jobs` with that of `imports`; all that it counts comes from there."""

    entity: ImportEntity | None = strawberry.field(
        resolver=_entity, description="What the rows are; null when only a newer release knows."
    )
    filename: str = column("What the client calls the file.")
    mapping: Json = column("Header of a column to its field, as it was asked for.")
    options: Json | None = strawberry.field(
        resolver=_options,
        description="How the file is read and written, as ImportOptionsInput has it; null when only"
        " a newer release knows.",
    )
    dry_run: bool = strawberry.field(
        resolver=_dry_run, description="Whether it only tries, and writes nothing."
    )
    vendor: str | None = column(
        "Whose export the file is, when its header tells; null before it was opened."
    )
    total_rows: int | None = strawberry.field(
        resolver=_total_rows, description="How many rows the file has; null before its end."
    )
    processed_rows: int = _count("rows", "How many rows were read so far.")
    created_count: int = _count("created", "How many rows became new records.")
    updated_count: int = _count("updated", "How many rows changed a record.")
    unchanged_count: int = _count("unchanged", "How many rows had nothing new about a record.")
    skipped_count: int = _count("skipped", "How many rows were passed over.")
    duplicate_count: int = _count(
        "duplicates", "How many of those passed over are about the record of another row."
    )
    failed_count: int = _count("failed", "How many rows were not written; `importErrors` says why.")
    warning_count: int = _count("warnings", "How many rows were taken with something to tell.")
    companies_count: int = _count(
        "companies", "How many companies were made or filled in by rows of contacts."
    )
    rows_per_second: float | None = strawberry.field(
        resolver=_rows_per_second, description="How fast it goes, or went; null before it began."
    )
    estimated_completion: datetime | None = strawberry.field(
        resolver=_estimated_completion,
        description="When it will be done if it goes on like this; null while nobody can tell, and"
        " when it does not run.",
    )
    reject_file_url: str | None = strawberry.field(
        resolver=_reject_file_url,
        description="Where the rows that have errors can be downloaded as CSV, to be corrected and"
        " imported: an address relative to this server, to follow without a token within 15"
        " minutes. Null before the end, without such rows, and for everybody but the owner.",
    )
    undone_at: datetime | None = column("When it was taken back.")
    undo_job: "ImportUndoJob | None" = batched(
        _undo_jobs, "The job that takes it back, or did.", needs=("undo_job_id",)
    )


@shows(JobKind.UNDO_IMPORT)
@rows_of("jobs")
@strawberry.type(
    description="An import that is taken back. Records that were changed after it stay as they are:"
    " `importErrors` of this job names them."
)
class ImportUndoJob(Job):
    """A row of `jobs` whose payload names the import."""

    import_: ImportJob | None = batched(
        _imports,
        "The import; null once it is forgotten, or another job takes it back.",
        needs=("import_id",),
        name="import",
    )
    removed_count: int = _count("removed", "How many records that it had made were deleted.")
    restored_count: int = _count("restored", "How many records are as they were before it.")
    skipped_count: int = _count("skipped", "How many were changed since, and so stay.")


def _code(root: strawberry.Parent[Any]) -> ImportErrorCode:
    # A newer release may have written a code that this one has no word for.
    return ImportErrorCode(root.code) if root.code in _CODES else ImportErrorCode.INTERNAL


@strawberry.type
class _Told:
    line: int = column("The line on which the row begins, from 1; 0 for the file as a whole.")
    field: str = column("The field that the value goes to; empty for the row as a whole.")
    code: ImportErrorCode = strawberry.field(
        resolver=_code, description="What a program branches on."
    )
    message: str = column("What a person reads.")
    raw: str = column("The beginning of the value as the file has it.")
    suggestion: str = column("What could be written instead, or done; empty where nobody knows.")
    severity: Severity = column("What it means for the row.")
    # The last one: from here on the name means this field.
    column: str = column("The header of the column; empty for the row as a whole.")


@strawberry.type(description="Something that was found in a file before it is imported.")
class ImportProblem(_Told):
    """A `domain.imports.ImportProblem`."""


@rows_of("import_errors")
@strawberry.type(
    name="ImportError", description="Something that a job tells about a row of a file."
)
class RowError(_Told, Node):
    """A row of `import_errors`."""

    id: strawberry.ID = node_id(NodeKind.IMPORT_ERROR)

    @classmethod
    def is_type_of(cls, row: object, _info: object) -> bool:
        """Whether a row is one of these."""
        return isinstance(row, ImportErrorRow)


@strawberry.type(description="A column of a file, and where its values would go.")
class PreviewColumn:
    """What `streaming.import_preview` has found of a column."""

    index: int = column("Its place, from 0.")
    header: str = column("Its header.")
    field: str | None = column("The field it would go to; null when it goes to none.")
    score: float = column("How sure that is, from 0 to 1.")
    reason: str = column("Why it goes there.")
    samples: list[str] = column("Some of its values, as the file has them.")


@strawberry.type(description="One of the first rows of a file.")
class PreviewRow:
    """What `streaming.import_preview` has found of a row."""

    line: int = column("The line on which it begins, from 1.")
    cells: list[str] = column("Its cells, as the file has them.")
    values: Json = column("What would be written: field to value.")


@strawberry.type(description="What an import would make of the first rows of a file.")
class ImportPreview:
    """What `streaming.import_preview` has found of a file."""

    entity: ImportEntity = column("What the rows are.")
    encoding: str = column("The encoding of the file.")
    delimiter: str = column("What stands between cells.")
    header_line: int = column("The line of the header, from 1.")
    vendor: str | None = column("Whose export the file is, when its header tells.")
    columns: list[PreviewColumn] = column("Its columns, in their order.")
    sample: list[PreviewRow] = column("Its first rows.")
    problems: list[ImportProblem] = column("What was found in the rows that were read.")
    rows_read: int = column("How many rows were read.")
    estimated_rows: BigInt | None = column("How many rows the file may have; null when unknown.")
    fields: list[str] = column("The fields that a column can go to.")


IMPORT_TYPES: Final = (ImportJob, ImportUndoJob)
"""Types behind `Job`; the schema must be told of them too."""
