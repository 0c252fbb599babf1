"""The only compiler of filters: a shape becomes SQL, whatever its values are.

SQL follows from the shape alone (`db.filter_shapes`), so each shape is built and compiled once; the
values are bound to it in order. Logic has two values: a comparison with a missing value is false,
and `not` turns it into true.

Where a condition on a text has no index, one that follows from it and has one stands beside it.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    Boolean,
    ColumnElement,
    FromClause,
    Integer,
    SmallInteger,
    Text,
    Uuid,
    and_,
    bindparam,
    exists,
    false,
    func,
    not_,
    or_,
    select,
    true,
)
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.types import TypeEngine

from db.filter_fields import FilterField, RelatedCount
from db.filter_flags import Flag
from db.filter_imports import OfImport
from db.filter_operators import LISTS, OPERATORS, PRESENCE
from db.filter_shapes import Case, Shape
from db.relations import Relation


def name_values(values: Sequence[object]) -> dict[str, object]:
    """The values under the names that `build_condition` gives their bind parameters."""
    return {f"v{at}": value for at, value in enumerate(values)}


def build_condition(shape: Shape, table: FromClause) -> ColumnElement[bool]:
    """The SQL of a shape over a table; its parameters are named v0, v1, … in order."""
    return _Builder().build(shape, table)


class _Builder:
    """Turns a shape into SQL, counting the parameters as `_Splitter` counted the values."""

    def __init__(self) -> None:
        self._next = 0

    def build(self, shape: Shape, table: FromClause) -> ColumnElement[bool]:
        kind, *rest = shape
        return _KINDS[kind](self, table, *rest)

    def every(self, table: FromClause, parts: Sequence[Shape]) -> ColumnElement[bool]:
        return and_(true(), *(self.build(part, table) for part in parts))

    def some(self, table: FromClause, parts: Sequence[Shape]) -> ColumnElement[bool]:
        return or_(false(), *(self.build(part, table) for part in parts))

    def opposite(self, table: FromClause, part: Shape) -> ColumnElement[bool]:
        return self.build(part, table).is_not(true())

    def related(self, table: FromClause, relation: Relation, part: Shape) -> ColumnElement[bool]:
        other, rows = relation.rows(table)
        if relation.one and _holds_of_nothing(part):
            return not_(exists(rows.where(self.build(_turned(part), other))))
        return exists(rows.where(self.build(part, other)))

    def flag(self, table: FromClause, flag: Flag, wanted: bool) -> ColumnElement[bool]:
        return flag.holds(table) if wanted else flag.fails(table)

    def imported(self, table: FromClause, of: OfImport) -> ColumnElement[bool]:
        return of.holds(
            table,
            self._parameter(BigInteger()),
            self._parameter(Uuid()),
            sees_all=self._parameter(Boolean()),
        )

    def word(self, table: FromClause) -> ColumnElement[bool]:
        return table.c.search_text.like(func.lower(self._parameter(Text())))

    def start(self, table: FromClause, field: FilterField) -> ColumnElement[bool]:
        return _folded(table, field).like(self._parameter(Text()))

    def count(self, table: FromClause, of: RelatedCount, operator: str) -> ColumnElement[bool]:
        """Counts no further than the greatest operand."""
        operands = self._operands(operator, Integer())
        _, rows = of.relation.rows(table)
        enough = rows.limit(self._parameter(BigInteger())).subquery()
        holds = OPERATORS[operator](func.count(), *operands)
        return select(holds).select_from(enough).scalar_subquery()

    def presence(
        self,
        table: FromClause,
        declared: FilterField | RelatedCount,
        case: Case,
        operator: str,
        wanted: bool,
    ) -> ColumnElement[bool]:
        if isinstance(declared, RelatedCount):
            return false() if wanted else true()
        column = table.c[declared.column] if case == "none" else _folded(table, declared)
        missing = PRESENCE[operator](column)
        return missing if wanted else not_(missing)

    def compare(
        self, table: FromClause, field: FilterField, case: Case, operator: str
    ) -> ColumnElement[bool]:
        compare = OPERATORS[operator]
        if case == "ignored":
            return compare(_folded(table, field), self._lowered(operator))
        column = table.c[field.column]
        return compare(column, *self._operands(operator, column.type))

    def _lowered(self, operator: str) -> Any:
        """The operand in lower case by PostgreSQL's rules, as the column is.

        A list comes as one text, which the planner can lower and split itself; so it knows the
        items, and how many rows match.
        """
        if operator not in LISTS:
            return func.lower(self._parameter(Text()))
        joined, separator = self._parameter(Text()), self._parameter(Text())
        return func.string_to_array(func.lower(joined), separator, type_=ARRAY(Text()))

    def _operands(self, operator: str, kind: TypeEngine[Any]) -> list[Any]:
        # A smallint column is compared with any integer: one out of its range matches nothing.
        kind = Integer() if isinstance(kind, SmallInteger) else kind
        if operator in LISTS and not isinstance(kind, ARRAY):
            kind = ARRAY(kind)
        return [self._parameter(kind) for _ in range(2 if operator == "between" else 1)]

    def _parameter(self, kind: TypeEngine[Any]) -> Any:
        name = f"v{self._next}"
        self._next += 1
        return bindparam(name, type_=kind)


_KINDS: Final[Mapping[str, Callable[..., ColumnElement[bool]]]] = {
    "and": _Builder.every,
    "or": _Builder.some,
    "not": _Builder.opposite,
    "related": _Builder.related,
    "flag": _Builder.flag,
    "imported": _Builder.imported,
    "word": _Builder.word,
    "start": _Builder.start,
    "count": _Builder.count,
    "presence": _Builder.presence,
    "compare": _Builder.compare,
}


def _folded(table: FromClause, field: FilterField) -> ColumnElement[Any]:
    return table.c[field.folded] if field.folded else func.lower(table.c[field.column])


_OPPOSITES: Final[Mapping[str, str]] = {"not_eq": "eq", "not_in": "in_"}


def _holds_of_nothing(shape: Shape) -> bool:
    """Whether conditions on columns hold when all of the columns are missing."""
    kind, *rest = shape
    if kind == "and":
        return all(_holds_of_nothing(part) for part in rest[0])
    if kind == "presence":
        wanted: bool = rest[-1]
        return wanted
    return kind == "compare" and rest[-1] in _OPPOSITES


def _turned(shape: Shape) -> Shape:
    """When conditions fail that hold of nothing."""
    kind, *rest = shape
    if kind == "and":
        return ("or", tuple(_turned(part) for part in rest[0]))
    if kind == "presence":
        return (*shape[:-1], False)
    return (*shape[:-1], _OPPOSITES[rest[-1]])
