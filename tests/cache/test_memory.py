"""The store in memory: bounds, and what it says of itself."""

import asyncio

from cache.keys import Named
from cache.memory import MemoryStore
from cache.store import Dirty, Found, Hit
from tests.cache.stores import CONTACTS, ERA, InMemory, change, keep, listed, missed, shown


def small(*, max_entries: int = 1000, max_bytes: int = 2**20) -> MemoryStore:
    """A store that is soon full."""
    return MemoryStore(max_entries=max_entries, max_bytes=max_bytes, schema="schema")


async def is_there(store: MemoryStore, digest: str) -> bool:
    """Whether a list is found; it counts as used then."""
    return isinstance(await store.look_up(listed(digest), era=ERA), Hit)


async def test_least_recently_used_entry_goes_first() -> None:
    """The thousand and first entry takes the place of the one that was used longest ago."""
    store = small()
    for number in range(1000):
        await keep(store, listed(f"d{number}"), b"[1]")
    assert await is_there(store, "d0")
    await keep(store, listed("one more"), b"[1]")
    assert (await store.statistics())["total_entries"] == 1000
    assert await is_there(store, "d0")
    assert not await is_there(store, "d1")
    assert await is_there(store, "d2")


async def test_entry_that_is_kept_again_pushes_nothing_out() -> None:
    """It takes its own place."""
    store = small(max_entries=2)
    for digest in ("d1", "d2"):
        token = await keep(store, listed(digest), b"[1]")
    await store.fill(listed("d2"), b"[2]", era=ERA, token=token, ttl_seconds=100)
    assert await is_there(store, "d1")


async def test_bytes_are_bounded_under_ten_times_as_many_keys() -> None:
    """Large values are fewer than the bound of entries allows."""
    store = small(max_bytes=100_000)
    for number in range(10_000):
        await keep(store, listed(f"d{number}"), b"x" * (number % 5000))
        assert store.kept_bytes <= 100_000
    assert 10 < (await store.statistics())["total_entries"] < 100


async def test_small_values_are_kept_beside_a_large_one() -> None:
    """An entry weighs what it has, no matter how many there may be."""
    store = small(max_entries=10, max_bytes=100_000)
    await keep(store, listed("large"), b"x" * 80_000)
    for number in range(9):
        await keep(store, listed(f"d{number}"), b"[1]")
    assert await is_there(store, "large")


async def test_value_heavier_than_the_bound_is_not_kept() -> None:
    """It would push out everything else and not fit even then."""
    store = small(max_bytes=10_000)
    token = await keep(store, listed("d1"), b"[1]")
    huge = b"x" * 10_001
    assert not await store.fill(listed("d2"), huge, era=ERA, token=token, ttl_seconds=100)
    assert await is_there(store, "d1")


async def test_tags_are_bounded() -> None:
    """More tags than there is room for make values unfindable, never wrong ones findable."""
    store = small(max_entries=10)
    token = await keep(store, listed(), b"[1]")
    for number in range(1000):
        await missed(store, shown(number))
    assert len(store._generations) <= 80
    assert await missed(store, listed()) != token
    assert not await store.fill(listed(), b"[1]", era=ERA, token=token, ttl_seconds=100)


async def test_changes_that_are_over_leave_nothing_behind() -> None:
    """Neither those that ended nor those whose marks expired."""
    world = InMemory()
    store = world.open()
    for number in range(100):
        await change(store, f"contact:{number}", CONTACTS, name=f"change {number}")
        await store.begin([CONTACTS], f"lost {number}")
    world.let_pass(30)
    await missed(store, listed())
    assert len(store._marks) == 0
    assert not store._marks._changes


async def test_statistics_tell_entries_that_are_still_found_from_others() -> None:
    """What a change made unfindable takes room until it is pushed out or its time is over."""
    world = InMemory()
    store = world.open(max_entries=500)
    for digest in ("d1", "d2"):
        await keep(store, listed(digest), b"[1]", ttl_seconds=60)
    await keep(store, Named(kind="settings:app", digest="d1"), b"1", ttl_seconds=90)
    await change(store, CONTACTS)
    assert await store.statistics() == {
        "total_entries": 3,
        "valid_entries": 1,
        "max_entries": 500,
    }
    world.let_pass(60)
    assert (await store.statistics())["total_entries"] == 1


async def test_many_tasks_at_once_find_what_was_kept() -> None:
    """Fifty tasks that keep, find and change never find what belongs to another key."""
    store = small(max_entries=20)

    async def work(number: int) -> None:
        for turn in range(20):
            digest = f"d{(number + turn) % 30}"
            token = await missed_or_hit(store, digest)
            if token is not None:
                await asyncio.sleep(0)
                await store.fill(
                    listed(digest), digest.encode(), era=ERA, token=token, ttl_seconds=100
                )
            if turn % 7 == 0:
                await change(store, CONTACTS, name=f"change {number}")

    await asyncio.gather(*map(work, range(50)))
    assert len(store._marks) == 0


async def missed_or_hit(store: MemoryStore, digest: str) -> str | None:
    """The token of a miss; a hit has to be the right one."""
    found: Found = await store.look_up(listed(digest), era=ERA)
    if isinstance(found, Hit):
        assert found.value == digest.encode()
        return None
    assert not isinstance(found, Dirty)
    return found.token
