"""Promises of `db.jobs`: made with their cause or not at all, read by their owner, stopped."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import pytest

from db.filter_shapes import split_filter
from db.filters import name_values
from db.job_queue import enqueue
from db.job_runs import Cancelled as ToldToStop
from db.job_runs import begin_batch, take_job
from db.jobs import JOBS, cancel_job, count_jobs, jobs_behind, list_jobs, load_jobs
from db.keyset import PageShape, page_statement
from db.rows import JobRow
from db.transaction import Database
from db.users import create_user
from domain.enums import Role
from domain.errors import ProblemCode, Rejected
from domain.filters import JobFilter, JobStatusFilter, UUIDFilter
from domain.jobs import FINAL_STATUSES, NEWEST_JOBS, JobKind, JobStatus
from domain.paging import PageRequest
from domain.tasks import TagContacts
from tests.factories import make_contact
from tests.graph.rows import execute, read_rows
from tests.jobs.working import TAG, entries, make_job

PAGE = PageRequest(order=NEWEST_JOBS, size=10)
QUEUED = JobFilter(status=JobStatusFilter(eq=JobStatus.QUEUED))


async def read(database: Database, job_id: int) -> JobRow | None:
    """A job as users see it."""
    async with database.read() as session:
        (row,) = await load_jobs(session, [job_id])
    return row


async def cancel(database: Database, job_id: int) -> JobRow:
    """A job after it was cancelled."""
    async with database.write() as tx:
        return await cancel_job(tx, job_id)


async def test_job_is_there_with_its_cause(database: Database) -> None:
    """COMMIT leaves one job and one entry in the queue, with all that a worker has to know."""
    async with database.write() as tx:
        job = await enqueue(tx, TAG, owner=None, total=7, priority=10)
    rows = await read_rows(database, "SELECT id, kind, version, payload, queue, total FROM jobs")
    asked = {"added": ["tagged"], "removed": []}
    assert rows == [(job.id, JobKind.TAG_CONTACTS, TagContacts.version, asked, "bulk", 7)]
    entry = "SELECT args, queue_name, priority, lock, queueing_lock FROM procrastinate_jobs"
    name = f"job-{job.id}"
    assert await read_rows(database, entry) == [({"job_id": job.id}, "bulk", 10, name, name)]


async def test_no_job_is_there_without_its_cause(database: Database) -> None:
    """ROLLBACK leaves neither the job nor an entry in the queue."""
    contact = await make_contact(database)

    async def undone() -> None:
        async with database.write() as tx:
            await tx.driver.execute("UPDATE contacts SET title = 'x'")
            await enqueue(tx, TAG, owner=None)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await undone()
    assert await read_rows(database, "SELECT FROM jobs") == []
    assert await entries(database) == []
    assert await read_rows(database, "SELECT id, title FROM contacts") == [(contact.id, None)]


async def test_jobs_are_loaded_in_the_order_of_their_ids(database: Database) -> None:
    """None stands for one that is not there; the owner's row is found by its UUID."""
    async with database.write() as tx:
        user = await create_user(tx, email="ada@x.example", role=Role.EDITOR)
    assert user is not None
    mine = await make_job(database, owner=user.uuid)
    gone = await make_job(database, owner=uuid4())
    async with database.read() as session:
        rows = await load_jobs(session, [gone.id, 10**9, mine.id, gone.id])
    assert [row and (row.id, row.owner_id) for row in rows] == [
        (gone.id, None),
        None,
        (mine.id, user.id),
        (gone.id, None),
    ]


async def test_list_of_an_owner_has_no_others(database: Database) -> None:
    """Whatever the filter; without an owner it has all, the newest first."""
    ada, bob = uuid4(), uuid4()
    made = [await make_job(database, owner=owner) for owner in (ada, bob, None, ada)]
    await cancel(database, made[3].id)
    everybody = JobFilter(or_=[QUEUED, JobFilter(not_=QUEUED)], and_=[JobFilter()])
    of_bob = JobFilter(user_uuid=UUIDFilter(eq=bob))
    for filter_, owner, wanted in (
        (None, None, [3, 2, 1, 0]),
        (None, ada, [3, 0]),
        (everybody, ada, [3, 0]),
        (QUEUED, ada, [0]),
        (of_bob, ada, []),
        (of_bob, None, [1]),
        (None, uuid4(), []),
    ):
        async with database.read() as session:
            page = await list_jobs(session, PAGE, filter_, owner=owner)
            count = await count_jobs(session, filter_, owner=owner)
            behind = await jobs_behind(session, PAGE, filter_, owner=owner)
        assert [row.id for row in page.rows] == [made[at].id for at in wanted]
        assert (count, behind) == (len(wanted), bool(wanted))


