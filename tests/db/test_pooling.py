"""PgBouncer in transaction mode: each statement may come to another connection than the last."""

import asyncio
from collections.abc import AsyncIterator, Iterator

import asyncpg
import pytest
from sqlalchemy import text
from sqlalchemy.engine import URL
from sqlalchemy.ext.asyncio import AsyncEngine
from structlog.testing import capture_logs

from db.contacts import create_contact
from db.engine import normalize_database_url, open_engine
from db.pooling import ROLE_SETTINGS, keep_role_settings, warn_of_unset
from db.rows import Row
from db.snapshot import open_snapshot
from db.statements import Statement
from db.transaction import Database
from domain.errors import ConnectionLost
from domain.records import ContactFields
from domain.validation import clean_contact
from tests.factories import make_contact
from tests.pgbouncer import Pooler, needs_pgbouncer, pgbouncer
from tests.replication import ask, until

CONNECTIONS = 2

_WHERE = Statement(
    text("SELECT CAST(:number AS integer), pg_backend_pid(), current_setting('application_name')"),
    Row,
)
_WAIT = Statement(text("SELECT pg_sleep(CAST(:seconds AS double precision))"), Row)
_SETTINGS = Statement(
    text("SELECT name, setting FROM pg_settings WHERE name = ANY(CAST(:names AS text[]))"), Row
)
_NAMED = Statement(text("SELECT count(*) FROM pg_prepared_statements"), Row)
_SLEEPING = (
    "FROM pg_stat_activity WHERE datname = current_database() AND state = 'active'"
    " AND query LIKE 'SELECT pg_sleep%'"
)
_NAMES = Statement(
    text("SELECT first_name FROM contacts WHERE first_name <> ALL(CAST(:others AS text[]))"), Row
)

pytestmark = needs_pgbouncer


@pytest.fixture(scope="module")
def pooler(server_url: URL) -> Iterator[Pooler]:
    """Has two connections for each database."""
    with pgbouncer(server_url, connections=CONNECTIONS) as pooler:
        yield pooler


@pytest.fixture
async def pooled(pooler: Pooler, database_url: URL, engine: AsyncEngine) -> AsyncIterator[Database]:
    """The test's own database through the pooler, as `migrate` leaves it."""
    await keep_role_settings(engine)
    async with open_engine(
        pooler.url(database_url), pool_size=8, per_transaction=True, application_name="reader"
    ) as through:
        yield Database(through)


async def where(database: Database, number: int) -> tuple[int, int, str]:
    """What was sent, which connection of PostgreSQL answered, and to whom."""
    async with database.read() as session:
        ((number, pid, name),) = await session.fetch(_WHERE, {"number": number})
    return number, pid, name


async def test_statements_of_many_clients_share_few_connections(
    pooled: Database, pooler: Pooler, database_url: URL
) -> None:
    """Everybody is answered what they asked, under their own name."""
    async with open_engine(
        pooler.url(database_url), pool_size=8, per_transaction=True, application_name="other"
    ) as engine:
        both = (pooled, Database(engine))
        answers = await asyncio.gather(*(where(both[each % 2], each) for each in range(200)))
    for expected, (number, _, name) in enumerate(answers):
        assert (number, name) == (expected, ("reader", "other")[expected % 2])
    assert len({pid for _, pid, _ in answers}) == CONNECTIONS
    async with pooled.read() as session:
        assert await session.fetch_value(_NAMED) == 0


async def test_time_limits_hold_behind_the_pooler(pooled: Database) -> None:
    """The role has them, for the pooler passes none on."""
    async with pooled.read() as session:
        found = await session.fetch(_SETTINGS, {"names": [*ROLE_SETTINGS, "TimeZone"]})
    assert dict(found) == {**ROLE_SETTINGS, "TimeZone": "UTC"}


async def test_transactions_have_time_limits_of_their_own(pooled: Database) -> None:
    """Set for a transaction, they leave with it, on whichever connection that was."""
    async with pooled.write() as tx:
        await tx.allow(0.05)
        with pytest.raises(asyncpg.QueryCanceledError):
            await tx.fetch(_WAIT, {"seconds": 10})
    await asyncio.gather(*(where(pooled, each) for each in range(20)))
    async with pooled.read() as session:
        ((_, limit),) = await session.fetch(_SETTINGS, {"names": ["statement_timeout"]})
    assert limit == ROLE_SETTINGS["statement_timeout"]


