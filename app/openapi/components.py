"""What all operations share: headers, ways to say who asks, and errors as problem documents."""

from collections.abc import Mapping
from typing import Final

from app.errors import PROBLEM
from app.openapi.operations import (
    BEARER,
    OPERATORS,
    SIGNED_ADDRESS,
    answer,
    problem_name,
    status_of,
)
from app.openapi.vocabulary import Json
from domain.errors import ErrorCode
from streaming import tus
from streaming.checksums import ALGORITHMS

_TEXT: Final[Json] = {"type": "string"}
_COUNT: Final[Json] = {"type": "integer", "minimum": 0}
_REQUEST_ID: Final[Json] = {"type": "string", "pattern": "^[A-Za-z0-9._-]{1,64}$"}
_TAG: Final[Json] = {"type": "string", "pattern": '^(W/)?"[^"]*"$'}
_HTTP_DATE: Final[Json] = {"type": "string", "examples": ["Sat, 31 Jan 2026 09:30:00 GMT"]}
_METADATA: Final[Json] = {"type": "string", "maxLength": 4096}

_HEADERS: Final[Mapping[str, tuple[str, Json]]] = {
    "X-Request-ID": ("The id of the request, as logs and problems have it.", _REQUEST_ID),
    "ETag": ("Which file or answer this is.", _TAG),
    "Location": ("The path of what was made.", {"type": "string", "format": "uri-reference"}),
    "Allow": ("The methods that the path takes.", _TEXT),
    "Retry-After": ("After how many seconds another try may help.", _COUNT),
    "WWW-Authenticate": ("What has to be sent: a bearer token.", {"const": "Bearer"}),
    "Cache-Control": ("Who may keep the answer.", _TEXT),
    "Content-Disposition": ("What the file is to be called.", _TEXT),
    "Content-Range": ("Which bytes these are of how many.", _TEXT),
    "Accept-Ranges": ("That single ranges of bytes can be had.", {"const": "bytes"}),
    "Link": ("Where the manifest of the file is.", _TEXT),
    "X-Total-Count": ("How many rows the file has, once that is known.", _COUNT),
    "X-Result-Truncated": (
        "Whether more rows match than the file has, once that is known.",
        {"enum": ["true", "false"]},
    ),
    "Digest": ("The SHA-256 of the whole file, once it is known (RFC 3230).", _TEXT),
    "Repr-Digest": ("The same by RFC 9530.", _TEXT),
    "Tus-Resumable": ("The version of tus that is spoken.", {"const": tus.VERSION}),
    "Tus-Version": ("The versions of tus that are known.", {"const": tus.VERSION}),
    "Tus-Extension": ("Those that are there.", {"const": ",".join(tus.EXTENSIONS)}),
    "Tus-Max-Size": ("How many bytes the largest file may have.", _COUNT),
    "Tus-Checksum-Algorithm": (
        "What checksums of pieces can be made by.",
        {"const": ",".join(ALGORITHMS)},
    ),
    "Upload-Offset": ("How many bytes of the file are stored.", _COUNT),
    "Upload-Length": ("How many bytes the file has in the end.", _COUNT),
    "Upload-Metadata": ("What its client has said of the file.", _METADATA),
    "Upload-Expires": ("How long the file waits for its next bytes.", _HTTP_DATE),
}

