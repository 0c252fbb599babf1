"""Promises of `graph.job_feed`: the newest row of a job, to its end, which comes once."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, MutableMapping, Sequence
from typing import Any

import pytest
from sqlalchemy.engine import URL
from structlog.testing import capture_logs

from db.job_queue import enqueue
from db.rows import JobRow
from db.transaction import Database
from domain.jobs import JobStatus
from domain.tasks import DeleteContacts
from graph.feeds import Feeds
from tests.graph.feeding import SOMEBODY, process
from tests.graph.rows import execute
from tests.replication import ask, until
from tests.statements import Statements


@pytest.fixture
async def feeds(database_url: URL, database: Database) -> AsyncIterator[Feeds]:
    """The feeds of one process, with a hundred places."""
    async with process(database_url, database) as opened:
        yield opened


def follow(feeds: Feeds, job_id: int) -> AsyncGenerator[JobRow, None]:
    """A job."""
    return feeds.jobs.follow(job_id, user=SOMEBODY)


async def make_job(database: Database, *, total: int = 100) -> JobRow:
    """A job that nobody runs."""
    async with database.write() as tx:
        return await enqueue(tx, DeleteContacts(), owner=None, total=total)


async def advance(database: Database, job: JobRow, done: int) -> None:
    """What a worker would write."""
    await execute(
        database, "UPDATE jobs SET status = 'RUNNING', done = $2 WHERE id = $1", job.id, done
    )


async def complete(database: Database, job: JobRow) -> None:
    """The last that a worker would write."""
    await execute(
        database,
        "UPDATE jobs SET status = 'COMPLETED', finished_at = now() WHERE id = $1",
        job.id,
    )


async def rows_of(stream: AsyncGenerator[JobRow, None]) -> list[JobRow]:
    """All that come until the stream ends."""
    async with asyncio.timeout(30):
        return [row async for row in stream]


async def next_row(stream: AsyncGenerator[JobRow, None]) -> JobRow:
    """The row that comes next."""
    async with asyncio.timeout(30):
        return await anext(stream)


def steps(rows: Sequence[JobRow]) -> list[tuple[str, int]]:
    """How a job stood and how far it was."""
    return [(row.status, row.done) for row in rows]


async def test_job_is_followed_to_its_end(
    database_url: URL, feeds: Feeds, database: Database
) -> None:
    """As it is first, then whenever it got on; the end comes once, and ends the stream."""
    job = await make_job(database)
    async with process(database_url, database) as other:
        streams = [follow(each, job.id) for each in (feeds, feeds, other)]
        for stream in streams:
            assert steps([await next_row(stream)]) == [("QUEUED", 0)]
        for done in (10, 20):
            await advance(database, job, done)
            for stream in streams:
                assert steps([await next_row(stream)]) == [("RUNNING", done)]
        await complete(database, job)
        for stream in streams:
            assert steps(await rows_of(stream)) == [("COMPLETED", 20)]
    assert feeds.seats.taken == 0


async def test_job_that_has_ended_is_one_event(feeds: Feeds, database: Database) -> None:
    """Who comes late is told the end and nothing else."""
    job = await make_job(database)
    await complete(database, job)
    (row,) = await rows_of(follow(feeds, job.id))
    assert row.status == JobStatus.COMPLETED
    assert row.progress == 1


async def test_slow_subscriber_is_given_the_newest_row(feeds: Feeds, database: Database) -> None:
    """Not one after the other; so nothing piles up, and progress never goes back."""
    job = await make_job(database)
    slow, quick = follow(feeds, job.id), follow(feeds, job.id)
    await next_row(slow)
    await next_row(quick)
    for done in range(1, 6):
        await advance(database, job, done)
        assert (await next_row(quick)).done == done
    assert (await next_row(slow)).done == 5
    await complete(database, job)
    assert steps(await rows_of(slow)) == [("COMPLETED", 5)]


async def test_rows_are_read_even_when_nothing_is_told(feeds: Feeds, database: Database) -> None:
    """The rows are the truth: a worker whose word is lost is heard a second later."""
    job = await make_job(database)
    stream = follow(feeds, job.id)
    await next_row(stream)
    await execute(database, "ALTER TABLE jobs DISABLE TRIGGER announce_job")
    await advance(database, job, 30)
    assert (await next_row(stream)).done == 30


async def test_all_rows_are_read_by_one_statement(
    feeds: Feeds, database: Database, statements: Statements
) -> None:
    """Those of fifty jobs that get on at once."""
    made = [await make_job(database) for _ in range(50)]
    streams = [follow(feeds, job.id) for job in made]
    await asyncio.gather(*map(next_row, streams))
    with statements.recorded() as ran:
        await execute(database, "UPDATE jobs SET status = 'RUNNING', done = 7")
        for stream in streams:
            assert (await next_row(stream)).done == 7
    # One for the news, when it comes at once; another whenever a second is over.
    assert 1 <= len(ran) <= 5
    for stream in streams:
        await stream.aclose()


async def test_job_that_is_forgotten_ends_its_stream(feeds: Feeds, database: Database) -> None:
    """There is nothing to wait for any more."""
    job = await make_job(database)
    stream = follow(feeds, job.id)
    await next_row(stream)
    await execute(database, "DELETE FROM jobs WHERE id = $1", job.id)
    assert await rows_of(stream) == []
    assert feeds.seats.taken == 0


async def test_stream_stays_open_while_the_database_is_away(
    server_url: URL, database_url: URL, feeds: Feeds, database: Database
) -> None:
    """It goes on with what is true when the database is back."""
    job = await make_job(database)
    stream = follow(feeds, job.id)
    await next_row(stream)
    waiting = asyncio.ensure_future(next_row(stream))
    with capture_logs() as logs:
        await allow_connections(server_url, database_url, "false")
        await until(lambda: is_logged(logs, "job_feed_waits"))
        assert not waiting.done()
        await allow_connections(server_url, database_url, "true")
        await advance(database, job, 30)
        assert (await waiting).done == 30
    assert [each["event"] for each in logs].count("job_feed_waits") == 1
    await stream.aclose()


async def test_bug_does_not_end_the_streams(feeds: Feeds, database: Database) -> None:
    """Here the table is gone for a moment; what cannot be read now is read a second later."""
    job = await make_job(database)
    stream = follow(feeds, job.id)
    await next_row(stream)
    with capture_logs() as logs:
        await execute(database, "ALTER TABLE jobs RENAME TO elsewhere")
        await until(lambda: is_logged(logs, "job_feed_failed"))
        await execute(database, "ALTER TABLE elsewhere RENAME TO jobs")
    await advance(database, job, 30)
    assert (await next_row(stream)).done == 30
    await stream.aclose()


async def allow_connections(server: URL, url: URL, allowed: str) -> None:
    """Let nobody connect to a database any more, and end all connections; or let them again."""
    name = url.database
    await ask(server, f'ALTER DATABASE "{name}" WITH ALLOW_CONNECTIONS {allowed}')
    if allowed == "false":
        backends = f"FROM pg_stat_activity WHERE datname = '{name}'"
        await ask(server, f"SELECT count(pg_terminate_backend(pid, 5000)) {backends}")


async def is_logged(logs: Sequence[MutableMapping[str, Any]], event: str) -> bool:
    """Whether the log has an event."""
    return any(each["event"] == event for each in logs)


async def test_followers_that_leave_are_forgotten(feeds: Feeds, database: Database) -> None:
    """Their place is free at once."""
    job = await make_job(database)
    stream = follow(feeds, job.id)
    await next_row(stream)
    assert feeds.seats.taken == 1
    await stream.aclose()
    assert feeds.seats.taken == 0
