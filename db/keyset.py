"""Pages by key instead of by offset, in SQL: where a page begins and how it is ordered.

One nullable key splits a list into two runs, the rows with a value and those without. Each run is a
range of the same index `(key, id)`, whichever end comes first and wherever NULLs are wanted; a page
is the first rows of one run or of both. Other orders compare key by key.
"""

from collections.abc import Callable, Sequence
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
    any_,
    bindparam,
    column,
    exists,
    false,
    func,
    literal_column,
    or_,
    select,
    true,
    tuple_,
    union_all,
)
from sqlalchemy.dialects.postgresql import ARRAY

from db.entities import Entity
from db.filters import Shape, build_condition
from db.rows import Row
from db.sorting import SortKey
from db.statements import Statement
from domain.paging import Direction, Nulls, Order

R = TypeVar("R", bound=Row)

PARENT: Final = "_parent"


@dataclass(frozen=True)
class PageShape(Generic[R]):
    """Everything that decides the SQL of a page; the values come as parameters.

    Attributes:
        cursor: For each key whether the cursor's value is missing; None without a cursor.
        backward: Away from the end: the order and the side of the cursor are turned round.
        inclusive: The row of the cursor itself belongs to the page.
        parent: The column that ties a row to its parent, for pages of many parents at once.
        offset: Some rows are to be skipped.
    """

    entity: Entity[R]
    shape: Shape
    order: tuple[Order, ...]
    cursor: tuple[bool, ...] | None = None
    backward: bool = False
    inclusive: bool = False
    parent: str | None = None
    offset: bool = False


@dataclass(frozen=True)
class _Key:
    """One key of an order over a table, turned round when the page is a backward one."""

    at: int
    sort: SortKey
    expression: ColumnElement[Any]
    ascending: bool
    nulls_first: bool

    @property
    def bound(self) -> ColumnElement[Any]:
        return bindparam(f"k{self.at}", type_=self.sort.type)

    def along_index(self) -> ColumnElement[Any]:
        """The order of an index scan; where NULLs stand must not matter."""
        return self.expression.asc() if self.ascending else self.expression.desc()

    def ordered(self) -> ColumnElement[Any]:
        way = self.along_index()
        if not self.sort.nullable:
            return way
        return way.nulls_first() if self.nulls_first else way.nulls_last()


@lru_cache(maxsize=512)
def page_statement(page: PageShape[R]) -> Statement[R]:
    """The rows of a page; parameters: size, offset, k0, k1, …, k_id, parents, and the filter's."""
    build = _of_many_parents if page.parent else _of_list
    return Statement(build(page), page.entity.row)


@lru_cache(maxsize=512)
def probe_statement(page: PageShape[R]) -> Statement[Row]:
    """Whether the page has a row at all: true or false; for many parents those that have one."""
    if page.parent:
        return Statement(_of_many_parents(page, only_parent=True), Row)
    return Statement(select(exists(_of_list(page))), Row)


@lru_cache(maxsize=512)
def count_statement(page: PageShape[R]) -> Statement[Row]:
    """How many rows the list has; for many parents a pair of parent and count of those with any."""
    table = page.entity.table
    conditions = (table.c.deleted_at.is_(None), build_condition(page.shape, table))
    if page.parent is None:
        return Statement(select(func.count()).select_from(table).where(*conditions), Row)
    parent = table.c[page.parent]
    mine = parent == any_(bindparam("parents", type_=ARRAY(BigInteger)))
    return Statement(
        select(parent.label(PARENT), func.count()).where(*conditions, mine).group_by(parent), Row
    )


def _of_list(page: PageShape[R]) -> Select[Any]:
    statement = _ordered_page(page, page.entity.table)
    return statement.offset(bindparam("offset", type_=Integer())) if page.offset else statement


def _of_many_parents(page: PageShape[R], *, only_parent: bool = False) -> Select[Any]:
    """The page of each parent: one short index range a parent, in one statement."""
    child = page.entity.table.alias("child")
    parents = (
        func.unnest(bindparam("parents", type_=ARRAY(BigInteger)))
        .table_valued(column("id", BigInteger), with_ordinality="place")
        .render_derived(name="parent")
    )
    # Named as text, because SQLAlchemy would add the parents to the FROM of each run of the page.
    mine = child.c[str(page.parent)] == literal_column("parent.id", BigInteger)
    children = _ordered_page(page, child, mine).lateral("page")
    return (
        select(parents.c.id.label(PARENT), *([] if only_parent else children.c))
        .select_from(parents.join(children, true()))
        .order_by(parents.c.place, *_result_order(page, children))
    )


