"""The tus protocol as words alone: what headers of requests say, and what answers say in theirs.

No file, row or socket is known here, so that another protocol can stand beside it.
Source: tus.io, resumable upload protocol 1.0.0.
"""

import binascii
import re
from base64 import b64decode, b64encode
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Final
from uuid import UUID, uuid4

from domain.errors import InvalidInput, PreconditionFailed, UnsupportedMediaType
from domain.uploads import NewUpload, UploadKind
from streaming.checksums import ALGORITHMS, Checksum, hasher

VERSION: Final = "1.0.0"
EXTENSIONS: Final = ("creation", "creation-with-upload", "termination", "checksum", "expiration")
CONTENT_TYPE: Final = "application/offset+octet-stream"

_NAME: Final = re.compile(r"[!-+\--~]+")
_NUMBER: Final = re.compile(r"[0-9]{1,19}")
_MAX_METADATA_BYTES: Final = 4096
_KINDS: Final = ", ".join(UploadKind)

Headers = Mapping[str, str]
"""Headers of a request, found by their names in small letters."""


def read_method(method: str, headers: Headers) -> str:
    """What is asked for: clients that may not send PATCH send another, and say what they mean."""
    return headers.get("x-http-method-override", "").strip().upper() or method


def require_version(headers: Headers) -> None:
    """Refuse clients of another version.

    Raises:
        PreconditionFailed: It is not the version that is spoken here, or none.
    """
    if headers.get("tus-resumable") != VERSION:
        raise PreconditionFailed(f"Send the header `Tus-Resumable: {VERSION}`.")


def read_creation(headers: Headers, *, owner: UUID) -> NewUpload:
    """A file that is to be created, by what is said of it.

    Raises:
        InvalidInput: Something is missing, or not written as it should be.
    """
    if "upload-defer-length" in headers:
        raise InvalidInput("Say how long the file is, by Upload-Length; it cannot be told later.")
    if "upload-concat" in headers:
        raise InvalidInput("Files cannot be made of several uploads. Leave Upload-Concat out.")
    given = headers.get("upload-metadata", "")
    if len(given) > _MAX_METADATA_BYTES:
        raise InvalidInput(f"Shorten Upload-Metadata to {_MAX_METADATA_BYTES} bytes.")
    metadata = read_metadata(given)
    return NewUpload(
        uuid=uuid4(),
        owner=owner,
        total_bytes=_number(headers, "Upload-Length"),
        filename=_told(metadata, "filename"),
        media_type=metadata.get("filetype", ""),
        kind=_kind(_told(metadata, "kind")),
        metadata=given,
    )


def read_offset(headers: Headers) -> int:
    """Which byte of the file the first one of the body is.

    Raises:
        InvalidInput: It is missing, or no number.
    """
    return _number(headers, "Upload-Offset")


def require_bytes(headers: Headers) -> None:
    """Refuse a body that is not the bytes of a file.

    Raises:
        UnsupportedMediaType: It is not sent as such.
    """
    if headers.get("content-type", "").strip().lower() != CONTENT_TYPE:
        raise UnsupportedMediaType(f"Send the bytes with `Content-Type: {CONTENT_TYPE}`.")


def has_body(headers: Headers) -> bool:
    """Whether a request brings bytes along."""
    return "transfer-encoding" in headers or headers.get("content-length", "0") != "0"


def read_checksum(headers: Headers) -> Checksum | None:
    """What the bytes of the body have to come to; None when the client does not say.

    Raises:
        InvalidInput: It is no checksum of a known kind.
    """
    given = headers.get("upload-checksum")
    if given is None:
        return None
    algorithm, _, encoded = given.strip().partition(" ")
    if algorithm not in ALGORITHMS:
        raise InvalidInput(f"Make the Upload-Checksum by one of {', '.join(ALGORITHMS)}.")
    digest = _decoded(encoded, "Upload-Checksum")
    if len(digest) != hasher(algorithm).digest_size:
        raise InvalidInput(f"The Upload-Checksum is not as long as {algorithm} makes one.")
    return Checksum(algorithm, digest)


def read_metadata(given: str) -> dict[str, str]:
    """Names to values: `name base64,name base64`; a name alone has the empty text.

    Raises:
        InvalidInput: It is not written so, or has a name twice.
    """
    told: dict[str, str] = {}
    for pair in given.split(",") if given.strip() else ():
        name, _, encoded = pair.strip().partition(" ")
        if name in told or not _NAME.fullmatch(name):
            raise InvalidInput(
                "Write Upload-Metadata as `name base64,name base64`, each name once and in ASCII."
            )
        told[name] = _text(_decoded(encoded, f"{name} of Upload-Metadata"), name)
    return told


def write_metadata(told: Mapping[str, str]) -> str:
    """The same as `read_metadata` reads it."""
    return ",".join(
        f"{name} {b64encode(value.encode()).decode()}".rstrip() for name, value in told.items()
    )


def describe(max_bytes: int) -> dict[str, str]:
    """The headers that tell what is spoken here."""
    return {
        "Tus-Version": VERSION,
        "Tus-Extension": ",".join(EXTENSIONS),
        "Tus-Max-Size": str(max_bytes),
        "Tus-Checksum-Algorithm": ",".join(ALGORITHMS),
    }


def tell_progress(offset: int, expires_at: datetime) -> dict[str, str]:
    """The headers that tell how far an upload is, and how long it waits."""
    expires = format_datetime(expires_at.astimezone(UTC), usegmt=True)
    return {"Upload-Offset": str(offset), "Upload-Expires": expires}


def tell_upload(
    *, total_bytes: int, filename: str, media_type: str, kind: str, metadata: str | None
) -> dict[str, str]:
    """The headers that tell what a client has said of its file.

    Args:
        metadata: The header by which it said so; None when it was not by this protocol.
    """
    known = {"filename": filename, "filetype": media_type, "kind": kind}
    return {
        "Upload-Length": str(total_bytes),
        "Upload-Metadata": metadata or write_metadata(known),
    }


def _number(headers: Headers, name: str) -> int:
    given = headers.get(name.lower(), "")
    if not _NUMBER.fullmatch(given):
        raise InvalidInput(f"Send the header {name} with a number of bytes.")
    return int(given)


def _told(metadata: Mapping[str, str], name: str) -> str:
    if not metadata.get(name):
        raise InvalidInput(f"Name the {name} of the file in Upload-Metadata.")
    return metadata[name]


def _kind(given: str) -> UploadKind:
    try:
        return UploadKind(given)
    except ValueError:
        raise InvalidInput(f"The kind in Upload-Metadata is one of {_KINDS}.") from None


def _decoded(encoded: str, what: str) -> bytes:
    try:
        return b64decode(encoded.strip(), validate=True)
    except (binascii.Error, ValueError):
        raise InvalidInput(f"The {what} is not written in base64.") from None


def _text(value: bytes, name: str) -> str:
    try:
        return value.decode()
    except UnicodeDecodeError:
        raise InvalidInput(f"The {name} of Upload-Metadata is not UTF-8.") from None
