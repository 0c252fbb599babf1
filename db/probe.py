"""Asks the database how it is, on a connection of its own: a full pool is not a dead server."""

import asyncio
from typing import Final

from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine

from db.migrate import current_revision, head_revision

_SECONDS: Final = 1.0


class DatabaseProbe:
    """Whether requests can be answered.

    Args:
        engine: For the probe alone, with one connection.
    """

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine
        self._migrated = False

    async def problem(self) -> str | None:
        """What keeps the database from serving, in words for an operator; None when nothing."""
        try:
            async with asyncio.timeout(_SECONDS):
                return await self._ask()
        except TimeoutError:
            return f"The database did not answer within {_SECONDS:g} s."
        except (OSError, SQLAlchemyError):
            return "The database cannot be reached."

    async def max_connections(self) -> int:
        """How many connections the server takes from all its clients together."""
        async with self._engine.connect() as connection:
            return int(await connection.scalar(text("SHOW max_connections")) or 0)

    async def facts(self) -> list[tuple[str, str]]:
        """What an operator wants to know about the server."""
        async with self._engine.connect() as connection:
            version = await connection.scalar(text("SHOW server_version"))
            trigrams = await connection.scalar(
                text("SELECT count(*) FROM pg_extension WHERE extname = 'pg_trgm'")
            )
        limit = await self.max_connections()
        return [
            ("Server", f"PostgreSQL {version}, at most {limit} connections"),
            ("pg_trgm", "searches use it" if trigrams else "not there; searches scan"),
        ]

    async def _ask(self) -> str | None:
        if self._migrated:
            async with self._engine.connect() as connection:
                await connection.execute(text("SELECT 1"))
            return None
        revision, head = await current_revision(self._engine), head_revision()
        # Once migrated it stays so while this process runs.
        self._migrated = revision == head
        return None if self._migrated else f"The database is at migration {revision}, not {head}."
