"""Promises of `app.caching`: whatever process writes, no other finds what was before."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr
from sqlalchemy.engine import URL

from app.resources import Resources, open_resources
from app.settings import Settings
from cache.keys import ContactList
from cache.lease import LEASE_SECONDS
from cache.query_cache import QueryCache
from cache.statistics import Status
from cache.tags import Entity
from db.cache_state import rule_of
from db.contacts import count_contacts, create_contact
from db.transaction import Database
from domain.changes import ChangeKind, CommitOutcome, ContactChanged, ContactsLoaded
from domain.errors import OutcomeUnknown
from domain.records import ContactFields
from domain.validation import clean_contact
from jobs.housekeeping import Retention, prune
from tests.factories import make_contact
from tests.proxy import CommitProxy, Cut
from tests.valkey import Valkey, valkey_server

CHANGED = ContactChanged(kind=ChangeKind.UPDATED, contact_id=1)
KEY = ContactList(digest="x", shows=frozenset({Entity.CONTACT}))

Open = Callable[..., Any]


@pytest.fixture(scope="module")
def redis() -> Any:
    """A server for this file; a test that breaks it mends it."""
    with valkey_server() as server:
        yield server


@pytest.fixture
def opened(database_url: URL, tmp_path: Path) -> Open:
    """Opens what a process has, that serves or not."""

    @asynccontextmanager
    async def open_(
        *,
        serves: bool = True,
        redis: Valkey | None = None,
        url: URL = database_url,
        waits: bool = True,
        **chosen: Any,
    ) -> AsyncIterator[Resources]:
        settings = Settings(
            database_url=SecretStr(url.render_as_string(hide_password=False)),
            database_direct_url=SecretStr(database_url.render_as_string(hide_password=False)),
            data_dir=tmp_path,
            enable_redis_cache=redis is not None,
            redis_url=SecretStr(redis.url if redis else "redis://127.0.0.1:1/0"),
            log_level="error",
            **chosen,
        )
        async with open_resources(settings, with_cache=serves) as resources:
            if resources.caching.lease is not None and waits:
                await asyncio.wait_for(resources.caching.lease.usable(), 20)
            yield resources

    return open_


async def read(resources: Resources) -> tuple[Status, int]:
    """How many contacts there are, as the process sees it, and how it came by that."""

    async def load() -> bytes:
        async with resources.database.read() as session:
            return str(await count_contacts(session)).encode()

    fetched = await of(resources).fetch(KEY, load)
    assert fetched.value is not None
    return fetched.status, int(fetched.value)


def of(resources: Resources) -> QueryCache:
    cache = resources.caching.cache
    assert cache is not None
    return cache


async def seconds_of(work: Awaitable[object]) -> float:
    started = time.monotonic()
    await work
    return time.monotonic() - started


@pytest.mark.parametrize("shared", [False, True])
async def test_own_change_is_shown_at_once(opened: Open, redis: Valkey, shared: bool) -> None:
    """And what nobody changed is not read again."""
    async with opened(redis=redis if shared else None) as server:
        assert await read(server) == (Status.MISS, 0)
        assert await read(server) == (Status.HIT, 0)
        await make_contact(server.database)
        assert await read(server) == (Status.MISS, 1)
        assert await read(server) == (Status.HIT, 1)


async def test_servers_with_redis_share_answers_and_changes(opened: Open, redis: Valkey) -> None:
    """What one has read the other finds, and what one changes the other finds no more."""
    async with opened(redis=redis) as one, opened(redis=redis) as two:
        assert await read(one) == (Status.MISS, 0)
        assert await read(two) == (Status.HIT, 0)
        await make_contact(two.database)
        assert await read(one) == (Status.MISS, 1)


@pytest.mark.parametrize("shared", [False, True])
async def test_other_process_is_shown_once_it_has_ended(
    opened: Open, redis: Valkey, shared: bool
) -> None:
    """As `load` and `work` write: nobody finds less after they are done."""
    async with opened(redis=redis if shared else None) as server:
        await read(server)
        async with opened(serves=False, redis=redis if shared else None) as other:
            await make_contact(other.database)
        assert (await read(server))[1] == 1


async def test_other_process_waits_once_however_much_it_writes(opened: Open) -> None:
    """A second after each batch of a large file would be hours."""
    async with opened(), opened(serves=False) as other:
        assert await seconds_of(make_contact(other.database)) < LEASE_SECONDS
        assert await seconds_of(other.database.shown()) > LEASE_SECONDS / 2


async def test_second_server_without_redis_is_right_and_does_not_wait(opened: Open) -> None:
    """Neither uses a cache then."""
    async with opened() as one:
        await read(one)
        async with opened_second(opened) as two:
            await make_contact(two.database)
            assert await read(one) == (Status.BYPASS, 1)
            assert await read(two) == (Status.BYPASS, 1)
            assert await seconds_of(make_contact(two.database)) < LEASE_SECONDS
            assert await seconds_of(make_contact(one.database)) < LEASE_SECONDS
            assert await read(one) == (Status.BYPASS, 3)


@asynccontextmanager
async def opened_second(opened: Open) -> AsyncIterator[Resources]:
    """A second server, once all caches have been off for a lease."""
    async with opened(waits=False) as two:
        until = time.monotonic() + 20
        while time.monotonic() < until:
            async with two.database.write() as tx:
                if (await rule_of(tx, lease_seconds=LEASE_SECONDS)).is_off:
                    break
            await asyncio.sleep(0.05)
        yield two


@pytest.mark.parametrize("how", ["kill", "freeze"])
async def test_change_is_shown_though_redis_is_away(opened: Open, how: str) -> None:
    """It is waited for; whoever still had the old answer in Redis has given it up."""
    with valkey_server() as redis:
        async with opened(redis=redis) as one, opened(redis=redis) as two:
            await read(one)
            redis.save()
            getattr(redis, how)()
            await make_contact(one.database)
            assert await read(two) == (Status.BYPASS, 1)
            redis.thaw() if how == "freeze" else redis.start()
            status, contacts = await read(two)
            assert contacts == 1
            assert status is not Status.HIT
            until = time.monotonic() + 20
            while (await read(two)) != (Status.HIT, 1):
                assert time.monotonic() < until
                await asyncio.sleep(0.1)


async def test_commit_without_an_answer_leaves_nothing_untrue(
    opened: Open, database_url: URL
) -> None:
    """It may have been committed, or may be yet: until that is certain nothing is kept."""
    async with CommitProxy(database_url).listening() as proxy:
        proxy.cut("ada-1", [Cut.AFTER_COMMIT])
        async with opened(url=proxy.url) as server:
            await read(server)
            era = server.caching.lease.era()
            with pytest.raises(OutcomeUnknown):
                await make_contact(server.database, first_name="ada-1")
            assert (await read(server))[1] == 1
            until = time.monotonic() + 20
            while server.caching.lease.era() == era:
                assert time.monotonic() < until
                await asyncio.sleep(0.05)


async def test_redis_that_forgot_a_change_is_not_used_before_it_is_over(
    opened: Open, database_url: URL
) -> None:
    """Nor when the process died that made the change, and nobody will say that it has ended."""
    with valkey_server() as redis:
        async with opened(redis=redis) as one, opened(redis=redis) as two:
            assert await read(two) == (Status.MISS, 0)
            async with Database(one.database.engine).write() as tx:
                await create_contact(tx, clean_contact(ContactFields(first_name="Ada")))
                redis.kill()
                redis.start()
                for _ in range(20):
                    assert (await read(two))[0] is Status.BYPASS
                    await asyncio.sleep(0.05)
            until = time.monotonic() + 20
            while (found := await read(two)) != (Status.HIT, 1):
                assert found[1] == 1
                assert time.monotonic() < until
                await asyncio.sleep(0.05)


async def test_change_that_is_sent_again_is_answered_once_everybody_is_shown_it(
    opened: Open,
) -> None:
    """The first answer may have been lost while it was still waited for."""
    async with opened(), opened(serves=False) as other:
        async with other.database.write() as tx:
            tx.is_replay = True
        assert await seconds_of(other.database.shown()) > LEASE_SECONDS / 2


async def test_change_that_nobody_recorded_is_seen_within_a_lease(opened: Open) -> None:
    """Of those who are trusted, too: forgetting to record it makes it late, not lost."""
    async with opened() as server:
        await read(server)
        async with Database(server.database.engine).write() as tx:
            await create_contact(tx, clean_contact(ContactFields(first_name="Ada")))
        await asyncio.sleep(LEASE_SECONDS)
        assert (await read(server))[1] == 1


async def test_old_activities_are_shown_no_more_once_they_are_forgotten(opened: Open) -> None:
    """Least of all from a cache."""
    async with opened() as server:
        await make_contact(server.database)
        async with server.database.write() as tx:
            await tx.driver.execute(
                "INSERT INTO activities (contact_id, type, occurred_at)"
                " SELECT id, 'NOTE', now() - interval '9 days' FROM contacts"
            )
            tx.record(ContactsLoaded(rows=1))
        await read(server)
        retention = Retention(undo=1.0, jobs=1.0, activities=1.0)
        await prune(server.database, retention, parallel=server.parallel)
        assert (await read(server))[0] is Status.MISS


async def test_mutation_is_answered_though_redis_and_a_long_transaction_are_in_its_way(
    opened: Open,
) -> None:
    """Redis goes between BEGIN and END of a change; somebody else has not committed for long."""
    with valkey_server() as redis:
        async with opened(redis=redis) as one, opened(redis=redis) as two:
            await read(two)
            async with Database(two.database.engine).write() as idle:
                await create_contact(idle, clean_contact(ContactFields(first_name="Idle")))
                end = await one.caching.guard.begin(idle, [CHANGED])
                redis.kill()
                assert await seconds_of(end(CommitOutcome.COMMITTED)) < 10 * LEASE_SECONDS


async def test_server_that_is_not_to_cache_asks_no_store(opened: Open) -> None:
    """ENABLE_QUERY_CACHING=false: nothing is kept, and Redis is not even connected to."""
    with valkey_server() as redis:
        async with opened(redis=redis, enable_query_caching=False) as server:
            assert server.caching.cache is None
            await make_contact(server.database)
        assert redis.ask("DBSIZE") == b":0"
