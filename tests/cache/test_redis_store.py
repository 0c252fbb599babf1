"""The store in Redis: what several processes share, and a server that breaks."""

import asyncio
import time
from collections.abc import Awaitable, Callable

import pytest
from redis import Redis

from cache.keys import Named
from cache.redis_connections import _MAX_CONNECTIONS
from cache.redis_store import RedisStore, _counted, open_redis_store
from cache.store import Dirty, Found, Hit, Miss, Store, StoreUnavailable
from tests.cache.stores import CONTACTS, ERA, change, keep, listed, missed, shown, until
from tests.valkey import Valkey


async def value_of(store: RedisStore, digest: str = "d1") -> bytes | None:
    """What is found for a list."""
    found = await store.look_up(listed(digest), era=ERA)
    return found.value if isinstance(found, Hit) else None


async def answers(store: RedisStore) -> bool:
    """Whether it can be used."""
    try:
        await store.ping()
    except StoreUnavailable:
        return False
    return True


async def is_dirty(store: RedisStore) -> bool:
    """Whether somebody is changing contacts."""
    return await store.look_up(listed(), era=ERA) == Dirty()


STEPS: dict[str, Callable[[Store], Awaitable[object]]] = {
    "look_up": lambda store: store.look_up(listed(), era=ERA),
    "fill": lambda store: store.fill(listed(), b"1", era=ERA, token="t", ttl_seconds=1),
    "begin": lambda store: store.begin([CONTACTS], "change"),
    "end": lambda store: store.end([CONTACTS], "change"),
    "delete": lambda store: store.delete("*"),
    "ping": lambda store: store.ping(),
    "statistics": lambda store: store.statistics(),
}


async def test_processes_see_the_values_and_changes_of_each_other(healthy_valkey: Valkey) -> None:
    """What one keeps another finds, until a third changes what it depends on."""
    async with (
        open_redis_store(healthy_valkey.url, schema="schema") as first,
        open_redis_store(healthy_valkey.url, schema="schema") as second,
        open_redis_store(healthy_valkey.url, schema="schema") as third,
    ):
        await keep(first, listed(), b"[1]")
        assert await value_of(second) == b"[1]"
        token = await missed(second, listed("d2"))
        await third.begin([CONTACTS], "change")
        assert await first.look_up(listed(), era=ERA) == Dirty()
        await third.end([CONTACTS], "change")
        await missed(first, listed())
        assert not await second.fill(listed("d2"), b"[1]", era=ERA, token=token, ttl_seconds=9)


async def test_releases_share_changes_but_no_values(healthy_valkey: Valkey) -> None:
    """During a deploy the old release makes the answers of the new one out of date too."""
    async with (
        open_redis_store(healthy_valkey.url, schema="old") as old,
        open_redis_store(healthy_valkey.url, schema="new") as new,
    ):
        await keep(old, listed(), b"[old]")
        await missed(new, listed())
        await keep(new, listed(), b"[new]")
        await change(old, CONTACTS)
        await missed(new, listed())


async def test_first_to_miss_is_awaited_by_the_others(healthy_valkey: Valkey) -> None:
    """Until it has filled; who will not fill takes nobody's turn."""
    async with open_redis_store(healthy_valkey.url, schema="schema") as store:

        async def look(*, will_fill: bool = True) -> Found:
            return await store.look_up(listed(), era=ERA, will_fill=will_fill)

        assert await look(will_fill=False) == await look()
        second = await look()
        assert isinstance(second, Miss)
        assert second.is_awaited
        await store.fill(listed(), b"[1]", era=ERA, token=second.token, ttl_seconds=100)
        await store.delete("*")
        assert await look() == Miss(second.token)


async def test_who_claimed_and_never_fills_is_not_awaited_for_long(healthy_valkey: Valkey) -> None:
    """The claim ends by itself."""
    async with open_redis_store(healthy_valkey.url, schema="schema") as store:
        await missed(store, listed())

        async def is_free() -> bool:
            found = await store.look_up(listed(), era=ERA)
            return isinstance(found, Miss) and not found.is_awaited

        assert not await is_free()
        await until(is_free)