async def test_what_users_are_shown_has_nothing_of_the_workers(database: Database) -> None:
    """Neither what was asked for, which may name people, nor the token that lets one write."""
    job = await make_job(database)
    async with database.read() as session:
        page = await list_jobs(session, PAGE, None, owner=None)
    for row in (await read(database, job.id), *page.rows):
        assert row is not None
        assert {"payload", "locked_by"} & set(row.keys()) == set()


async def test_waiting_job_ends_when_it_is_cancelled(database: Database) -> None:
    """No worker is given it any more; a worker that was on its way finds nothing to do."""
    job, other = await make_job(database), await make_job(database)
    row = await cancel(database, job.id)
    assert (row.status, row.finished_at is not None) == (JobStatus.CANCELLED, True)
    assert await entries(database) == [(f"job-{other.id}", "todo")]
    async with database.write() as tx:
        assert await take_job(tx, job.id, uuid4()) is None


async def test_job_whose_entry_a_worker_has_ends_too(database: Database) -> None:
    """Between taking the entry and the job the worker is late; the entry is its own to end."""
    job = await make_job(database)
    await execute(database, "UPDATE procrastinate_jobs SET status = 'doing'")
    assert (await cancel(database, job.id)).status == JobStatus.CANCELLED
    assert await entries(database) == [(f"job-{job.id}", "doing")]


async def test_running_job_stops_at_its_next_batch(database: Database) -> None:
    """Until then it says that it is to stop, however often it is told."""
    job = await make_job(database)
    async with database.write() as tx:
        hold = await take_job(tx, job.id, uuid4())
    assert hold is not None
    for _ in range(2):
        row = await cancel(database, job.id)
        assert (row.status, row.finished_at) == (JobStatus.CANCELING, None)
    with pytest.raises(ToldToStop):
        async with database.write() as tx:
            await begin_batch(tx, hold)


@pytest.mark.parametrize("status", sorted(FINAL_STATUSES))
async def test_job_that_has_ended_is_not_cancelled(database: Database, status: str) -> None:
    """It stays as it ended."""
    job = await make_job(database)
    ended = "UPDATE jobs SET status = $1, finished_at = $2"
    await execute(database, ended, status, datetime.now(UTC))
    with pytest.raises(Rejected) as rejected:
        await cancel(database, job.id)
    assert [each.code for each in rejected.value.problems] == [ProblemCode.NOT_ALLOWED_IN_STATE]
    row = await read(database, job.id)
    assert row is not None
    assert row.status == status


async def test_job_that_is_not_there_is_not_cancelled(database: Database) -> None:
    """It is told apart from one that has ended."""
    with pytest.raises(Rejected) as rejected:
        await cancel(database, 1)
    assert [each.code for each in rejected.value.problems] == [ProblemCode.NOT_FOUND]


async def test_page_of_jobs_is_read_by_an_index(database: Database) -> None:
    """That of a user no less than that of everybody, however many there are."""
    await execute(
        database,
        "INSERT INTO jobs (kind, version, payload, queue, max_attempts, user_uuid, created_at)"
        " SELECT 'TAG_CONTACTS', 1, '{}', 'bulk', 5, md5((n % 50)::text)::uuid,"
        " now() - n * interval '1 second' FROM generate_series(1, 5000) n",
    )
    await execute(database, "ANALYZE jobs")
    owner = UUID((await read_rows(database, "SELECT md5('7')::uuid::text"))[0][0])
    of_owner = JobFilter(and_=[JobFilter(user_uuid=UUIDFilter(eq=owner))])
    assert await indexes_of(database, None) >= {"ix_jobs_created_at"}
    assert await indexes_of(database, of_owner) >= {"ix_jobs_user_uuid"}


async def indexes_of(database: Database, filter_: JobFilter | None) -> set[str]:
    """The indexes that the first page is read by."""
    shape, values = split_filter(filter_)
    statement = page_statement(PageShape(JOBS, shape, NEWEST_JOBS))
    arguments = statement.arguments(name_values(values) | {"size": 11})
    async with database.read() as session:
        explained = await session.driver.fetchval(
            f"EXPLAIN (FORMAT JSON) {statement.sql}", *arguments
        )
    found: set[str] = set()
    plans: list[Mapping[str, Any]] = [explained[0]["Plan"]]
    while plans:
        plan = plans.pop()
        plans += plan.get("Plans", ())
        found |= {plan["Index Name"]} if "Index Name" in plan else set()
    return found
