"""The trigram indexes, which only servers have that offer pg_trgm."""

from typing import Final

import asyncpg

from db.names import quoted
from db.statements import sql
from db.transaction import Database, ReadSession

INDEXES: Final = {
    "ix_contacts_search_text_trgm": "contacts",
    "ix_companies_search_text_trgm": "companies",
}
"""The index, and the table whose `search_text` it is on."""

_MISSING: Final = sql(
    "SELECT name FROM unnest(CAST(:names AS text[])) AS name WHERE to_regclass(name) IS NULL"
    " AND EXISTS (SELECT FROM pg_available_extensions WHERE name = 'pg_trgm')"
)
_OPERATORS: Final = sql(
    "SELECT n.nspname FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace"
    " WHERE e.extname = 'pg_trgm'"
)


async def missing_indexes(session: ReadSession) -> list[str]:
    """Those that are not there though the server offers what they need."""
    return [row[0] for row in await session.fetch(_MISSING, {"names": [*INDEXES]})]


async def make_missing_indexes(database: Database, *, seconds: float) -> list[str]:
    """Make them; those that are not there afterwards, for managed servers may refuse.

    Args:
        seconds: How long each of them may take.
    """
    async with database.read() as session:
        missing = await missing_indexes(session)
    if missing:
        try:
            await _make(database, missing, seconds=seconds)
        except asyncpg.InsufficientPrivilegeError:
            return missing
    return []


async def _make(database: Database, names: list[str], *, seconds: float) -> None:
    async with database.write() as tx:
        await tx.allow(seconds)
        await tx.driver.execute("CREATE EXTENSION IF NOT EXISTS pg_trgm")
        place = quoted(await tx.fetch_value(_OPERATORS))
        for name in names:
            await tx.driver.execute(
                f"CREATE INDEX {name} ON {INDEXES[name]} USING gin"
                f" (search_text {place}.gin_trgm_ops) WHERE deleted_at IS NULL",
                timeout=seconds,
            )
