"""What is past its time is forgotten, and nothing else."""

import pytest
from sqlalchemy import text

from db.rows import Row
from db.statements import Statement
from db.transaction import Database
from jobs import housekeeping
from jobs.housekeeping import Retention
from jobs.parallel import ParallelSettings
from tests.db.merged import merge
from tests.factories import make_contact
from tests.jobs.test_running import execute
from tests.jobs.working import make_job, make_tagging, read_job

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
