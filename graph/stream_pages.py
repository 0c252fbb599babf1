"""What writes a stream: one page after the other, each asked like a request of its own.

The one idea: a page is whole or it is not written. Nothing of one is left for the next but the
cursor, so a page that failed is asked again without a gap and without a row twice.
"""

import asyncio
import random
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, Final

import orjson
import structlog
from graphql import GraphQLError

from domain.errors import InvalidInput, Unavailable
from domain.exports import Foreseen, Written
from graph.context import Context
from graph.endpoint import Endpoint
from graph.execution.keeping import ANSWER_OPTIONS
from graph.fetches import Fetches
from graph.stream_documents import PageData, PagedDocument, Walk
from streaming.encoders import one_line_each
from streaming.spool import Sink

_LINE_OPTIONS: Final = ANSWER_OPTIONS | orjson.OPT_APPEND_NEWLINE
_RETRIES: Final = 4
_PAUSE_SECONDS: Final = 0.1

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
        wanted = self._paged.request(self._variables, first=first, after=after)
        try:
            result = await self._endpoint.execute(self._paged.document, wanted, context)
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
        batch_rows: So many a page.
    """

    def __init__(self, pages: Pages, walk: Walk, *, batch_rows: int) -> None:
        self._pages = pages
        self._walk = walk
        self._batch_rows = batch_rows

    async def __call__(self, sink: Sink) -> Written:
        """Write all of it, and tell what it was.

        Raises:
            AppError: A page cannot be had.
        """
        begun_at, rows, after = datetime.now(UTC), 0, self._walk.after
        while True:
            page = await self._page(rows, after)
            is_first, rows, after = not rows, rows + len(page.items), page.end_cursor
            is_last = not page.has_next or rows == self._walk.most
            if is_first:
                sink.foresee(self._foreseen(page, is_last=is_last))
            await sink.write(_lines(page), rows=len(page.items))
            log.debug("stream_page_written", entity=self._pages.entity, rows=rows)
            if is_last:
                return Written(rows=rows, truncated=page.has_more, snapshot_at=begun_at)
            # A database that is near may not make us wait, and encoding a page takes a while.
            await asyncio.sleep(0)

    async def _page(self, rows: int, after: str | None) -> PageData:
        """The page behind so many rows; asked for again when the database did not answer.

        The first one is not: as long as nothing is written, a spool begins anew by itself.
        """
        left, pause = _RETRIES if rows else 0, _PAUSE_SECONDS
        while True:
            try:
                return await self._pages.read(first=self._size(rows), after=after)
            except Unavailable as error:
                if not left or not error.details["retryable"]:
                    raise
            left -= 1
            log.warning("stream_page_failed", entity=self._pages.entity, rows=rows, left=left)
            await asyncio.sleep(random.uniform(0.5, 1.5) * pause)  # noqa: S311  # spreads retries
            pause *= 2

    def _size(self, rows: int) -> int:
        """How many rows the page behind so many has."""
        most = self._walk.most
        return self._batch_rows if most is None else min(self._batch_rows, most - rows)

    def _foreseen(self, page: PageData, *, is_last: bool) -> Foreseen:
        """What the first page tells of all."""
        if is_last:
            return Foreseen(truncated=page.has_more, rows=len(page.items))
        return Foreseen(truncated=None if self._walk.may_end_early else False)


def _lines(page: PageData) -> bytes:
    lines = (orjson.dumps(item, option=_LINE_OPTIONS) for item in page.items)
    return one_line_each(b"".join(lines))


def _cause(error: GraphQLError) -> Exception:
    """What an error of an answer was, for whoever turns it into another form."""
    cause = error.original_error
    if cause is None or isinstance(cause, GraphQLError):
        return InvalidInput(error.message)
    return cause
