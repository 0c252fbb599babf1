"""Promises of import jobs: every row once, all of it told, and nothing that was not asked for."""

import asyncio
import random
from functools import partial
from pathlib import Path
from uuid import UUID

import pytest
from sqlalchemy.engine import URL

from db.jobs import cancel_job
from db.rows import JobRow
from db.transaction import Database
from domain.bulk import ErrorPolicy
from domain.imports import ImportEntity
from domain.jobs import JobErrorCode, JobStatus
from tests.db.importing import contents, rejects_of, told_of
from tests.db.people import suppress
from tests.db.staged import execute, rows_of
from tests.factories import make_contact
from tests.jobs.importing import (
    assert_adds_up,
    at_work,
    begin_import,
    begin_undo,
    census,
    people,
    uploads_of,
    worker_process,
)
from tests.jobs.working import ended, read_job, until

MIXED = """\
First Name,Last Name,Email,Company
Ada,King,ada@example.com,Engines
Eve,Stone,eve@,Engines
Bob,,bob@example.com,
Ada,King,ADA@example.com,
too,few
"""


def has_more(done: int, row: JobRow) -> bool:
    """Whether an import got on."""
    return row.done > done


async def test_every_row_comes_to_an_end_that_is_counted(
    database: Database, database_url: URL, tmp_path: Path
) -> None:
    """Rows that cannot be taken are told by line, and their cells are kept."""
    job_id = await begin_import(database, tmp_path, MIXED)
    async with at_work(database, database_url, tmp_path):
        row = await ended(database, job_id)
    assert (row.status, row.progress) == (JobStatus.COMPLETED_WITH_ERRORS, 1)
    assert (row.done, row.total) == (len(MIXED), len(MIXED))
    assert_adds_up(row.counters, 5)
    assert (row.counters["created"], row.counters["failed"], row.counters["skipped"]) == (2, 2, 1)
    assert [line for line, *_ in await told_of(database, job_id)] == [3, 3, 5, 6]
    assert [line for line, _ in await rejects_of(database, job_id)] == [3, 6]
    assert dict(await rejects_of(database, job_id))[3] == ["Eve", "Stone", "eve@", "Engines"]


async def test_companies_are_imported(
    database: Database, database_url: URL, tmp_path: Path
) -> None:
    """A file of companies goes to companies."""
    file = "Company Name,Website\nAcme,https://acme.com\nBeta,beta.com\n"
    job_id = await begin_import(database, tmp_path, file, entity=ImportEntity.COMPANIES)
    async with at_work(database, database_url, tmp_path):
        row = await ended(database, job_id)
    assert (row.status, row.counters["created"]) == (JobStatus.COMPLETED, 2)
    assert await rows_of(database, "SELECT domain FROM companies ORDER BY 1") == [
        ("acme.com",),
        ("beta.com",),
    ]


async def test_dry_run_changes_nothing(
    database: Database, database_url: URL, tmp_path: Path
) -> None:
    """It tells what would be."""
    await make_contact(database, emails=("bob@example.com",), first_name="Bob")
    before = await contents(database)
    job_id = await begin_import(database, tmp_path, MIXED, dry_run=True)
    async with at_work(database, database_url, tmp_path, batch_rows=2):
        row = await ended(database, job_id)
    assert_adds_up(row.counters, 5)
    assert row.counters["unchanged"] == 1
    assert await contents(database) == before


async def test_one_bad_row_rejects_everything_when_told_so(
    database: Database, database_url: URL, tmp_path: Path
) -> None:
    """Nothing is written; what has to be corrected is told once."""
    before = await contents(database)
    job_id = await begin_import(
        database, tmp_path, MIXED, error_policy=ErrorPolicy.REJECT_EVERYTHING
    )
    async with at_work(database, database_url, tmp_path, batch_rows=2):
        row = await ended(database, job_id)
    assert (row.status, row.error_code) == (JobStatus.FAILED, JobErrorCode.REJECTED)
    assert row.error is not None
    assert "nothing was written" in row.error
    assert_adds_up(row.counters, 5)
    assert row.counters["failed"] == 2
    assert await contents(database) == before
    assert {line for line, *_ in await told_of(database, job_id)} == {3, 6}


