"""Turns the bytes of a CSV file into its header and its rows, one at a time.

A row that cannot be read is an item of the stream (`RowProblem`), never an exception: one bad row
must not cost the others. Only a file that cannot be read at all raises `InvalidFile`. Everything is
bounded, so that memory does not depend on the file. The code blocks; run it in a thread.

Source: RFC 4180 for quoting; the bounds are those of the import settings.
"""

import codecs
import csv
import re
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from enum import StrEnum
from pathlib import Path
from typing import NamedTuple, TextIO

from domain.errors import InvalidInput
from domain.formulas import unguarded

MAX_ROW_CHARS = 1 << 20
MAX_FIELD_CHARS = 1 << 16
MAX_COLUMNS = 500
MAX_PREAMBLE_LINES = 5
MAX_RAW_CHARS = 500

DELIMITERS = (",", ";", "\t", "|")

_SAMPLE_LINES = 20
_SAMPLE_CHARS = 1 << 18
_CHUNK_BYTES = 1 << 20
_MAX_LABEL_CHARS = 100

_MAGIC = {
    b"PK\x03\x04": "an Excel or ZIP file; save the sheet as CSV",
    b"\xd0\xcf\x11\xe0": "an old Excel file; save the sheet as CSV",
    b"\x1f\x8b": "compressed with gzip; unpack it first",
    b"\x89PNG": "a PNG picture",
    b"%PDF": "a PDF document",
}
_MARKUP = re.compile(rb"(?:\xef\xbb\xbf)?\s*<(?:!doctype|html|\?xml)", re.IGNORECASE)

