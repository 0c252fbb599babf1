"""The slow statements of late, each text once, with what PostgreSQL's plan warns of.

The plan is asked for aside, seldom and only while nobody waits for a connection. It is that of the
values the statement ran with; they are forgotten with the answer, and nothing tells them.
"""

import asyncio
import hashlib
import time
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from contextvars import Context
from dataclasses import dataclass
from typing import Final

import structlog

from app.monitoring import shown
from db.analysis import analyze_run
from db.transaction import Database, StatementRun
from domain.analysis import PlanWarning
from graph.asking import asking

KEPT_STATEMENTS: Final = 50

_EXPLAINED_FOR_SECONDS: Final = 600.0
_AGAIN_SECONDS: Final = 60.0
"""After how long a plan is asked for again that could not be had."""

_EXPLAIN_SECONDS: Final = 2.0
_PATIENCE_SECONDS: Final = 30.0
_PAUSE_SECONDS: Final = 0.5
_MOST_WAITING: Final = 10

log = structlog.get_logger(__name__)


@dataclass(slots=True, kw_only=True)
class SlowStatement:
    """A statement that was slow, by its text.

    Attributes:
        id: Of the text, the same in every process.
        sql: The text as logs show it.
        count: How often it was slow, and of these how often it was cut off.
        rows: Of the last time; None when it failed.
        operation: What asked for it the last time, `path` the field of it.
        last_at: In seconds since 1970.
        changed_at: When something of this was another for the last time.
        is_explained: PostgreSQL was asked for its plan.
        warnings: What that warns of; None as long as nobody knows, or when it told none.
    """

    id: str
    sql: str
    count: int = 0
    cut_off: int = 0
    max_seconds: float = 0.0
    last_seconds: float = 0.0
    rows: int | None = None
    operation: str | None = None
    path: str = ""
    last_at: float = 0.0
    changed_at: float = 0.0
    is_explained: bool = False
    warnings: tuple[PlanWarning, ...] | None = None


@dataclass(frozen=True, slots=True)
class _Question:
    """A run whose plan is to be asked for.

    Attributes:
        request_id: Of the request that caused it.
        until: When it is no use any more.
    """

    run: StatementRun
    request_id: object
    until: float


