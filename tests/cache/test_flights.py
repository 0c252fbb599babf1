"""Many who miss the same value at the same time."""

import asyncio
from collections.abc import AsyncIterator, Coroutine, Sequence
from contextlib import asynccontextmanager
from functools import partial
from inspect import CORO_CREATED, getcoroutinestate
from typing import cast

import pytest

from cache.breaker import BreakingStore
from cache.keys import Key
from cache.query_cache import Fetched, QueryCache
from cache.redis_store import open_redis_store
from cache.statistics import Status
from cache.store import Found, Miss, Store
from tests.cache.loads import Load
from tests.cache.stores import CONTACTS, ERA, change, listed, until
from tests.valkey import Valkey


def make_cache(store: Store) -> QueryCache:
    """A cache, always in one era."""
    return QueryCache(store, era=lambda: ERA, ttl_seconds=300)


@pytest.fixture
def cache(store: Store) -> QueryCache:
    """A cache over a store of either kind."""
    return make_cache(store)


class HeardLate(BreakingStore):
    """A store whose answers wait on their way back.

    Attributes:
        is_late: Whether those that are given now do.
        heard: Lets them arrive.
    """

    def __init__(self, store: Store) -> None:
        super().__init__(store)
        self.is_late = True
        self.heard = asyncio.Event()
        self._answers = 0

    async def look_up(self, key: Key, *, era: str, will_fill: bool = True) -> Found:
        """As the store has it, later."""
        found = await super().look_up(key, era=era, will_fill=will_fill)
        self._answers += 1
        if self.is_late:
            await self.heard.wait()
        return found

    async def has_answered(self) -> bool:
        """Whether an answer was given."""
        return self._answers > 0


def fetch_many(cache: QueryCache, load: Load, number: int) -> list[asyncio.Task[Fetched]]:
    """So many at once."""
    return [asyncio.create_task(cache.fetch(listed(), load)) for _ in range(number)]


async def have_looked_up(cache: QueryCache, tasks: Sequence[asyncio.Task[Fetched]]) -> bool:
    """Whether all have begun and got further than to their lookup."""
    has_to_begin = [task for task in tasks if getcoroutinestate(coroutine(task)) == CORO_CREATED]
    return not has_to_begin and not cache._flights._watches


def coroutine(task: asyncio.Task[Fetched]) -> Coroutine[object, object, Fetched]:
    """What a task runs."""
    return cast("Coroutine[object, object, Fetched]", task.get_coro())


async def values(tasks: Sequence[asyncio.Task[Fetched]]) -> set[bytes | None]:
    """What they all got."""
    return {fetched.value for fetched in await asyncio.gather(*tasks)}


@asynccontextmanager
async def two_processes(server: Valkey) -> AsyncIterator[tuple[QueryCache, QueryCache]]:
    """Two caches that share nothing but a server."""
    async with (
        open_redis_store(server.url, schema="schema") as first,
        open_redis_store(server.url, schema="schema") as second,
    ):
        yield make_cache(first), make_cache(second)


async def test_hundred_who_miss_at_once_share_one_load(cache: QueryCache) -> None:
    """All have its value, and it is kept."""
    load = Load(is_held=True)
    tasks = fetch_many(cache, load, 100)
    await until(load.is_called)
    await until(lambda: have_looked_up(cache, tasks))
    load.gate.set()
    assert await values(tasks) == {b"[1]"}
    assert load.calls == 1
    assert (await cache.fetch(listed(), load)).status is Status.HIT


async def test_who_hears_of_a_miss_when_the_value_is_kept_shares_its_load(store: Store) -> None:
    """Answers of a server may be heard in another order than they were given."""
    slow = HeardLate(store)
    cache, load = make_cache(slow), Load()
    (late,) = fetch_many(cache, load, 1)
    await until(slow.has_answered)
    slow.is_late = False
    assert (await cache.fetch(listed(), load)).status is Status.MISS
    slow.heard.set()
    assert (await late).value == b"[1]"
    assert load.calls == 1


