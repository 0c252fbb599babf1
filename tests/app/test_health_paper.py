"""docs/health.md shows what the routes answer."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from sqlalchemy.engine import URL

from domain.pool import PoolSnapshot, PoolStatus, assess, is_crowded
from tests.apps import open_app

PAPER: Final = (Path(__file__).parents[2] / "docs" / "health.md").read_text("utf-8")


def examples() -> Iterator[dict[str, Any]]:
    """The blocks of JSON in the paper."""
    for block in re.findall(r"```json\n(.*?)```", PAPER, re.DOTALL):
        yield json.loads(block)


async def test_examples_have_what_the_routes_answer(database_url: URL, tmp_path: Path) -> None:
    """Exactly the names, of the parts too."""
    live, _, pool, cache, jobs, _ = examples()
    async with open_app(database_url, tmp_path, with_cache=True) as app:

        async def told(path: str) -> dict[str, Any]:
            found: dict[str, Any] = (await app.http.get(path)).json()
            return found

        assert await told("/health/live") == live
        found = await told("/health/db")
        assert list(found) == list(pool)
        assert list(found["pool"]) == list(pool["pool"])
        assert list(found["advice"]) == list(pool["advice"])
        assert set(found["processes"][0]) == set(pool["processes"][0])
        assert list(await told("/health/cache")) == list(cache)
        assert list(await told("/health/jobs")) == list(jobs)


def test_example_of_the_pool_is_judged_as_it_says() -> None:
    """Its numbers fit each other, and lead to its status and advice."""
    example = next(each for each in examples() if "processes" in each)
    numbers = {
        re.sub("[A-Z]", lambda letter: f"_{letter[0].lower()}", name): value
        for name, value in example["pool"].items()
        if name != "utilizationPercent"
    }
    found = assess(PoolSnapshot(**numbers), critical_wait_seconds=1.0)
    assert found.status == PoolStatus(example["status"])
    assert (found.advice.size, found.advice.words) == (
        example["advice"]["size"],
        example["advice"]["words"],
    )
    assert 100 * found.pool.utilization == example["pool"]["utilizationPercent"]
    assert not is_crowded(found.pool)
