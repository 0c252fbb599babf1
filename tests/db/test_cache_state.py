"""Promises of `db.cache_state` and its triggers: no change goes past the caches unseen."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import UUID

import asyncpg
import pytest
from sqlalchemy.engine import URL

from db.cache_state import CacheState, open_cache_state, renew_at_commit, rule_of
from db.cache_tables import WATCHED_TABLES
from db.contacts import create_contact
from db.engine import open_engine
from db.transaction import Database
from domain.errors import Unavailable
from domain.records import ContactFields
from domain.validation import clean_contact
from tests.factories import make_company, make_contact

TRUSTED = "appointment360/one"
ADA = clean_contact(ContactFields(first_name="Ada"))
WRITES = {
    "contacts": "UPDATE contacts SET title = 'x'",
    "contact_emails": "UPDATE contact_emails SET source = 'x'",
    "contact_phones": "DELETE FROM contact_phones",
    "contact_metadata": "UPDATE contact_metadata SET notes = 'x'",
    "activities": "INSERT INTO activities (contact_id, type, occurred_at)"
    " SELECT id, 'NOTE', now() FROM contacts",
    "companies": "UPDATE companies SET stage = 'x'",
}


@pytest.fixture
async def state(database_url: URL) -> AsyncIterator[CacheState]:
    """The agreement as the process sees it that is trusted."""
    async with open_cache_state(database_url, name=TRUSTED) as state:
        await state.take_over(None)
        yield state


@asynccontextmanager
async def connected(url: URL, name: str) -> AsyncIterator[asyncpg.Connection]:
    """A connection as anybody may have one, by its name."""
    address = url.set(drivername="postgresql").render_as_string(hide_password=False)
    connection = await asyncpg.connect(address, server_settings={"application_name": name})
    try:
        yield connection
    finally:
        await connection.close()


async def epoch(state: CacheState) -> UUID:
    return (await state.look()).epoch


@pytest.mark.parametrize("table", WATCHED_TABLES)
async def test_change_from_outside_renews_the_epoch(
    state: CacheState, database: Database, database_url: URL, table: str
) -> None:
    """Whatever table answers are made of, and though nobody of ours wrote it."""
    await make_contact(database)
    before = await epoch(state)
    async with connected(database_url, "psql") as connection:
        await connection.execute(WRITES[table])
    assert await epoch(state) != before


@pytest.mark.parametrize("table", [*WATCHED_TABLES, "users"])
async def test_emptying_a_table_renews_the_epoch(
    state: CacheState, database_url: URL, table: str
) -> None:
    """TRUNCATE is a change like any other."""
    before = await epoch(state)
    async with connected(database_url, "psql") as connection:
        await connection.execute(f"TRUNCATE {table} CASCADE")
    assert await epoch(state) != before


async def test_change_of_who_is_trusted_leaves_the_epoch_when_it_says_what_is_out_of_date(
    state: CacheState, database_url: URL
) -> None:
    """That is what asking for the rule means; what is said by nobody renews it, whoever wrote."""
    async with open_engine(database_url, application_name=TRUSTED) as engine:
        before = await epoch(state)
        async with Database(engine).write() as tx:
            await create_contact(tx, ADA)
            await rule_of(tx, lease_seconds=1)
        assert await epoch(state) == before
        async with Database(engine).write() as tx:
            await create_contact(tx, ADA)
        assert await epoch(state) != before


async def test_nobody_takes_back_what_another_has_noted(
    state: CacheState, database: Database
) -> None:
    """Who is not trusted knows less about caches than it may think."""
    before = await epoch(state)
    async with database.write() as tx:
        await create_contact(tx, ADA)
        await rule_of(tx, lease_seconds=1)
    assert await epoch(state) != before


async def test_epoch_that_is_renewed_in_a_transaction_is_free_until_its_end(
    state: CacheState, database: Database
) -> None:
    """A process that is frozen before COMMIT keeps no other from committing."""
    before = await epoch(state)
    async with database.write() as tx:
        await renew_at_commit(tx)
        await state.renew_epoch()
        between = await epoch(state)
        assert between != before
    assert await epoch(state) != between


@pytest.mark.parametrize("setting", ["search_path = ''", "session_replication_role = replica"])
async def test_tools_that_fill_tables_renew_the_epoch(
    state: CacheState, database: Database, database_url: URL, setting: str
) -> None:
    """They see no tables by name, or take themselves for a replica."""
    await make_contact(database)
    before = await epoch(state)
    async with connected(database_url, "pg_restore") as connection:
        await connection.execute(f"SET {setting}")
        await connection.execute("UPDATE public.contacts SET stage = 'x'")
    assert await epoch(state) != before


async def test_role_that_may_only_write_records_may_do_so(
    state: CacheState, database: Database, database_url: URL
) -> None:
    """The tables of caches are nothing it has to know of."""
    await make_contact(database)
    before = await epoch(state)
    async with connected(database_url, "etl") as connection:
        await connection.execute("CREATE ROLE etl_360")
        try:
            await connection.execute("GRANT SELECT, UPDATE ON contacts TO etl_360")
            await connection.execute("SET ROLE etl_360")
            await connection.execute("UPDATE contacts SET stage = 'x'")
        finally:
            await connection.execute("RESET ROLE")
            await connection.execute("DROP OWNED BY etl_360; DROP ROLE etl_360")
    assert await epoch(state) != before


async def test_names_of_users_renew_the_epoch_whoever_changes_them(
    state: CacheState, database_url: URL
) -> None:
    """They are shown as owners; when a user was last active is shown to nobody from a cache."""
    async with connected(database_url, TRUSTED) as connection:
        await connection.execute("INSERT INTO users (email, role) VALUES ('a@b.de', 'viewer')")
        before = await epoch(state)
        await connection.execute("UPDATE users SET last_active_at = now()")
        assert await epoch(state) == before
        await connection.execute("UPDATE users SET name = 'Ada'")
        assert await epoch(state) != before


async def test_epoch_is_renewed_by_commit_alone(
    state: CacheState, database: Database, database_url: URL
) -> None:
    """What is rolled back changes nothing, and what is still open keeps nobody from committing."""
    await make_contact(database)
    before = await epoch(state)
    async with (
        connected(database_url, "psql") as idle,
        connected(database_url, "psql") as other,
    ):
        async with idle.transaction():
            await idle.execute("UPDATE contacts SET title = 'x'")
            await other.execute("UPDATE companies SET stage = 'x'")
            between = await epoch(state)
            assert between != before
        assert await epoch(state) != between
        last = await epoch(state)
        undone = other.transaction()
        await undone.start()
        await other.execute("UPDATE companies SET stage = 'y'")
        await undone.rollback()
        assert await epoch(state) == last


async def test_repeatable_read_renews_the_epoch(
    state: CacheState, database: Database, database_url: URL
) -> None:
    """Such a transaction may see an agreement that is over."""
    await make_contact(database)
    before = await epoch(state)
    async with (
        connected(database_url, TRUSTED) as connection,
        connection.transaction(isolation="repeatable_read"),
    ):
        await connection.execute("UPDATE contacts SET title = 'x'")
    assert await epoch(state) != before


async def test_while_nobody_caches_nothing_is_renewed(
    state: CacheState, database: Database
) -> None:
    """A database without a cache pays for none."""
    await state.release()
    before = await epoch(state)
    await make_contact(database)
    assert await epoch(state) == before


async def test_taking_over_waits_for_changes_that_are_under_way(
    state: CacheState, database: Database, database_url: URL
) -> None:
    """Or a transaction would commit by a rule that no longer holds."""
    await make_contact(database)
    async with open_cache_state(database_url, name="appointment360/two") as other:
        async with connected(database_url, TRUSTED) as connection, connection.transaction():
            await connection.execute("UPDATE contacts SET title = 'x'")
            with pytest.raises(Unavailable):
                await other.take_over(TRUSTED)
        await other.take_over(TRUSTED)
        assert (await state.look()).trusted == "appointment360/two"


async def test_taking_over_from_who_is_trusted_no_more_does_nothing(
    state: CacheState, database_url: URL
) -> None:
    """Of two that take over at the same time one is trusted."""
    async with (
        open_cache_state(database_url, name="appointment360/two") as two,
        open_cache_state(database_url, name="appointment360/three") as three,
    ):
        await asyncio.gather(two.take_over(TRUSTED), three.take_over(TRUSTED))
        trusted = (await state.look()).trusted
        assert trusted in {"appointment360/two", "appointment360/three"}
        await state.take_over(TRUSTED)
        assert (await state.look()).trusted == trusted


async def test_connection_of_the_agreement_says_that_the_process_lives(
    state: CacheState, database_url: URL
) -> None:
    """It ends with the process, whatever happens to that."""
    assert (await state.look()).is_alive
    async with open_cache_state(database_url, name="appointment360/two") as two:
        await two.take_over(TRUSTED)
        assert (await state.look()).is_alive
    for _ in range(1000):
        if not (await state.look()).is_alive:
            break
        await asyncio.sleep(0.01)
    assert not (await state.look()).is_alive


async def test_caches_that_are_off_are_so_for_everybody_until_nobody_insists(
    state: CacheState,
) -> None:
    """Turning them on gives a new epoch; while somebody insists they stay off."""
    before = await epoch(state)
    await state.turn_off()
    await state.turn_on(silent_seconds=60)
    assert (await state.look()).is_off
    await state.turn_on(silent_seconds=0)
    agreed = await state.look()
    assert not agreed.is_off
    assert agreed.epoch != before


async def test_caches_count_as_off_once_every_lease_is_over(
    state: CacheState, database: Database
) -> None:
    """Until then some process may still use its own."""
    await state.turn_off()
    async with database.write() as tx:
        assert not (await rule_of(tx, lease_seconds=60)).is_off
        assert (await rule_of(tx, lease_seconds=0)).is_off


async def test_renewed_epoch_comes_after_every_change_that_was_under_way(
    state: CacheState, database: Database, database_url: URL
) -> None:
    """Also after one whose COMMIT got no answer."""
    await make_company(database)
    async with open_engine(database_url, application_name=TRUSTED) as engine:
        async with Database(engine).write() as tx:
            await tx.driver.execute("UPDATE companies SET stage = 'x'")
            with pytest.raises(Unavailable):
                await state.renew_epoch(after_all=True)
        await state.renew_epoch(after_all=True)
