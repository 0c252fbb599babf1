"""Pages by key instead of by offset, in SQL: where a page begins and how it is ordered.

One nullable key splits a list into two runs, the rows with a value and those without. Each run is a
range of the same index `(key, id)`, whichever end comes first and wherever NULLs are wanted; a page
is the first rows of one run or of both, and the second is read only where the first is too short.
Further keys sort within what the first one begins; rows without its value are sorted as a whole.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
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

from db.entities import Entity
from db.filter_shapes import Shape
from db.filters import build_condition
from db.parameters import ids, one_of
from db.rows import Row
from db.selection import foreign_keys, join_relations, own_columns, row_class
from db.statements import Statement
from domain.paging import Direction, Nulls, Order, is_by_relevance
from domain.selection import Selection

R = TypeVar("R", bound=Row)

PARENT: Final = "_parent"
_ZERO: Final = literal_column("0", Integer)


@dataclass(frozen=True)
class PageShape(Generic[R]):
    """Everything that decides the SQL of a page; the values come as parameters.

    Attributes:
        cursor: For each key whether the cursor's value is missing; None without a cursor.
        backward: Away from the end: the order and the side of the cursor are turned round.
        inclusive: The row of the cursor itself belongs to the page.
        parent: The column that ties a row to its parent, for pages of many parents at once.
        offset: Some rows are to be skipped.
        selection: What the rows have; None for all that lists show.
        most: What size and offset together do not exceed, where the plan shall not depend on them.
    """

    entity: Entity[R]
    shape: Shape
    order: tuple[Order, ...]
    cursor: tuple[bool, ...] | None = None
    backward: bool = False
    inclusive: bool = False
    parent: str | None = None
    offset: bool = False
    selection: Selection | None = None
    most: int | None = None


@dataclass(frozen=True)
class Key:
    """One key of an order over a table or groups, turned round when the page is a backward one.

    Attributes:
        label: The name of its value in a result.
        bound: The cursor's value; the statement takes none when it is missing.
    """

    label: str
    expression: ColumnElement[Any]
    bound: ColumnElement[Any]
    ascending: bool
    nullable: bool = False
    nulls_first: bool = False
    missing: bool = False

    def named(self, result: str) -> "Key":
        """The key as a column of a result that has this name."""
        value: ColumnElement[Any] = literal_column(f"{result}.{self.label}", self.expression.type)
        return replace(self, expression=value)

    def ordered(self) -> ColumnElement[Any]:
        """What orders by it, rows without a value at their end."""
        way = self.expression.asc() if self.ascending else self.expression.desc()
        if not self.nullable:
            return way
        return way.nulls_first() if self.nulls_first else way.nulls_last()

    def same(self) -> ColumnElement[bool]:
        """The cursor's value."""
        return self.expression.is_(None) if self.missing else self.expression == self.bound

    def after(self, *, inclusive: bool = False) -> ColumnElement[bool]:
        """Beyond the cursor's value; inclusive only where it is not missing."""
        if self.missing:
            return self.expression.is_not(None) if self.nulls_first else false()
        after = _compare(self.expression, self.bound, up=self.ascending, inclusive=inclusive)
        if self.nullable and not self.nulls_first:
            return or_(after, self.expression.is_(None))
        return after


@dataclass(frozen=True)
class _Run:
    """Rows that lie together in an order.

    Attributes:
        compared: The keys in which they can differ.
        ordering: The keys that order them.
    """

    condition: ColumnElement[bool]
    compared: Sequence[Key]
    ordering: Sequence[Key]


@lru_cache(maxsize=512)
def page_statement(page: PageShape[R]) -> Statement[R]:
    """The rows of a page; parameters: size, offset, k0, k1, …, k_id, parents, and the filter's."""
    build = _of_many_parents if page.parent else _of_list
    return Statement(build(page), row_class(page.entity, page.selection))


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
    mine = parent == one_of("parents")
    return Statement(
        select(parent.label(PARENT), func.count()).where(*conditions, mine).group_by(parent), Row
    )


