"""What can be wrong with a PostgreSQL server, or with the way to it. Nothing is written."""

import time
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy.engine import URL

from db.engine import open_engine
from db.errors import translated
from db.pooling import ROLE_SETTINGS
from db.statements import sql
from db.transaction import Database, ReadSession

_NAME: Final = "appointment360-doctor"
_FACTS: Final = sql(
    "SELECT current_setting('server_version_num')::int / 10000,"
    " current_setting('server_version'), current_setting('max_connections')::int,"
    " (SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend'"
    " AND application_name NOT LIKE 'appointment360%'),"
    " current_setting('fsync') = 'on', current_setting('full_page_writes') = 'on',"
    " current_setting('synchronous_commit'), pg_is_in_recovery(),"
    " EXISTS (SELECT FROM pg_available_extensions WHERE name = 'pg_trgm')"
)
_SAME: Final = sql(
    "SELECT pg_postmaster_start_time(), oid FROM pg_database WHERE datname = current_database()"
)
_CLOCK: Final = sql("SELECT extract(epoch FROM clock_timestamp())::float8")
_REVISION: Final = sql("SELECT CASE WHEN to_regclass('alembic_version') IS NOT NULL THEN 1 END")
_MIGRATION: Final = sql("SELECT version_num FROM alembic_version")
_UNSET: Final = sql(
    "SELECT wanted.name FROM unnest(CAST(:names AS text[]), CAST(:settings AS text[]))"
    " AS wanted (name, setting) JOIN pg_settings AS found USING (name)"
    " WHERE found.setting <> wanted.setting ORDER BY 1"
)
_WANTED: Final = {"names": [*ROLE_SETTINGS], "settings": [*ROLE_SETTINGS.values()]}


@dataclass(frozen=True, kw_only=True)
class ServerFacts:
    """A server and our database on it.

    Attributes:
        major: The major version.
        others: Connections that are not ours.
        skew_seconds: How far its clock is ahead of ours.
        migration: The newest that the database has; None without our tables.
    """

    major: int
    version: str
    max_connections: int
    others: int
    fsync: bool
    full_page_writes: bool
    synchronous_commit: str
    in_recovery: bool
    offers_trigrams: bool
    skew_seconds: float
    migration: str | None


async def read_facts(database: Database) -> ServerFacts:
    """What there is to know of a server.

    Raises:
        DatabaseUnavailable: It does not answer.
    """
    async with database.read() as session:
        (row,) = await session.fetch(_FACTS)
        has_tables = await session.fetch_value(_REVISION)
        return ServerFacts(
            **dict(zip(_FACT_NAMES, row, strict=True)),
            skew_seconds=await _skew(session),
            migration=await session.fetch_value(_MIGRATION) if has_tables else None,
        )


_FACT_NAMES: Final = (
    "major",
    "version",
    "max_connections",
    "others",
    "fsync",
    "full_page_writes",
    "synchronous_commit",
    "in_recovery",
    "offers_trigrams",
)


async def _skew(session: ReadSession) -> float:
    """How far its clock is ahead, by the quickest of some looks."""
    looks = []
    for _ in range(3):
        before = time.time()
        there = await session.fetch_value(_CLOCK)
        after = time.time()
        looks.append((after - before, there - (before + after) / 2))
    return float(min(looks)[1])


@dataclass(frozen=True)
class Way:
    """How an address leads to PostgreSQL.

    Attributes:
        is_pooled: Something stands in between.
        is_shared: And gives the connection of one client to others between transactions.
        server: When the server was started, and the number of the database: tells it from others.
        unset: Which of our settings its sessions do not begin with.
    """

    is_pooled: bool
    is_shared: bool
    server: tuple[datetime, int]
    unset: tuple[str, ...]


async def look_along(url: URL, *, per_transaction: bool) -> Way:
    """How an address leads there.

    A pooler tells its clients a number of their connection that is none of PostgreSQL's. One that
    shares them has the second client use what the first has just let go of.

    Args:
        per_transaction: As `open_engine` has it.

    Raises:
        DatabaseUnavailable: It does not lead there.
    """
    async with open_engine(
        url,
        pool_size=2,
        max_overflow=0,
        application_name=_NAME,
        per_transaction=per_transaction,
    ) as engine:
        database = Database(engine)
        async with database.read() as first, database.read() as second:
            with translated():
                server = (await first.fetch(_SAME))[0]
                mine, told = await _number(first), first.driver.get_server_pid()
                other = await _number(second)
                unset = await first.fetch(_UNSET, _WANTED)
    return Way(
        is_pooled=mine != told,
        is_shared=mine == other,
        server=tuple(server),
        unset=tuple(row[0] for row in unset),
    )


async def _number(session: ReadSession) -> int:
    return int(await session.driver.fetchval("SELECT pg_backend_pid()"))