async def test_erased_person_is_found_by_the_first_look(
    database: Database, database_url: URL, tmp_path: Path
) -> None:
    """No row was written that would have to be taken back, and none of hers is kept."""
    await suppress(database, email="ada@example.com")
    file = "Email\nbob@example.com\nada@example.com\n"
    job_id = await begin_import(
        database, tmp_path, file, error_policy=ErrorPolicy.REJECT_EVERYTHING
    )
    async with at_work(database, database_url, tmp_path, batch_rows=1):
        row = await ended(database, job_id)
    assert (row.status, row.counters["failed"]) == (JobStatus.FAILED, 1)
    assert await rows_of(database, "SELECT count(*) FROM import_batches") == [(0,)]
    assert await rejects_of(database, job_id) == []


async def test_clean_file_passes_the_first_look(
    database: Database, database_url: URL, tmp_path: Path
) -> None:
    """Its rows are counted once, and the bytes of both looks are its progress."""
    file = people(7)
    job_id = await begin_import(
        database, tmp_path, file, error_policy=ErrorPolicy.REJECT_EVERYTHING
    )
    async with at_work(database, database_url, tmp_path, batch_rows=3):
        row = await ended(database, job_id)
    assert (row.status, row.done, row.total) == (JobStatus.COMPLETED, 2 * len(file), 2 * len(file))
    assert_adds_up(row.counters, 7)
    assert row.counters["created"] == 7


async def test_row_that_fails_behind_the_first_look_has_all_taken_back(
    database: Database, database_url: URL, tmp_path: Path
) -> None:
    """Another row of the file has its address by then: nothing stays, and the counters say so."""
    await make_contact(database, emails=("eve@example.com",))
    before = await contents(database)
    file = "Email,Secondary Email,Title\na@example.com,,x\nb@example.com,,x\nc@example.com,,x\n"
    file += "eve@example.com,a@example.com,x\n"
    job_id = await begin_import(
        database, tmp_path, file, error_policy=ErrorPolicy.REJECT_EVERYTHING
    )
    async with at_work(database, database_url, tmp_path, batch_rows=1):
        row = await ended(database, job_id)
    assert (row.status, row.error_code) == (JobStatus.FAILED, JobErrorCode.REJECTED)
    assert "nothing was written" in (row.error or "")
    assert_adds_up(row.counters, 4)
    assert (row.counters["failed"], row.counters["skipped"]) == (1, 3)
    assert await contents(database) == before


UNUSABLE = {
    "empty": b"\xef\xbb\xbf \n",
    "a picture": b"\x89PNG\r\n\x1a\n" + b"\0" * 100,
    "no header": b"ada@example.com,Ada\nbob@example.com,Bob\n",
    "of nobody": b"Colour,Size\ngreen,3\n",
}


@pytest.mark.parametrize("content", UNUSABLE.values(), ids=UNUSABLE)
async def test_file_that_cannot_be_read_fails_with_a_reason(
    database: Database, database_url: URL, tmp_path: Path, content: bytes
) -> None:
    """At the first attempt, in words that say what to do."""
    job_id = await begin_import(database, tmp_path, content)
    async with at_work(database, database_url, tmp_path):
        row = await ended(database, job_id)
    assert (row.status, row.error_code, row.attempts) == (
        JobStatus.FAILED,
        JobErrorCode.REJECTED,
        1,
    )
    assert row.error


async def test_file_that_is_gone_fails_with_a_reason(
    database: Database, database_url: URL, tmp_path: Path
) -> None:
    """It says to send it again."""
    job_id = await begin_import(database, tmp_path, people(1))
    for path in (tmp_path / "uploads").iterdir():
        path.unlink()
    async with at_work(database, database_url, tmp_path):
        row = await ended(database, job_id)
    assert (row.status, row.error_code) == (JobStatus.FAILED, JobErrorCode.REJECTED)
    assert "Send it again" in (row.error or "")


async def test_cancelled_import_keeps_what_it_has_written(
    database: Database, database_url: URL, tmp_path: Path
) -> None:
    """It stops after a batch, and its counters say what is written."""
    job_id = await begin_import(database, tmp_path, people(3000))
    async with at_work(database, database_url, tmp_path, batch_rows=20):
        await until(database, job_id, partial(has_more, 0))
        async with database.write() as tx:
            await cancel_job(tx, job_id)
        row = await ended(database, job_id)
    assert row.status == JobStatus.CANCELLED
    assert 0 < row.counters["created"] < 3000
    assert (await census(database))["contacts"] == row.counters["created"]


