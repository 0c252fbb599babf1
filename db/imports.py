"""Imports: each is a job with a row of its own, and is undone by another job."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, NamedTuple
from uuid import UUID

import orjson

from db.job_queue import enqueue
from db.problems import not_found
from db.rows import Row, UploadRow
from db.statements import sql
from db.transaction import Transaction
from domain.bulk import ErrorPolicy
from domain.errors import Problem, ProblemCode, Rejected
from domain.imports import ImportEntity, ImportOptions, ImportRequest, problems_of
from domain.jobs import JobStatus
from domain.names import spelled
from domain.tasks import ImportRecords, UndoImport

_CAME_TO_NOTHING: Final = frozenset({JobStatus.FAILED, JobStatus.CANCELLED})

# Who asks for the same at the same time waits here.
_TAKE_TURNS: Final = sql(
    "SELECT pg_advisory_xact_lock(hashtextextended(CAST(:sha256 AS text), 360001003601))"
)
_STANDING: Final = sql(
    "SELECT i.job_id, j.status FROM imports i JOIN jobs j ON j.id = i.job_id"
    " WHERE i.is_standing AND i.user_uuid IS NOT DISTINCT FROM CAST(:user_uuid AS uuid)"
    " AND i.sha256 = :sha256 AND i.request_hash = CAST(:request_hash AS bytea)"
)
_STEP_ASIDE: Final = sql(
    "UPDATE imports SET is_standing = false WHERE job_id = CAST(:job_id AS bigint)"
)
_INSERT: Final = sql(
    "INSERT INTO imports (job_id, user_uuid, upload_uuid, entity, filename, sha256, request_hash,"
    " is_standing, mapping, options) VALUES (CAST(:job_id AS bigint), CAST(:user_uuid AS uuid),"
    " CAST(:upload_uuid AS uuid), :entity, :filename, :sha256, CAST(:request_hash AS bytea),"
    " :is_standing, CAST(:mapping AS jsonb), CAST(:options AS jsonb))"
)
_PLAN: Final = sql("SELECT * FROM imports WHERE job_id = CAST(:job_id AS bigint)")
_READ: Final = sql(
    "UPDATE imports SET reading = CAST(:reading AS jsonb) WHERE job_id = CAST(:job_id AS bigint)"
)
_ADVANCE: Final = sql(
    "UPDATE imports SET position = CAST(:position AS bigint), line = CAST(:line AS integer)"
    " WHERE job_id = CAST(:job_id AS bigint)"
)
_CHECKED: Final = sql(
    "UPDATE imports SET is_checked = true, position = 0, line = 0"
    " WHERE job_id = CAST(:job_id AS bigint)"
)
_COUNTERS: Final = sql("SELECT counters FROM jobs WHERE id = CAST(:job_id AS bigint)")
_FOR_UNDO: Final = sql(
    "SELECT i.*, j.user_uuid AS owner, j.finished_at,"
    " j.finished_at < now() - make_interval(secs => CAST(:window AS float8)) AS is_over,"
    " u.finished_at IS NULL AND u.id IS NOT NULL AS is_under_way"
    " FROM imports i JOIN jobs j ON j.id = i.job_id LEFT JOIN jobs u ON u.id = i.undo_job_id"
    " WHERE i.job_id = CAST(:job_id AS bigint) FOR UPDATE OF i"
)
_SET_UNDO_JOB: Final = sql(
    "UPDATE imports SET undo_job_id = CAST(:undo_job_id AS bigint)"
    " WHERE job_id = CAST(:job_id AS bigint)"
)
_COUNT_RECORDS: Final = sql(
    "SELECT (SELECT coalesce(sum(CASE WHEN contacts_undone THEN 0 ELSE cardinality(contact_ids) END"
    " + CASE WHEN companies_undone THEN 0 ELSE cardinality(company_ids) END), 0)"
    " FROM import_batches WHERE job_id = CAST(:job_id AS bigint))"
    " + (SELECT count(*) FROM import_changes WHERE job_id = CAST(:job_id AS bigint)"
    " AND before IS NOT NULL)"
)


class CreatedImport(NamedTuple):
    """The job of an import.

    Attributes:
        is_new: False when the same was asked for before, and that is its job.
    """

    job_id: int
    is_new: bool


@dataclass(frozen=True, kw_only=True)
class ImportPlan:
    """What a worker needs to know of an import.

    Attributes:
        reading: How the file is written and where its columns go; None before it was opened.
        position: The first byte that no committed batch has read.
        line: The line that it is on, from 1; 0 at the beginning.
        is_checked: A first look at all rows has found no fault.
    """

    job_id: int
    upload_uuid: UUID
    owner: UUID | None
    entity: ImportEntity
    mapping: Mapping[str, str | None]
    options: ImportOptions
    reading: Mapping[str, Any] | None
    position: int
    line: int
    is_checked: bool


async def create_import(
    tx: Transaction,
    request: ImportRequest,
    upload: UploadRow,
    *,
    owner: UUID | None,
    is_queued: bool = True,
) -> CreatedImport:
    """The job that imports a file; the one there is when the same was asked for before.

    Args:
        is_queued: False for one that this process does itself.

    Raises:
        Rejected: The file is not complete or of another kind, or the options do not go together.
    """
    if problems := [*_of_upload(request, upload), *_of_request(request)]:
        raise Rejected(problems)
    asked = {"user_uuid": owner, "sha256": upload.sha256, "request_hash": _hash(request)}
    is_standing = not (request.force or request.options.dry_run)
    if is_standing and (standing := await _find_standing(tx, asked)) is not None:
        return CreatedImport(standing, is_new=False)
    total = _bytes_to_read(request, upload)
    job = await enqueue(tx, ImportRecords(), owner=owner, total=total, is_queued=is_queued)
    told = {**asked, **_stored(request, upload), "job_id": job.id, "is_standing": is_standing}
    await tx.fetch(_INSERT, told)
    return CreatedImport(job.id, is_new=True)


async def undo_import(
    tx: Transaction, job_id: int, *, owner: UUID, undo_seconds: float, is_admin: bool = False
) -> int:
    """The job that takes back what an import has written.

    Args:
        undo_seconds: Until when after its end that is possible.
        is_admin: What the server itself has imported may be taken back as well.

    Raises:
        Rejected: NOT_FOUND, also when it is somebody else's; NOT_ALLOWED_IN_STATE with the reason.
    """
    row = await tx.fetch_one(_FOR_UNDO, {"job_id": job_id, "window": undo_seconds})
    if row is None or not (row["owner"] == owner or (is_admin and row["owner"] is None)):
        raise Rejected([not_found("import")])
    if reason := _why_not(row):
        raise _refused(reason)
    total = await tx.fetch_value(_COUNT_RECORDS, {"job_id": job_id})
    job = await enqueue(tx, UndoImport(import_id=job_id), owner=owner, total=total)
    await tx.fetch(_SET_UNDO_JOB, {"job_id": job_id, "undo_job_id": job.id})
    await tx.fetch(_STEP_ASIDE, {"job_id": job_id})
    return job.id


async def load_plan(tx: Transaction, job_id: int) -> ImportPlan:
    """What a worker needs to know of an import.

    Raises:
        ValueError: A newer release stored it.
    """
    (row,) = await tx.fetch(_PLAN, {"job_id": job_id})
    return ImportPlan(
        job_id=job_id,
        upload_uuid=row["upload_uuid"],
        owner=row["user_uuid"],
        entity=ImportEntity(row["entity"]),
        mapping=row["mapping"],
        options=ImportOptions.from_json(row["options"]),
        reading=row["reading"],
        position=row["position"],
        line=row["line"],
        is_checked=row["is_checked"],
    )


async def keep_reading(tx: Transaction, job_id: int, reading: Mapping[str, Any]) -> None:
    """Remember how the file is read, so that every attempt reads it in the same way."""
    stored = orjson.dumps(reading).decode()
    await tx.fetch(_READ, {"job_id": job_id, "reading": stored})


async def advance_import(tx: Transaction, job_id: int, *, position: int, line: int) -> None:
    """Remember where the next batch begins."""
    await tx.fetch(_ADVANCE, {"job_id": job_id, "position": position, "line": line})


async def counters_of(tx: Transaction, job_id: int) -> Mapping[str, int]:
    """What an import has counted."""
    counters: Mapping[str, int] = await tx.fetch_value(_COUNTERS, {"job_id": job_id})
    return counters


async def mark_checked(tx: Transaction, job_id: int) -> None:
    """The first look found no fault; the second one, which writes, begins."""
    await tx.fetch(_CHECKED, {"job_id": job_id})


async def _find_standing(tx: Transaction, asked: Mapping[str, Any]) -> int | None:
    """The job of the same import; one that came to nothing steps aside."""
    await tx.fetch(_TAKE_TURNS, {"sha256": asked["sha256"]})
    row = await tx.fetch_one(_STANDING, asked)
    if row is not None and row["status"] in _CAME_TO_NOTHING:
        await tx.fetch(_STEP_ASIDE, {"job_id": row["job_id"]})
        return None
    return None if row is None else int(row["job_id"])


def _of_upload(request: ImportRequest, upload: UploadRow) -> list[Problem]:
    path = ("uploadId",)
    if upload.kind != request.entity.value:
        message = f"The file was sent as one of {upload.kind}, not of {request.entity.value}."
        return [Problem(code=ProblemCode.INVALID_VALUE, message=message, path=path)]
    if upload.sha256 is None:
        message = "The file is not complete. Send the rest of it first."
        return [Problem(code=ProblemCode.NOT_ALLOWED_IN_STATE, message=message, path=path)]
    return []


def _of_request(request: ImportRequest) -> list[Problem]:
    told: list[tuple[str, tuple[str, ...]]] = [
        (message, ("options", spelled(name)))
        for name, message in problems_of(request.options).items()
    ]
    if any("\0" in header for header in request.mapping):
        told.append(("No header of a file has the character NUL.", ("mapping",)))
    return [
        Problem(code=ProblemCode.INVALID_VALUE, message=message, path=path)
        for message, path in told
    ]


def _bytes_to_read(request: ImportRequest, upload: UploadRow) -> int:
    # All are looked at before the first row is written, where one bad row is too many.
    looks = 2 if request.options.error_policy is ErrorPolicy.REJECT_EVERYTHING else 1
    return looks * upload.total_bytes


def _stored(request: ImportRequest, upload: UploadRow) -> dict[str, object]:
    """The columns of an import that say what was asked for."""
    return {
        "upload_uuid": upload.uuid,
        "entity": request.entity.value,
        "filename": upload.filename,
        "mapping": orjson.dumps(dict(request.mapping)).decode(),
        "options": orjson.dumps(request.options.to_json()).decode(),
    }


def _hash(request: ImportRequest) -> bytes:
    asked = [request.entity.value, dict(request.mapping), request.options.to_json()]
    return hashlib.sha256(orjson.dumps(asked, option=orjson.OPT_SORT_KEYS)).digest()


def _why_not(row: Row) -> str | None:
    """Why an import cannot be undone; None when it can."""
    if row["finished_at"] is None:
        return "The import has not ended. Wait for it, or cancel it first."
    if row["options"].get("dry_run"):
        return "It was a dry run; nothing was written."
    if row["undone_at"] is not None:
        return "This import was undone already."
    if row["is_under_way"]:
        return "This import is being undone."
    return "This import is too old to be undone." if row["is_over"] else None


def _refused(message: str) -> Rejected:
    code = ProblemCode.NOT_ALLOWED_IN_STATE
    return Rejected([Problem(code=code, message=message, path=("id",))])
