"""Export jobs that are stopped, lost or killed leave a whole file, or none."""

import asyncio
import signal
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.engine import URL

from db.engine import open_engine
from db.jobs import cancel_job
from db.rows import JobRow, Row
from db.statements import Statement
from db.transaction import Database, Transaction
from domain.errors import Unavailable
from domain.jobs import JobStatus
from jobs.exports import export_handlers
from jobs.running import JobRunner, TryAgain, Writer
from jobs.worker import Worker
from tests.factories import make_contact
from tests.jobs.exporting import (
    MANY,
    Valve,
    assert_whole,
    at_work,
    exporting,
    files,
    held,
    is_under_way,
    make_export,
    make_many,
)
from tests.jobs.working import ended, execute, read_job, take, until
from tests.processes import command
from tests.proxy import CommitProxy, Cut


async def cancelled(database: Database, job: JobRow, _worker: Worker) -> None:
    """The owner cancels the job."""
    async with database.write() as tx:
        await cancel_job(tx, job.id)


async def handed_back(_database: Database, _job: JobRow, working: Worker) -> None:
    """The worker is told to stop."""
    working.stop()


async def fenced(database: Database, job: JobRow, _worker: Worker) -> None:
    """The job is given to another worker, which has taken this one for dead."""
    await take(database, job.id)


@pytest.mark.parametrize(
    ("happens", "status"),
    [
        (cancelled, JobStatus.CANCELLED),
        (handed_back, JobStatus.QUEUED),
        (fenced, JobStatus.RUNNING),
    ],
)
async def test_job_that_is_stopped_in_the_middle_leaves_no_file(
    database: Database,
    database_url: URL,
    tmp_path: Path,
    happens: Callable[[Database, JobRow, Worker], Awaitable[None]],
    status: JobStatus,
) -> None:
    """Whoever stops it; nothing is written for it any more, and nothing is read."""
    await make_many(database)
    job = await make_export(database, columns=("uuid", "lastName"))
    async with held(database, database_url, tmp_path) as (_, working):
        await until(database, job.id, is_under_way)
        assert [name[-5:] for name in files(tmp_path)] == [".part"]
        await happens(database, job, working)
        await until(database, job.id, lambda _row: not files(tmp_path))
        row = await until(database, job.id, lambda row: row.status == status)
    assert row.result is None


@pytest.mark.parametrize(
    ("happens", "status"), [(fenced, JobStatus.RUNNING), (cancelled, JobStatus.CANCELLED)]
)
async def test_whole_file_of_a_job_that_was_lost_meanwhile_is_gone(
    database: Database,
    database_url: URL,
    tmp_path: Path,
    happens: Callable[[Database, JobRow, Worker], Awaitable[None]],
    status: JobStatus,
) -> None:
    """A worker that was frozen and wakes puts no file under the result of another one."""
    await make_many(database)
    job = await make_export(database, columns=("uuid", "lastName"))
    # It finds out when it is about to tell of its file.
    async with held(database, database_url, tmp_path, tell_seconds=60) as (valve, working):
        await until(database, job.id, lambda _row: bool(files(tmp_path)))
        await happens(database, job, working)
        valve.open()
        await until(database, job.id, lambda _row: not files(tmp_path))
        row = await until(database, job.id, lambda row: row.status == status)
    assert (row.result, row.done) == (None, 0)


class Interrupted(Writer):
    """Writes until a job has ended; that it has is never heard."""

    def __init__(self, database: Database, interruption: BaseException) -> None:
        super().__init__(database, is_ending=lambda: True)
        self._interruptions = [interruption]
        self._read_from = database

    async def write(self, work: Callable[[Transaction], Awaitable[Any]]) -> Any:
        """Do it; what comes of the end is lost."""
        written = await super().write(work)
        async with self._read_from.read() as session:
            ends = await session.fetch(Statement(text("SELECT finished_at FROM jobs"), Row))
        if self._interruptions and ends[0][0] is not None:
            raise self._interruptions.pop()
        return written