async def test_undo_takes_back_all_that_was_imported(
    database: Database, database_url: URL, tmp_path: Path
) -> None:
    """As a job, with progress; then the same can be imported again."""
    await make_contact(database, emails=("p3@example3.com",), first_name="Other")
    before = await contents(database)
    job_id = await begin_import(database, tmp_path, people(30))
    async with at_work(database, database_url, tmp_path, batch_rows=7):
        await ended(database, job_id)
        undo_id = await begin_undo(database, job_id)
        row = await ended(database, undo_id)
    assert (row.status, row.progress) == (JobStatus.COMPLETED, 1)
    # Thirty companies' worth of people, of whom one was there already.
    assert row.counters == {"restored": 1, "removed": 29 + 30, "skipped": 0}
    assert row.done == row.total == 60
    assert await contents(database) == before
    assert await rows_of(database, "SELECT undone_at IS NOT NULL FROM imports") == [(True,)]


async def test_undo_tells_who_was_edited_since(
    database: Database, database_url: URL, tmp_path: Path
) -> None:
    """They stay, and the job says how many they are."""
    job_id = await begin_import(database, tmp_path, "Email\na@example.com\nb@example.com\n")
    async with at_work(database, database_url, tmp_path):
        await ended(database, job_id)
        await execute(database, "UPDATE contacts SET title = 'CEO' WHERE email LIKE 'a@%'")
        row = await ended(database, await begin_undo(database, job_id))
    assert row.counters == {"removed": 1, "restored": 0, "skipped": 1}
    assert (await census(database))["contacts"] == 1
    assert [code for _, code, _ in await told_of(database, row.id)] == ["EDITED_SINCE"]


async def test_import_of_killed_workers_takes_each_row_once(
    database: Database, database_url: URL, tmp_path: Path, pytestconfig: pytest.Config
) -> None:
    """Kill -9 at random points: nothing is lost or doubled, and the counters are exact."""
    kills, rows = (pytestconfig.getoption(name) for name in ("--import-kills", "--import-rows"))
    file = people(rows)
    job_id = await begin_import(database, tmp_path, file)
    await execute(database, f"UPDATE jobs SET max_attempts = {kills + 1}")
    chance = random.Random()  # noqa: S311  # another run tries other points
    points = sorted(chance.sample(range(len(file) * 9 // 10), kills))
    for point in points:
        async with worker_process(database_url, tmp_path):
            await until(database, job_id, partial(has_more, point))
            await asyncio.sleep(chance.uniform(0, 0.1))
    async with worker_process(database_url, tmp_path):
        row = await ended(database, job_id)
    assert (row.status, row.done, row.total) == (JobStatus.COMPLETED, len(file), len(file))
    assert_adds_up(row.counters, rows)
    assert row.counters["created"] == rows
    found = await census(database)
    assert found == {"contacts": rows, "addresses": rows, "emails": rows, "version": 1}


async def test_two_imports_of_the_same_people_make_them_once(
    database: Database, database_url: URL, tmp_path: Path
) -> None:
    """At the same time, in opposite order."""
    lines = people(400).splitlines(keepends=True)
    backwards = lines[0] + "".join(reversed(lines[1:]))
    ids = [await begin_import(database, tmp_path, file) for file in ("".join(lines), backwards)]
    async with at_work(database, database_url, tmp_path, batch_rows=50):
        rows = await asyncio.gather(*(ended(database, job_id) for job_id in ids))
    assert {row.status for row in rows} == {JobStatus.COMPLETED}
    assert sum(row.counters["created"] for row in rows) == 400
    assert (await census(database))["contacts"] == 400


async def test_upload_waits_for_its_import(
    database: Database, database_url: URL, tmp_path: Path
) -> None:
    """Its time is over before a worker comes; it is not swept away."""
    job_id = await begin_import(database, tmp_path, people(2))
    await execute(database, "UPDATE uploads SET expires_at = now() - interval '1 day'")
    await (await uploads_of(database, tmp_path)).sweep()
    async with at_work(database, database_url, tmp_path):
        row = await ended(database, job_id)
    assert row.status == JobStatus.COMPLETED
    await (await uploads_of(database, tmp_path)).sweep()
    assert await rows_of(database, "SELECT count(*) FROM uploads") == [(0,)]


async def test_owner_of_an_import_is_who_sent_the_file(database: Database, tmp_path: Path) -> None:
    """The job is theirs."""
    job_id = await begin_import(database, tmp_path, people(1))
    row = await read_job(database, job_id)
    assert row.user_uuid == UUID("00000000-0000-4000-8000-000000000007")
