"""Proxies before PostgreSQL that cut connections: around COMMIT, or after so many bytes."""

import asyncio
import re
from collections import Counter
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager, suppress
from enum import Enum, auto
from typing import Self

from sqlalchemy.engine import URL

_COMMIT = b"COMMIT;\0"
_COMMITTED = b"COMMIT\0"
_CHUNK_BYTES = 2**16


class Cut(Enum):
    """When a connection ends."""

    BEFORE_COMMIT = auto()
    AFTER_COMMIT = auto()


class Proxy:
    """Passes everything on until it cuts the connection.

    Attributes:
        url: Where it listens.
    """

    def __init__(self, upstream: URL) -> None:
        self._upstream = upstream
        self.url = upstream

    @asynccontextmanager
    async def listening(self) -> AsyncIterator[Self]:
        """Listens as long as this lasts."""
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        here = self._upstream.set(host="127.0.0.1", port=port)
        # Asking for TLS costs more than all the rest of connecting.
        self.url = here.difference_update_query(["host", "port"]).update_query_dict(
            {"ssl": "disable"}
        )
        try:
            yield self
        finally:
            server.close()
            await server.wait_closed()

    async def _serve(
        self, from_client: asyncio.StreamReader, to_client: asyncio.StreamWriter
    ) -> None:
        from_server, to_server = await self._connect()
        answers = asyncio.ensure_future(self._pass_answers(from_server, to_client))
        with suppress(OSError):
            await self._pass_until_cut(from_client, to_server, from_server, answers)
        answers.cancel()
        for writer in (to_client, to_server):
            writer.close()
            with suppress(OSError):
                await writer.wait_closed()

    async def _connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        folder, port = (self._upstream.query.get(name) for name in ("host", "port"))
        if isinstance(folder, str):
            return await asyncio.open_unix_connection(f"{folder}/.s.PGSQL.{port}")
        return await asyncio.open_connection(self._upstream.host, self._upstream.port)

    async def _pass_answers(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        with suppress(OSError):
            while chunk := await reader.read(_CHUNK_BYTES):
                writer.write(chunk)
                await writer.drain()
        writer.close()

    async def _pass_until_cut(
        self,
        from_client: asyncio.StreamReader,
        to_server: asyncio.StreamWriter,
        from_server: asyncio.StreamReader,
        answers: asyncio.Future[None],
    ) -> None:
        """Pass on what the client sends, until the connection is to end."""
        while chunk := await from_client.read(_CHUNK_BYTES):
            allowed = await self._allowed(chunk)
            to_server.write(allowed)
            await to_server.drain()
            if len(allowed) < len(chunk):
                return

    async def _allowed(self, chunk: bytes) -> bytes:
        """What of a chunk goes on, once it may; where not all of it does, the connection ends."""
        return chunk


class BytesProxy(Proxy):
    """Cuts the connection that has sent so many bytes since it was told.

    Attributes:
        sent: How many bytes clients have sent since then.
    """

    def __init__(self, upstream: URL) -> None:
        super().__init__(upstream)
        self.sent = 0
        self._most: int | None = None

    def cut_after(self, most: int | None) -> None:
        """Cut after this many bytes; None lets everything through."""
        self.sent, self._most = 0, most

    async def _allowed(self, chunk: bytes) -> bytes:
        left = len(chunk) if self._most is None else self._most - self.sent
        self.sent += len(chunk)
        return chunk[: max(0, left)]


class CommitProxy(Proxy):
    """Cuts the connections of transactions that it was told about, around their COMMIT.

    Attributes:
        cuts: How often it has cut, and when.
    """

    def __init__(self, upstream: URL) -> None:
        super().__init__(upstream)
        self._plans: dict[bytes, list[Cut]] = {}
        self._pattern: re.Pattern[bytes] | None = None
        self.cuts: Counter[Cut] = Counter()

    def cut(self, marker: str, cuts: Iterable[Cut]) -> None:
        """Cut the next transactions in whose statements a marker occurs, one after the other.

        All markers are of one form: letters, a hyphen, digits.
        """
        self._plans[marker.encode()] = list(cuts)
        self._pattern = re.compile(marker.partition("-")[0].encode() + rb"-\d+")

    async def _pass_until_cut(
        self,
        from_client: asyncio.StreamReader,
        to_server: asyncio.StreamWriter,
        from_server: asyncio.StreamReader,
        answers: asyncio.Future[None],
    ) -> None:
        cut = await self._pass_until_commit(from_client, to_server, answers)
        if cut is Cut.AFTER_COMMIT:
            await from_server.readuntil(_COMMITTED)
        if cut is not None:
            self.cuts[cut] += 1

    async def _pass_until_commit(
        self,
        from_client: asyncio.StreamReader,
        to_server: asyncio.StreamWriter,
        answers: asyncio.Future[None],
    ) -> Cut | None:
        plan: list[Cut] = []
        while chunk := await from_client.read(_CHUNK_BYTES):
            if self._pattern and (marker := self._pattern.search(chunk)):
                plan = self._plans.get(marker[0], [])
            cut = plan.pop(0) if plan and _COMMIT in chunk else None
            if cut is Cut.BEFORE_COMMIT:
                return cut
            if cut is Cut.AFTER_COMMIT:
                # From here on the server's answers are for nobody.
                answers.cancel()
                await asyncio.wait([answers])
            to_server.write(chunk)
            await to_server.drain()
            if cut is not None:
                return cut
        return None
