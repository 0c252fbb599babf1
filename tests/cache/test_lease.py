"""Promises of `cache.lease`: the cache is used only while everybody agrees that it may be."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress

from sqlalchemy.engine import URL

from cache.lease import LEASE_SECONDS, Lease
from db.cache_state import CacheState, open_cache_state
from db.transaction import Database

NAMES = ("appointment360/one", "appointment360/two")


class Reachable:
    """A store as its breaker sees it.

    Attributes:
        seconds: How long it has been away.
        life: Which start of it answers.
    """

    def __init__(self) -> None:
        self.seconds = 0.0
        self.life = "first"

    async def probe(self) -> None:
        """It is as it is."""

    def down_seconds(self) -> float:
        return self.seconds


class Process:
    """What a process that serves has of the agreement."""

    def __init__(self, state: CacheState, *, is_shared: bool) -> None:
        self.state = state
        self.store = Reachable()
        self.lease = Lease(state, self.store, is_shared=is_shared)


@asynccontextmanager
async def process(url: URL, name: str, *, is_shared: bool = False) -> AsyncIterator[Process]:
    """A process that looks at the agreement as long as the block runs, and ends without a word."""
    async with open_cache_state(url, name=name) as state:
        started = Process(state, is_shared=is_shared)
        watching = asyncio.create_task(started.lease.watch())
        try:
            yield started
        finally:
            watching.cancel()
            with suppress(asyncio.CancelledError):
                await watching


async def until(is_true: Callable[[], object]) -> None:
    """Return when a condition holds."""
    deadline = time.monotonic() + 20
    while not is_true():
        assert time.monotonic() < deadline
        await asyncio.sleep(0.02)


async def lasts(is_true: Callable[[], object], *, seconds: float) -> None:
    """A condition holds all the time."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        assert is_true()
        await asyncio.sleep(0.02)


async def test_first_process_may_use_its_cache(database_url: URL) -> None:
    """The era is the epoch that everybody sees."""
    async with process(database_url, NAMES[0]) as one:
        assert one.lease.era() is None
        await one.lease.usable()
        assert one.lease.era() == (await one.state.look()).epoch.hex


async def test_renewed_epoch_is_a_new_era_within_one_lease(database_url: URL) -> None:
    """Who waits that long is sure that nobody finds what is out of date."""
    async with process(database_url, NAMES[0]) as one:
        await one.lease.usable()
        before = one.lease.era()
        await one.state.renew_epoch()
        await asyncio.sleep(LEASE_SECONDS)
        assert one.lease.era() != before


async def test_lease_runs_out_when_nobody_looks(database_url: URL) -> None:
    """A process that was frozen, or that PostgreSQL does not answer, reads what is stored."""
    async with open_cache_state(database_url, name=NAMES[0]) as state:
        lease = Lease(state, Reachable(), is_shared=False)
        watching = asyncio.create_task(lease.watch())
        await lease.usable()
        watching.cancel()
        await asyncio.sleep(LEASE_SECONDS)
        assert lease.era() is None


async def test_of_two_processes_with_caches_of_their_own_none_uses_it(database_url: URL) -> None:
    """Neither would hear of the other's changes; the one that is left uses its own again."""
    async with process(database_url, NAMES[0]) as one:
        await one.lease.usable()
        before = one.lease.era()
        async with process(database_url, NAMES[1]) as two:
            await until(lambda: one.lease.era() is None)
            await lasts(lambda: (one.lease.era(), two.lease.era()) == (None, None), seconds=2)
        await until(lambda: one.lease.era() is not None)
        assert one.lease.era() != before


async def test_processes_that_share_a_store_share_the_era(database_url: URL) -> None:
    """They have one name."""
    async with (
        process(database_url, NAMES[0], is_shared=True) as one,
        process(database_url, NAMES[0], is_shared=True) as two,
    ):
        await one.lease.usable()
        await two.lease.usable()
        assert one.lease.era() == two.lease.era()


async def test_process_that_died_is_followed_once_its_lease_is_over(database_url: URL) -> None:
    """Not before: it may be alive without a connection, and use its cache a moment longer."""
    async with process(database_url, NAMES[0]) as one:
        await one.lease.usable()
    gone_at = time.monotonic()
    async with process(database_url, NAMES[1]) as two:
        await two.lease.usable()
        assert time.monotonic() - gone_at > LEASE_SECONDS


async def test_process_that_ends_in_order_is_followed_at_once(database_url: URL) -> None:
    """It has said that it uses its cache no more."""
    async with process(database_url, NAMES[0]) as one:
        await one.lease.usable()
        before = (await one.state.look()).epoch
        await one.lease.release()
        agreed = await one.state.look()
        assert agreed.trusted is None
        assert agreed.epoch != before


async def test_store_that_stays_away_turns_all_caches_off_until_it_is_back(
    database_url: URL,
) -> None:
    """Writers need not wait for it any more; then the era is a new one."""
    async with process(database_url, NAMES[0], is_shared=True) as one:
        await one.lease.usable()
        before = one.lease.era()
        one.store.seconds = 10.0
        await until(lambda: one.lease.era() is None)
        assert (await one.state.look()).is_off
        one.store.seconds = 0.0
        await until(lambda: one.lease.era() is not None)
        assert one.lease.era() != before


async def test_store_that_was_started_anew_is_used_once_all_agree_on_it(
    database_url: URL, database: Database
) -> None:
    """It knows nothing of the changes that are under way, so these have to be over."""
    async with process(database_url, NAMES[0], is_shared=True) as one:
        await one.lease.usable()
        before = one.lease.era()
        async with database.write() as tx:
            await tx.driver.execute("UPDATE contacts SET title = 'x'")
            one.store.life = "second"
            await lasts(lambda: one.lease.era() is None, seconds=1)
        await until(lambda: one.lease.era() is not None)
        assert one.lease.era() != before


async def test_who_was_told_of_a_change_finds_nothing_of_before(database_url: URL) -> None:
    """Whoever hears of it reads at once; the process looks first whether the epoch is another."""
    async with process(database_url, NAMES[0]) as one:
        await one.lease.usable()
        for _ in range(20):
            before = one.lease.era()
            await one.state.renew_epoch()
            await one.lease.caught_up()
            assert one.lease.era() != before


async def test_caught_up_waits_no_longer_than_a_lease_when_nothing_can_be_seen(
    database_url: URL,
) -> None:
    """Then the cache is not used any more."""
    async with process(database_url, NAMES[0]) as one:
        await one.lease.usable()
    await one.lease.caught_up()
    assert one.lease.era() is None
