"""Connections to Redis, each command with all it takes inside of one time limit.

The client of the library spends more time on a command than all of the rest together: it is built
for retries, watching and clusters. Its connections are used without it.
"""

import asyncio
import re
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Final, TypeVar, cast

from redis.asyncio.connection import AbstractConnection, Connection, parse_url
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import InvalidResponse, NoScriptError, RedisError, ResponseError

from cache.redis_scripts import Script
from cache.redis_wire import Wire, Word
from cache.store import StoreUnavailable

T = TypeVar("T")

_MAX_CONNECTIONS: Final = 64
_CHUNK_BYTES: Final = 2**16
_SLICE_SECONDS: Final = 0.025
_SLICES: Final = 10
_CLOSING_SECONDS: Final = 0.25
_PLACE: Final = frozenset({"host", "port", "path", "db", "username", "password", "client_name"})
# The one time limit is around everything, and a life of the server is told to a connection once.
_OPTIONS: Final[dict[str, Any]] = {
    "protocol": 2,
    "driver_info": None,
    "socket_timeout": None,
    "socket_connect_timeout": None,
    "retry": Retry(NoBackoff(), 0),
}
_LIFE: Final = re.compile(rb"^run_id:(\w{16})", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Session:
    """A connection to one life of the server.

    Attributes:
        life: Is another one after every start of the server; a connection does not outlive it.
    """

    connection: AbstractConnection
    wire: Wire
    life: str

    async def run(self, script: Script, *arguments: Word) -> Any:
        """The answer of a script, which the server is told when it does not know it."""
        try:
            return await self.wire.ask("EVALSHA", script.sha, *arguments)
        except NoScriptError:
            return await self.wire.ask("EVAL", script.text, *arguments)


class _Patience:
    """A time limit of 250 ms that the process itself does not use up.

    It passes in slices, each begun when the last one was seen to be over. A loop that is late for
    one has not listened meanwhile either: what it did not hear is no silence of the server.
    """

    def __init__(self) -> None:
        self._limit = asyncio.timeout(None)
        self._slices = _SLICES

    async def __aenter__(self) -> None:
        await self._limit.__aenter__()
        self._loop = asyncio.get_running_loop()
        self._slice = self._loop.call_later(_SLICE_SECONDS, self._next)

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._slice.cancel()
        await self._limit.__aexit__(kind, error, traceback)

    def _next(self) -> None:
        self._slices -= 1
        if self._slices:
            self._slice = self._loop.call_later(_SLICE_SECONDS, self._next)
        else:
            self._limit.reschedule(self._loop.time())


class Connections:
    """As many connections as are needed at once, up to a bound; who finds none waits a moment.

    Whatever ends a command before its answer is read, being cancelled too, ends its connection:
    no answer is ever taken for that of another command.

    Args:
        url: As `redis://user:password@host:6379/0`; `rediss://` and `unix://` as well. Of the
            options of the library it may have those for TLS.

    Attributes:
        life: Of the server that was connected to last.
    """

    def __init__(self, url: str) -> None:
        self.life = ""
        self._connect = _connecting_to(url)
        self._idle: list[Session] = []
        self._free = asyncio.Semaphore(_MAX_CONNECTIONS)

    async def use(self, talk: Callable[[Session], Awaitable[T]]) -> T:
        """What one command comes to over a connection.

        Raises:
            StoreUnavailable: No connection, no answer in time, or an answer that is an error.
        """
        try:
            async with _Patience(), self._free:
                return await self._talk(talk)
        except (RedisError, OSError) as error:
            raise StoreUnavailable(str(error)) from error

    async def close(self) -> None:
        """Close them; none may be in use any more."""
        for session in self._idle:
            with suppress(RedisError, OSError):
                async with asyncio.timeout(_CLOSING_SECONDS):
                    await session.connection.disconnect()
        self._idle.clear()

    async def _talk(self, talk: Callable[[Session], Awaitable[T]]) -> T:
        session = await self._take()
        try:
            told = await talk(session)
        except ResponseError:
            self._idle.append(session)
            raise
        except BaseException:
            await session.connection.disconnect(nowait=True)
            raise
        self._idle.append(session)
        return told

    async def _take(self) -> Session:
        while self._idle:
            session = self._idle.pop()
            # There is something to read when the server has gone, or has said what nobody asked.
            if not await session.connection.can_read():
                return session
            await session.connection.disconnect(nowait=True)
        return await self._open()

    async def _open(self) -> Session:
        connection, wire = self._connect()
        try:
            # The first command connects. No other one does: a connection that fails is let go.
            await connection.send_command("INFO", "server")
            life = _LIFE.search(await connection.read_response())
        except BaseException:
            await connection.disconnect(nowait=True)
            raise
        if life is None:
            await connection.disconnect(nowait=True)
            raise InvalidResponse("The server does not tell its run_id.")
        self.life = life[1].decode()
        return Session(connection, wire, self.life)


def _connecting_to(url: str) -> Callable[[], tuple[AbstractConnection, Wire]]:
    """Makes connections that are not connected yet."""
    told = cast("dict[str, Any]", parse_url(url))
    options = _OPTIONS | {
        name: value for name, value in told.items() if name in _PLACE or name.startswith("ssl_")
    }
    make = told.get("connection_class", Connection)

    def prepare() -> tuple[AbstractConnection, Wire]:
        wire = Wire(_CHUNK_BYTES)
        return make(**options, parser_class=lambda **_: wire), wire

    return prepare