class SlowStatements:
    """Remembers the slow ones. Not for threads: the event loop alone uses it.

    Args:
        database: Where plans are asked for; it has no observers.
        threshold_seconds: From when on a statement is slow.
        clock: Tells the seconds since 1970.
    """

    def __init__(
        self,
        database: Database,
        *,
        threshold_seconds: float,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._database = database
        self._threshold_seconds = threshold_seconds
        self._clock = clock
        # The one that ran last is the last of each.
        self._kept: OrderedDict[str, SlowStatement] = OrderedDict()
        self._next: dict[str, float] = {}
        self._questions: OrderedDict[str, _Question] = OrderedDict()
        self._explaining: asyncio.Task[None] | None = None

    def observe(self, run: StatementRun) -> None:
        """Remember a statement that took its time, or that was ended for that."""
        if run.seconds < self._threshold_seconds and not run.cut_off:
            return
        self._note(run)
        if self._is_due(run.sql):
            self._ask(run)

    def latest(self, *, since: float = 0.0) -> Sequence[SlowStatement]:
        """Those of which something is new since a moment; those that ran last come first."""
        return [each for each in reversed(self._kept.values()) if each.changed_at > since]

    async def close(self) -> None:
        """Ask no more."""
        self._questions.clear()
        if self._explaining is not None:
            self._explaining.cancel()
            with suppress(asyncio.CancelledError):
                await self._explaining

    def _note(self, run: StatementRun) -> None:
        slow = self._kept.pop(run.sql, None) or SlowStatement(id=_id(run.sql), sql=shown(run.sql))
        self._kept[run.sql] = slow
        asked = asking()
        slow.count += 1
        slow.cut_off += run.cut_off
        slow.max_seconds = max(slow.max_seconds, run.seconds)
        slow.last_seconds = run.seconds
        slow.rows = run.rows
        slow.operation, slow.path = asked.operation, ".".join(asked.place)
        slow.last_at = slow.changed_at = self._clock()
        if len(self._kept) > KEPT_STATEMENTS:
            forgotten, _ = self._kept.popitem(last=False)
            self._next.pop(forgotten, None)

    def _is_due(self, sql: str) -> bool:
        if sql in self._questions or len(self._questions) >= _MOST_WAITING:
            return False
        return self._next.get(sql, 0.0) <= time.monotonic()

    def _ask(self, run: StatementRun) -> None:
        request_id = structlog.contextvars.get_contextvars().get("request_id")
        until = time.monotonic() + _PATIENCE_SECONDS
        self._questions[run.sql] = _Question(run, request_id, until)
        if self._explaining is None or self._explaining.done():
            # What is done for all is not caused by the request that came first.
            work = self._explain_all()
            self._explaining = asyncio.get_running_loop().create_task(work, context=Context())

    async def _explain_all(self) -> None:
        while self._questions:
            if self._is_busy():
                self._give_up_old_ones()
                await asyncio.sleep(_PAUSE_SECONDS)
            else:
                sql, question = self._questions.popitem(last=False)
                if (slow := self._kept.get(sql)) is not None:
                    await self._explain(slow, question)

    def _is_busy(self) -> bool:
        """Whether a connection may be missed by who answers requests."""
        pool = self._database.pool_statistics.snapshot()
        return pool.waiting > 0 or pool.checked_out * 2 >= pool.size

    def _give_up_old_ones(self) -> None:
        now = time.monotonic()
        for sql in [sql for sql, asked in self._questions.items() if asked.until < now]:
            del self._questions[sql]

    async def _explain(self, slow: SlowStatement, question: _Question) -> None:
        sql = question.run.sql
        self._next[sql] = time.monotonic() + _AGAIN_SECONDS
        warnings = await self._warnings(question.run)
        if sql not in self._kept:
            self._next.pop(sql, None)
        elif warnings is not None:
            self._next[sql] = time.monotonic() + _EXPLAINED_FOR_SECONDS
        slow.is_explained, slow.warnings = True, warnings
        slow.changed_at = self._clock()
        if warnings:
            _log_plan(slow, question.request_id)

    async def _warnings(self, run: StatementRun) -> tuple[PlanWarning, ...] | None:
        """What the plan of a statement warns of; None when PostgreSQL tells none in time."""
        try:
            async with asyncio.timeout(2 * _EXPLAIN_SECONDS), self._database.write() as tx:
                await tx.allow(_EXPLAIN_SECONDS)
                analysis = await analyze_run(tx, run)
        except Exception as error:  # noqa: BLE001  # whatever it is, nobody waits for this
            # The text of an error may have the values in it.
            log.debug("slow_statement_not_explained", reason=type(error).__name__)
            return None
        return analysis.warnings


def _log_plan(slow: SlowStatement, request_id: object) -> None:
    """Name what is wrong with a plan."""
    log.warning(
        "slow_statement_plan",
        request_id=request_id,
        operation=slow.operation,
        path=slow.path,
        warnings=[
            {"code": each.code.value, "relation": each.relation, "message": each.message}
            for each in slow.warnings or ()
        ],
        sql=slow.sql,
    )


def _id(sql: str) -> str:
    return hashlib.sha256(sql.encode()).hexdigest()[:16]


@asynccontextmanager
async def open_slow_statements(
    database: Database, *, threshold_seconds: float, is_enabled: bool
) -> AsyncIterator[SlowStatements]:
    """Those of a database; none are ever noted when it is not enabled."""
    aside = Database(database.engine, pool_statistics=database.pool_statistics)
    slow = SlowStatements(aside, threshold_seconds=threshold_seconds)
    if is_enabled:
        database.observers.append(slow.observe)
    try:
        yield slow
    finally:
        await slow.close()
