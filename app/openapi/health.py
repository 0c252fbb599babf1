"""Whether the process lives, and what this description is."""

from typing import Final

from app.openapi.operations import PUBLIC, Operation, answer, in_header, json_content
from app.openapi.vocabulary import Json

OPENAPI_PATH: Final = "/api/openapi.json"

_STATUS: Final[Json] = {
    "type": "string",
    "enum": ["ok", "degraded", "draining", "unavailable"],
}
_HEALTH: Final[Json] = {
    "type": "object",
    "properties": {
        "status": _STATUS,
        "checks": {"type": "object", "additionalProperties": {"type": "string"}},
    },
    "required": ["status"],
}


def health_paths() -> dict[str, dict[str, Operation]]:
    """The paths that say how the server is, and what it takes."""
    return {
        "/health": {"get": _ready("health")},
        "/health/ready": {"get": _ready("ready")},
        "/health/live": {
            "get": Operation(
                id="live",
                tag="health",
                summary="Whether the process lives.",
                answers={200: _told("It does.")},
                security=PUBLIC,
            )
        },
        OPENAPI_PATH: {
            "get": Operation(
                id="openapi",
                tag="description",
                summary="This description.",
                parameters=in_header("If-None-Match"),
                answers={
                    200: answer(
                        "OpenAPI 3.1.",
                        "ETag",
                        "Cache-Control",
                        content=json_content({"type": "object"}),
                    ),
                    304: answer("The client has it already.", "ETag", "Cache-Control"),
                },
                security=PUBLIC,
            )
        },
    }


def _ready(name: str) -> Operation:
    return Operation(
        id=name,
        tag="health",
        summary="Whether the process should be sent requests.",
        description="`degraded` is answered with 200: something is away that requests are answered"
        " without.",
        answers={
            200: _told("It should."),
            503: _told("It should not: PostgreSQL does not answer, or the process is to stop."),
        },
        security=PUBLIC,
    )


def _told(description: str) -> Json:
    return answer(description, "Cache-Control", content=json_content(_HEALTH))
