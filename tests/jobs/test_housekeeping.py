"""What is past its time is forgotten, and nothing else."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from db.rows import Row
from db.staging import Finding
from db.statements import Statement
from db.transaction import Database
from jobs import housekeeping
from jobs.housekeeping import Retention
from jobs.parallel import ParallelSettings
from streaming.upload_limits import UploadSettings
from streaming.uploads import open_uploads
from tests.db.importing import FileLine, make_import, rows_of_file, write_batch
from tests.db.merged import merge
from tests.db.staged import contact, rows_of
from tests.db.test_uploads import make_upload
from tests.factories import make_contact
from tests.jobs.working import execute, make_job, make_tagging, read_job

DAY = 86_400.0
RETENTION = Retention(undo=7 * DAY, jobs=30 * DAY, activities=365 * DAY)


async def prune(database: Database, retention: Retention) -> dict[str, int]:
    """What is forgotten, as a worker has it done."""
    return await housekeeping.prune(database, retention, parallel=ParallelSettings())


async def count(database: Database, table: str) -> int:
    """How many rows a table has."""
    async with database.read() as session:
        return int(await session.fetch_value(Statement(text(f"SELECT count(*) FROM {table}"), Row)))


async def test_old_keys_go_however_many_they_are(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Part by part until none is left; a key of today stays."""
    monkeypatch.setattr(housekeeping, "BATCH_ROWS", 10)
    await execute(
        database,
        "INSERT INTO idempotency_keys SELECT gen_random_uuid(), n, '', 'null',"
        " now() - n * interval '1 hour' FROM generate_series(0, 48) AS n",
    )
    assert await prune(database, RETENTION) == {"idempotency_keys": 25}
    assert await count(database, "idempotency_keys") == 24
    assert await prune(database, RETENTION) == {}


async def test_jobs_go_some_time_after_their_end(database: Database) -> None:
    """One that has not ended stays, however old it is, and so do the records of the others."""
    old, running = await make_job(database), await make_job(database)
    await execute(database, "UPDATE jobs SET created_at = now() - interval '1 year'")
    await execute(
        database,
        "UPDATE jobs SET status = 'COMPLETED', finished_at = now() - interval '31 days'"
        " WHERE id = CAST(:id AS bigint)",
        id=old.id,
    )
    assert await prune(database, RETENTION) == {"jobs": 1}
    assert (await read_job(database, running.id)).id == running.id
    assert await count(database, "jobs") == 1


