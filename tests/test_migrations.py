"""Promises of the migrations: they make what the tables say, can be taken back, and may race."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.engine import URL
from sqlalchemy.ext.asyncio import AsyncEngine

from db.access_tables import api_tokens
from db.avatar_tables import avatars
from db.engine import open_engine
from db.import_tables import imports
from db.job_tables import jobs
from db.migrate import current_revision, downgrade, find_differences, head_revision, upgrade
from db.upload_tables import uploads

PROJECT = Path(__file__).parents[1]
MIGRATE = """
import asyncio, os
from db.engine import normalize_database_url, open_engine
from db.migrate import upgrade

async def main():
    async with open_engine(normalize_database_url(os.environ["TARGET"])) as engine:
        await upgrade(engine)

asyncio.run(main())
"""
TRIGRAM_INDEXES = ["ix_companies_search_text_trgm", "ix_contacts_search_text_trgm"]


@pytest.fixture
async def empty_url(server_url: URL) -> AsyncIterator[URL]:
    """A database without any table."""
    name = f"migrations_{os.getpid()}"
    async with open_engine(server_url) as engine:
        admin = engine.execution_options(isolation_level="AUTOCOMMIT")
        async with _connected(admin, f'CREATE DATABASE "{name}"'):
            pass
        try:
            yield server_url.set(database=name)
        finally:
            async with _connected(admin, f'DROP DATABASE "{name}" WITH (FORCE)'):
                pass


@pytest.fixture
async def empty(empty_url: URL) -> AsyncIterator[AsyncEngine]:
    """An engine on a database without any table."""
    async with open_engine(empty_url) as engine:
        yield engine


@asynccontextmanager
async def _connected(engine: AsyncEngine, statement: str) -> AsyncIterator[None]:
    async with engine.connect() as connection:
        await connection.execute(text(statement))
        yield


async def names(engine: AsyncEngine, query: str) -> list[str]:
    """The first column of a query."""
    async with engine.connect() as connection:
        return list(await connection.scalars(text(query)))


async def objects(engine: AsyncEngine) -> list[str]:
    """Tables, indexes, sequences, functions and triggers of ours, by name."""
    return await names(
        engine,
        "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace"
        " UNION ALL SELECT proname FROM pg_proc WHERE pronamespace = 'public'::regnamespace"
        " AND prolang <> (SELECT oid FROM pg_language WHERE lanname = 'c')"
        " UNION ALL SELECT tgname FROM pg_trigger WHERE NOT tgisinternal ORDER BY 1",
    )


async def test_migrations_go_up_down_and_up_again(empty: AsyncEngine) -> None:
    """Taking all back leaves nothing but Alembic's own table, and the way up gives the same."""
    assert await current_revision(empty) is None
    await upgrade(empty)
    first = await objects(empty)
    assert await current_revision(empty) == head_revision()
    await downgrade(empty, revision="base")
    assert await current_revision(empty) is None
    assert await objects(empty) == ["alembic_version", "alembic_version_pkc"]
    await upgrade(empty)
    assert await objects(empty) == first
    assert await current_revision(empty) == head_revision()


async def test_migrated_database_is_what_the_tables_say(empty: AsyncEngine) -> None:
    """Alembic finds no difference between the migrations and `db.tables`."""
    await upgrade(empty)
    await find_differences(empty)
    tables = await names(
        empty, "SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY 1"
    )
    ours = [name for name in tables if not name.startswith("procrastinate_")]
    (metadata,) = {table.metadata for table in (jobs, imports, uploads, avatars, api_tokens)}
    assert ours == sorted(["alembic_version", *metadata.tables])


async def test_upgrade_of_a_migrated_database_changes_nothing(engine: AsyncEngine) -> None:
    """Starting again does no harm."""
    before = await objects(engine)
    await upgrade(engine)
    assert await objects(engine) == before


async def test_two_processes_migrating_at_once_both_succeed(
    empty: AsyncEngine, empty_url: URL
) -> None:
    """One of them works, the other waits and finds it done."""
    environment = {**os.environ, "TARGET": empty_url.render_as_string(hide_password=False)}
    processes = [
        await asyncio.create_subprocess_exec(
            sys.executable,
            "-c",
            MIGRATE,
            cwd=PROJECT,
            env=environment,
            stderr=asyncio.subprocess.PIPE,
        )
        for _ in range(2)
    ]
    ends = await asyncio.gather(*(process.communicate() for process in processes))
    assert [process.returncode for process in processes] == [0, 0], ends
    assert await current_revision(empty) == head_revision()
    await find_differences(empty)


async def test_trigram_indexes_are_there_exactly_when_pg_trgm_is(engine: AsyncEngine) -> None:
    """Searches have their index where the server offers the extension, and work where not."""
    offered = await names(engine, "SELECT name FROM pg_available_extensions WHERE name = 'pg_trgm'")
    made = await names(
        engine, "SELECT indexname FROM pg_indexes WHERE indexname LIKE '%trgm' ORDER BY 1"
    )
    assert made == (TRIGRAM_INDEXES if offered else [])


def test_head_revision_is_the_newest_migration() -> None:
    """One head: two migrations never follow the same one."""
    versions = [path.read_text() for path in (PROJECT / "db/migrations/versions").glob("*.py")]
    head = head_revision()
    assert sum(f'revision: str = "{head}"' in version for version in versions) == 1
    assert not any(f'down_revision: str | None = "{head}"' in version for version in versions)
