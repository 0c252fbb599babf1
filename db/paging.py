"""Pages of contacts and companies: by key, in both directions, of one list or of many parents."""

from collections import defaultdict
from collections.abc import Sequence
from typing import Any, TypeVar

from db.entities import Entity
from db.filters import name_values, split_filter
from db.keyset import PARENT, PageShape, count_statement, page_statement, probe_statement
from db.rows import Row
from db.transaction import ReadSession
from domain.errors import InvalidInput
from domain.filters import Filter
from domain.paging import MAX_ORDER_FIELDS, Cursor, Order, Page, PageRequest

R = TypeVar("R", bound=Row)


async def list_page(
    session: ReadSession, entity: Entity[R], request: PageRequest, filter_: Filter | None
) -> Page[R]:
    """One page of a list."""
    shape, values = _shape_and_values(entity, request, filter_)
    rows = await session.fetch(page_statement(shape), values)
    return _page(rows, request)


async def list_pages_of_parents(
    session: ReadSession,
    entity: Entity[R],
    request: PageRequest,
    filter_: Filter | None,
    *,
    parent: str,
    parent_ids: Sequence[int],
) -> list[Page[R]]:
    """The same page of each parent, in the order of `parent_ids`, from one statement."""
    shape, values = _shape_and_values(entity, request, filter_, parent=parent)
    # Each parent once: one that is named twice would get its rows twice.
    parents = list(dict.fromkeys(parent_ids))
    rows = await session.fetch(page_statement(shape), values | {"parents": parents})
    of_parent: defaultdict[int, list[R]] = defaultdict(list)
    for row in rows:
        of_parent[row[PARENT]].append(row)
    return [_page(of_parent[parent_id], request) for parent_id in parent_ids]


async def rows_behind(
    session: ReadSession, entity: Entity[R], request: PageRequest, filter_: Filter | None
) -> bool:
    """Whether the list has rows on the other side of the request's cursor, its own row included."""
    shape, values = _shape_and_values(entity, _turned(request), filter_, inclusive=True)
    return bool(await session.fetch_value(probe_statement(shape), values | {"size": 1}))


async def parents_with_rows_behind(
    session: ReadSession,
    entity: Entity[R],
    request: PageRequest,
    filter_: Filter | None,
    *,
    parent: str,
    parent_ids: Sequence[int],
) -> list[bool]:
    """As `rows_behind` for the same page of each parent, from one statement."""
    shape, values = _shape_and_values(
        entity, _turned(request), filter_, inclusive=True, parent=parent
    )
    rows = await session.fetch(
        probe_statement(shape), values | {"size": 1, "parents": list(parent_ids)}
    )
    found = {row[PARENT] for row in rows}
    return [parent_id in found for parent_id in parent_ids]


async def count_rows(session: ReadSession, entity: Entity[R], filter_: Filter | None) -> int:
    """How many rows match, exactly."""
    shape, values = split_filter(filter_)
    statement = count_statement(PageShape(entity, shape, ()))
    return int(await session.fetch_value(statement, name_values(values)))


async def count_rows_of_parents(
    session: ReadSession,
    entity: Entity[R],
    filter_: Filter | None,
    *,
    parent: str,
    parent_ids: Sequence[int],
) -> list[int]:
    """How many rows of each parent match, in the order of `parent_ids`, from one statement."""
    shape, values = split_filter(filter_)
    statement = count_statement(PageShape(entity, shape, (), parent=parent))
    rows = await session.fetch(statement, name_values(values) | {"parents": list(parent_ids)})
    counts = {row[0]: row[1] for row in rows}
    return [counts.get(parent_id, 0) for parent_id in parent_ids]


def cursor_of(entity: Entity[R], order: tuple[Order, ...], row: R, *, ordinal: int) -> Cursor:
    """The place of a row in an order; the row comes from a page of that order."""
    keys = (entity.sort_keys[key.field] for key in order)
    return Cursor(tuple(key.to_cursor(row[key.label]) for key in keys), row["id"], ordinal)


def _shape_and_values(
    entity: Entity[R],
    request: PageRequest,
    filter_: Filter | None,
    *,
    inclusive: bool = False,
    parent: str | None = None,
) -> tuple[PageShape[R], dict[str, object]]:
    shape, filter_values = split_filter(filter_)
    values = name_values(filter_values) | {"size": request.size + 1, "offset": request.offset}
    cursor = request.cursor
    if cursor is not None:
        values |= _cursor_values(entity, request.order, cursor)
    page = PageShape(
        entity,
        shape,
        _checked(request.order),
        None if cursor is None else tuple(value is None for value in cursor.values),
        request.backward,
        inclusive,
        parent,
        request.offset > 0,
    )
    return page, values


def _cursor_values(
    entity: Entity[R], order: tuple[Order, ...], cursor: Cursor
) -> dict[str, object]:
    values: dict[str, object] = {"k_id": cursor.id}
    for at, (key, value) in enumerate(zip(order, cursor.values, strict=True)):
        if value is not None:
            values[f"k{at}"] = entity.sort_keys[key.field].from_cursor(value)
    return values


def _checked(order: tuple[Order, ...]) -> tuple[Order, ...]:
    if not order:
        raise InvalidInput("orderBy is empty. Leave it out, or name a field.")
    if len(order) > MAX_ORDER_FIELDS:
        raise InvalidInput(f"orderBy has {len(order)} keys; at most {MAX_ORDER_FIELDS} fit.")
    if len({key.field for key in order}) < len(order):
        raise InvalidInput("orderBy names a field twice.")
    return order


def _turned(request: PageRequest) -> PageRequest:
    return PageRequest(
        order=request.order, size=1, cursor=request.cursor, backward=not request.backward
    )


def _page(rows: Sequence[R], request: PageRequest) -> Page[R]:
    """One row more than asked for was read; it tells whether the walk goes on."""
    has_more = len(rows) > request.size
    kept: Any = rows[: request.size]
    return Page(kept[::-1] if request.backward else kept, has_more, request)
