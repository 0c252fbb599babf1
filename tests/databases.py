"""Databases of tests, made and dropped while tests run: none waits for what PostgreSQL copies."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import asynccontextmanager, contextmanager
from itertools import count
from pathlib import Path
from shutil import disk_usage
from typing import Final

import psycopg
from psycopg.conninfo import make_conninfo
from sqlalchemy import text
from sqlalchemy.engine import URL
from sqlalchemy.ext.asyncio import AsyncEngine

from db.engine import libpq_settings, open_engine

_SHARED_MEMORY: Final = Path("/dev/shm")  # noqa: S108  # on Linux; folders in it have their own names
_ROOM_BYTES: Final = 4 * 2**30
# Where it can, from PostgreSQL 18 on: that takes a quarter off a copy, measured 2026-11-23.
_LET_THE_KERNEL_COPY: Final = (
    "SELECT set_config(name, 'clone', false) FROM pg_settings"
    " WHERE name = 'file_copy_method' AND 'clone' = ANY(enumvals)"
)


class Databases:
    """Copies of one template: the next is made while a test uses the one before.

    One thread and one connection do all of it, one after the other, so the event loop of the tests
    has no part in it.
    """

    def __init__(self, server: URL, template: str) -> None:
        self._server = server
        self._template = template
        self._numbers = count()
        address = make_conninfo("", **libpq_settings(server, application_name="databases"))
        self._connection = psycopg.connect(address, autocommit=True)
        # A copy may take its time on a busy machine: nobody gives up on it.
        self._execute("SET statement_timeout = 0")
        self._execute(_LET_THE_KERNEL_COPY)
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="databases")
        self._next = self._thread.submit(self._create)
        self._dropped: list[Future[None]] = []

    async def take(self) -> URL:
        """An empty one with all tables, which nobody else has."""
        made, self._next = self._next, self._thread.submit(self._create)
        name = await asyncio.wrap_future(made)
        return self._server.set(database=name)

    def drop(self, url: URL) -> None:
        """Drop one, with whatever is still connected to it, at some time from now."""
        statement = f'DROP DATABASE IF EXISTS "{url.database}" WITH (FORCE)'
        self._dropped.append(self._thread.submit(self._execute, statement))

    def close(self) -> None:
        """Drop the one that nobody took, and end; raises what kept another from being dropped."""
        self.drop(self._server.set(database=self._next.result()))
        self._thread.shutdown()
        self._connection.close()
        for dropped in self._dropped:
            dropped.result()

    def _create(self) -> str:
        name = f"{self._template}_{next(self._numbers)}"
        # By files: through the log it costs up to twice as much, measured 2026-11-22.
        copied = f'TEMPLATE "{self._template}" STRATEGY FILE_COPY'
        self._execute(f'CREATE DATABASE "{name}" {copied}')
        return name

    def _execute(self, statement: str) -> None:
        self._connection.execute(statement.encode())


@contextmanager
def open_databases(server: URL, template: str) -> Iterator[Databases]:
    """Copies of a template at a server, until the end of the block."""
    databases = Databases(server, template)
    try:
        yield databases
    finally:
        databases.close()


def memory() -> str | None:
    """Where files lie in memory, if there is room: databases are copied there in less time."""
    is_roomy = _SHARED_MEMORY.is_dir() and disk_usage(_SHARED_MEMORY).free > _ROOM_BYTES
    return str(_SHARED_MEMORY) if is_roomy else None


@asynccontextmanager
async def database_of_its_own(
    server: URL, *, name: str, template: str = "template0"
) -> AsyncIterator[URL]:
    """A copy of a template at a server, until the end of the block; that of template0 is empty."""
    async with open_engine(server) as admin:
        # By files: through the log it costs up to twice as much, measured 2026-11-22.
        copied = f'TEMPLATE "{template}" STRATEGY FILE_COPY'
        await _execute(admin, f'CREATE DATABASE "{name}" {copied}')
        try:
            yield server.set(database=name)
        finally:
            await _execute(admin, f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')


async def _execute(engine: AsyncEngine, statement: str) -> None:
    async with engine.execution_options(isolation_level="AUTOCOMMIT").connect() as connection:
        await connection.execute(text(statement))
