"""Taking connections out of the pool and giving them back, without a ping before use."""

from typing import cast

import asyncpg
from sqlalchemy.exc import MissingGreenlet
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlalchemy.pool import PoolProxiedConnection, QueuePool
from sqlalchemy.util import greenlet_spawn

from db.pool_statistics import PoolStatistics


class Connections:
    """The connections of an engine.

    Args:
        engine: Its pool is where they come from.
        pool_statistics: Of that pool, where others take from it too.

    Attributes:
        pool_statistics: What becomes of the pool's connections.
    """

    def __init__(self, engine: AsyncEngine, pool_statistics: PoolStatistics | None = None) -> None:
        self.engine = engine
        self.pool_statistics = pool_statistics or PoolStatistics(engine)

    async def acquire(self) -> PoolProxiedConnection:
        """A connection that is not known to be closed, for nobody else until it is released."""
        held = self._take_idle()
        if held is None or _is_closed(held):
            held = await self._wait_for_another(held)
        self.pool_statistics.took(held)
        return held

    async def release(self, held: PoolProxiedConnection) -> None:
        """Give a connection back; nothing is reset, for nothing outlives a transaction."""
        if not held.is_valid:
            return
        if not _is_closed(held) and _is_in_transaction(held):
            await self.discard(held)
            return
        self.pool_statistics.gave_back(held)
        if self._pool.checkedin() < self._pool.size():
            held.close()
        else:
            # One that was opened beyond the pool's size is closed.
            await greenlet_spawn(held.close)

    async def replace(self, held: PoolProxiedConnection) -> PoolProxiedConnection:
        """Another connection for one that is broken."""
        await self._invalidate(held)
        return await self.acquire()

    async def discard(self, held: PoolProxiedConnection) -> None:
        """End a connection whose state nobody knows; PostgreSQL rolls back what it was doing."""
        if held.is_valid:
            connection: asyncpg.Connection = held.driver_connection
            connection.terminate()
            await self._invalidate(held)

    @property
    def _pool(self) -> QueuePool:
        return cast("QueuePool", self.engine.sync_engine.pool)

    def _take_idle(self) -> PoolProxiedConnection | None:
        """A connection that lies in the pool; None when there is none that is open.

        Taken without the greenlet in which the pool can wait, which costs five times as much.
        """
        if not self._pool.checkedin():
            return None
        try:
            return self._pool.connect()
        except MissingGreenlet:
            # It was invalidated or is too old, and the pool has to open another in its place.
            return None

    async def _wait_for_another(
        self, broken: PoolProxiedConnection | None
    ) -> PoolProxiedConnection:
        """A connection that has to come back or be opened, in place of one that is closed."""
        with self.pool_statistics.waiting():
            while broken is None or _is_closed(broken):
                if broken is not None:
                    await self._invalidate(broken)
                broken = await greenlet_spawn(self._pool.connect)
            return broken

    async def _invalidate(self, held: PoolProxiedConnection) -> None:
        """Throw a connection away; the pool opens another in its place."""
        self.pool_statistics.gave_back(held)
        self.pool_statistics.threw_away()
        await greenlet_spawn(held.invalidate)


def _is_closed(held: PoolProxiedConnection) -> bool:
    connection: asyncpg.Connection = held.driver_connection
    return bool(connection.is_closed())


def _is_in_transaction(held: PoolProxiedConnection) -> bool:
    connection: asyncpg.Connection = held.driver_connection
    # asyncpg remembers its outermost transaction here, also when BEGIN was cut off half-way; each
    # later one on the connection would be a savepoint of it, and never be committed.
    remembered = connection._top_xact is not None  # noqa: SLF001  # nothing else tells it
    return remembered or bool(connection.is_in_transaction())
