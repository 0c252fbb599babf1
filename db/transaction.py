"""Reading and writing: the one seam through which every statement runs.

`Database.read()` is for one short statement or batch, outside a transaction. `Database.write()` is
one transaction: it collects what changed, and tells the listeners only after COMMIT. Functions that
write take a `Transaction`, so the type checker keeps them out of read sessions.
"""

import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, Final, TypeVar

import asyncpg
import structlog
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlalchemy.pool import PoolProxiedConnection
from sqlalchemy.util import greenlet_spawn

from db.errors import CONNECTION_LOST, translate
from db.rows import Row
from db.statements import Statement
from domain.changes import Change

R = TypeVar("R", bound=Row)

StatementObserver = Callable[[str, float], None]
"""Is told the text of every statement and the seconds it took."""

AfterCommit = Callable[[Sequence[Change]], Awaitable[None]]
BeforeCommit = Callable[["Transaction", Sequence[Change]], Awaitable[None]]

_NOTHING: Final[Mapping[str, object]] = {}

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
        started = time.perf_counter()
        try:
            rows: list[R] = await self._fetch(statement, arguments)
        finally:
            self._database.observe(statement.sql, time.perf_counter() - started)
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

    def record(self, change: Change) -> None:
        """Remember a fact to be told once the transaction is committed."""
        self.changes.append(change)

    async def _fetch(self, statement: Statement[R], arguments: list[object]) -> Any:
        return await self.driver.fetch(statement.sql, *arguments, record_class=statement.row)


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

    @asynccontextmanager
    async def read(self) -> AsyncIterator[ReadSession]:
        """A session for one statement or batch; it shows what was committed before each statement.

        Raises:
            DatabaseUnavailable: No connection was free in time, or PostgreSQL does not answer.
        """
        with _translated():
            session = ReadSession(self, await self._acquire())
            try:
                yield session
            finally:
                await _release(session._held)  # noqa: SLF001  # the session may have replaced it

    @asynccontextmanager
    async def write(self) -> AsyncIterator[Transaction]:
        """A transaction: committed at the end of the block, rolled back when it raises.

        Raises:
            DatabaseUnavailable: As with `read`; the outcome is unknown when COMMIT got no answer.
        """
        with _translated():
            held = await self._acquire()
            try:
                transaction = Transaction(self, held)
                async with transaction.driver.transaction():
                    yield transaction
                    for prepare in self._before_commit:
                        await prepare(transaction, transaction.changes)
            finally:
                await _release(held)
        await self._tell(transaction.changes)

    async def replace(self, held: PoolProxiedConnection) -> PoolProxiedConnection:
        """Another connection for one that is broken."""
        await greenlet_spawn(held.invalidate)
        return await self._acquire()

    def observe(self, sql: str, seconds: float) -> None:
        """Tell the observers about a statement that has run."""
        for observer in self.observers:
            observer(sql, seconds)

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


async def _release(held: PoolProxiedConnection) -> None:
    if held.is_valid:
        await greenlet_spawn(held.close)


class _translated:  # noqa: N801  # reads as a word at its with statements
    """Turns the errors of the driver that leave the block into the domain's."""

    def __enter__(self) -> None:
        return None

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        if error is not None and (told := translate(error)) is not None:
            raise told from error