def _ordered_page(page: PageShape[R], table: FromClause, *also: ColumnElement[bool]) -> Select[Any]:
    rows = select(*_result_columns(page, table)).where(
        table.c.deleted_at.is_(None), build_condition(page.shape, table), *also
    )
    size = bindparam("size", type_=Integer())
    keys = _keys(page, lambda sort: sort.build(table))
    row_id = table.c.id
    if len(keys) > 1 or not keys[0].sort.nullable:
        rows = rows.where(_beyond(page, keys, row_id)) if page.cursor else rows
        return rows.order_by(*_in_order(keys, row_id)).limit(size)
    along_index = (keys[0].along_index(), _id_along(keys, row_id))
    # The rows to skip may all stand in one run, so each run has to reach past them.
    reach = size + bindparam("offset", type_=Integer()) if page.offset else size
    runs = [
        rows.where(run).order_by(*along_index).limit(reach) for run in _runs(page, keys[0], row_id)
    ]
    if len(runs) == 1:
        return runs[0]
    both = union_all(*runs).subquery("runs")
    return select(*both.c).order_by(*_result_order(page, both)).limit(size)


def _runs(page: PageShape[R], key: _Key, row_id: ColumnElement[int]) -> list[ColumnElement[bool]]:
    """The conditions of the runs a page can touch, in order; the cursor stands in the first."""
    missing_first = [True, False] if key.nulls_first else [False, True]
    if page.cursor is None:
        return [_run(key, missing=missing) for missing in missing_first]
    at_cursor, *later = missing_first[missing_first.index(page.cursor[0]) :]
    bound_id = bindparam("k_id", type_=BigInteger())
    if at_cursor:
        after = _compare(key, row_id, bound_id, inclusive=page.inclusive)
    else:
        after = _compare(
            key,
            tuple_(key.expression, row_id),
            tuple_(key.bound, bound_id),
            inclusive=page.inclusive,
        )
    first = and_(_run(key, missing=at_cursor), after)
    return [first, *(_run(key, missing=missing) for missing in later)]


def _run(key: _Key, *, missing: bool) -> ColumnElement[bool]:
    return key.expression.is_(None) if missing else key.expression.is_not(None)


def _compare(key: _Key, left: Any, right: Any, *, inclusive: bool) -> ColumnElement[bool]:
    if key.ascending:
        return left >= right if inclusive else left > right  # type: ignore[no-any-return]  # either side may be a tuple
    return left <= right if inclusive else left < right  # type: ignore[no-any-return]  # either side may be a tuple


def _beyond(
    page: PageShape[R], keys: Sequence[_Key], row_id: ColumnElement[int]
) -> ColumnElement[bool]:
    """After the cursor, by one row comparison where no NULL can occur, else key by key."""
    bound_id = bindparam("k_id", type_=BigInteger())
    if len(keys) == 1:
        left, right = tuple_(keys[0].expression, row_id), tuple_(keys[0].bound, bound_id)
        return _compare(keys[0], left, right, inclusive=page.inclusive)
    same: list[ColumnElement[bool]] = []
    ways: list[ColumnElement[bool]] = []
    for key, missing in zip(keys, page.cursor or (), strict=True):
        ways.append(and_(*same, _after_value(key, missing=missing)))
        same.append(key.expression.is_(None) if missing else key.expression == key.bound)
    ways.append(and_(*same, _compare(keys[0], row_id, bound_id, inclusive=page.inclusive)))
    return or_(*ways)


def _after_value(key: _Key, *, missing: bool) -> ColumnElement[bool]:
    if missing:
        return key.expression.is_not(None) if key.nulls_first else false()
    after = _compare(key, key.expression, key.bound, inclusive=False)
    if key.sort.nullable and not key.nulls_first:
        return or_(after, key.expression.is_(None))
    return after


def _keys(page: PageShape[R], expression_of: Callable[[SortKey], ColumnElement[Any]]) -> list[_Key]:
    keys = []
    for at, order in enumerate(page.order):
        sort = page.entity.sort_keys[order.field]
        ascending = (order.direction is Direction.ASC) is not page.backward
        nulls_first = (order.nulls is Nulls.FIRST) is not page.backward
        keys.append(_Key(at, sort, expression_of(sort), ascending, nulls_first))
    return keys


def _in_order(keys: Sequence[_Key], row_id: ColumnElement[int]) -> list[ColumnElement[Any]]:
    return [*(key.ordered() for key in keys), _id_along(keys, row_id)]


def _id_along(keys: Sequence[_Key], row_id: ColumnElement[int]) -> ColumnElement[Any]:
    """The last key runs the way of the first, so that one index serves both directions."""
    return row_id.asc() if keys[0].ascending else row_id.desc()


def _result_order(page: PageShape[R], result: FromClause) -> list[ColumnElement[Any]]:
    return _in_order(_keys(page, lambda sort: result.c[sort.label]), result.c.id)


def _result_columns(page: PageShape[R], table: FromClause) -> list[ColumnElement[Any]]:
    """The entity's columns and, where a key is an expression, its value for the cursor."""
    selected: dict[str, ColumnElement[Any]] = {name: table.c[name] for name in page.entity.columns}
    for order in page.order:
        sort = page.entity.sort_keys[order.field]
        if sort.label not in selected:
            selected[sort.label] = sort.build(table).label(sort.label)
    return list(selected.values())