async def test_tag_that_the_server_forgot_is_a_miss(healthy_valkey: Valkey) -> None:
    """Whatever it evicts, nothing becomes findable or can be kept that was not before."""
    async with open_redis_store(healthy_valkey.url, schema="schema") as store:
        token = await keep(store, shown(7), b"{}")
        healthy_valkey.ask("DEL", "a360:generation:contact:7")
        assert not await store.fill(shown(7), b"{}", era=ERA, token=token, ttl_seconds=9)
        assert await missed(store, shown(7)) != token


async def test_everything_that_is_written_has_an_end(healthy_valkey: Valkey) -> None:
    """No key stays for ever, whatever becomes of who wrote it."""
    async with open_redis_store(healthy_valkey.url, schema="schema") as store:
        await keep(store, listed(), b"[1]")
        await missed(store, listed("d2"))
        await store.begin([CONTACTS], "change")
        await missed(store, shown(7))
    with Redis.from_url(healthy_valkey.url) as client:
        assert {client.pttl(name) > 0 for name in client.scan_iter()} == {True}


async def test_pattern_leaves_other_keys_of_the_server_alone(healthy_valkey: Valkey) -> None:
    """Even one that matches everything: marks of changes are not for operators to delete."""
    healthy_valkey.ask("SET", "somebody:else", "1")
    async with open_redis_store(healthy_valkey.url, schema="schema") as store:
        await keep(store, shown(7), b"{}")
        await store.begin([CONTACTS], "change")
        assert await store.delete("*") == 1
        assert await is_dirty(store)
    assert healthy_valkey.ask("EXISTS", "somebody:else") == b":1"


async def test_server_that_forgot_the_scripts_is_told_again(healthy_valkey: Valkey) -> None:
    """A flush of scripts costs a round trip, nothing else."""
    async with open_redis_store(healthy_valkey.url, schema="schema") as store:
        await keep(store, listed(), b"[1]")
        healthy_valkey.ask("SCRIPT", "FLUSH")
        assert await value_of(store) == b"[1]"


async def test_statistics_are_those_of_the_server(healthy_valkey: Valkey) -> None:
    """Exactly its three numbers that tell how it is used."""
    async with open_redis_store(healthy_valkey.url, schema="schema") as store:
        before = await store.statistics()
        await keep(store, listed(), b"[1]")
        await value_of(store)
        after = await store.statistics()
    assert set(after) == {"keyspace_hits", "keyspace_misses", "total_commands_processed"}
    assert all(after[name] > before[name] for name in after)


async def test_many_at_once_take_turns_at_few_connections(healthy_valkey: Valkey) -> None:
    """Hundreds of lookups open no more connections than the bound, and each has its answer."""
    async with open_redis_store(healthy_valkey.url, schema="schema") as store:
        for number in range(5):
            await keep(store, listed(f"d{number}"), b"%d" % number)
        wanted = [number % 5 for number in range(200)]
        found = await asyncio.gather(*(value_of(store, f"d{number}") for number in wanted))
        assert found == [b"%d" % number for number in wanted]
        with Redis.from_url(healthy_valkey.url) as client:
            clients = client.client_list()
    assert len(clients) <= _MAX_CONNECTIONS + 1


def test_numbers_that_a_server_does_not_tell_are_left_out() -> None:
    """Those that it tells are told."""
    assert _counted(b"# Stats\r\nkeyspace_hits:7\r\nexpired_keys:1\r\n") == {"keyspace_hits": 7}
    assert _counted(b"") == {}


