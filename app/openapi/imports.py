"""Imports in one request, the jobs they become, and the rows that were not taken."""

from collections.abc import Mapping
from typing import Final

from app.openapi.operations import (
    TAKES_SIGNED_ADDRESS,
    Operation,
    answer,
    in_path,
    in_query,
    json_content,
    json_in_query,
)
from app.openapi.vocabulary import Json, Vocabulary
from domain.errors import ErrorCode
from domain.imports import ImportEntity, ImportOptions
from domain.jobs import JobKind, JobStatus
from streaming.file_kinds import CSV
from streaming.import_fields import field_names
from streaming.multipart import FILE_FIELD, FORM

_JOB_ID: Final[Json] = {"type": "string", "format": "uuid"}
_MOMENT: Final[Json] = {"type": ["string", "null"], "format": "date-time"}
_COUNT: Final[Json] = {"type": "integer"}

_TEXT: Final[Json] = {"schema": {"type": "string"}}

_OF_FILES: Final = (
    ErrorCode.BAD_USER_INPUT,
    ErrorCode.REQUEST_TIMEOUT,
    ErrorCode.PAYLOAD_TOO_LARGE,
    ErrorCode.UNSUPPORTED_MEDIA_TYPE,
    ErrorCode.INVALID_FILE,
    ErrorCode.INSUFFICIENT_STORAGE,
)

_JOB: Final[Json] = {
    "type": "object",
    "description": "How a job stands.",
    "properties": {
        "id": {"type": "string", "description": "What GraphQL names the job by."},
        "uuid": _JOB_ID,
        "kind": {"type": "string", "enum": list(JobKind)},
        "status": {"type": "string", "enum": list(JobStatus)},
        "progress": {"type": "number", "minimum": 0, "maximum": 1},
        "done": _COUNT,
        "total": {"type": ["integer", "null"], "description": "Null until it is known."},
        "counters": {"type": "object", "additionalProperties": _COUNT},
        "error": {
            "type": ["object", "null"],
            "properties": {"code": {"type": "string"}, "message": {"type": ["string", "null"]}},
        },
        "attempts": _COUNT,
        "maxAttempts": _COUNT,
        "createdAt": _MOMENT,
        "startedAt": _MOMENT,
        "finishedAt": _MOMENT,
        "import": {"$ref": "#/components/schemas/Import"},
    },
    "required": ["id", "uuid", "kind", "status", "progress", "done", "total", "counters", "error"],
}
_IMPORT: Final[Json] = {
    "type": "object",
    "description": "What a job imports, and how.",
    "properties": {
        "entity": {"type": "string", "enum": list(ImportEntity)},
        "filename": {"type": "string"},
        "mapping": {
            "type": ["object", "null"],
            "additionalProperties": {"type": ["string", "null"]},
        },
        "options": {"type": "object"},
        "vendor": {"type": ["string", "null"]},
        "undoneAt": _MOMENT,
        "rejects": {
            "type": ["string", "null"],
            "format": "uri-reference",
            "description": "Where the rows are that it could not take.",
        },
    },
    "required": ["entity", "filename", "mapping", "options", "rejects"],
}
_CREATED: Final[Json] = {
    "type": "object",
    "properties": {
        "job": {"$ref": "#/components/schemas/Job"},
        "import": {"$ref": "#/components/schemas/Import"},
    },
    "required": ["job", "import"],
}

IMPORT_SCHEMAS: Final = {"Job": _JOB, "Import": _IMPORT}
"""Schemas that these operations refer to by name."""


def import_paths(vocabulary: Vocabulary) -> dict[str, dict[str, Operation]]:
    """The paths of imports and jobs."""
    job_uuid = in_path("job_uuid", "The id of a job.", _JOB_ID)
    return {
        **{
            f"/api/v1/{entity.value}/import/": {"post": _import(entity, vocabulary)}
            for entity in ImportEntity
        },
        "/api/v1/jobs/{job_uuid}": {"get": _job(job_uuid)},
        "/api/v1/imports/{job_uuid}/rejects": {"get": _rejects(job_uuid)},
    }


def _import(entity: ImportEntity, vocabulary: Vocabulary) -> Operation:
    wanted = _wanted(entity, vocabulary)
    return Operation(
        id=f"import{entity.value.capitalize()}",
        tag="imports",
        summary=f"Import a file of {entity.value}.",
        description="By a form, or as the body itself with the rest as parameters.",
        parameters=[
            json_in_query("mapping", "As in the form.", wanted["mapping"]),
            json_in_query("options", "As in the form.", wanted["options"]),
            in_query("force", "As in the form.", wanted["force"]),
            in_query("filename", "What the file is called.", {"type": "string", "maxLength": 255}),
        ],
        body={"required": True, "content": {FORM: _form(wanted), CSV: _TEXT}},
        answers={
            200: _told_job("The same was imported before, by this job."),
            202: _told_job("A job will import it."),
        },
        errors=_OF_FILES,
    )


def _wanted(entity: ImportEntity, vocabulary: Vocabulary) -> dict[str, Json]:
    """What can be said of an import beside its file."""
    return {
        "mapping": {
            "type": "object",
            "description": "Header of a column to its field, or to null to pass the column over.",
            "additionalProperties": {"enum": [*sorted(field_names(entity)), None]},
        },
        "options": vocabulary.schema_of(ImportOptions),
        "force": {
            "type": "boolean",
            "description": "Also when the same was imported before.",
            "default": False,
        },
    }


def _form(wanted: Mapping[str, Json]) -> Json:
    json: Json = {"contentType": "application/json"}
    return {
        "schema": {
            "type": "object",
            "properties": {FILE_FIELD: {"description": "The file, with its name."}, **wanted},
            "required": [FILE_FIELD],
            "additionalProperties": False,
        },
        "encoding": {FILE_FIELD: {"contentType": CSV}, "mapping": json, "options": json},
    }


def _told_job(description: str) -> Json:
    return answer(description, "Location", "Cache-Control", content=json_content(_CREATED))


def _job(job_uuid: Json) -> Operation:
    schema: Json = {"$ref": "#/components/schemas/Job"}
    return Operation(
        id="job",
        tag="jobs",
        summary="How a job stands.",
        parameters=[job_uuid],
        answers={200: answer("The job.", "Cache-Control", content=json_content(schema))},
        errors=(ErrorCode.NOT_FOUND,),
    )


def _rejects(job_uuid: Json) -> Operation:
    headers = ("Cache-Control", "Content-Disposition")
    content: Json = {CSV: _TEXT}
    return Operation(
        id="importRejects",
        tag="imports",
        summary="The rows of a file that have errors: to be corrected, and imported again.",
        parameters=[job_uuid],
        answers={200: answer("A file as it was sent.", *headers, content=content)},
        errors=(ErrorCode.NOT_FOUND,),
        security=TAKES_SIGNED_ADDRESS,
    )
