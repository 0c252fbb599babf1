"""What becomes of jobs that fail, hang, are cancelled, or whose worker is to stop or dies."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import text
from sqlalchemy.engine import URL
from structlog.testing import capture_logs

from db.engine import open_engine
from db.job_runs import (
    Cancelled,
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
from db.jobs import cancel_job
from db.rows import Row
from db.statements import Statement
from db.transaction import Database, Transaction
from domain.errors import InsufficientStorage, Rejected, Unavailable
from domain.jobs import JobErrorCode, JobStatus
from domain.tasks import TagContacts
from jobs import running
from jobs.running import Handlers, JobRun, JobRunner, Run, TryAgain, Writer
from tests.jobs.working import ended, entries, make_job, read_job, until, worker
from tests.proxy import CommitProxy, Cut


async def one_step(_tx: Transaction) -> Step:
    """A batch that does one unit."""
    return Step(1, {"updated": 1})


async def do_one(run: Run, _task: TagContacts) -> None:
    """A job of one batch."""
    await run.batch(one_step)


def handled_by(handle: Callable[[Run, TagContacts], Awaitable[None]]) -> Handlers:
    """Every job is done by this function."""
    return {TagContacts: handle}


async def execute(database: Database, sql: str, **values: Any) -> None:
    """Do something to the tables."""
    async with database.write() as tx:
        await tx.fetch(Statement(text(sql), Row), values)


async def limit_attempts(database: Database, job_id: int, most: int) -> None:
    """Let a job be begun this often."""
    await execute(
        database,
        "UPDATE jobs SET max_attempts = CAST(:most AS integer) WHERE id = CAST(:id AS bigint)",
        most=most,
        id=job_id,
    )


async def take(database: Database, job_id: int) -> Hold:
    """The job, as the worker has it that takes it now."""
    async with database.write() as tx:
        hold = await take_job(tx, job_id, uuid4())
    assert hold is not None
    return hold


async def test_job_that_fails_once_is_done_by_the_next_attempt(
    database: Database, database_url: URL, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The error is shown while the job waits, and forgotten when it is done."""
    monkeypatch.setattr(running, "_MAX_PAUSE_SECONDS", 0.4)
    attempts: list[int] = []

    async def fail_first(run: Run, task: TagContacts) -> None:
        attempts.append(run.attempt)
        if run.attempt == 1:
            raise RuntimeError("secret")
        await do_one(run, task)

    job = await make_job(database)
    async with worker(database, database_url, handled_by(fail_first)):
        waiting = await until(database, job.id, lambda row: row.error_code is not None)
        done = await ended(database, job.id)
    assert (waiting.status, waiting.error_code) == (JobStatus.QUEUED, JobErrorCode.ERROR)
    assert waiting.error is not None
    assert "secret" not in waiting.error
    assert (done.status, done.attempts, done.error_code) == (JobStatus.COMPLETED, 2, None)
    assert attempts == [1, 2]


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (RuntimeError("secret"), JobErrorCode.ERROR),
        (Unavailable("The mail server does not answer."), JobErrorCode.UNAVAILABLE),
        (InsufficientStorage("The disk is full."), JobErrorCode.UNAVAILABLE),
        (TimeoutError(), JobErrorCode.TIMED_OUT),
    ],
    ids=["bug", "unavailable", "no room", "timeout"],
)
async def test_job_that_always_fails_ends_with_its_reason(
    database: Database, database_url: URL, error: Exception, code: JobErrorCode
) -> None:
    """After its last attempt it is FAILED; the worker goes on with the next job."""

    async def fail(run: Run, task: TagContacts) -> None:
        if run.job_id == bad.id:
            raise error
        await do_one(run, task)

    bad, good = await make_job(database), await make_job(database)
    await limit_attempts(database, bad.id, 1)
    async with worker(database, database_url, handled_by(fail)):
        failed, done = await ended(database, bad.id), await ended(database, good.id)
    assert (failed.status, failed.error_code, failed.attempts) == (JobStatus.FAILED, code, 1)
    assert done.status == JobStatus.COMPLETED
    assert await entries(database) == []


