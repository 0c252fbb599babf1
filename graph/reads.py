"""Short reads for one request, a few at a time."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Concatenate, Final, ParamSpec, TypeVar

from db.transaction import Database, ReadSession

P = ParamSpec("P")
T = TypeVar("T")

MAX_CONCURRENT_READS: Final = 5


class Reads:
    """Lets one request hold only a few connections, however many fields it selects."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._free = asyncio.Semaphore(MAX_CONCURRENT_READS)

    @asynccontextmanager
    async def read(self) -> AsyncIterator[ReadSession]:
        """A session for one statement or batch."""
        async with self._free, self._database.read() as session:
            yield session

    async def run(
        self,
        read: Callable[Concatenate[ReadSession, P], Awaitable[T]],
        *arguments: P.args,
        **named: P.kwargs,
    ) -> T:
        """What a function of `db` reads in a session of its own."""
        async with self.read() as session:
            return await read(session, *arguments, **named)
