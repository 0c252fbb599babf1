"""Export jobs: a whole file and its proof, or none at all."""

from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

import orjson
import pytest
from sqlalchemy.engine import URL

from db.engine import open_engine
from db.rows import JobRow
from db.transaction import Database
from domain.exports import Export, ExportEntity, ExportFormat
from domain.jobs import JobErrorCode, JobStatus
from domain.scalars import read_datetime
from jobs import exports
from jobs.exports import export_handlers
from streaming.exporting import Exporter
from streaming.spool import Spool
from tests.factories import make_company, make_contact
from tests.jobs.exporting import (
    MANY,
    OWNER,
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
from tests.jobs.working import ended, execute, until, worker
from tests.streaming.spooling import Faucet, about


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
