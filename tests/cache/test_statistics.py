"""How the cache is used, in numbers; what became out of date, as events."""

import asyncio
from datetime import UTC, datetime

import pytest
from structlog.testing import capture_logs

from cache.breaker import BreakingStore
from cache.events import CacheInvalidated, Events
from cache.query_cache import QueryCache
from cache.redis_store import RedisStore
from cache.statistics import Advice, Counts, Status, advice
from cache.store import Store, StoreUnavailable
from tests.cache.loads import Load
from tests.cache.stores import CONTACTS, ERA, InMemory, World, listed, shown, until
from tests.valkey import Valkey

OURS = {"enabled", "backend", "hits", "misses", "bypasses", "hit_ratio", "advice"}


def make_cache(store: Store) -> QueryCache:
    """A cache, always in one era."""
    return QueryCache(store, era=lambda: ERA, ttl_seconds=300)


async def test_statistics_have_the_names_of_their_backend(store: Store, world: World) -> None:
    """Exactly these, for each of the two."""
    is_memory = isinstance(world, InMemory)
    names = (
        {"total_entries", "valid_entries", "max_entries"}
        if is_memory
        else {"keyspace_hits", "keyspace_misses", "total_commands_processed"}
    )
    told = await make_cache(store).get_cache_stats()
    assert set(told) == OURS | names
    assert told["enabled"] is True
    assert told["backend"] == ("in-memory (cachetools.TLRUCache)" if is_memory else "redis")


async def test_one_miss_and_four_hits_are_a_ratio_of_four_fifths(store: Store) -> None:
    """Bypasses are counted, but the cache was not asked."""
    cache = make_cache(store)
    assert (await cache.get_cache_stats())["hit_ratio"] is None
    assert (await cache.get_cache_stats())["advice"] is None
    for _ in range(5):
        await cache.fetch(listed(), Load())
    await store.begin([CONTACTS], "change")
    await cache.fetch(listed(), Load())
    told = await cache.get_cache_stats()
    assert (told["hits"], told["misses"], told["bypasses"]) == (4, 1, 1)
    assert told["hit_ratio"] == pytest.approx(0.8)
    assert told["advice"] is Advice.FINE


async def test_each_kind_is_counted_for_itself(store: Store) -> None:
    """Values that were set by name too, under that name."""
    cache = make_cache(store)
    for _ in range(2):
        await cache.fetch(listed(), Load())
    await cache.fetch(shown(7), Load())
    await cache.get("settings:app")
    assert cache.counts.by_kind() == {
        "contacts:detail": {Status.HIT: 0, Status.MISS: 1, Status.BYPASS: 0},
        "contacts:list": {Status.HIT: 1, Status.MISS: 1, Status.BYPASS: 0},
        "settings:app": {Status.HIT: 0, Status.MISS: 1, Status.BYPASS: 0},
    }


async def test_those_who_share_a_load_have_each_missed(store: Store) -> None:
    """The ratio tells what the cache knew."""
    cache, load = make_cache(store), Load(is_held=True)
    tasks = [asyncio.create_task(cache.fetch(listed(), load)) for _ in range(10)]
    await until(load.is_called)
    load.gate.set()
    await asyncio.gather(*tasks)
    assert cache.counts.of(Status.MISS) == 10


@pytest.mark.parametrize(
    ("ratio", "expected"),
    [
        (None, None),
        (0.0, Advice.RECONSIDER),
        (0.49, Advice.RECONSIDER),
        (0.5, Advice.FINE),
        (0.8, Advice.FINE),
        (0.81, Advice.GOOD),
        (1.0, Advice.GOOD),
    ],
)
def test_advice_follows_the_ratio(ratio: float | None, expected: Advice | None) -> None:
    """Both bounds themselves are fine."""
    assert advice(ratio) is expected


def test_nothing_asked_is_no_ratio() -> None:
    """Bypasses alone are none either."""
    counts = Counts()
    counts.add("contacts:list", Status.BYPASS)
    assert counts.hit_ratio is None


async def test_statistics_are_there_while_the_store_is_not(
    valkey: Valkey, redis_store: RedisStore
) -> None:
    """Those of the process; queries are answered past the cache meanwhile."""
    cache = make_cache(BreakingStore(redis_store))
    valkey.kill()
    with capture_logs():
        fetched = await cache.fetch(listed(), Load())
        told = await cache.get_cache_stats()
    assert (fetched.status, fetched.value) == (Status.BYPASS, b"[1]")
    assert set(told) == OURS
    assert told["bypasses"] == 1


async def test_store_that_goes_during_a_load_harms_nobody(
    valkey: Valkey, redis_store: RedisStore
) -> None:
    """What was loaded is the answer, though it is not kept."""
    cache = make_cache(redis_store)

    async def load() -> bytes:
        valkey.kill()
        return b"[1]"

    fetched = await cache.fetch(listed(), load)
    assert (fetched.status, fetched.value) == (Status.MISS, b"[1]")
    await cache.set("settings:app", 1)


async def test_pattern_is_told_as_an_event(store: Store) -> None:
    """With the reason, what else is known, and when; the values are gone."""
    cache, before = make_cache(store), datetime.now(UTC)
    seen: list[CacheInvalidated] = []
    cache.events.subscribe(seen.append)
    await cache.fetch(listed(), Load())
    await cache.fetch(shown(7), Load())
    deleted = await cache.invalidate_pattern(
        "query_cache:contacts:list:*", reason="wrong prices", metadata={"user": "Ada"}
    )
    (event,) = cache.events.recent()
    assert deleted == 1
    assert seen == [event]
    assert (event.reason, event.metadata) == ("wrong prices", {"user": "Ada"})
    assert (event.pattern, event.tags) == ("query_cache:contacts:list:*", frozenset())
    assert before <= event.at <= datetime.now(UTC)
    assert (await cache.fetch(listed(), Load())).status is Status.MISS
    assert (await cache.fetch(shown(7), Load())).status is Status.HIT


async def test_pattern_that_could_not_be_applied_is_no_event(
    valkey: Valkey, redis_store: RedisStore
) -> None:
    """Who asked for it is told."""
    cache = make_cache(redis_store)
    valkey.kill()
    with pytest.raises(StoreUnavailable):
        await cache.invalidate_pattern("*", reason="wrong prices", metadata={})
    assert cache.events.recent() == []


def test_latest_hundred_events_are_kept() -> None:
    """The newest last; the tags of a change are told."""
    events = Events()
    for number in range(150):
        events.changed([f"contact:{number}"])
    kept = events.recent()
    assert len(kept) == 100
    assert kept[0].tags == {"contact:50"}
    assert kept[-1].tags == {"contact:149"}
    assert (kept[-1].reason, kept[-1].pattern) == ("records_changed", None)


def test_subscriber_that_fails_is_logged_and_harms_nobody() -> None:
    """The others are told, and so is it the next time; who has ended it is not."""
    events, seen = Events(), list[CacheInvalidated]()

    def fail(_event: CacheInvalidated) -> None:
        raise LookupError("no")

    events.subscribe(fail)
    unsubscribe = events.subscribe(seen.append)
    with capture_logs() as logs:
        events.changed([CONTACTS])
    unsubscribe()
    with capture_logs() as more_logs:
        events.changed([CONTACTS])
    assert len(seen) == 1
    assert [line["event"] for line in logs + more_logs] == ["cache_subscriber_failed"] * 2
    assert logs[0]["error_type"] == "LookupError"
