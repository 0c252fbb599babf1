"""How a CSV file is written: what stands between its cells, and where its header is."""

import csv
import re
from collections.abc import Sequence
from contextlib import suppress
from typing import Final, NamedTuple

from domain.errors import InvalidInput
from streaming.physical_lines import MAX_ROW_CHARS, Lines, RowTooLarge
from streaming.text_encodings import SAMPLE_BYTES, InvalidFile, TextEncoding

MAX_COLUMNS: Final = 500
MAX_PREAMBLE_LINES: Final = 5
DELIMITERS: Final = (",", ";", "\t", "|")

_SPELT_OUT: Final = {"tab": "\t", "\\t": "\t", "comma": ",", "semicolon": ";", "pipe": "|"}
_SAMPLE_LINES: Final = 20
_MAX_LABEL_CHARS: Final = 100

_SEP_LINE: Final = re.compile(r"\s*\"?sep=([^\w\s\"]|\t)\"?[\r\n]*", re.IGNORECASE)
_EMAIL_OR_URL: Final = re.compile(r"\S+@\S+\.\S+|https?://\S+|www\.\S+\.\S+", re.IGNORECASE)
_FIGURES: Final = re.compile(r"[\d\s.,+()/:$€£-]*\d[\d\s.,+()/:$€£-]*")


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


class _Header(NamedTuple):
    line: int
    end_line: int
    cells: list[str]


def known_delimiter(sign: str) -> str:
    """The sign between cells that a user names: itself, or `tab`.

    Raises:
        InvalidInput: It is none that could stand there.
    """
    found = _SPELT_OUT.get(sign.lower(), sign)
    if is_delimiter(found):
        return found
    raise InvalidInput(f"{sign[:20]!r} cannot stand between cells; try ',', ';', '|' or 'tab'.")


def is_delimiter(sign: str) -> bool:
    """Whether a sign can stand between cells."""
    is_sign = len(sign) == 1 and not sign.isalnum() and sign not in "\"' "
    return is_sign and (sign.isprintable() or sign == "\t") and sign != "\ufffd"


def read_dialect(
    lines: Lines, encoding: TextEncoding, *, delimiter: str | None = None
) -> CsvDialect:
    """The dialect; afterwards the lines stand behind the header.

    Raises:
        InvalidFile: There is no header, or one that cannot be used.
    """
    sample = _read_sample(lines)
    forced = _SEP_LINE.fullmatch(sample[0]) if sample else None
    if forced and not is_delimiter(forced[1]):
        raise InvalidFile("The first line, `sep=`, names no sign that could stand between cells.")
    skipped = 1 if forced else 0
    delimiters = (delimiter,) if delimiter else (forced[1],) if forced else DELIMITERS
    found = {sign: _find_header(sample[skipped:], sign) for sign in delimiters}
    # max() gives the first of equals, so the order of DELIMITERS decides.
    sign = max(delimiters, key=lambda each: _readable_labels(found[each].cells))
    header = found[sign]
    _require_header(header, skipped, encoding)
    for _ in range(skipped + header.end_line):
        next(lines)
    names = tuple(" ".join(cell.split()) for cell in _without_empty_end(header.cells))
    return CsvDialect(encoding.name, sign, names, skipped + header.line)


def _read_sample(lines: Lines) -> list[str]:
    sample: list[str] = []
    try:
        for line in lines:
            sample.append(line)
            if len(sample) == _SAMPLE_LINES or sum(map(len, sample)) > SAMPLE_BYTES:
                break
    except RowTooLarge as error:
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


def _require_header(header: _Header, skipped: int, encoding: TextEncoding) -> None:
    cells = _without_empty_end(header.cells)
    line = skipped + header.line
    if not cells:
        raise InvalidFile("The file has no header that can be read as CSV.")
    if len(cells) > MAX_COLUMNS:
        raise InvalidFile(f"The header has {len(cells)} columns; {MAX_COLUMNS} at most.")
    if any("\0" in cell or encoding.is_broken(cell) for cell in cells):
        raise InvalidFile(f"The header on line {line} is no text in {encoding.name}.")
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
