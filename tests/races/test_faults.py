"""Redis and PostgreSQL break in the middle of a race: no answer is wrong for it.

`make faults` breaks them twenty times in each way.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import asyncpg
import pytest
from sqlalchemy.engine import URL
from sqlalchemy.exc import SQLAlchemyError

from db.engine import open_engine
from db.listening import open_listener
from db.migrate import upgrade
from db.transaction import Database
from domain.jobs import JobStatus
from jobs.bulk import BULK_HANDLERS
from jobs.worker import WorkerSettings
from tests.factories import make_contact
from tests.jobs.working import ended, make_tagging, worker
from tests.races.connection import Connection
from tests.races.places import serving
from tests.races.race import Place, Race
from tests.races.stored import lost_writes
from tests.races.test_race import SERVERS, seed_of
from tests.replication import Server, ask, own_postgresql
from tests.valkey import Valkey

RATE = 200.0
SOON, LONG = 100, 600
"""Operations between two things that happen; at that rate half a second, and three."""

PATIENCE_SECONDS = 90
COUNT = "{ companiesCount { count } }"

RECOVERY_SECONDS = 5
"""Two are the promise, to machines that have nothing else to do."""

BACK_SECONDS = 20
"""A worker looks again each second, a listener too."""


@asynccontextmanager
async def going_on(race: Race) -> AsyncIterator[None]:
    """A race that goes on as long as the block lasts; what fails in it fails the block."""
    is_over = asyncio.Event()
    async with asyncio.TaskGroup() as group:
        group.create_task(race.run(is_over.is_set))
        await race.go_on(SOON)
        yield
        is_over.set()
    race.tell()
    assert not race.verdicts, "\n".join(race.verdicts.examples)


@asynccontextmanager
async def racing_on(
    valkey: Valkey,
    database_url: URL,
    folder: Path,
    config: pytest.Config,
    *,
    may_fail: bool,
    writes_share: float = 0.05,
) -> AsyncIterator[Race]:
    """Two servers on one Redis, raced at; at the end both use it as before."""
    settings = {"ENABLE_REDIS_CACHE": "true", "REDIS_URL": valkey.url}
    async with serving(SERVERS, database_url=database_url, folder=folder, **settings) as places:
        race = Race(
            places,
            clients=32,
            writes_share=writes_share,
            rate=RATE,
            may_fail=may_fail,
            seed=seed_of(config),
        )
        async with going_on(race):
            yield race
            async with asyncio.timeout(PATIENCE_SECONDS):
                await race.until_next("HIT")


@pytest.mark.parametrize("keeps", [False, True], ids=["empty", "with-old-values"])
async def test_redis_that_is_killed_makes_no_answer_wrong(
    database_url: URL,
    valkey: Valkey,
    tmp_path: Path,
    pytestconfig: pytest.Config,
    keeps: bool,
) -> None:
    """It comes back without anything, or with what it knew before the last writes."""
    async with racing_on(valkey, database_url, tmp_path, pytestconfig, may_fail=False) as race:
        for number in range(-(-pytestconfig.getoption("--outages") // 2)):
            if keeps:
                valkey.save()
            await race.go_on(SOON)
            valkey.kill()
            await race.go_on(LONG if number % 2 else SOON)
            valkey.start()
            await race.go_on(LONG)


async def test_redis_that_freezes_makes_no_answer_wrong(
    database_url: URL, valkey: Valkey, tmp_path: Path, pytestconfig: pytest.Config
) -> None:
    """It holds its connections, answers nothing, and wakes with old values."""
    async with racing_on(valkey, database_url, tmp_path, pytestconfig, may_fail=False) as race:
        for _ in range(pytestconfig.getoption("--outages")):
            valkey.freeze()
            await race.go_on(LONG)
            valkey.thaw()
            await race.go_on(LONG)


@pytest.fixture
async def postgresql() -> AsyncIterator[Server]:
    """A server of this test alone, with all tables, that keeps what it has committed."""
    with own_postgresql(durable=True) as server:
        async with open_engine(server.url()) as engine:
            await upgrade(engine)
        yield server


@dataclass(frozen=True)
class Outage:
    """How long it was until everybody was served again.

    Attributes:
        away_seconds: From the kill until PostgreSQL answered.
        read_seconds: From then on until each server had answered a read from PostgreSQL.
        write_seconds: The same of a mutation.
    """

    away_seconds: float
    read_seconds: float
    write_seconds: float


async def break_down(postgresql: Server, race: Race) -> Outage:
    """Kill PostgreSQL, start it, and wait until both servers are as before."""
    killed_at = time.monotonic()
    await asyncio.to_thread(postgresql.kill)
    async with asyncio.TaskGroup() as group:
        starting = group.create_task(asyncio.to_thread(postgresql.start))
        answers_at = await back(postgresql.url())
        writing = [group.create_task(written(race, place)) for place in race.places]
        reading = [group.create_task(read(place)) for place in race.places]
        await starting
    return Outage(
        answers_at - killed_at,
        max(task.result() for task in reading) - answers_at,
        max(task.result() for task in writing) - answers_at,
    )


async def back(url: URL) -> float:
    """When PostgreSQL answered, on a connection that nobody else has."""
    while True:
        with suppress(OSError, asyncpg.PostgresError, SQLAlchemyError):
            await ask(url, "SELECT 1")
            return time.monotonic()
        await asyncio.sleep(0.005)


async def read(place: Place) -> float:
    """When a server answered a read that no cache can answer."""
    async with Connection(place.port, place.token, wants_fresh=True) as connection:
        while "errors" in await connection.send(COUNT, {}):  # noqa: ASYNC110  # nobody is told
            await asyncio.sleep(0.02)
        return time.monotonic()


async def written(race: Race, place: Place) -> float:
    """When a server did a mutation."""
    async with Connection(place.port, place.token) as connection:
        while not await race.found_firm(connection):  # noqa: ASYNC110  # nobody is told
            await asyncio.sleep(0.02)
        return time.monotonic()


async def test_postgresql_that_is_killed_loses_nothing_that_was_acknowledged(
    postgresql: Server, valkey: Valkey, tmp_path: Path, pytestconfig: pytest.Config
) -> None:
    """Requests fail while it is down, and say that they can be sent again; soon none does."""
    url, outages = postgresql.url(), []
    async with racing_on(
        valkey, url, tmp_path, pytestconfig, may_fail=True, writes_share=0.1
    ) as race:
        for _ in range(pytestconfig.getoption("--outages")):
            outages.append(await break_down(postgresql, race))
            await race.go_on(LONG)
    tell(outages, race)
    assert race.failures
    assert race.unclear == []
    assert await lost_writes(url, race.records) == []
    slowest = max(max(outage.read_seconds, outage.write_seconds) for outage in outages)
    assert slowest < RECOVERY_SECONDS


def tell(outages: Sequence[Outage], race: Race) -> None:
    """Say how long everything took, for who runs it."""
    names = ("away_seconds", "read_seconds", "write_seconds")
    for name in names:
        seconds = sorted(getattr(outage, name) for outage in outages)
        print(  # noqa: T201  # figures for who runs it
            f"{len(outages)} outages, {name}: median {median(seconds):.2f}, most {seconds[-1]:.2f}"
        )
    founded = len(race.records.founded)
    print(f"{founded} companies founded, {race.writes} writes")  # noqa: T201  # the same


async def test_worker_and_listener_come_back_with_postgresql(postgresql: Server) -> None:
    """A job that is made when PostgreSQL is back is done, and a change is heard, within seconds."""
    url = postgresql.url()
    async with open_engine(url) as engine, open_listener(url) as listener:
        database, heard = Database(engine), asyncio.Event()
        contact = await make_contact(database)
        listener.hear("news", lambda _payload: heard.set(), on_begin=lambda: None)
        listener.start()
        async with worker(database, url, BULK_HANDLERS, WorkerSettings()):
            await ended(database, (await make_tagging(database, [contact.id])).id)
            await asyncio.to_thread(postgresql.kill)
            await asyncio.to_thread(postgresql.start)
            async with asyncio.timeout(BACK_SECONDS):
                await back(url)
                job = await make_tagging(database, [contact.id])
                while not heard.is_set():
                    await ask(url, "NOTIFY news")
                    await asyncio.sleep(0.05)
                assert (await ended(database, job.id)).status == JobStatus.COMPLETED
