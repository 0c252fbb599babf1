"""Jobs as the REST routes tell of them."""

from typing import Any, Final

from db.rows import JobRow
from domain.import_json import options_to_json
from domain.imports import ImportOptions
from domain.jobs import JobKind
from domain.node_ids import NodeKind, encode_node_id
from streaming.routing import API_ROOT

_COUNTED: Final = (
    "rows",
    "created",
    "updated",
    "unchanged",
    "skipped",
    "duplicates",
    "failed",
    "warnings",
    "companies",
)


def job_to_json(job: JobRow) -> dict[str, Any]:
    """How a job stands, as `db.jobs` reads it; of an import also what it reads, as `import`."""
    told = {
        "id": encode_node_id(NodeKind.JOB, job.id),
        "uuid": str(job.uuid),
        "kind": job.kind,
        "status": job.status,
        "progress": job.progress,
        "done": job.done,
        "total": job.total,
        "counters": job.counters,
        "error": job.error_code and {"code": job.error_code, "message": job.error},
        "attempts": job.attempts,
        "maxAttempts": job.max_attempts,
        "createdAt": job.created_at,
        "startedAt": job.started_at,
        "finishedAt": job.finished_at,
    }
    if job.kind == JobKind.IMPORT_RECORDS:
        told["counters"] = dict.fromkeys(_COUNTED, 0) | job.counters
        told["import"] = _import_to_json(job)
    return told


def _import_to_json(job: JobRow) -> dict[str, Any]:
    return {
        "entity": job["entity"],
        "filename": job["filename"],
        "mapping": job["mapping"],
        "options": _options(job["options"]),
        "vendor": job["vendor"],
        "undoneAt": job["undone_at"],
        "rejects": f"{API_ROOT}/imports/{job.uuid.hex}/rejects" if job["has_rejects"] else None,
    }


def _options(stored: dict[str, Any]) -> dict[str, Any]:
    try:
        return options_to_json(ImportOptions.from_json(stored))
    except ValueError:
        # A newer release has options that are not known here.
        return stored
