"""What a description of an operation is made of: parameters, answers, the errors it may have."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from app.openapi.vocabulary import Json
from domain.errors import ErrorCode
from streaming.statuses import STATUS

BEARER: Final = "bearer"
SIGNED_ADDRESS: Final = "signedAddress"
OPERATORS: Final = "operators"

NEEDS_TOKEN: Final[Sequence[Json]] = ({BEARER: []},)
TAKES_SIGNED_ADDRESS: Final[Sequence[Json]] = (*NEEDS_TOKEN, {SIGNED_ADDRESS: []})
FOR_OPERATORS: Final[Sequence[Json]] = ({OPERATORS: []}, *NEEDS_TOKEN)
PUBLIC: Final[Sequence[Json]] = ()

_ANYWHERE: Final = (ErrorCode.INTERNAL_SERVER_ERROR, ErrorCode.SERVICE_UNAVAILABLE)
_OF_TOKENS: Final = (ErrorCode.UNAUTHENTICATED, ErrorCode.FORBIDDEN)
_BODILESS: Final = frozenset({"content"})


@dataclass(frozen=True, kw_only=True)
class Operation:
    """What a method of a path does.

    Attributes:
        answers: What succeeds, by its status.
        errors: What it may fail by, beyond what any route may.
        security: Who may send it: one of these is needed; none for everybody.
    """

    id: str
    tag: str
    summary: str
    description: str = ""
    parameters: Sequence[Json] = ()
    body: Json | None = None
    answers: Mapping[int, Json]
    errors: Sequence[ErrorCode] = ()
    security: Sequence[Json] = field(default=NEEDS_TOKEN)

    def to_json(self) -> Json:
        """The operation as OpenAPI has it."""
        told: Json = {
            "operationId": self.id,
            "tags": [self.tag],
            "summary": self.summary,
            "security": list(self.security),
            "parameters": [_header_of_requests("X-Request-ID"), *self.parameters],
            "responses": {str(status): each for status, each in sorted(self._responses().items())},
        }
        if self.description:
            told["description"] = self.description
        if self.body is not None:
            told["requestBody"] = self.body
        return told

    def _responses(self) -> dict[int, Json]:
        codes = (*_ANYWHERE, *(_OF_TOKENS if self.security else ()), *self.errors)
        return problems(codes) | dict(self.answers)


def head_of(operation: Json, problems_: Mapping[str, Json]) -> Json:
    """The same by HEAD: no answer has a body.

    Args:
        problems_: The answers that `operation` refers to.
    """
    answers = {
        status: _without_body(
            problems_[each["$ref"].rpartition("/")[2]] if "$ref" in each else each
        )
        for status, each in operation["responses"].items()
    }
    return operation | {
        "operationId": f"{operation['operationId']}Head",
        "summary": f"{operation['summary']} Without the body.",
        "responses": answers,
    }


def _without_body(answer_: Json) -> Json:
    return {name: value for name, value in answer_.items() if name not in _BODILESS}


def status_of(code: ErrorCode) -> int:
    """The status that a problem with this code has."""
    return STATUS.get(code, 400)


def problems(codes: Iterable[ErrorCode]) -> dict[int, Json]:
    """Answers with these codes, by their status."""
    return {
        status: {"$ref": f"#/components/responses/{problem_name(status)}"}
        for status in map(status_of, codes)
    }


def problem_name(status: int) -> str:
    """What problems with a status are called among the answers that all operations share."""
    return f"Problem{status}"


def answer(description: str, *headers: str, content: Json | None = None) -> Json:
    """An answer with these headers beside the id of its request."""
    told: Json = {"description": description, "headers": told_headers(*headers)}
    return told | ({} if content is None else {"content": content})


def told_headers(*names: str) -> Json:
    """Headers of an answer, its id among them."""
    return {name: {"$ref": f"#/components/headers/{name}"} for name in ("X-Request-ID", *names)}


def json_content(schema: Json) -> Json:
    """A body of JSON."""
    return {"application/json": {"schema": schema}}


def binary_content(*media_types: str) -> Json:
    """A body of bytes, in one of some forms."""
    return {media_type: {} for media_type in media_types}


def in_path(name: str, description: str, schema: Json) -> Json:
    """A parameter in a path."""
    return {
        "name": name,
        "in": "path",
        "required": True,
        "description": description,
        "schema": schema,
    }


def in_query(name: str, description: str, schema: Json, **more: object) -> Json:
    """A parameter of a query, that may be left out."""
    return {"name": name, "in": "query", "description": description, "schema": schema, **more}


def json_in_query(name: str, description: str, schema: Json) -> Json:
    """A parameter of a query whose value is JSON."""
    return {
        "name": name,
        "in": "query",
        "description": description,
        "content": json_content(schema),
    }


def in_header(*names: str, required: bool = False) -> list[Json]:
    """Headers of a request, as `components` has them."""
    suffix = "Required" if required else ""
    return [_header_of_requests(f"{name}{suffix}") for name in names]


def _header_of_requests(name: str) -> Json:
    return {"$ref": f"#/components/parameters/{name}"}
