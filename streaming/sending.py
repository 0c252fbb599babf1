"""Sends chunks to a client that may be slow, may leave, and must see when they break off."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Coroutine, Mapping
from contextlib import asynccontextmanager
from typing import Any, Final

import structlog
from starlette.responses import Response
from starlette.types import Message, Receive, Scope, Send

from streaming.spool import SpoolBroken

Chunks = AsyncGenerator[bytes, None]

_LAST: Final[Message] = {"type": "http.response.body", "body": b""}

log = structlog.get_logger(__name__)


class _TooSlow(Exception):
    """The client has not taken a chunk in time."""


class ChunkedAnswer(Response):
    """An answer in chunks, of which one at a time is in memory.

    It begins when the first one is there, so that a spool that has failed by then is answered by
    its error. It ends as HTTP asks for only when all were sent: when the spool fails, or the client
    is too slow, the connection is closed before. Whatever happens, the chunks are closed.

    Args:
        open_chunks: Called when the client is to have them, so not for HEAD.
        patience_seconds: How long the client may take for a chunk.
        facts: What the log tells of an answer that is broken off.
    """

    def __init__(
        self,
        open_chunks: Callable[[], Chunks],
        *,
        status_code: int,
        headers: Mapping[str, str],
        patience_seconds: float,
        facts: Mapping[str, object],
    ) -> None:
        # Not by Response: it would announce the length of a body that it has.
        self.status_code = status_code
        self.init_headers(headers)
        self._open_chunks = open_chunks
        self._patience_seconds = patience_seconds
        self._facts = facts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it, as far as there is somebody who takes it.

        Raises:
            AppError: What the spool has failed with, so that there is no first chunk.
        """
        if scope["method"] == "HEAD":
            await self._start(send)
            await send(_LAST)
        else:
            await unless_left(receive, self._send_all(send))

    async def _start(self, send: Send) -> None:
        start = {"status": self.status_code, "headers": self.raw_headers}
        await send({"type": "http.response.start", **start})

    async def _send_all(self, send: Send) -> None:
        async with _closed_in_any_case(self._open_chunks()) as chunks:
            chunk, sent_bytes = await _first(chunks), 0
            await self._start(send)
            try:
                while chunk is not None:
                    await self._hand_over(chunk, send)
                    sent_bytes += len(chunk)
                    chunk = None  # or it would stay while the next one is read
                    chunk = await anext(chunks, None)
                await send(_LAST)
            except (SpoolBroken, _TooSlow) as error:
                # By returning before the last message the server is told to close the connection.
                log.warning(
                    "download_broken_off", reason=str(error), sent_bytes=sent_bytes, **self._facts
                )

    async def _hand_over(self, chunk: bytes, send: Send) -> None:
        """Send a chunk and wait until it is taken.

        uvicorn waits before it writes, not after, so that an empty message waits for the one before
        it.
        """
        try:
            async with asyncio.timeout(self._patience_seconds):
                await send(_part(chunk))
                await send(_part(b""))
        except TimeoutError as error:
            raise _TooSlow("The client reads too slowly.") from error


async def unless_left(receive: Receive, work: Coroutine[Any, Any, None]) -> bool:
    """Do something for a client, or give it up when the client leaves.

    Args:
        receive: Gives nothing that anybody else waits for.

    Returns:
        Whether it was done; what it raises is raised.
    """
    working = asyncio.create_task(work)
    watching = asyncio.create_task(_left(receive))
    try:
        await asyncio.wait((working, watching), return_when=asyncio.FIRST_COMPLETED)
        if working.done():
            working.result()
        return working.done()
    finally:
        working.cancel()
        watching.cancel()
        await asyncio.gather(working, watching, return_exceptions=True)


async def _left(receive: Receive) -> None:
    message = await receive()
    while message["type"] != "http.disconnect":
        message = await receive()


@asynccontextmanager
async def _closed_in_any_case(chunks: Chunks) -> AsyncIterator[Chunks]:
    """Closes the chunks at the end, even when the task is cancelled again meanwhile."""
    try:
        yield chunks
    finally:
        await asyncio.shield(chunks.aclose())


async def _first(chunks: Chunks) -> bytes | None:
    """The first chunk; None when there is none.

    Raises:
        AppError: What the spool has failed with.
    """
    try:
        return await anext(chunks, None)
    except SpoolBroken as broken:
        # Many may be told; each has a trace of its own.
        raise broken.error.with_traceback(None) from None


def _part(content: bytes) -> Message:
    return {"type": "http.response.body", "body": content, "more_body": True}
