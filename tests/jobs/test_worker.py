"""How jobs come to workers: once each, by priority, in their time, and again when lost."""

import asyncio
from datetime import UTC, datetime, timedelta

from procrastinate import App
from procrastinate.jobs import Status
from procrastinate.periodic import PeriodicDeferrer
from sqlalchemy import text
from sqlalchemy.engine import URL

from db.engine import libpq_settings
from db.job_queue import enqueue
from db.job_runs import Step, begin_batch, end_batch
from db.rows import Row
from db.statements import Statement
from db.transaction import Database
from domain.jobs import JobStatus
from domain.tasks import LOW, TagContacts
from jobs.queue import build_queue
from jobs.running import Run
from jobs.worker import WorkerSettings
from tests.jobs.working import (
    TAG,
    do_one,
    emptied,
    ended,
    entries,
    execute,
    handled_by,
    make_job,
    read_job,
    take,
    worker,
)

_TAKEN = Statement(
    text(
        "UPDATE procrastinate_jobs SET status = 'doing', worker_id ="
        " (SELECT max(id) FROM procrastinate_workers) WHERE status = 'todo' RETURNING id"
    ),
    Row,
)


async def test_two_workers_do_each_job_once(database: Database, database_url: URL) -> None:
    """However many jobs there are, none is done twice and none is forgotten."""
    done: list[int] = []

    async def note(run: Run, task: TagContacts) -> None:
        done.append(run.job_id)
        await do_one(run, task)

    ids = [(await make_job(database)).id for _ in range(60)]
    # Nobody is taken for dead who is only slow.
    patient = WorkerSettings(poll_seconds=0.1)
    async with (
        worker(database, database_url, handled_by(note), patient),
        worker(database, database_url, handled_by(note), patient),
    ):
        rows = [await ended(database, job_id) for job_id in ids]
    assert sorted(done) == ids
    assert {(row.status, row.done, row.attempts) for row in rows} == {(JobStatus.COMPLETED, 1, 1)}
    assert await entries(database) == []


async def test_higher_priority_is_taken_first(database: Database, database_url: URL) -> None:
    """Of the jobs that wait; among equals the older one."""
    done: list[int] = []

    async def note(run: Run, task: TagContacts) -> None:
        done.append(run.job_id)
        await do_one(run, task)

    low = await make_job(database, priority=LOW)
    normal, later = await make_job(database), await make_job(database)
    high = await make_job(database, priority=10)
    one_at_a_time = WorkerSettings(concurrency=1, poll_seconds=0.1)
    async with worker(database, database_url, handled_by(note), one_at_a_time):
        await ended(database, low.id)
    assert done == [high.id, normal.id, later.id, low.id]


async def test_job_for_later_waits(database: Database, database_url: URL) -> None:
    """It is not begun before its time."""
    later = await make_job(database, run_at=datetime.now(UTC) + timedelta(hours=1))
    now = await make_job(database)
    async with worker(database, database_url, handled_by(do_one)):
        await ended(database, now.id)
    assert (await read_job(database, later.id)).status == JobStatus.QUEUED
    assert await entries(database) == [(f"job-{later.id}", "todo")]


async def test_job_of_a_dead_worker_is_given_to_another(
    database: Database, database_url: URL
) -> None:
    """An entry whose worker gives no sign of life is put back, and the job is done."""
    job = await make_job(database)
    await execute(
        database,
        "WITH dead AS (INSERT INTO procrastinate_workers (last_heartbeat)"
        " VALUES (now() - interval '1 minute') RETURNING id)"
        " UPDATE procrastinate_jobs SET status = 'doing', worker_id = dead.id FROM dead",
    )
    async with worker(database, database_url, handled_by(do_one)):
        assert (await ended(database, job.id)).status == JobStatus.COMPLETED


async def test_job_without_an_entry_is_queued_again(database: Database, database_url: URL) -> None:
    """The row is the truth: what became of its entry does not matter."""
    job = await make_job(database)
    await execute(database, "DELETE FROM procrastinate_jobs")
    async with worker(database, database_url, handled_by(do_one)):
        assert (await ended(database, job.id)).status == JobStatus.COMPLETED


