"""Reading at a real standby: only while it is fit, and without a failure when it is not."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from uuid import UUID, uuid4

import asyncpg
import pytest
from sqlalchemy import func, select
from sqlalchemy.engine import URL
from structlog.testing import capture_logs

from db.companies import count_companies
from db.engine import open_engine
from db.migrate import head_revision, upgrade
from db.replica import Replica, ReplicaFailed, open_replica
from db.rows import Row
from db.statements import Statement
from db.transaction import Database, ReadSession
from domain.beside import beside
from domain.errors import InvalidInput
from tests.databases import database_of_its_own
from tests.factories import make_company
from tests.replication import Servers, ask, in_use, until
from tests.statements import Statements

IN_RECOVERY = Statement(select(func.pg_is_in_recovery()), Row)
ADA, BOB = uuid4(), uuid4()


async def is_replica(session: ReadSession) -> bool:
    """Whether the session leads to the standby."""
    return bool(await session.fetch_value(IN_RECOVERY))


async def served(replica: Replica, user: UUID) -> None:
    """Return when the user may read at the replica."""

    async def is_served() -> bool:
        await replica.look()
        return replica.serves(user)

    await until(is_served)


async def has_problem(replica: Replica, problem: str) -> bool:
    """Whether the next look finds this."""
    return await replica.look() == problem


@pytest.fixture
async def primary(replicated: URL, statements: Statements) -> AsyncIterator[Database]:
    """The test's own database at the primary."""
    async with open_engine(replicated, pool_size=5) as engine:
        yield Database(engine, observers=[statements.observe])


@pytest.fixture
async def replica(replicated: URL, primary: Database, servers: Servers) -> AsyncIterator[Replica]:
    """The test's own database at the standby, in use."""
    async with replica_at(servers.standby.url(replicated.database), primary, replicated) as replica:
        await in_use(replica)
        yield replica


@asynccontextmanager
async def replica_at(
    url: URL, primary: Database, primary_url: URL, *, watched: bool = True
) -> AsyncIterator[Replica]:
    """The replica that DATABASE_REPLICA_URL may name."""
    async with AsyncExitStack() as stack:
        opened = open_replica(url, primary, primary=primary_url, pool_size=3, max_overflow=0)
        replica = await stack.enter_async_context(opened)
        if watched:
            await stack.enter_async_context(beside(replica.watch()))
        yield replica


async def test_replica_that_keeps_up_is_read_and_observed(
    replica: Replica, statements: Statements
) -> None:
    """Everybody is served by the standby, and its statements are observed as the primary's are."""
    assert replica.serves(ADA)
    assert replica.serves(None)
    with statements.recorded() as recorded:
        assert await replica.run(is_replica)
    assert recorded == [IN_RECOVERY.sql]
    assert 0 <= replica.lag_seconds() < 10


async def test_user_who_wrote_is_served_again_when_the_replica_has_it(
    replica: Replica, primary: Database, servers: Servers
) -> None:
    """While the standby repeats nothing, only the one who wrote has to go to the primary."""
    await servers.standby.pause()
    await replica.shown_to(ADA, make_company(primary))
    await replica.look()
    assert (replica.serves(ADA), replica.serves(BOB)) == (False, True)
    assert await replica.run(count_companies) == 0
    await servers.standby.resume()
    await served(replica, ADA)
    assert await replica.run(count_companies) == 1


async def test_change_is_waited_for_where_commit_does_not_wait_for_the_disk(
    replica: Replica, replicated: URL, primary: Database
) -> None:
    """With synchronous_commit off the standby gets a change only some time after its answer."""
    await ask(
        replicated,
        f'ALTER ROLE postgres IN DATABASE "{replicated.database}" SET synchronous_commit = off',
    )
    await primary.engine.dispose()
    for number in range(1, 11):
        await replica.shown_to(ADA, make_company(primary))
        await served(replica, ADA)
        assert await replica.run(count_companies) == number


async def test_change_whose_outcome_is_unknown_is_waited_for(
    replica: Replica, primary: Database, replicated: URL
) -> None:
    """When the primary is gone before it tells the position, its next sign of life has it."""
    name = f'"{replicated.database}"'
    server = replicated.set(database="postgres")

    async def write_and_lose_the_primary() -> None:
        await make_company(primary)
        await ask(server, f"ALTER DATABASE {name} ALLOW_CONNECTIONS false")
        await ask(
            server,
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
            f" WHERE datname = '{replicated.database}'",
        )

    await replica.shown_to(ADA, write_and_lose_the_primary())
    assert not replica.serves(ADA)
    await ask(server, f"ALTER DATABASE {name} ALLOW_CONNECTIONS true")
    await served(replica, ADA)
    assert await replica.run(count_companies) == 1


