"""An export as a file: what PostgreSQL writes, with what its format has around the rows."""

from collections.abc import Callable, Mapping
from typing import Final

from db.exports import copy_export
from db.transaction import Database
from domain.exports import Export, ExportFormat, Written
from streaming.encoders import BOM, csv_line, one_line_each
from streaming.spool import Sink


async def write_export(database: Database, export: Export, sink: Sink) -> Written:
    """Write a whole export, header, brackets and all.

    Raises:
        InvalidInput: Of its columns, its order or its filter.
        Unavailable: PostgreSQL does not answer, or went away.
        OperationTimeout: It took too long.
    """
    framing = _FRAMINGS[export.format](export)

    async def take(lines: bytes) -> None:
        await sink.write(framing.around(lines), rows=lines.count(b"\n"))

    written = await copy_export(database, export, take, foresee=sink.foresee)
    await sink.write(framing.end())
    return written


class _Lines:
    """The rows as they come, each on what all readers take for one line."""

    def around(self, lines: bytes) -> bytes:
        return one_line_each(lines)

    def end(self) -> bytes:
        return b""


class _Table:
    """The rows as they come, behind a header."""

    def __init__(self, header: bytes) -> None:
        self._header = header

    def around(self, lines: bytes) -> bytes:
        header, self._header = self._header, b""
        return header + lines if header else lines

    def end(self) -> bytes:
        return self.around(b"")


class _Array:
    """The rows as the items of a JSON array."""

    def __init__(self) -> None:
        self._before = b"[\n"

    def around(self, lines: bytes) -> bytes:
        # A line is an object, and in JSON a line break within a text is escaped.
        items = self._before + lines[:-1].replace(b"\n", b",\n")
        self._before = b",\n"
        return items

    def end(self) -> bytes:
        return b"\n]\n" if self._before == b",\n" else b"[]\n"


def _table(export: Export) -> _Table:
    return _Table((BOM if export.bom else b"") + csv_line(export.columns).encode())


_FRAMINGS: Final[Mapping[ExportFormat, Callable[[Export], _Lines | _Table | _Array]]] = {
    ExportFormat.JSONL: lambda _export: _Lines(),
    ExportFormat.CSV: _table,
    ExportFormat.JSON: lambda _export: _Array(),
}
