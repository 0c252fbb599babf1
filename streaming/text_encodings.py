"""What kind of text a file is: its encoding, or why it is none."""

import codecs
import re
from collections.abc import Callable
from pathlib import Path
from typing import Final, NamedTuple

from domain.charsets import charset_of
from domain.errors import InvalidInput

SAMPLE_BYTES: Final = 1 << 18
_CHUNK_BYTES: Final = 1 << 20
_MOST_LINES_JUDGED: Final = 10_000

_MAGIC: Final = {
    b"PK\x03\x04": "an Excel or ZIP file; save the sheet as CSV",
    b"\xd0\xcf\x11\xe0": "an old Excel file; save the sheet as CSV",
    b"\x1f\x8b": "compressed with gzip; unpack it first",
    b"BZh": "compressed with bzip2; unpack it first",
    b"\xfd7zXZ": "compressed with xz; unpack it first",
    b"7z\xbc\xaf": "a 7z archive; unpack it first",
    b"\x28\xb5\x2f\xfd": "compressed with zstd; unpack it first",
    b"\x89PNG": "a PNG picture",
    b"\xff\xd8\xff": "a JPEG picture",
    b"GIF8": "a GIF picture",
    b"RIFF": "a picture or a recording",
    b"%PDF": "a PDF document",
    b"{\\rtf": "a document of a word processor; save the table as CSV",
    b"PAR1": "a Parquet file; write it as CSV",
    b"MZ\x90\x00": "a program",
    b"\x7fELF": "a program",
}
_MARKUP: Final = re.compile(rb"(?:\xef\xbb\xbf)?\s*<(?:!doctype|html|\?xml)", re.IGNORECASE)

# The UTF-32 mark begins with the one of UTF-16, so it must be asked for first.
_BYTE_ORDER_MARKS: Final = {
    codecs.BOM_UTF32_LE: "utf-32-le",
    codecs.BOM_UTF32_BE: "utf-32-be",
    codecs.BOM_UTF8: "utf-8",
    codecs.BOM_UTF16_LE: "utf-16-le",
    codecs.BOM_UTF16_BE: "utf-16-be",
}
_WIDE: Final = ("utf-16", "utf-32")
# Bytes that these cannot read become lone surrogates, which no readable text holds. Other codecs
# cannot do that; there U+FFFD marks the place.
_ESCAPING: Final = frozenset({"utf-8", "cp1252"})
_SURROGATE: Final = re.compile("[\ud800-\udfff]")
_UNREADABLE: Final = re.compile("[\ud800-\udfff\ufffd]")
_ASCII: Final = bytes(range(128))


class InvalidFile(InvalidInput):
    """The file as a whole cannot be read as CSV."""


class TextEncoding(NamedTuple):
    """How a file writes its characters.

    Attributes:
        name: As people call it; with the same file it leads to the same encoding again.
        codec: The Python name of what reads it behind the mark.
        mark: The bytes of the byte order mark.
    """

    name: str
    codec: str
    mark: int = 0

    @property
    def is_wide(self) -> bool:
        """Whether line breaks are more than one byte."""
        return self.codec.startswith(_WIDE)

    @property
    def errors(self) -> str:
        """What the codec does with bytes that it cannot read."""
        return "surrogateescape" if self.codec in _ESCAPING else "replace"

    def is_broken(self, text: str) -> bool:
        """Whether the text holds what stands for bytes that could not be read."""
        broken = _SURROGATE if self.codec in _ESCAPING else _UNREADABLE
        return not text.isascii() and bool(broken.search(text))


def unchecked() -> None:
    """Nobody wants to end the reading."""


def encoding_of(
    path: Path, name: str | None = None, *, check: Callable[[], None] = unchecked
) -> TextEncoding:
    """The encoding of a file; it is read as a whole where nothing else tells.

    Args:
        name: The Python name of the encoding; None finds it: the byte order mark, else UTF-8, else
            Windows-1252. A file of UTF-8 with a few broken rows stays UTF-8.
        check: Called now and then; it may raise to end the reading.

    Raises:
        InvalidFile: The file is empty or no text, or there is no such encoding.
    """
    with path.open("rb") as file:
        start = file.read(SAMPLE_BYTES)
    _require_text(start)
    marked = _marked(start)
    if name is None:
        return marked or _unmarked(path, start, check)
    return _named(name, marked)


def storable(text: str) -> str:
    """The text as PostgreSQL can store it."""
    if text.isascii() and "\0" not in text:
        return text
    return _SURROGATE.sub("\ufffd", text.replace("\0", "\ufffd"))


def _require_text(start: bytes) -> None:
    if not start.strip(b"\0 \t\r\n"):
        raise InvalidFile("The file is empty.")
    for magic, kind in _MAGIC.items():
        if start.startswith(magic):
            raise InvalidFile(f"The file is no CSV: it is {kind}.")
    if _MARKUP.match(start):
        raise InvalidFile("The file is no CSV: it is a web page or XML.")


def _marked(start: bytes) -> TextEncoding | None:
    for mark, codec in _BYTE_ORDER_MARKS.items():
        if start.startswith(mark):
            name = codec.removesuffix("-le").removesuffix("-be")
            return TextEncoding(name, codec, len(mark))
    return None


def _named(name: str, marked: TextEncoding | None) -> TextEncoding:
    codec = _known_codec(name)
    if marked and codec.startswith(marked.name):
        return marked
    if codec in _WIDE:
        return TextEncoding(codec, f"{codec}-le")
    # What looks like the mark of another encoding is none, but for the one that Windows adds.
    return TextEncoding(codec, codec, marked.mark if marked and marked.name == "utf-8" else 0)


def _known_codec(name: str) -> str:
    charset = charset_of(name)
    if charset is None:
        raise InvalidFile(f"The encoding {name[:50]!r} is not known; try utf-8.")
    codec = charset.removesuffix("-sig")
    if not codec.startswith(_WIDE) and not _has_ascii(codec):
        raise InvalidFile(f"Files in {codec} are not read; save it as UTF-8.")
    return codec


def _has_ascii(codec: str) -> bool:
    """Whether ASCII characters are written as they are, so that lines end as they do there."""
    try:
        return _ASCII.decode(codec, "replace") == _ASCII.decode("ascii")
    except UnicodeError:
        return False


def _unmarked(path: Path, start: bytes, check: Callable[[], None]) -> TextEncoding:
    if start.count(0) * 10 > len(start):
        raise InvalidFile(
            "The file is no text, or UTF-16 without a byte order mark; save it as UTF-8."
        )
    is_utf8 = _is_utf8(path, check) or _is_mostly_utf8(path, check)
    codec = "utf-8" if is_utf8 else "cp1252"
    return TextEncoding(codec, codec)


def _is_utf8(path: Path, check: Callable[[], None]) -> bool:
    decoder = codecs.getincrementaldecoder("utf-8")()
    with path.open("rb") as file:
        try:
            while chunk := file.read(_CHUNK_BYTES):
                check()
                decoder.decode(chunk)
            decoder.decode(b"", final=True)
        except UnicodeDecodeError:
            return False
    return True


def _is_mostly_utf8(path: Path, check: Callable[[], None]) -> bool:
    """Whether more lines beyond ASCII are UTF-8 than are not, of the first few thousand."""
    readable = broken = 0
    with path.open("rb") as file:
        while (line := file.readline(_CHUNK_BYTES)) and readable + broken < _MOST_LINES_JUDGED:
            check()
            if line.isascii():
                continue
            try:
                line.decode()
                readable += 1
            except UnicodeDecodeError:
                broken += 1
    return readable > broken
