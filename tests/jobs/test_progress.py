"""What a batch tells of its job: progress, totals, results, and the end."""

from collections.abc import Awaitable, Callable
from typing import Any
from uuid import uuid4

import pytest

from db.job_runs import (
    Fenced,
    Hold,
    Step,
    begin_batch,
    end_batch,
    end_job,
    has_ended,
    let_go,
    take_job,
)
from db.transaction import Database, Transaction
from domain.errors import Rejected
from domain.jobs import JobStatus
from tests.jobs.working import cancel, execute, make_job, read_job, take


async def test_worker_that_was_taken_for_dead_writes_nothing(database: Database) -> None:
    """Its token is no longer the job's: neither a batch nor an end nor a retry goes through."""
    job = await make_job(database)
    dead, alive = await take(database, job.id), await take(database, job.id)

    async def batch(tx: Transaction, hold: Hold) -> None:
        await end_batch(tx, hold, Step(1), await begin_batch(tx, hold))

    async with database.write() as tx:
        await batch(tx, alive)
    before = dict(await read_job(database, job.id))
    writes: list[Callable[[Transaction], Awaitable[None]]] = [
        lambda tx: batch(tx, dead),
        lambda tx: end_job(tx, dead, JobStatus.COMPLETED),
        lambda tx: let_go(tx, dead, counts=True),
    ]
    for write in writes:
        with pytest.raises(Fenced):
            async with database.write() as tx:
                await write(tx)
    assert dict(await read_job(database, job.id)) == before


async def test_progress_never_goes_back_and_an_end_is_final(database: Database) -> None:
    """PostgreSQL itself keeps both promises, whoever writes."""
    job = await make_job(database, total=10)
    hold = await take(database, job.id)
    async with database.write() as tx:
        await end_batch(tx, hold, Step(5), await begin_batch(tx, hold))
    await execute(database, "UPDATE jobs SET done = 1, total = 100")
    assert (await read_job(database, job.id)).progress == 0.5
    async with database.write() as tx:
        await end_job(tx, hold, JobStatus.COMPLETED)
    with pytest.raises(Exception, match="has ended as COMPLETED"):
        await execute(database, "UPDATE jobs SET status = 'RUNNING', finished_at = NULL")


async def test_total_may_be_put_right_but_not_set_progress_back(database: Database) -> None:
    """A job may find more or less to do than was foreseen; its owner sees it getting on alone."""
    job = await make_job(database)
    hold = await take(database, job.id)
    seen = []
    for step in (
        Step(0, total=10),
        Step(5),
        Step(1, total=100),
        Step(0, total=8),
        Step(4, total=10),
        Step(3, total=13),
        Step(0, total=0),
        Step(2, total=10),
        Step(5, total=1000),
    ):
        async with database.write() as tx:
            await end_batch(tx, hold, step, await begin_batch(tx, hold))
        row = await read_job(database, job.id)
        seen.append((row.done, row.total))
    # A hundred would have set it back from a half.
    assert seen[:6] == [(0, 10), (5, 10), (6, 10), (6, 8), (10, 10), (13, 13)]
    assert seen[6:] == [(13, 13), (15, 15), (20, 20)]


async def test_total_of_nothing_does_not_set_progress_back(database: Database) -> None:
    """An attempt before has done some of what is not there any more."""
    job = await make_job(database)
    hold = await take(database, job.id)
    seen = []
    for step in (Step(0, total=0), Step(5, total=10), Step(0, total=0), Step(0, total=20)):
        async with database.write() as tx:
            await end_batch(tx, hold, step, await begin_batch(tx, hold))
        row = await read_job(database, job.id)
        seen.append((row.done, row.total, row.progress))
    assert seen == [(0, 0, 0), (5, 10, 0.5), (5, 5, 1), (5, 5, 1)]


@pytest.mark.parametrize(
    ("counters", "status"),
    [({"updated": 1}, JobStatus.COMPLETED), ({"failed": 1}, JobStatus.COMPLETED_WITH_ERRORS)],
)
async def test_batch_may_end_the_job(
    database: Database, counters: dict[str, int], status: JobStatus
) -> None:
    """With what it has done; whatever is written about the job later changes nothing."""
    job = await make_job(database)
    lost, hold = await take(database, job.id), await take(database, job.id)
    async with database.write() as tx:
        assert not await has_ended(tx, hold)
        step = Step(1, counters, total=1, result={"rows": 1}, ends=True)
        await end_batch(tx, hold, step, await begin_batch(tx, hold))
    before = await read_job(database, job.id)
    assert (before.status, before.done, before.result) == (status, 1, {"rows": 1})
    async with database.write() as tx:
        assert await has_ended(tx, hold)
        assert not await has_ended(tx, lost)
        await end_job(tx, hold, JobStatus.FAILED)
        await let_go(tx, hold, counts=True)
        assert await take_job(tx, job.id, uuid4()) is None
    assert await read_job(database, job.id) == before
    with pytest.raises(Rejected, match="has ended already"):
        await cancel(database, job.id)


async def test_job_that_was_only_looked_at_was_not_started(database: Database) -> None:
    """Neither while it waits for its turn nor for a newer worker, until one has done something."""
    job = await make_job(database)
    seen = []
    for steps, counts in ((0, False), (1, False), (0, False), (0, True)):
        hold = await take(database, job.id)
        async with database.write() as tx:
            for _ in range(steps):
                await end_batch(tx, hold, Step(1), await begin_batch(tx, hold))
            await let_go(tx, hold, counts=counts)
        seen.append((await read_job(database, job.id)).started_at)
    assert seen[0] is None
    assert seen[1:] == [seen[1]] * 3
    assert seen[1] is not None


async def test_job_gives_what_its_last_batch_gave(database: Database) -> None:
    """A batch without a result leaves that of the one before."""
    job = await make_job(database)
    hold = await take(database, job.id)
    given: list[Any] = []
    for step in (Step(1), Step(1, result={"rows": 1}), Step(1), Step(1, result={"name": "ä"})):
        async with database.write() as tx:
            await end_batch(tx, hold, step, await begin_batch(tx, hold))
        given.append((await read_job(database, job.id)).result)
    assert given == [None, {"rows": 1}, {"rows": 1}, {"name": "ä"}]
