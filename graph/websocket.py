"""Operations over a WebSocket: graphql-transport-ws, many operations on one socket.

The one idea: one task reads what the client sends, and each operation answers in a task of its own,
which ends with the socket at the latest. What has to end the socket is raised as `Closed`.

Source: graphql-ws, PROTOCOL.md.
"""

import asyncio
from collections.abc import Mapping
from typing import Any, Final

import structlog
from starlette.types import Receive, Scope, Send

from domain.errors import AppError, Unavailable
from domain.viewer import Viewer
from graph.endpoint import Endpoint, token_changed, token_expired
from graph.errors import MASKED
from graph.request import HTTPRequest
from graph.socket_messages import Closed, Gone, Received, read_message, written
from graph.socket_operations import Operations

PROTOCOL: Final = "graphql-transport-ws"

log = structlog.get_logger(__name__)


class GraphQLSocket:
    """Takes the sockets of `/graphql`.

    Args:
        init_seconds: How long a client may take to say who it is.
        closing_seconds: What a client that has stopped to read may hold up the end of its socket.
        checking_seconds: How often it is asked whether a token is still good that goes on being
            used without a word: it may have been taken back, or its user sent away.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        *,
        init_seconds: float = 10.0,
        closing_seconds: float = 5.0,
        checking_seconds: float = 30.0,
    ) -> None:
        self._endpoint = endpoint
        self._init_seconds = init_seconds
        self._checking_seconds = checking_seconds
        self._closing_seconds = closing_seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one socket to its end."""
        await receive()
        if PROTOCOL not in scope["subprotocols"]:
            # Accepted first: before that there is no code to close with.
            await send({"type": "websocket.accept"})
            await send(Closed(4406, f"Open the socket with the subprotocol {PROTOCOL}.").event())
            return
        await send({"type": "websocket.accept", "subprotocol": PROTOCOL})
        connection = _Connection(
            self._endpoint, HTTPRequest(scope, receive), send, self._checking_seconds
        )
        closed = await connection.serve(self._init_seconds)
        if closed is not None:
            await self._close(send, closed)

    async def _close(self, send: Send, closed: Closed) -> None:
        try:
            async with asyncio.timeout(self._closing_seconds):
                await send(closed.event())
        except (OSError, RuntimeError) as error:
            log.debug("socket_not_closed", reason=str(error))


class _Connection:
    """One socket, from its first message to its last."""

    def __init__(
        self, endpoint: Endpoint, request: HTTPRequest, send: Send, checking_seconds: float
    ) -> None:
        self._endpoint = endpoint
        self._checking_seconds = checking_seconds
        self._request = request
        self._send_event = send
        self._operations = Operations(endpoint, self._send, request.id, request.client)
        self._viewer: Viewer | None = None
        self._token: str | None = None
        self._refusal: Closed | None = None
        self._checking: asyncio.Task[None] | None = None
        self._time = asyncio.timeout(None)
        self._handlers = {
            "connection_init": self._init,
            "subscribe": self._subscribe,
            "complete": self._complete,
            "ping": self._ping,
        }

    async def serve(self, init_seconds: float) -> Closed | None:
        """Answer what comes; gives why the socket has to end, unless the client ended it."""
        try:
            async with asyncio.timeout(init_seconds) as self._time:
                await self._read()
        except Closed as closed:
            return closed
        except TimeoutError:
            return self._out_of_time()
        except Gone:
            return None
        except Exception:
            log.exception("socket_failed")
            return Closed(4500, MASKED)
        finally:
            if self._checking is not None:
                self._checking.cancel()
            await self._operations.end()
        return None

    async def _read(self) -> None:
        while (event := await self._request.receive())["type"] == "websocket.receive":
            message = read_message(event)
            if message.type in self._handlers:
                await self._handlers[message.type](message)
            # What has come is read without waiting: a client that sends small messages without a
            # pause kept all others waiting for 0.8 s, and 0.2 s with this (measured 2026-11-22).
            await asyncio.sleep(0)

    async def _init(self, message: Received) -> None:
        if self._viewer is not None:
            raise Closed(4429, "connection_init was sent twice.")
        self._token = self._token_of(message.payload)
        self._viewer = await self._authenticated()
        left = self._viewer.seconds_left()
        now = asyncio.get_running_loop().time()
        self._time.reschedule(None if left is None else now + left)
        self._checking = asyncio.create_task(self._check())
        await self._send({"type": "connection_ack"})

    def _token_of(self, payload: Mapping[str, Any]) -> str | None:
        given = {name.lower(): value for name, value in payload.items()}.get("authorization")
        if given is None:
            given = self._request.header(b"authorization")
        return given if isinstance(given, str) else None

    async def _authenticated(self) -> Viewer:
        try:
            viewer = await self._endpoint.authenticate(self._token)
        except Unavailable as error:
            raise Closed(1013, error.message) from None
        except AppError as error:
            raise Closed(4403, error.message) from None
        if viewer is None:
            raise Closed(4403, 'Send a token: connection_init with {"Authorization": "Bearer …"}.')
        return viewer

    async def _subscribe(self, message: Received) -> None:
        if self._viewer is None:
            raise Closed(4401, "Send connection_init first, and wait for connection_ack.")
        # It may have been taken back since the last one.
        viewer = await self._authenticated()
        if viewer != self._viewer:
            raise Closed(4403, token_changed().message)
        await self._operations.start(message, viewer)

    async def _check(self) -> None:
        """End the socket when its token is not good any more, or not for the same."""
        while self._refusal is None:
            await asyncio.sleep(self._checking_seconds)
            refusal = await self._endpoint.refusal_of(self._token, self._viewer)
            if refusal is not None:
                self._refusal = Closed(4403, refusal.message)
                self._time.reschedule(asyncio.get_running_loop().time())

    async def _complete(self, message: Received) -> None:
        self._operations.stop(message.id)

    async def _ping(self, _message: Received) -> None:
        await self._send({"type": "pong"})

    async def _send(self, message: Mapping[str, Any]) -> None:
        try:
            await self._send_event(written(message))
        except (OSError, RuntimeError) as error:
            # uvicorn raises one for a client that left, the other when it has given one up itself.
            raise Gone from error

    def _out_of_time(self) -> Closed:
        if self._viewer is None:
            return Closed(4408, "connection_init did not come in time.")
        return self._refusal or Closed(4403, token_expired().message)
