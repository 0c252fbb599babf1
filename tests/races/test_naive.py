"""The usual cache does not stand the race: the race finds what it is there to find."""

import sys
from pathlib import Path

import pytest
from sqlalchemy.engine import URL

from tests.processes import program
from tests.races.judging import Wrong
from tests.races.naive import When
from tests.races.places import at_once, place_of
from tests.races.race import Race

ROOT = Path(__file__).parents[2]
MOST_OPERATIONS = 20_000


@pytest.mark.parametrize(
    ("when", "servers"),
    [
        pytest.param("before", 1, id="forgets-before-commit"),
        pytest.param("after", 2, id="tells-no-other-process"),
    ],
)
async def test_naive_cache_is_found_stale(
    database_url: URL, tmp_path: Path, when: When, servers: int
) -> None:
    """A read that was under way keeps what is out of date; another process never hears of it."""
    words = (sys.executable, "-m", "tests.races.naive", when)
    async with at_once(
        program(*words, database_url=database_url, folder=tmp_path, PYTHONPATH=str(ROOT))
        for _ in range(servers)
    ) as processes:
        race = Race([await place_of(process) for process in processes])

        def is_over() -> bool:
            return race.verdicts.counts[Wrong.STALE] > 0 or race.operations >= MOST_OPERATIONS

        await race.run(is_over)
    race.tell()
    assert race.verdicts.counts[Wrong.STALE] > 0
