"""Reading and writing: the one seam through which every statement runs.

`Database.read()` is for one short statement or batch, outside a transaction. `Database.write()` is
one transaction: it collects what changed, and tells the listeners only after COMMIT. Functions that
write take a `Transaction`, so the type checker keeps them out of read sessions.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final, Protocol, TypeVar

import asyncpg
import structlog
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlalchemy.pool import PoolProxiedConnection

from db.comments import Comment, commented
from db.connections import Connections
from db.errors import CONNECTION_LOST, TOOK_TOO_LONG, outcome_unknown, translate, translated
from db.pool_statistics import PoolStatistics
from db.rows import Row
from db.statements import Statement, sql
from domain.changes import Change, CommitOutcome
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


EndOfCommit = Callable[[CommitOutcome], Awaitable[None]]
"""Is awaited before anybody is told that the transaction is committed; it does not raise."""


class CommitGuard(Protocol):
    """Surrounds the COMMIT of every transaction that changed records."""

    async def begin(self, tx: "Transaction", changes: Sequence[Change]) -> EndOfCommit:
        """Right before COMMIT; what it raises undoes the transaction."""

    async def shown(self) -> None:
        """Wait until everybody who reads is shown all that was committed here."""


_NOTHING: Final[Mapping[str, object]] = {}
_SET_TIMEOUT: Final = sql("SELECT set_config('statement_timeout', CAST(:timeout AS text), true)")

log = structlog.get_logger(__name__)


class ReadSession:
    """A connection for one short read. Not for concurrent use.

    Attributes:
        driver: Asyncpg's connection, for what has no statement: COPY and LISTEN.
    """

    def __init__(self, database: "Database", held: PoolProxiedConnection) -> None:
        self._database = database
        self._hold(held)

    async def fetch(
        self, statement: Statement[R], values: Mapping[str, object] = _NOTHING
    ) -> list[R]:
        """All rows of a statement."""
        arguments = statement.arguments(values)
        if self._database.observers:
            return await self._fetch_observed(statement, arguments)
        rows: list[R] = await self._fetch(statement, arguments)
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

    async def fetch_by_id(
        self, statement: Statement[R], ids: Sequence[object], *, key: str = "id"
    ) -> list[R | None]:
        """The row of each id, in the order of the ids; None for missing ones.

        Args:
            statement: It asks for the rows of all `ids`; each has its id as `key`.
        """
        rows = await self.fetch(statement, {"ids": list(ids)})
        by_id = {row[key]: row for row in rows}
        return [by_id.get(each) for each in ids]

    def _hold(self, held: PoolProxiedConnection) -> None:
        self.held = held
        self.driver: asyncpg.Connection = held.driver_connection

    async def _fetch_observed(self, statement: Statement[R], arguments: list[object]) -> list[R]:
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

    async def _fetch(self, statement: Statement[R], arguments: list[object]) -> Any:
        sql = self._sent(statement)
        try:
            return await self.driver.fetch(sql, *arguments, record_class=statement.row)
        except CONNECTION_LOST:
            # Outside a transaction nothing is lost by asking once more on another connection.
            self._hold(await self._database.replace(self.held))
            return await self.driver.fetch(sql, *arguments, record_class=statement.row)

    def _sent(self, statement: Statement[Row]) -> str:
        """The text of a statement as PostgreSQL gets it."""
        comment = self._database.comment
        return statement.sql if comment is None else commented(statement.sql, comment)


class Transaction(ReadSession):
    """One transaction; what it records is told to the listeners after COMMIT.

    Attributes:
        is_replay: It answers what another one has done, perhaps this very moment.
    """

    def __init__(self, database: "Database", held: PoolProxiedConnection) -> None:
        super().__init__(database, held)
        self.changes: list[Change] = []
        self.is_replay = False
        self._timeout_seconds: float | None = None

    async def allow(self, seconds: float) -> None:
        """Let each statement from here on take this long, rather than the usual time."""
        # PostgreSQL ends it first; the driver would not be told how it ended.
        self._timeout_seconds = seconds + 1
        await self.fetch(_SET_TIMEOUT, {"timeout": f"{round(seconds * 1000)}ms"})

    @asynccontextmanager
    async def step(self, timeout_seconds: float | None = None) -> AsyncIterator[None]:
        """When the block fails, only what was done in it is undone, its time limit too.

        Args:
            timeout_seconds: What each statement may take from here on; None leaves it as it is.
        """
        usual = self._timeout_seconds
        try:
            async with self.driver.transaction():
                if timeout_seconds is not None:
                    await self.allow(timeout_seconds)
                yield
        except BaseException:
            self._timeout_seconds = usual
            raise

    def record(self, change: Change) -> None:
        """Remember a fact to be told once the transaction is committed."""
        self.changes.append(change)

    async def _fetch(self, statement: Statement[R], arguments: list[object]) -> Any:
        return await self.driver.fetch(
            self._sent(statement),
            *arguments,
            record_class=statement.row,
            timeout=self._timeout_seconds,
        )


class Database(Connections):
    """The doors' way to PostgreSQL.

    Args:
        engine: Its pool is where connections come from.
        observers: Told about every statement.
        before_commit: Awaited inside the transaction, after its last statement.
        guard: Awaited last before COMMIT and first after it.
        after_commit: Awaited after COMMIT and before the caller goes on.
        pool_statistics: Of the engine's pool, where others take from it too.
        comment: Whose name statements bear; None where they bear none.
    """

    def __init__(
        self,
        engine: AsyncEngine,
        *,
        observers: Sequence[StatementObserver] = (),
        before_commit: Sequence[BeforeCommit] = (),
        guard: CommitGuard | None = None,
        after_commit: Sequence[AfterCommit] = (),
        pool_statistics: PoolStatistics | None = None,
        comment: Comment | None = None,
    ) -> None:
        super().__init__(engine, pool_statistics)
        self.comment = comment
        self.observers = list(observers)
        self._before_commit = tuple(before_commit)
        self._guard = guard
        self._after_commit = tuple(after_commit)
        self._under_way: set[asyncio.Future[Any]] = set()

    def read(self) -> AbstractAsyncContextManager[ReadSession]:
        """A session for one statement or batch; it shows what was committed before each statement.

        Raises:
            DatabaseUnavailable: No connection was free in time, or PostgreSQL does not answer.
        """
        return _Reading(self)

    @asynccontextmanager
    async def write(self) -> AsyncIterator[Transaction]:
        """A transaction: committed at the end of the block, rolled back when it raises.

        Raises:
            DatabaseUnavailable: As with `read`; as `OutcomeUnknown` when COMMIT got no answer.
        """
        with translated():
            held = await self.acquire()
            transaction, is_committing = Transaction(self, held), False
            end: EndOfCommit = _not_guarded
            outcome = CommitOutcome.UNKNOWN
            try:
                async with transaction.driver.transaction():
                    yield transaction
                    end = await self._prepare(transaction)
                    is_committing = True
                outcome = CommitOutcome.COMMITTED
            except CONNECTION_LOST as error:
                if is_committing:
                    raise outcome_unknown() from error
                raise
            except (AppError, Rejected, asyncpg.PostgresError):
                # PostgreSQL has answered: the transaction is rolled back.
                outcome = CommitOutcome.UNDONE
                raise
            finally:
                try:
                    give_back = self.discard if outcome is CommitOutcome.UNKNOWN else self.release
                    await give_back(held)
                finally:
                    await end(outcome)
        await self._tell(transaction.changes)

    async def shown(self) -> None:
        """Wait until everybody who reads is shown all that was committed here."""
        if self._guard is not None:
            await self._guard.shown()

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

    def observe(self, run: StatementRun) -> None:
        """Tell the observers about a statement that has run."""
        for observer in self.observers:
            observer(run)

    async def _prepare(self, tx: Transaction) -> EndOfCommit:
        """Do what belongs before COMMIT; what belongs after it."""
        for prepare in self._before_commit:
            await prepare(tx, tx.changes)
        if self._guard is None or not (tx.changes or tx.is_replay):
            return _not_guarded
        return await self._guard.begin(tx, tx.changes)

    async def _tell(self, changes: Sequence[Change]) -> None:
        if not changes:
            return
        for listener in self._after_commit:
            try:
                await listener(changes)
            except Exception:  # the change is committed: a listener must not undo its answer
                log.exception("after_commit_listener_failed", listener=repr(listener))


class _Reading:
    """The time from taking a connection to giving it back.

    A class, for a generator that does the same takes a quarter of what a small read costs.
    """

    __slots__ = ("_database", "_session")

    def __init__(self, database: Database) -> None:
        self._database = database

    async def __aenter__(self) -> ReadSession:
        with translated():
            self._session = ReadSession(self._database, await self._database.acquire())
        return self._session

    async def __aexit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        with translated():
            # Which may be another than was taken.
            await self._database.release(self._session.held)
        if error is not None and (told := translate(error)) is not None:
            raise told from error


async def _not_guarded(_outcome: CommitOutcome) -> None:
    """Nothing belongs after COMMIT."""
