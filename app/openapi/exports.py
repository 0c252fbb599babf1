"""Exports: streams of records, of the rows of documents, and the files that they became."""

from collections.abc import Mapping
from typing import Any, Final, get_origin

from app.openapi.operations import (
    TAKES_SIGNED_ADDRESS,
    Operation,
    answer,
    in_header,
    in_path,
    in_query,
    json_content,
    json_in_query,
)
from app.openapi.vocabulary import Json, Vocabulary, field_types, without_none
from domain.errors import ErrorCode
from domain.exports import ExportEntity, ExportFormat
from domain.filters import CompanyFilter, ContactFilter
from domain.names import spelled
from domain.paging import CompanyOrder, ContactOrder
from streaming.encoders import get_content_type_for_format
from streaming.export_params import CONDITIONS, PARAMETERS

_TAG: Final = "exports"
_FILTERS: Final = {ExportEntity.CONTACTS: ContactFilter, ExportEntity.COMPANIES: CompanyFilter}
_ORDERS: Final = {ExportEntity.CONTACTS: ContactOrder, ExportEntity.COMPANIES: CompanyOrder}

_TEXT: Final[Json] = {"type": "string", "minLength": 1}
_TEXTS: Final[Json] = {"type": "array", "items": _TEXT, "minItems": 1}
_WITH_COMMAS: Final = {"style": "form", "explode": False}
_COUNT: Final[Json] = {"type": "integer", "minimum": 1, "maximum": 10**15 - 1}

_FILE_HEADERS: Final = (
    "ETag",
    "Cache-Control",
    "Content-Disposition",
    "Accept-Ranges",
    "Link",
    "X-Total-Count",
    "X-Result-Truncated",
    "Digest",
    "Repr-Digest",
)
_RANGES: Final = in_header("Range", "If-Range", "If-Match", "If-None-Match")
_MATCH: Final = in_header("If-Match")
_OF_FILES: Final = (
    ErrorCode.FEATURE_DISABLED,
    ErrorCode.PRECONDITION_FAILED,
    ErrorCode.RANGE_NOT_SATISFIABLE,
)
_OF_STREAMS: Final = (
    ErrorCode.FEATURE_DISABLED,
    ErrorCode.PRECONDITION_FAILED,
    ErrorCode.BAD_USER_INPUT,
    ErrorCode.CURSOR_INVALID,
    ErrorCode.RATE_LIMITED,
    ErrorCode.TIMEOUT,
    ErrorCode.INSUFFICIENT_STORAGE,
)
_OF_BODIES: Final = (
    ErrorCode.REQUEST_TIMEOUT,
    ErrorCode.PAYLOAD_TOO_LARGE,
    ErrorCode.UNSUPPORTED_MEDIA_TYPE,
)
_OF_DOCUMENTS: Final = (
    ErrorCode.GRAPHQL_VALIDATION_FAILED,
    ErrorCode.QUERY_TOO_COMPLEX,
    ErrorCode.DOCUMENT_NOT_TRUSTED,
)

_CONTENTS: Final[Mapping[ExportFormat, Json]] = {
    ExportFormat.JSONL: {"type": "string", "description": "A JSON object a line."},
    ExportFormat.CSV: {"type": "string", "description": "A header, then a line a row."},
    ExportFormat.JSON: {"type": "array", "items": {"type": "object"}},
}
_FILE: Final = {
    get_content_type_for_format(each).partition(";")[0]: {"schema": _CONTENTS[each]}
    for each in ExportFormat
}
_LINES: Final = {"application/x-ndjson": _FILE["application/x-ndjson"]}

_MEANINGS: Final[Mapping[str, str]] = {
    "format": "How rows are written; without it what `Accept` prefers, else `jsonl`.",
    "filter": "Which records, in the words of the filters of GraphQL.",
    "order_by": "In which order: `NAME:DESC,CREATED_AT`, or JSON as in GraphQL.",
    "columns": "Which columns, in this order.",
    "max_results": "No more rows than these.",
    "after": "Only what stands behind this cursor of a list.",
    "bom": "CSV begins with the byte order mark. With `format=csv` only.",
    "raw": "CSV without the guard against formulas. With `format=csv` only.",
}

_MANIFEST: Final[Json] = {
    "type": "object",
    "description": "What proves a file whole, or how far it is.",
    "properties": {
        "rows": {"type": "integer"},
        "bytes": {"type": "integer"},
        "sha256": {"type": ["string", "null"], "description": "Null until the file is complete."},
        "truncated": {"type": ["boolean", "null"]},
        "snapshotAt": {
            "type": ["string", "null"],
            "format": "date-time",
            "description": "Which state of the records it shows; null when read page by page.",
        },
        "filter": {"description": "The filter that was asked for."},
        "format": {"type": "string", "enum": list(ExportFormat)},
        "complete": {"type": "boolean"},
        "notices": {"type": "array", "items": {"type": "object"}},
    },
    "required": ["rows", "bytes", "sha256", "truncated", "format", "complete"],
}

_DOCUMENT: Final[Json] = {
    "type": "object",
    "description": "A request of GraphQL over HTTP.",
    "properties": {
        "query": {"type": "string", "description": "A query with one list, the one to stream."},
        "documentId": {"type": "string", "description": "A stored document, instead of `query`."},
        "operationName": {"type": ["string", "null"]},
        "variables": {"type": ["object", "null"]},
        "extensions": {"type": ["object", "null"]},
    },
}