async def test_what_an_import_changed_goes_part_by_part_before_its_job(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With their job they would go in one statement, however many: it would be cut off for ever."""
    monkeypatch.setattr(housekeeping, "BATCH_ROWS", 10)
    old, young = await make_job(database), await make_job(database)
    await execute(
        database,
        "INSERT INTO import_changes (job_id, entity, record_id, version)"
        " SELECT id, 'contacts', n, 1 FROM jobs, generate_series(1, 25) AS n",
    )
    await execute(
        database,
        "UPDATE jobs SET status = 'COMPLETED', finished_at = now() - interval '31 days'"
        " WHERE id = CAST(:id AS bigint)",
        id=old.id,
    )
    assert await prune(database, RETENTION) == {"import_changes": 25, "jobs": 1}
    assert await count(database, f"import_changes WHERE job_id = {young.id}") == 25


async def test_records_that_a_job_left_undone_go(database: Database) -> None:
    """Those of a job that has ended before all was done; what a running one has to do stays."""
    contact = (await make_contact(database)).id
    ended, running = [await make_tagging(database, [contact]) for _ in range(2)]
    await execute(
        database,
        "UPDATE jobs SET status = 'CANCELLED', finished_at = now() - interval '2 hours'"
        " WHERE id = CAST(:id AS bigint)",
        id=ended.id,
    )
    assert await prune(database, RETENTION) == {"job_records": 1}
    assert await count(database, f"job_records WHERE job_id = {running.id}") == 1


async def test_merges_past_undoing_forget_what_they_were_made_of(database: Database) -> None:
    """They stay as a fact; what would be needed to undo them is personal and goes."""
    pairs = [[(await make_contact(database)).id for _ in range(2)] for _ in range(2)]
    old, _young = [(await merge(database, *pair)).merge.id for pair in pairs]
    await execute(
        database,
        "UPDATE contact_merges SET created_at = now() - interval '8 days'"
        " WHERE id = CAST(:id AS bigint)",
        id=old,
    )
    assert await prune(database, RETENTION) == {"merge_undo": 1}
    assert await count(database, "contact_merges WHERE undo = '{}'") == 1
    assert await count(database, "contact_merges") == 2


@pytest.mark.parametrize(("kept", "left"), [(365 * DAY, 1), (None, 2)], ids=["a-year", "for-ever"])
async def test_activities_stay_unless_a_time_is_set(
    database: Database, kept: float | None, left: int
) -> None:
    """What happened with a contact is history; only a setting says that it grows old."""
    contact = await make_contact(database)
    await execute(
        database,
        "INSERT INTO activities (contact_id, occurred_at) VALUES (CAST(:id AS bigint), now()),"
        " (CAST(:id AS bigint), now() - interval '2 years')",
        id=contact.id,
    )
    await prune(database, Retention(undo=7 * DAY, jobs=30 * DAY, activities=kept))
    assert await count(database, "activities") == left


async def test_sessions_and_tokens_go_some_time_after_their_end(database: Database) -> None:
    """What can still be asked for stays: who has left lately, and tokens that could be used."""
    await execute(database, "INSERT INTO users (email, role) VALUES ('ada@example.com', 'viewer')")
    await execute(
        database,
        "INSERT INTO sessions (uuid, user_uuid, expires_at, revoked_at)"
        " SELECT gen_random_uuid(), uuid, now() + expires * interval '1 day',"
        " now() + revoked * interval '1 day' FROM users, (VALUES (30, NULL), (-1, NULL), (30, -1),"
        " (-3, NULL), (30, -3)) AS s(expires, revoked)",
    )
    await execute(
        database,
        "INSERT INTO refresh_tokens (token_hash, session_uuid, used_at)"
        " SELECT sha256(CAST(CAST(uuid AS text) || used AS bytea)), uuid,"
        " now() - used * interval '1 day' FROM sessions, (VALUES (29), (31)) AS t(used)"
        " WHERE expires_at > now() AND revoked_at IS NULL",
    )
    await execute(
        database,
        "INSERT INTO api_tokens (user_uuid, token_hash, prefix, name, scopes, expires_at,"
        " revoked_at) SELECT uuid, sha256(CAST(CAST(n AS text) AS bytea)), '', '', '{READ}',"
        " now() + expires * interval '1 day', now() + revoked * interval '1 day' FROM users,"
        " (VALUES (1, NULL, NULL), (2, -29, NULL), (3, NULL, -29), (4, -31, NULL), (5, 9, -31))"
        " AS t(n, expires, revoked)",
    )
    assert await prune(database, RETENTION) == {
        "sessions": 2,
        "refresh_tokens": 1,
        "api_tokens": 2,
    }
    assert await prune(database, RETENTION) == {}


async def test_imports_past_undoing_forget_how_records_were(database: Database) -> None:
    """Which records they changed stays known; one that is being undone forgets nothing."""
    await make_contact(database, emails=("ada@example.com",))
    plans = [await make_import(database) for _ in range(2)]
    for plan, title in zip(plans, ("city", "region"), strict=True):
        given: dict[str, Any] = {title: "x"}
        row = contact(2, "ada@example.com", **given)
        await write_batch(database, plan, rows_of_file(row))
    await execute(
        database,
        "UPDATE jobs SET status = 'COMPLETED', finished_at = now() - interval '8 days'",
    )
    await execute(
        database,
        f"UPDATE imports SET undo_job_id = job_id WHERE job_id = {plans[1].job_id}",
    )
    assert await prune(database, RETENTION) == {"import_undo": 1}
    kept = await rows_of(database, "SELECT before IS NULL FROM import_changes ORDER BY job_id")
    assert kept == [(True,), (False,)]


async def test_what_was_told_of_rows_goes_with_the_job(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Part by part, however much it is."""
    monkeypatch.setattr(housekeeping, "BATCH_ROWS", 3)
    plan = await make_import(database)
    wrong = Finding(code="INVALID_EMAIL", message="no")
    lines = [FileLine(line, None, (wrong,), ("x",)) for line in range(2, 12)]
    await write_batch(database, plan, lines)
    await execute(
        database,
        "UPDATE jobs SET status = 'COMPLETED', finished_at = now() - interval '31 days'",
    )
    await prune(database, RETENTION)
    for table in ("jobs", "imports", "import_errors", "import_rejects"):
        assert await count(database, table) == 0


async def test_files_of_users_go_with_the_rows(database: Database, tmp_path: Path) -> None:
    """One visit of the house does both."""
    uploads = await open_uploads(tmp_path / "files", database, UploadSettings(), store_url=None)
    upload = await make_upload(database, ttl_seconds=-1)
    await execute(
        database,
        "INSERT INTO idempotency_keys"
        " SELECT gen_random_uuid(), 'old', '', 'null', now() - interval '1 year'",
    )
    file = tmp_path / "files" / upload.uuid.hex
    await asyncio.to_thread(file.touch)
    await housekeeping.keep_house(database, RETENTION, uploads, parallel=ParallelSettings())
    assert await count(database, "uploads") == await count(database, "idempotency_keys") == 0
    assert not await asyncio.to_thread(file.exists)
