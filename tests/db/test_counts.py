"""Promises of `db.counts`: exact counts, counts that stop, and what the planner expects."""

from typing import Any

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from db.counts import count_exactly, count_up_to, estimate_count
from db.entities import COMPANIES, CONTACTS, Entity
from db.transaction import Database
from domain.aggregates import Count, CountPrecision
from domain.filters import CompanyFilter, ContactFilter, StringFilter
from tests.db.datasets import insert_world, seeded
from tests.db.random_filters import RandomFilters
from tests.db.selections import wanted
from tests.graph.rows import execute
from tests.statements import Statements

KINDS: list[Any] = [
    pytest.param(CONTACTS, ContactFilter, id="contacts"),
    pytest.param(COMPANIES, CompanyFilter, id="companies"),
]
IN_BERLIN = ContactFilter(city=StringFilter(eq="Berlin"))


async def make_contacts(database: Database, *, berlin: int, elsewhere: int) -> None:
    """Live contacts of two cities, and as many deleted ones in Berlin."""
    await execute(
        database,
        "INSERT INTO contacts (last_name, city, deleted_at)"
        " SELECT 'n', CASE WHEN n <= $2 THEN 'Munich' ELSE 'Berlin' END,"
        " CASE WHEN n > $1 + $2 THEN now() END FROM generate_series(1, 2 * $1 + $2) AS n",
        berlin,
        elsewhere,
    )


@pytest.mark.parametrize(("entity", "kind"), KINDS)
async def test_counts_are_those_of_python(
    database: Database, engine: AsyncEngine, entity: Entity[Any], kind: Any
) -> None:
    """Under any filter a count is exact, and a limit below it is what stops the count."""
    world = await insert_world(engine, seeded("counts"), contact_count=60, company_count=20)
    makers = RandomFilters(seeded("counted"), world)
    async with database.read() as session:
        for _ in range(25):
            filter_ = makers.tree(kind, depth=3)
            count = len(wanted(world, filter_))
            assert await count_exactly(session, entity, filter_) == Count(
                count, CountPrecision.EXACT
            )
            for limit in (1, max(1, count - 1), max(1, count), count + 1, 2**31 - 1):
                stopped = CountPrecision.AT_LEAST if count > limit else CountPrecision.EXACT
                expected = Count(min(count, limit), stopped)
                assert await count_up_to(session, entity, filter_, limit=limit) == expected


async def test_count_that_stops_reads_no_row_beyond_the_limit(database: Database) -> None:
    """PostgreSQL ends the scan at the first row after the limit."""
    await make_contacts(database, berlin=500, elsewhere=0)
    async with database.read() as session, session.driver.transaction():
        await count_up_to(session, CONTACTS, None, limit=10)
        read = await session.driver.fetchval(
            "SELECT seq_tup_read + idx_tup_fetch FROM pg_stat_xact_user_tables"
            " WHERE relname = 'contacts'"
        )
    assert read == 11


async def test_estimate_is_what_the_planner_expects(
    database: Database, statements: Statements
) -> None:
    """Fresh statistics give a number near the truth, without reading a row of the table."""
    await make_contacts(database, berlin=300, elsewhere=100)
    await execute(database, "ANALYZE contacts")
    async with database.read() as session:
        with statements.recorded() as recorded:
            everything = await estimate_count(session, CONTACTS, None)
            some = await estimate_count(session, CONTACTS, IN_BERLIN)
    assert [sql.split(" SELECT")[0] for sql in recorded] == ["EXPLAIN (FORMAT JSON)"] * 2
    assert everything.precision is some.precision is CountPrecision.ESTIMATE
    assert everything.count == 400
    assert some.count == pytest.approx(300, rel=0.3)