async def test_job_that_a_living_worker_lost_is_given_out_again(
    database: Database, database_url: URL
) -> None:
    """An entry that is taken while its job does not run was not put back as it should have been.

    Of one that a batch has ended there is nothing left.
    """
    async with worker(database, database_url, handled_by(do_one)):
        # Once one is done there is a worker that lives.
        await ended(database, (await make_job(database)).id)
        async with database.write() as tx:
            lost, over = [await enqueue(tx, TAG, owner=None) for _ in range(2)]
            taken = await tx.fetch(_TAKEN)
        assert len(taken) == 2
        hold = await take(database, over.id)
        async with database.write() as tx:
            await end_batch(tx, hold, Step(1, ends=True), await begin_batch(tx, hold))
        assert (await ended(database, lost.id)).status == JobStatus.COMPLETED
        await emptied(database)
    assert (await read_job(database, over.id)).attempts == 1


async def test_periodic_entry_of_a_dead_worker_stands_in_nobodys_way(
    database: Database, database_url: URL
) -> None:
    """It is dropped, though the next one waits already; jobs of dead workers go on as ever."""
    await execute(
        database,
        "WITH dead AS (INSERT INTO procrastinate_workers (last_heartbeat)"
        " VALUES (now() - interval '1 minute') RETURNING id)"
        " INSERT INTO procrastinate_jobs"
        " (queue_name, task_name, lock, queueing_lock, status, worker_id, args)"
        " SELECT 'housekeeping', 'appointment360.keep_house', 'housekeeping', 'housekeeping',"
        " CAST(status AS procrastinate_job_status),"
        " CASE status WHEN 'doing' THEN dead.id END, '{\"timestamp\": 1}'"
        " FROM dead, unnest(ARRAY['doing', 'todo']) AS status",
    )
    job = await make_job(database)
    await execute(
        database,
        "UPDATE procrastinate_jobs SET status = 'doing', worker_id ="
        " (SELECT max(id) FROM procrastinate_workers) WHERE queue_name = 'bulk'",
    )
    async with worker(database, database_url, handled_by(do_one)):
        assert (await ended(database, job.id)).status == JobStatus.COMPLETED
        await emptied(database)


async def test_older_run_of_a_worker_leaves_the_newer_one_its_entry(
    database: Database, database_url: URL
) -> None:
    """What was put back and taken again by the same worker is another entry, by its attempts."""
    job = await make_job(database)
    await execute(database, "INSERT INTO procrastinate_workers DEFAULT VALUES")
    queue = build_queue(
        libpq_settings(database_url, application_name="test"), run_job=nothing, keep_house=no_house
    )
    async with queue.open_async():
        older = await queue.job_manager.fetch_job(None, worker_id=1)
        assert older is not None
        await execute(
            database,
            "SELECT procrastinate_retry_job_v2(id, now(), NULL, NULL, NULL)"
            " FROM procrastinate_jobs",
        )
        newer = await queue.job_manager.fetch_job(None, worker_id=1)
        await queue.job_manager.finish_job(older, Status.SUCCEEDED, delete_job=True)
        assert await entries(database) == [(f"job-{job.id}", "doing")]
        await queue.job_manager.retry_job(older, datetime.now(UTC))
        assert await entries(database) == [(f"job-{job.id}", "doing")]
        assert newer is not None
        await queue.job_manager.finish_job(newer, Status.SUCCEEDED, delete_job=True)
    assert await entries(database) == []


async def test_periodic_work_is_queued_once_a_slot(database: Database, database_url: URL) -> None:
    """However many workers count the minutes, one entry is made for each of them."""
    kept: list[None] = []

    async def keep_house() -> None:
        kept.append(None)

    address = libpq_settings(database_url, application_name="test")
    queues = [build_queue(address, run_job=nothing, keep_house=keep_house) for _ in range(3)]
    # Who works would queue what is due by the clock as well.
    queues[2].periodic_registry.periodic_tasks.clear()
    slots = [1_800_000_000, 1_800_000_600]
    async with queues[0].open_async(), queues[1].open_async(), queues[2].open_async():
        for slot in slots:
            await asyncio.gather(*(defer(queue, slot) for queue in queues[:2]))
            assert await entries(database) == [("housekeeping", "todo")]
            await queues[2].run_worker_async(wait=False, delete_jobs="always")
    assert len(kept) == len(slots)


async def nothing(_job_id: int) -> None:
    """No job comes."""


async def no_house() -> None:
    """Nothing is old."""


async def defer(queue: App, slot: int) -> None:
    """Queue what is due in a slot, as a worker does."""
    deferrer = PeriodicDeferrer(registry=queue.periodic_registry)
    (task,) = queue.periodic_registry.periodic_tasks.values()
    await deferrer.defer_jobs([(task, slot)])
