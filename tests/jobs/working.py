"""Workers and jobs for tests: made and waited for as the product does."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any
from uuid import uuid4

from sqlalchemy import text
from sqlalchemy.engine import URL

from db.engine import libpq_settings
from db.entities import CONTACTS
from db.job_queue import enqueue
from db.job_records import choose_records
from db.job_runs import Hold, Step, take_job
from db.jobs import cancel_job
from db.rows import JobRow, Row
from db.statements import Statement
from db.transaction import Database, Transaction
from domain.bulk import Selection
from domain.tasks import TagContacts, Task
from jobs.running import Handlers, Run
from jobs.worker import Worker, WorkerSettings

QUICK = WorkerSettings(
    concurrency=4,
    stop_seconds=5,
    poll_seconds=0.1,
    heartbeat_seconds=0.2,
    quiet_seconds=1.0,
    unstarted_seconds=1.0,
    look_seconds=0.2,
    search_seconds=0.2,
)
PATIENCE = 60.0

TAG = TagContacts(added=("tagged",), removed=())


async def _nothing() -> None:
    """The house is clean."""


@asynccontextmanager
async def worker(
    database: Database, url: URL, handlers: Handlers, settings: WorkerSettings = QUICK
) -> AsyncIterator[Worker]:
    """A worker in this process, until the end of the block."""
    address = libpq_settings(url, application_name="test-worker")
    worker = Worker(database, address, handlers, keep_house=_nothing, settings=settings)
    working = asyncio.create_task(worker.run())
    try:
        yield worker
    finally:
        worker.stop()
        await working


async def make_job(database: Database, task: Task = TAG, **how: Any) -> JobRow:
    """A job in the queue."""
    async with database.write() as tx:
        return await enqueue(tx, task, **{"owner": None, **how})


async def make_tagging(database: Database, contact_ids: list[int]) -> JobRow:
    """A job that tags these contacts."""
    async with database.write() as tx:
        job = await enqueue(tx, TAG, owner=None)
        await choose_records(tx, job.id, CONTACTS, Selection(contact_ids))
        return job


async def read_job(database: Database, job_id: int) -> JobRow:
    """The row of a job."""
    async with database.read() as session:
        row = await session.fetch_one(
            Statement(text("SELECT * FROM jobs WHERE id = CAST(:id AS bigint)"), JobRow),
            {"id": job_id},
        )
    assert row is not None
    return row


async def until(database: Database, job_id: int, is_so: Callable[[JobRow], bool]) -> JobRow:
    """The row of a job, once it is as wanted."""
    async with asyncio.timeout(PATIENCE):
        while True:
            row = await read_job(database, job_id)
            if is_so(row):
                return row
            await asyncio.sleep(0.02)


async def ended(database: Database, job_id: int) -> JobRow:
    """The row of a job, once it has ended."""
    return await until(database, job_id, lambda row: row.finished_at is not None)


async def emptied(database: Database) -> None:
    """Wait until the queue has nothing left."""
    async with asyncio.timeout(PATIENCE):
        while True:
            if not await entries(database):
                return
            await asyncio.sleep(0.02)


async def entries(database: Database) -> list[tuple[str, str]]:
    """What stands in the queue: the lock and the status of each entry."""
    async with database.read() as session:
        rows = await session.fetch(
            Statement(text("SELECT lock, status::text FROM procrastinate_jobs ORDER BY id"), Row)
        )
    return [(row[0], row[1]) for row in rows]


async def one_step(_tx: Transaction) -> Step:
    """A batch that does one unit."""
    return Step(1, {"updated": 1})


async def do_one(run: Run, _task: TagContacts) -> None:
    """A job of one batch."""
    await run.batch(one_step)


def handled_by(handle: Callable[[Run, TagContacts], Awaitable[None]]) -> Handlers:
    """Every job is done by this function."""
    return {TagContacts: handle}


async def execute(database: Database, sql: str, **values: Any) -> None:
    """Do something to the tables."""
    async with database.write() as tx:
        await tx.fetch(Statement(text(sql), Row), values)


async def limit_attempts(database: Database, job_id: int, most: int) -> None:
    """Let a job be begun this often."""
    await execute(
        database,
        "UPDATE jobs SET max_attempts = CAST(:most AS integer) WHERE id = CAST(:id AS bigint)",
        most=most,
        id=job_id,
    )


async def take(database: Database, job_id: int) -> Hold:
    """The job, as the worker has it that takes it now."""
    async with database.write() as tx:
        hold = await take_job(tx, job_id, uuid4())
    assert hold is not None
    return hold


async def cancel(database: Database, job_id: int) -> str:
    """Cancel a job; how it stands then."""
    async with database.write() as tx:
        return (await cancel_job(tx, job_id)).status
