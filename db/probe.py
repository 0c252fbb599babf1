"""Asks the database how it is, on a connection of its own: a full pool is not a dead server."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

import asyncpg

from db.migrate import head_revision, is_behind
from db.sharing import Shared
from db.statements import sql
from db.transaction import Database, ReadSession
from domain.errors import AppError, DatabaseUnavailable

T = TypeVar("T")

_SECONDS: Final = 1.0
_SILENT: Final = f"The database did not answer within {_SECONDS:g} s."
_AWAY: Final = "The database cannot be reached."

_ALIVE: Final = sql("SELECT 1")
_REVISION: Final = sql("SELECT version_num FROM alembic_version")
_MAX_CONNECTIONS: Final = sql("SHOW max_connections")
_VERSION: Final = sql("SHOW server_version")
_TRIGRAMS: Final = sql("SELECT count(*) FROM pg_extension WHERE extname = 'pg_trgm'")


class DatabaseProbe:
    """Whether requests can be answered.

    Args:
        database: Over the engine of the probe, with one connection.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._migrated = False
        self._look = Shared(self._problem)

    async def problem(self) -> str | None:
        """What keeps the database from serving, in words for an operator; None when nothing."""
        return await self._look()

    async def tables_problem(self) -> str | None:
        """What is wrong with the tables, in words; None when they are those of this release.

        Raises:
            DatabaseUnavailable: The database does not answer.
        """
        revision = await self.ask(_revision)
        # Once migrated it stays so while this process runs.
        self._migrated = not is_behind(revision)
        if self._migrated:
            return None
        return f"The database is at migration {revision}, not {head_revision()}."

    async def ask(self, question: Callable[[ReadSession], Awaitable[T]]) -> T:
        """What is read for an operator within a second.

        Raises:
            DatabaseUnavailable: The database does not answer.
        """
        try:
            async with asyncio.timeout(_SECONDS):
                return await ask_or_end(self._database, question)
        except TimeoutError:
            raise DatabaseUnavailable(_SILENT) from None
        except (AppError, asyncpg.PostgresError) as error:
            raise DatabaseUnavailable(_AWAY) from error

    async def max_connections(self) -> int:
        """How many connections the server takes from all its clients together."""
        async with self._database.read() as session:
            return int(await session.fetch_value(_MAX_CONNECTIONS))

    async def facts(self) -> list[tuple[str, str]]:
        """What an operator wants to know about the server."""
        limit = await self.max_connections()
        async with self._database.read() as session:
            version = await session.fetch_value(_VERSION)
            trigrams = await session.fetch_value(_TRIGRAMS)
        return [
            ("Server", f"PostgreSQL {version}, at most {limit} connections"),
            ("pg_trgm", "searches use it" if trigrams else "not there; searches scan"),
        ]

    async def _problem(self) -> str | None:
        try:
            if not self._migrated:
                return await self.tables_problem()
            await self.ask(_answer)
        except DatabaseUnavailable as error:
            return error.message
        return None


async def ask_or_end(database: Database, question: Callable[[ReadSession], Awaitable[T]]) -> T:
    """What is read, on a connection that is ended when the question fails or is broken off."""
    async with database.read() as session:
        try:
            return await question(session)
        except BaseException:
            # Ended, not only cancelled: a frozen server would never answer to that, and whoever
            # asks next would wait for it.
            session.driver.terminate()
            raise


async def _answer(session: ReadSession) -> None:
    await session.fetch(_ALIVE)


async def _revision(session: ReadSession) -> str | None:
    """The newest migration that the database has."""
    try:
        revision: str | None = await session.fetch_value(_REVISION)
    except asyncpg.UndefinedTableError:
        return None
    return revision
