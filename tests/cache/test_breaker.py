"""A store that is left alone while it does not answer."""

import pytest
from structlog.testing import capture_logs

from cache.breaker import BreakingStore
from cache.redis_store import RedisStore
from cache.store import Hit, StoreUnavailable
from tests.cache.stores import CONTACTS, ERA, InMemory, keep, listed, missed
from tests.cache.test_redis_store import STEPS
from tests.valkey import Valkey


async def test_store_that_failed_is_asked_nothing_until_a_probe_succeeds(
    valkey: Valkey, redis_store: RedisStore
) -> None:
    """Although it is back already; the probe makes all as it was."""
    store = BreakingStore(redis_store)
    valkey.kill()
    with capture_logs():
        with pytest.raises(StoreUnavailable):
            await store.look_up(listed(), era=ERA)
        valkey.start()
        for name, step in STEPS.items():
            if name != "ping":
                with pytest.raises(StoreUnavailable):
                    await step(store)
        await store.probe()
    await keep(store, listed(), b"[1]")
    assert isinstance(await store.look_up(listed(), era=ERA), Hit)


async def test_probe_finds_a_store_that_is_gone_before_anybody_needs_it(
    valkey: Valkey, redis_store: RedisStore
) -> None:
    """And it raises nothing, however often it is in vain."""
    store = BreakingStore(redis_store)
    await store.probe()
    assert store.down_seconds() == 0
    valkey.kill()
    with capture_logs():
        await store.probe()
        first = store.down_seconds()
        await store.probe()
        assert 0 < first < store.down_seconds()
        valkey.start()
        await store.probe()
    assert store.down_seconds() == 0


async def test_server_that_keeps_nothing_is_left_alone_until_it_does(
    valkey: Valkey, redis_store: RedisStore
) -> None:
    """It answers, but not to a change: no probe takes it for one that is back."""
    store = BreakingStore(redis_store)
    valkey.ask("CONFIG", "SET", "maxmemory-policy", "noeviction")
    valkey.ask("CONFIG", "SET", "maxmemory", "1")
    with capture_logs() as logs:
        with pytest.raises(StoreUnavailable):
            await store.begin([CONTACTS], "change")
        for _ in range(3):
            await store.probe()
            assert store.down_seconds() > 0
        valkey.ask("CONFIG", "SET", "maxmemory", "0")
        await store.probe()
    assert store.down_seconds() == 0
    await store.begin([CONTACTS], "change")
    assert [line["event"] for line in logs] == ["cache_down", "cache_back"]


async def test_replica_is_no_server_to_use(valkey: Valkey, redis_store: RedisStore) -> None:
    """It answers to whoever reads, and refuses what every change has to write."""
    store = BreakingStore(redis_store)
    valkey.ask("REPLICAOF", "127.0.0.1", "1")
    with capture_logs():
        await store.probe()
        assert store.down_seconds() > 0
        valkey.ask("REPLICAOF", "NO", "ONE")
        await store.probe()
    assert store.down_seconds() == 0


async def test_each_end_is_logged_once(valkey: Valkey, redis_store: RedisStore) -> None:
    """One line when it goes and one when it is back, whatever is asked between them."""
    store = BreakingStore(redis_store)
    with capture_logs() as logs:
        valkey.freeze()
        await store.probe()
        await store.probe()
        with pytest.raises(StoreUnavailable):
            await store.begin(["list:Contact"], "change")
        valkey.thaw()
        while store.down_seconds():
            await store.probe()
    assert [(line["event"], line["log_level"]) for line in logs] == [
        ("cache_down", "warning"),
        ("cache_back", "info"),
    ]
    assert logs[0]["error"] == "TimeoutError"
    assert logs[1]["seconds"] > 0


async def test_store_that_answers_is_passed_through() -> None:
    """Each step does what it does without a breaker."""
    store = BreakingStore(InMemory().open())
    assert store.backend == "in-memory (cachetools.TLRUCache)"
    await keep(store, listed(), b"[1]")
    assert await store.delete("*") == 1
    await store.begin(["list:Contact"], "change")
    await store.end(["list:Contact"], "change")
    await missed(store, listed())
    await store.ping()
    assert set(await store.statistics()) == {"total_entries", "valid_entries", "max_entries"}