# The UTF-32 mark begins with the one of UTF-16, so it must be asked for first.
_BYTE_ORDER_MARKS = {
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
# Bytes that these cannot read become lone surrogates, which no readable text holds. Other codecs
# cannot do that; there U+FFFD marks the place.
_ESCAPING = frozenset({"utf-8", "utf-8-sig", "cp1252"})
_SURROGATE = re.compile("[\ud800-\udfff]")
_REPLACEMENT = re.compile("\ufffd")

_STRAY_QUOTE = "Text follows a closing quote; quotes that belong to a cell are written twice."
_SEP_LINE = re.compile(r"\s*\"?sep=([,;\t|])\"?[\r\n]*", re.IGNORECASE)
_EMAIL_OR_URL = re.compile(r"\S+@\S+\.\S+|https?://\S+|www\.\S+\.\S+", re.IGNORECASE)
_FIGURES = re.compile(r"[\d\s.,+()/:$€£-]*\d[\d\s.,+()/:$€£-]*")


class InvalidFile(InvalidInput):
    """The file as a whole cannot be read as CSV."""


class RowCode(StrEnum):
    """Why a row could not be read."""

    WRONG_COLUMN_COUNT = "WRONG_COLUMN_COUNT"
    UNPARSABLE_ROW = "UNPARSABLE_ROW"
    BAD_ENCODING = "BAD_ENCODING"
    ROW_TOO_LARGE = "ROW_TOO_LARGE"


class CsvRow(NamedTuple):
    """A row that was read.

    Attributes:
        line: The line of the file on which the row begins, from 1.
        values: As many as the header has, untouched.
    """

    line: int
    values: list[str]


class RowProblem(NamedTuple):
    """A row that could not be read.

    Attributes:
        line: The line of the file on which the row begins, from 1.
        raw: The beginning of its text, without characters that cannot be stored.
    """

    line: int
    code: RowCode
    message: str
    raw: str


class CsvDialect(NamedTuple):
    """How the file is written.

    Attributes:
        encoding: The Python name of the encoding.
        header: The column names with single blanks; those at the end that are empty are left out.
        header_line: The line of the file on which the header begins, from 1.
    """

    encoding: str
    delimiter: str
    header: tuple[str, ...]
    header_line: int


class CsvSource:
    """The rows of an open file, in order; they can be read once.

    Attributes:
        dialect: How the file is written.
    """

    def __init__(self, lines: "_Lines", dialect: CsvDialect) -> None:
        self.dialect = dialect
        self._lines = lines
        self._broken = _SURROGATE if dialect.encoding in _ESCAPING else _REPLACEMENT

    def __iter__(self) -> Iterator[CsvRow | RowProblem]:
        lines = self._lines
        reader = self._reader()
        while True:
            lines.begin_row()
            try:
                values = next(reader)
            except StopIteration:
                return
            except (csv.Error, _RowTooLarge) as error:
                yield self._unreadable(error)
                reader = self._reader()
                continue
            if any(map(str.strip, values)):
                yield self._judged(values)

    def _reader(self) -> Iterator[list[str]]:
        return csv.reader(self._lines, delimiter=self.dialect.delimiter, strict=True)

    def _judged(self, values: list[str]) -> CsvRow | RowProblem:
        text = self._lines.text()
        if "\0" in text:
            return self._problem(RowCode.UNPARSABLE_ROW, "The row holds a NUL character.")
        if not text.isascii() and self._broken.search(text):
            message = f"The row holds bytes that are not {self.dialect.encoding}."
            return self._problem(RowCode.BAD_ENCODING, message)
        if len(text) > MAX_FIELD_CHARS and max(map(len, values)) > MAX_FIELD_CHARS:
            message = f"A cell has more than {MAX_FIELD_CHARS} characters."
            return self._problem(RowCode.ROW_TOO_LARGE, message)
        expected = len(self.dialect.header)
        if len(values) < expected or any(map(str.strip, values[expected:])):
            message = f"The row has {len(values)} cells, the header {expected}."
            return self._problem(RowCode.WRONG_COLUMN_COUNT, message)
        return CsvRow(self._lines.row_line, values[:expected])

    def _unreadable(self, error: Exception) -> RowProblem:
        """The problem of a row that did not end; what follows its open quote is read again."""
        lines = self._lines
        at_end = "end of data" in str(error)
        opened = lines.last_open_quote(at_end=at_end)
        unclosed = f"the quote opened on line {lines.row_line + opened} is never closed."
        if isinstance(error, _RowTooLarge) or "field limit" in str(error):
            problem = self._problem(RowCode.ROW_TOO_LARGE, f"The row is too large, or {unclosed}")
        elif at_end or len(lines.taken) > 1:
            problem = self._problem(RowCode.UNPARSABLE_ROW, unclosed.capitalize())
        else:
            problem = self._problem(RowCode.UNPARSABLE_ROW, _STRAY_QUOTE)
        lines.give_back(opened + 1)
        return problem

    def _problem(self, code: RowCode, message: str) -> RowProblem:
        return RowProblem(self._lines.row_line, code, message, _storable(self._lines.text()))


@contextmanager
def open_csv(path: Path, *, encoding: str | None = None) -> Iterator[CsvSource]:
    """The header and rows of a file; it is closed at the end of the block.

    Args:
        path: A file on a local disk; it is read twice when its encoding has to be found.
        encoding: The Python name of an encoding; None finds it: the byte order mark, else UTF-8,
            else Windows-1252. A file of UTF-8 with a few broken rows stays UTF-8.

    Raises:
        InvalidFile: It is empty, has no header, is no text, or its encoding is not known.
    """
    with path.open("rb") as file:
        start = file.read(_SAMPLE_CHARS)
    _require_text(start)
    found = _known_encoding(encoding) if encoding else _encoding_of(path, start)
    errors = "surrogateescape" if found in _ESCAPING else "replace"
    with path.open(encoding=found, errors=errors, newline="") as text:
        lines = _Lines(text)
        yield CsvSource(lines, _read_dialect(lines, found))


def without_formula_guard(value: str) -> str:
    """The cell without the `'` that exports put before text a spreadsheet would calculate."""
    return unguarded(value)


class _RowTooLarge(Exception):
    """A row has more characters than MAX_ROW_CHARS."""


class _Lines:
    """The physical lines of a text; those of the row being read can be given back.

    Attributes:
        row_line: The number of the line on which the row begins.
        taken: The lines of the row so far.
    """

    def __init__(self, text: TextIO) -> None:
        self._text = text
        self._returned: deque[str] = deque()
        self.row_line = 1
        self.taken: list[str] = []
        self._taken_chars = 0

    def __iter__(self) -> "_Lines":
        return self

    def __next__(self) -> str:
        line = self._returned.popleft() if self._returned else self._read()
        if not line:
            raise StopIteration
        self.taken.append(line)
        self._taken_chars += len(line)
        if self._taken_chars > MAX_ROW_CHARS:
            raise _RowTooLarge
        return line

    def begin_row(self) -> None:
        self.row_line += len(self.taken)
        self.taken = []
        self._taken_chars = 0

    def text(self) -> str:
        return self.taken[0] if len(self.taken) == 1 else "".join(self.taken)

    def give_back(self, kept: int) -> None:
        """The row has only its first `kept` lines; the others come again."""
        self._returned.extendleft(reversed(self.taken[kept:]))
        del self.taken[kept:]

    def last_open_quote(self, *, at_end: bool) -> int:
        """The index of the taken line on which the quote that spoilt the row was opened.

        Args:
            at_end: The text ended within the quote; else it met another one on the last line.
        """
        opened, inside = 0, False
        for index, line in enumerate(self.taken if at_end else self.taken[:-1]):
            quotes = line.replace('""', "").count('"')
            inside ^= bool(quotes % 2)
            opened = index if inside and quotes else opened
        return opened

    def _read(self) -> str:
        line = self._text.readline(MAX_ROW_CHARS + 1)
        rest = line
        while len(rest) > MAX_ROW_CHARS and not rest.endswith(("\n", "\r")):
            rest = self._text.readline(MAX_ROW_CHARS + 1)
        return line


class _Header(NamedTuple):
    line: int
    end_line: int
    cells: list[str]


def _known_encoding(name: str) -> str:
    try:
        "".encode(name)  # refuses codecs such as base64 too
        return codecs.lookup(name).name
    except LookupError as error:
        raise InvalidFile(f"The encoding {name[:50]!r} is not known; try utf-8.") from error


def _require_text(start: bytes) -> None:
    if not start.strip(b"\0 \t\r\n"):
        raise InvalidFile("The file is empty.")
    for magic, kind in _MAGIC.items():
        if start.startswith(magic):
            raise InvalidFile(f"The file is no CSV: it is {kind}.")
    if _MARKUP.match(start):
        raise InvalidFile("The file is no CSV: it is a web page or XML.")


def _encoding_of(path: Path, start: bytes) -> str:
    for mark, encoding in _BYTE_ORDER_MARKS.items():
        if start.startswith(mark):
            return encoding
    if start.count(0) * 10 > len(start):
        raise InvalidFile(
            "The file is no text, or UTF-16 without a byte order mark; save it as UTF-8."
        )
    return "utf-8" if _is_utf8(path) or _is_mostly_utf8(path) else "cp1252"


def _is_utf8(path: Path) -> bool:
    decoder = codecs.getincrementaldecoder("utf-8")()
    with path.open("rb") as file:
        try:
            while chunk := file.read(_CHUNK_BYTES):
                decoder.decode(chunk)
            decoder.decode(b"", final=True)
        except UnicodeDecodeError:
            return False
    return True


def _is_mostly_utf8(path: Path) -> bool:
    """Whether more lines beyond ASCII are UTF-8 than are not."""
    readable = broken = 0
    with path.open("rb") as file:
        while line := file.readline(_CHUNK_BYTES):
            if line.isascii():
                continue
            try:
                line.decode()
                readable += 1
            except UnicodeDecodeError:
                broken += 1
    return readable > broken


def _read_dialect(lines: _Lines, encoding: str) -> CsvDialect:
    """The dialect; afterwards the lines stand behind the header."""
    sample = _read_sample(lines)
    forced = _SEP_LINE.fullmatch(sample[0]) if sample else None
    skipped = 1 if forced else 0
    delimiters = (forced[1],) if forced else DELIMITERS
    found = {sign: _find_header(sample[skipped:], sign) for sign in delimiters}
    # max() gives the first of equals, so the order of DELIMITERS decides.
    delimiter = max(delimiters, key=lambda sign: _readable_labels(found[sign].cells))
    header = found[delimiter]
    _require_header(header, skipped, encoding)
    for _ in range(skipped + header.end_line):
        next(lines)
    names = tuple(" ".join(cell.split()) for cell in _without_empty_end(header.cells))
    return CsvDialect(encoding.removesuffix("-sig"), delimiter, names, skipped + header.line)


def _read_sample(lines: _Lines) -> list[str]:
    sample: list[str] = []
    try:
        for line in lines:
            sample.append(line)
            if len(sample) == _SAMPLE_LINES or sum(map(len, sample)) > _SAMPLE_CHARS:
                break
    except _RowTooLarge as error:
        if not sample:
            raise InvalidFile(
                f"The first line has more than {MAX_ROW_CHARS} characters; is it CSV?"
            ) from error
    lines.give_back(0)
    lines.begin_row()
    return sample


def _find_header(sample: Sequence[str], delimiter: str) -> _Header:
    """The first row that is about as wide as those after it; what is above it is preamble."""
    rows = _sample_rows(sample, delimiter)
    widest = max((_filled(row.cells) for row in rows), default=0)
    for row in rows:
        if _filled(row.cells) * 2 > widest:
            return row
    return _Header(1, 1, [])


def _sample_rows(sample: Sequence[str], delimiter: str) -> list[_Header]:
    reader = csv.reader(sample, delimiter=delimiter, strict=True)
    rows: list[_Header] = []
    begin = 1
    # Under a wrong delimiter quotes seem misplaced; the last row may be cut off by the sample.
    with suppress(csv.Error):
        for cells in reader:
            if begin > MAX_PREAMBLE_LINES + 1:
                break
            rows.append(_Header(begin, reader.line_num, cells))
            begin = reader.line_num + 1
    return rows


def _filled(cells: Sequence[str]) -> int:
    return sum(1 for cell in cells if cell.strip())


def _readable_labels(cells: Sequence[str]) -> int:
    """How many different cells look like the name of a column."""
    return len({cell.strip().casefold() for cell in cells if _is_label(cell)})


def _is_label(cell: str) -> bool:
    return (
        bool(cell.strip())
        and len(cell) <= _MAX_LABEL_CHARS
        and not any(sign in cell for sign in DELIMITERS)
        and not _is_value(cell)
    )


def _is_value(cell: str) -> bool:
    # No longer than a label could be: on a cell without end the patterns would never come back.
    text = cell[: 2 * _MAX_LABEL_CHARS].strip()
    return bool(_EMAIL_OR_URL.fullmatch(text) or _FIGURES.fullmatch(text))


def _require_header(header: _Header, skipped: int, encoding: str) -> None:
    cells = _without_empty_end(header.cells)
    line = skipped + header.line
    if not cells:
        raise InvalidFile("The file has no header that can be read as CSV.")
    if len(cells) > MAX_COLUMNS:
        raise InvalidFile(f"The header has {len(cells)} columns; {MAX_COLUMNS} at most.")
    broken = _SURROGATE if encoding in _ESCAPING else _REPLACEMENT
    if any("\0" in cell or broken.search(cell) for cell in cells):
        raise InvalidFile(f"The header on line {line} is no text in {encoding}.")
    values = [cell.strip() for cell in cells if _is_value(cell)]
    if any("@" in value or "://" in value for value in values) or len(values) * 2 > len(cells):
        raise InvalidFile(
            f"The file has no header: line {line} holds values such as {values[0][:50]!r}."
            " Put the names of the columns on the first line."
        )


def _without_empty_end(cells: Sequence[str]) -> Sequence[str]:
    end = len(cells)
    while end and not cells[end - 1].strip():
        end -= 1
    return cells[:end]


def _storable(text: str) -> str:
    """The beginning of a text as PostgreSQL can store it."""
    readable = text[:MAX_RAW_CHARS].replace("\0", "\ufffd")
    return _SURROGATE.sub("\ufffd", readable).rstrip("\r\n")
