"""Turns the bytes of a CSV file into its rows, one at a time, from behind any row on.

A row that cannot be read is an item of the stream (`RowProblem`), never an exception: one bad row
must not cost the others. Only a file that cannot be read at all raises `InvalidFile`. Everything is
bounded, so that memory does not depend on the file. The code blocks; run it in a thread.

Source: RFC 4180 for quoting; the bounds are those of the import settings.
"""

import csv
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final, NamedTuple

from domain.imports import MAX_RAW_CHARS, ImportErrorCode
from streaming.dialects import CsvDialect, known_delimiter, read_dialect
from streaming.physical_lines import Lines, Position, RowTooLarge
from streaming.text_encodings import TextEncoding, encoding_of, storable, unchecked

MAX_FIELD_CHARS: Final = 1 << 16

_STRAY_QUOTE: Final = (
    "Text follows a closing quote; quotes that belong to a cell are written twice."
)

_SUGGESTIONS: Final = {
    ImportErrorCode.WRONG_COLUMN_COUNT: "Put a cell that holds {sign!r} or a line break between"
    " quotes.",
    ImportErrorCode.UNPARSABLE_ROW: "Close the quote, or write it twice where it belongs to"
    " the cell.",
    ImportErrorCode.BAD_ENCODING: "Save the file as UTF-8, or tell its encoding.",
    ImportErrorCode.ROW_TOO_LARGE: "Shorten its cells, or close the quote that was left open.",
}
_WITHOUT_NUL: Final = "Write the file anew; a text has no NUL characters."


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
        suggestion: What to do about it.
        cells: The row as far as it was read, without such characters; its text as one cell where
            there are none.
    """

    line: int
    code: ImportErrorCode
    message: str
    raw: str
    suggestion: str = ""
    cells: tuple[str, ...] = ()


class CsvSource:
    """The rows of an open file, in order; they can be read once.

    Attributes:
        dialect: How the file is written.
    """

    def __init__(self, lines: Lines, dialect: CsvDialect, encoding: TextEncoding) -> None:
        self.dialect = dialect
        self._lines = lines
        self._encoding = encoding

    @property
    def position(self) -> Position:
        """The place behind the row that was read last; another process can go on from there."""
        return self._lines.position

    def __iter__(self) -> Iterator[CsvRow | RowProblem]:
        lines = self._lines
        reader = self._reader()
        while True:
            lines.begin_row()
            try:
                values = next(reader)
            except StopIteration:
                return
            except (csv.Error, RowTooLarge) as error:
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
            message = "The row holds a NUL character."
            problem = self._problem(ImportErrorCode.UNPARSABLE_ROW, message, values)
            return problem._replace(suggestion=_WITHOUT_NUL)
        if self._encoding.is_broken(text):
            message = f"The row holds bytes that are not {self.dialect.encoding}."
            return self._problem(ImportErrorCode.BAD_ENCODING, message, values)
        if len(text) > MAX_FIELD_CHARS and max(map(len, values)) > MAX_FIELD_CHARS:
            message = f"A cell has more than {MAX_FIELD_CHARS} characters."
            return self._problem(ImportErrorCode.ROW_TOO_LARGE, message)
        expected = len(self.dialect.header)
        if len(values) < expected or any(map(str.strip, values[expected:])):
            message = f"The row has {len(values)} cells, the header {expected}."
            return self._problem(ImportErrorCode.WRONG_COLUMN_COUNT, message, values)
        return CsvRow(self._lines.row_line, values[:expected])

    def _unreadable(self, error: Exception) -> RowProblem:
        """The problem of a row that did not end; what follows its open quote is read again."""
        lines = self._lines
        at_end = "end of data" in str(error)
        opened = lines.last_open_quote(at_end=at_end)
        unclosed = f"the quote opened on line {lines.row_line + opened} is never closed."
        if isinstance(error, RowTooLarge) or "field limit" in str(error):
            problem = self._problem(
                ImportErrorCode.ROW_TOO_LARGE, f"The row is too large, or {unclosed}"
            )
        elif at_end or len(lines.taken) > 1:
            problem = self._problem(ImportErrorCode.UNPARSABLE_ROW, unclosed.capitalize())
        else:
            problem = self._problem(ImportErrorCode.UNPARSABLE_ROW, _STRAY_QUOTE)
        lines.give_back(opened + 1)
        return problem._replace(cells=(_kept(lines.text()),))

    def _problem(
        self, code: ImportErrorCode, message: str, values: Sequence[str] = ()
    ) -> RowProblem:
        text = self._lines.text()
        raw = storable(text[:MAX_RAW_CHARS]).rstrip("\r\n")
        suggestion = _SUGGESTIONS[code].format(sign=self.dialect.delimiter)
        cells = tuple(map(storable, values)) if len(text) <= MAX_FIELD_CHARS else ()
        line = self._lines.row_line
        return RowProblem(line, code, message, raw, suggestion, cells or (_kept(text),))


@contextmanager
def open_csv(
    path: Path,
    *,
    encoding: str | None = None,
    delimiter: str | None = None,
    check: Callable[[], None] = unchecked,
) -> Iterator[CsvSource]:
    """The header and rows of a file; it is closed at the end of the block.

    Args:
        path: A file on a local disk; it is read twice when its encoding has to be found.
        encoding: The Python name of an encoding; None finds it.
        delimiter: What stands between cells; None finds it.
        check: Called now and then while the encoding is looked for; it may raise to end that.

    Raises:
        InvalidFile: It is empty, has no header, is no text, or its encoding is not known.
        InvalidInput: The delimiter cannot be one.
    """
    sign = known_delimiter(delimiter) if delimiter else None
    found = encoding_of(path, encoding, check=check)
    with path.open("rb") as file:
        lines = Lines(file, found, Position(found.mark, 1))
        yield CsvSource(lines, read_dialect(lines, found, delimiter=sign), found)


@contextmanager
def reopen_csv(path: Path, dialect: CsvDialect, position: Position) -> Iterator[CsvSource]:
    """The rows of a file behind a position that a `CsvSource` of it gave, in any process."""
    encoding = encoding_of(path, dialect.encoding)
    with path.open("rb") as file:
        yield CsvSource(Lines(file, encoding, position), dialect, encoding)


def _kept(text: str) -> str:
    return storable(text[:MAX_FIELD_CHARS]).rstrip("\r\n")
