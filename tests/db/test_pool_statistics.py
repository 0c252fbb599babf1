"""The pool is counted as it is: what is taken, given back, waited for, thrown away and lost."""

import asyncio
import gc
import logging
import warnings
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import pytest
from sqlalchemy import text
from sqlalchemy.engine import URL
from sqlalchemy.ext.asyncio import AsyncEngine

from db.engine import open_engine
from db.pool_statistics import PoolStatistics
from db.rows import Row
from db.snapshot import open_snapshot
from db.statements import Statement
from db.transaction import Database
from domain.errors import DatabaseUnavailable
from tests.replication import until

BACKEND = Statement(text("SELECT pg_backend_pid()"), Row)
END = Statement(text("SELECT pg_terminate_backend(CAST(:pid AS integer))"), Row)


class Clock:
    """Time as the test says it passes."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
async def small(database_url: URL) -> AsyncIterator[AsyncEngine]:
    """A pool of one connection and one more, for which nobody waits long."""
    async with open_engine(
        database_url, pool_size=1, max_overflow=1, pool_timeout_seconds=0.2
    ) as engine:
        yield engine


@pytest.fixture
def clock() -> Clock:
    """Time."""
    return Clock()


@pytest.fixture
def timed(small: AsyncEngine, clock: Clock) -> Database:
    """The small pool by the clock of the test."""
    return Database(small, pool_statistics=PoolStatistics(small, clock=clock))


async def test_what_is_taken_and_given_back_is_counted(small: AsyncEngine) -> None:
    """In use, idle, beyond the size, and how many at once; all are back at the end."""
    database = Database(small)
    statistics = database.pool_statistics
    assert (statistics.snapshot().most, statistics.snapshot().utilization) == (2, 0.0)
    async with database.read(), database.write():
        inside = statistics.snapshot()
        assert (inside.checked_out, inside.overflow, inside.utilization) == (2, 1, 1.0)
        assert (inside.checkouts, inside.checkins, inside.idle) == (2, 0, 0)
    after = statistics.snapshot()
    assert (after.checkouts, after.checkins, after.checked_out, after.idle) == (2, 2, 0, 1)
    assert (after.returned, after.wanted, after.overflow) == (2, 2, 0)
    async with database.read():
        pass
    assert (statistics.snapshot().checkouts, statistics.snapshot().waits) == (3, 2)


async def test_only_who_finds_none_idle_has_waited(timed: Database, clock: Clock) -> None:
    """Opening one counts; so does one that comes back, for as long as it took by the clock."""
    statistics = timed.pool_statistics
    async with AsyncExitStack() as stack:
        for _ in range(2):
            await stack.enter_async_context(timed.read())
        third = asyncio.create_task(_read(timed))

        async def waits() -> bool:
            return statistics.snapshot().waiting == 1

        await until(waits)
        assert statistics.snapshot().wanted == 3
        clock.now += 0.25
    await third
    told = statistics.snapshot()
    assert (told.waits, told.waiting, told.wait_max_seconds) == (3, 0, 0.25)
    assert told.wait_average_seconds == pytest.approx(0.25 / 3)
    await _read(timed)
    assert statistics.snapshot().waits == 3


async def test_who_gets_none_is_counted(small: AsyncEngine) -> None:
    """And is told that all connections are in use."""
    database = Database(small)
    async with database.read(), database.read():
        with pytest.raises(DatabaseUnavailable, match="All database connections are in use"):
            await _read(database)
    told = database.pool_statistics.snapshot()
    assert (told.timeouts, told.waits, told.waiting, told.checkouts) == (1, 3, 0, 2)
    assert told.wait_max_seconds >= 0.2


async def test_broken_connections_are_counted(small: AsyncEngine, database: Database) -> None:
    """One that PostgreSQL ended while it lay there, and one that broke in use."""
    ours = Database(small)
    for _ in range(2):
        async with ours.read() as session:
            pid = await session.fetch_value(BACKEND)
            driver = session.driver
        async with database.read() as other:
            await other.fetch(END, {"pid": pid})

        async def is_ended(driver: object = driver) -> bool:
            return bool(driver.is_closed())  # type: ignore[attr-defined]  # asyncpg's

        await until(is_ended)
        await _read(ours)
    assert ours.pool_statistics.snapshot().invalidated == 2
    with pytest.raises(DatabaseUnavailable):
        await _write_on_a_broken_connection(ours)
    told = ours.pool_statistics.snapshot()
    assert (told.invalidated, told.checked_out, told.leaked) == (3, 0, 0)
    assert told.checkouts == told.checkins


async def test_what_was_is_forgotten_after_a_minute(timed: Database, clock: Clock) -> None:
    """Waits, times in use and how many were wanted are of the last minute, counts of all time."""
    async with timed.read(), timed.read():
        clock.now += 2
    inside = timed.pool_statistics.snapshot()
    assert (inside.waits, inside.returned, inside.held_average_seconds) == (2, 2, 2.0)
    clock.now += 59
    assert timed.pool_statistics.snapshot().wanted == 2
    clock.now += 5
    told = timed.pool_statistics.snapshot()
    assert (told.waits, told.returned, told.wanted) == (0, 0, 0)
    assert (told.held_average_seconds, told.wait_average_seconds) == (0.0, 0.0)
    assert (told.checkouts, told.checkins) == (2, 2)


async def test_connection_that_is_held_too_long_is_told(timed: Database, clock: Clock) -> None:
    """After a minute; an export, which takes as long as it takes, is not."""
    statistics = timed.pool_statistics
    async with timed.read():
        clock.now += 60
        assert (statistics.snapshot().overdue, statistics.snapshot().longest_held_seconds) == (
            0,
            60,
        )
        clock.now += 1
        assert (statistics.snapshot().overdue, statistics.snapshot().longest_held_seconds) == (
            1,
            61,
        )
    assert (statistics.snapshot().overdue, statistics.snapshot().longest_held_seconds) == (0, 0)
    async with open_snapshot(timed, seconds=5):
        clock.now += 600
        told = statistics.snapshot()
        assert (told.overdue, told.longest_held_seconds) == (0, 600)
    async with timed.read():
        clock.now += 61
        assert statistics.snapshot().overdue == 1


async def test_connection_that_nobody_gives_back_is_told_as_lost(
    small: AsyncEngine, caplog: pytest.LogCaptureFixture
) -> None:
    """Once nothing refers to it any more; its place in the pool is free again."""
    database = Database(small)
    held = await database.acquire()
    with caplog.at_level(logging.CRITICAL), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        del held
        gc.collect()
    told = database.pool_statistics.snapshot()
    assert (told.leaked, told.checked_out, told.longest_held_seconds) == (1, 0, 0.0)
    assert (told.checkouts, told.checkins) == (1, 0)


async def test_databases_over_one_pool_can_be_counted_together(small: AsyncEngine) -> None:
    """What one of them takes is what the other cannot have."""
    one = Database(small)
    two = Database(small, pool_statistics=one.pool_statistics)
    await _read(one)
    await _read(two)
    assert one.pool_statistics.snapshot().checkouts == 2


async def _read(database: Database) -> None:
    async with database.read() as session:
        await session.fetch(BACKEND)


async def _write_on_a_broken_connection(database: Database) -> None:
    async with database.write() as tx:
        tx.driver.terminate()
        await tx.fetch(BACKEND)
