"""Values from the cache, or loaded and kept; on both stores."""

import asyncio

import pytest

from cache.keys import Estimate
from cache.query_cache import MISSING, QueryCache, cache_aside
from cache.redis_store import RedisStore
from cache.statistics import Status
from cache.store import Hit, Store
from cache.tags import Entity
from tests.cache.loads import Load
from tests.cache.stores import CONTACTS, ERA, World, change, listed, shown, until
from tests.valkey import Valkey


@pytest.fixture
def cache(store: Store) -> QueryCache:
    """A cache over a store of either kind, always in one era."""
    return QueryCache(store, era=lambda: ERA, ttl_seconds=300)


async def test_value_is_loaded_once_and_found_from_then_on(cache: QueryCache) -> None:
    """A miss, then hits that say how long they would still be."""
    load = Load(b'{"a": 1}')
    missed = await cache.fetch(listed(), load)
    assert (missed.status, missed.value, missed.seconds_left) == (Status.MISS, b'{"a": 1}', None)
    assert missed.is_kept
    for _ in range(2):
        found = await cache.fetch(listed(), load)
        assert (found.status, found.value) == (Status.HIT, b'{"a": 1}')
        assert found.is_kept
        assert found.seconds_left is not None
        assert 250 < found.seconds_left <= 300
    assert load.calls == 1


@pytest.mark.parametrize("value", [b"[]", b"null", b"{}", b""])
async def test_empty_value_is_found_as_any_other(cache: QueryCache, value: bytes) -> None:
    """That there is nothing is an answer too."""
    load = Load(value)
    statuses = [(await cache.fetch(listed(), load)).status for _ in range(2)]
    assert statuses == [Status.MISS, Status.HIT]
    assert load.calls == 1


async def test_value_that_must_not_be_kept_is_not(cache: QueryCache) -> None:
    """None from a load is the end of it; the next caller loads."""
    load = Load(None)
    for _ in range(2):
        fetched = await cache.fetch(listed(), load)
        assert (fetched.status, fetched.value) == (Status.MISS, None)
    assert load.calls == 2


async def test_error_of_a_load_reaches_the_caller_and_nothing_is_kept(cache: QueryCache) -> None:
    """The next caller loads, and finds what was loaded then."""
    load = Load()
    load.errors.append(LookupError("no"))
    with pytest.raises(LookupError, match="no"):
        await cache.fetch(listed(), load)
    assert (await cache.fetch(listed(), load)).status is Status.MISS
    assert (await cache.fetch(listed(), load)).status is Status.HIT


async def test_cache_is_bypassed_while_something_is_being_changed(
    cache: QueryCache, store: Store
) -> None:
    """Each caller loads, and nothing is kept until the change is over."""
    load = Load()
    await cache.fetch(listed(), load)
    await store.begin([CONTACTS], "change")
    for _ in range(2):
        fetched = await cache.fetch(listed(), load)
        assert (fetched.status, fetched.value) == (Status.BYPASS, b"[1]")
        assert not fetched.is_kept
    await store.end([CONTACTS], "change")
    assert (await cache.fetch(listed(), load)).status is Status.MISS
    assert load.calls == 4


async def test_value_whose_tags_change_during_its_load_is_not_kept(
    cache: QueryCache, store: Store
) -> None:
    """Who loaded it has it; the next caller loads what is there then."""
    load = Load(is_held=True)
    fetching = asyncio.create_task(cache.fetch(listed(), load))
    await until(load.is_called)
    await change(store, CONTACTS)
    load.gate.set()
    fetched = await fetching
    assert (fetched.value, fetched.is_kept) == (b"[1]", False)
    load.value = b"[2]"
    assert (await cache.fetch(listed(), load)).value == b"[2]"


async def test_value_is_not_kept_when_the_store_goes_during_its_load(
    valkey: Valkey, redis_store: RedisStore
) -> None:
    """Who loaded it has it, and is told."""
    cache, load = QueryCache(redis_store, era=lambda: ERA, ttl_seconds=300), Load(is_held=True)
    fetching = asyncio.create_task(cache.fetch(listed(), load))
    await until(load.is_called)
    valkey.kill()
    load.gate.set()
    fetched = await fetching
    assert (fetched.status, fetched.value, fetched.is_kept) == (Status.MISS, b"[1]", False)


async def test_cache_without_an_era_is_bypassed(store: Store) -> None:
    """Nothing is found, kept or set; with an era all of it is as before."""
    eras: list[str | None] = [ERA]
    cache, load = QueryCache(store, era=lambda: eras[0], ttl_seconds=300), Load()
    await cache.fetch(listed(), load)
    await cache.set("settings:app", 1)
    eras[0] = None
    assert (await cache.fetch(listed(), load)).status is Status.BYPASS
    assert (await cache.fetch(shown(7), load)).status is Status.BYPASS
    await cache.set("settings:app", 2)
    assert await cache.get("settings:app") is MISSING
    eras[0] = ERA
    assert (await cache.fetch(listed(), load)).status is Status.HIT
    assert (await cache.fetch(shown(7), load)).status is Status.MISS
    assert await cache.get("settings:app") == 1


