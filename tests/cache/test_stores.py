"""What both stores promise; the same tests for the one in memory and the one in Redis."""

import pytest

from cache.keys import CompanyCount, ContactCount, Named
from cache.store import DIRTY_SECONDS, Dirty, Hit, Miss, Store
from cache.tags import MAX_TAGS, Entity
from tests.cache.stores import CONTACTS, ERA, World, change, escaped, keep, listed, missed, shown


@pytest.mark.parametrize("value", [b"[1]", b"[]", b"null", b"", b"\r\n\0\xff", b"x" * 100_000])
async def test_value_is_found_as_it_was_kept(store: Store, value: bytes) -> None:
    """Empty ones, large ones and whatever bytes there are come back as they were."""
    await keep(store, listed(), value)
    found = await store.look_up(listed(), era=ERA)
    assert isinstance(found, Hit)
    assert found.value == value


async def test_value_lives_as_long_as_it_was_given(store: Store, world: World) -> None:
    """It is found before its time is over, with what is left of it, and not afterwards."""
    await keep(store, listed(), b"[1]", ttl_seconds=60)
    world.let_pass(30)
    found = await store.look_up(listed(), era=ERA)
    assert isinstance(found, Hit)
    assert 20 < found.seconds_left <= 30
    world.let_pass(30)
    await missed(store, listed())


async def test_value_that_is_kept_again_lives_anew(store: Store, world: World) -> None:
    """The later value with its own time takes the place of the first."""
    token = await keep(store, listed(), b"[1]", ttl_seconds=60)
    assert await store.fill(listed(), b"[2]", era=ERA, token=token, ttl_seconds=600)
    world.let_pass(60)
    found = await store.look_up(listed(), era=ERA)
    assert isinstance(found, Hit)
    assert found.value == b"[2]"


async def test_value_is_found_under_its_own_key_alone(store: Store) -> None:
    """Another digest, another kind and another era have nothing to do with it."""
    await keep(store, listed("d1"), b"[1]")
    await missed(store, listed("d2"))
    await missed(store, ContactCount(digest="d1", shows=frozenset({Entity.CONTACT})))
    await missed(store, listed("d1"), era="era2")


async def test_misses_without_a_change_give_one_token(store: Store) -> None:
    """Whoever asks, and for whatever, under the same tags."""
    assert await missed(store, listed("d1")) == await missed(store, listed("d1"))
    assert await missed(store, listed("d1")) == await missed(store, listed("d2"))


async def test_change_makes_all_values_of_its_tags_unfindable(store: Store) -> None:
    """However many there are, and only these."""
    for digest in ("d1", "d2", "d3"):
        await keep(store, listed(digest), b"[1]")
    await keep(store, shown(7), b"{}")
    await change(store, CONTACTS)
    for digest in ("d1", "d2", "d3"):
        await missed(store, listed(digest))
    assert isinstance(await store.look_up(shown(7), era=ERA), Hit)


@pytest.mark.parametrize("tag", ["contact:7", "every:Contact"])
async def test_change_of_one_tag_of_several_is_enough(store: Store, tag: str) -> None:
    """A value depends on each of its tags."""
    await keep(store, shown(7), b"{}")
    await change(store, tag)
    await missed(store, shown(7))


async def test_tag_is_dirty_from_begin_to_end(store: Store) -> None:
    """Nothing is found under it, and nothing says that something may be kept."""
    await keep(store, listed(), b"[1]")
    await store.begin([CONTACTS], "change")
    assert await store.look_up(listed(), era=ERA) == Dirty()
    assert isinstance(await store.look_up(shown(7), era=ERA), Miss)
    await store.end([CONTACTS], "change")
    await missed(store, listed())


@pytest.mark.parametrize("is_ended", [False, True])
async def test_value_read_before_a_change_is_not_kept_after_its_begin(
    store: Store, is_ended: bool
) -> None:
    """Its token is from before; that the change is over makes it no better."""
    token = await missed(store, listed())
    await store.begin([CONTACTS], "change")
    if is_ended:
        await store.end([CONTACTS], "change")
    assert not await store.fill(listed(), b"[old]", era=ERA, token=token, ttl_seconds=100)
    if not is_ended:
        await store.end([CONTACTS], "change")
    await missed(store, listed())


async def test_value_read_between_two_changes_is_not_kept_after_the_second(store: Store) -> None:
    """Generations never come back."""
    await change(store, CONTACTS)
    token = await missed(store, listed())
    await change(store, CONTACTS)
    assert await missed(store, listed()) != token
    assert not await store.fill(listed(), b"[old]", era=ERA, token=token, ttl_seconds=100)


