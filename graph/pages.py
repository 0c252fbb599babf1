"""The arguments of a connection, and what a connection shows: one page and what is around it."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Generic, TypeVar

from db.entities import Entity
from db.paging import cursor_columns
from db.rows import Row
from domain.errors import InvalidInput
from domain.paging import (
    LONG_WALK,
    MAX_OFFSET,
    RELEVANCE_LIMIT,
    CursorWriter,
    Order,
    Page,
    PageRequest,
    normalize_page_size,
)
from graph.context import Info, place_of

R = TypeVar("R", bound=Row)


@dataclass(frozen=True)
class PageArguments:
    """What a client wrote: at most one of both directions."""

    first: int | None = None
    after: str | None = None
    last: int | None = None
    before: str | None = None
    offset: int | None = None

    def check(self) -> None:
        """Refuse arguments that contradict each other.

        Raises:
            InvalidInput: Both directions, or an offset where none is possible.
        """
        forward = self.first is not None or self.after is not None
        backward = self.last is not None or self.before is not None
        if forward and backward:
            raise InvalidInput("Use first and after, or last and before; not both.")
        if not self.offset:
            return
        if backward or self.after is not None:
            raise InvalidInput("offset goes with first alone.")
        if not 0 < self.offset <= MAX_OFFSET:
            raise InvalidInput(
                f"offset goes from 0 to {MAX_OFFSET}; further on pass the endCursor as after."
            )


def page_request(info: Info, arguments: PageArguments, order: tuple[Order, ...]) -> PageRequest:
    """The page that is wanted; a size above the maximum is capped, and the client told.

    Raises:
        InvalidInput: The arguments contradict each other, or a number is out of range.
        InvalidCursor: The cursor is not of this server or of another order.
    """
    arguments.check()
    backward = arguments.last is not None or arguments.before is not None
    asked = arguments.last if backward else arguments.first
    sizes = info.context.page_sizes
    size = normalize_page_size(asked, default=sizes.default, maximum=sizes.maximum)
    if asked is not None and size < asked:
        info.context.tell("PAGE_SIZE_CAPPED", place_of(info), requested=asked, applied=size)
    text = arguments.before if backward else arguments.after
    request = PageRequest(
        order=order,
        size=size,
        cursor=None if text is None else info.context.cursors.decode(text, order),
        backward=backward,
        offset=arguments.offset or 0,
    )
    walked = abs(request.passed)
    if walked >= LONG_WALK:
        info.context.suggest("USE_STREAM", place_of(info), ordinal=walked)
    return request


def tell_of_cap(info: Info, page: Page[R]) -> None:
    """Let the client know when rows that match are not shown, because their order ends before."""
    if page.is_capped:
        info.context.tell("RELEVANCE_CAPPED", place_of(info), limit=RELEVANCE_LIMIT)


@dataclass(frozen=True)
class Edge(Generic[R]):
    """A row and its place in the list."""

    listing: "Listing[R]"
    node: R
    ordinal: int

    @property
    def cursor(self) -> str:
        """The place as a client may keep it."""
        return self.listing.cursor(self.node, self.ordinal)


class Listing(Generic[R]):
    """A page with what a connection may be asked about it, each worked out only when asked.

    Args:
        count: Counts the whole list.
        behind: Tells whether there are rows on the other side of the page's cursor.
        write_cursor: Turns a place in this order into text.
    """

    def __init__(
        self,
        entity: Entity[R],
        page: Page[R],
        *,
        count: Callable[[], Awaitable[int]],
        behind: Callable[[], Awaitable[bool]],
        write_cursor: CursorWriter,
    ) -> None:
        self._entity = entity
        self._page = page
        self._write_cursor = write_cursor
        self.count = count
        self._behind = behind

    @property
    def nodes(self) -> Sequence[R]:
        """The rows of the page."""
        return self._page.rows

    @property
    def edges(self) -> list[Edge[R]]:
        """The rows with their places."""
        first = self._page.first_ordinal
        return [Edge(self, row, first + at) for at, row in enumerate(self._page.rows)]

    @property
    def page_info(self) -> "Listing[R]":
        """The page as `PageInfo` sees it."""
        return self

    @property
    def pairs(self) -> list[tuple[R, str]]:
        """The rows with their cursors."""
        return list(zip(self._page.rows, self.cursors, strict=True))

    @property
    def pairs_without_cursors(self) -> list[tuple[R, None]]:
        """The rows as `pairs` has them, when nobody asks for cursors."""
        return [(row, None) for row in self._page.rows]

    @cached_property
    def cursors(self) -> list[str]:
        """The places of all rows as texts."""
        return self.written(self._page.rows, self._page.first_ordinal)

    def written(self, rows: Sequence[R], first_ordinal: int) -> list[str]:
        """The places of rows that follow each other, as texts."""
        ids, keys = cursor_columns(self._entity, self._page.request.order, rows)
        return self._write_cursor.page(ids, *keys, first_ordinal=first_ordinal)

    def cursor(self, row: R, ordinal: int) -> str:
        """The place of a row as text."""
        return self.written([row], ordinal)[0]

    @property
    def start_cursor(self) -> str | None:
        """The place of the first row."""
        return self._cursor_at(0)

    @property
    def end_cursor(self) -> str | None:
        """The place of the last row."""
        return self._cursor_at(-1)

    def _cursor_at(self, at: int) -> str | None:
        page = self._page
        if not page.rows:
            return None
        if "cursors" in self.__dict__:
            return self.cursors[at]
        return self.cursor(page.rows[at], page.last_ordinal if at else page.first_ordinal)

    async def has_next_page(self) -> bool:
        """Whether there are rows after the page."""
        request = self._page.request
        return await self._around() if request.backward else self._page.has_more

    async def has_previous_page(self) -> bool:
        """Whether there are rows before the page."""
        request = self._page.request
        return self._page.has_more if request.backward else await self._around()

    async def _around(self) -> bool:
        request = self._page.request
        if request.cursor is None and (request.offset == 0 or self._page.rows):
            return request.offset > 0
        return await self._behind()
