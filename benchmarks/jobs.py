"""`make bench-jobs`: how soon jobs begin, and how long a thousand of them take.

Two worker processes on a PostgreSQL of its own with production settings. Times are PostgreSQL's: a
job is made when its transaction begins, and begun when its worker has taken it.
"""

import argparse
import asyncio
import os
import random
import statistics
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

from sqlalchemy import text

from app.embedded.server import lease
from db.engine import normalize_database_url, open_engine
from db.entities import CONTACTS
from db.job_queue import enqueue
from db.job_records import choose_records
from db.migrate import upgrade
from db.rows import Row
from db.statements import Statement
from db.transaction import Database
from domain.bulk import Selection
from domain.tasks import TagContacts

_COMMAND: Final = Path(sys.executable).with_name("appointment360")
_WORKERS: Final = 2
_PAUSE_SECONDS: Final = 0.1
_PATIENCE_SECONDS: Final = 120.0
_KILLS: Final = 3
_LONG_ROWS: Final = 100_000
_START_SECONDS: Final = 3.0

_MAKE_CONTACTS: Final = Statement(
    text(
        "INSERT INTO contacts (first_name) SELECT 'Ada ' || n"
        " FROM generate_series(1, CAST(:count AS integer)) AS n RETURNING id"
    ),
    Row,
)
_OPEN: Final = Statement(text("SELECT count(*) FROM jobs WHERE finished_at IS NULL"), Row)
_DONE: Final = Statement(text("SELECT done FROM jobs WHERE id = CAST(:job AS bigint)"), Row)
_DELAYS: Final = Statement(
    text(
        "SELECT extract(epoch FROM started_at - created_at)::float FROM jobs"
        " WHERE id = ANY(CAST(:ids AS bigint[]))"
    ),
    Row,
)
_SPENT: Final = Statement(
    text(
        "SELECT extract(epoch FROM max(finished_at) - min(created_at))::float, max(attempts),"
        " sum(done)::int FROM jobs WHERE id = ANY(CAST(:ids AS bigint[]))"
    ),
    Row,
)


def main(arguments: Sequence[str] | None = None) -> None:
    """The command."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.jobs", description=__doc__)
    parser.add_argument("--jobs", type=int, default=1000, help="small ones at once (%(default)s)")
    parser.add_argument("--single", type=int, default=200, help="one by one (%(default)s)")
    wanted = parser.parse_args(arguments)
    with TemporaryDirectory(prefix="a360-jobs-") as folder:
        Path(folder).chmod(0o755)
        with lease(Path(folder) / "data", ephemeral=True) as server:
            asyncio.run(_measure(server.dsn, single=wanted.single, jobs=wanted.jobs))


async def _measure(dsn: str, *, single: int, jobs: int) -> None:
    async with _database(dsn) as database:
        async with database.write() as tx:
            made = await tx.fetch(_MAKE_CONTACTS, {"count": single + jobs})
        contacts = [row[0] for row in made]
        with _workers(dsn, _WORKERS):
            await _tag_one_by_one(database, contacts[:3])
            ids = await _tag_one_by_one(database, contacts[:single])
            async with database.read() as session:
                delays = sorted(row[0] for row in await session.fetch(_DELAYS, {"ids": ids}))
            _tell_delays(delays)
            ids = [await _tag(database, contact) for contact in contacts[single:]]
            await _all_done(database)
            async with database.read() as session:
                (spent,) = await session.fetch(_SPENT, {"ids": ids})
        taken_over = sorted([await _take_over(database, dsn) for _ in range(_KILLS)])
        print(
            f"{jobs} jobs through {_WORKERS} workers: {spent[0]:.1f} s; "
            f"attempts each at most {spent[1]}, contacts tagged {spent[2]}"
        )
        told = ", ".join(f"{seconds:.1f}" for seconds in taken_over)
        print(f"from kill -9 of a worker to the next batch of its job by another: {told} s")


@asynccontextmanager
async def _database(dsn: str) -> AsyncIterator[Database]:
    async with open_engine(normalize_database_url(dsn), pool_size=4) as engine:
        await upgrade(engine)
        yield Database(engine)


@contextmanager
def _workers(dsn: str, count: int) -> Iterator[list[subprocess.Popen[bytes]]]:
    environment = {**os.environ, "DATABASE_URL": dsn, "DATABASE_POOL_SIZE": "5"}
    started = [
        subprocess.Popen([_COMMAND, "work"], env=environment, stderr=subprocess.DEVNULL)
        for _ in range(count)
    ]
    try:
        yield started
    finally:
        for process in started:
            process.terminate()
        for process in started:
            process.wait(30)


async def _tag_one_by_one(database: Database, contacts: Sequence[int]) -> list[int]:
    """Make jobs at moments that follow no rhythm; their ids, once all are done."""
    ids = []
    for contact in contacts:
        ids.append(await _tag(database, contact))
        await asyncio.sleep(random.expovariate(1 / _PAUSE_SECONDS))
    await _all_done(database)
    return ids


async def _take_over(database: Database, dsn: str) -> float:
    """Kill the worker of a long job; the seconds until another one has gone on with it."""
    async with database.write() as tx:
        await tx.allow(_PATIENCE_SECONDS)
        contacts = [row[0] for row in await tx.fetch(_MAKE_CONTACTS, {"count": _LONG_ROWS})]
    with _workers(dsn, 1) as (first,):
        job = await _tag(database, *contacts)
        await _until_done(database, job, more_than=0)
        with _workers(dsn, 1):
            await asyncio.sleep(_START_SECONDS)
            first.kill()
            killed, done = time.monotonic(), await _done(database, job)
            await _until_done(database, job, more_than=done)
            seconds = time.monotonic() - killed
            await _all_done(database)
    return seconds


async def _until_done(database: Database, job: int, *, more_than: int) -> None:
    ends = time.monotonic() + _PATIENCE_SECONDS
    while await _done(database, job) <= more_than:
        if time.monotonic() > ends:
            raise SystemExit("The job does not go on.")
        await asyncio.sleep(0.01)


async def _done(database: Database, job: int) -> int:
    async with database.read() as session:
        return int(await session.fetch_value(_DONE, {"job": job}))


async def _tag(database: Database, *contacts: int) -> int:
    async with database.write() as tx:
        job = await enqueue(tx, TagContacts(added=("a",), removed=()), owner=None)
        await choose_records(tx, job.id, CONTACTS, Selection(contacts))
        return int(job.id)


async def _all_done(database: Database) -> None:
    ends = time.monotonic() + _PATIENCE_SECONDS
    while await _open_jobs(database):
        if time.monotonic() > ends:
            raise SystemExit("The jobs are not done after two minutes.")
        await asyncio.sleep(0.05)


async def _open_jobs(database: Database) -> Any:
    async with database.read() as session:
        return await session.fetch_value(_OPEN)


def _tell_delays(delays: Sequence[float]) -> None:
    milliseconds = [1000 * delay for delay in delays]
    cuts = statistics.quantiles(milliseconds, n=100)
    print(
        f"{len(delays)} jobs one by one, from made to begun: "
        f"p50 {cuts[49]:.0f} ms, p99 {cuts[98]:.0f} ms, most {milliseconds[-1]:.0f} ms"
    )


if __name__ == "__main__":
    main()
