"""The database that all servers read: filled once, kept between runs, filled anew when outdated.

A comment on the database says what filled it. It is written last, so an interrupted filling does
not pass for a whole one.
"""

import asyncio
import hashlib
import os
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import asyncpg
import platformdirs
from sqlalchemy.engine import URL

from app.embedded.server import lease
from db import migrate
from db.engine import normalize_database_url, open_engine
from db.migrate import head_revision, upgrade

VIEWER_UUID: Final = "00000000-0000-4000-8000-000000000360"
"""The admin that the seed adds."""

_SEED: Final = Path(__file__).with_name("seed.sql")
_MIGRATIONS: Final = Path(migrate.__file__).parent / "migrations" / "versions"
_SEED_SECONDS: Final = 900.0
_ROTATED_CONTACTS: Final = 300
_MARKER: Final = "SELECT shobj_description(oid, 'pg_database') FROM pg_database WHERE datname = $1"
_INDEXES: Final = """
    SELECT indexname AS name, indexdef AS definition FROM pg_indexes
    WHERE schemaname = 'public' AND indexdef NOT LIKE 'CREATE UNIQUE%'
"""
# Scattered over the table, and the same ones in every run.
_CONTACT_IDS: Final = "SELECT id FROM contacts ORDER BY hashint8(id), id LIMIT $1"


@dataclass(frozen=True, kw_only=True)
class Scale:
    """How many rows the database has."""

    contacts: int = 200_000
    companies: int = 20_000


@dataclass(frozen=True, kw_only=True)
class SeededDatabase:
    """A running PostgreSQL with the rows of the benchmark.

    Attributes:
        url: Its address for any client of PostgreSQL.
        pid: The postmaster.
        contact_ids: Some hundred contacts, to be asked for in turn.
    """

    url: str
    pid: int
    version: str
    contact_ids: list[int]


@contextmanager
def open_database(
    folder: Path, scale: Scale, *, progress: Callable[[str], None]
) -> Iterator[SeededDatabase]:
    """The database below this folder, filled when it is not; its server stops at the end.

    Raises:
        EmbeddedServerError: PostgreSQL cannot be had in this folder.
    """
    with lease(folder, progress=progress) as server:
        url = normalize_database_url(server.dsn)
        yield asyncio.run(_prepare(url, scale, server.pid, progress=progress))


def default_folder() -> Path:
    """Where the database is kept when nobody chooses.

    Root's own cache is below a home that the account PostgreSQL runs as cannot enter.
    """
    if os.geteuid() == 0:
        return Path("/var/cache/appointment360/benchmarks")
    return platformdirs.user_cache_path("appointment360", appauthor=False) / "benchmarks"


async def _prepare(
    server: URL, scale: Scale, pid: int, *, progress: Callable[[str], None]
) -> SeededDatabase:
    name = f"benchmarks_{scale.contacts}_{scale.companies}"
    url = server.set(database=name)
    admin = await asyncpg.connect(_address(server))
    try:
        if await admin.fetchval(_MARKER, name) != _marker():
            progress(f"Filling {name}: this happens once and may take a minute or two")
            await admin.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
            await admin.execute(f'CREATE DATABASE "{name}"')
            await _fill(url, scale)
            await admin.execute(f"COMMENT ON DATABASE \"{name}\" IS '{_marker()}'")
    finally:
        await admin.close()
    return await _describe(_address(url), pid)


async def _fill(url: URL, scale: Scale) -> None:
    async with open_engine(url, statement_timeout_seconds=_SEED_SECONDS) as engine:
        await upgrade(engine)
    connection = await asyncpg.connect(_address(url))
    try:
        for setting, rows in (("contacts", scale.contacts), ("companies", scale.companies)):
            await connection.execute(f"SET benchmarks.{setting} = {rows}")
        async with _without_indexes(connection):
            await connection.execute(_SEED.read_text(), timeout=_SEED_SECONDS)
        await connection.execute("VACUUM (FREEZE, ANALYZE)", timeout=_SEED_SECONDS)
        await connection.execute("CHECKPOINT", timeout=_SEED_SECONDS)
    finally:
        await connection.close()


@asynccontextmanager
async def _without_indexes(connection: asyncpg.Connection) -> AsyncIterator[None]:
    """Many rows are written several times faster before their indexes are made than after."""
    indexes = await connection.fetch(_INDEXES)
    for index in indexes:
        await connection.execute(f'DROP INDEX "{index["name"]}"')
    yield
    for index in indexes:
        await connection.execute(index["definition"], timeout=_SEED_SECONDS)


async def _describe(address: str, pid: int) -> SeededDatabase:
    connection = await asyncpg.connect(address)
    try:
        rows = await connection.fetch(_CONTACT_IDS, _ROTATED_CONTACTS)
        return SeededDatabase(
            url=address,
            pid=pid,
            version=await connection.fetchval("SHOW server_version"),
            contact_ids=[row["id"] for row in rows],
        )
    finally:
        await connection.close()


def _marker() -> str:
    """What filled the database: the seed and the migrations, by their texts."""
    texts = [_SEED, *sorted(_MIGRATIONS.glob("*.py"))]
    digest = hashlib.sha256(b"".join(path.read_bytes() for path in texts)).hexdigest()[:16]
    return f"appointment360 benchmark: {digest}, migration {head_revision()}"


def _address(url: URL) -> str:
    return url.set(drivername="postgresql").render_as_string(hide_password=False)
