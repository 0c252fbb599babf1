"""What becomes of jobs that fail, hang, or whose worker is to stop or dies."""

import asyncio
from contextlib import suppress
from uuid import uuid4

import pytest
from sqlalchemy import text
from sqlalchemy.engine import URL
from structlog.testing import capture_logs

from db.engine import open_engine
from db.job_runs import Cancelled, Fenced, Step, take_job
from db.rows import Row
from db.statements import Statement
from db.transaction import Database, Transaction
from domain.errors import InsufficientStorage, Rejected, Unavailable
from domain.jobs import JobErrorCode, JobStatus
from domain.tasks import TagContacts
from jobs import running
from jobs.running import JobRun, JobRunner, Run, TryAgain, Writer
from tests.jobs.working import (
    do_one,
    ended,
    entries,
    execute,
    handled_by,
    limit_attempts,
    make_job,
    one_step,
    read_job,
    take,
    until,
    worker,
)
from tests.proxy import CommitProxy, Cut


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
