"""What processes agree on about their caches: asking for it, and changing it.

`CacheState` has a connection of its own, by whose name others see that the process lives. Inside of
a transaction that changes records, `rule_of` tells what its changes mean for the caches of others.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final, NamedTuple
from uuid import UUID

from sqlalchemy.engine import URL

from db.cache_tables import CACHE_LOCK
from db.engine import open_engine
from db.statements import sql
from db.transaction import Database, Transaction

PATIENCE_SECONDS: Final = 1.0
"""How long PostgreSQL may take to answer before it counts as silent."""

_LOCK_PATIENCE: Final = "100ms"
_WATCHING: Final = "/lease"

_LOOK: Final = sql(
    "SELECT epoch, trusted, life, off_since IS NOT NULL,"
    " coalesce(extract(epoch FROM clock_timestamp() - off_renewed_at)::double precision, 0),"
    " EXISTS (SELECT FROM pg_stat_activity WHERE datname = current_database()"
    f" AND application_name = trusted || '{_WATCHING}') FROM cache_state"
)
_RULE: Final = sql(
    "WITH taken_back AS (DELETE FROM cache_changes USING cache_state"
    " WHERE transaction = pg_current_xact_id()::text AND NOT is_certain"
    " AND trusted = current_setting('application_name'))"
    " SELECT trusted, coalesce(off_since < clock_timestamp()"
    " - CAST(:seconds AS double precision) * interval '1 second', false) FROM cache_state"
)
_RENEW: Final = sql("UPDATE cache_state SET epoch = gen_random_uuid()")
_RENEW_AT_COMMIT: Final = sql(
    "INSERT INTO cache_changes VALUES (pg_current_xact_id()::text, true)"
    " ON CONFLICT (transaction) DO UPDATE SET is_certain = true"
)
_TRUST: Final = sql(
    "UPDATE cache_state SET trusted = CAST(:name AS text), epoch = gen_random_uuid()"
    " WHERE trusted IS NOT DISTINCT FROM CAST(:before AS text)"
)
_ADOPT: Final = sql(
    "UPDATE cache_state SET life = :life, epoch = gen_random_uuid()"
    " WHERE life IS NOT DISTINCT FROM CAST(:before AS text)"
)
_TURN_OFF: Final = sql(
    "UPDATE cache_state SET off_since = coalesce(off_since, clock_timestamp()),"
    " off_renewed_at = clock_timestamp()"
)
_TURN_ON: Final = sql(
    "UPDATE cache_state SET off_since = NULL, off_renewed_at = NULL,"
    " epoch = gen_random_uuid() WHERE off_renewed_at"
    " < clock_timestamp() - CAST(:seconds AS double precision) * interval '1 second'"
)
_PATIENCE: Final = sql(f"SELECT set_config('lock_timeout', '{_LOCK_PATIENCE}', true)")
_LOCK: Final = sql(f"SELECT pg_advisory_xact_lock({CACHE_LOCK})")


class Agreement(NamedTuple):
    """What was agreed on at one moment.

    Attributes:
        epoch: Is new after changes of which nobody else tells.
        trusted: Who says itself what its changes make out of date; None while nothing is cached.
        life: Which start of the store that they share counts; None before the first.
        is_off: No process may use its cache.
        off_seconds: How long ago somebody last insisted on that.
        is_alive: A process of that name is connected.
    """

    epoch: UUID
    trusted: str | None
    life: str | None
    is_off: bool
    off_seconds: float
    is_alive: bool


class Rule(NamedTuple):
    """What holds for a transaction until it is committed.

    Attributes:
        trusted: Whose changes give no new epoch; None while nothing is cached.
        is_off: No process has used its cache since longer than was asked.
    """

    trusted: str | None
    is_off: bool


class CacheState:
    """The agreement, seen by one process.

    Args:
        name: Of the process, or of the processes that share a cache: its `application_name`.
        database: Has one connection, for this alone.
    """

    def __init__(self, name: str, database: Database) -> None:
        self.name = name
        self._database = database

    async def look(self) -> Agreement:
        """What is agreed on now.

        Raises:
            DatabaseUnavailable: PostgreSQL does not answer in time.
        """
        async with self._database.read() as session:
            (row,) = await session.fetch(_LOOK)
        return Agreement(*row)

    async def take_over(self, before: str | None) -> None:
        """Be trusted instead of who was seen to be.

        Raises:
            Unavailable: Somebody is committing changes, or PostgreSQL does not answer.
        """
        await self._trust(self.name, before=before)

    async def release(self) -> None:
        """Be trusted no more.

        Raises:
            Unavailable: As with `take_over`.
        """
        await self._trust(None, before=self.name)

    async def adopt(self, life: str, *, before: str | None) -> None:
        """Have another start of the shared store count, which knows of no change under way.

        Raises:
            Unavailable: As with `take_over`.
        """
        async with self._database.write() as tx:
            await _lock(tx)
            await tx.fetch(_ADOPT, {"life": life, "before": before})

    async def turn_off(self) -> None:
        """Keep every process from using its cache, or insist on it once more.

        Raises:
            Unavailable: PostgreSQL does not answer.
        """
        async with self._database.write() as tx:
            await tx.fetch(_TURN_OFF)

    async def turn_on(self, *, silent_seconds: float) -> None:
        """Let caches be used again unless somebody has insisted lately that they are not.

        Raises:
            Unavailable: As with `take_over`.
        """
        async with self._database.write() as tx:
            await _lock(tx)
            await tx.fetch(_TURN_ON, {"seconds": silent_seconds})

    async def renew_epoch(self, *, after_all: bool = False) -> None:
        """Make everything out of date that is kept anywhere.

        Args:
            after_all: Every transaction that has changed records by now is over then, also one
                whose COMMIT got no answer.

        Raises:
            Unavailable: PostgreSQL does not answer; or as with `take_over`.
        """
        async with self._database.write() as tx:
            if after_all:
                await _lock(tx)
            await tx.fetch(_RENEW)

    async def _trust(self, name: str | None, *, before: str | None) -> None:
        async with self._database.write() as tx:
            await _lock(tx)
            await tx.fetch(_TRUST, {"name": name, "before": before})


async def rule_of(tx: Transaction, *, lease_seconds: float) -> Rule:
    """What the changes of a transaction mean for caches; it has to have made them already.

    Who is trusted has to say what they make out of date: by itself nothing does any more.
    """
    (row,) = await tx.fetch(_RULE, {"seconds": lease_seconds})
    return Rule(*row)


async def renew_at_commit(tx: Transaction) -> None:
    """Make everything out of date that is kept anywhere, from COMMIT on."""
    await tx.fetch(_RENEW_AT_COMMIT)


@asynccontextmanager
async def open_cache_state(url: URL, *, name: str) -> AsyncIterator[CacheState]:
    """The agreement over a connection of its own; its name says that the process lives.

    Args:
        url: Leads to PostgreSQL itself: a pooler would keep the name after the process has gone.
    """
    async with open_engine(
        url,
        pool_size=1,
        max_overflow=0,
        connect_timeout_seconds=PATIENCE_SECONDS,
        statement_timeout_seconds=PATIENCE_SECONDS,
        application_name=name + _WATCHING,
    ) as engine:
        yield CacheState(name, Database(engine))


async def _lock(tx: Transaction) -> None:
    await tx.fetch(_PATIENCE)
    await tx.fetch(_LOCK)