def export_paths(vocabulary: Vocabulary) -> dict[str, dict[str, Operation]]:
    """The paths of exports."""
    export_id = in_path(
        "export_id", "As the header `Link` or GraphQL has it.", {"type": "string", "format": "uuid"}
    )
    return {
        **{
            f"/api/v1/{entity.lower()}/stream/": _stream(entity, vocabulary)
            for entity in ExportEntity
        },
        "/api/v1/stream/": {"post": _document_stream()},
        "/api/v1/exports/{export_id}": {"get": _download(export_id)},
        "/api/v1/exports/{export_id}/manifest": {"get": _manifest(export_id)},
    }


def _stream(entity: ExportEntity, vocabulary: Vocabulary) -> dict[str, Operation]:
    kind = entity.lower()
    values = _values(entity, vocabulary)
    by_get = Operation(
        id=f"stream{kind.capitalize()}",
        tag=_TAG,
        summary=f"All {kind} that match, read now.",
        description="Each parameter may be written as in GraphQL too: `maxResults`.",
        parameters=[*(_parameter(name, each) for name, each in values.items()), *_RANGES],
        answers=_file_answers(_FILE),
        errors=(*_OF_STREAMS, ErrorCode.RANGE_NOT_SATISFIABLE),
        security=TAKES_SIGNED_ADDRESS,
    )
    by_post = Operation(
        id=f"stream{kind.capitalize()}ByBody",
        tag=_TAG,
        summary=f"The same {kind}, asked for by a body: for filters that no address holds.",
        parameters=_MATCH,
        body={"required": True, "content": json_content(_body(values))},
        answers=_whole_file(_FILE),
        errors=(*_OF_STREAMS, *_OF_BODIES),
    )
    return {"get": by_get, "post": by_post}


def _document_stream() -> Operation:
    return Operation(
        id="streamDocument",
        tag=_TAG,
        summary="The rows of the list of a GraphQL document, a line each, to the end.",
        parameters=_MATCH,
        body={"required": True, "content": json_content(_DOCUMENT)},
        answers=_whole_file(_LINES),
        errors=(*_OF_STREAMS, *_OF_BODIES, *_OF_DOCUMENTS, ErrorCode.NOT_FOUND),
    )


def _download(export_id: Json) -> Operation:
    return Operation(
        id="downloadExport",
        tag=_TAG,
        summary="A file that was exported before, until it expires.",
        parameters=[export_id, *_RANGES],
        answers=_file_answers(_FILE),
        errors=(*_OF_FILES, ErrorCode.NOT_FOUND),
        security=TAKES_SIGNED_ADDRESS,
    )


def _manifest(export_id: Json) -> Operation:
    return Operation(
        id="exportManifest",
        tag=_TAG,
        summary="What proves such a file whole.",
        parameters=[export_id],
        answers={200: answer("The manifest.", "Cache-Control", content=json_content(_MANIFEST))},
        errors=(ErrorCode.FEATURE_DISABLED, ErrorCode.NOT_FOUND),
        security=TAKES_SIGNED_ADDRESS,
    )


def _whole_file(content: Json) -> dict[int, Json]:
    return {200: answer("The file.", *_FILE_HEADERS, content=content)}


def _file_answers(content: Json) -> dict[int, Json]:
    return _whole_file(content) | {
        206: answer("A range of it.", *_FILE_HEADERS, "Content-Range", content=content),
        304: answer("The client has it already.", "ETag", "Cache-Control"),
    }


def _values(entity: ExportEntity, vocabulary: Vocabulary) -> dict[str, Json]:
    """What each parameter takes, with its meaning: those of every export, then the conditions."""
    order = vocabulary.schema_of(_ORDERS[entity])
    general: dict[str, Json] = {
        "format": {"enum": [each.lower() for each in ExportFormat]},
        "filter": vocabulary.schema_of(_FILTERS[entity]),
        "order_by": {"anyOf": [_TEXT, {"type": "array", "items": order}]},
        "columns": _TEXTS,
        "max_results": _COUNT,
        "after": _TEXT,
        "bom": {"type": "boolean"},
        "raw": {"type": "boolean"},
    }
    return {name: general[name] | {"description": _MEANINGS[name]} for name in PARAMETERS} | {
        name: _condition(_FILTERS[entity], place, vocabulary)
        for name, place in CONDITIONS[entity].items()
    }


def _condition(kind: Any, place: str, vocabulary: Vocabulary) -> Json:
    """What a simple parameter takes: what stands at its place of the filter."""
    head, _, rest = place.partition(".")
    inner = without_none(field_types(kind)[head])
    told = {"description": f"As `{place}` in a filter."}
    if rest:
        return _condition(inner, rest, vocabulary) | told
    schema = _TEXT if inner is str else vocabulary.schema_of(inner)
    return schema | ({"minItems": 1} if get_origin(inner) is list else {}) | told


def _parameter(name: str, value: Json) -> Json:
    """A value as a parameter of a query."""
    schema = dict(value)
    description = schema.pop("description")
    if name == "filter":
        return json_in_query(name, description, schema)
    more = _WITH_COMMAS if schema.get("type") == "array" else {}
    return in_query(name, description, _TEXT if name == "order_by" else schema, **more)


def _body(values: Mapping[str, Json]) -> Json:
    """The same values as the fields of an object, under either spelling."""
    properties = {
        spelling: each for name, each in values.items() for spelling in (name, spelled(name))
    }
    return {"type": "object", "properties": properties, "additionalProperties": False}
