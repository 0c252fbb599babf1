"""The pool and the settings of every connection."""

import asyncio
from contextlib import AsyncExitStack

import pytest
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from sqlalchemy import QueuePool, func, select
from sqlalchemy.engine import URL
from sqlalchemy.ext.asyncio import AsyncEngine

from db.engine import libpq_settings, normalize_database_url, open_engine
from db.migrate import upgrade
from db.rows import Row
from db.statements import Statement
from db.transaction import Database
from domain.errors import DatabaseUnavailable

BACKEND = Statement(select(func.pg_backend_pid()), Row)


def pool_of(engine: AsyncEngine) -> QueuePool:
    """The connections of an engine."""
    pool = engine.sync_engine.pool
    assert isinstance(pool, QueuePool)
    return pool


async def backend(database: Database) -> int:
    """Which process of PostgreSQL answers a read."""
    async with database.read() as session:
        return int(await session.fetch_value(BACKEND))


async def hold(database: Database, count: int) -> list[int]:
    """The processes that answer as many reads at a time."""
    async with AsyncExitStack() as held:
        sessions = [await held.enter_async_context(database.read()) for _ in range(count)]
        return [await session.fetch_value(BACKEND) for session in sessions]


async def test_pool_has_the_size_and_overflow_it_was_given(database_url: URL) -> None:
    """The pool keeps 25 connections and opens 50 more unless told otherwise."""
    async with open_engine(database_url) as engine:
        pool = pool_of(engine)
        assert (pool.size(), pool._max_overflow) == (25, 50)
    async with open_engine(database_url, pool_size=3, max_overflow=4) as engine:
        pool = pool_of(engine)
        assert (pool.size(), pool._max_overflow) == (3, 4)


@pytest.mark.parametrize(
    "text",
    ["postgres://u:p@h/d", "postgresql://u:p@h/d", "postgresql+asyncpg://u:p@h/d"],
)
def test_database_url_is_taken_in_every_usual_form(text: str) -> None:
    """People paste what their provider shows them."""
    url = normalize_database_url(text)
    assert url.render_as_string(hide_password=False) == "postgresql+asyncpg://u:p@h/d"


@pytest.mark.parametrize("text", ["mysql://h/d", "h/d", "", "postgresql"])
def test_address_of_something_else_is_refused(text: str) -> None:
    """Only PostgreSQL is spoken."""
    with pytest.raises(ValueError, match="must look like postgresql://"):
        normalize_database_url(text)


async def test_database_that_does_not_exist_is_told_without_the_drivers_words(
    server_url: URL,
) -> None:
    """A wrong name in DATABASE_URL is an error that says where to look."""
    async with open_engine(server_url.set(database="nowhere")) as engine:
        with pytest.raises(DatabaseUnavailable, match="in DATABASE_URL") as refused:
            await upgrade(engine)
    assert "nowhere" not in refused.value.message


async def test_reads_one_after_another_use_one_connection(database_url: URL) -> None:
    """However many were opened when it was busier, so that statements are prepared on few."""
    async with open_engine(database_url, pool_size=5) as engine:
        database = Database(engine)
        assert len(set(await hold(database, 5))) == 5
        assert len({await backend(database) for _ in range(10)}) == 1


async def test_connection_beyond_the_size_is_closed_when_it_is_given_back(
    database_url: URL,
) -> None:
    """Only as many as the pool's size stay open, and the others count no more."""
    async with open_engine(database_url, pool_size=1, max_overflow=2) as engine:
        database, pool = Database(engine), pool_of(engine)
        for _ in range(3):
            assert len(set(await hold(database, 3))) == 3
            assert (pool.checkedin(), pool.checkedout(), pool.overflow()) == (1, 0, 0)


async def test_connection_that_has_become_too_old_is_opened_anew(database_url: URL) -> None:
    """Reads notice nothing, one at a time and several, and no place in the pool is lost."""
    async with open_engine(database_url, pool_size=3, max_overflow=0) as engine:
        database, pool = Database(engine), pool_of(engine)
        before = await hold(database, 3)
        pool._recycle = 0
        assert await backend(database) not in before
        assert not {*before} & {*await hold(database, 3)}
        assert (pool.checkedin(), pool.checkedout()) == (3, 0)


async def test_places_of_lost_connections_are_used_again(database_url: URL) -> None:
    """A write that breaks off costs its connection, not the place in the pool."""
    async with open_engine(database_url, pool_size=2, max_overflow=0) as engine:
        database, pool = Database(engine), pool_of(engine)
        for _ in range(3):
            with pytest.raises(ZeroDivisionError):
                async with database.write():
                    raise ZeroDivisionError
            assert len(set(await hold(database, 2))) == 2
        answers = await asyncio.gather(*(backend(database) for _ in range(8)))
        assert len(answers) == 8
        assert (pool.checkedin(), pool.checkedout()) == (2, 0)


@pytest.mark.parametrize(
    ("address", "told"),
    [
        (
            "postgresql://ann:a%20b@db:5433/app?ssl=require",
            {"host": "db", "port": "5433", "user": "ann", "password": "a b", "sslmode": "require"},
        ),
        ("postgresql://ann@/app?host=/run/pg&port=6000", {"host": "/run/pg", "port": "6000"}),
        (
            "postgresql://ann@/app?host=a:5432&host=b:5433",
            {"host": "a,b", "port": "5432,5433"},
        ),
        ("postgresql://db/app?prepared_statement_cache_size=0&command_timeout=5", {"host": "db"}),
    ],
    ids=["password-and-tls", "socket", "several-hosts", "words-of-asyncpg"],
)
def test_address_is_told_to_libpq_in_its_words(address: str, told: dict[str, str]) -> None:
    """What procrastinate's driver is given is the same server, and nothing it does not know."""
    settings = libpq_settings(normalize_database_url(address), application_name="worker")
    assert settings.items() >= {**told, "dbname": "app", "application_name": "worker"}.items()
    assert conninfo_to_dict(make_conninfo(**settings))["dbname"] == "app"
