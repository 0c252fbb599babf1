"""Promises of `db.transaction`: all or nothing, told once, and no connection ever lost."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import pytest
from sqlalchemy import column, func, insert, select, text
from sqlalchemy.engine import URL
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlalchemy.pool import QueuePool

from db.companies import count_companies, create_company, update_company
from db.engine import open_engine
from db.rows import Row
from db.statements import Statement
from db.tables import companies
from db.transaction import Database, ReadSession, StatementRun, Transaction
from domain.changes import Change, ChangeKind, CompanyChanged
from domain.errors import ConnectionLost, DatabaseUnavailable, OperationTimeout, OutcomeUnknown
from domain.records import CompanyFields
from domain.validation import clean_company
from tests.statements import Statements

BACKEND = Statement(select(func.pg_backend_pid()), Row)
SUICIDE = Statement(select(func.pg_terminate_backend(func.pg_backend_pid())), Row)
SLEEP = Statement(select(func.pg_sleep(30)), Row)
ONE = Statement(select(column("n")).select_from(func.generate_series(1, 1).alias("n")), Row)
ACME = clean_company(CompanyFields(name="Acme"))
AWAY = "The database does not answer. Try again in a moment."
BUSY = "All database connections are in use. Try again in a moment."


class Told:
    """What listeners were told, and how many companies another connection saw at that moment."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine
        self.changes: list[list[Change]] = []
        self.seen_companies: list[int] = []

    async def after_commit(self, changes: Sequence[Change]) -> None:
        self.changes.append(list(changes))
        self.seen_companies.append(await seen_companies(self._engine))


async def seen_companies(engine: AsyncEngine) -> int:
    """How many companies a connection of its own sees."""
    async with engine.connect() as connection:
        return int(await connection.scalar(text("SELECT count(*) FROM companies")) or 0)


async def terminate(engine: AsyncEngine, pid: int) -> None:
    """End a backend, and wait until it is gone."""
    async with engine.connect() as connection:
        await connection.execute(text("SELECT pg_terminate_backend(:pid, 5000)"), {"pid": pid})


def taken(engine: AsyncEngine) -> int:
    """How many connections of the pool are in use."""
    pool = engine.pool
    assert isinstance(pool, QueuePool)
    return pool.checkedout()


@pytest.fixture
async def other(database_url: URL) -> AsyncIterator[AsyncEngine]:
    """An engine beside the one under test."""
    async with open_engine(database_url, pool_size=2) as engine:
        yield engine


@pytest.fixture
def told(other: AsyncEngine) -> Told:
    """A listener."""
    return Told(other)


@asynccontextmanager
async def database_of(url: URL, **options: Any) -> AsyncIterator[Database]:
    """A database with an engine of other options."""
    async with open_engine(url, **options) as engine:
        yield Database(engine)


async def test_commit_tells_the_listeners_once_and_only_afterwards(
    engine: AsyncEngine, other: AsyncEngine, told: Told
) -> None:
    """After COMMIT, seen from elsewhere, each listener gets all changes in one call."""
    database = Database(engine, after_commit=[told.after_commit])
    async with database.write() as tx:
        first = await create_company(tx, ACME)
        second = await create_company(tx, ACME)
        await update_company(tx, first.id, clean_company(CompanyFields(stage="a")))
        assert told.changes == []
        assert await seen_companies(other) == 0
    created, updated = ChangeKind.CREATED, ChangeKind.UPDATED
    assert told.changes == [
        [
            CompanyChanged(kind=created, company_id=first.id),
            CompanyChanged(kind=created, company_id=second.id),
            CompanyChanged(kind=updated, company_id=first.id),
        ]
    ]
    assert told.seen_companies == [2]


async def test_rollback_leaves_nothing_and_tells_nobody(
    engine: AsyncEngine, other: AsyncEngine, told: Told
) -> None:
    """An error in the block is the caller's, and all that was written is gone."""
    database = Database(engine, after_commit=[told.after_commit])

    async def write_and_fail() -> None:
        async with database.write() as tx:
            await create_company(tx, ACME)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await write_and_fail()
    assert (await seen_companies(other), told.changes, taken(engine)) == (0, [], 0)


async def test_write_without_change_tells_nobody(engine: AsyncEngine, told: Told) -> None:
    """A transaction that recorded nothing is no news."""
    async with Database(engine, after_commit=[told.after_commit]).write() as tx:
        await tx.fetch(BACKEND)
    assert told.changes == []


