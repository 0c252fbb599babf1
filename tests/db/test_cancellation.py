"""What happens to a connection when the work on it is cut off at any moment."""

import asyncio

import pytest
from sqlalchemy.engine import URL

from db.contacts import count_contacts, create_contact
from db.engine import open_engine
from db.transaction import Database
from domain.filters import ContactFilter, StringFilter
from domain.records import ContactFields
from domain.validation import clean_contact

ROUNDS = 150
STEP_SECONDS = 0.00004


async def write(database: Database, name: str) -> None:
    async with database.write() as tx:
        await create_contact(tx, clean_contact(ContactFields(first_name=name)))


async def test_write_after_a_cancelled_one_is_committed(database_url: URL) -> None:
    """Cancelled at BEGIN, in the middle or at COMMIT: the next write on the pool is stored."""
    async with open_engine(database_url, pool_size=1, max_overflow=0) as engine:
        database = Database(engine)
        await write(database, "first")
        for at in range(ROUNDS):
            task = asyncio.ensure_future(write(database, "cancelled"))
            await asyncio.sleep(at % 50 * STEP_SECONDS)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            await write(database, "acknowledged")
    acknowledged = ContactFilter(first_name=StringFilter(eq="acknowledged"))
    async with open_engine(database_url) as engine, Database(engine).read() as session:
        stored = await count_contacts(session, acknowledged)
    assert stored == ROUNDS


async def test_work_that_is_to_be_finished_is_not_cut_off(database: Database) -> None:
    """Who waits for a mutation may leave; the mutation is committed all the same."""
    task = asyncio.ensure_future(database.finish(write(database, "Ada")))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await database.settle()
    async with database.read() as session:
        assert await count_contacts(session) == 1
