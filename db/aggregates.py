"""Groups of contacts and companies with what is worked out over each, a page a statement.

PostgreSQL groups, counts and orders; a page is cut by key, as pages of rows are. Only the measures
that are asked for stand in the statement.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final, Generic, TypeVar

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    FromClause,
    Integer,
    Select,
    and_,
    bindparam,
    exists,
    false,
    func,
    or_,
    select,
    true,
)

from db.dimensions import COMPANY_DIMENSIONS, CONTACT_DIMENSIONS, Dimension, GroupKey
from db.entities import COMPANIES, CONTACTS, Entity
from db.filter_shapes import Shape, split_filter
from db.filters import build_condition, name_values
from db.keyset import Key
from db.measures import COMPANY_VALUES, CONTACT_VALUES, build_measure
from db.paging import page_of, place_of
from db.rows import CompanyRow, ContactRow, Row
from db.sources import Source
from db.statements import Statement
from db.transaction import ReadSession
from domain.aggregates import (
    COMPANY_MEASURES,
    CONTACT_MEASURES,
    GroupBy,
    GroupOrderField,
    Measure,
    Operation,
)
from domain.filters import Filter
from domain.paging import Cursor, Direction, Nulls, Order, Page, PageRequest

R = TypeVar("R", bound=Row)


class GroupRow(Row):
    """A group: its keys, its count, and what was worked out over it under `measure_label`."""


@dataclass(frozen=True, eq=False)
class Groupable(Generic[R]):
    """A kind of record that can be grouped.

    Attributes:
        values: What measures read that are no column under their own name.
    """

    entity: Entity[R]
    dimensions: Mapping[str, Dimension]
    measures: Mapping[str, Measure]
    values: Mapping[str, Callable[[Source], ColumnElement[Any]]]

    def value(self, name: str, source: Source) -> ColumnElement[Any]:
        """What a measure is worked out from."""
        return self.values[name](source) if name in self.values else source.rows.c[name]


GROUPABLE_CONTACTS: Final[Groupable[ContactRow]] = Groupable(
    CONTACTS, CONTACT_DIMENSIONS, CONTACT_MEASURES, CONTACT_VALUES
)
GROUPABLE_COMPANIES: Final[Groupable[CompanyRow]] = Groupable(
    COMPANIES, COMPANY_DIMENSIONS, COMPANY_MEASURES, COMPANY_VALUES
)


@dataclass(frozen=True)
class Grouping(Generic[R]):
    """What makes a group, and what is worked out over each.

    Attributes:
        group_by: None makes one group of everything.
        measured: Pairs of an operation and the name of a measure.
    """

    of: Groupable[R]
    group_by: tuple[GroupBy, ...] = ()
    measured: frozenset[tuple[Operation, str]] = frozenset()

    @property
    def dimensions(self) -> list[Dimension]:
        """The dimensions in the order of `group_by`."""
        return [self.of.dimensions[name] for name in self.group_by]

    def key(self, field: str) -> GroupKey:
        """What stands behind a key of an order."""
        return _COUNT if field == GroupOrderField.COUNT else self.of.dimensions[field].key


_COUNT: Final = GroupKey(label="count", type=BigInteger())


@dataclass(frozen=True)
class _Shape:
    """Everything that decides the SQL of a page of groups; as `keyset.PageShape` for rows."""

    grouping: Grouping[Any]
    shape: Shape
    order: tuple[Order, ...] = ()
    cursor: tuple[bool, ...] | None = None
    backward: bool = False
    inclusive: bool = False


async def list_groups(
    session: ReadSession, grouping: Grouping[R], request: PageRequest, filter_: Filter | None
) -> Page[GroupRow]:
    """One page of groups; without any dimension it holds the one group of everything."""
    shape, values = _shape_and_values(grouping, request, filter_)
    rows = await session.fetch(_page_statement(shape), values | {"size": request.size + 1})
    return page_of(rows, request)


async def groups_behind(
    session: ReadSession, grouping: Grouping[R], request: PageRequest, filter_: Filter | None
) -> bool:
    """Whether there are groups on the other side of the request's cursor, its own included."""
    shape, values = _shape_and_values(grouping, request.turned, filter_, inclusive=True)
    return bool(await session.fetch_value(_probe_statement(shape), values))


