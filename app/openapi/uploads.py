"""Uploads by tus 1.0.0."""

from typing import Final

from app.openapi.operations import (
    PUBLIC,
    Operation,
    answer,
    binary_content,
    in_header,
    in_path,
)
from app.openapi.vocabulary import Json
from domain.errors import ErrorCode
from streaming import tus

_TAG: Final = "uploads"
_ID: Final = in_path(
    "upload_id",
    "The last part of the path that the creation answers.",
    {"type": "string", "pattern": "^[0-9a-f]{32}$"},
)
_VERSION: Final = in_header("Tus-Resumable", required=True)
_PROGRESS: Final = ("Tus-Resumable", "Upload-Offset", "Upload-Expires")
_BYTES: Final[Json] = binary_content(tus.CONTENT_TYPE)

_OF_ONE: Final = (
    ErrorCode.BAD_USER_INPUT,
    ErrorCode.NOT_FOUND,
    ErrorCode.PRECONDITION_FAILED,
    ErrorCode.UPLOAD_LOCKED,
)
_OF_BYTES: Final = (
    ErrorCode.BAD_USER_INPUT,
    ErrorCode.REQUEST_TIMEOUT,
    ErrorCode.UPLOAD_OFFSET_MISMATCH,
    ErrorCode.PRECONDITION_FAILED,
    ErrorCode.PAYLOAD_TOO_LARGE,
    ErrorCode.UNSUPPORTED_MEDIA_TYPE,
    ErrorCode.INVALID_FILE,
    ErrorCode.UPLOAD_LOCKED,
    ErrorCode.CHECKSUM_MISMATCH,
    ErrorCode.INSUFFICIENT_STORAGE,
)


def upload_paths() -> dict[str, dict[str, Operation]]:
    """The paths of uploads."""
    return {
        "/api/v1/uploads/": {"post": _create(), "options": _describe("describeUploads")},
        "/api/v1/uploads/{upload_id}": {
            "head": _tell(),
            "patch": _append(),
            "delete": _remove(),
            "options": _describe("describeUpload", _ID),
        },
    }


def _describe(name: str, *parameters: Json) -> Operation:
    headers = (
        "Tus-Resumable",
        "Tus-Version",
        "Tus-Extension",
        "Tus-Max-Size",
        "Tus-Checksum-Algorithm",
    )
    return Operation(
        id=name,
        tag=_TAG,
        summary="Which version of tus is spoken, and how large a file may be.",
        parameters=parameters,
        answers={204: answer("In headers.", *headers)},
        security=PUBLIC,
    )


def _create() -> Operation:
    headers = (*_PROGRESS, "Location")
    return Operation(
        id="createUpload",
        tag=_TAG,
        summary="A new upload; its first bytes may come along.",
        parameters=[
            *_VERSION,
            *in_header("Upload-Length", "Upload-Metadata", required=True),
            *in_header("Upload-Checksum"),
        ],
        body={"required": False, "content": _BYTES},
        answers={201: answer("It waits for its bytes at `Location`.", *headers)},
        errors=(*_OF_BYTES, ErrorCode.RATE_LIMITED),
    )


def _tell() -> Operation:
    return Operation(
        id="uploadProgress",
        tag=_TAG,
        summary="How far an upload is.",
        parameters=[_ID, *_VERSION],
        answers={200: answer("In headers.", *_PROGRESS, "Upload-Length", "Upload-Metadata")},
        errors=_OF_ONE,
    )


def _append() -> Operation:
    return Operation(
        id="appendToUpload",
        tag=_TAG,
        summary="The next bytes of an upload.",
        description="Clients that may not send PATCH or DELETE send POST, and say in "
        "`X-HTTP-Method-Override` what they mean.",
        parameters=[
            _ID,
            *_VERSION,
            *in_header("Upload-Offset", required=True),
            *in_header("Upload-Checksum"),
        ],
        body={"required": True, "content": _BYTES},
        answers={204: answer("They are stored.", *_PROGRESS)},
        errors=(*_OF_BYTES, ErrorCode.NOT_FOUND),
    )


def _remove() -> Operation:
    return Operation(
        id="deleteUpload",
        tag=_TAG,
        summary="End an upload, and remove its bytes.",
        parameters=[_ID, *_VERSION],
        answers={204: answer("It is gone.", "Tus-Resumable")},
        errors=_OF_ONE,
    )
