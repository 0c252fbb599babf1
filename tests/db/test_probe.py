"""The probe says within about a second whether the database answers, and asks it but once."""

import asyncio
import time
from collections.abc import AsyncIterator

import pytest
from sqlalchemy import text
from sqlalchemy.engine import URL

from db.engine import open_engine
from db.probe import DatabaseProbe
from db.rows import Row
from db.statements import Statement
from db.transaction import Database, ReadSession
from domain.errors import DatabaseUnavailable

SLEEP = Statement(text("SELECT pg_sleep(30)"), Row)
SILENT = "The database did not answer within 1 s."


@pytest.fixture
async def reserved(database_url: URL) -> AsyncIterator[Database]:
    """One connection, as the probe has it."""
    async with open_engine(database_url, pool_size=1, max_overflow=0) as engine:
        yield Database(engine)


async def test_many_who_ask_at_once_are_answered_by_one_question(reserved: Database) -> None:
    """However many poll; who comes later is answered anew."""
    probe = DatabaseProbe(reserved)
    assert set(await asyncio.gather(*(probe.problem() for _ in range(50)))) == {None}
    assert reserved.pool_statistics.snapshot().checkouts == 1
    assert await probe.problem() is None
    assert reserved.pool_statistics.snapshot().checkouts == 2


async def test_answer_comes_though_the_connection_is_taken(reserved: Database) -> None:
    """After a second; once it is given back all is well at once."""
    probe = DatabaseProbe(reserved)
    async with reserved.read():
        began = time.monotonic()
        assert await probe.problem() == SILENT
        assert time.monotonic() - began < 2
    assert await probe.problem() is None


async def test_statement_without_end_holds_up_nobody(reserved: Database) -> None:
    """Its connection is ended, and the next question has another."""
    probe = DatabaseProbe(reserved)

    async def sleep(session: ReadSession) -> None:
        await session.fetch(SLEEP)

    began = time.monotonic()
    with pytest.raises(DatabaseUnavailable, match="did not answer"):
        await probe.ask(sleep)
    assert await probe.problem() is None
    assert time.monotonic() - began < 3


async def test_who_leaves_does_not_take_the_answer_from_others(reserved: Database) -> None:
    """A client that hangs up ends its own request alone."""
    probe = DatabaseProbe(reserved)
    async with reserved.read():
        first = asyncio.create_task(probe.problem())
        await asyncio.sleep(0)
        second = asyncio.create_task(probe.problem())
        await asyncio.sleep(0)
        first.cancel()
        await asyncio.sleep(0)
    assert await second is None
    assert first.cancelled()
