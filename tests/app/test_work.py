"""`appointment360 work`: jobs survive what happens to the processes that do them."""

import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.engine import URL

from db.rows import JobRow, Row
from db.statements import Statement
from db.transaction import Database
from domain.jobs import JobStatus
from tests.jobs.working import ended, entries, execute, make_tagging, read_job, until
from tests.processes import Process, command

CONTACTS = 10_000

_MAKE = Statement(
    text(
        "INSERT INTO contacts (first_name) SELECT 'Ada ' || n"
        " FROM generate_series(1, CAST(:count AS integer)) AS n RETURNING id"
    ),
    Row,
)
_WORKERS = Statement(text("SELECT count(*) FROM procrastinate_workers"), Row)
_TAGGED = Statement(
    text("SELECT version, tags, count(*) FROM contacts GROUP BY version, tags"), Row
)


@pytest.fixture
async def job(database: Database) -> JobRow:
    """A job of twenty batches."""
    async with database.write() as tx:
        await tx.allow(60)
        ids = [row[0] for row in await tx.fetch(_MAKE, {"count": CONTACTS})]
    return await make_tagging(database, ids)


@asynccontextmanager
async def worker(database_url: URL, folder: Path) -> AsyncIterator[Process]:
    """A worker process that takes jobs."""
    async with command("work", database_url=database_url, folder=folder) as process:
        await process.says("Working on")
        yield process


def has_more(done: int, row: JobRow) -> bool:
    """Whether a job got on."""
    return row.done > done


async def under_way(database: Database, job: JobRow) -> JobRow:
    """The job, once its first batch is committed; it is far from its end then."""
    row = await until(database, job.id, partial(has_more, 0))
    assert row.finished_at is None
    return row


async def assert_done_once(database: Database, job: JobRow) -> None:
    """Each contact was changed, and none of them twice; the job counts what was done."""
    row = await read_job(database, job.id)
    assert (row.status, row.done, row.total) == (JobStatus.COMPLETED, CONTACTS, CONTACTS)
    assert row.counters == {"updated": CONTACTS}
    async with database.read() as session:
        assert [tuple(row) for row in await session.fetch(_TAGGED)] == [(2, ["tagged"], CONTACTS)]


async def test_job_of_killed_workers_is_taken_over(
    database: Database,
    database_url: URL,
    tmp_path: Path,
    job: JobRow,
    pytestconfig: pytest.Config,
) -> None:
    """Kill -9 in the middle: another one goes on from the last batch, each effect is there once."""
    kills = pytestconfig.getoption("--kills")
    await execute(database, f"UPDATE jobs SET max_attempts = {kills + 1}")
    done = 0
    for _ in range(kills):
        async with worker(database_url, tmp_path) as killed:
            row = await until(database, job.id, partial(has_more, done))
            killed.signal(signal.SIGKILL)
            await killed.ends()
        done = row.done
        assert (await read_job(database, job.id)).status == JobStatus.RUNNING
    async with worker(database_url, tmp_path):
        assert (await ended(database, job.id)).attempts == kills + 1
    await assert_done_once(database, job)


async def test_frozen_worker_that_wakes_writes_nothing(
    database: Database, database_url: URL, tmp_path: Path, job: JobRow
) -> None:
    """Its job is given to another worker meanwhile; awake again it finds that out and goes on."""
    async with worker(database_url, tmp_path) as frozen:
        await under_way(database, job)
        frozen.signal(signal.SIGSTOP)
        async with worker(database_url, tmp_path):
            await ended(database, job.id)
            after = dict(await read_job(database, job.id))
            frozen.signal(signal.SIGCONT)
            await frozen.says("job_fenced")
        assert dict(await read_job(database, job.id)) == after
        await assert_done_once(database, job)
        frozen.signal(signal.SIGTERM)
        assert await frozen.ends() == 0


async def test_worker_that_is_told_to_stop_hands_its_job_back(
    database: Database, database_url: URL, tmp_path: Path, job: JobRow
) -> None:
    """SIGTERM: the batch is finished, the process ends, and nothing is lost."""
    async with worker(database_url, tmp_path) as first:
        await under_way(database, job)
        first.signal(signal.SIGTERM)
        assert await first.ends() == 0
    row = await read_job(database, job.id)
    assert (row.status, row.attempts, row.locked_by) == (JobStatus.QUEUED, 0, None)
    assert 0 < row.done < CONTACTS
    assert await entries(database) == [(f"job-{job.id}", "todo")]
    async with worker(database_url, tmp_path):
        await ended(database, job.id)
    await assert_done_once(database, job)


async def count_workers(database: Database) -> int:
    """How many workers have said that they are there."""
    async with database.read() as session:
        return int(await session.fetch_value(_WORKERS))


async def test_server_does_jobs_unless_told_otherwise(
    database: Database, database_url: URL, tmp_path: Path, job: JobRow
) -> None:
    """`serve` has a worker of its own; with --no-jobs it leaves them to others."""
    arguments: dict[str, Any] = {"database_url": database_url, "folder": tmp_path}
    async with (
        command("serve", "--port=0", "--no-jobs", **arguments) as idle,
        command("serve", "--port=0", **arguments) as busy,
    ):
        await ended(database, job.id)
        for server in (idle, busy):
            await server.says("is ready")
        assert await count_workers(database) == 1
        for server in (idle, busy):
            server.signal(signal.SIGTERM)
            assert await server.ends() == 0
    await assert_done_once(database, job)


async def test_worker_on_old_tables_says_what_to_do(
    database_url: URL, tmp_path: Path, database: Database
) -> None:
    """A database of another release is no place to work in."""
    async with database.write() as tx:
        await tx.fetch(Statement(text("UPDATE alembic_version SET version_num = '0001'"), Row))
    async with command("work", database_url=database_url, folder=tmp_path) as process:
        assert await process.ends() == 1
    assert "Run `appointment360 migrate`." in process.said[-1]
