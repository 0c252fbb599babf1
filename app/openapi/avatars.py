"""Pictures of users."""

from typing import Final

from app.openapi.operations import (
    Operation,
    answer,
    binary_content,
    in_header,
    in_path,
    json_content,
)
from app.openapi.vocabulary import Json
from domain.errors import ErrorCode
from streaming.avatar_routes import OWN_PATH
from streaming.multipart import FILE_FIELD, FORM

_TAG: Final = "avatars"
_USER: Final = in_path("user_uuid", "Whose picture.", {"type": "string", "format": "uuid"})
_FORM: Final[Json] = {
    "type": "object",
    "properties": {FILE_FIELD: {"description": "A picture: JPEG, PNG or WebP."}},
    "required": [FILE_FIELD],
    "additionalProperties": False,
}
_UPLOADED: Final[Json] = {
    "type": "object",
    "properties": {"uploadId": {"type": "string", "format": "uuid"}},
    "required": ["uploadId"],
}
_PICTURE: Final[Json] = {
    "type": "object",
    "properties": {
        "avatarUrl": {"type": "string", "format": "uri-reference"},
        "width": {"type": "integer"},
        "height": {"type": "integer"},
    },
    "required": ["avatarUrl", "width", "height"],
}


def avatar_paths() -> dict[str, dict[str, Operation]]:
    """The paths of pictures."""
    return {
        f"{OWN_PATH}/": {
            "get": _picture("ownAvatar", "The picture of who asks."),
            "post": _replace(),
            "delete": Operation(
                id="deleteAvatar",
                tag=_TAG,
                summary="Take away the picture of who asks, if there is one.",
                answers={204: answer("There is none now.")},
            ),
        },
        "/api/v2/users/{user_uuid}/avatar/": {
            "get": _picture("avatar", "The picture of a user.", _USER)
        },
    }


def _picture(name: str, summary: str, *parameters: Json) -> Operation:
    headers = ("ETag", "Cache-Control")
    return Operation(
        id=name,
        tag=_TAG,
        summary=summary,
        parameters=[*parameters, *in_header("If-None-Match")],
        answers={
            200: answer("The picture.", *headers, content=binary_content("image/webp")),
            304: answer("The client has it already.", *headers),
        },
        errors=(ErrorCode.NOT_FOUND,),
    )


def _replace() -> Operation:
    return Operation(
        id="replaceAvatar",
        tag=_TAG,
        summary="Take a picture for the one of who asks: a file, or one that was uploaded.",
        body={
            "required": True,
            "content": {
                FORM: {"schema": _FORM, "encoding": {FILE_FIELD: {"contentType": "image/*"}}},
                **json_content(_UPLOADED),
            },
        },
        answers={
            201: answer(
                "It is stored.", "Location", "Cache-Control", content=json_content(_PICTURE)
            )
        },
        errors=(
            ErrorCode.BAD_USER_INPUT,
            ErrorCode.NOT_FOUND,
            ErrorCode.REQUEST_TIMEOUT,
            ErrorCode.PAYLOAD_TOO_LARGE,
            ErrorCode.UNSUPPORTED_MEDIA_TYPE,
            ErrorCode.INVALID_FILE,
            ErrorCode.INVALID_IMAGE,
            ErrorCode.UPLOAD_LOCKED,
            ErrorCode.RATE_LIMITED,
        ),
    )
