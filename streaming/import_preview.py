"""What an import would make of the first rows of a file; nothing is written."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import islice
from pathlib import Path
from typing import Any, Final

import orjson

from db.staging import Finding, StagedCompany, StagedContact
from domain.cell_values import is_ambiguous_number
from domain.imports import (
    MAX_RAW_CHARS,
    ImportEntity,
    ImportErrorCode,
    ImportOptions,
    ImportProblem,
    Mapped,
    Severity,
)
from domain.normalize import PLACEHOLDER_VALUE
from streaming.cells import NUMBERS
from streaming.import_fields import destinations, field_names
from streaming.import_reading import Reading, RowSource, open_reading, open_rows
from streaming.mapping import ColumnChoice
from streaming.physical_lines import Position
from streaming.rows import ReadRow
from streaming.text_encodings import unchecked

MAX_PREVIEW_ROWS: Final = 1000
MAX_PREVIEW_PROBLEMS: Final = 200
_MAX_SAMPLES: Final = 3
_MAX_SAMPLE_CHARS: Final = 200
_UNTOLD: Final = frozenset({"source", "position"})


@dataclass(frozen=True, kw_only=True)
class PreviewColumn:
    """A column, and where its values would go.

    Attributes:
        field: None when they go nowhere.
        score: How sure that is, from 0 to 1.
        samples: Some of its values.
    """

    index: int
    header: str
    field: str | None
    score: float
    reason: str
    samples: Sequence[str]


@dataclass(frozen=True, kw_only=True)
class PreviewRow:
    """A row of the file.

    Attributes:
        values: What would be stored, of which JSON can say everything; empty for a row that fails.
    """

    line: int
    cells: Sequence[str]
    values: Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class Preview:
    """What was found in a file.

    Attributes:
        vendor: Who wrote it, as far as its header tells.
        problems: The first of those in the rows that were read, and what is to be told of columns.
        estimated_rows: How many rows the file has, if all are as long as those that were read.
        fields: All that a column can go to.
    """

    entity: ImportEntity
    encoding: str
    delimiter: str
    header_line: int
    vendor: str | None
    columns: Sequence[PreviewColumn]
    sample: Sequence[PreviewRow]
    problems: Sequence[ImportProblem]
    rows_read: int
    estimated_rows: int | None
    fields: Sequence[str]


def preview_file(
    path: Path,
    entity: ImportEntity,
    mapping: Mapped,
    options: ImportOptions,
    *,
    most_rows: int = 20,
    placeholder: str = PLACEHOLDER_VALUE,
    check: Callable[[], None] = unchecked,
) -> Preview:
    """What an import would make of a file, from its first thousand rows. Blocks.

    Args:
        most_rows: How many rows are shown.
        placeholder: What a cell says that has no value.
        check: Called now and then, before each row too; it may raise to end the reading.

    Raises:
        InvalidFile: The file cannot be read as CSV.
        InvalidInput: The mapping or the options do not fit it.
    """
    reading = open_reading(path, entity, mapping, options, check=check)
    with open_rows(path, reading, options, entity, None, placeholder=placeholder) as source:
        read = _Read(source, most_rows, check)
    return Preview(
        entity=entity,
        encoding=reading.dialect.encoding,
        delimiter=reading.dialect.delimiter,
        header_line=reading.dialect.header_line,
        vendor=reading.vendor,
        columns=[_column(choice, reading) for choice in reading.mapping.choices],
        sample=[_shown(row) for row in read.rows],
        problems=[
            *reading.problems,
            *_multiplied(reading, entity),
            *_ambiguous(reading, entity, options),
            *read.problems,
        ],
        rows_read=read.count,
        estimated_rows=read.estimate(path.stat().st_size, reading.start),
        fields=field_names(entity),
    )


class _Read:
    """The first rows of a file.

    Attributes:
        rows: Those that are shown.
        problems: The first of what is wrong in all of them.
    """

    def __init__(self, source: RowSource, most_rows: int, check: Callable[[], None]) -> None:
        batch = source.read(MAX_PREVIEW_ROWS, check=check)
        self._position, self._ended = batch.position, batch.ended
        self.count = len(batch.rows)
        self.rows = batch.rows[:most_rows]
        told = (_problem(row.line, each) for row in batch.rows for each in row.findings)
        self.problems = list(islice(told, MAX_PREVIEW_PROBLEMS))

    def estimate(self, file_bytes: int, start: Position) -> int | None:
        """How many rows the file has."""
        read = self._position.byte - start.byte
        if self._ended or read <= 0:
            return self.count
        return max(self.count, round(self.count * (file_bytes - start.byte) / read))


def _column(choice: ColumnChoice, reading: Reading) -> PreviewColumn:
    cells = (row.values[choice.index] for row in reading.sample)
    samples = islice((cell[:_MAX_SAMPLE_CHARS] for cell in cells if cell.strip()), _MAX_SAMPLES)
    return PreviewColumn(
        index=choice.index,
        header=choice.header,
        field=choice.field,
        score=choice.score,
        reason=choice.reason,
        samples=list(samples),
    )


def _shown(row: ReadRow) -> PreviewRow:
    return PreviewRow(line=row.line, cells=row.cells, values=_values(row))


def _values(row: ReadRow) -> dict[str, Any]:
    staged = row.staged
    if staged is None:
        return {}
    if isinstance(staged, StagedCompany):
        return _told(staged.values)
    return dict(_parts(staged))


def _parts(staged: StagedContact) -> Iterator[tuple[str, Any]]:
    contact = staged.contact
    yield from _told(contact.values).items()
    for name, points in (("emails", contact.emails), ("phones", contact.phones)):
        if points is not None:
            yield name, [_told(point) for point in points]
    if staged.company:
        yield "company", _told(staged.company)


def _told(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: _json(name, value) for name, value in values.items() if name not in _UNTOLD}


def _json(name: str, value: Any) -> Any:
    if isinstance(value, date):
        return value.isoformat()
    return orjson.loads(value) if name == "custom_fields" and value else value


def _problem(line: int, finding: Finding) -> ImportProblem:
    return ImportProblem(
        line=line,
        code=ImportErrorCode(finding.code),
        message=finding.message,
        column=finding.column,
        field=finding.field,
        raw=finding.raw,
        suggestion=finding.suggestion,
    )


def _multiplied(reading: Reading, entity: ImportEntity) -> Iterable[ImportProblem]:
    """The columns of numbers that the header says to be in thousands or millions."""
    for column in reading.mapping.columns:
        if column.scale > 1 and destinations(entity)[column.field].name in NUMBERS:
            yield ImportProblem(
                line=reading.dialect.header_line,
                code=ImportErrorCode.INVALID_NUMBER,
                message=f"By its header one stands for {column.scale:,} in this column; cells with"
                " K, M or B mean what they say.",
                severity=Severity.WARNING,
                column=column.header,
                field=column.field,
                suggestion="Rename the column if its numbers are whole ones.",
            )


def _ambiguous(
    reading: Reading, entity: ImportEntity, options: ImportOptions
) -> Iterable[ImportProblem]:
    """The columns of numbers in which a point or a comma could mean either, once each."""
    if options.number_locale:
        return
    for column in reading.mapping.columns:
        if destinations(entity)[column.field].name not in NUMBERS:
            continue
        cells = ((row.line, row.values[column.index]) for row in reading.sample)
        found = next(((line, cell) for line, cell in cells if is_ambiguous_number(cell)), None)
        if found:
            line, cell = found
            yield ImportProblem(
                line=line,
                code=ImportErrorCode.INVALID_NUMBER,
                message=f"{cell!r} is read with thousands that are set apart, not with decimals.",
                severity=Severity.WARNING,
                column=column.header,
                field=column.field,
                raw=cell[:MAX_RAW_CHARS],
                suggestion="Set numberLocale to POINT or COMMA.",
            )
