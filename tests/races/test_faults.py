"""Redis and PostgreSQL break in the middle of a race: no answer is wrong for it.

`make faults` breaks them twenty times in each way.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from sqlalchemy.engine import URL

from db.engine import open_engine
from db.migrate import upgrade
from tests.races.places import serving
from tests.races.race import Race
from tests.races.test_race import SERVERS, seed_of
from tests.replication import Server, ask, own_postgresql
from tests.valkey import Valkey

RATE = 200.0
SOON, LONG = 100, 600
"""Operations between two things that happen; at that rate half a second, and three."""

PATIENCE_SECONDS = 90


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
    valkey: Valkey, database_url: URL, folder: Path, config: pytest.Config, *, may_fail: bool
) -> AsyncIterator[Race]:
    """Two servers on one Redis, raced at; at the end both use it as before."""
    settings = {"ENABLE_REDIS_CACHE": "true", "REDIS_URL": valkey.url}
    async with serving(SERVERS, database_url=database_url, folder=folder, **settings) as places:
        race = Race(
            places,
            clients=32,
            writes_share=0.05,
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
    """A server of this test alone, with all tables."""
    with own_postgresql() as server:
        # COMMIT waits for the log, as on servers of real life.
        await ask(server.url(), "ALTER ROLE postgres SET synchronous_commit = on")
        async with open_engine(server.url()) as engine:
            await upgrade(engine)
        yield server


async def test_postgresql_that_is_killed_makes_no_answer_wrong(
    postgresql: Server, valkey: Valkey, tmp_path: Path, pytestconfig: pytest.Config
) -> None:
    """Requests fail while it is down, and say that they can be sent again."""
    url = postgresql.url()
    async with racing_on(valkey, url, tmp_path, pytestconfig, may_fail=True) as race:
        for _ in range(pytestconfig.getoption("--outages")):
            await asyncio.to_thread(postgresql.kill)
            await asyncio.to_thread(postgresql.start)
            await race.go_on(LONG)
    assert race.failures