async def test_job_that_is_refused_is_not_tried_again(
    database: Database, database_url: URL
) -> None:
    """What its input makes impossible stays impossible."""

    async def refuse(_run: Run, _task: TagContacts) -> None:
        raise Rejected([])

    job = await make_job(database)
    async with worker(database, database_url, handled_by(refuse)):
        row = await ended(database, job.id)
    assert (row.status, row.error_code, row.attempts) == (
        JobStatus.FAILED,
        JobErrorCode.REJECTED,
        1,
    )


async def test_job_that_never_returns_times_out(
    database: Database, database_url: URL, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A batch may take so long and no longer; the worker goes on."""
    monkeypatch.setattr(TagContacts, "batch_seconds", 0.1)

    async def hang(_run: Run, _task: TagContacts) -> None:
        await asyncio.Event().wait()

    job = await make_job(database)
    await limit_attempts(database, job.id, 1)
    async with worker(database, database_url, handled_by(hang)):
        row = await ended(database, job.id)
    assert (row.status, row.error_code) == (JobStatus.FAILED, JobErrorCode.TIMED_OUT)


@pytest.mark.parametrize(
    "change", ["version = 99", "kind = 'PAINT_CONTACTS'", "payload = '{\"colour\": 1}'"]
)
async def test_job_of_a_newer_release_says_so(
    database: Database, database_url: URL, change: str
) -> None:
    """What this release does not know waits a day for one that does, then ends with the reason."""
    fresh, old = await make_job(database), await make_job(database)
    await execute(database, f"UPDATE jobs SET {change}")
    await execute(
        database,
        "UPDATE jobs SET created_at = now() - interval '25 hours' WHERE id = CAST(:id AS bigint)",
        id=old.id,
    )
    async with worker(database, database_url, handled_by(do_one)):
        failed = await ended(database, old.id)
        waiting = await until(database, fresh.id, lambda row: row.error_code is not None)
    assert (failed.status, failed.error_code) == (JobStatus.FAILED, JobErrorCode.UNKNOWN_PAYLOAD)
    assert failed.error is not None
    assert "newer release" in failed.error
    # A worker of that release is on its way: it waits for one, and no attempt is counted.
    assert (waiting.status, waiting.attempts) == (JobStatus.QUEUED, 0)
    assert waiting.error_code == JobErrorCode.UNKNOWN_PAYLOAD


async def test_job_whose_workers_die_ends_with_its_reason(
    database: Database, database_url: URL
) -> None:
    """A job that was begun as often as it may, and never ended, kills no further worker."""
    job = await make_job(database)
    await limit_attempts(database, job.id, 2)
    for _ in range(2):
        await take(database, job.id)
    async with worker(database, database_url, handled_by(do_one)):
        row = await ended(database, job.id)
    assert (row.status, row.error_code, row.done) == (
        JobStatus.FAILED,
        JobErrorCode.WORKER_LOST,
        0,
    )


async def test_cancelled_job_stops_after_its_batch(database: Database, database_url: URL) -> None:
    """What was done by then stays, and so do the counters."""
    begun, go_on = asyncio.Event(), asyncio.Event()

    async def step(_tx: Transaction) -> Step:
        begun.set()
        await go_on.wait()
        return Step(1, {"updated": 1})

    async def endless(run: Run, _task: TagContacts) -> None:
        while await run.batch(step):
            pass

    job = await make_job(database)
    async with worker(database, database_url, handled_by(endless)):
        await begun.wait()
        cancelling = asyncio.create_task(cancel(database, job.id))
        go_on.set()
        await cancelling
        row = await ended(database, job.id)
    assert row.status == JobStatus.CANCELLED
    assert row.counters == {"updated": row.done}
    assert row.done >= 1
    assert await entries(database) == []


async def cancel(database: Database, job_id: int) -> str:
    """Cancel a job; how it stands then."""
    async with database.write() as tx:
        return (await cancel_job(tx, job_id)).status


async def test_cancelled_job_that_waits_is_never_begun(database: Database) -> None:
    """It is CANCELLED at once, and no entry of it is left."""
    job = await make_job(database)
    assert await cancel(database, job.id) == JobStatus.CANCELLED
    assert await entries(database) == []
    async with database.write() as tx:
        assert await take_job(tx, job.id, uuid4()) is None


async def test_job_to_be_cancelled_whose_worker_died_is_ended_by_the_next(
    database: Database,
) -> None:
    """CANCELING is not forgotten with the worker."""
    job = await make_job(database)
    await take(database, job.id)
    assert await cancel(database, job.id) == JobStatus.CANCELING
    async with database.write() as tx:
        assert await take_job(tx, job.id, uuid4()) is None
    assert (await read_job(database, job.id)).status == JobStatus.CANCELLED


async def test_job_to_be_cancelled_that_fails_has_stopped(database: Database) -> None:
    """It is CANCELLED at once, whether the attempt was the last or not."""
    ways: list[Callable[[Transaction, Hold], Awaitable[None]]] = [
        lambda tx, hold: let_go(tx, hold, counts=True, seconds=60),
        lambda tx, hold: end_job(tx, hold, JobStatus.FAILED),
    ]
    for ends in ways:
        job = await make_job(database)
        hold = await take(database, job.id)
        await cancel(database, job.id)
        async with database.write() as tx:
            await ends(tx, hold)
        row = await read_job(database, job.id)
        assert (row.status, row.error_code) == (JobStatus.CANCELLED, None)


async def test_job_that_is_taken_twice_by_one_run_counts_once(database: Database) -> None:
    """A COMMIT whose answer was lost is asked for again; the job is this worker's already."""
    job, token = await make_job(database), uuid4()
    await limit_attempts(database, job.id, 1)
    for _ in range(2):
        async with database.write() as tx:
            hold = await take_job(tx, job.id, token)
        assert hold is not None
        assert hold.row.attempts == 1


async def test_batch_whose_commit_got_no_answer_is_not_done_twice(
    database: Database, database_url: URL
) -> None:
    """The row tells that it was committed; the handler goes on with the next one."""
    done: list[int] = []

    async def step(tx: Transaction) -> Step | None:
        done.append(len(done))
        return Step(1) if len(done) < 4 else None

    job = await make_job(database)
    async with CommitProxy(database_url).listening() as proxy, open_engine(proxy.url) as engine:
        behind = Database(engine)
        writer = Writer(behind, is_ending=lambda: False)

        async def handle(run: Run, _task: TagContacts) -> None:
            await run.batch(step)
            # The marker of the proxy is part of the statement below, in the next batch.
            proxy.cut("lost-1", [Cut.AFTER_COMMIT])
            await run.batch(marked)
            while await run.batch(step):
                pass

        async def marked(tx: Transaction) -> Step | None:
            await tx.fetch(Statement(text("SELECT 'lost-1'"), Row))
            return await step(tx)

        await JobRunner(writer, handled_by(handle), is_stopping=lambda: False).run(job.id)
    row = await read_job(database, job.id)
    assert proxy.cuts[Cut.AFTER_COMMIT] == 1
    assert (row.status, row.done, len(done)) == (JobStatus.COMPLETED, 3, 4)


@pytest.mark.parametrize(
    ("error", "attempts", "outcome"),
    [
        (None, 1, "completed"),
        (Rejected([]), 5, "failed"),
        (RuntimeError("secret"), 5, "retried"),
        (RuntimeError("secret"), 1, "failed"),
        (TryAgain(0), 5, "handed_back"),
        (Cancelled(), 5, "cancelled"),
        (Fenced(), 5, "fenced"),
        (asyncio.CancelledError(), 5, "interrupted"),
    ],
)
async def test_each_attempt_is_told_once(
    database: Database, error: BaseException | None, attempts: int, outcome: str
) -> None:
    """With how it ended, and what its batches have added by then."""
    told: list[JobRun] = []

    async def handle(run: Run, _task: TagContacts) -> None:
        for _ in range(2):
            await run.batch(counted)
        if error is not None:
            raise error

    async def counted(_tx: Transaction) -> Step:
        return Step(1, {"updated": 3})

    job = await make_job(database)
    await limit_attempts(database, job.id, attempts)
    runner = JobRunner(
        Writer(database, is_ending=lambda: False),
        handled_by(handle),
        is_stopping=lambda: False,
        observe=told.append,
    )
    with suppress(TryAgain, asyncio.CancelledError), capture_logs():
        await runner.run(job.id)
    (run,) = told
    assert (run.kind, run.outcome, run.counters) == ("TAG_CONTACTS", outcome, {"updated": 6})
    assert 0 < run.seconds < 60


async def test_slow_postgresql_is_told_as_a_timeout(database: Database, database_url: URL) -> None:
    """A statement that PostgreSQL ended for its time is no bug of ours."""

    async def sleep(tx: Transaction) -> Step:
        await tx.fetch(Statement(text("SET LOCAL statement_timeout = '50ms'"), Row))
        await tx.fetch(Statement(text("SELECT pg_sleep(5)"), Row))
        return Step(1)

    async def slow(run: Run, _task: TagContacts) -> None:
        await run.batch(sleep)

    job = await make_job(database)
    await limit_attempts(database, job.id, 1)
    async with worker(database, database_url, handled_by(slow)):
        row = await ended(database, job.id)
    assert (row.status, row.error_code) == (JobStatus.FAILED, JobErrorCode.TIMED_OUT)


async def test_job_that_has_ended_cannot_be_cancelled(database: Database) -> None:
    """It says so, and stays as it is."""
    job = await make_job(database)
    hold = await take(database, job.id)
    async with database.write() as tx:
        await end_job(tx, hold, JobStatus.COMPLETED)
    with pytest.raises(Rejected, match="has ended already"):
        await cancel(database, job.id)
    assert (await read_job(database, job.id)).status == JobStatus.COMPLETED


async def test_worker_that_is_to_stop_hands_its_job_back(
    database: Database, database_url: URL
) -> None:
    """The batch is finished, no attempt is counted, and another worker goes on from there."""
    begun = asyncio.Event()

    async def three_steps(run: Run, _task: TagContacts) -> None:
        while (await read_job(database, run.job_id)).done < 3:
            await run.batch(one_step)
            begun.set()
            await resumed.wait()

    resumed = asyncio.Event()
    job = await make_job(database)
    async with worker(database, database_url, handled_by(three_steps)) as first:
        await begun.wait()
        first.stop()
        resumed.set()
    row = await read_job(database, job.id)
    assert (row.status, row.done, row.attempts) == (JobStatus.QUEUED, 1, 0)
    async with worker(database, database_url, handled_by(three_steps)):
        row = await ended(database, job.id)
    assert (row.status, row.done, row.attempts) == (JobStatus.COMPLETED, 3, 1)


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


async def test_job_that_is_to_be_tried_later_loses_no_attempt(
    database: Database, database_url: URL
) -> None:
    """What a handler has to wait for may take longer than its attempts would last."""
    times: list[int] = []

    async def wait_for_a_turn(run: Run, task: TagContacts) -> None:
        times.append(run.attempt)
        if len(times) < 3:
            raise TryAgain(0.05)
        await do_one(run, task)

    job = await make_job(database)
    await limit_attempts(database, job.id, 1)
    async with worker(database, database_url, handled_by(wait_for_a_turn)):
        row = await ended(database, job.id)
    assert (row.status, row.attempts, row.error_code) == (JobStatus.COMPLETED, 1, None)
    assert times == [1, 1, 1]
