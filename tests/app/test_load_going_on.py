"""Promises of loads that break off: the same file again goes on, and each row is counted once."""

import asyncio
import signal
from collections.abc import Sequence
from pathlib import Path

import pytest
from sqlalchemy.engine import URL

from app.load_summary import failure_of
from db.job_queue import queue_again
from db.rows import JobRow
from db.transaction import Database
from domain.changes import Change
from domain.errors import Unavailable
from domain.jobs import JobStatus
from domain.tasks import ImportRecords
from jobs.imports import import_handlers
from jobs.running import Run
from tests.app.loading import Loading, counts, write_people
from tests.jobs.importing import assert_adds_up, census, people, uploads_of
from tests.jobs.working import entries, read_job, until, worker
from tests.processes import command


@pytest.fixture
def many(tmp_path: Path) -> Path:
    """A file of two hundred contacts."""
    return write_people(tmp_path, 200)


@pytest.fixture
def loading(database: Database, tmp_path: Path) -> Loading:
    """What loads files into the test's database."""
    return Loading(database, tmp_path)


async def test_a_load_that_is_stopped_goes_on_where_it_was(loading: Loading, many: Path) -> None:
    """The batch in hand is finished; the next load does the rest, and each row is counted once."""

    async def stop(_changes: Sequence[Change]) -> None:
        loading.stopping.set()

    loading.database = Database(loading.database.engine, after_commit=[stop])
    loading.batch_rows = 10
    stopped = await loading.load(many)
    assert stopped.job.status == JobStatus.QUEUED
    assert stopped.job.counters["rows"] == 10
    assert "goes on" in (failure_of(stopped) or "")
    assert await entries(loading.database) == []
    assert await loading.left() == (1, 1)

    loading = Loading(Database(loading.database.engine), loading.folder)
    rest = await loading.load(many)
    assert (rest.job.id, rest.is_old) == (stopped.job.id, False)
    assert counts(rest) == [200, 0, 0, 0, 0]
    assert_adds_up(rest.job.counters, 200)
    assert (await census(loading.database))["contacts"] == 200
    assert await loading.left() == (0, 0)


async def test_a_dry_run_that_is_stopped_is_over(loading: Loading, many: Path) -> None:
    """Nobody goes on with it."""
    loading.stopping.set()
    stopped = await loading.load(many, dry_run=True)
    assert stopped.job.status == JobStatus.CANCELLED
    assert failure_of(stopped) == "Stopped. What was written by then stays."
    assert await loading.left() == (0, 0)


async def test_a_load_takes_what_waits_in_the_queue(loading: Loading, many: Path) -> None:
    """Nobody need be there who works; no worker is given it afterwards."""
    loading.stopping.set()
    await loading.load(many)
    async with loading.database.write() as tx:
        await queue_again(tx, quiet_seconds=0)
    assert [status for _, status in await entries(loading.database)] == ["todo"]
    loading.stopping = asyncio.Event()
    assert counts(await loading.load(many)) == [200, 0, 0, 0, 0]
    assert await entries(loading.database) == []


async def test_an_import_that_a_worker_is_at_is_only_followed(
    loading: Loading, many: Path, database_url: URL, tmp_path: Path
) -> None:
    """The load ends with it."""
    loading.stopping.set()
    left = await loading.load(many)
    loading.stopping = asyncio.Event()
    (handle,) = import_handlers(await uploads_of(loading.database, tmp_path)).values()
    seen = asyncio.Event()

    async def slow(run: Run, task: ImportRecords) -> None:
        await seen.wait()
        await handle(run, task)

    async with worker(loading.database, database_url, {ImportRecords: slow}):
        async with loading.database.write() as tx:
            await queue_again(tx, quiet_seconds=0)
        await until(loading.database, left.job.id, lambda row: row.attempts == 1)
        told: list[JobRow] = []

        def progress(job: JobRow) -> None:
            told.append(job)
            if len(told) == 2:
                seen.set()

        loading.progress = progress
        loaded = await loading.load(many)
    assert (loaded.job.status, loaded.job.attempts) == (JobStatus.COMPLETED, 1)
    assert counts(loaded) == [200, 0, 0, 0, 0]
    assert await loading.left() == (0, 0)


async def test_an_attempt_that_fails_is_made_again(
    loading: Loading, many: Path, tmp_path: Path
) -> None:
    """By the load itself, as long as the job may have attempts."""
    (handle,) = import_handlers(await uploads_of(loading.database, tmp_path)).values()

    async def failing(run: Run, task: ImportRecords) -> None:
        if run.attempt == 1:
            raise Unavailable("The database does not answer.")
        await handle(run, task)

    loading.handlers = {ImportRecords: failing}
    loaded = await loading.load(many)
    assert (loaded.job.status, loaded.job.attempts) == (JobStatus.COMPLETED, 2)
    assert counts(loaded) == [200, 0, 0, 0, 0]


async def test_progress_goes_up_to_all_bytes(loading: Loading, many: Path) -> None:
    """As the row of the import has it; the end is told in any case."""
    told: list[tuple[int, int]] = []
    loading.progress = lambda job: told.append((job.done, job.counters.get("rows", 0)))
    loading.batch_rows = 10
    await loading.load(many)
    assert told == sorted(told)
    assert told[-1] == (len(people(200)), 200)


async def test_ctrl_c_hands_the_import_back(
    database: Database, database_url: URL, tmp_path: Path
) -> None:
    """The command goes on with the file, says what is done, and that it can go on again."""
    path, file = tmp_path / "people.csv", people(10_000)
    path.write_text(file, encoding="utf-8")
    before = Loading(database, tmp_path / "data")
    before.stopping.set()
    left = (await before.load(path)).job
    words = ("load", str(path), "--entity", "contacts")
    async with command(*words, database_url=database_url, folder=tmp_path) as process:
        await until(database, left.id, lambda row: row.done > 0)
        process.signal(signal.SIGINT)
        await process.says("Loading the same file again goes on from here")
        assert await process.ends() == 1
    job = await read_job(database, left.id)
    assert (job.status, job.attempts) == (JobStatus.QUEUED, 0)
    assert 0 < job.done < len(file)
    assert (await census(database))["contacts"] == job.counters["rows"]
    assert await entries(database) == []