async def test_missing_settings_are_told_once(
    pooler: Pooler, database_url: URL, engine: AsyncEngine
) -> None:
    """With what to do; a role that has them is no matter for the log."""
    with capture_logs() as logs:
        async with open_engine(pooler.url(database_url), per_transaction=True) as through:
            warn_of_unset(through)
            await asyncio.gather(*(where(Database(through), each) for each in range(5)))
    (told,) = (line for line in logs if line["event"] == "pooler_settings_missing")
    # A server may be without a compiler of its own.
    assert {*told["settings"], "jit"} == {*ROLE_SETTINGS}
    assert "appointment360 migrate" in told["advice"]
    await keep_role_settings(engine)
    with pgbouncer(database_url) as another, capture_logs() as logs:
        async with open_engine(another.url(database_url), per_transaction=True) as through:
            warn_of_unset(through)
            await where(Database(through), 1)
    assert logs == []


async def test_read_whose_connection_ends_is_done_again(
    pooled: Database, database_url: URL
) -> None:
    """The pooler sends its client away with the connection that broke; another one answers."""
    waiting = asyncio.create_task(_read_slowly(pooled))
    await until(lambda: ask(database_url, f"SELECT bool_or(pg_terminate_backend(pid)) {_SLEEPING}"))
    assert await waiting
    assert (await where(pooled, 2))[0] == 2


async def test_transaction_whose_connection_ends_is_told_so(
    pooled: Database, database_url: URL
) -> None:
    """It may be tried again; nothing of it is stored, and the next one works."""
    with pytest.raises(ConnectionLost):
        await _create_and_end(pooled, database_url)
    assert await ask(database_url, "SELECT count(*) FROM contacts") == 0
    await make_contact(pooled)
    assert await ask(database_url, "SELECT count(*) FROM contacts") == 1


async def _create_and_end(database: Database, direct: URL) -> None:
    async with database.write() as tx:
        await create_contact(tx, clean_contact(ContactFields(first_name="Ada")))
        ((_, pid, _),) = await tx.fetch(_WHERE, {"number": 1})
        assert await ask(direct, f"SELECT pg_terminate_backend({pid})")
        await tx.fetch(_WHERE, {"number": 2})


async def _read_slowly(database: Database) -> bool:
    async with database.read() as session:
        return len(await session.fetch(_WAIT, {"seconds": 0.5})) == 1


async def test_statement_that_nobody_waits_for_is_cut_off(pooled: Database) -> None:
    """Its cancellation finds the connection that it is on, and no other."""
    tasks = [asyncio.create_task(_read_slowly(pooled)) for _ in range(CONNECTIONS)]
    await asyncio.sleep(0.2)
    tasks[0].cancel()
    outcomes = await asyncio.gather(*tasks, return_exceptions=True)
    assert isinstance(outcomes[0], asyncio.CancelledError)
    assert outcomes[1] is True
    answers = await asyncio.gather(*(where(pooled, each) for each in range(20)))
    assert [number for number, _, _ in answers] == list(range(20))


async def test_copies_of_several_clients_are_each_of_one_state(pooled: Database) -> None:
    """COPY with values finds what it prepared itself, though others prepare between."""
    for name in ("Ada", "Bob", "Cleo"):
        await make_contact(pooled, first_name=name)

    async def copied(other: str) -> list[str]:
        taken: list[bytes] = []

        async def take(data: bytes) -> None:
            taken.append(data)

        async with open_snapshot(pooled, seconds=30) as snapshot:
            count = await snapshot.copy(_NAMES, {"others": [other]}, take)
        names = sorted(b"".join(taken).decode().split())
        assert count == len(names)
        return names

    others = ["Ada", "Bob", "Cleo", "nobody"] * 5
    for other, names in zip(others, await asyncio.gather(*map(copied, others)), strict=True):
        assert names == [name for name in ("Ada", "Bob", "Cleo") if name != other]


def test_address_says_how_many_statements_have_names() -> None:
    """For poolers that follow them; anything but a number is no address."""
    address = "postgresql://app@pooler/app?statement_cache_size="
    assert normalize_database_url(f"{address}100").query == {"statement_cache_size": "100"}
    with pytest.raises(ValueError, match="statement_cache_size must be a number"):
        normalize_database_url(f"{address}many")


async def test_statements_have_names_where_the_address_says_so(
    pooler: Pooler, database_url: URL
) -> None:
    """It spares preparing them for each execution, with a pooler that finds them again."""
    if not pooler.follows_names:
        pytest.skip("This pgbouncer does not follow prepared statements.")
    named = pooler.url(database_url).update_query_dict({"statement_cache_size": "100"})
    async with open_engine(named, pool_size=8, per_transaction=True) as engine:
        database = Database(engine)
        answers = await asyncio.gather(*(where(database, each) for each in range(200)))
        assert [number for number, _, _ in answers] == list(range(200))
        async with database.read() as session:
            assert await session.fetch_value(_NAMED) > 0
