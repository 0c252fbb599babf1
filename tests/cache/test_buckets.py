"""Buckets of both kinds: what can be taken, what comes back, and a server that goes away."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from math import inf

import pytest
from redis import Redis

from cache.buckets import Buckets, MemoryBuckets, RedisBuckets, open_buckets
from tests.cache.stores import Clock, until
from tests.valkey import Valkey

# So slow that what comes back while a test runs is nothing.
SLOW = 1e-3


@dataclass
class InMemory:
    """Buckets of a process, whose time a test makes."""

    clock: Clock = field(default_factory=lambda: Clock(1000.0))

    @asynccontextmanager
    async def opened(self) -> AsyncIterator[Buckets]:
        """The buckets."""
        yield MemoryBuckets(clock=self.clock)

    def let_pass(self, seconds: float) -> None:
        """Be that much later."""
        self.clock.now += seconds


@dataclass
class InRedis:
    """Buckets in a server, whose moments a test brings nearer."""

    server: Valkey

    @asynccontextmanager
    async def opened(self) -> AsyncIterator[Buckets]:
        """The buckets."""
        async with open_buckets(self.server.url) as buckets:
            yield buckets

    def let_pass(self, seconds: float) -> None:
        """Bring every moment that much nearer; a bucket whose moment has passed is gone."""
        with Redis.from_url(self.server.url) as client:
            for name in client.scan_iter("a360:bucket:*"):
                moment = float(client.get(name) or 0)
                left = int(client.pttl(name) - seconds * 1000)
                if left > 0:
                    client.set(name, repr(moment - seconds), px=left)
                else:
                    client.delete(name)


World = InMemory | InRedis


@pytest.fixture(params=["memory", "redis"])
def world(request: pytest.FixtureRequest) -> World:
    """Where the buckets are."""
    if request.param == "memory":
        return InMemory()
    return InRedis(request.getfixturevalue("healthy_valkey"))


@pytest.fixture
async def buckets(world: World) -> AsyncIterator[Buckets]:
    """Buckets of either kind, all of them full."""
    async with world.opened() as opened:
        yield opened


async def test_capacity_can_be_taken_and_no_more(buckets: Buckets) -> None:
    """What is refused takes nothing: something smaller still fits."""

    async def take(cost: float) -> float:
        return await buckets.take("k", cost, capacity=10, per_second=SLOW)

    assert [await take(cost) for cost in (4, 5)] == [0.0, 0.0]
    assert await take(2) == pytest.approx(1 / SLOW, rel=1e-3)
    assert await take(1) == 0.0
    assert await take(1) == pytest.approx(1 / SLOW, rel=1e-3)


async def test_what_is_left_is_told(buckets: Buckets) -> None:
    """Whether it was taken or not."""
    taken = await buckets.draw("k", 4, capacity=10, per_second=SLOW)
    assert (taken.wait_seconds, round(taken.available, 2)) == (0.0, 6.0)
    refused = await buckets.draw("k", 7, capacity=10, per_second=SLOW)
    assert (refused.wait_seconds > 0, round(refused.available, 2)) == (True, 6.0)


async def test_more_than_the_capacity_is_never_there(buckets: Buckets) -> None:
    """However long one would wait; and nothing is taken by asking."""
    assert await buckets.take("k", 10.5, capacity=10, per_second=1) == inf
    assert await buckets.take("k", 10, capacity=10, per_second=1) == 0.0


async def test_time_brings_back_what_was_taken(world: World, buckets: Buckets) -> None:
    """As much as a second brings, and never more than the capacity."""
    assert await buckets.take("k", 100, capacity=100, per_second=10) == 0.0
    world.let_pass(3)
    taken = await buckets.draw("k", 10, capacity=100, per_second=10)
    assert taken.available == pytest.approx(20, abs=2)
    world.let_pass(1000)
    taken = await buckets.draw("k", 10, capacity=100, per_second=10)
    assert taken.available == pytest.approx(90, abs=0.01)


async def test_whoever_waits_as_long_as_told_is_served(world: World, buckets: Buckets) -> None:
    """And not before: a moment earlier it is refused."""
    await buckets.take("k", 10, capacity=10, per_second=0.1)
    wait = await buckets.take("k", 4, capacity=10, per_second=0.1)
    assert wait == pytest.approx(40, abs=1)
    world.let_pass(wait - 5)
    assert await buckets.take("k", 4, capacity=10, per_second=0.1) > 0
    world.let_pass(5)
    assert await buckets.take("k", 4, capacity=10, per_second=0.1) == 0.0


async def test_what_is_given_back_can_be_taken(buckets: Buckets) -> None:
    """All of it, and not more than fits: who gives back more than was taken gains nothing."""
    await buckets.take("k", 10, capacity=10, per_second=SLOW)
    left = await buckets.give_back("k", 4, capacity=10, per_second=SLOW)
    assert left == pytest.approx(4, abs=0.01)
    assert await buckets.take("k", 4, capacity=10, per_second=SLOW) == 0.0
    assert await buckets.give_back("k", 100, capacity=10, per_second=SLOW) == 10.0
    assert await buckets.take("k", 10, capacity=10, per_second=SLOW) == 0.0
    assert await buckets.take("k", 1, capacity=10, per_second=SLOW) > 0


async def test_names_are_apart(buckets: Buckets) -> None:
    """What one takes another has."""
    await buckets.take("ada", 10, capacity=10, per_second=SLOW)
    assert await buckets.take("eve", 10, capacity=10, per_second=SLOW) == 0.0


async def test_a_hundred_at_once_take_exactly_the_capacity(buckets: Buckets) -> None:
    """None is served too much, and none is refused while something is left."""
    waits = await asyncio.gather(
        *(buckets.take("k", 1, capacity=37, per_second=SLOW) for _ in range(100))
    )
    assert sum(wait == 0.0 for wait in waits) == 37


async def test_many_small_takings_add_up(buckets: Buckets) -> None:
    """What floating-point numbers lose does not turn into one more or less."""
    served = 0
    while await buckets.take("k", 0.7, capacity=70, per_second=SLOW) == 0.0:
        served += 1
    assert served == 100


async def test_processes_share_a_bucket_in_redis(healthy_valkey: Valkey) -> None:
    """Two of them together take what one could."""
    async with open_buckets(healthy_valkey.url) as one, open_buckets(healthy_valkey.url) as two:
        waits = await asyncio.gather(
            *(each.take("k", 1, capacity=9, per_second=SLOW) for each in (one, two) * 10)
        )
    assert sum(wait == 0.0 for wait in waits) == 9


async def test_much_is_spent_without_asking_each_time(healthy_valkey: Valkey) -> None:
    """Two processes together spend exactly what there is, and ask Redis for some of it at once."""
    healthy_valkey.ask("CONFIG", "RESETSTAT")
    async with open_buckets(healthy_valkey.url) as one, open_buckets(healthy_valkey.url) as two:

        async def spend(buckets: Buckets) -> int:
            served = 0
            while not (await buckets.draw("k", 1, capacity=1000, per_second=SLOW)).wait_seconds:
                served += 1
            return served

        assert sum(await asyncio.gather(spend(one), spend(two))) == 1000
    with Redis.from_url(healthy_valkey.url) as client:
        told = client.info("commandstats")
    assert told["cmdstat_evalsha"]["calls"] < 200


async def test_what_was_taken_beforehand_is_told_as_available(healthy_valkey: Valkey) -> None:
    """It is the user's; so is what comes back to it."""
    async with open_buckets(healthy_valkey.url) as buckets:
        for left in (997, 994, 991):
            taken = await buckets.draw("k", 3, capacity=1000, per_second=SLOW)
            assert taken.available == pytest.approx(left, abs=0.1)
        after = await buckets.give_back("k", 5, capacity=1000, per_second=SLOW)
        assert after == pytest.approx(996, abs=0.1)


