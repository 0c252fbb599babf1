"""Reading and writing: the one seam through which every statement runs.

`Database.read()` is for one short statement or batch, outside a transaction. `Database.write()` is
one transaction: it collects what changed, and tells the listeners only after COMMIT. Functions that
write take a `Transaction`, so the type checker keeps them out of read sessions.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final, TypeVar

import asyncpg
import structlog
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlalchemy.pool import PoolProxiedConnection
from sqlalchemy.util import greenlet_spawn

from db.errors import CONNECTION_LOST, TOOK_TOO_LONG, outcome_unknown, translated
from db.rows import Row
from db.statements import Statement
from domain.changes import Change
from domain.errors import AppError, Rejected

R = TypeVar("R", bound=Row)
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class StatementRun:
    """A statement that has run.

    Attributes:
        arguments: The values of `$1`, `$2`, …: they belong to users, and stand in no log.
        rows: How many it gave; None when it failed.
        cut_off: It was ended for taking too long.
    """

    sql: str
    arguments: Sequence[object]
    seconds: float
    rows: int | None
    cut_off: bool = False


StatementObserver = Callable[[StatementRun], None]
"""Is told every statement, in the context of the task that asked for it."""

AfterCommit = Callable[[Sequence[Change]], Awaitable[None]]
BeforeCommit = Callable[["Transaction", Sequence[Change]], Awaitable[None]]

_NOTHING: Final[Mapping[str, object]] = {}
_SET_TIMEOUT: Final = Statement(
    text("SELECT set_config('statement_timeout', CAST(:timeout AS text), true)"), Row
)

log = structlog.get_logger(__name__)


class ReadSession:
    """A connection for one short read. Not for concurrent use."""

    def __init__(self, database: "Database", held: PoolProxiedConnection) -> None:
        self._database = database
        self._held = held

    @property
    def driver(self) -> asyncpg.Connection:
        """Asyncpg's connection, for what has no statement: COPY and LISTEN."""
        connection: asyncpg.Connection = self._held.driver_connection
        return connection

    async def fetch(
        self, statement: Statement[R], values: Mapping[str, object] = _NOTHING
    ) -> list[R]:
        """All rows of a statement."""
        arguments = statement.arguments(values)
        observe, sql = self._database.observe, statement.sql
        started = time.perf_counter()
        try:
            rows: list[R] = await self._fetch(statement, arguments)
        except BaseException as error:
            seconds, cut_off = time.perf_counter() - started, isinstance(error, TOOK_TOO_LONG)
            observe(StatementRun(sql, arguments, seconds, None, cut_off))
            raise
        observe(StatementRun(sql, arguments, time.perf_counter() - started, len(rows)))
        return rows

    async def fetch_one(
        self, statement: Statement[R], values: Mapping[str, object] = _NOTHING
    ) -> R | None:
        """The first row of a statement."""
        rows = await self.fetch(statement, values)
        return rows[0] if rows else None

    async def fetch_value(
        self, statement: Statement[R], values: Mapping[str, object] = _NOTHING
    ) -> Any:
        """The first column of the first row; None when there is no row."""
        row = await self.fetch_one(statement, values)
        return None if row is None else row[0]

    async def _fetch(self, statement: Statement[R], arguments: list[object]) -> Any:
        try:
            return await self.driver.fetch(statement.sql, *arguments, record_class=statement.row)
        except CONNECTION_LOST:
            # Outside a transaction nothing is lost by asking once more on another connection.
            self._held = await self._database.replace(self._held)
            return await self.driver.fetch(statement.sql, *arguments, record_class=statement.row)


class Transaction(ReadSession):
    """One transaction; what it records is told to the listeners after COMMIT."""

    def __init__(self, database: "Database", held: PoolProxiedConnection) -> None:
        super().__init__(database, held)
        self.changes: list[Change] = []
        self._timeout_seconds: float | None = None

    async def allow(self, seconds: float) -> None:
        """Let each statement from here on take this long, rather than the usual time."""
        # PostgreSQL ends it first; the driver would not be told how it ended.
        self._timeout_seconds = seconds + 1
        await self.fetch(_SET_TIMEOUT, {"timeout": f"{round(seconds * 1000)}ms"})

    def record(self, change: Change) -> None:
        """Remember a fact to be told once the transaction is committed."""
        self.changes.append(change)

    async def _fetch(self, statement: Statement[R], arguments: list[object]) -> Any:
        return await self.driver.fetch(
            statement.sql,
            *arguments,
            record_class=statement.row,
            timeout=self._timeout_seconds,
        )


