"""Warming by code: one entry, or several of which each may fail alone; on both stores."""

from collections import Counter

import pytest
from structlog.testing import capture_logs

from cache.query_cache import MISSING, QueryCache, cache_aside
from cache.store import Store
from cache.warming import Entry, WarmTask, warm_cache_batch, warm_cache_entry


@pytest.fixture
def cache(store: Store) -> QueryCache:
    """A cache that can be used."""
    return QueryCache(store, era=lambda: "era", ttl_seconds=60)


class Countries:
    """Something that is slow to fetch.

    Attributes:
        fetched: How often each was.
    """

    def __init__(self) -> None:
        self.fetched: Counter[str] = Counter()

    async def names(self, country: str) -> list[str]:
        """The names that a country has."""
        self.fetched[country] += 1
        if not country:
            raise LookupError("no such country")
        return [country, country.upper()]


async def test_warmed_entry_is_found(cache: QueryCache) -> None:
    """Whoever reads it by the same name and arguments fetches nothing."""
    countries = Countries()
    await warm_cache_entry(cache, "countries", countries.names, country="no")
    found = await cache_aside(cache, "countries", countries.names, country="no")
    assert found == ["no", "NO"]
    assert countries.fetched == {"no": 1}
    assert await cache.get("countries", country="se") is MISSING


async def test_entry_is_fetched_anew(cache: QueryCache) -> None:
    """Warming again does not take what was kept before for new."""
    await warm_cache_entry(cache, "countries", _one)
    await warm_cache_entry(cache, "countries", _two)
    assert await cache.get("countries") == 2


async def test_entry_that_cannot_be_fetched_is_not_kept(cache: QueryCache) -> None:
    """The error reaches whoever warms; alone, nobody catches it."""
    with pytest.raises(LookupError):
        await warm_cache_entry(cache, "countries", Countries().names, country="")
    assert await cache.get("countries", country="") is MISSING


async def test_failing_task_does_not_stop_the_others(cache: QueryCache) -> None:
    """Each has its result, in order; the failure is one line of the log."""
    countries = Countries()
    tasks: list[WarmTask] = [
        Entry(prefix="countries", fetch=countries.names, arguments={"country": country})
        for country in ("no", "", "se")
    ]
    tasks.append(Entry(prefix="Not a prefix", fetch=_one))
    with capture_logs() as logs:
        results = await warm_cache_batch(cache, tasks)
    assert [result.ok for result in results] == [True, False, True, False]
    assert [result.name for result in results] == [*["countries"] * 3, "Not a prefix"]
    assert [type(result.error) for result in results[1::2]] == [LookupError, ValueError]
    assert [line["event"] for line in logs] == ["cache_not_warmed"] * 2
    assert logs[0]["error"] == "no such country"
    assert await cache.get("countries", country="se") == ["se", "SE"]


async def test_nothing_to_warm_is_no_mistake(cache: QueryCache) -> None:
    """No task has no result."""
    assert await warm_cache_batch(cache, []) == []


async def test_entry_may_live_for_a_time_of_its_own(store: Store) -> None:
    """Its seconds to live go before the usual ones."""
    cache = QueryCache(store, era=lambda: "era", ttl_seconds=0.001)
    await warm_cache_batch(cache, [Entry(prefix="numbers", fetch=_one, ttl=60)])
    assert await cache.get("numbers") == 1


async def _one() -> int:
    return 1


async def _two() -> int:
    return 2
