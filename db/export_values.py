"""The columns of exports in SQL: as CSV shows them and as JSON does.

PostgreSQL forms the text of every row, for Python could not form a million of them in seconds.
"""

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any, Final

from sqlalchemy import (
    Boolean,
    ColumnElement,
    DateTime,
    FromClause,
    Integer,
    Text,
    and_,
    case,
    cast,
    func,
    literal_column,
    or_,
    select,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB, aggregate_order_by, distinct_on

from db.export_columns import ExportColumn, Reach
from db.relations import Relation
from domain.formulas import FORMULA, GUARD

Tables = Mapping[Relation | None, FromClause]
"""What columns are read from: the rows themselves under None, and what is joined to them."""

_Value = ColumnElement[Any]


def _quoted(text: str) -> ColumnElement[str]:
    return literal_column("'" + text.replace("'", "''") + "'", Text)


_FORMULA: Final = _quoted(f"^(?:{FORMULA}|{GUARD})")
_TIME: Final = _quoted('YYYY-MM-DD"T"HH24:MI:SS.US"Z"')
_SEPARATOR: Final = _quoted(";")
_ESCAPE: Final = _quoted("\\")
_NOT_IN_IT: Final = literal_column("0", Integer)
_EMPTY_LIST: Final = literal_column("'[]'::json", JSONB)
_EMPTY_OBJECT: Final = literal_column("'{}'::jsonb", JSONB)


def csv_cells(columns: Sequence[ExportColumn], tables: Tables) -> list[_Value]:
    """The cells of a row, in order, as they would stand without a guard."""
    return [_cell(column, tables) for column in columns]


def guarded_cells(columns: Sequence[ExportColumn], cells: Sequence[_Value]) -> list[_Value]:
    """The cells that people may have written with a guard against being taken for formulas.

    Args:
        cells: Columns of a subquery, since each is looked at several times.
    """
    pairs = zip(columns, cells, strict=True)
    return [_guarded(cell) if _is_text(column) else cell for column, cell in pairs]


def as_rows(cells: Sequence[_Value]) -> list[_Value]:
    """The cells of a row so that readers take its line for one, which they do not if it is empty.

    COPY writes the empty text as two quotes.
    """
    if len(cells) > 1:
        return list(cells)
    return [func.coalesce(cast(cells[0], Text), _quoted(""))]


def json_members(columns: Sequence[ExportColumn], tables: Tables) -> dict[str, _Value]:
    """The members of a row as an object; a relation is one of them, an object or a list itself."""
    return {name: _member(parts, tables) for name, parts in _by_first_name(columns)}


def _order_of_naming(columns: Sequence[ExportColumn]) -> list[ExportColumn]:
    """The columns with what belongs to one relation together, where the first of it stands."""
    places: dict[str, int] = {}
    for column in columns:
        places.setdefault(_first_name(column), len(places))
    return sorted(columns, key=lambda column: places[_first_name(column)])


def _by_first_name(
    columns: Sequence[ExportColumn],
) -> Iterator[tuple[str, list[ExportColumn]]]:
    for name, parts in groupby(_order_of_naming(columns), _first_name):
        yield name, list(parts)


def _first_name(column: ExportColumn) -> str:
    return column.path.partition(".")[0]


def _last_name(column: ExportColumn) -> str:
    return column.path.rpartition(".")[2]


def _is_text(column: ExportColumn) -> bool:
    """Whether a cell can begin with what people have written."""
    return column.reach is Reach.MANY or isinstance(column.column.type, Text | ARRAY)


def _cell(column: ExportColumn, tables: Tables) -> _Value:
    if column.reach is Reach.MANY:
        return _joined_rows(column, tables[None])
    value, type_ = _value(column, tables), column.column.type
    if isinstance(type_, ARRAY):
        return _joined(value)
    # COPY itself would write t and f.
    return cast(value, Text) if isinstance(type_, Boolean) else value


def _member(parts: Sequence[ExportColumn], tables: Tables) -> _Value:
    first = parts[0]
    if first.reach is Reach.MANY:
        return _list(parts, tables[None])
    if _last_name(first) == first.path:
        return _value(first, tables)
    table = tables[first.via]
    return case((table.c.uuid.is_not(None), _object(parts, table)))


def _value(column: ExportColumn, tables: Tables) -> _Value:
    """What CSV and JSON show alike."""
    if column.reach is Reach.FIRST and column.via not in tables:
        return _first(column, tables[None])
    return _shown(column, tables[column.via])


def _shown(column: ExportColumn, table: FromClause) -> _Value:
    value = table.c[column.column.name]
    if isinstance(column.column.type, DateTime):
        return func.to_char(value, _TIME, type_=Text)
    if isinstance(column.column.type, JSONB):
        return func.coalesce(value, _EMPTY_OBJECT)
    return value


def _object(parts: Sequence[ExportColumn], table: FromClause) -> _Value:
    members = ((_quoted(_last_name(part)), _shown(part, table)) for part in parts)
    return func.json_build_object(*(item for member in members for item in member))


def _list(parts: Sequence[ExportColumn], owner: FromClause) -> _Value:
    first = parts[0]
    other, rows = first.relation.rows(owner)
    item = _shown(first, other) if first.is_whole_list else _object(parts, other)
    items = func.json_agg(aggregate_order_by(item, other.c.position))
    return rows.with_only_columns(
        func.coalesce(items, literal_column("'[]'::json"))
    ).scalar_subquery()


def _joined_rows(column: ExportColumn, owner: FromClause) -> _Value:
    other, rows = column.relation.rows(owner)
    item = _escaped(func.coalesce(cast(_shown(column, other), Text), _quoted("")))
    joined = func.string_agg(item, aggregate_order_by(_SEPARATOR, other.c.position))
    return rows.with_only_columns(joined).scalar_subquery()


def first_of_all(column: ExportColumn) -> FromClause:
    """The first row of every list that the column is of, for reading most of them."""
    table = column.column.table
    key = table.c[column.relation.key]
    return (
        select(key, column.column)
        .ext(distinct_on(key))
        .order_by(key, table.c.is_primary.desc(), table.c.position)
        .subquery()
    )


def _first(column: ExportColumn, owner: FromClause) -> _Value:
    other, rows = column.relation.rows(owner)
    first = rows.order_by(other.c.is_primary.desc(), other.c.position).limit(literal_column("1"))
    return first.with_only_columns(_shown(column, other)).scalar_subquery()


def _joined(items: _Value) -> _Value:
    """The items of an array with semicolons between; only those that hold one are written out."""
    text = func.array_to_string(items, _quoted(""), type_=Text)
    is_plain = and_(
        func.strpos(text, _SEPARATOR) == _NOT_IN_IT, func.strpos(text, _ESCAPE) == _NOT_IN_IT
    )
    item = func.unnest(items, type_=Text).column_valued("item")
    escaped = select(func.string_agg(_escaped(item), _SEPARATOR)).scalar_subquery()
    plain = func.array_to_string(items, _SEPARATOR, type_=Text)
    return case((is_plain, plain), else_=escaped)


def _escaped(item: _Value) -> _Value:
    escaped = func.replace(item, _ESCAPE, _quoted("\\\\"))
    return func.replace(escaped, _SEPARATOR, _quoted("\\;"), type_=Text)


def _guarded(text: _Value) -> _Value:
    """The text as `domain.formulas.guarded` has it.

    Most texts begin with a letter or a digit, and to see that takes a fifth of what the pattern
    does.
    """
    plain = text.collate("C")
    is_harmless = or_(
        and_(plain >= _quoted("A"), plain < _quoted("{")),
        and_(plain >= _quoted("0"), plain < _quoted(":")),
    )
    is_dangerous = text.op("~")(_FORMULA)
    return case((is_harmless, text), (is_dangerous, _quoted(GUARD).concat(text)), else_=text)