async def test_refused_work_is_the_last_word_too(replica: Replica, servers: Servers) -> None:
    """A mutation that fails has shown its user the newest state all the same."""

    async def refuse() -> None:
        await ask(servers.primary, "CREATE TABLE IF NOT EXISTS news (id int)")
        raise ZeroDivisionError

    await servers.standby.pause()
    with pytest.raises(ZeroDivisionError):
        await replica.shown_to(ADA, refuse())
    await replica.look()
    assert not replica.serves(ADA)


async def test_server_that_is_no_standby_of_the_primary_is_left_out(
    primary: Database, replicated: URL, server_url: URL
) -> None:
    """The primary itself, or another server: reads are the primary's, and one warning says why."""
    for url, words in ((replicated, "not in recovery"), (server_url, "not in recovery")):
        with capture_logs() as logs:
            async with replica_at(url, primary, replicated) as replica:
                for _ in range(3):
                    problem = await replica.look()
                    assert problem is not None
                    assert words in problem
                assert not replica.serves(ADA)
                with pytest.raises(ReplicaFailed):
                    await replica.run(is_replica)
        warnings = [entry["reason"] for entry in logs if entry["log_level"] == "warning"]
        assert warnings == [problem]


async def test_standby_of_another_primary_is_left_out(
    primary: Database, servers: Servers, database_url: URL, database: Database
) -> None:
    """It is in recovery and near, but of other data."""
    async with replica_at(servers.standby.url(), database, database_url) as replica:
        problem = await replica.look()
    assert problem is not None
    assert "another primary" in problem


async def test_replica_that_is_not_there_costs_nothing_but_a_warning(
    primary: Database, replicated: URL
) -> None:
    """Nobody listens at the address."""
    nowhere = URL.create("postgresql+asyncpg", host="127.0.0.1", port=1, database="none")
    with capture_logs() as logs:
        async with replica_at(nowhere, primary, replicated) as replica:
            assert [await replica.look() for _ in range(2)] == ["The replica does not answer."] * 2
            assert not replica.serves(ADA)
    assert [entry["event"] for entry in logs] == ["replica_left_out"]


async def test_primary_that_does_not_tell_its_position_costs_nothing_but_the_replica(
    servers: Servers, replicated: URL
) -> None:
    """Where the function is forbidden, mutations are answered, and reads are the primary's."""
    await ask(replicated, "CREATE ROLE plain LOGIN")
    try:
        function = "FUNCTION pg_current_wal_flush_lsn()"
        await ask(replicated, f"REVOKE EXECUTE ON {function} FROM PUBLIC")
        url = replicated.set(username="plain")
        async with open_engine(url) as engine:
            database, standby_url = Database(engine), servers.standby.url(url.database)
            async with replica_at(standby_url, database, url, watched=False) as replica:
                assert await replica.look() == "The primary does not tell how far it has come."
                assert await replica.shown_to(ADA, asyncio.sleep(0, "done")) == "done"
                assert not replica.serves(ADA)
    finally:
        await ask(replicated, "DROP ROLE plain")


async def test_replica_without_the_newest_tables_is_left_out_until_it_has_them(
    servers: Servers,
) -> None:
    """Migrations come to it as everything does: later."""
    async with (
        database_of_its_own(servers.primary, name="replicated_bare") as url,
        open_engine(url) as engine,
    ):
        await servers.catch_up()
        database, standby_url = Database(engine), servers.standby.url(url.database)
        async with replica_at(standby_url, database, url, watched=False) as replica:
            problem = f"The replica is at migration None, not {head_revision()}."
            await until(lambda: has_problem(replica, problem))
            assert not replica.serves(ADA)
            await upgrade(engine)
            await servers.catch_up()
            await in_use(replica)
            assert await replica.run(count_companies) == 0


async def test_statement_in_the_way_of_recovery_is_for_the_primary(
    replica: Replica, primary: Database, servers: Servers, replicated: URL
) -> None:
    """PostgreSQL ends it on the standby; the replica stays in use."""

    async def wait_in_recovery(session: ReadSession) -> None:
        await session.driver.fetch("SELECT pg_sleep(60), count(*) FROM companies")

    reading = asyncio.ensure_future(replica.run(wait_in_recovery))
    waits = "SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'SELECT pg_sleep(60)%'"
    await until(lambda: ask(servers.standby.url(), waits))
    async with primary.write() as tx:
        await tx.driver.execute("LOCK TABLE companies")
    with pytest.raises(ReplicaFailed) as failed:
        await reading
    assert failed.value.__cause__ is not None
    assert isinstance(failed.value.__cause__.__cause__, asyncpg.SerializationError)
    assert replica.serves(BOB)
    assert await replica.run(is_replica)