def all_behind(page: PageShape[R]) -> tuple[ColumnElement[bool], list[ColumnElement[Any]]]:
    """What holds of all rows behind the cursor of a page, however many, and what orders them.

    Without a key they are ordered by id alone.
    """
    keys = _keys(page, page.entity.table)
    ordering = [key.ordered() for key in keys]
    if page.cursor is None:
        return true(), ordering
    return or_(*(run.condition for run in _runs(page, keys))), ordering


def _of_list(page: PageShape[R]) -> Select[Any]:
    statement = _ordered_page(page, page.entity.table)
    if page.offset:
        statement = statement.offset(bindparam("offset", type_=Integer()))
    if page.selection is None:
        return statement
    rows = _selected(page, statement.subquery("page"))
    return rows.order_by(*_page_order(page))


def _of_many_parents(page: PageShape[R], *, only_parent: bool = False) -> Select[Any]:
    """The page of each parent: one short index range a parent, in one statement."""
    child = page.entity.table.alias("child")
    parents = (
        func.unnest(ids("parents"))
        .table_valued(column("id", BigInteger), with_ordinality="place")
        .render_derived(name="parents")
    )
    # Named as text, because SQLAlchemy would add the parents to the FROM of each run of the page.
    mine = child.c[str(page.parent)] == literal_column("parents.id", BigInteger)
    children = parents.join(_ordered_page(page, child, mine).lateral("page"), true())
    if only_parent:
        return select(parents.c.id.label(PARENT)).select_from(children)
    return (
        _selected(page, children)
        .add_columns(parents.c.id.label(PARENT))
        .order_by(parents.c.place, *_page_order(page))
    )


def _page_order(page: PageShape[R]) -> list[ColumnElement[Any]]:
    return _ordered(_named(_keys(page, page.entity.table), "page"))


def _selected(page: PageShape[R], rows: FromClause) -> Select[Any]:
    """What is wanted of the rows of `page`, and of those they point to.

    Joined to the rows of one page, so that none is looked up for a row that is not shown.
    """
    entity, selection = page.entity, page.selection
    if selection is None:
        return select(literal_column("page.*")).select_from(rows)

    def own(name: str) -> ColumnElement[Any]:
        return literal_column(f"page.{name}", entity.table.c[name].type)

    joined, related = join_relations(rows, entity, selection, own)
    shown = dict.fromkeys(own_columns(entity, selection))
    if selection.cursors:
        shown |= dict.fromkeys(entity.sort_keys[order.field].label for order in page.order)
    columns: list[ColumnElement[Any]] = [literal_column(f"page.{name}") for name in shown]
    return select(*columns, *related).select_from(joined)


def _ordered_page(page: PageShape[R], table: FromClause, *also: ColumnElement[bool]) -> Select[Any]:
    rows = select(*_result_columns(page, table)).where(
        table.c.deleted_at.is_(None), build_condition(page.shape, table), *also
    )
    keys = _keys(page, table)
    if is_by_relevance(page.order):
        # Fenced off, so that a row's distance is worked out once, however often it is compared.
        rows, keys = _all_of(rows.offset(_ZERO).subquery("ranked")), _named(keys, "ranked")
    size = bindparam("size", type_=Integer())
    run, *later = _runs(page, keys)
    if not later:
        return _first_of(page, rows, run, size)
    # The rows to skip may all stand in one run, so each run has to reach past them.
    reach = size + bindparam("offset", type_=Integer()) if page.offset else size
    nearer = _first_of(page, rows, run, reach).cte("nearer", nesting=True)
    found = select(func.count()).select_from(nearer).scalar_subquery()
    farther = _first_of(page, rows.where(found < reach), later[0], reach).subquery("farther")
    both = union_all(_all_of(nearer), _all_of(farther)).subquery("runs")
    return _all_of(both).order_by(*_ordered(_named(keys, "runs"))).limit(size)


def _first_of(
    page: PageShape[R], rows: Select[Any], run: _Run, size: ColumnElement[int]
) -> Select[Any]:
    """As many rows from the beginning of a run."""
    first = rows.where(run.condition).order_by(*_ordered(run.ordering))
    if page.most is None:
        return first.limit(size)
    most = _all_of(first.limit(literal_column(str(page.most), Integer)).subquery("most"))
    return most.order_by(*_ordered(_named(run.ordering, "most"))).limit(size)