async def test_value_of_another_era_is_not_found(store: Store) -> None:
    """A new era begins with nothing."""
    eras = ["first"]
    cache, load = QueryCache(store, era=lambda: eras[0], ttl_seconds=300), Load()
    await cache.fetch(listed(), load)
    eras[0] = "second"
    assert (await cache.fetch(listed(), load)).status is Status.MISS


async def test_times_to_live_are_spread_below_the_wanted_one(
    cache: QueryCache, store: Store
) -> None:
    """None is longer than it may be, none less than nine tenths, and they are not all the same."""
    seconds = []
    for number in range(20):
        await cache.fetch(listed(f"d{number}"), Load())
        found = await store.look_up(listed(f"d{number}"), era=ERA)
        assert isinstance(found, Hit)
        seconds.append(found.seconds_left)
    assert all(265 < left <= 300 for left in seconds)
    assert max(seconds) - min(seconds) > 1


async def test_kind_with_a_shorter_time_to_live_has_it(cache: QueryCache) -> None:
    """The smaller one of a kind's own and the usual time is it."""
    key = Estimate(digest="d1", shows=frozenset({Entity.CONTACT}))
    await cache.fetch(key, Load())
    found = await cache.fetch(key, Load())
    assert found.seconds_left is not None
    assert 50 < found.seconds_left <= 60


async def test_usual_time_to_live_that_is_shorter_than_a_kinds_own_wins(store: Store) -> None:
    """A kind says at most how long."""
    cache = QueryCache(store, era=lambda: ERA, ttl_seconds=10)
    key = Estimate(digest="d1", shows=frozenset({Entity.CONTACT}))
    await cache.fetch(key, Load())
    found = await cache.fetch(key, Load())
    assert found.seconds_left is not None
    assert found.seconds_left <= 10


async def test_value_that_was_set_is_found_by_its_arguments(cache: QueryCache) -> None:
    """Whatever their order and that of their parts."""
    filters = {"city": "Bern", "size": {"from": 1, "to": 9}}
    turned = {"size": {"to": 9, "from": 1}, "city": "Bern"}
    await cache.set("contacts:list", [], filters=filters, limit=100)
    assert await cache.get("contacts:list", limit=100, filters=turned) == []
    assert await cache.get("contacts:list", limit=10, filters=filters) is MISSING
    assert await cache.get("companies:list", limit=100, filters=filters) is MISSING


async def test_arguments_that_only_look_alike_are_told_apart(cache: QueryCache) -> None:
    """A number, a truth, a text, nothing at all and an empty object are five things."""
    values: list[object] = [1, True, "1", None, {}, [], "", 0, False, 1.5, [1], ["1"]]
    for number, value in enumerate(values):
        await cache.set("contacts:list", number, value=value)
    found = [await cache.get("contacts:list", value=value) for value in values]
    assert found == list(range(len(values)))
    assert await cache.get("contacts:list") is MISSING


async def test_value_that_is_set_again_is_the_new_one(cache: QueryCache, world: World) -> None:
    """With a time to live of its own, also a longer one than the usual."""
    await cache.set("settings:app", {"a": 1}, ttl=20)
    await cache.set("settings:app", None, ttl=3600)
    world.let_pass(3000)
    assert await cache.get("settings:app") is None
    world.let_pass(600)
    assert await cache.get("settings:app") is MISSING


@pytest.mark.parametrize("prefix", ["", "Contacts", "contacts*", "a b", "a\n", "größe", "a[b]"])
async def test_prefix_with_other_characters_is_refused(cache: QueryCache, prefix: str) -> None:
    """What a user typed cannot become a part of a name."""
    with pytest.raises(ValueError, match="prefix"):
        await cache.get(prefix)
    with pytest.raises(ValueError, match="prefix"):
        await cache.set(prefix, 1)


async def test_argument_that_json_has_not_is_refused(cache: QueryCache) -> None:
    """It could not be told from another one."""
    with pytest.raises(TypeError):
        await cache.get("contacts:list", value=object())
    with pytest.raises(TypeError):
        await cache.set("contacts:list", object())


async def test_cache_aside_fetches_once(cache: QueryCache) -> None:
    """With the arguments it is asked for; an empty list is found the second time."""
    calls = []

    async def fetch_contacts(**arguments: object) -> list[object]:
        calls.append(arguments)
        return []

    for _ in range(2):
        assert await cache_aside(cache, "contacts:page", fetch_contacts, limit=10, city="B") == []
    assert calls == [{"limit": 10, "city": "B"}]
    assert await cache.get("contacts:page", city="B", limit=10) == []


async def test_cache_aside_keeps_nothing_of_a_fetch_that_failed(cache: QueryCache) -> None:
    """The error is the caller's."""

    async def fetch_nothing() -> object:
        raise LookupError("no")

    with pytest.raises(LookupError, match="no"):
        await cache_aside(cache, "contacts:page", fetch_nothing)
    assert await cache.get("contacts:page") is MISSING


async def test_cache_aside_without_a_cache_fetches_each_time() -> None:
    """Caching that is switched off is no cache at all."""
    calls = []

    async def fetch(number: int) -> int:
        calls.append(number)
        return number

    for _ in range(2):
        assert await cache_aside(None, "numbers", fetch, number=5) == 5
    assert calls == [5, 5]
