"""What files may be, and what they are: by their first bytes, their name, and what is said of them.

Whoever sends a file may call it anything. What it is to be is checked before it is stored as far as
its beginning shows; whoever reads it checks the rest.
"""

from collections.abc import AsyncIterator, Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from pathlib import PurePath
from typing import Final, Protocol, TypedDict

from domain.uploads import UploadKind

HEAD_BYTES: Final = 4096
"""Of a file, which show what it is."""

CSV: Final = "text/csv"


@dataclass(frozen=True, kw_only=True)
class FileKind:
    """What a file may be.

    Attributes:
        media_types: What its content is, one of them.
        declared: What it may be said to be as well; programs take CSV for many things.
        extensions: Of its name, which needs none.
    """

    media_types: frozenset[str]
    declared: frozenset[str] = frozenset()
    extensions: frozenset[str]


_ANYTHING: Final = frozenset({"", "application/octet-stream"})
_TABLE: Final = FileKind(
    media_types=frozenset({CSV}),
    declared=frozenset(
        {
            "text/plain",
            "text/tab-separated-values",
            "text/comma-separated-values",
            "text/x-csv",
            "application/csv",
            "application/x-csv",
            "application/vnd.ms-excel",
        }
    ),
    extensions=frozenset({".csv", ".tsv", ".tab", ".txt"}),
)
_PICTURE: Final = FileKind(
    media_types=frozenset({"image/jpeg", "image/png", "image/webp"}),
    declared=frozenset({"image/jpg", "image/pjpeg", "image/x-png"}),
    extensions=frozenset({".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".webp"}),
)

KINDS: Final[Mapping[UploadKind, FileKind]] = {
    UploadKind.CONTACTS: _TABLE,
    UploadKind.COMPANIES: _TABLE,
    UploadKind.AVATAR: _PICTURE,
}

_KNOWN: Final = (_TABLE, _PICTURE)
_WIDE: Final = (b"\xff\xfe", b"\xfe\xff", b"\0\0\xfe\xff")
_BOM: Final = b"\xef\xbb\xbf"
_PLAIN_CONTROLS: Final = frozenset(b"\t\n\v\f\r\x1a\x1b\x00")
_MOST_CONTROLS: Final = 0.02
_MOST_NULS: Final = 0.1

_BEGINNINGS: Final = (
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF8", "image/gif"),
    (b"%PDF-", "application/pdf"),
    (b"PK\x03\x04", "application/zip"),
    (b"PK\x05\x06", "application/zip"),
    (b"\x1f\x8b", "application/gzip"),
    (b"BZh", "application/x-bzip2"),
    (b"\xfd7zXZ\x00", "application/x-xz"),
    (b"(\xb5/\xfd", "application/zstd"),
    (b"7z\xbc\xaf\x27\x1c", "application/x-7z-compressed"),
    (b"Rar!\x1a\x07", "application/vnd.rar"),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "application/vnd.ms-excel"),
    (b"\x7fELF", "application/x-executable"),
    (b"\xcf\xfa\xed\xfe", "application/x-executable"),
    (b"\xca\xfe\xba\xbe", "application/x-executable"),
    (b"SQLite format 3\x00", "application/vnd.sqlite3"),
    (b"PAR1", "application/vnd.apache.parquet"),
)
_MARKUP: Final = (
    (b"<!doctype html", "text/html"),
    (b"<html", "text/html"),
    (b"<svg", "image/svg+xml"),
    (b"<?xml", "application/xml"),
    (b"<!doctype", "application/xml"),
)
_CALLED: Final[Mapping[str, str]] = {
    "application/zip": "an archive, or a workbook of Excel: save it as CSV",
    "application/vnd.ms-excel": "a workbook of Excel: save it as CSV",
    "application/gzip": "compressed: unpack it",
    "application/x-executable": "a program",
    "text/html": "a web page",
    "image/svg+xml": "SVG: take JPEG, PNG or WebP",
}


def sniffed_type(head: bytes) -> str | None:
    """The media type of a file by its first bytes; `text/csv` for any text; None for anything else.

    Whether a text is a table is for its reader to say.
    """
    if head[:2] == b"MZ" and b"\x00" in head:
        return "application/x-executable"
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "image/webp"
    for beginning, media_type in _BEGINNINGS:
        if head.startswith(beginning):
            return media_type
    start = head.removeprefix(_BOM).lstrip()[:64].lower()
    for beginning, media_type in _MARKUP:
        if start.startswith(beginning):
            return media_type
    return CSV if _is_text(head) else None


def problems_of_file(
    head: bytes, *, filename: str, media_type: str, allowed: Collection[str]
) -> list[str]:
    """Why a file is none of the kinds that may be sent; empty when it is.

    Args:
        head: Its first bytes, all of them when there are fewer than HEAD_BYTES.
        filename: May be empty.
        media_type: What it is said to be; may be empty.
        allowed: Media types that its content may have.
    """
    if not head:
        return ["The file is empty."]
    found, wanted = sniffed_type(head), _words(allowed)
    told = []
    if found not in allowed:
        called = _CALLED.get(found or "", found or "of no kind that is known here")
        told.append(f"The file is {called}. It has to be {wanted}.")
    kinds = [kind for kind in _KNOWN if not kind.media_types.isdisjoint(allowed)]
    extensions = {each for kind in kinds for each in kind.extensions}
    extension = PurePath(filename).suffix.lower()
    if extension and extension not in extensions:
        told.append(f"A name that ends in {extension[:20]!r} is not one of {_words(extensions)}.")
    declared = {each for kind in kinds for each in kind.declared} | _ANYTHING
    if media_type.lower() not in declared | set(allowed):
        told.append(f"The file is said to be {media_type[:60]!r}. It has to be {wanted}.")
    return told


async def with_checked_head(
    chunks: AsyncIterator[bytes], check: Callable[[bytes], None]
) -> AsyncIterator[bytes]:
    """The same chunks; none of them before the first bytes of the file are found to be right.

    Args:
        check: Is given HEAD_BYTES, or all there are; it raises to refuse them.
    """
    head, is_checked = b"", False
    async for chunk in chunks:
        if is_checked:
            yield chunk
            continue
        head += chunk
        if len(head) >= HEAD_BYTES:
            check(head[:HEAD_BYTES])
            is_checked = True
            yield head
    if not is_checked:
        check(head)
        yield head


class SentFile(Protocol):
    """A file that is sent, as frameworks have it."""

    @property
    def filename(self) -> str | None:
        """What the client calls it."""

    @property
    def content_type(self) -> str | None:
        """What the client takes it for."""

    @property
    def size(self) -> int | None:
        """In bytes; None while nobody knows."""

    async def read(self, size: int = -1, /) -> bytes:
        """The next bytes."""

    async def seek(self, offset: int, /) -> None:
        """Have the next bytes be those from here on."""


class Validation(TypedDict):
    """Whether a file may be taken, and why not."""

    valid: bool
    errors: list[str]


async def validate_file_upload(
    file: SentFile, allowed_types: Iterable[str], max_size: int
) -> Validation:
    """Whether a file is what may be sent: by its content, its name, what is said of it, its size.

    It is read from its beginning, and left there.

    Args:
        allowed_types: Media types, such as `text/csv` or `image/png`.
        max_size: In bytes.
    """
    await file.seek(0)
    head = await file.read(HEAD_BYTES)
    await file.seek(0)
    errors = problems_of_file(
        head,
        filename=file.filename or "",
        media_type=(file.content_type or "").partition(";")[0].strip(),
        allowed=frozenset(allowed_types),
    )
    if file.size is not None and file.size > max_size:
        errors.append(f"The file has {file.size} bytes; it may have {max_size}.")
    return {"valid": not errors, "errors": errors}


def _is_text(head: bytes) -> bool:
    """Whether bytes may be a text of any encoding; a NUL here and there is a mistake in a text."""
    if head.startswith(_WIDE):
        return True
    nuls = head.count(0)
    if nuls > len(head) * _MOST_NULS:
        # UTF-16 without its mark has one in every other place.
        return nuls <= len(head) // 2 + 1 and not (head[::2].count(0) and head[1::2].count(0))
    controls = sum(byte < 0x20 and byte not in _PLAIN_CONTROLS for byte in head)
    return controls <= len(head) * _MOST_CONTROLS


def _words(names: Iterable[str]) -> str:
    return ", ".join(sorted(names))