def _runs(page: PageShape[R], keys: list[Key]) -> list[_Run]:
    """The runs that a page can touch, in order; the cursor stands in the first."""
    first, *rest = keys
    runs = [_Run(true(), keys, keys)]
    if first.nullable:
        known = [replace(first, nullable=False), *rest]
        present = _Run(first.expression.is_not(None), known, known)
        # Before the id alone, the key stays in the order and so keeps the scan in its index.
        absent = _Run(first.expression.is_(None), rest, rest if len(rest) > 1 else known)
        runs = [absent, present] if first.nulls_first else [present, absent]
    if page.cursor is None:
        return runs
    run, *later = runs if first.missing is first.nulls_first else runs[1:]
    beyond = _beyond(run.compared, inclusive=page.inclusive)
    return [replace(run, condition=and_(run.condition, beyond)), *later]


def _beyond(keys: Sequence[Key], *, inclusive: bool) -> ColumnElement[bool]:
    """After the cursor: by one row comparison where no key can be missing, else key by key."""
    first, last = keys[0], keys[-1]
    if not any(key.nullable or key.ascending is not first.ascending for key in keys):
        left, right = ([key.expression for key in keys], [key.bound for key in keys])
        return _compare(tuple_(*left), tuple_(*right), up=first.ascending, inclusive=inclusive)
    same: list[ColumnElement[bool]] = []
    ways: list[ColumnElement[bool]] = []
    for key in keys:
        ways.append(and_(*same, key.after(inclusive=inclusive and key is last)))
        same.append(key.same())
    if first.missing or (first.nullable and not first.nulls_first):
        return or_(*ways)
    # It follows from the ways, and is what an index of the first key can begin at.
    return and_(
        _compare(first.expression, first.bound, up=first.ascending, inclusive=True), or_(*ways)
    )


def _compare(left: Any, right: Any, *, up: bool, inclusive: bool) -> ColumnElement[bool]:
    if up:
        return left >= right if inclusive else left > right  # type: ignore[no-any-return]  # either side may be a tuple
    return left <= right if inclusive else left < right  # type: ignore[no-any-return]  # either side may be a tuple


def _keys(page: PageShape[R], table: FromClause) -> list[Key]:
    """The keys of the page's order, and the id as the last one."""
    keys = []
    for at, order in enumerate(page.order):
        sort = page.entity.sort_keys[order.field]
        keys.append(
            Key(
                sort.label,
                sort.build(table),
                bindparam(f"k{at}", type_=sort.type),
                ascending=(order.direction is Direction.ASC) is not page.backward,
                nullable=sort.nullable,
                nulls_first=sort.nullable and (order.nulls is Nulls.FIRST) is not page.backward,
                missing=page.cursor is not None and page.cursor[at],
            )
        )
    # The id runs the way of the first key, so that one index serves both directions.
    ascending = keys[0].ascending if keys else not page.backward
    row_id = Key("id", table.c.id, bindparam("k_id", type_=BigInteger()), ascending)
    return [*keys, row_id]


def _named(keys: Sequence[Key], result: str) -> list[Key]:
    return [key.named(result) for key in keys]


def _ordered(keys: Sequence[Key]) -> list[ColumnElement[Any]]:
    return [key.ordered() for key in keys]


def _all_of(rows: FromClause) -> Select[Any]:
    """All columns. Named by a star, since a proxy for each would make up most of the building."""
    return select(literal_column("*")).select_from(rows)


def _result_columns(page: PageShape[R], table: FromClause) -> list[ColumnElement[Any]]:
    """The columns of the page and, where a key is an expression, its value for the cursor."""
    selected: dict[str, ColumnElement[Any]] = {name: table.c[name] for name in _page_columns(page)}
    for order in page.order:
        sort = page.entity.sort_keys[order.field]
        if sort.label not in selected:
            selected[sort.label] = sort.build(table).label(sort.label)
    return list(selected.values())


def _page_columns(page: PageShape[R]) -> Sequence[str]:
    entity, selection = page.entity, page.selection
    if selection is None:
        return entity.columns
    return own_columns(entity, selection) + foreign_keys(entity, selection)