async def test_failing_listener_does_not_undo_the_answer(
    engine: AsyncEngine, other: AsyncEngine, told: Told
) -> None:
    """What is committed is answered as committed, and the other listeners are told."""

    async def fail(_changes: Sequence[Change]) -> None:
        raise ZeroDivisionError

    database = Database(engine, after_commit=[fail, told.after_commit])
    async with database.write() as tx:
        company = await create_company(tx, ACME)
    assert await seen_companies(other) == 1
    assert told.changes == [[CompanyChanged(kind=ChangeKind.CREATED, company_id=company.id)]]


async def test_before_commit_runs_inside_the_transaction(
    engine: AsyncEngine, other: AsyncEngine
) -> None:
    """What it writes is committed with the rest, and nobody sees either before."""
    seen: list[tuple[int, int, int]] = []

    async def prepare(tx: Transaction, changes: Sequence[Change]) -> None:
        await tx.fetch(Statement(insert(companies).values(name="Beside"), Row))
        seen.append((len(changes), await count_companies(tx), await seen_companies(other)))

    async with Database(engine, before_commit=[prepare]).write() as tx:
        await create_company(tx, ACME)
    assert seen == [(1, 2, 0)]
    assert await seen_companies(other) == 2


async def test_failing_before_commit_undoes_the_transaction(
    engine: AsyncEngine, other: AsyncEngine, told: Told
) -> None:
    """Nothing is committed that could not be prepared."""

    async def fail(_tx: Transaction, _changes: Sequence[Change]) -> None:
        raise ZeroDivisionError

    database = Database(engine, before_commit=[fail], after_commit=[told.after_commit])
    with pytest.raises(ZeroDivisionError):
        async with database.write() as tx:
            await create_company(tx, ACME)
    assert (await seen_companies(other), told.changes, taken(engine)) == (0, [], 0)


async def test_read_goes_on_when_its_backend_dies_between_two_statements(
    database: Database, other: AsyncEngine
) -> None:
    """The second statement runs on another connection, and the dead one is not used again."""
    async with database.read() as session:
        dead = await session.fetch_value(BACKEND)
        await terminate(other, dead)
        assert await session.fetch_value(BACKEND) != dead
    assert taken(database.engine) == 0
    async with database.read() as session:
        assert await session.fetch_value(BACKEND) != dead


@pytest.mark.parametrize("kind", ["read", "write"])
async def test_connection_that_died_in_the_pool_is_not_handed_out(
    database: Database, other: AsyncEngine, kind: str
) -> None:
    """Backends that end while nobody uses them cost no request its answer, reading or writing."""
    sessions = [database.read() for _ in range(3)]
    dead = [await (await entered.__aenter__()).fetch_value(BACKEND) for entered in sessions]
    for entered in sessions:
        await entered.__aexit__(None, None, None)
    for pid in dead:
        await terminate(other, pid)
    async with database.read() if kind == "read" else database.write() as session:
        assert await session.fetch_value(BACKEND) not in dead


async def test_read_is_repeated_once_only(database: Database, statements: Statements) -> None:
    """A statement whose connection dies again is told as unavailable, not tried for ever."""
    with statements.recorded() as recorded, pytest.raises(DatabaseUnavailable) as failed:
        async with database.read() as session:
            await session.fetch(SUICIDE)
    assert (failed.value.message, failed.value.details) == (AWAY, {"retryable": True})
    assert len(recorded) == 1
    assert taken(database.engine) == 0


@pytest.mark.parametrize(
    ("when", "expected", "facts"),
    [
        ("before a statement", ConnectionLost, {}),
        ("before commit", OutcomeUnknown, {"outcome": "UNKNOWN"}),
    ],
)
async def test_write_whose_backend_dies_is_unavailable(
    engine: AsyncEngine,
    other: AsyncEngine,
    told: Told,
    when: str,
    expected: type[DatabaseUnavailable],
    facts: dict[str, str],
) -> None:
    """A transaction is never repeated behind the caller's back; who calls is told if it may be."""
    database = Database(engine, after_commit=[told.after_commit])

    async def write_and_die() -> None:
        async with database.write() as tx:
            await create_company(tx, ACME)
            await terminate(other, await tx.fetch_value(BACKEND))
            if when == "before a statement":
                await create_company(tx, ACME)

    with pytest.raises(expected) as failed:
        await write_and_die()
    assert failed.value.details == {"retryable": True} | facts
    assert (await seen_companies(other), told.changes, taken(engine)) == (0, [], 0)


