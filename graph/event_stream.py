"""Answers over HTTP as a stream of server-sent events: one request, one operation, one stream.

Source: graphql-sse, PROTOCOL.md, "Distinct connections mode".
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import aclosing
from typing import Any, Final

import orjson
import structlog
from starlette.types import Message, Receive, Send

from domain.errors import AppError
from graph.accept import EVENT_STREAM
from graph.context import Context
from graph.endpoint import body_of, token_expired
from graph.errors import MASKED, format_app_error
from graph.execution.subscribing import Results

EVENT_STREAM_HEADERS: Final = (
    (b"vary", b"Accept"),
    (b"cache-control", b"no-store"),
    # nginx keeps a stream back until its buffer is full, unless it is told.
    (b"x-accel-buffering", b"no"),
    (b"content-type", f"{EVENT_STREAM}; charset=utf-8".encode()),
)

_COMMENT: Final = b":\n\n"
_COMPLETE: Final = b"event: complete\ndata: \n\n"

log = structlog.get_logger(__name__)


def as_events(content: bytes) -> bytes:
    """The one answer of a query or mutation as a whole stream."""
    return _next(content) + _COMPLETE


class OpenStreams:
    """The streams under way, so that they can be ended before the server waits for them.

    Args:
        keep_alive_seconds: How often a stream with nothing to tell shows that it is there.
        closing_seconds: What a client that has stopped to read may hold up the end of its stream.
    """

    def __init__(self, *, keep_alive_seconds: float = 12.0, closing_seconds: float = 5.0) -> None:
        self.keep_alive_seconds = keep_alive_seconds
        self.closing_seconds = closing_seconds
        self._watches: set[asyncio.Task[None]] = set()
        self._is_ended = False

    @property
    def count(self) -> int:
        """How many are under way."""
        return len(self._watches)

    def watch(self, receive: Receive) -> asyncio.Task[None]:
        """What is done when the client has left or all streams have to end."""
        watch = asyncio.create_task(_disconnected(receive))
        self._watches.add(watch)
        watch.add_done_callback(self._watches.discard)
        if self._is_ended:
            watch.cancel()
        return watch

    def end(self) -> None:
        """Break all streams off, and each that begins later; their clients connect again."""
        self._is_ended = True
        for watch in self._watches:
            watch.cancel()


class EventStream:
    """The answer to a subscription.

    It ends when nothing more comes, the client leaves, its token is not good any more or not for
    the same, or the server stops.

    Args:
        check: Tells why the token is not good for the same any more; None while it is.
    """

    def __init__(
        self,
        results: Results,
        context: Context,
        request_id: str,
        streams: OpenStreams,
        *,
        check: Callable[[], Awaitable[AppError | None]],
    ) -> None:
        self._results = results
        self._context = context
        self._request_id = request_id
        self._streams = streams
        self._check = check
        self._refusal: AppError = token_expired()
        viewer = context.viewer
        self._time = asyncio.timeout(None if viewer is None else viewer.seconds_left())

    async def send(self, receive: Receive, send: Send) -> None:
        """Send it to its end."""
        headers = [*EVENT_STREAM_HEADERS]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        watch = self._streams.watch(receive)
        # In a task of its own: with a client that reads nothing it waits for ever.
        keeping_alive = asyncio.create_task(self._keep_alive(send))
        telling = asyncio.create_task(self._tell(send))
        tasks = (telling, keeping_alive, watch)
        try:
            await asyncio.wait((telling, watch), return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        await self._end(send)

    async def _keep_alive(self, send: Send) -> None:
        while True:
            # The first one at once: some proxies hold an answer back until its body begins.
            await send(_part(_COMMENT))
            await asyncio.sleep(self._streams.keep_alive_seconds)
            await self._ask_again()

    async def _ask_again(self) -> None:
        """End the stream when its token was taken back or changed, or its user sent away."""
        refusal = await self._check()
        if refusal is not None:
            self._refusal = refusal
            self._time.reschedule(asyncio.get_running_loop().time())

    async def _tell(self, send: Send) -> None:
        error: AppError | None = None
        try:
            await self._tell_results(send)
        except TimeoutError:
            error = self._refusal
        except Exception:
            log.exception("subscription_failed")
            error = AppError(MASKED)
        async with asyncio.timeout(self._streams.closing_seconds):
            if error is not None:
                await self._fail(send, error)
            await send(_part(_COMPLETE))

    async def _tell_results(self, send: Send) -> None:
        async with aclosing(self._results), self._time:
            async for result in self._results:
                body = body_of(result, self._context, self._request_id)
                await send(_part(_next(orjson.dumps(body, option=orjson.OPT_UTC_Z))))

    async def _fail(self, send: Send, error: AppError) -> None:
        body: dict[str, Any] = {"errors": [format_app_error(error, self._request_id)]}
        await send(_part(_next(orjson.dumps(body))))

    async def _end(self, send: Send) -> None:
        try:
            async with asyncio.timeout(self._streams.closing_seconds):
                await send({"type": "http.response.body", "body": b""})
        except TimeoutError:
            log.debug("stream_not_ended")


async def _disconnected(receive: Receive) -> None:
    message = await receive()
    while message["type"] != "http.disconnect":
        message = await receive()


def _next(content: bytes) -> bytes:
    # JSON as it is written here has no line feeds, so one line of data holds it.
    return b"event: next\ndata: %b\n\n" % content


def _part(content: bytes) -> Message:
    return {"type": "http.response.body", "body": content, "more_body": True}
