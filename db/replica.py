"""Reading at a standby of the primary, while it is fit for that and has what the reader wrote.

Both servers are looked at several times a second. Whatever is wrong with the replica, reads go to
the primary: nothing fails because of it.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager, suppress
from typing import Any, Concatenate, Final, ParamSpec, TypeVar
from uuid import UUID
from weakref import WeakSet

import asyncpg
import structlog
from sqlalchemy.engine import URL
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlalchemy.pool import PoolProxiedConnection

from db.engine import open_engine
from db.following import BEHIND, MAX_LAG_SECONDS, NOT_KNOWN, Following
from db.migrate import head_revision, is_behind
from db.pins import Pins
from db.pool_statistics import PoolStatistics
from db.standing import LOGGED, PATIENCE_SECONDS, STANDING, Standing, Watched, watched
from db.transaction import Database, ReadSession
from domain.errors import AppError, DatabaseUnavailable, Unavailable

P = ParamSpec("P")
T = TypeVar("T")

_PAUSE_SECONDS: Final = 0.1
_RECHECK_SECONDS: Final = 2.0
_SILENT: Final = "The replica does not answer."
_NOT_TOLD: Final = "The replica does not tell how far it has come."
_NO_WORD: Final = (AppError, asyncpg.PostgresError)

log = structlog.get_logger(__name__)


class ReplicaFailed(Unavailable):
    """It cannot be read at the replica; it can be at the primary."""


class _Standby(Database):
    """The replica's connections; each is looked at once before it is read from."""

    def __init__(self, engine: AsyncEngine, following: Following) -> None:
        super().__init__(engine)
        self._following = following
        self._drivers: WeakSet[asyncpg.Connection] = WeakSet()

    @asynccontextmanager
    async def read(self) -> AsyncIterator[ReadSession]:
        """A session of `Database`, on a connection that leads to the replica as it is known."""
        async with super().read() as session:
            if session.driver not in self._drivers:
                await self._admit(session.driver)
            yield session

    async def replace(self, held: PoolProxiedConnection) -> PoolProxiedConnection:
        """No other connection: what broke here is done again at the primary."""
        connection: asyncpg.Connection = held.driver_connection
        connection.terminate()
        raise DatabaseUnavailable(_SILENT)

    def end_connections(self) -> None:
        """End all of them now; who waits for an answer is told that there is none."""
        for driver in list(self._drivers):
            driver.terminate()

    async def _admit(self, driver: asyncpg.Connection) -> None:
        self._drivers.add(driver)
        is_admitted = False
        try:
            standing = Standing(*await driver.fetchrow(STANDING.sql))
            is_admitted = self._following.admits(standing)
        finally:
            if not is_admitted:
                driver.terminate()
        if not is_admitted:
            raise DatabaseUnavailable(_SILENT)


