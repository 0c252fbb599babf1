"""A proxy before PostgreSQL that cuts connections at the worst moment: around COMMIT."""

import asyncio
import re
from collections import Counter
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager, suppress
from enum import Enum, auto

from sqlalchemy.engine import URL

_COMMIT = b"COMMIT;\0"
_COMMITTED = b"COMMIT\0"
_CHUNK_BYTES = 2**16


class Cut(Enum):
    """When a connection ends."""

    BEFORE_COMMIT = auto()
    AFTER_COMMIT = auto()


class CommitProxy:
    """Passes everything on, and cuts the connections of transactions that it was told about.

    Attributes:
        url: Where it listens.
        cuts: How often it has cut, and when.
    """

    def __init__(self, upstream: URL) -> None:
        self._upstream = upstream
        self._plans: dict[bytes, list[Cut]] = {}
        self._pattern: re.Pattern[bytes] | None = None
        self.url = upstream
        self.cuts: Counter[Cut] = Counter()

    def cut(self, marker: str, cuts: Iterable[Cut]) -> None:
        """Cut the next transactions in whose statements a marker occurs, one after the other.

        All markers are of one form: letters, a hyphen, digits.
        """
        self._plans[marker.encode()] = list(cuts)
        self._pattern = re.compile(marker.partition("-")[0].encode() + rb"-\d+")

    @asynccontextmanager
    async def listening(self) -> AsyncIterator["CommitProxy"]:
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
        answers = asyncio.ensure_future(_pass_on(from_server, to_client))
        with suppress(OSError):
            cut = await self._pass_until_cut(from_client, to_server, answers)
            if cut is Cut.AFTER_COMMIT:
                await from_server.readuntil(_COMMITTED)
            if cut is not None:
                self.cuts[cut] += 1
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

    async def _pass_until_cut(
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


async def _pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while chunk := await reader.read(_CHUNK_BYTES):
            writer.write(chunk)
            await writer.drain()
    writer.close()