async def count_groups(session: ReadSession, grouping: Grouping[R], filter_: Filter | None) -> int:
    """How many groups there are."""
    shape, values = split_filter(filter_)
    statement = _count_statement(Grouping(grouping.of, grouping.group_by), shape)
    return int(await session.fetch_value(statement, name_values(values)))


def cursor_of_group(
    grouping: Grouping[R], order: Sequence[Order], row: GroupRow, *, ordinal: int
) -> Cursor:
    """The place of a group in an order; its keys take the place of a row's id."""
    keys = [grouping.key(sort.field) for sort in order]
    values = [(key, row[key.label]) for key in keys]
    return Cursor(
        tuple(None if value is None else key.to_cursor(value) for key, value in values), 0, ordinal
    )


def _shape_and_values(
    grouping: Grouping[R],
    request: PageRequest,
    filter_: Filter | None,
    *,
    inclusive: bool = False,
) -> tuple[_Shape, dict[str, object]]:
    shape, filter_values = split_filter(filter_)
    readers = (grouping.key(sort.field).from_cursor for sort in request.order)
    missing, values = place_of(request.cursor, readers)
    values |= name_values(filter_values)
    return _Shape(grouping, shape, request.order, missing, request.backward, inclusive), values


@lru_cache(maxsize=512)
def _page_statement(page: _Shape) -> Statement[GroupRow]:
    """The groups of a page; parameters: size, k0, k1, … and the filter's."""
    return Statement(_page(page).limit(bindparam("size", type_=Integer())), GroupRow)


@lru_cache(maxsize=512)
def _probe_statement(page: _Shape) -> Statement[Row]:
    return Statement(select(exists(_page(page))), Row)


@lru_cache(maxsize=512)
def _count_statement(grouping: Grouping[R], shape: Shape) -> Statement[Row]:
    groups = _groups(grouping, shape).subquery("groups")
    return Statement(select(func.count()).select_from(groups), Row)


def _page(page: _Shape) -> Select[Any]:
    groups = _groups(page.grouping, page.shape).subquery("groups")
    keys = list(_keys(page, groups))
    statement = select(groups).order_by(*(key.ordered() for key in keys))
    if page.cursor is None:
        return statement
    return statement.where(_beyond(keys, inclusive=page.inclusive))


def _groups(grouping: Grouping[R], shape: Shape) -> Select[Any]:
    table = grouping.of.entity.table
    of, source = grouping.of, Source(table)
    keys = [dimension.value(source).label(dimension.key.label) for dimension in grouping.dimensions]
    measured = [
        build_measure(operation, of.measures[name], of.value(name, source))
        for operation, name in sorted(grouping.measured)
    ]
    return (
        select(*keys, func.count().label(_COUNT.label), *measured)
        .select_from(source.joined)
        .where(table.c.deleted_at.is_(None), build_condition(shape, table))
        .group_by(*keys)
    )


def _keys(page: _Shape, groups: FromClause) -> Iterator[Key]:
    missing = page.cursor or (False,) * len(page.order)
    for at, (sort, is_missing) in enumerate(zip(page.order, missing, strict=True)):
        key = page.grouping.key(sort.field)
        yield Key(
            key.label,
            key.compared(groups.c[key.label]),
            key.compared(bindparam(f"k{at}", type_=key.type)),
            ascending=(sort.direction is Direction.ASC) is not page.backward,
            nullable=True,
            nulls_first=(sort.nulls is Nulls.FIRST) is not page.backward,
            missing=is_missing,
        )


def _beyond(keys: Iterable[Key], *, inclusive: bool) -> ColumnElement[bool]:
    """After the cursor, key by key."""
    same: list[ColumnElement[bool]] = []
    ways: list[ColumnElement[bool]] = [false()]
    for key in keys:
        ways.append(and_(*same, key.after()))
        same.append(key.same())
    return or_(*ways, and_(true(), *same)) if inclusive else or_(*ways)