class Replica:
    """A standby that is read from instead of the primary.

    Args:
        engine: Leads to the replica.
        watched_replica: Is looked at beside the reads.
        watched_primary: Is looked at beside everything else.
        database: The primary.

    Attributes:
        problem: What keeps the replica from being read, in an operator's words; None when nothing.
    """

    def __init__(
        self,
        engine: AsyncEngine,
        *,
        watched_replica: Watched,
        watched_primary: Watched,
        database: Database,
    ) -> None:
        self.problem: str | None = NOT_KNOWN
        self._database = database
        self._watched_replica = watched_replica
        self._watched_primary = watched_primary
        self._following = Following()
        self._standby = _Standby(engine, self._following)
        # The list itself: who observes the primary later observes the replica too.
        self._standby.observers = database.observers
        self._standby.comment = database.comment
        self._pins = Pins()
        self._is_migrated = False
        self._looking = asyncio.Lock()
        self._doubts = self._answered_doubts = 0

    def serves(self, user: UUID | None) -> bool:
        """Whether a user may read here now."""
        return (
            self.problem is None
            and self._doubts == self._answered_doubts
            and self.lag_seconds() <= MAX_LAG_SECONDS
            and self._pins.allow(user, self._following.position)
        )

    def lag_seconds(self) -> float:
        """How far the replica is behind, at most."""
        return self._following.lag_seconds()

    @property
    def pool_statistics(self) -> PoolStatistics:
        """What becomes of its connections."""
        return self._standby.pool_statistics

    async def run(
        self,
        read: Callable[Concatenate[ReadSession, P], Awaitable[T]],
        *arguments: P.args,
        **named: P.kwargs,
    ) -> T:
        """What a function of `db` reads here.

        Raises:
            ReplicaFailed: It did not work here, and may at the primary.
        """
        if self.problem is not None:
            raise ReplicaFailed(self.problem)
        try:
            async with self._standby.read() as session:
                return await read(session, *arguments, **named)
        except (Unavailable, asyncpg.PostgresError) as error:
            if isinstance(error, DatabaseUnavailable):
                self._doubts += 1
            log.info("replica_read_failed", error=type(error.__cause__ or error).__name__)
            raise ReplicaFailed(_SILENT) from error

    async def shown_to(self, user: UUID, work: Coroutine[Any, Any, T]) -> T:
        """What a piece of work at the primary gives; from its end on the user sees no less."""
        try:
            return await work
        finally:
            await self._pin(user)

    def told(self, user: UUID) -> None:
        """A user was told of what may not be here yet; from now on they see no less."""
        # The next look at the primary gives a position that holds it.
        self._pins.hold(user, at=time.monotonic())

    async def watch(self) -> None:
        """Look at both servers again and again, for ever."""
        told: str | None = NOT_KNOWN
        while True:
            try:
                await self.look()
            except Exception:  # a bug of ours: the replica gets old unseen, and reads leave it
                log.exception("replica_look_failed")
            problem = self.problem
            if problem != NOT_KNOWN:
                _tell(told, problem)
                told = problem
            is_settled = problem in (None, NOT_KNOWN)
            await asyncio.sleep(_PAUSE_SECONDS if is_settled else _RECHECK_SECONDS)

    async def look(self) -> str | None:
        """Look at both servers once; what keeps the replica from being read after that."""
        async with self._looking:
            doubts = self._doubts
            await self._look_at_primary()
            problem = await self._look_at_replica(afresh=doubts != self._answered_doubts)
            self._answered_doubts = doubts
            self.problem = problem
            if problem not in (None, NOT_KNOWN, BEHIND):
                self._standby.end_connections()
        return problem

    def end_connections(self) -> None:
        """End all of them without a word: a replica that is frozen would let us wait for ever."""
        self._standby.end_connections()
        self._watched_replica.hang_up()

    async def _pin(self, user: UUID) -> None:
        held_at = time.monotonic()
        self._pins.hold(user, at=held_at)
        # Left held when the primary does not answer: the next look at it tells the position.
        with suppress(*_NO_WORD):
            async with self._database.read() as session:
                position = await session.fetch_value(LOGGED)
            self._pins.pin(user, position, held_at=held_at)

    async def _look_at_primary(self) -> None:
        asked_at = time.monotonic()
        # While the primary is silent, nobody knows how far the replica is behind: it gets old.
        with suppress(*_NO_WORD):
            standing = await self._watched_primary.look()
            self._following.see_primary(standing, asked_at=asked_at)
            self._pins.settle(standing.position, asked_at=asked_at)

    async def _look_at_replica(self, *, afresh: bool) -> str | None:
        if afresh or self.problem not in (None, NOT_KNOWN, BEHIND):
            self._watched_replica.hang_up()
        try:
            problem = self._following.see_replica(await self._watched_replica.look())
            self._pins.forget(self._following.position)
            return problem or await self._missing_migrations()
        except AppError:
            return _SILENT
        except asyncpg.PostgresError:
            return _NOT_TOLD

    async def _missing_migrations(self) -> str | None:
        if not self._is_migrated:
            revision = await self._watched_replica.revision()
            if is_behind(revision):
                return f"The replica is at migration {revision}, not {head_revision()}."
            self._is_migrated = True
        return None


def _tell(before: str | None, problem: str | None) -> None:
    """Log that the replica came or went; once, however its problem changes meanwhile."""
    if problem is None and before is not None:
        log.info("replica_in_use")
    elif problem is not None and before in (None, NOT_KNOWN):
        log.warning("replica_left_out", reason=problem)


@asynccontextmanager
async def open_replica(
    url: URL, database: Database, *, primary: URL, pool_size: int, max_overflow: int
) -> AsyncIterator[Replica]:
    """A replica that nobody looks at yet.

    Args:
        database: What is read from when not from the replica, and written to.
        primary: Where that leads.
    """
    async with (
        open_engine(
            url,
            pool_size=pool_size,
            max_overflow=max_overflow,
            pool_timeout_seconds=PATIENCE_SECONDS,
            connect_timeout_seconds=PATIENCE_SECONDS,
        ) as engine,
        watched(url) as watched_replica,
        watched(primary) as watched_primary,
    ):
        replica = Replica(
            engine,
            watched_replica=watched_replica,
            watched_primary=watched_primary,
            database=database,
        )
        try:
            yield replica
        finally:
            replica.end_connections()
