"""What operators ask: how the parts of the server do, and its numbers."""

from collections.abc import Iterable
from dataclasses import fields
from typing import Any, Final

from app.errors import PROBLEM
from app.openapi.operations import (
    FOR_OPERATORS,
    Operation,
    answer,
    binary_content,
    in_query,
    json_content,
)
from app.openapi.vocabulary import Json
from domain.errors import ErrorCode
from domain.names import spelled
from domain.pool import PoolSnapshot, PoolStatus

_TEXT: Final[Json] = {"type": "string"}
_WORDS: Final[Json] = {"type": ["string", "null"]}
_COUNT: Final[Json] = {"type": "integer", "minimum": 0}
_NUMBER: Final[Json] = {"type": "number", "minimum": 0}
_NUMBER_OR_NULL: Final[Json] = {"type": ["number", "null"], "minimum": 0}
_YES_OR_NO: Final[Json] = {"type": "boolean"}
_ANY_OBJECT: Final[Json] = {"type": "object"}
_PROBLEM: Final[Json] = {PROBLEM: {"schema": {"$ref": "#/components/schemas/Problem"}}}


def _object(properties: Json, *, optional: Iterable[str] = ()) -> Json:
    required = [name for name in properties if name not in optional]
    return {"type": "object", "properties": properties, "required": required}


def _list(item: Json) -> Json:
    return {"type": "array", "items": item}


_STATUS: Final[Json] = {"type": "string", "enum": [status.value for status in PoolStatus]}
_POOL: Final = _object(
    {
        "utilizationPercent": _NUMBER,
        **{
            spelled(field.name): _COUNT if field.type is int else _NUMBER
            for field in fields(PoolSnapshot)
        },
    }
)
_POOL_HEALTH: Final[Json] = {
    "status": _STATUS,
    "pool": _POOL,
    "advice": _object({"size": {"type": ["integer", "null"]}, "words": _TEXT}),
}
_REPLICA: Final[Json] = {
    "type": ["object", "null"],
    "properties": {"problem": _WORDS, "lagSeconds": _NUMBER_OR_NULL, **_POOL_HEALTH},
}
_PROCESS: Final[Json] = {**_POOL_HEALTH, "replica": _REPLICA}

_SCHEMAS: Final[dict[str, Json]] = {
    "PoolHealth": _object(
        {**_PROCESS, "processes": _list(_object({"process": _COUNT, **_PROCESS}))}
    ),
    "CacheHealth": _object(
        {
            "status": {"type": "string", "enum": ["healthy", "degraded"]},
            "enabled": _YES_OR_NO,
            "backend": _TEXT,
            "problem": _WORDS,
            "isUp": _YES_OR_NO,
            "downSeconds": _NUMBER,
            "isTrusted": _YES_OR_NO,
            "hits": _COUNT,
            "misses": _COUNT,
            "bypasses": _COUNT,
            "hitRatio": _NUMBER_OR_NULL,
            "advice": _WORDS,
        },
        optional=(
            "backend",
            "problem",
            "isUp",
            "downSeconds",
            "isTrusted",
            "hits",
            "misses",
            "bypasses",
            "hitRatio",
            "advice",
        ),
    ),
    "JobsHealth": _object(
        {
            "status": {"type": "string", "enum": ["healthy", "degraded"]},
            "workers": _COUNT,
            "oldestWaitingSeconds": _NUMBER_OR_NULL,
            "kinds": _list(
                _object(
                    {
                        "kind": _TEXT,
                        "queued": _COUNT,
                        "running": _COUNT,
                        "failed": _COUNT,
                        "waitingSeconds": _NUMBER_OR_NULL,
                    }
                )
            ),
            "advice": _WORDS,
        }
    ),
    "JobsUnavailable": _object({"status": {"const": "unavailable"}, "problem": _TEXT}),
    "Vitals": _object(
        {
            "now": _NUMBER,
            "health": _ANY_OBJECT,
            "jobs": {"type": ["object", "null"]},
            "processes": _list(_ANY_OBJECT),
            "together": _list(_ANY_OBJECT),
            "slowStatements": _list(_ANY_OBJECT),
        }
    ),
}
_WORDS_OF: Final = {
    "PoolHealth": "How the connections to PostgreSQL do, in each process at the address.",
    "CacheHealth": "How the cache of answers does in one process.",
    "JobsHealth": "How durable jobs do, wherever they run.",
    "JobsUnavailable": "Why nobody can tell how jobs do.",
    "Vitals": "What the page of operators shows.",
}
OPERATORS_SCHEMAS: Final[dict[str, Json]] = {
    name: {"description": _WORDS_OF[name], **schema} for name, schema in _SCHEMAS.items()
}


def operators_paths() -> dict[str, dict[str, Operation]]:
    """The paths of the operators."""
    return {
        "/health/db": {
            "get": _operation(
                "poolHealth",
                "How the connections to PostgreSQL do, in all processes at the address.",
                answers={
                    200: _told("They do well, or have little room left.", "PoolHealth"),
                    503: _told("A process has none left, or lets wait.", "PoolHealth", _PROBLEM),
                },
            )
        },
        "/health/cache": {
            "get": _operation(
                "cacheHealth",
                "How the cache of answers does in this process.",
                answers={200: _told("How it does.", "CacheHealth")},
            )
        },
        "/health/jobs": {
            "get": _operation(
                "jobsHealth",
                "How durable jobs do, wherever they run.",
                answers={
                    200: _told("How they do.", "JobsHealth"),
                    503: _told("PostgreSQL does not answer.", "JobsUnavailable", _PROBLEM),
                },
            )
        },
        "/metrics": {
            "get": _operation(
                "metrics",
                "The numbers of all processes at the address, as Prometheus reads them.",
                answers={
                    200: answer(
                        "In the text format.",
                        "Cache-Control",
                        content=binary_content("text/plain"),
                    )
                },
            )
        },
        "/ops/vitals": {
            "get": _operation(
                "vitals",
                "What the page of operators shows, second by second.",
                parameters=[
                    in_query("since", "Only what is newer, in seconds since 1970.", _NUMBER)
                ],
                answers={200: _told("The last minutes of all processes.", "Vitals")},
                errors=(ErrorCode.BAD_USER_INPUT,),
            )
        },
    }


def _operation(name: str, summary: str, **more: Any) -> Operation:
    return Operation(id=name, tag="operations", summary=summary, security=FOR_OPERATORS, **more)


def _told(description: str, schema: str, beside: Json | None = None) -> Json:
    content = json_content({"$ref": f"#/components/schemas/{schema}"})
    return answer(description, "Cache-Control", content=content | (beside or {}))