async def test_statement_that_is_wrong_is_not_repeated(replica: Replica) -> None:
    """What the primary would say as well is said at once."""

    async def divide(session: ReadSession) -> None:
        await session.driver.fetch("SELECT 1 / 0")

    with pytest.raises(InvalidInput):
        await replica.run(divide)
    assert replica.serves(ADA)


async def test_statement_the_replica_does_not_know_is_for_the_primary(replica: Replica) -> None:
    """A table that has not arrived yet is no error of the request."""

    async def read_news(session: ReadSession) -> None:
        await session.driver.fetch("SELECT * FROM not_arrived_yet")

    with pytest.raises(ReplicaFailed):
        await replica.run(read_news)


async def test_lost_connection_is_for_the_primary_and_the_replica_is_looked_at_anew(
    replica: Replica, servers: Servers
) -> None:
    """One backend that dies takes the replica out only until the next look."""

    async def die(session: ReadSession) -> None:
        await session.driver.fetch("SELECT pg_terminate_backend(pg_backend_pid()), pg_sleep(1)")

    with capture_logs() as logs:
        with pytest.raises(ReplicaFailed):
            await replica.run(die)
        await in_use(replica)
    assert await replica.run(is_replica)
    assert [entry["log_level"] for entry in logs if entry["log_level"] == "warning"] == []


async def test_full_pool_of_the_replica_is_for_the_primary(replica: Replica) -> None:
    """Nobody waits longer than a second for a connection that is only one of two ways."""
    held = asyncio.Event()
    free = asyncio.Event()

    async def hold(session: ReadSession) -> None:
        await session.fetch(IN_RECOVERY)
        held.set()
        await free.wait()

    holding = [asyncio.ensure_future(replica.run(hold)) for _ in range(3)]
    try:
        await held.wait()
        with pytest.raises(ReplicaFailed):
            await replica.run(is_replica)
    finally:
        free.set()
        await asyncio.gather(*holding)
    await in_use(replica)
    assert await replica.run(is_replica)


async def test_restarted_replica_is_not_read_before_it_was_looked_at(
    servers: Servers, primary: Database, replicated: URL
) -> None:
    """After a crash it may have less than it has shown, so new connections do not count yet."""
    url = servers.standby.url(replicated.database)
    async with replica_at(url, primary, replicated, watched=False) as replica:
        await in_use(replica)
        assert await replica.run(is_replica)
        await servers.kill_standby()
        await asyncio.to_thread(servers.standby.start)
        with pytest.raises(ReplicaFailed):
            await replica.run(is_replica)
        assert not replica.serves(ADA)
        await in_use(replica)
        assert await replica.run(is_replica)


async def test_frozen_replica_is_left_by_those_who_wait_for_it(
    replica: Replica, servers: Servers
) -> None:
    """Who waits for its answer is told as soon as it is known to be silent."""
    await asyncio.gather(*(replica.run(is_replica) for _ in range(3)))
    servers.standby.freeze()
    try:
        with capture_logs() as logs:
            reading = asyncio.gather(
                *(replica.run(is_replica) for _ in range(10)), return_exceptions=True
            )
            ended = await asyncio.wait_for(reading, 8)
            assert {type(end) for end in ended} == {ReplicaFailed}
            await replica.look()
            assert not replica.serves(ADA)
    finally:
        servers.standby.thaw()
    warnings = [entry["reason"] for entry in logs if entry["log_level"] == "warning"]
    assert warnings == ["The replica does not answer."]
    await in_use(replica)
    assert await replica.run(is_replica)


async def test_replica_that_takes_no_new_connections_is_left_out(
    replica: Replica, servers: Servers
) -> None:
    """A look on an old connection would find nothing wrong."""
    servers.standby.shut_the_door()
    try:
        with pytest.raises(ReplicaFailed):
            await replica.run(is_replica)
        assert await replica.look() == "The replica does not answer."
    finally:
        servers.standby.thaw()
    await in_use(replica)
    assert await replica.run(is_replica)


async def test_frozen_replica_does_not_keep_the_server_from_stopping(
    servers: Servers, primary: Database, replicated: URL
) -> None:
    """Its connections are ended without its word."""
    url = servers.standby.url(replicated.database)
    try:
        async with asyncio.timeout(8), replica_at(url, primary, replicated) as replica:
            await in_use(replica)
            assert await replica.run(is_replica)
            servers.standby.freeze()
    finally:
        servers.standby.thaw()
