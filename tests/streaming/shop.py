"""A place where exports are fetched over real HTTP, also byte by byte."""

import asyncio
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
from starlette.requests import Request
from starlette.responses import Response

from streaming.downloads import Downloads
from streaming.spool import Spool
from streaming.spools import Spools
from tests.served import Served
from tests.streaming.spooling import Faucet, about, written

CHUNK_BYTES = 4096
LINES = b"".join(b'{"n": %d}\n' % number for number in range(3000))
PLAIN = {"Accept-Encoding": "identity"}
METHODS = ["GET", "HEAD", "POST"]


@dataclass(frozen=True)
class Shop:
    """A server that gives exports away, and a client of it.

    `/exports/{id}` is one export for ever, `/stream/{id}` would be another one each time.
    """

    spools: Spools
    served: Served
    http: httpx.AsyncClient
    folder: Path

    @property
    def tasks(self) -> int:
        """How many requests are under way."""
        return len(self.served.server.server_state.tasks)

    async def whole(self, data: bytes = LINES, **given: Any) -> tuple[str, Spool]:
        """A finished export and its path."""
        spool = await written(self.spools, data, **given)
        return f"/exports/{spool.id}", spool

    def growing(self, *given: bytes) -> tuple[str, Spool, Faucet]:
        """An export that grows as it is told to, and its path."""
        faucet = Faucet(*given)
        spool = self.spools.begin(about(), faucet)
        return f"/exports/{spool.id}", spool, faucet

    @asynccontextmanager
    async def raw(self, path: str, *lines: str, version: str = "1.1") -> AsyncIterator["Raw"]:
        """A request by a client that shows all bytes, and reads none by itself."""
        connection = socket.socket()
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.settimeout(0)
        loop = asyncio.get_running_loop()
        try:
            await loop.sock_connect(connection, ("127.0.0.1", self.served.port))
            text = "\r\n".join([f"GET {path} HTTP/{version}", "Host: x", *lines, "", ""])
            await loop.sock_sendall(connection, text.encode())
            yield Raw(connection)
        finally:
            connection.close()


@dataclass(frozen=True)
class Raw:
    """The end of a connection."""

    connection: socket.socket

    async def until(self, text: bytes) -> bytes:
        """What comes up to a text."""
        received = b""
        async with asyncio.timeout(10):
            while text not in received:
                received += await self._some()
        return received

    async def rest(self) -> bytes:
        """What comes until the server closes."""
        received = b""
        async with asyncio.timeout(10):
            while some := await self._some():
                received += some
        return received

    async def _some(self) -> bytes:
        return await asyncio.get_running_loop().sock_recv(self.connection, 65536)


class Counter:
    """What a server gives away for now: each test brings its own."""

    def __init__(self) -> None:
        self.spools: Spools
        self.downloads: Downloads
        self.on_found: Callable[[Spool], None]

    async def answer(self, request: Request) -> Response:
        spool = await self.spools.find(UUID(request.path_params["id"]))
        assert spool is not None
        self.on_found(spool)
        is_one = request.path_params["kind"] == "exports"
        return await self.downloads.answer(request, spool, takes_ranges=is_one)


def downloads(chunk_bytes: int, **options: Any) -> Downloads:
    """What answers."""
    return Downloads(
        chunk_bytes=chunk_bytes, manifest_path=lambda id_: f"/exports/{id_}/manifest", **options
    )


def is_problem(answer: httpx.Response, status: int, code: str) -> bool:
    """Whether an answer is this error."""
    return (answer.status_code, answer.json()["code"]) == (status, code)
