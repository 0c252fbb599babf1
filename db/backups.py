"""What a backup is of: one state of the database, which pg_dump is told to show too."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

import asyncpg
from sqlalchemy.engine import URL

from db.engine import open_engine
from db.errors import translated
from db.names import quoted
from db.transaction import Database, ReadSession

BACKUP_NAME: Final = "appointment360-backup"
_STATEMENT_SECONDS: Final = 3600.0
# pg_dump looks at the state after its connection is there, and takes as long as it takes.
_PATIENCE: Final = "SET LOCAL idle_in_transaction_session_timeout = 0; SET LOCAL lock_timeout = 0"
_STATE: Final = (
    "SELECT pg_export_snapshot(), current_schema(), now(), current_setting('server_version'),"
    " to_regclass('alembic_version') IS NOT NULL, to_regclass('uploads') IS NOT NULL"
)
_TABLES: Final = (
    "SELECT relname FROM pg_class WHERE relnamespace = $1::text::regnamespace"
    " AND relkind IN ('r', 'p') ORDER BY relname"
)
_MIGRATION: Final = "SELECT version_num FROM alembic_version"
_UPLOADS: Final = (
    "SELECT uuid, sha256, total_bytes FROM uploads WHERE sha256 IS NOT NULL ORDER BY id"
)
_KEPT: Final = "SELECT uuid FROM uploads WHERE uuid = ANY($1::uuid[]) ORDER BY id"


@dataclass(frozen=True)
class KeptFile:
    """A whole file that a user has sent.

    Attributes:
        sha256: In hexadecimal digits.
    """

    uuid: UUID
    sha256: str
    bytes: int


@dataclass(frozen=True, kw_only=True)
class State:
    """One state of the database.

    Attributes:
        snapshot: By this name other connections are shown it, as long as it is open.
        schema: Where our tables are.
        migration: The newest it has; None when it has none of our tables.
        server: The version of PostgreSQL.
        rows: How many each table has.
    """

    snapshot: str
    schema: str
    taken_at: datetime
    migration: str | None
    server: str
    rows: Mapping[str, int]
    files: tuple[KeptFile, ...]


@asynccontextmanager
async def open_state(url: URL) -> AsyncIterator[State]:
    """The state of now, which others can be shown until the end of the block.

    Args:
        url: Leads to PostgreSQL itself, without a pooler in between.

    Raises:
        DatabaseUnavailable: PostgreSQL does not answer.
    """
    async with _open_session(url) as session:
        driver = session.driver
        with translated():
            async with driver.transaction(isolation="repeatable_read", readonly=True):
                yield await _read(driver)


async def find_kept(url: URL, uuids: Sequence[UUID]) -> list[UUID]:
    """Which of these uploads nobody has removed by now, whatever a state of before shows.

    Raises:
        DatabaseUnavailable: PostgreSQL does not answer.
    """
    async with _open_session(url) as session:
        with translated():
            return [row[0] for row in await session.driver.fetch(_KEPT, list(uuids))]


@asynccontextmanager
async def _open_session(url: URL) -> AsyncIterator[ReadSession]:
    async with (
        open_engine(
            url,
            pool_size=1,
            max_overflow=0,
            statement_timeout_seconds=_STATEMENT_SECONDS,
            application_name=BACKUP_NAME,
        ) as engine,
        Database(engine).read() as session,
    ):
        yield session


async def _read(driver: asyncpg.Connection) -> State:
    await driver.execute(_PATIENCE)
    snapshot, schema, taken_at, server, is_ours, has_uploads = await driver.fetchrow(_STATE)
    tables = [row[0] for row in await driver.fetch(_TABLES, quoted(schema))]
    rows = {
        table: await driver.fetchval(f"SELECT count(*) FROM {quoted(schema)}.{quoted(table)}")
        for table in tables
    }
    migration = await driver.fetchval(_MIGRATION) if is_ours else None
    files = await driver.fetch(_UPLOADS) if has_uploads else []
    return State(
        snapshot=snapshot,
        schema=schema,
        taken_at=taken_at,
        migration=migration,
        server=server.partition(" ")[0],
        rows=rows,
        files=tuple(KeptFile(*file) for file in files),
    )
