"""Asks PostgreSQL how it would answer a statement, and says what is wrong with that."""

from collections.abc import Mapping, Sequence
from typing import Any, Final, TypeVar

import asyncpg

from db.plans import Surroundings, find_warnings, relations_of
from db.rows import Row
from db.statements import Statement, sql
from db.transaction import ReadSession, StatementRun
from domain.analysis import Analysis
from domain.errors import InvalidInput

R = TypeVar("R", bound=Row)

_NOTHING: Final[Mapping[str, object]] = {}
_TABLES: Final = sql(
    "SELECT relname, greatest(reltuples, 0) AS rows, array(SELECT pg_get_indexdef(indexrelid)"
    " FROM pg_index WHERE indrelid = pg_class.oid AND EXISTS (SELECT FROM pg_opclass"
    " WHERE pg_opclass.oid = ANY (indclass) AND opcname LIKE '%trgm_ops')) AS trigram_indexes"
    " FROM pg_class WHERE relname = ANY (CAST(:names AS name[])) AND pg_table_is_visible(oid)"
)
_WORK_MEM: Final = sql("SELECT pg_size_bytes(current_setting('work_mem'))")


async def analyze_query_performance(
    session: ReadSession,
    statement: Statement[R],
    values: Mapping[str, object] = _NOTHING,
    *,
    place: tuple[str, ...] = (),
    execute: bool = False,
) -> Analysis:
    """The plan of a statement with these values, and what is wrong with it.

    The values are planned with, so the plan is that of these values and no other. Without
    `execute` nothing runs, and every figure is the planner's estimate.

    Args:
        place: The field that causes it, for whoever reads the warnings.
        execute: Run it, a read, so that the plan has what was measured too.

    Raises:
        InvalidInput: It is to be run and is not a read.
    """
    arguments = statement.arguments(values)
    return await _analyze(session, statement.sql, arguments, place=place, execute=execute)


async def analyze_run(
    session: ReadSession, run: StatementRun, *, place: tuple[str, ...] = (), execute: bool = False
) -> Analysis:
    """As `analyze_query_performance` for a statement that has run, with the values it had."""
    return await _analyze(session, run.sql, run.arguments, place=place, execute=execute)


async def _analyze(
    session: ReadSession,
    sql: str,
    arguments: Sequence[object],
    *,
    place: tuple[str, ...],
    execute: bool,
) -> Analysis:
    plan = await _plan(session, sql, arguments, execute=execute)
    warnings = find_warnings(plan, await _surroundings(session, relations_of(plan)))
    return Analysis(sql=sql, place=place, plan=plan, warnings=warnings)


async def _plan(
    session: ReadSession, sql: str, arguments: Sequence[object], *, execute: bool
) -> dict[str, Any]:
    options = "FORMAT JSON, ANALYZE, BUFFERS" if execute else "FORMAT JSON"
    explain = f"EXPLAIN ({options}) {sql}"
    # PostgreSQL itself holds whatever runs here to reading.
    try:
        async with session.driver.transaction(readonly=True):
            (explained,) = await session.driver.fetchval(explain, *arguments)
    except asyncpg.ReadOnlySQLTransactionError:
        raise InvalidInput("Only a statement that reads can be run to be analyzed.") from None
    plan: dict[str, Any] = explained["Plan"]
    return plan


async def _surroundings(session: ReadSession, relations: set[str]) -> Surroundings:
    tables = await session.fetch(_TABLES, {"names": sorted(relations)})
    return Surroundings(
        table_rows={table["relname"]: table["rows"] for table in tables},
        trigram_indexes={table["relname"]: table["trigram_indexes"] for table in tables},
        work_mem_bytes=await session.fetch_value(_WORK_MEM),
    )
