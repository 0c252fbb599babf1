"""Short reads for one request, a few at a time, from one server."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Concatenate, Final, ParamSpec, TypeVar
from uuid import UUID

from db.replica import Replica, ReplicaFailed
from db.transaction import Database, ReadSession

P = ParamSpec("P")
T = TypeVar("T")

MAX_CONCURRENT_READS: Final = 5


class Reads:
    """Lets one request hold only a few connections, however many fields it selects.

    Args:
        replica: Is read from, all through the request, when it has what the user wrote by the time
            of the first read.
        user: Who asks; None when nobody knows.
    """

    def __init__(
        self, database: Database, *, replica: Replica | None = None, user: UUID | None = None
    ) -> None:
        self._database = database
        self._replica = replica
        self._user = user
        self._free = asyncio.Semaphore(MAX_CONCURRENT_READS)
        self._lag_seconds: float | None = None

    @property
    def from_replica(self) -> bool:
        """Whether the request reads at the replica."""
        return self._replica is not None and self._lag_seconds is not None

    def served(self) -> dict[str, object]:
        """Which server the request reads at, and how far that may be behind, for `extensions`."""
        if not self.from_replica:
            return {"served": "primary"}
        return {"served": "replica", "lagSeconds": self._lag_seconds}

    def use_primary(self) -> None:
        """Read at the primary from now on."""
        self._replica = None

    @property
    def are_at_replica(self) -> bool:
        """Whether what is read from here on is read at the replica; may be older than the primary.

        It is decided with that, once for the request.
        """
        return self._choose() is not None

    async def run(
        self,
        read: Callable[Concatenate[ReadSession, P], Awaitable[T]],
        *arguments: P.args,
        **named: P.kwargs,
    ) -> T:
        """What a function of `db` reads in a session of its own; it may be called again."""
        async with self._free:
            if (replica := self._choose()) is not None:
                try:
                    return await replica.run(read, *arguments, **named)
                except ReplicaFailed:
                    self.use_primary()
            async with self._database.read() as session:
                return await read(session, *arguments, **named)

    def _choose(self) -> Replica | None:
        if self._replica is not None and self._lag_seconds is None:
            if self._replica.serves(self._user):
                self._lag_seconds = round(self._replica.lag_seconds(), 3)
            else:
                self.use_primary()
        return self._replica


class NewReads:
    """Reads of which it is known whether they have begun: what nobody read yet is not old."""

    def __init__(self, reads: Reads) -> None:
        self._reads = reads
        self.have_begun = False

    async def run(
        self,
        read: Callable[Concatenate[ReadSession, P], Awaitable[T]],
        *arguments: P.args,
        **named: P.kwargs,
    ) -> T:
        """As `Reads.run`."""
        self.have_begun = True
        return await self._reads.run(read, *arguments, **named)
