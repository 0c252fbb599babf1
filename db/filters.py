"""The only compiler of filters: a filter becomes a shape and values, a shape becomes SQL.

The shape says which fields and operators are used and how they are nested, the values are bound to
it in order. SQL follows from the shape alone, so each shape is built and compiled once. Logic has
two values: a comparison with a missing value is false, and `not` turns it into true.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, Final

from sqlalchemy import (
    ColumnElement,
    FromClause,
    Integer,
    SmallInteger,
    and_,
    any_,
    bindparam,
    exists,
    false,
    func,
    literal,
    not_,
    or_,
    select,
    true,
)
from sqlalchemy.dialects.postgresql import ARRAY

from db.tables import companies
from domain.absent import given
from domain.errors import InvalidFilter
from domain.filters import (
    MAX_FILTER_DEPTH,
    MAX_FILTER_LIST_ITEMS,
    MAX_FILTER_PREDICATES,
    CompanyFilter,
    ContactFilter,
    Filter,
    StringFilter,
)
from domain.names import spelled
from domain.node_ids import NodeKind, decode_node_id

Shape = tuple[Any, ...]
"""A nested tuple of names: hashable, free of values."""

EVERYTHING: Final[Shape] = ("and", ())


@dataclass(frozen=True)
class FilterField:
    """The column behind a filter field.

    Attributes:
        column: Its name in the table.
        folded: A column that holds the same text in lower case already.
        node: The kind of id the values are.
    """

    column: str
    folded: str | None = None
    node: NodeKind | None = None


def _same_names(*names: str) -> dict[str, FilterField]:
    return {name: FilterField(name) for name in names}


CONTACT_FIELDS: Final[Mapping[str, FilterField]] = {
    "id": FilterField("id", node=NodeKind.CONTACT),
    "name": FilterField("full_name"),
    "email": FilterField("email", folded="email_key"),
    "email_domain": FilterField("email_domain", folded="email_domain"),
    "company_id": FilterField("company_id", node=NodeKind.COMPANY),
    **_same_names(
        "uuid", "first_name", "last_name", "title", "seniority", "departments", "email_status",
        "city", "region", "country", "stage", "tags", "do_not_contact", "quality_score",
        "company_name", "last_contacted_at", "created_at", "updated_at",
    ),
}  # fmt: skip
COMPANY_FIELDS: Final[Mapping[str, FilterField]] = {
    "id": FilterField("id", node=NodeKind.COMPANY),
    "domain": FilterField("domain", folded="domain"),
    **_same_names(
        "uuid", "name", "industry", "industries", "technologies", "keywords", "employees_count",
        "annual_revenue", "total_funding", "last_raised_at", "founded_year", "city", "region",
        "country", "stage", "created_at", "updated_at",
    ),
}  # fmt: skip
FIELDS: Final[Mapping[type, Mapping[str, FilterField]]] = {
    ContactFilter: CONTACT_FIELDS,
    CompanyFilter: COMPANY_FIELDS,
}

_LISTS: Final = frozenset({"in_", "not_in", "any_of", "all_of", "none_of"})


class _Splitter:
    """Walks a filter once; collects its values and checks its limits."""

    def __init__(self) -> None:
        self.values: list[object] = []
        self._predicates = 0

    def shape(self, filter_: Filter, *, path: str, depth: int = 1) -> Shape:
        if depth > MAX_FILTER_DEPTH:
            raise InvalidFilter(f"{path} is nested more than {MAX_FILTER_DEPTH} levels deep.")
        parts = [
            self._part(type(filter_), name, value, path=f"{path}.{spelled(name)}", depth=depth)
            for name, value in _given_fields(filter_)
        ]
        if not parts:
            self._count()
        return ("and", tuple(parts))

    def _part(self, kind: type, name: str, value: Any, *, path: str, depth: int) -> Shape:
        if value is None:
            raise InvalidFilter(f"{path} is null. Leave it out, or ask with isNull.")
        if name in {"and_", "or_"}:
            _check_length(value, path)
            nested = [
                self.shape(item, path=f"{path}[{at}]", depth=depth + 1)
                for at, item in enumerate(value)
            ]
            return (name[:-1], tuple(nested))
        if name == "not_":
            return ("not", self.shape(value, path=path, depth=depth + 1))
        if isinstance(value, CompanyFilter):
            return ("company", self.shape(value, path=path, depth=depth + 1))
        return self._conditions(FIELDS[kind][name], value, path=path)

    def _conditions(self, field: FilterField, conditions: Any, *, path: str) -> Shape:
        exact = not isinstance(conditions, StringFilter) or conditions.case_sensitive
        return (
            "and",
            tuple(
                self._condition(field, operator, operand, exact, f"{path}.{spelled(operator)}")
                for operator, operand in _given_fields(conditions)
                if operator != "case_sensitive"
            ),
        )

    def _condition(
        self, field: FilterField, operator: str, operand: Any, exact: bool, path: str
    ) -> Shape:
        self._count()
        if operand is None:
            raise InvalidFilter(f"{path} is null. To find missing values use isNull: true.")
        if operator in _PRESENCE:
            return ("presence", field, operator, operand)
        self._take(field, operator, operand, path=path)
        return ("compare", field, operator, exact)

    def _count(self) -> None:
        """Conditions count, and filters without any: they too become SQL."""
        self._predicates += 1
        if self._predicates > MAX_FILTER_PREDICATES:
            raise InvalidFilter(f"A filter has at most {MAX_FILTER_PREDICATES} conditions.")

    def _take(self, field: FilterField, operator: str, operand: Any, *, path: str) -> None:
        if operator in _LISTS:
            _check_length(operand, path)
            self.values.append([_operand(field, operator, item, path) for item in operand])
        elif operator == "between":
            self.values += [operand.from_, operand.to]
        else:
            self.values.append(_operand(field, operator, operand, path))


def split_filter(filter_: Filter | None, *, path: str = "filter") -> tuple[Shape, list[object]]:
    """A filter's shape, and its values in the order the shape asks for them.

    Raises:
        InvalidFilter: An operand is null, a limit is passed, or a text cannot be stored.
    """
    if filter_ is None:
        return EVERYTHING, []
    splitter = _Splitter()
    shape = splitter.shape(filter_, path=path)
    return shape, splitter.values


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
        if kind == "and":
            return and_(true(), *(self.build(part, table) for part in rest[0]))
        if kind == "or":
            return or_(false(), *(self.build(part, table) for part in rest[0]))
        if kind == "not":
            return self.build(rest[0], table).is_not(true())
        if kind == "company":
            return self._company_exists(rest[0], table)
        if kind == "presence":
            field, operator, wanted = rest
            return _PRESENCE[operator](table.c[field.column]).is_(wanted)
        return self._compare(table, *rest)

    def _company_exists(self, shape: Shape, table: FromClause) -> ColumnElement[bool]:
        company = companies.alias("filtered_company")
        return exists(
            select(literal(1)).where(
                company.c.id == table.c.company_id,
                company.c.deleted_at.is_(None),
                self.build(shape, company),
            )
        )

    def _compare(
        self, table: FromClause, field: FilterField, operator: str, exact: bool
    ) -> ColumnElement[bool]:
        column: Any = table.c[field.column]
        operand = self._parameter(column, listed=operator in _LISTS)
        if operator == "between":
            return column.between(operand, self._parameter(column))  # type: ignore[no-any-return]  # columns come by name
        if not exact:
            column = table.c[field.folded] if field.folded else func.lower(column)
            operand = _lowered(operand)
        return _OPERATORS[operator](column, operand)

    def _parameter(self, column: ColumnElement[Any], *, listed: bool = False) -> Any:
        # A smallint column is compared with any integer: one out of its range matches nothing.
        kind: Any = Integer() if isinstance(column.type, SmallInteger) else column.type
        if listed and not isinstance(kind, ARRAY):
            kind = ARRAY(kind)
        name = f"v{self._next}"
        self._next += 1
        return bindparam(name, type_=kind)


def _lowered(operand: Any) -> Any:
    """In lower case by PostgreSQL's rules, as the column is; an array item by item."""
    if not isinstance(operand.type, ARRAY):
        return func.lower(operand)
    item = func.unnest(operand).column_valued("item")
    return func.array(select(func.lower(item)).scalar_subquery(), type_=operand.type)


