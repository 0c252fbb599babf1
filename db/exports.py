"""Exports: all rows that match, as text that PostgreSQL forms, from one state of the records."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    FromClause,
    Select,
    bindparam,
    func,
    literal_column,
    select,
)

from db.entities import COMPANIES, CONTACTS, Entity
from db.export_columns import ExportColumn, Reach, check_columns, export_columns
from db.export_values import as_rows, csv_cells, first_of_all, guarded_cells, json_members
from db.filter_shapes import EVERYTHING, split_filter
from db.filters import build_condition, name_values
from db.keyset import PageShape, all_behind
from db.paging import place_of, readers_of
from db.relations import Relation
from db.rows import Row
from db.snapshot import Snapshot, Take, open_snapshot
from db.statements import Statement
from db.transaction import Database
from domain.errors import InvalidInput
from domain.exports import Export, ExportEntity, ExportFormat, Foreseen, Written
from domain.paging import check_order, is_by_relevance

EXPORT_SECONDS: Final = 600.0
"""How long a statement of an export may take."""

_ENTITIES: Final[Mapping[ExportEntity, Entity[Any]]] = {
    ExportEntity.CONTACTS: CONTACTS,
    ExportEntity.COMPANIES: COMPANIES,
}

# One column, which no text of JSON makes COPY quote: these characters are escaped in it.
_JSON_LINES: Final = {"format": "csv", "quote": "\x01", "delimiter": "\x02"}
_CSV: Final = {"format": "csv"}

# A limit that the planner does not see: it hopes for a tenth of the rows, and so takes a plan that
# gives the first of them at once, where it would sort a million before.
_NO_LIMIT: Final = select(literal_column("9223372036854775807", BigInteger)).scalar_subquery()


@dataclass(frozen=True)
class _Shape:
    """Everything that decides the SQL of an export; the values come as parameters.

    Attributes:
        rows: The filter, order and cursor, as a page has them.
        limited: No more rows than the parameter `most` are wanted.
    """

    rows: PageShape[Any]
    entity: ExportEntity
    columns: tuple[str, ...]
    is_csv: bool
    raw: bool
    limited: bool

    @property
    def is_of_most(self) -> bool:
        """Whether it reads most rows of the table, as far as the shape tells."""
        return self.rows.shape == EVERYTHING and self.rows.cursor is None and not self.limited


def check_export(export: Export) -> None:
    """Refuse what cannot be exported, before anything is read.

    Raises:
        InvalidInput: Of its columns, its order or its filter.
    """
    check_columns(export.entity, export.columns)
    split_filter(export.filter_)
    if not export.order:
        return
    if is_by_relevance(export.order):
        raise InvalidInput(
            "RELEVANCE ends after its best rows, and an export has all. Choose another order."
        )
    check_order(export.order, searched=False)


async def copy_export(
    database: Database, export: Export, take: Take, *, foresee: Callable[[Foreseen], None]
) -> Written:
    """Write all rows of an export: lines of CSV without a header, or JSON objects, one a line.

    Args:
        take: Is given whole lines, some at a time.
        foresee: Is told before the first line what is known of the whole.

    Raises:
        InvalidInput: As `check_export`.
        DatabaseUnavailable: PostgreSQL does not answer, or went away.
        OperationTimeout: It took longer than `EXPORT_SECONDS`.
    """
    check_export(export)
    shape, values = _shape_and_values(export)
    async with open_snapshot(database, seconds=EXPORT_SECONDS) as snapshot:
        truncated = await _foresee(snapshot, export, shape, values, foresee)
        options = _CSV if shape.is_csv else _JSON_LINES
        rows = await snapshot.copy(_statement(shape), values, take, **options)
        return Written(rows=rows, truncated=truncated, snapshot_at=snapshot.at)


def export_sql(export: Export) -> str:
    """The statement that gives the rows of an export; $1, $2, … stand for its values."""
    return _statement(_shape_and_values(export)[0]).sql


async def count_export(database: Database, export: Export) -> int:
    """How many rows an export would have now."""
    shape, values = _shape_and_values(export)
    async with open_snapshot(database, seconds=EXPORT_SECONDS) as snapshot:
        count = await snapshot.fetch_value(_count(shape.rows, shape.limited), values)
    return int(count)


async def _foresee(
    snapshot: Snapshot,
    export: Export,
    shape: _Shape,
    values: Mapping[str, object],
    foresee: Callable[[Foreseen], None],
) -> bool:
    """Whether more rows match than are wanted; counted only where that can be."""
    if export.most is None:
        foresee(Foreseen(truncated=False))
        return False
    one_more = {**values, "most": export.most + 1}
    count = int(await snapshot.fetch_value(_count(shape.rows, limited=True), one_more))
    truncated = count > export.most
    foresee(Foreseen(truncated=truncated, rows=min(count, export.most)))
    return truncated


def _shape_and_values(export: Export) -> tuple[_Shape, dict[str, object]]:
    entity = _ENTITIES[export.entity]
    filter_shape, filtered = split_filter(export.filter_)
    missing, values = place_of(export.after, readers_of(entity, export.order))
    values |= name_values(filtered)
    if export.most is not None:
        values["most"] = export.most
    rows = PageShape(entity, filter_shape, export.order, missing)
    is_csv = export.format is ExportFormat.CSV
    limited = export.most is not None
    return _Shape(rows, export.entity, export.columns, is_csv, export.raw, limited), values


@lru_cache(maxsize=256)
def _count(rows: PageShape[Any], limited: bool) -> Statement[Row]:
    some = _matching(rows, select(literal_column("1")).select_from(rows.entity.table))
    if limited:
        some = some.limit(bindparam("most", type_=BigInteger()))
    return Statement(select(func.count()).select_from(some.subquery("some")), Row)


@lru_cache(maxsize=256)
def _statement(shape: _Shape) -> Statement[Row]:
    known = export_columns(shape.entity)
    columns = [known[path] for path in shape.columns]
    return Statement(_csv(shape, columns) if shape.is_csv else _json(shape, columns), Row)


def _csv(shape: _Shape, columns: Sequence[ExportColumn]) -> Select[Any]:
    joined, tables = _joined(shape, columns)
    named = [cell.label(f"c{at}") for at, cell in enumerate(csv_cells(columns, tables))]
    rows = _ordered(shape, select(*named).select_from(joined)).subquery("line")
    cells = list(rows.c) if shape.raw else guarded_cells(columns, list(rows.c))
    return select(*as_rows(cells))


def _json(shape: _Shape, columns: Sequence[ExportColumn]) -> Select[Any]:
    joined, tables = _joined(shape, columns)
    members = json_members(columns, tables)
    named = [value.label(name) for name, value in members.items()]
    rows = _ordered(shape, select(*named).select_from(joined)).subquery("line")
    return select(func.row_to_json(literal_column("line"))).select_from(rows)


def _ordered(shape: _Shape, rows: Select[Any]) -> Select[Any]:
    _, ordering = all_behind(shape.rows)
    limit = bindparam("most", type_=BigInteger()) if shape.limited else _NO_LIMIT
    return _matching(shape.rows, rows).order_by(*ordering).limit(limit)


def _matching(rows: PageShape[Any], statement: Select[Any]) -> Select[Any]:
    table = rows.entity.table
    behind, _ = all_behind(rows)
    return statement.where(table.c.deleted_at.is_(None), build_condition(rows.shape, table), behind)


def _joined(
    shape: _Shape, columns: Sequence[ExportColumn]
) -> tuple[FromClause, dict[Relation | None, FromClause]]:
    """The rows with a join for each relation to one row that is read from."""
    table = shape.rows.entity.table
    joined: FromClause = table
    tables: dict[Relation | None, FromClause] = {None: table}
    for column in columns:
        if column.via in tables or not _is_joined(shape, column):
            continue
        relation = column.relation
        is_first = column.reach is Reach.FIRST
        other = first_of_all(column) if is_first else relation.table.alias()
        joined = joined.outerjoin(other, relation.holds(other, table.c[relation.own]))
        tables[relation] = other
    return joined, tables


def _is_joined(shape: _Shape, column: ExportColumn) -> bool:
    # The first of each list: all lists are gone through at once for most rows, each alone for few.
    return column.reach is Reach.ONE or (column.reach is Reach.FIRST and shape.is_of_most)
