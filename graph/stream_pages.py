"""What writes a stream: one page after the other, each asked like a request of its own.

The one idea: a page is whole or it is not written. Nothing of one is left for the next but the
cursor, so a page that failed is asked again without a gap and without a row twice.
"""

import asyncio
import random
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

import orjson
import structlog
from graphql import GraphQLError

from domain.errors import InvalidInput, OperationTimeout, Unavailable
from domain.exports import Foreseen, Written
from graph.context import Context
from graph.endpoint import Endpoint
from graph.execution.keeping import ANSWER_OPTIONS
from graph.fetches import Fetches
from graph.stream_documents import PageData, PagedDocument, Walk
from graph.stream_sizes import PageSize
from streaming.encoders import one_line_each
from streaming.spool import Sink

_LINE_OPTIONS: Final = ANSWER_OPTIONS | orjson.OPT_APPEND_NEWLINE
_RETRIES: Final = 4
_PAUSE_SECONDS: Final = 0.1
_SLICE_BYTES: Final = 2**18

log = structlog.get_logger(__name__)


class Pages:
    """Asks for the pages of one stream.

    Everything is read at the primary, and nothing of it is kept: the pages of one export would push
    all other answers out of the cache.

    Args:
        variables: Those that came with the request.
        context: Of the request; each page has a part of its own.

    Attributes:
        entity: What the rows are: the name of the root field.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        paged: PagedDocument,
        variables: Mapping[str, Any],
        context: Context,
    ) -> None:
        self.entity = paged.entity
        self._endpoint = endpoint
        self._paged = paged
        self._variables = variables
        self._context = replace(context, replica=None, cache=None)

    async def read(self, *, first: int, after: str | None) -> PageData:
        """One page.

        Raises:
            AppError: Some of it cannot be had.
            Exception: A bug of ours.
        """
        context = replace(self._context, notices=[], hints=[], fetches=Fetches())
        variables = self._paged.page_variables(self._variables, first, after=after)
        try:
            result = await self._endpoint.run(self._paged.operation, variables, context)
        finally:
            # The driver's cancelled timers hold the context of their statement, and so the rows of
            # its loaders, until the event loop gets to them: as long as dozens of pages take.
            context.forget_what_was_read()
        if result.errors:
            raise _cause(result.errors[0])
        return self._paged.page(result.data or {}, context.notices)


class PageSource:
    """Writes the rows of a list into a spool, each as a line of JSON.

    Args:
        batch_rows: No more a page.
        clock: Tells the time in seconds.
    """

    def __init__(
        self,
        pages: Pages,
        walk: Walk,
        *,
        batch_rows: int,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._pages = pages
        self._walk = walk
        self._batch_rows = batch_rows
        self._clock = clock

    async def __call__(self, sink: Sink) -> Written:
        """Write all of it, and tell what it was.

        Raises:
            AppError: A page cannot be had.
        """
        size = PageSize(self._batch_rows)
        return await _Attempt(self._pages, self._walk, size, self._clock).write(sink)


class _Attempt:
    """The pages from the first to the last, once."""

    def __init__(
        self, pages: Pages, walk: Walk, size: PageSize, clock: Callable[[], float]
    ) -> None:
        self._pages = pages
        self._walk = walk
        self._size = size
        self._clock = clock
        self._rows = 0
        self._after = walk.after
        self._notices: list[Mapping[str, object]] = []
        self._is_cut = False

    async def write(self, sink: Sink) -> Written:
        """As `PageSource` has it."""
        while True:
            page, seconds = await self._next()
            self._notices += [told for told in page.notices if told not in self._notices]
            self._is_cut |= page.is_cut
            is_last = not page.has_next or self._rows + len(page.items) == self._walk.most
            if not self._rows:
                sink.foresee(self._foreseen(page, is_last=is_last))
            size_bytes = await self._tell(page, sink)
            if is_last:
                return self._written(page)
            self._size.learn(rows=len(page.items), size_bytes=size_bytes, seconds=seconds)

    async def _next(self) -> tuple[PageData, float]:
        """The next page and the seconds it took; asked for again when it did not come.

        The first one is not, but for less of it: as long as nothing is written, a spool begins anew
        by itself.
        """
        left, pause = _RETRIES if self._rows else 0, _PAUSE_SECONDS
        while True:
            try:
                return await self._read()
            except OperationTimeout:
                if not self._size.halve():
                    raise
            except Unavailable as error:
                if not left or not error.details["retryable"]:
                    raise
                left -= 1
                await asyncio.sleep(random.uniform(0.5, 1.5) * pause)  # noqa: S311  # spreads retries
                pause *= 2
            log.warning("stream_page_failed", **self._facts(), left=left)

    async def _read(self) -> tuple[PageData, float]:
        begun_at = self._clock()
        if self._walk.most is not None:
            self._size.limit(self._walk.most - self._rows)
        page = await self._pages.read(first=self._size.rows, after=self._after)
        return page, self._clock() - begun_at

    async def _tell(self, page: PageData, sink: Sink) -> int:
        """Write a page, and how many bytes it has."""
        size_bytes = 0
        for lines, rows in _slices(page.items):
            size_bytes += len(lines)
            self._rows += rows
            await sink.write(lines, rows=rows)
            # Neither the sink nor a database that is near may make us wait.
            await asyncio.sleep(0)
        self._after = page.end_cursor
        log.debug("stream_page_written", **self._facts(), bytes=size_bytes)
        return size_bytes

    def _foreseen(self, page: PageData, *, is_last: bool) -> Foreseen:
        """What the first page tells of all."""
        if is_last:
            return Foreseen(truncated=self._is_truncated(page), rows=len(page.items))
        if self._is_cut:
            return Foreseen(truncated=True)
        return Foreseen(truncated=None if self._walk.may_end_early else False)

    def _written(self, last: PageData) -> Written:
        return Written(
            rows=self._rows,
            truncated=self._is_truncated(last),
            snapshot_at=None,
            notices=tuple(self._notices),
        )

    def _is_truncated(self, last: PageData) -> bool:
        return last.has_more or self._is_cut

    def _facts(self) -> dict[str, object]:
        return {
            "entity": self._pages.entity,
            "rows": self._rows,
            "page_rows": self._size.rows,
        }


def _slices(items: Sequence[Mapping[str, Any]]) -> Iterator[tuple[bytes, int]]:
    """The lines of some rows and how many they are, so much at a time that nobody has to wait."""
    lines, rows = bytearray(), 0
    for item in items:
        lines += orjson.dumps(item, option=_LINE_OPTIONS)
        rows += 1
        if len(lines) >= _SLICE_BYTES:
            yield one_line_each(bytes(lines)), rows
            lines, rows = bytearray(), 0
    if rows:
        yield one_line_each(bytes(lines)), rows


def _cause(error: GraphQLError) -> Exception:
    """What an error of an answer was, for whoever turns it into another form."""
    cause = error.original_error
    if cause is None or isinstance(cause, GraphQLError):
        return InvalidInput(error.message)
    return cause
