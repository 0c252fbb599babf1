"""Export jobs: a whole file and its proof, or none at all."""

import asyncio
import hashlib
import signal
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import orjson
import pytest
from sqlalchemy import text
from sqlalchemy.engine import URL

from db.engine import open_engine
from db.jobs import cancel_job
from db.rows import JobRow, Row
from db.statements import Statement
from db.transaction import Database, Transaction
from domain.errors import Unavailable
from domain.exports import Export, ExportEntity, ExportFormat
from domain.jobs import JobErrorCode, JobStatus
from domain.scalars import read_datetime
from jobs import exports
from jobs.exports import export_handlers
from jobs.running import JobRunner, TryAgain, Writer
from jobs.worker import Worker
from streaming.exporting import Exporter
from streaming.spool import Spool
from tests.factories import make_company, make_contact
from tests.jobs.exporting import (
    MANY,
    OWNER,
    Valve,
    at_work,
    exporting,
    files,
    held,
    make_export,
    make_many,
)
from tests.jobs.test_running import execute, take
from tests.jobs.working import ended, read_job, until, worker
from tests.processes import command
from tests.proxy import CommitProxy, Cut
from tests.streaming.spooling import Faucet, about


def is_under_way(row: JobRow) -> bool:
    """Whether rows have been written, and their number is known."""
    return row.done > 0 and row.total is not None


def assert_whole(folder: Path, row: JobRow, rows: int) -> bytes:
    """The file that a job gives, of which everything that is told is true; no other is there."""
    assert (row.status, row.progress, row.done, row.total) == (JobStatus.COMPLETED, 1, rows, rows)
    assert row.result is not None
    name = row.result["spool"]
    assert files(folder) == [f"{name}.data", f"{name}.json"]
    content = (folder / f"{name}.data").read_bytes()
    assert row.result["sha256"] == hashlib.sha256(content).hexdigest()
    assert (row.result["bytes"], row.result["rows"]) == (len(content), rows)
    return content


async def test_job_gives_the_rows_that_match_and_their_proof(
    database: Database, database_url: URL, tmp_path: Path
) -> None:
    """It tells where the file is, what proves it whole, and until when it stays."""
    contacts = [await make_contact(database) for _ in range(3)]
    job = await make_export(database)
    async with at_work(database, database_url, tmp_path) as exporter:
        row = await ended(database, job.id)
        content = assert_whole(tmp_path, row, 3)
        assert row.result is not None
        spool = await exporter.spools.find(UUID(hex=row.result["spool"]))
        expires_at = (tmp_path / f"{row.result['spool']}.json").stat().st_mtime
    assert [orjson.loads(line) for line in content.splitlines()] == [
        {"uuid": str(contact.uuid)} for contact in contacts
    ]
    assert spool is not None
    assert (spool.about.owner, spool.about.is_promised) == (OWNER, True)
    assert row.started_at is not None
    assert row.result["truncated"] is False
    assert row.started_at <= read_datetime(row.result["snapshotAt"]) <= datetime.now(UTC)
    told = read_datetime(row.result["expiresAt"]).timestamp()
    assert expires_at - 60 < told <= expires_at


async def test_job_writes_what_was_asked_for(
    database: Database, database_url: URL, tmp_path: Path
) -> None:
    """Companies as CSV, no more than asked for, and fewer where operators want that."""
    for name in ("Acme", "Base", "Core"):
        await make_company(database, name=name)
    job = await make_export(
        database,
        entity=ExportEntity.COMPANIES,
        format=ExportFormat.CSV,
        columns=("name",),
        most=2,
    )
    async with at_work(database, database_url, tmp_path, most_rows=1):
        row = await ended(database, job.id)
    assert assert_whole(tmp_path, row, 1) == b"name\nAcme\n"
    assert row.result is not None
    assert row.result["truncated"] is True


async def test_progress_grows_and_is_exact_at_the_end(
    database: Database, database_url: URL, tmp_path: Path
) -> None:
    """The owner sees a part of the rows while the file grows, and all of them in the end."""
    await make_many(database)
    job = await make_export(database, columns=("uuid", "lastName"))
    seen: list[tuple[float, int]] = []

    def watched(row: JobRow) -> bool:
        seen.append((row.progress, row.done))
        return row.finished_at is not None

    async with held(database, database_url, tmp_path) as (valve, _):
        row = await until(database, job.id, is_under_way)
        assert (row.total, row.result) == (MANY, None)
        assert 0 < row.done < MANY
        assert row.progress == row.done / MANY
        watched(row)
        valve.open()
        row = await until(database, job.id, watched)
    assert assert_whole(tmp_path, row, MANY).count(b"\n") == MANY
    assert seen == sorted(seen)
    assert len(seen) > 1


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