@pytest.mark.parametrize(
    ("interruption", "seen"),
    [
        (asyncio.CancelledError(), asyncio.CancelledError),
        (Unavailable("PostgreSQL does not answer."), TryAgain),
    ],
)
async def test_file_of_a_job_that_has_ended_stays_whatever_becomes_of_its_worker(
    database: Database, tmp_path: Path, interruption: BaseException, seen: type[BaseException]
) -> None:
    """The end and the name of the file are one write: there is no moment between them."""
    await make_contact(database)
    job = await make_export(database)
    async with exporting(database, tmp_path) as exporter:
        writer = Interrupted(database, interruption)
        handlers = export_handlers(exporter)
        with pytest.raises(seen):
            await JobRunner(writer, handlers, is_stopping=lambda: False).run(job.id)
        # Its entry in the queue is found again, and nothing is left to do.
        await JobRunner(writer, handlers, is_stopping=lambda: False).run(job.id)
    assert_whole(tmp_path, await read_job(database, job.id), 1)


async def test_file_is_named_once_when_the_answer_is_lost(
    database: Database, database_url: URL, tmp_path: Path
) -> None:
    """The end was committed and is asked for again: there is one file, and it stays."""
    await make_contact(database)
    job = await make_export(database)
    async with (
        exporting(database, tmp_path) as exporter,
        CommitProxy(database_url).listening() as proxy,
        open_engine(proxy.url) as engine,
    ):
        writer = Writer(Database(engine), is_ending=lambda: False)
        # The moment of the snapshot is a part of what is written about the end alone.
        proxy.cut(f"{datetime.now(UTC):%Y-%m}", [Cut.AFTER_COMMIT])
        await JobRunner(writer, export_handlers(exporter), is_stopping=lambda: False).run(job.id)
    assert proxy.cuts[Cut.AFTER_COMMIT] == 1
    assert_whole(tmp_path, await read_job(database, job.id), 1)


async def test_job_of_a_killed_worker_is_written_anew(
    database: Database, database_url: URL, tmp_path: Path
) -> None:
    """Kill -9 in the middle: the next attempt gives a whole file, and the first's part is gone."""
    await make_many(database)
    job = await make_export(database, columns=("uuid", "lastName"))
    folder = tmp_path / "data" / "spool"
    async with (
        Valve(database_url, most_bytes=150_000).listening() as valve,
        command("work", database_url=valve.url, folder=tmp_path) as killed,
    ):
        row = await until(database, job.id, lambda row: row.attempts == 1 and bool(files(folder)))
        (part,) = files(folder)
        killed.signal(signal.SIGKILL)
        await killed.ends()
    assert (row.status, files(folder)) == (JobStatus.RUNNING, [part])
    async with at_work(database, database_url, folder):
        row = await ended(database, job.id)
    assert row.attempts == 2
    assert assert_whole(folder, row, MANY).count(b"\n") == MANY
    assert row.result is not None
    assert row.result["spool"] != part.removesuffix(".part")


async def test_attempt_that_finds_fewer_rows_does_not_go_back(
    database: Database, database_url: URL, tmp_path: Path
) -> None:
    """What the owner was told of by an attempt before stays, and the result tells the truth."""
    await make_many(database)
    job = await make_export(database, columns=("uuid", "lastName"))
    await execute(database, "UPDATE jobs SET done = 5000, total = 10000")
    async with held(database, database_url, tmp_path) as (valve, _):
        told = await until(database, job.id, lambda row: row.total != 10000)
        assert (told.done, told.total, told.progress) == (5000, 5000, 1)
        valve.open()
        row = await ended(database, job.id)
    assert (row.status, row.done, row.total) == (JobStatus.COMPLETED, 5000, 5000)
    assert row.result is not None
    assert row.result["rows"] == MANY
