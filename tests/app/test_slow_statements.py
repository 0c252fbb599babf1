"""Slow statements: each text once, with what its plan warns of, and no value of anybody."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from contextvars import Context
from typing import Any

import pytest
from sqlalchemy import Float, bindparam, func, select, text
from sqlalchemy.engine import URL
from sqlalchemy.ext.asyncio import AsyncEngine
from structlog.testing import capture_logs

from app.log import REQUEST_ID
from app.slow_statements import (
    KEPT_STATEMENTS,
    SlowStatement,
    SlowStatements,
    open_slow_statements,
)
from app.vitals_json import statement_json
from db.engine import open_engine
from db.rows import Row
from db.statements import Statement
from db.transaction import Database, StatementRun
from domain.analysis import PlanWarningCode
from domain.errors import OperationTimeout
from tests.graph.sockets import until

ALL = 0.0
NEVER = 600.0
SECRET = "hunter2 ~~ '%x"  # what somebody looks for, and nobody else may read

SLEEP = Statement(select(func.pg_sleep(bindparam("seconds", type_=Float))), Row)
FILL = Statement(
    text(
        "INSERT INTO contacts (first_name, title) SELECT 'Ada ' || n, 'Chief ' || n"
        " FROM generate_series(1, 12000) n"
    ),
    Row,
)
ANALYZE = Statement(text("ANALYZE contacts"), Row)
WITHIN = Statement(text("SELECT id FROM contacts WHERE title LIKE :pattern LIMIT 5"), Row)
BAD_CAST = Statement(text("SELECT CAST(CAST(:value AS text) AS integer)"), Row)


@asynccontextmanager
async def watched(
    engine: AsyncEngine, *, threshold_seconds: float = ALL, is_enabled: bool = True
) -> AsyncIterator[tuple[Database, SlowStatements]]:
    """A database whose slow statements are remembered."""
    database = Database(engine)
    async with open_slow_statements(
        database, threshold_seconds=threshold_seconds, is_enabled=is_enabled
    ) as slow:
        yield database, slow


async def fetch(database: Database, statement: Statement[Row], **values: object) -> None:
    """Run a statement that no field asks for."""

    async def run() -> None:
        async with database.read() as session:
            await session.fetch(statement, values)

    await asyncio.create_task(run(), context=Context())


async def explained(slow: SlowStatements, count: int = 1) -> list[SlowStatement]:
    """The statements, once so many have been explained."""
    await until(lambda: sum(each.warnings is not None for each in slow.latest()) >= count)
    return list(slow.latest())


async def many_contacts(database: Database) -> None:
    """So many that reading all of them for a few is noticed."""
    async with database.write() as tx:
        await tx.fetch(FILL)
        await tx.fetch(ANALYZE)


def run_of(sql: str, seconds: float = 2.0, **facts: Any) -> StatementRun:
    """A statement that took its time."""
    return StatementRun(sql, [], seconds, **({"rows": 1} | facts))


async def test_statement_is_remembered_by_its_text(engine: AsyncEngine) -> None:
    """How often it was slow, and what it did the last time; quick ones are not there."""
    slow = SlowStatements(Database(engine), threshold_seconds=1.0)
    slow.observe(run_of("SELECT 1", seconds=3.0, rows=9))
    slow.observe(run_of("SELECT 2", seconds=0.2))
    slow.observe(run_of("SELECT 1", seconds=0.1, rows=None, cut_off=True))
    slow.observe(run_of("SELECT 1", seconds=2.0, rows=4))
    await slow.close()
    (found,) = slow.latest()
    assert (found.sql, found.count, found.cut_off) == ("SELECT 1", 3, 1)
    assert (found.max_seconds, found.last_seconds, found.rows) == (3.0, 2.0, 4)
    assert found.warnings is None
    assert slow.latest(since=found.changed_at) == []


async def test_only_the_latest_texts_are_kept(engine: AsyncEngine) -> None:
    """Those that ran longest ago go first, and nothing of them stays."""
    slow = SlowStatements(Database(engine), threshold_seconds=1.0)
    for number in range(KEPT_STATEMENTS + 20):
        slow.observe(run_of(f"SELECT {number}"))
        slow.observe(run_of("SELECT -1"))
    await slow.close()
    texts = [each.sql for each in slow.latest()]
    assert len(texts) == KEPT_STATEMENTS
    assert texts[:2] == ["SELECT -1", f"SELECT {KEPT_STATEMENTS + 19}"]
    assert "SELECT 0" not in texts


async def test_plan_is_explained_aside_and_nothing_of_the_values_is_told(
    engine: AsyncEngine,
) -> None:
    """A text within a column: the warning names the column, and nothing has what was looked for."""
    async with watched(engine, threshold_seconds=NEVER) as (database, _):
        await many_contacts(database)
    with capture_logs() as logs:
        async with watched(engine) as (database, slow):
            token = REQUEST_ID.set("find-me")
            async with database.read() as session:
                await session.fetch(WITHIN, {"pattern": f"%{SECRET}%"})
            REQUEST_ID.reset(token)
            (found,) = await explained(slow)
            shown = json.dumps(statement_json(found, process=0))
    assert found.warnings is not None
    codes = {warning.code for warning in found.warnings}
    assert codes == {PlanWarningCode.SEQUENTIAL_SCAN, PlanWarningCode.LEADING_WILDCARD}
    assert "contacts.title" in shown
    (line,) = [entry for entry in logs if entry["event"] == "slow_statement_plan"]
    assert line["request_id"] == "find-me"
    assert {warning["code"] for warning in line["warnings"]} == set(codes)
    for told in (shown, repr(logs), repr(found)):
        assert "hunter2" not in told
        assert "%x" not in told


async def test_good_plan_is_explained_and_not_logged(engine: AsyncEngine) -> None:
    """Nothing is wrong: the page can say so, and the log stays quiet."""
    with capture_logs() as logs:
        async with watched(engine) as (database, slow):
            await fetch(database, SLEEP, seconds=0.0)
            (found,) = await explained(slow)
    assert found.warnings == ()
    assert [entry for entry in logs if entry["event"] == "slow_statement_plan"] == []


async def test_text_is_explained_once_however_often_it_runs(engine: AsyncEngine) -> None:
    """PostgreSQL is not asked again for ten minutes, and explaining itself is never observed."""
    async with watched(engine) as (database, slow):
        await fetch(database, SLEEP, seconds=0.0)
        (found,) = await explained(slow)
        at = found.changed_at
        seen: list[StatementRun] = []
        database.observers.append(seen.append)
        for _ in range(5):
            await fetch(database, SLEEP, seconds=0.0)
        await asyncio.sleep(0.1)
        (found,) = slow.latest()
        assert found.count == 6
        assert found.changed_at == found.last_at > at
        assert {run.sql for run in seen} == {SLEEP.sql}


async def test_nobody_is_kept_waiting_for_a_plan(database_url: URL) -> None:
    """While connections are in use nothing is explained; afterwards it is."""
    async with (
        open_engine(database_url, pool_size=2, max_overflow=2) as engine,
        watched(engine) as (database, slow),
    ):
        async with database.read():
            await fetch(database, SLEEP, seconds=0.0)
            await asyncio.sleep(1.2)
            (found,) = slow.latest()
            assert found.warnings is None
        await explained(slow)


async def test_statement_that_has_no_plan_harms_nothing(engine: AsyncEngine) -> None:
    """Planning fails over the value itself: it is told nowhere, and the next one is explained."""
    with capture_logs() as logs:
        async with watched(engine) as (database, slow):
            with pytest.raises(Exception, match=r".*"):
                await fetch(database, BAD_CAST, value="hunter2")
            await fetch(database, SLEEP, seconds=0.0)
            found = {each.sql: each for each in await explained(slow)}
    assert found[BAD_CAST.sql].warnings is None
    assert found[BAD_CAST.sql].is_explained
    assert found[SLEEP.sql].warnings == ()
    assert {entry["event"] for entry in logs} == {"slow_statement_not_explained"}
    assert "hunter2" not in repr(logs)


async def test_statement_that_was_cut_off_is_remembered(database_url: URL) -> None:
    """Below the threshold too: PostgreSQL ended it for its time."""
    async with (
        open_engine(database_url, statement_timeout_seconds=0.1) as engine,
        watched(engine, threshold_seconds=NEVER) as (database, slow),
    ):
        with pytest.raises(OperationTimeout):
            await fetch(database, SLEEP, seconds=60.0)
        (found,) = await explained(slow)
    assert (found.cut_off, found.rows) == (1, None)


async def test_nothing_is_remembered_when_monitoring_is_off(engine: AsyncEngine) -> None:
    """ENABLE_QUERY_MONITORING decides whether anybody listens at all."""
    async with watched(engine, is_enabled=False) as (database, slow):
        await fetch(database, SLEEP, seconds=0.0)
        assert database.observers == []
    assert slow.latest() == []
