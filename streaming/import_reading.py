"""The file of an import, from opening it to its rows, a batch at a time, in any number of pieces.

How a file is read is decided once (`open_reading`) and kept with the import; any process can then
go on behind the last row that another has read (`open_rows`). The code blocks; run it in a thread.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, Final, Self

from domain.imports import ImportEntity, ImportErrorCode, ImportOptions, ImportProblem, Severity
from domain.normalize import PLACEHOLDER_VALUE
from streaming.decoders import CsvRow, CsvSource, open_csv, reopen_csv
from streaming.dialects import CsvDialect
from streaming.mapping import HeaderMapping, map_headers
from streaming.physical_lines import Position
from streaming.rows import ReadRow, RowReader
from streaming.text_encodings import unchecked

SAMPLE_ROWS: Final = 100
_SAMPLE_BYTES: Final = 1 << 22
_BATCH_BYTES: Final = 1 << 22


@dataclass(frozen=True)
class Reading:
    """How a file is read.

    Attributes:
        start: Where its first row begins.
        sample: Some of its first rows; not kept.
    """

    dialect: CsvDialect
    mapping: HeaderMapping
    start: Position
    sample: Sequence[CsvRow] = ()

    @property
    def vendor(self) -> str | None:
        """Who wrote the file, as far as its header tells."""
        return self.mapping.vendor

    @property
    def problems(self) -> list[ImportProblem]:
        """What is to be told of its columns: those that go nowhere, though nobody said so."""
        return [
            ImportProblem(
                line=self.dialect.header_line,
                code=ImportErrorCode.UNMAPPED_COLUMN,
                message=f"The column {choice.header!r} is not read. {choice.reason}",
                severity=Severity.WARNING,
                column=choice.header,
            )
            for choice in self.mapping.choices
            if choice.field is None and choice.header and not choice.is_excluded
        ]

    def to_json(self) -> dict[str, Any]:
        """The reading as JSON can say it: what the dialect has, `vendor`, `columns`, `start`."""
        return {
            **self.dialect._asdict(),
            "header": list(self.dialect.header),
            "vendor": self.vendor,
            "columns": self.mapping.to_json(),
            "start": list(self.start),
        }

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> Self:
        """The reading that `to_json` told."""
        told = {name: stored[name] for name in CsvDialect._fields}
        dialect = CsvDialect(**{**told, "header": tuple(stored["header"])})
        mapping = HeaderMapping.from_json(stored["columns"], stored["vendor"])
        return cls(dialect, mapping, Position(*stored["start"]))


@dataclass
class RowBatch:
    """Some rows, one after another.

    Attributes:
        position: The place behind the last of them.
        ended: There are no more behind them.
    """

    rows: list[ReadRow]
    position: Position
    ended: bool


class RowSource:
    """The rows of an open file. Blocks; used by one caller at a time."""

    def __init__(self, source: CsvSource, reader: RowReader) -> None:
        self._source = source
        self._rows = iter(source)
        self._reader = reader

    def read(self, count: int, *, check: Callable[[], None] = unchecked) -> RowBatch:
        """The next rows: at most as many as asked for, and fewer where they are very large.

        There is always one, unless the file has ended.

        Args:
            check: Called before each; it may raise to end the reading.
        """
        start = self._source.position.byte
        rows: list[ReadRow] = []
        for row in islice(self._rows, count):
            check()
            rows.append(self._reader.read(row))
            if self._source.position.byte - start > _BATCH_BYTES:
                return RowBatch(rows, self._source.position, ended=False)
        return RowBatch(rows, self._source.position, ended=len(rows) < count)


def open_reading(
    path: Path,
    entity: ImportEntity,
    mapping: Mapping[str, str | None],
    options: ImportOptions,
    *,
    check: Callable[[], None] = unchecked,
) -> Reading:
    """How a file is to be read.

    Args:
        mapping: Header to field, or to None for a column to pass over; the others are found.
        check: Called now and then; it may raise to end the reading.

    Raises:
        InvalidFile: The file cannot be read as CSV.
        InvalidInput: The mapping or the options do not fit it.
    """
    encoding, delimiter = options.encoding, options.delimiter
    with open_csv(path, encoding=encoding, delimiter=delimiter, check=check) as source:
        start = source.position
        sample = _sample(source, start, check)
        cells = [row.values for row in sample]
        found = map_headers(entity, source.dialect.header, overrides=mapping, sample=cells)
        return Reading(source.dialect, found, start, sample)


@contextmanager
def open_rows(
    path: Path,
    reading: Reading,
    options: ImportOptions,
    entity: ImportEntity,
    position: Position | None,
    *,
    placeholder: str = PLACEHOLDER_VALUE,
) -> Iterator[RowSource]:
    """The rows of a file; it is closed at the end of the block.

    Args:
        position: Where another `RowSource` of the same file came to; None begins with the first.
        placeholder: What a cell says that has no value.
    """
    reader = RowReader(entity, reading.mapping, options, placeholder=placeholder)
    with ExitStack() as stack:
        opened = reopen_csv(path, reading.dialect, position or reading.start)
        yield RowSource(stack.enter_context(opened), reader)


def _sample(source: CsvSource, start: Position, check: Callable[[], None]) -> list[CsvRow]:
    sample: list[CsvRow] = []
    for row in islice(source, SAMPLE_ROWS):
        check()
        if isinstance(row, CsvRow):
            sample.append(row)
        if source.position.byte - start.byte > _SAMPLE_BYTES:
            break
    return sample
