"""A client of graphql-transport-ws that does what a test says, right or wrong."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import orjson
import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed
from websockets.typing import Subprotocol

from tests.client import without_cost

PROTOCOL = Subprotocol("graphql-transport-ws")


class Socket:
    """One socket, as its client sees it."""

    def __init__(self, connection: ClientConnection) -> None:
        self.connection = connection

    async def send(self, type: str, **more: Any) -> None:
        """Send a message."""
        await self.send_raw(orjson.dumps({"type": type, **more}).decode())

    async def send_raw(self, content: str | bytes) -> None:
        """Send anything."""
        await self.connection.send(content)

    async def receive(self) -> Any:
        """The next message."""
        async with asyncio.timeout(10):
            return orjson.loads(await self.connection.recv())

    async def init(self, token: str) -> None:
        """Say who it is."""
        await self.send("connection_init", payload={"Authorization": token})
        assert await self.receive() == {"type": "connection_ack"}

    async def subscribe(self, query: str, id: str = "1", **more: Any) -> None:
        """Begin an operation."""
        await self.send("subscribe", id=id, payload={"query": query, **more})

    async def next(self, id: str = "1") -> Any:
        """The result that comes next, but for what it costs."""
        message = await self.receive()
        assert (message["type"], message["id"]) == ("next", id), message
        return without_cost(message["payload"])

    async def error(self, id: str = "1") -> dict[str, Any]:
        """The one error that comes in place of a result."""
        message = await self.receive()
        assert (message["type"], message["id"]) == ("error", id), message
        (error,) = message["payload"]
        found: dict[str, Any] = error
        return found

    async def completed(self, id: str = "1") -> None:
        """The next message is the end of an operation."""
        assert await self.receive() == {"type": "complete", "id": id}

    async def closed(self) -> tuple[int, str]:
        """How the server ends the socket, which comes next."""
        with pytest.raises(ConnectionClosed) as closed:
            await self.receive()
        frame = closed.value.rcvd
        assert frame is not None
        return frame.code, frame.reason


@asynccontextmanager
async def opened(url: str, **options: Any) -> AsyncIterator[Socket]:
    """A socket that has said nothing yet."""
    given = {"subprotocols": [PROTOCOL], "proxy": None, **options}
    async with connect(url, **given) as connection:
        yield Socket(connection)


async def until(condition: Callable[[], object]) -> None:
    """Return when a condition holds."""
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110  # what it looks at tells nobody
            await asyncio.sleep(0.001)


async def until_still(count: Callable[[], int]) -> int:
    """What a number is when it has stopped to grow."""
    async with asyncio.timeout(10):
        told = -1
        while (now := count()) != told:
            told = now
            await asyncio.sleep(0.05)
    return told
