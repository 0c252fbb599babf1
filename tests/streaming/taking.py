"""Rows as `streaming.rows` takes them."""

from db.staging import StagedCompany, StagedContact
from domain.imports import ImportOptions
from streaming.decoders import CsvRow
from streaming.import_fields import Entity
from streaming.mapping import map_headers
from streaming.rows import ReadRow, RowReader


def read(entity: Entity, options: ImportOptions | None = None, /, **cells: str) -> ReadRow:
    """What a row says whose columns have the names of fields; `__` stands for a blank."""
    header = [name.replace("__", " ") for name in cells]
    reader = RowReader(entity, map_headers(entity, header), options)
    return reader.read(CsvRow(7, list(cells.values())))


def contact(options: ImportOptions | None = None, /, **cells: str) -> StagedContact:
    staged = read("contacts", options, **cells).staged
    assert isinstance(staged, StagedContact)
    return staged


def company(**cells: str) -> StagedCompany:
    staged = read("companies", **cells).staged
    assert isinstance(staged, StagedCompany)
    return staged


def told(row: ReadRow) -> list[tuple[str, str, str]]:
    return [(finding.code, finding.column, finding.raw) for finding in row.findings]
