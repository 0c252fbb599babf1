"""The pool in the log: how it does now and then, and at once when it does badly."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import asdict
from typing import Final

import structlog

from app.settings import Settings
from db.replica import Replica
from db.transaction import Database
from domain.beside import beside
from domain.pool import PoolSnapshot, is_crowded

_LOOK_SECONDS: Final = 1.0
_TOLD: Final = (
    "size",
    "max_overflow",
    "checked_out",
    "idle",
    "overflow",
    "waiting",
    "checkouts",
    "checkins",
    "timeouts",
    "invalidated",
    "waits",
    "wait_average_seconds",
    "wait_max_seconds",
    "held_average_seconds",
    "longest_held_seconds",
)

Sleep = Callable[[float], Awaitable[None]]

log = structlog.get_logger(__name__)


class PoolMonitor:
    """Looks at a pool every second.

    Args:
        name: Of the server that the pool leads to.
        snapshot: How the pool does now.
        interval_seconds: How often that is logged whatever it is.
        now: Tells the time in seconds.
    """

    def __init__(
        self,
        name: str,
        snapshot: Callable[[], PoolSnapshot],
        *,
        interval_seconds: float,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._snapshot = snapshot
        self._interval_seconds = interval_seconds
        self._now = now
        self._log = log.bind(server=name)
        self._before = snapshot()
        self._due_at = now() + interval_seconds

    async def watch(self, sleep: Sleep = asyncio.sleep) -> None:
        """Look again and again, for ever."""
        while True:
            await sleep(min(_LOOK_SECONDS, self._interval_seconds))
            self.look()

    def look(self) -> None:
        """Log what is worth it now."""
        pool, before = self._snapshot(), self._before
        self._before = pool
        if (now := self._now()) >= self._due_at:
            self._due_at = max(self._due_at + self._interval_seconds, now)
            self._log.info("pool", **_told(pool))
        self._tell_of_crowds(pool, before)
        self._tell_of_losses(pool, before)

    def _tell_of_crowds(self, pool: PoolSnapshot, before: PoolSnapshot) -> None:
        """Once each time that more than 80 of 100 connections are in use, and when no more are."""
        if is_crowded(pool) and not is_crowded(before):
            self._log.warning("pool_crowded", **_told(pool))
        elif is_crowded(before) and not is_crowded(pool):
            self._log.info("pool_relieved", **_told(pool))
        if pool.timeouts > before.timeouts:
            self._log.warning("pool_exhausted", refused=pool.timeouts - before.timeouts)

    def _tell_of_losses(self, pool: PoolSnapshot, before: PoolSnapshot) -> None:
        """Connections that broke, that were not given back, and that may never be."""
        if pool.invalidated > before.invalidated:
            count = pool.invalidated - before.invalidated
            self._log.warning("pool_connections_invalidated", count=count)
        if pool.leaked > before.leaked:
            self._log.error("pool_connections_leaked", count=pool.leaked - before.leaked)
        if pool.overdue > before.overdue:
            self._log.warning(
                "pool_connections_held_long",
                count=pool.overdue,
                longest_held_seconds=round(pool.longest_held_seconds, 3),
            )


@asynccontextmanager
async def monitoring_pools(
    settings: Settings, database: Database, replica: Replica | None = None
) -> AsyncIterator[None]:
    """Have the pools of a process looked at during the block, if the settings want it."""
    pools = {"primary": database.pool_statistics}
    if replica is not None:
        pools["replica"] = replica.pool_statistics
    async with AsyncExitStack() as stack:
        for name, statistics in pools.items() if settings.enable_pool_monitoring else ():
            interval_seconds = settings.pool_monitoring_interval
            monitor = PoolMonitor(name, statistics.snapshot, interval_seconds=interval_seconds)
            await stack.enter_async_context(beside(monitor.watch()))
        yield


def _told(pool: PoolSnapshot) -> dict[str, object]:
    numbers = asdict(pool)
    told = {name: round(numbers[name], 6) for name in _TOLD}
    return {"utilization_percent": round(100 * pool.utilization, 1), **told}