class Uncounted(Exporter):
    """Has another database when an export is under way."""

    away: Database

    def begin(self, export: Export, *, owner: UUID, is_promised: bool = False) -> Spool:
        """Begin it with the database that there was."""
        spool = super().begin(export, owner=owner, is_promised=is_promised)
        self.database = self.away
        return spool


async def test_number_of_rows_may_stay_unknown(
    database: Database, database_url: URL, tmp_path: Path
) -> None:
    """That PostgreSQL does not answer the counting costs neither the file nor an attempt."""
    await make_many(database)
    job = await make_export(database, columns=("uuid", "lastName"))
    nowhere = URL.create("postgresql+asyncpg", host="127.0.0.1", port=1, database="none")
    async with (
        Valve(database_url).listening() as valve,
        open_engine(valve.url) as engine,
        open_engine(nowhere) as lost,
        exporting(Database(engine), tmp_path) as found,
    ):
        exporter = Uncounted(found.database, found.spools, found.settings, found.cursors)
        exporter.away = Database(lost)
        handlers = export_handlers(exporter, tell_seconds=0.01)
        async with worker(database, database_url, handlers):
            row = await until(database, job.id, lambda row: row.done > 0)
            assert row.total is None
            valve.open()
            row = await ended(database, job.id)
    assert row.attempts == 1
    assert_whole(tmp_path, row, MANY)


async def test_job_waits_while_its_owner_has_too_many_exports(
    database: Database, database_url: URL, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """That is no attempt: it is written when one of the others has ended."""
    monkeypatch.setattr(exports, "_BUSY_SECONDS", 0.05)
    async with at_work(database, database_url, tmp_path, most_of_one_owner=1) as exporter:
        faucet = Faucet(b"row\n")
        other = exporter.spools.begin(about(OWNER), faucet)
        job = await make_export(database)
        # Its worker has had it and let it go.
        await until(database, job.id, lambda row: row.revision > 4)
        waiting = await until(database, job.id, lambda row: row.status == JobStatus.QUEUED)
        faucet.end()
        row = await ended(database, job.id)
        await other.finished()
    assert (waiting.attempts, waiting.error_code, waiting.started_at) == (0, None, None)
    assert (row.status, row.attempts) == (JobStatus.COMPLETED, 1)


async def test_job_that_cannot_be_done_says_why(
    database: Database, database_url: URL, tmp_path: Path
) -> None:
    """Of nobody, or where exports are switched off: there is no second attempt."""
    of_nobody, of_somebody = await make_export(database, None), await make_export(database)
    async with at_work(database, database_url, tmp_path, is_enabled=False):
        rows = [await ended(database, job.id) for job in (of_nobody, of_somebody)]
    for row, words in zip(rows, ("belongs to nobody", "switched off"), strict=True):
        assert (row.status, row.error_code, row.attempts) == (
            JobStatus.FAILED,
            JobErrorCode.REJECTED,
            1,
        )
        assert row.error is not None
        assert words in row.error


async def test_export_of_a_newer_release_waits_for_its_workers(
    database: Database, database_url: URL, tmp_path: Path
) -> None:
    """A column or word that this release does not know was known when the job was made."""
    jobs = [
        await make_export(database, columns=("shoeSize",)),
        await make_export(database),
        await make_export(database),
    ]
    for job, value in zip(jobs[1:], ('"PARQUET"', '{"shoeSize": {"eq": 44}}'), strict=True):
        name = "format" if value.startswith('"') else "filter"
        await execute(
            database,
            "UPDATE jobs SET payload = jsonb_set(payload, ARRAY['export', CAST(:name AS text)],"
            " CAST(:value AS jsonb)) WHERE id = CAST(:id AS bigint)",
            id=job.id,
            name=name,
            value=value,
        )
    async with at_work(database, database_url, tmp_path):
        for job in jobs:
            row = await until(database, job.id, lambda row: row.error_code is not None)
            assert (row.status, row.attempts) == (JobStatus.QUEUED, 0)
            assert row.error_code == JobErrorCode.UNKNOWN_PAYLOAD
    assert files(tmp_path) == []
