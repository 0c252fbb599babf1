"""No read that starts after a mutation was acknowledged ever shows less than it.

`make soak` races a million operations; a failure prints the seed for `--seed`.
"""

import random
from pathlib import Path

import pytest
from sqlalchemy.engine import URL

from tests.races.places import serving
from tests.races.race import Race
from tests.valkey import Valkey

SERVERS = 2
LEAST_HITS = 0.1


async def assert_nothing_is_wrong(race: Race, operations: int) -> None:
    """Race, tell what happened, and find that every answer was right and some came from the cache.

    Without hits the race would prove nothing of the cache.
    """
    try:
        await race.run(lambda: race.operations >= operations)
    finally:
        race.tell()
    assert not race.verdicts, "\n".join(race.verdicts.examples)
    assert race.statuses["HIT"] > race.statuses.total() * LEAST_HITS


def seed_of(config: pytest.Config) -> int:
    """The seed that was given, or another one each time."""
    given: int | None = config.getoption("--seed")
    return random.randrange(2**32) if given is None else given  # noqa: S311  # nothing secret


async def test_servers_on_one_redis_answer_as_one(
    database_url: URL, valkey: Valkey, tmp_path: Path, pytestconfig: pytest.Config
) -> None:
    """What is written through one process is seen through the others at once."""
    settings = {"ENABLE_REDIS_CACHE": "true", "REDIS_URL": valkey.url}
    async with serving(SERVERS, database_url=database_url, folder=tmp_path, **settings) as places:
        race = Race(places, seed=seed_of(pytestconfig))
        await assert_nothing_is_wrong(race, pytestconfig.getoption("--races"))


async def test_server_with_a_cache_of_its_own_is_never_stale(
    database_url: URL, tmp_path: Path, pytestconfig: pytest.Config
) -> None:
    """One process and no Redis: an eighth of the operations, by the same rules."""
    async with serving(1, database_url=database_url, folder=tmp_path) as places:
        race = Race(places, seed=seed_of(pytestconfig))
        await assert_nothing_is_wrong(race, pytestconfig.getoption("--races") // 8)
