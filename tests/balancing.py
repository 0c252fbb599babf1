"""A strict proxy in front of server processes: what it cannot pass on has failed.

It keeps connections and uses them again, asks each server several times a second whether it is
ready, and sends those nothing that are not. It never sends a request twice, so a server that loses
one is found out.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import count
from typing import NamedTuple, Self

_ASK_SECONDS = 0.1
_PATIENCE_SECONDS = 20.0


class Answer(NamedTuple):
    """What a server answered."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def closes(self) -> bool:
        """Whether nothing more is answered on its connection."""
        return self.headers.get("connection", "").lower() == "close"


class Connection:
    """A connection to a server, for one request after the other."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    @property
    def is_closed(self) -> bool:
        """Whether the server has closed it."""
        return self._reader.at_eof()

    async def send(self, request: bytes) -> Answer:
        """The answer to a request.

        Raises:
            OSError: The connection broke.
            EOFError: It was closed before the answer.
        """
        async with asyncio.timeout(_PATIENCE_SECONDS):
            self._writer.write(request)
            first, *lines = (await self._reader.readuntil(b"\r\n\r\n")).decode().splitlines()
            headers = {
                name.lower(): value
                for name, _, value in (line.partition(": ") for line in lines if line)
            }
            body = await self._reader.readexactly(int(headers["content-length"]))
            return Answer(int(first.split()[1]), headers, body)

    def close(self) -> None:
        """Let go of it."""
        self._writer.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exception: object) -> None:
        self.close()


async def connected(port: int) -> Connection:
    """A new connection to a server of this machine.

    Raises:
        OSError: There is none.
    """
    return Connection(*await asyncio.open_connection("127.0.0.1", port))


def request(method: str, path: str, body: bytes = b"", **headers: str) -> bytes:
    """A request as its bytes; `content_type` is `Content-Type`."""
    told = {"host": "test", "content-length": str(len(body)), **headers}
    lines = [f"{name.replace('_', '-')}: {value}" for name, value in told.items()]
    return "\r\n".join([f"{method} {path} HTTP/1.1", *lines, "", ""]).encode() + body


@dataclass
class _Server:
    """One of the servers as the proxy sees it."""

    port: int
    is_ready: bool = False
    kept: list[Connection] = field(default_factory=list)

    async def send(self, given: bytes) -> Answer:
        connection = await self._connection()
        answer = None
        try:
            answer = await connection.send(given)
        finally:
            if answer is None or answer.closes:
                connection.close()
            else:
                self.kept.append(connection)
        return answer

    async def _connection(self) -> Connection:
        while self.kept:
            connection = self.kept.pop()
            if not connection.is_closed:
                return connection
            connection.close()
        return await connected(self.port)

    async def ask_forever(self) -> None:
        while True:
            try:
                with await connected(self.port) as connection:
                    await self._ask(connection)
            except (OSError, EOFError, TimeoutError):
                self.is_ready = False
            await asyncio.sleep(_ASK_SECONDS)

    async def _ask(self, connection: Connection) -> None:
        """Ask again and again over a connection, until it closes."""
        while True:
            answer = await connection.send(request("GET", "/health/ready"))
            self.is_ready = answer.status == 200
            if answer.closes:
                return
            await asyncio.sleep(_ASK_SECONDS)


class Balancer:
    """Passes each request on to the next server that is ready."""

    def __init__(self, servers: list[_Server]) -> None:
        self._servers = servers
        self._numbers = count()

    @property
    def ready(self) -> list[int]:
        """The ports of the servers that are sent requests."""
        return [server.port for server in self._servers if server.is_ready]

    async def send(self, given: bytes) -> Answer:
        """What one of them answers; whatever goes wrong is not tried again."""
        ready = [server for server in self._servers if server.is_ready]
        assert ready, "no server is ready"
        return await ready[next(self._numbers) % len(ready)].send(given)

    async def until_ready(self, number: int) -> None:
        """Wait until so many are ready."""
        async with asyncio.timeout(_PATIENCE_SECONDS):
            while True:
                if len(self.ready) == number:
                    return
                await asyncio.sleep(_ASK_SECONDS / 10)


@asynccontextmanager
async def balancing(*ports: int) -> AsyncIterator[Balancer]:
    """A proxy in front of the servers at these ports, as long as the block lasts."""
    servers = [_Server(port) for port in ports]
    asking = [asyncio.create_task(server.ask_forever()) for server in servers]
    try:
        yield Balancer(servers)
    finally:
        for task in asking:
            task.cancel()
        await asyncio.gather(*asking, return_exceptions=True)
        for server in servers:
            for connection in server.kept:
                connection.close()