async def test_no_free_connection_is_told_in_time(database_url: URL) -> None:
    """A request waits for a connection as long as it was said to, and is told to come again."""
    options = {"pool_size": 1, "max_overflow": 0, "pool_timeout_seconds": 0.1}
    async with database_of(database_url, **options) as database:
        async with database.read():
            for opened in (database.read(), database.write()):
                with pytest.raises(DatabaseUnavailable) as failed:
                    await opened.__aenter__()
                assert (failed.value.message, failed.value.details) == (BUSY, {"retryable": True})
        async with database.read() as session:
            assert await session.fetch_value(ONE) == 1
        assert taken(database.engine) == 0


async def test_server_that_is_not_there_is_unavailable(database_url: URL) -> None:
    """Nobody listens at the address: the domain's word, not the driver's."""
    nowhere = URL.create("postgresql+asyncpg", host="127.0.0.1", port=1, database="none")
    async with database_of(nowhere) as database:
        with pytest.raises(DatabaseUnavailable) as failed:
            await database.read().__aenter__()
        assert failed.value.message == AWAY
        assert taken(database.engine) == 0


@pytest.mark.parametrize("kind", ["read", "write"])
async def test_statement_that_takes_too_long_is_ended(database_url: URL, kind: str) -> None:
    """PostgreSQL ends it after the time that was set, and the connection serves on."""
    async with database_of(database_url, statement_timeout_seconds=0.1) as database:
        with pytest.raises(OperationTimeout):
            async with database.read() if kind == "read" else database.write() as session:
                await session.fetch(SLEEP)
        assert taken(database.engine) == 0
        async with database.read() as session:
            assert await session.fetch_value(ONE) == 1


async def _sleep(database: Database, *, writing: bool) -> None:
    async with database.write() if writing else database.read() as session:
        if isinstance(session, Transaction):
            await create_company(session, ACME)
        await session.fetch(SLEEP)


async def test_cancelled_tasks_give_their_connections_back(
    database: Database, other: AsyncEngine, engine: AsyncEngine
) -> None:
    """Whoever goes away mid-statement leaves no row, no statement and no taken connection."""
    tasks = [asyncio.ensure_future(_sleep(database, writing=at % 2 == 1)) for at in range(40)]
    await asyncio.sleep(0.3)
    for task in tasks:
        task.cancel()
    ended = await asyncio.gather(*tasks, return_exceptions=True)
    assert {type(end) for end in ended} == {asyncio.CancelledError}
    assert taken(engine) == 0
    assert await seen_companies(other) == 0
    sleeping = text(
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
        " AND (xact_start IS NOT NULL) AND pid <> pg_backend_pid()"
    )
    async with other.connect() as connection, asyncio.timeout(5):
        while await connection.scalar(sleeping):  # noqa: ASYNC110  # PostgreSQL tells nobody
            await asyncio.sleep(0.02)
    async with database.read() as session:
        assert await session.fetch_value(ONE) == 1


async def _count(database: Database) -> int:
    async with database.read() as session:
        return await count_companies(session)


async def test_more_reads_than_connections_are_all_answered(
    database: Database, engine: AsyncEngine
) -> None:
    """Fifty at once on twenty-five connections wait for each other and all get their answer."""
    async with database.write() as tx:
        await create_company(tx, ACME)
    assert await asyncio.gather(*(_count(database) for _ in range(50))) == [1] * 50
    assert taken(engine) == 0


async def test_observers_are_told_every_statement(engine: AsyncEngine) -> None:
    """Reads, writes and failures alike are told with text, arguments, rows and seconds."""
    told: list[StatementRun] = []
    database = Database(engine, observers=[told.append])
    async with database.read() as session:
        await session.fetch(BACKEND)
    async with database.write() as tx:
        await tx.fetch(ONE)
    divided = Statement(select(func.pg_sleep(text("1 / 0"))), Row)
    with pytest.raises(Exception, match="cannot store"):
        async with database.read() as session:
            await session.fetch(divided)
    assert [(run.sql, run.rows) for run in told] == [
        (BACKEND.sql, 1),
        (ONE.sql, 1),
        (divided.sql, None),
    ]
    assert all(0 <= run.seconds < 10 and not run.cut_off for run in told)


async def test_read_sees_what_was_committed_meanwhile(database: Database) -> None:
    """A read session is no snapshot: each statement shows what is acknowledged by then."""
    async with database.read() as session:
        assert await count_companies(session) == 0
        async with database.write() as tx:
            await create_company(tx, ACME)
        assert await count_companies(session) == 1
        assert isinstance(session, ReadSession)
