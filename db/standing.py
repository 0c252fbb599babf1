"""How far a server has come in the log of changes, asked on a connection of its own."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Final, NamedTuple

import asyncpg
from sqlalchemy.engine import URL

from db.engine import open_engine
from db.errors import translated
from db.migrate import current_revision
from db.statements import sql
from db.transaction import Database

PATIENCE_SECONDS: Final = 1.0
"""How long a server may take to answer before it counts as silent."""

# The end of what is flushed is the end of what can be repeated; but where COMMIT does not wait for
# the disk, only the end of what is inserted has every change that was acknowledged.
_LOGGED: Final = (
    "CASE current_setting('synchronous_commit') WHEN 'off' THEN pg_current_wal_insert_lsn()"
    " ELSE pg_current_wal_flush_lsn() END"
)

LOGGED: Final = sql(f"SELECT {_LOGGED}")
"""The position at the primary that has everything that was acknowledged before."""

# The control file of a standby names its timeline late after a change, which keeps it out longer.
STANDING: Final = sql(
    "SELECT pg_is_in_recovery(),"
    f" CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn() ELSE {_LOGGED} END,"
    " pg_postmaster_start_time(), system_identifier,"
    " CASE WHEN pg_is_in_recovery() THEN timeline_id::bigint ELSE"
    " ('x' || left(pg_walfile_name(pg_current_wal_flush_lsn()), 8))::bit(32)::bigint END"
    " FROM pg_control_system(), pg_control_checkpoint()"
)


class Standing(NamedTuple):
    """A server at one moment.

    Attributes:
        position: In bytes of the log: what a standby has repeated, what a primary has acknowledged.
        started_at: Tells this run of the server from others, and from other servers.
        cluster: What a primary and its standbys have in common.
    """

    in_recovery: bool
    position: int
    started_at: datetime
    cluster: int
    timeline: int


class Watched:
    """A server with a connection that nothing else uses."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._driver: asyncpg.Connection | None = None

    async def look(self) -> Standing:
        """Where the server stands now.

        Raises:
            DatabaseUnavailable: It does not answer in time, or refuses us.
            asyncpg.PostgresError: It does not know what is asked.
        """
        async with self._database.read() as session:
            driver = self._driver = session.driver
            try:
                return Standing(*await driver.fetchrow(STANDING.sql, timeout=PATIENCE_SECONDS))
            except BaseException:
                # Ended, not only cancelled: a frozen server would never answer to that.
                driver.terminate()
                raise

    async def revision(self) -> str | None:
        """The newest migration the server has.

        Raises:
            DatabaseUnavailable: It does not answer.
        """
        with translated():
            return await current_revision(self._database.engine)

    def hang_up(self) -> None:
        """Have the next look begin with a new connection."""
        if self._driver is not None:
            self._driver.terminate()


@asynccontextmanager
async def watched(url: URL) -> AsyncIterator[Watched]:
    """A server to look at, whose connection is closed at the end."""
    async with open_engine(
        url,
        pool_size=1,
        max_overflow=0,
        connect_timeout_seconds=PATIENCE_SECONDS,
        statement_timeout_seconds=PATIENCE_SECONDS,
        application_name="appointment360-replica",
    ) as engine:
        yield Watched(Database(engine))