async def test_who_comes_during_a_load_shares_it(cache: QueryCache) -> None:
    """As long as nothing has changed since it began."""
    load = Load(is_held=True)
    (first,) = fetch_many(cache, load, 1)
    await until(load.is_called)
    late = fetch_many(cache, load, 3)
    load.gate.set()
    assert await values([first, *late]) == {b"[1]"}
    assert load.calls == 1


async def test_who_comes_after_a_change_does_not_share_an_earlier_load(
    cache: QueryCache, store: Store
) -> None:
    """It may show less than the change; the load that begins now is for the late ones alone."""
    early_load, late_load = Load(b"[old]", is_held=True), Load(b"[new]", is_held=True)
    (early,) = fetch_many(cache, early_load, 1)
    await until(early_load.is_called)
    await change(store, CONTACTS)
    late = fetch_many(cache, late_load, 3)
    await until(late_load.is_called)
    early_load.gate.set()
    assert (await early).value == b"[old]"
    late_load.gate.set()
    assert await values(late) == {b"[new]"}
    assert late_load.calls == 1
    assert (await cache.fetch(listed(), Load(b"[newer]"))).value == b"[new]"


async def test_who_comes_in_another_era_does_not_share_an_earlier_load(store: Store) -> None:
    """Something changed of which the store was not told."""
    eras = ["first"]
    cache = QueryCache(store, era=lambda: eras[0], ttl_seconds=300)
    early_load = Load(b"[old]", is_held=True)
    (early,) = fetch_many(cache, early_load, 1)
    await until(early_load.is_called)
    eras[0] = "second"
    assert (await cache.fetch(listed(), Load(b"[new]"))).value == b"[new]"
    early_load.gate.set()
    assert (await early).value == b"[old]"


async def test_nobody_waits_for_long_for_the_load_of_another(
    cache: QueryCache, store: Store
) -> None:
    """That one may have much else to do first. What is loaded beside it is not kept."""
    slow, own = Load(is_held=True), Load(b"[own]")
    (leader,) = fetch_many(cache, slow, 1)
    await until(slow.is_called)
    waiting = fetch_many(cache, own, 3)
    async with asyncio.timeout(10):
        assert await values(waiting) == {b"[own]"}
    assert own.calls == 3
    assert isinstance(await store.look_up(listed(), era=ERA, will_fill=False), Miss)
    slow.gate.set()
    assert await values([leader]) == {b"[1]"}
    found = await cache.fetch(listed(), Load())
    assert (found.status, found.value) == (Status.HIT, b"[1]")


async def test_who_shares_a_load_is_told_whether_it_was_kept(
    cache: QueryCache, store: Store
) -> None:
    """As the one who loaded: what changed meanwhile keeps it from that."""
    for changes, is_kept in ((False, True), (True, False)):
        load = Load(is_held=True)
        tasks = fetch_many(cache, load, 3)
        await until(load.is_called)
        await until(partial(have_looked_up, cache, tasks))
        if changes:
            await change(store, CONTACTS)
        load.gate.set()
        assert {fetched.is_kept for fetched in await asyncio.gather(*tasks)} == {is_kept}
        await change(store, CONTACTS)


async def called(load: Load, times: int) -> bool:
    """Whether a load was called so often."""
    return load.calls == times


async def test_error_is_for_who_called_the_load_alone(cache: QueryCache) -> None:
    """The others load themselves, all at the same time."""
    load = Load(is_held=True)
    load.errors.append(LookupError("no"))
    tasks = fetch_many(cache, load, 5)
    await until(load.is_called)
    await until(lambda: have_looked_up(cache, tasks))
    assert load.calls == 1
    held = load.gate
    load.gate = asyncio.Event()
    held.set()
    await until(partial(called, load, 5))
    load.gate.set()
    results = await asyncio.gather(*tasks, return_exceptions=True)
    assert [type(result) for result in results].count(LookupError) == 1
    assert [result.value for result in results if isinstance(result, Fetched)] == [b"[1]"] * 4


async def test_value_that_must_not_be_kept_is_not_shared(cache: QueryCache) -> None:
    """Each of those who waited for it loads its own."""
    load = Load(None, is_held=True)
    tasks = fetch_many(cache, load, 5)
    await until(load.is_called)
    await until(lambda: have_looked_up(cache, tasks))
    load.gate.set()
    assert await values(tasks) == {None}
    assert load.calls == 5