_ASKED: Final[Mapping[str, tuple[str, Json]]] = {
    "X-Request-ID": ("An id for the request; without one the server makes it.", _REQUEST_ID),
    "Range": (
        "Some bytes of the file: one range.",
        {"type": "string", "examples": ["bytes=1000-", "bytes=-500"]},
    ),
    "If-Range": ("Send the range only of the file with this tag, else the whole one.", _TAG),
    "If-Match": ("Send the file with this tag or nothing.", _TEXT),
    "If-None-Match": ("Answer 304 when it has this tag still.", _TEXT),
    "Tus-Resumable": ("The version of tus that the client speaks.", {"const": tus.VERSION}),
    "X-HTTP-Method-Override": (
        "What a client means that may not send PATCH or DELETE.",
        {"enum": ["HEAD", "PATCH", "DELETE"]},
    ),
    "Upload-Length": ("How many bytes the file has.", _COUNT | {"minimum": 1}),
    "Upload-Offset": ("Which byte of the file is the first of the body.", _COUNT),
    "Upload-Metadata": (
        "`filename`, `kind` (contacts, companies or avatar) and `filetype`, each with a space and "
        "its value in base64, with commas between them.",
        _METADATA | {"examples": ["filename cGVvcGxlLmNzdg==,kind Y29udGFjdHM="]},
    ),
    "Upload-Checksum": (
        "How the bytes of the body were digested, and to what, in base64.",
        {"type": "string", "pattern": f"^({'|'.join(ALGORITHMS)}) [A-Za-z0-9+/]+=*$"},
    ),
}

_HEADERS_OF_STATUS: Final[Mapping[int, tuple[str, ...]]] = {
    401: ("WWW-Authenticate",),
    405: ("Allow",),
    409: ("Upload-Offset",),
    416: ("Content-Range",),
    429: ("Retry-After",),
    503: ("Retry-After",),
}

_SECURITY: Final[Json] = {
    BEARER: {
        "type": "http",
        "scheme": "bearer",
        "description": "An access token, as the mutation `login` gives it, or an API token.",
    },
    SIGNED_ADDRESS: {
        "type": "apiKey",
        "in": "query",
        "name": "token",
        "description": "What an address has that GraphQL gives: it is good for that address alone, "
        "for reading, and for a while.",
    },
    OPERATORS: {
        "type": "http",
        "scheme": "bearer",
        "description": "What the setting OPS_TOKEN has. In development, while it has nothing, "
        "operators on the same machine need none.",
    },
}

_PROBLEM: Final[Json] = {
    "type": "object",
    "description": "Why a request failed (RFC 9457). A program branches on `code`. "
    "Further fields are facts of that code, such as `allowed` or `path`.",
    "properties": {
        "type": {"const": "about:blank"},
        "title": {"type": "string", "description": "The code in words."},
        "status": {"type": "integer", "enum": sorted({status_of(code) for code in ErrorCode})},
        "detail": {"type": "string", "description": "What is wrong, and what to do about it."},
        "code": {"type": "string", "enum": list(ErrorCode)},
        "requestId": _REQUEST_ID,
        "retryAfter": {"type": "number", "description": "Seconds, as `Retry-After` has them."},
        "retryable": {
            "type": "boolean",
            "description": "Whether it may be sent again.",
        },
    },
    "required": ["type", "title", "status", "detail", "code", "requestId"],
}


def components(schemas: Mapping[str, Json]) -> Json:
    """Everything that operations refer to.

    Args:
        schemas: Those that they have beside the problem.
    """
    return {
        "schemas": {"Problem": _PROBLEM, **schemas},
        "responses": problem_answers(),
        "headers": {
            name: {"description": told, "schema": schema}
            for name, (told, schema) in _HEADERS.items()
        },
        "parameters": {
            f"{name}{'Required' if required else ''}": {
                "name": name,
                "in": "header",
                "required": required,
                "description": told,
                "schema": schema,
            }
            for name, (told, schema) in _ASKED.items()
            for required in (False, True)
        },
        "securitySchemes": _SECURITY,
    }


def problem_answers() -> dict[str, Json]:
    """An answer for each status that problems have, with the codes that have it."""
    by_status: dict[int, list[ErrorCode]] = {}
    for code in ErrorCode:
        by_status.setdefault(status_of(code), []).append(code)
    return {
        problem_name(status): _problem(status, by_status[status]) for status in sorted(by_status)
    }


def _problem(status: int, codes: list[ErrorCode]) -> Json:
    schema = {
        "allOf": [{"$ref": "#/components/schemas/Problem"}],
        "properties": {"status": {"const": status}, "code": {"enum": codes}},
    }
    headers = _HEADERS_OF_STATUS.get(status, ())
    return answer(", ".join(codes), *headers, content={PROBLEM: {"schema": schema}})
