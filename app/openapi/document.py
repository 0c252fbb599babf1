"""The description of all REST routes, put together once."""

from collections.abc import Mapping
from functools import lru_cache
from importlib.metadata import version
from typing import Final

import orjson

from app.openapi.avatars import avatar_paths
from app.openapi.components import components, problem_answers
from app.openapi.exports import export_paths
from app.openapi.health import health_paths
from app.openapi.imports import IMPORT_SCHEMAS, import_paths
from app.openapi.operations import Operation, head_of
from app.openapi.operators import OPERATORS_SCHEMAS, operators_paths
from app.openapi.uploads import upload_paths
from app.openapi.vocabulary import Json, Vocabulary

_DISTRIBUTION: Final = "appointment360"
_ABOUT: Final = (
    "Bytes in and out: exports, uploads, imports, pictures. Everything else is GraphQL at"
    " `/graphql`, which describes itself. Each path is answered with and without the slash at its"
    " end. Errors are problem documents (RFC 9457); a program branches on their `code`."
)
_TAGS: Final[Mapping[str, str]] = {
    "exports": "All records that match, in one file, with a proof that nothing is missing.",
    "uploads": "Files in pieces, by tus 1.0.0.",
    "imports": "Files of contacts and companies in one request.",
    "jobs": "Work that outlives a request.",
    "avatars": "Pictures of users.",
    "health": "Whether the process lives, and should be sent requests.",
    "operations": "How the parts of the server do, for operators.",
    "description": "What stands here.",
}


@lru_cache(maxsize=1)
def openapi_bytes() -> bytes:
    """The description as JSON, the same in every process of a release."""
    return orjson.dumps(openapi_document())


def openapi_document() -> Json:
    """The description of every REST route."""
    vocabulary = Vocabulary()
    described = {
        **export_paths(vocabulary),
        **upload_paths(),
        **import_paths(vocabulary),
        **avatar_paths(),
        **health_paths(),
        **operators_paths(),
    }
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Appointment360",
            "version": version(_DISTRIBUTION),
            "description": _ABOUT,
            "license": {"name": "MIT", "identifier": "MIT"},
        },
        "servers": [{"url": "/"}],
        "tags": [{"name": name, "description": told} for name, told in _TAGS.items()],
        "paths": {path: _path_item(operations) for path, operations in described.items()},
        "components": components(IMPORT_SCHEMAS | OPERATORS_SCHEMAS | vocabulary.schemas),
    }


def _path_item(operations: Mapping[str, Operation]) -> Json:
    """What a path takes; whatever can be asked for by GET can be by HEAD."""
    item = {method: operation.to_json() for method, operation in operations.items()}
    if "get" in item:
        item["head"] = head_of(item["get"], problem_answers())
    return item