async def test_when_who_loads_is_cancelled_one_of_the_others_does(cache: QueryCache) -> None:
    """Exactly one of them, again and again, until one has the value for all who are left."""
    load = Load(is_held=True)
    tasks = fetch_many(cache, load, 5)
    for turn in range(1, 4):
        await until(partial(called, load, turn))
        await until(lambda: have_looked_up(cache, tasks))
        (leader,) = (task for task in tasks if task is load.callers[-1])
        leader.cancel()
        tasks.remove(leader)
        with pytest.raises(asyncio.CancelledError):
            await leader
    await until(partial(called, load, 4))
    load.gate.set()
    assert await values(tasks) == {b"[1]"}
    assert load.calls == 4
    assert (await cache.fetch(listed(), load)).status is Status.HIT


async def test_cancelling_who_waits_harms_nobody(cache: QueryCache) -> None:
    """The load goes on, for the others."""
    load = Load(is_held=True)
    (leader,) = fetch_many(cache, load, 1)
    await until(load.is_called)
    waiting, other = tasks = fetch_many(cache, load, 2)
    await until(lambda: have_looked_up(cache, tasks))
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    load.gate.set()
    assert await values([leader, other]) == {b"[1]"}
    assert load.calls == 1


async def test_nothing_is_left_of_loads_that_are_over(cache: QueryCache) -> None:
    """Whether they brought a value, none, an error or were cancelled."""
    for load in (Load(), Load(None), Load(b"[2]")):
        await values(fetch_many(cache, load, 3))
        await change(cache._store, CONTACTS)
    failing, held = Load(), Load(is_held=True)
    failing.errors.append(LookupError("no"))
    with pytest.raises(LookupError):
        await cache.fetch(listed("d2"), failing)
    (cancelled,) = fetch_many(cache, held, 1)
    await until(held.is_called)
    cancelled.cancel()
    await asyncio.gather(cancelled, return_exceptions=True)
    assert not cache._flights._flights
    assert not cache._flights._watches


async def test_two_processes_that_miss_at_once_load_once(healthy_valkey: Valkey) -> None:
    """Who comes second finds what the first one filled within the time it waits."""
    async with two_processes(healthy_valkey) as (first, second):
        first_load, second_load = Load(is_held=True), Load(b"[2]")
        early = fetch_many(first, first_load, 50)
        await until(first_load.is_called)
        late = fetch_many(second, second_load, 50)
        await until(lambda: have_looked_up(second, late))
        first_load.gate.set()
        assert await values([*early, *late]) == {b"[1]"}
        assert (first_load.calls, second_load.calls) == (1, 0)


async def test_process_does_not_wait_for_long_for_the_load_of_another(
    healthy_valkey: Valkey,
) -> None:
    """Then it loads itself, once; what it loaded is what is kept."""
    async with two_processes(healthy_valkey) as (first, second):
        first_load, second_load = Load(is_held=True), Load(b"[2]")
        early = fetch_many(first, first_load, 1)
        await until(first_load.is_called)
        assert await values(fetch_many(second, second_load, 50)) == {b"[2]"}
        assert second_load.calls == 1
        first_load.gate.set()
        assert await values(early) == {b"[1]"}


async def test_change_during_the_wait_for_another_process_is_seen(healthy_valkey: Valkey) -> None:
    """What that one fills is from before; it is not taken."""
    async with two_processes(healthy_valkey) as (first, second):
        first_load, second_load = Load(b"[old]", is_held=True), Load(b"[new]")
        early = fetch_many(first, first_load, 1)
        await until(first_load.is_called)
        late = fetch_many(second, second_load, 5)
        await until(lambda: have_looked_up(second, late))
        await change(first._store, CONTACTS)
        first_load.gate.set()
        assert await values(early) == {b"[old]"}
        assert await values(late) == {b"[new]"}
        # Who looked again while the change was under way has kept nothing.
        found = await first.fetch(listed(), Load(b"[newer]"))
        assert found.value in (b"[new]", b"[newer]")