async def test_tag_is_dirty_until_the_last_of_its_changes_has_ended(store: Store) -> None:
    """The end of one change says nothing about another."""
    await store.begin([CONTACTS], "first")
    await store.begin([CONTACTS], "second")
    await store.end([CONTACTS], "first")
    assert await store.look_up(listed(), era=ERA) == Dirty()
    await store.end([CONTACTS], "second")
    await missed(store, listed())


async def test_change_that_begins_twice_ends_once(store: Store) -> None:
    """A second attempt of the same step does nothing more."""
    await store.begin([CONTACTS], "change")
    await store.begin([CONTACTS], "change")
    await store.end([CONTACTS], "change")
    await missed(store, listed())


async def test_end_without_a_begin_still_gives_new_generations(store: Store) -> None:
    """The mark may have expired before; what was kept meanwhile is not found any more."""
    await keep(store, listed(), b"[1]")
    await store.end([CONTACTS], "unknown")
    await missed(store, listed())


async def test_mark_of_a_writer_that_died_expires(store: Store, world: World) -> None:
    """The tag is usable again, but nothing that was read before is found or can be kept."""
    token = await keep(store, listed(), b"[old]")
    await store.begin([CONTACTS], "change")
    world.let_pass(DIRTY_SECONDS - 1)
    assert await store.look_up(listed(), era=ERA) == Dirty()
    world.let_pass(1)
    assert not await store.fill(listed(), b"[old]", era=ERA, token=token, ttl_seconds=100)
    await missed(store, listed())
    assert not await store.fill(listed(), b"[old]", era=ERA, token=token, ttl_seconds=100)
    await keep(store, listed(), b"[new]")


async def test_mark_that_expires_leaves_the_younger_one(store: Store, world: World) -> None:
    """Each change has a time of its own."""
    await store.begin([CONTACTS], "first")
    world.let_pass(DIRTY_SECONDS / 2)
    await store.begin([CONTACTS], "second")
    world.let_pass(DIRTY_SECONDS / 2)
    assert await store.look_up(listed(), era=ERA) == Dirty()
    world.let_pass(DIRTY_SECONDS / 2)
    await missed(store, listed())


async def test_change_may_touch_many_tags_or_none(store: Store) -> None:
    """As many as a transaction tells one by one are one step."""
    tags = [f"contact:{number}" for number in range(MAX_TAGS)]
    await keep(store, shown(7), b"{}")
    await change(store)
    assert isinstance(await store.look_up(shown(7), era=ERA), Hit)
    await change(store, *tags)
    await missed(store, shown(7))


async def test_value_without_tags_is_kept_under_any_token(store: Store) -> None:
    """Nothing makes it out of date but its time, so it can be replaced without a lookup."""
    key = Named(kind="settings:app", digest="d1")
    for value in (b"1", b"2"):
        assert await store.fill(key, value, era=ERA, token="", ttl_seconds=100)
        found = await store.look_up(key, era=ERA)
        assert isinstance(found, Hit)
        assert found.value == value


async def test_pattern_lets_go_of_what_it_matches_alone(store: Store) -> None:
    """By kind, and it says how many there were; what never matches is nothing."""
    for digest in ("d1", "d2"):
        await keep(store, listed(digest), b"[1]")
    await keep(store, shown(7), b"{}")
    await keep(store, CompanyCount(digest="d1", shows=frozenset({Entity.COMPANY})), b"1")
    assert await store.delete("query_cache:people:*") == 0
    assert await store.delete("query_cache:contacts:list:*") == 2
    await missed(store, listed("d1"))
    assert await store.delete("query_cache:c?[m-o]*") == 2
    assert await store.delete("*") == 0


async def test_pattern_lets_go_of_more_than_one_step_finds(store: Store) -> None:
    """A thousand values are looked at in several steps, and none is missed."""
    token = await missed(store, listed())
    for number in range(600):
        await store.fill(listed(f"d{number}"), b"1", era=ERA, token=token, ttl_seconds=100)
        other = Named(kind="settings:app", digest=f"d{number}")
        await store.fill(other, b"2", era=ERA, token="", ttl_seconds=100)
    assert await store.delete("*:list:*") == 600
    assert await store.delete("*") == 600


@pytest.mark.parametrize("text", ["a*b", "a?b", "a[x]b", "a\\b", "a]b", "a^-b"])
async def test_escaped_text_is_meant_as_it_is(store: Store, text: str) -> None:
    """Special characters in what a user typed match themselves and nothing else."""
    await keep(store, listed(text), b"[1]")
    for other in ("axb", "axxb", "ab"):
        await keep(store, listed(other), b"[1]")
    assert await store.delete(f"*:{escaped(text)}") == 1
    await missed(store, listed(text))