_Operator = Callable[[Any, Any], ColumnElement[bool]]

_OPERATORS: Final[Mapping[str, _Operator]] = {
    "eq": lambda column, value: column == value,
    "not_eq": lambda column, value: column.is_distinct_from(value),
    "in_": lambda column, value: column == any_(value),
    "not_in": lambda column, value: (column == any_(value)).is_not(true()),
    "contains": lambda column, value: column.like(value, escape="\\"),
    "starts_with": lambda column, value: column.like(value, escape="\\"),
    "ends_with": lambda column, value: column.like(value, escape="\\"),
    "gt": lambda column, value: column > value,
    "gte": lambda column, value: column >= value,
    "lt": lambda column, value: column < value,
    "lte": lambda column, value: column <= value,
    "any_of": lambda column, value: column.overlap(value),
    "all_of": lambda column, value: column.contains(value),
    "none_of": lambda column, value: not_(column.overlap(value)),
}

_PRESENCE: Final[Mapping[str, Callable[[Any], ColumnElement[bool]]]] = {
    "is_null": lambda column: column.is_(None),
    "is_empty": lambda column: func.cardinality(column) == 0,
}

_PATTERNS: Final[Mapping[str, str]] = {
    "contains": "%{}%",
    "starts_with": "{}%",
    "ends_with": "%{}",
}


def _operand(field: FilterField, operator: str, value: Any, path: str) -> object:
    if value is None:
        raise InvalidFilter(f"{path} holds null. To find missing values use isNull: true.")
    if field.node is not None:
        return decode_node_id(value, expected=field.node)[1]
    if isinstance(value, str):
        if "\0" in value:
            raise InvalidFilter(f"{path} holds a NUL character, which no stored text can have.")
        pattern = _PATTERNS.get(operator)
        return value if pattern is None else pattern.format(_escape_like(value))
    return value


def _escape_like(text: str) -> str:
    return text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")


def _check_length(items: Sequence[object], path: str) -> None:
    if len(items) > MAX_FILTER_LIST_ITEMS:
        raise InvalidFilter(f"{path} has {len(items)} items; at most {MAX_FILTER_LIST_ITEMS} fit.")


def _given_fields(value: Any) -> Iterator[tuple[str, Any]]:
    for item in fields(value):
        if given(operand := getattr(value, item.name)):
            yield item.name, operand