@pytest.mark.parametrize("size", [0, 1, 65_535, 65_536, 3_000_000])
async def test_value_of_any_size_comes_back_as_it_was(healthy_valkey: Valkey, size: int) -> None:
    """Also one that looks like the end of a line all along, and of more than one packet."""
    value = (b"\r\n$1\r\n" * (size // 7 + 1))[:size]
    async with open_redis_store(healthy_valkey.url, schema="schema") as store:
        await keep(store, listed(), value)
        assert await value_of(store) == value


@pytest.mark.parametrize("step", STEPS)
async def test_server_that_is_not_there_is_unavailable(step: str) -> None:
    """Whatever it is asked for."""
    async with open_redis_store("redis://127.0.0.1:1/0", schema="schema") as store:
        with pytest.raises(StoreUnavailable):
            await STEPS[step](store)


async def test_server_that_refuses_us_is_unavailable(healthy_valkey: Valkey) -> None:
    """A wrong password and a database that it does not have are no errors of a query."""
    address = f"127.0.0.1:{healthy_valkey.port}"
    for url in (f"redis://:wrong@{address}/0", f"redis://{address}/99"):
        async with open_redis_store(url, schema="schema") as store:
            with pytest.raises(StoreUnavailable):
                await value_of(store)


async def test_address_cannot_change_how_answers_are_read(healthy_valkey: Valkey) -> None:
    """Options of the library that an operator adds to it are no matter."""
    url = f"{healthy_valkey.url}?decode_responses=true&protocol=3&max_connections=9"
    async with open_redis_store(url, schema="schema") as store:
        await keep(store, listed(), b"\xff")
        assert await value_of(store) == b"\xff"


@pytest.mark.parametrize("step", STEPS)
async def test_server_that_was_killed_is_unavailable(
    valkey: Valkey, redis_store: RedisStore, step: str
) -> None:
    """Over the connections it had, and over new ones; once it is back, all is as it was."""
    await asyncio.gather(*(missed(redis_store, listed(f"d{number}")) for number in range(3)))
    valkey.kill()
    for _ in range(2):
        with pytest.raises(StoreUnavailable):
            await STEPS[step](redis_store)
    valkey.start()
    await STEPS[step](redis_store)
    await change(redis_store, CONTACTS)
    await keep(redis_store, listed(), b"[1]")
    assert await value_of(redis_store) == b"[1]"


async def test_restart_between_two_commands_is_not_noticed(
    valkey: Valkey, redis_store: RedisStore
) -> None:
    """Connections to a life that is over are let go before anything is sent over them."""
    await asyncio.gather(*(missed(redis_store, listed(f"d{number}")) for number in range(3)))
    sessions = list(redis_store._connections._idle)
    valkey.kill()
    valkey.start()

    async def have_ended() -> bool:
        return all([await session.connection.can_read() for session in sessions])

    await until(have_ended)
    for _ in range(3):
        await missed(redis_store, listed())


@pytest.mark.parametrize("step", STEPS)
async def test_server_that_is_frozen_is_unavailable(
    valkey: Valkey, redis_store: RedisStore, step: str
) -> None:
    """Over the connections it has and over new ones; once it goes on, all answers are right."""
    await keep(redis_store, listed("d1"), b"[1]")
    await keep(redis_store, listed("d2"), b"[2]")
    valkey.freeze()
    async with asyncio.timeout(5):
        for _ in range(2):
            with pytest.raises(StoreUnavailable):
                await STEPS[step](redis_store)
    valkey.thaw()
    await until(lambda: answers(redis_store))
    await redis_store.end([CONTACTS], "change")
    await keep(redis_store, listed("d3"), b"[3]")
    assert await value_of(redis_store, "d3") == b"[3]"


async def test_what_a_frozen_server_was_asked_for_may_still_happen(
    valkey: Valkey, redis_store: RedisStore
) -> None:
    """A change that was given up makes its tags dirty late, until its mark expires or it ends."""
    await change(redis_store, CONTACTS)
    valkey.freeze()
    with pytest.raises(StoreUnavailable):
        await redis_store.begin([CONTACTS], "late change")
    valkey.thaw()
    await until(lambda: is_dirty(redis_store))
    await redis_store.end([CONTACTS], "late change")
    await missed(redis_store, listed())


async def test_values_of_an_earlier_life_are_not_found(
    valkey: Valkey, redis_store: RedisStore
) -> None:
    """A server that comes back with an old snapshot knows nothing of the changes since."""
    token = await keep(redis_store, listed(), b"[old]")
    name = Named(kind="settings:app", digest="d1")
    await redis_store.fill(name, b"1", era=ERA, token="", ttl_seconds=100)
    valkey.save()
    await change(redis_store, CONTACTS)
    valkey.kill()
    valkey.start()
    await until(lambda: answers(redis_store))
    assert valkey.ask("EXISTS", f"a360:generation:{CONTACTS}") == b":1"
    await missed(redis_store, listed())
    await missed(redis_store, name)
    assert not await redis_store.fill(listed(), b"[old]", era=ERA, token=token, ttl_seconds=9)


async def test_server_that_comes_back_empty_is_filled_again(
    valkey: Valkey, redis_store: RedisStore
) -> None:
    """Tokens from before are of no use; new ones are."""
    token = await keep(redis_store, listed(), b"[old]")
    valkey.kill()
    valkey.start()
    await until(lambda: answers(redis_store))
    assert not await redis_store.fill(listed(), b"[old]", era=ERA, token=token, ttl_seconds=9)
    await keep(redis_store, listed(), b"[new]")
    assert await value_of(redis_store) == b"[new]"


def compute() -> None:
    """Keep the process from listening for longer than the server may be silent."""
    time.sleep(0.3)


async def test_busy_process_does_not_take_its_own_delay_for_silence(
    healthy_valkey: Valkey,
) -> None:
    """Answers that came while it did something else are answers in time."""
    async with open_redis_store(healthy_valkey.url, schema="schema") as store:
        await keep(store, listed(), b"[1]")
        lookups = [asyncio.create_task(value_of(store)) for _ in range(10)]
        for _ in range(3):
            await asyncio.sleep(0)
            compute()
        assert await asyncio.gather(*lookups) == [b"[1]"] * 10


async def test_answer_to_a_cancelled_command_is_for_nobody(
    valkey: Valkey, redis_store: RedisStore
) -> None:
    """It comes when the next command is asked already, and is not taken for the answer to that."""
    await keep(redis_store, listed("d1"), b"[1]")
    await keep(redis_store, listed("d2"), b"[2]")
    idle = redis_store._connections._idle
    (session,) = idle
    valkey.freeze()
    lookup = asyncio.create_task(redis_store.look_up(listed("d1"), era=ERA))

    async def is_asked() -> bool:
        return session not in idle

    await until(is_asked)
    lookup.cancel()
    with pytest.raises(asyncio.CancelledError):
        await lookup
    assert idle == []
    valkey.thaw()
    for _ in range(10):
        assert await value_of(redis_store, "d2") == b"[2]"


async def test_command_may_be_cancelled_at_any_moment(healthy_valkey: Valkey) -> None:
    """Of many that are cut off somewhere, none leaves its answer or its place behind."""
    async with open_redis_store(healthy_valkey.url, schema="schema") as store:
        for number in range(5):
            await keep(store, listed(f"d{number}"), b"%d" % number)
        for moments in range(60):
            lookups = [asyncio.create_task(value_of(store, f"d{number}")) for number in range(5)]
            for _ in range(moments):
                await asyncio.sleep(0)
            for lookup in lookups[::2]:
                lookup.cancel()
            found = await asyncio.gather(*lookups, return_exceptions=True)
            assert found[1::2] == [b"1", b"3"]
            wanted = [b"%d" % number for number in range(5)]
            assert wanted == [await value_of(store, f"d{number}") for number in range(5)]
        assert store._connections._free._value == _MAX_CONNECTIONS