class Database:
    """The doors' way to PostgreSQL.

    Args:
        engine: Its pool is where connections come from.
        observers: Told about every statement.
        before_commit: Awaited inside the transaction, after its last statement.
        after_commit: Awaited after COMMIT and before the caller goes on.
    """

    def __init__(
        self,
        engine: AsyncEngine,
        *,
        observers: Sequence[StatementObserver] = (),
        before_commit: Sequence[BeforeCommit] = (),
        after_commit: Sequence[AfterCommit] = (),
    ) -> None:
        self.engine = engine
        self.observers = list(observers)
        self._before_commit = tuple(before_commit)
        self._after_commit = tuple(after_commit)
        self._under_way: set[asyncio.Future[Any]] = set()

    @asynccontextmanager
    async def read(self) -> AsyncIterator[ReadSession]:
        """A session for one statement or batch; it shows what was committed before each statement.

        Raises:
            DatabaseUnavailable: No connection was free in time, or PostgreSQL does not answer.
        """
        with translated():
            session = ReadSession(self, await self._acquire())
            try:
                yield session
            finally:
                await _release(session._held)  # noqa: SLF001  # the session may have replaced it

    @asynccontextmanager
    async def write(self) -> AsyncIterator[Transaction]:
        """A transaction: committed at the end of the block, rolled back when it raises.

        Raises:
            DatabaseUnavailable: As with `read`; as `OutcomeUnknown` when COMMIT got no answer.
        """
        with translated():
            held = await self._acquire()
            is_over = is_committing = False
            try:
                transaction = Transaction(self, held)
                async with transaction.driver.transaction():
                    yield transaction
                    for prepare in self._before_commit:
                        await prepare(transaction, transaction.changes)
                    is_committing = True
                is_over = True
            except CONNECTION_LOST as error:
                if is_committing:
                    raise outcome_unknown() from error
                raise
            except (AppError, Rejected, asyncpg.PostgresError):
                # PostgreSQL has answered: the transaction is rolled back.
                is_over = True
                raise
            finally:
                await (_release(held) if is_over else _discard(held))
        await self._tell(transaction.changes)

    async def finish(self, work: Coroutine[Any, Any, T]) -> T:
        """The result of work that goes on to its end even when nobody waits for it any more.

        A request that is cancelled in the middle of COMMIT would not know what it has done, and the
        listeners would not be told.
        """
        task = asyncio.ensure_future(work)
        self._under_way.add(task)
        task.add_done_callback(self._forget)
        return await asyncio.shield(task)

    async def settle(self) -> None:
        """Wait for the work that `finish` was given."""
        await asyncio.gather(*self._under_way, return_exceptions=True)

    def _forget(self, task: asyncio.Future[Any]) -> None:
        self._under_way.discard(task)
        if not task.cancelled():
            # Who waited has it already; who did not must not find it in the log as lost.
            task.exception()

    async def replace(self, held: PoolProxiedConnection) -> PoolProxiedConnection:
        """Another connection for one that is broken."""
        await greenlet_spawn(held.invalidate)
        return await self._acquire()

    def observe(self, run: StatementRun) -> None:
        """Tell the observers about a statement that has run."""
        for observer in self.observers:
            observer(run)

    async def _acquire(self) -> PoolProxiedConnection:
        # The pool's own checkout costs half of what AsyncEngine.connect() does: no AsyncConnection,
        # no transaction object, no reset on return when nothing was begun.
        pool = self.engine.sync_engine.pool
        held: PoolProxiedConnection = await greenlet_spawn(pool.connect)
        while _is_closed(held):
            await greenlet_spawn(held.invalidate)
            held = await greenlet_spawn(pool.connect)
        return held

    async def _tell(self, changes: Sequence[Change]) -> None:
        if not changes:
            return
        for listener in self._after_commit:
            try:
                await listener(changes)
            except Exception:  # the change is committed: a listener must not undo its answer
                log.exception("after_commit_listener_failed", listener=repr(listener))


def _is_closed(held: PoolProxiedConnection) -> bool:
    connection: asyncpg.Connection = held.driver_connection
    return bool(connection.is_closed())


def _is_in_transaction(held: PoolProxiedConnection) -> bool:
    connection: asyncpg.Connection = held.driver_connection
    # asyncpg remembers its outermost transaction here, also when BEGIN was cut off half-way; each
    # later one on the connection would be a savepoint of it, and never be committed.
    remembered = connection._top_xact is not None  # noqa: SLF001
    return remembered or bool(connection.is_in_transaction())


async def _release(held: PoolProxiedConnection) -> None:
    if not held.is_valid:
        return
    if not _is_closed(held) and _is_in_transaction(held):
        await _discard(held)
    else:
        await greenlet_spawn(held.close)


async def _discard(held: PoolProxiedConnection) -> None:
    """End a connection whose state nobody knows; PostgreSQL rolls back what it was doing."""
    if not held.is_valid:
        return
    connection: asyncpg.Connection = held.driver_connection
    connection.terminate()
    await greenlet_spawn(held.invalidate)
