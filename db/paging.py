"""Pages of contacts and companies: by key, in both directions, of one list or of many parents."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Final, TypeVar

from db.entities import Entity
from db.filter_shapes import EVERYTHING, split_filter
from db.filters import name_values
from db.keyset import PARENT, PageShape, count_statement, page_statement, probe_statement
from db.parameters import limit_above
from db.relevance import word_values
from db.rows import Row
from db.transaction import ReadSession
from domain.filters import Filter, ListFilter
from domain.paging import (
    Cursor,
    CursorValue,
    Order,
    Page,
    PageRequest,
    check_order,
    check_start,
    is_by_relevance,
)
from domain.search import split_search
from domain.selection import Selection

R = TypeVar("R", bound=Row)
T = TypeVar("T")

_NOTHING: Final[Mapping[str, object]] = {}


async def list_page(
    session: ReadSession,
    entity: Entity[R],
    request: PageRequest,
    filter_: ListFilter | None,
    *,
    selection: Selection | None = None,
) -> Page[R]:
    """One page of a list.

    Args:
        selection: What its rows have; all that lists show by default. Without its `cursors` they
            have not what `cursor_columns` takes.

    Raises:
        InvalidInput: The order has no meaning, or no page that begins where the request says.
    """
    check_start(request)
    shape, values = _shape_and_values(entity, request, filter_, selection=selection)
    rows = await session.fetch(page_statement(shape), values)
    return page_of(rows, request)


async def list_pages_of_parents(
    session: ReadSession,
    entity: Entity[R],
    request: PageRequest,
    filter_: ListFilter | None,
    *,
    parent: str,
    parent_ids: Sequence[int],
    also: Mapping[str, object] = _NOTHING,
    selection: Selection | None = None,
) -> list[Page[R]]:
    """The same page of each parent, in the order of `parent_ids`, from one statement.

    Args:
        also: Values that the entity's own table asks for, when it is not a plain one.
        selection: As with `list_page`.
    """
    shape, values = _shape_and_values(entity, request, filter_, parent=parent, selection=selection)
    # Each parent once: one that is named twice would get its rows twice.
    parents = list(dict.fromkeys(parent_ids))
    rows = await session.fetch(page_statement(shape), values | {"parents": parents, **also})
    of_parent: defaultdict[int, list[R]] = defaultdict(list)
    for row in rows:
        of_parent[row[PARENT]].append(row)
    return [page_of(of_parent[parent_id], request) for parent_id in parent_ids]


async def rows_behind(
    session: ReadSession, entity: Entity[R], request: PageRequest, filter_: ListFilter | None
) -> bool:
    """Whether the list has rows on the other side of the request's cursor, its own row included."""
    shape, values = _shape_and_values(entity, request.turned, filter_, inclusive=True)
    return bool(await session.fetch_value(probe_statement(shape), values | {"size": 1}))


async def parents_with_rows_behind(
    session: ReadSession,
    entity: Entity[R],
    request: PageRequest,
    filter_: ListFilter | None,
    *,
    parent: str,
    parent_ids: Sequence[int],
    also: Mapping[str, object] = _NOTHING,
) -> list[bool]:
    """As `rows_behind` for the same page of each parent, from one statement."""
    shape, values = _shape_and_values(
        entity, request.turned, filter_, inclusive=True, parent=parent
    )
    rows = await session.fetch(
        probe_statement(shape), values | {"size": 1, "parents": list(parent_ids), **also}
    )
    found = {row[PARENT] for row in rows}
    return [parent_id in found for parent_id in parent_ids]


async def count_rows(session: ReadSession, entity: Entity[R], filter_: ListFilter | None) -> int:
    """How many rows match, exactly."""
    shape, values = split_filter(filter_)
    statement = count_statement(PageShape(entity, shape, ()))
    return int(await session.fetch_value(statement, name_values(values)))


async def count_rows_of_parents(
    session: ReadSession,
    entity: Entity[R],
    filter_: ListFilter | None,
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


def cursor_columns(
    entity: Entity[R], order: tuple[Order, ...], rows: Sequence[R]
) -> tuple[list[int], list[list[CursorValue]]]:
    """The places of rows in an order, as the columns that cursors have: ids, and a list a key."""
    keys = [entity.sort_keys[key.field] for key in order]
    columns = [[key.to_cursor(row[key.label]) for row in rows] for key in keys]
    return [row["id"] for row in rows], columns


def cursor_of(entity: Entity[R], order: tuple[Order, ...], row: R, *, ordinal: int) -> Cursor:
    """The place of a row in an order; the row comes from a page of that order."""
    (row_id,), keys = cursor_columns(entity, order, [row])
    return Cursor(tuple(value for (value,) in keys), row_id, ordinal)


def _shape_and_values(
    entity: Entity[R],
    request: PageRequest,
    filter_: ListFilter | None,
    *,
    inclusive: bool = False,
    parent: str | None = None,
    selection: Selection | None = None,
) -> tuple[PageShape[R], dict[str, object]]:
    shape, filter_values = split_filter(filter_)
    words = _search_words(filter_) if is_by_relevance(request.order) else []
    check_order(request.order, searched=bool(words))
    missing, values = place_of(request.cursor, readers_of(entity, request.order))
    values |= name_values(filter_values)
    values |= {"size": request.limit + 1, "offset": request.offset}
    if words:
        values |= word_values(words)
    page = PageShape(
        entity,
        shape,
        request.order,
        missing,
        request.backward,
        inclusive,
        parent,
        request.offset > 0,
        selection,
        # Which plan is best for a filter depends on its values.
        limit_above(request.offset + request.limit + 1) if shape == EVERYTHING else None,
    )
    return page, values


def _search_words(filter_: ListFilter | None) -> list[str]:
    search = filter_.search if isinstance(filter_, Filter) else None
    return split_search(search) if search else []


def place_of(
    cursor: Cursor | None, readers: Iterable[Callable[[Any], object]]
) -> tuple[tuple[bool, ...] | None, dict[str, object]]:
    """Which of its keys a cursor lacks, and the others under the names that statements have.

    Args:
        readers: For each key what makes a value for a statement of the cursor's.
    """
    if cursor is None:
        return None, {}
    values: dict[str, object] = {"k_id": cursor.id}
    for at, (read, value) in enumerate(zip(readers, cursor.values, strict=True)):
        if value is not None:
            values[f"k{at}"] = read(value)
    return tuple(value is None for value in cursor.values), values


def readers_of(entity: Entity[R], order: tuple[Order, ...]) -> Iterator[Callable[[Any], object]]:
    """What reads the values of a cursor of an order."""
    return (entity.sort_keys[key.field].from_cursor for key in order)


def page_of(rows: Sequence[T], request: PageRequest) -> Page[T]:
    """The page of what was read for it: one row more than fits tells whether the walk goes on."""
    goes_on = len(rows) > request.limit
    is_capped = goes_on and request.left is not None and request.left <= request.size
    kept: Any = rows[: request.limit]
    return Page(
        kept[::-1] if request.backward else kept, goes_on and not is_capped, request, is_capped
    )
