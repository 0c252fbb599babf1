"""What PgBouncer in transaction mode needs: each transaction may have another connection behind it.

Nothing that a client sets for its session holds there, and PgBouncer refuses most of what is wanted
at the start of one. So the role has our settings for the database, and `migrate` sees to it.
"""

from collections.abc import Mapping
from typing import Any, Final

import asyncpg
import structlog
from sqlalchemy import event, text
from sqlalchemy.engine import URL
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from db.errors import translated

ROLE_SETTINGS: Final = {
    "statement_timeout": "8000",
    "idle_in_transaction_session_timeout": "15000",
    "lock_timeout": "3000",
    "jit": "off",
    # For disks without seek times: with the default of 4 a filter that finds one row in ten is
    # answered by reading the whole table (400 ms against 100 on a million contacts, 2026-11-22).
    "random_page_cost": "1.1",
    # One statement, one core: a large count must not take the cores of everybody else's pages.
    "max_parallel_workers_per_gather": "0",
}
"""What our sessions begin with, as PostgreSQL shows it; times in milliseconds."""

# What PgBouncer keeps for each client, whichever connection it gives to a transaction.
_KEPT: Final = ("application_name", "timezone")
_CACHE: Final = "statement_cache_size"

_DIFFERENT: Final = (
    "SELECT wanted.name FROM unnest($1::text[], $2::text[]) AS wanted (name, setting)"
    " JOIN pg_settings AS found USING (name) WHERE found.setting <> wanted.setting ORDER BY 1"
)

log = structlog.get_logger(__name__)


def through_pooler(url: URL, settings: Mapping[str, str]) -> dict[str, Any]:
    """How to connect where each transaction may have another connection.

    A statement with a name would be looked for on another connection than had prepared it, unless
    the pooler sees to that: the address says so by `statement_cache_size`.
    """
    return {
        "server_settings": {name: settings[name] for name in _KEPT},
        _CACHE: named_statements(url) or 0,
        "prepared_statement_cache_size": 0,
    }


def named_statements(url: URL) -> int | None:
    """How many statements a connection keeps by name; None when the address does not say.

    Raises:
        ValueError: It says something else.
    """
    said = url.query.get(_CACHE)
    if said is None:
        return None
    if not isinstance(said, str) or not said.isdecimal():
        raise ValueError(f"{_CACHE} must be a number")
    return int(said)


async def keep_role_settings(engine: AsyncEngine) -> None:
    """Have the role's sessions in this database begin with our settings, however it connects.

    Connections that a pooler holds already keep those they began with.
    """
    with translated():
        async with engine.begin() as connection:
            database = await _quoted_database(connection)
            for name, value in ROLE_SETTINGS.items():
                await connection.execute(
                    text(f"ALTER ROLE CURRENT_USER IN DATABASE {database} SET {name} = '{value}'")
                )


def warn_of_unset(engine: AsyncEngine) -> None:
    """Log which settings the connections behind a pooler lack, once there is one."""
    event.listen(engine.sync_engine, "connect", _look, once=True)


async def _quoted_database(connection: AsyncConnection) -> str:
    return str(await connection.scalar(text("SELECT quote_ident(current_database())")))


def _look(connection: Any, _record: object) -> None:
    connection.run_async(_warn)


async def _warn(driver: asyncpg.Connection) -> None:
    names, values = list(ROLE_SETTINGS), list(ROLE_SETTINGS.values())
    if different := [row[0] for row in await driver.fetch(_DIFFERENT, names, values)]:
        log.warning(
            "pooler_settings_missing",
            settings=different,
            advice="Run `appointment360 migrate`, then have the pooler connect anew (RECONNECT).",
        )
