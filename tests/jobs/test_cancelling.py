"""Jobs that are cancelled stop after their batch, or before they begin."""

import asyncio
from collections.abc import Awaitable, Callable
from uuid import uuid4

import pytest
from sqlalchemy.engine import URL

from db.job_runs import Hold, Step, end_job, let_go, take_job
from db.transaction import Database, Transaction
from domain.errors import Rejected
from domain.jobs import JobStatus
from domain.tasks import TagContacts
from jobs.running import Run
from tests.jobs.working import cancel, ended, entries, handled_by, make_job, read_job, take, worker


async def test_cancelled_job_stops_after_its_batch(database: Database, database_url: URL) -> None:
    """What was done by then stays, and so do the counters."""
    begun, go_on = asyncio.Event(), asyncio.Event()

    async def step(_tx: Transaction) -> Step:
        begun.set()
        await go_on.wait()
        return Step(1, {"updated": 1})

    async def endless(run: Run, _task: TagContacts) -> None:
        while await run.batch(step):
            pass

    job = await make_job(database)
    async with worker(database, database_url, handled_by(endless)):
        await begun.wait()
        cancelling = asyncio.create_task(cancel(database, job.id))
        go_on.set()
        await cancelling
        row = await ended(database, job.id)
    assert row.status == JobStatus.CANCELLED
    assert row.counters == {"updated": row.done}
    assert row.done >= 1
    assert await entries(database) == []


async def test_cancelled_job_that_waits_is_never_begun(database: Database) -> None:
    """It is CANCELLED at once, and no entry of it is left."""
    job = await make_job(database)
    assert await cancel(database, job.id) == JobStatus.CANCELLED
    assert await entries(database) == []
    async with database.write() as tx:
        assert await take_job(tx, job.id, uuid4()) is None


async def test_job_to_be_cancelled_whose_worker_died_is_ended_by_the_next(
    database: Database,
) -> None:
    """CANCELING is not forgotten with the worker."""
    job = await make_job(database)
    await take(database, job.id)
    assert await cancel(database, job.id) == JobStatus.CANCELING
    async with database.write() as tx:
        assert await take_job(tx, job.id, uuid4()) is None
    assert (await read_job(database, job.id)).status == JobStatus.CANCELLED


async def test_job_to_be_cancelled_that_fails_has_stopped(database: Database) -> None:
    """It is CANCELLED at once, whether the attempt was the last or not."""
    ways: list[Callable[[Transaction, Hold], Awaitable[None]]] = [
        lambda tx, hold: let_go(tx, hold, counts=True, seconds=60),
        lambda tx, hold: end_job(tx, hold, JobStatus.FAILED),
    ]
    for ends in ways:
        job = await make_job(database)
        hold = await take(database, job.id)
        await cancel(database, job.id)
        async with database.write() as tx:
            await ends(tx, hold)
        row = await read_job(database, job.id)
        assert (row.status, row.error_code) == (JobStatus.CANCELLED, None)


async def test_job_that_has_ended_cannot_be_cancelled(database: Database) -> None:
    """It says so, and stays as it is."""
    job = await make_job(database)
    hold = await take(database, job.id)
    async with database.write() as tx:
        await end_job(tx, hold, JobStatus.COMPLETED)
    with pytest.raises(Rejected, match="has ended already"):
        await cancel(database, job.id)
    assert (await read_job(database, job.id)).status == JobStatus.COMPLETED
