"""A job is made exactly when its cause is committed, wherever the connection breaks.

`make faults` cuts a thousand transactions.
"""

import random
from collections.abc import AsyncIterator

import pytest
from sqlalchemy import text
from sqlalchemy.engine import URL

from db.contacts import create_contact
from db.engine import open_engine
from db.job_queue import enqueue
from db.rows import Row
from db.statements import Statement
from db.transaction import Database
from domain.errors import ConnectionLost, DatabaseUnavailable, OutcomeUnknown
from domain.records import ContactFields
from domain.validation import clean_contact
from tests.jobs.working import TAG
from tests.proxy import BytesProxy


class Undone(Exception):
    """The cause is taken back."""


@pytest.fixture
async def proxy(database_url: URL) -> AsyncIterator[BytesProxy]:
    """A proxy before the test's own database."""
    async with BytesProxy(database_url).listening() as listening:
        yield listening


@pytest.fixture
async def behind(proxy: BytesProxy) -> AsyncIterator[Database]:
    """The database as it is reached through the proxy."""
    async with open_engine(proxy.url, pool_size=1, max_overflow=1) as engine:
        yield Database(engine)


async def cause(database: Database, number: int, *, undo: bool = False) -> None:
    """A contact with a number, and the job it causes, which bears the number too."""
    async with database.write() as tx:
        fields = clean_contact(ContactFields(first_name=f"cut {number}"))
        await create_contact(tx, fields)
        await enqueue(tx, TAG, owner=None, total=number)
        if undo:
            raise Undone


async def numbers(database: Database, sql: str) -> list[int]:
    """The numbers that a query finds."""
    async with database.read() as session:
        rows = await session.fetch(Statement(text(f"{sql} ORDER BY 1"), Row))
    return [row[0] for row in rows]


async def test_job_is_there_exactly_when_its_cause_is(
    database: Database, behind: Database, proxy: BytesProxy, pytestconfig: pytest.Config
) -> None:
    """Contacts, jobs and queue entries are of the same causes; none of a cause taken back."""
    total = pytestconfig.getoption("--cuts")
    chance = random.Random(pytestconfig.getoption("--seed"))  # noqa: S311  # where cuts fall
    await cause(behind, 0)
    proxy.cut_after(None)
    await cause(behind, 1)
    usual_bytes = proxy.sent
    committed, undone = {0, 1}, set()
    for number in range(2, total + 2):
        # One in three goes through whole, so that some are committed however the others fall.
        proxy.cut_after(chance.randrange(6 * usual_bytes) if number % 3 else None)
        try:
            await cause(behind, number, undo=number % 4 == 0)
            committed.add(number)
        except Undone:
            undone.add(number)
        except OutcomeUnknown:
            pass
        except (ConnectionLost, DatabaseUnavailable):
            undone.add(number)
    causes = await numbers(
        database,
        "SELECT CAST(substr(first_name, 5) AS bigint) FROM contacts",
    )
    made = await numbers(database, "SELECT total FROM jobs")
    queued = await numbers(
        database,
        "SELECT j.total FROM procrastinate_jobs q JOIN jobs j ON q.lock = 'job-' || j.id"
        " AND q.queueing_lock = q.lock AND q.status = 'todo'",
    )
    assert causes == made == queued
    assert committed <= set(causes)
    assert not undone & set(causes)
    assert undone
    assert committed > {0, 1}