async def test_little_is_taken_for_whoever_asks_seldom(healthy_valkey: Valkey) -> None:
    """Several processes, and several seconds: nothing is gone but what was spent."""
    clock = Clock(1000.0)
    async with (
        open_buckets(healthy_valkey.url, clock=clock) as one,
        open_buckets(healthy_valkey.url, clock=clock) as two,
    ):
        for spent in range(3, 31, 3):
            for buckets in (one, two, one):
                taken = await buckets.draw("k", 1, capacity=1000, per_second=SLOW)
            assert taken.available == pytest.approx(1000 - spent, abs=0.1)
            clock.now += 1.1


async def test_what_was_taken_beforehand_is_given_back(healthy_valkey: Valkey) -> None:
    """Soon, and when the process ends: others have what it did not spend."""

    async def draw(buckets: Buckets, per_second: float) -> float:
        return (await buckets.draw("k", 1, capacity=1000, per_second=per_second)).available

    async with open_buckets(healthy_valkey.url) as two:
        async with open_buckets(healthy_valkey.url) as one:
            for _ in range(4):
                await draw(one, SLOW)
            assert await draw(two, SLOW) == pytest.approx(1000 - 3 - 10 - 1, abs=0.1)
        assert await draw(two, SLOW) == pytest.approx(1000 - 4 - 2, abs=0.1)


async def test_what_is_given_back_by_whoever_is_cancelled_is_there(healthy_valkey: Valkey) -> None:
    """Whether or not somebody waits for the server."""
    async with open_buckets(healthy_valkey.url) as buckets:
        await buckets.take("k", 10, capacity=10, per_second=SLOW)
        giving = asyncio.create_task(buckets.give_back("k", 4, capacity=10, per_second=SLOW))
        await asyncio.sleep(0)
        giving.cancel()
        with pytest.raises(asyncio.CancelledError):
            await giving

        async def is_there() -> bool:
            taken = await buckets.draw("k", 0, capacity=10, per_second=SLOW)
            return taken.available == pytest.approx(4, abs=0.01)

        await until(is_there)


async def test_what_was_used_beyond_what_was_taken_is_owed(buckets: Buckets) -> None:
    """Even when there is less: it is refused to nobody, and comes back before anything else."""
    await buckets.take("k", 6, capacity=10, per_second=SLOW)
    assert await buckets.give_back("k", -10, capacity=10, per_second=SLOW) == 0.0
    assert await buckets.take("k", 1, capacity=10, per_second=SLOW) == pytest.approx(
        7 / SLOW, rel=1e-3
    )
    assert await buckets.give_back("k", 8, capacity=10, per_second=SLOW) == pytest.approx(
        2, abs=0.01
    )


async def test_full_bucket_takes_no_room(healthy_valkey: Valkey) -> None:
    """Nothing is kept of those who took nothing, or whose time is over."""
    memory = InMemory()
    async with memory.opened() as buckets:
        assert isinstance(buckets, MemoryBuckets)
        await buckets.take("k", 5, capacity=10, per_second=1)
        assert len(buckets) == 1
        await buckets.give_back("k", 5, capacity=10, per_second=1)
        assert len(buckets) == 0
    async with open_buckets(healthy_valkey.url) as shared:
        await shared.take("k", 5, capacity=10, per_second=1)
        with Redis.from_url(healthy_valkey.url) as client:
            assert 0 < client.pttl("a360:bucket:k") <= 5000
            await shared.give_back("k", 5, capacity=10, per_second=1)
            assert client.exists("a360:bucket:k") == 0


async def test_memory_keeps_a_bounded_number_of_buckets() -> None:
    """Those that are full again go first, then the oldest."""
    clock = Clock(0.0)
    buckets = MemoryBuckets(clock=clock, most=3)
    for key, cost in (("short", 1), ("oldest", 50), ("old", 50)):
        await buckets.take(key, cost, capacity=50, per_second=1)
    clock.now = 2.0
    await buckets.take("new", 50, capacity=50, per_second=1)
    assert await buckets.take("oldest", 50, capacity=50, per_second=1) > 0
    await buckets.take("newer", 50, capacity=50, per_second=1)
    assert len(buckets) == 3
    assert await buckets.take("oldest", 50, capacity=50, per_second=1) == 0.0


async def test_without_redis_each_process_counts_by_itself(valkey: Valkey) -> None:
    """Nobody is refused or let through for that alone; what is given back comes back too."""
    async with open_buckets(valkey.url) as buckets:
        assert isinstance(buckets, RedisBuckets)
        await buckets.take("k", 10, capacity=10, per_second=SLOW)
        valkey.kill()
        assert await buckets.take("k", 10, capacity=10, per_second=SLOW) == 0.0
        assert await buckets.take("k", 1, capacity=10, per_second=SLOW) > 0
        assert await buckets.give_back("k", 1, capacity=10, per_second=SLOW) == pytest.approx(1.0)
        assert await buckets.take("k", 1, capacity=10, per_second=SLOW) == 0.0


async def test_redis_that_is_back_counts_again(valkey: Valkey) -> None:
    """After a pause, and without a restart."""
    async with open_buckets(valkey.url, pause_seconds=0.05) as buckets:
        valkey.kill()
        await buckets.take("k", 10, capacity=10, per_second=SLOW)
        valkey.start()

        async def is_served() -> bool:
            return await buckets.take("k", 10, capacity=10, per_second=SLOW) == 0.0

        await until(is_served)
        with Redis.from_url(valkey.url) as client:
            assert client.exists("a360:bucket:k") == 1
