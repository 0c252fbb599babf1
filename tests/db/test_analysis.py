"""Analysis of statements: a warning for each thing that is wrong, and none where nothing is."""

import json
from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.engine import URL

from db.analysis import analyze_query_performance, analyze_run
from db.contacts import count_contacts, list_contacts, load_contacts
from db.engine import open_engine
from db.plans import Surroundings, find_warnings
from db.rows import Row
from db.statements import Statement
from db.transaction import Database, StatementRun
from domain.analysis import Analysis, PlanWarningCode
from domain.errors import InvalidInput
from domain.paging import NEWEST_CONTACTS, PageRequest
from tests.databases import database_of_its_own

ROWS = 25_000
# The later half has a middle name; first name, last name and title follow from each other.
FILL = f"""
    INSERT INTO contacts (first_name, middle_name, last_name, title, email, created_at)
    SELECT 'f' || n % 20, CASE WHEN n > {ROWS // 2} THEN 'late' END, 'l' || n % 20, 't' || n % 20,
        'p' || n || '@example.com', timestamptz '2026-01-01' + n * interval '1 minute'
    FROM generate_series(1, {ROWS}) AS n
"""
_NOTHING: Mapping[str, object] = {}
ONE_PAGE = PageRequest(order=NEWEST_CONTACTS, size=100)


@pytest.fixture(scope="module")
async def crowded(server_url: URL, template: str) -> AsyncIterator[Database]:
    """A database with more contacts than one would like to look at one by one."""
    async with (
        database_of_its_own(server_url, name=f"{template}_crowded", template=template) as url,
        open_engine(url, statement_timeout_seconds=60) as engine,
    ):
        database = Database(engine)
        async with database.write() as tx:
            await tx.driver.execute(FILL)
        async with database.read() as session:
            await session.driver.execute("ANALYZE contacts")
        yield database


def statement(sql: str) -> Statement[Row]:
    """A statement whose values are named as in `:name`."""
    return Statement(text(sql), Row)


async def analyze(
    database: Database, sql: str, *, execute: bool = False, values: Mapping[str, object] = _NOTHING
) -> Analysis:
    """What is said about a statement."""
    async with database.read() as session:
        return await analyze_query_performance(session, statement(sql), values, execute=execute)


WARNED: dict[PlanWarningCode, tuple[str, bool, str, str | None]] = {
    PlanWarningCode.SEQUENTIAL_SCAN: (
        "SELECT id FROM contacts WHERE middle_name = 'nobody' LIMIT 10",
        False,
        "Seq Scan",
        "contacts",
    ),
    PlanWarningCode.LEADING_WILDCARD: (
        "SELECT id FROM contacts WHERE email LIKE '%@example.com' LIMIT 10",
        False,
        "Seq Scan",
        "contacts",
    ),
    PlanWarningCode.MISSING_LIMIT: (
        "SELECT id, created_at FROM contacts WHERE deleted_at IS NULL ORDER BY created_at, id",
        False,
        "Index Only Scan",
        "contacts",
    ),
    PlanWarningCode.HIGH_COST: (
        "SELECT count(*) FROM contacts AS a, contacts AS b",
        False,
        "Aggregate",
        None,
    ),
    PlanWarningCode.SORT_SPILL: (
        "SELECT * FROM contacts ORDER BY middle_name, id LIMIT 20000",
        False,
        "Sort",
        None,
    ),
    PlanWarningCode.ROWS_REMOVED_BY_FILTER: (
        "SELECT id FROM contacts WHERE deleted_at IS NULL AND middle_name = 'late'"
        " ORDER BY created_at, id LIMIT 10",
        True,
        "Index Scan",
        "contacts",
    ),
    PlanWarningCode.ESTIMATE_OFF: (
        "SELECT id FROM contacts WHERE first_name = 'f1' AND last_name = 'l1' AND title = 't1'"
        " LIMIT 10000",
        True,
        "Seq Scan",
        "contacts",
    ),
}


@pytest.mark.parametrize("code", PlanWarningCode)
async def test_every_kind_of_warning_is_given(crowded: Database, code: PlanWarningCode) -> None:
    """Each fault is found where it is, and the words say more than its name."""
    sql, execute, node, relation = WARNED[code]
    found = {
        warning.code: warning for warning in (await analyze(crowded, sql, execute=execute)).warnings
    }
    assert (found[code].node, found[code].relation) == (node, relation)
    assert found[code].message.count(". ") >= 1
    assert code.doc
    expected = {code}
    if code is PlanWarningCode.ESTIMATE_OFF:
        expected.add(PlanWarningCode.SEQUENTIAL_SCAN)
    assert set(found) == expected


async def test_leading_wildcard_names_its_column_and_what_to_do(crowded: Database) -> None:
    """Also behind a function, without regard to case, and among several patterns."""
    for condition, column in (
        ("email LIKE '%@example.com'", "contacts.email"),
        ("lower(first_name) LIKE lower(:pattern)", "contacts.first_name"),
        ("title ILIKE '_1'", "contacts.title"),
        ("last_name LIKE ANY (ARRAY['%1', 'l2'])", "contacts.last_name"),
    ):
        values = {"pattern": "%1%"} if ":pattern" in condition else {}
        sql = f"SELECT id FROM contacts WHERE {condition} LIMIT 5"
        found = await analyze(crowded, sql, values=values)
        (warning,) = found.warnings
        assert warning.code is PlanWarningCode.LEADING_WILDCARD
        assert column in warning.message
        assert "startsWith" in warning.message


@pytest.mark.parametrize("execute", [False, True], ids=["estimated", "measured"])
async def test_good_plans_have_no_warnings(crowded: Database, execute: bool) -> None:
    """What the product reads for a page, a count and a batch of keys is not complained about."""
    ran: list[StatementRun] = []
    crowded.observers.append(ran.append)
    async with crowded.read() as session:
        await list_contacts(session, ONE_PAGE, None)
        await list_contacts(session, replace(ONE_PAGE, offset=1000), None)
        await count_contacts(session, None)
        await load_contacts(session, list(range(1, 1001)))
    crowded.observers.remove(ran.append)
    async with crowded.read() as session:
        analyses = [await analyze_run(session, run, execute=execute) for run in ran]
    assert [analysis.warnings for analysis in analyses] == [()] * 4


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT id FROM contacts WHERE middle_name = 'late' LIMIT 10",
        "SELECT count(*) FROM contacts WHERE middle_name = 'late'",
        "SELECT id FROM contacts WHERE id = 7 AND email LIKE '%x'",
        "SELECT id FROM contacts WHERE email NOT LIKE '%x' LIMIT 10",
        "SELECT id FROM contacts ORDER BY id LIMIT 10",
        "SELECT middle_name, count(*) FROM contacts GROUP BY 1",
        "SELECT EXISTS (SELECT FROM contacts WHERE middle_name = 'late')",
        "SELECT id FROM users WHERE name = 'x'",
        "UPDATE contacts SET title = 'x'",
    ],
)
async def test_what_only_looks_bad_is_let_be(crowded: Database, sql: str) -> None:
    """Rows that are wanted, scans that end early, small tables and writes are no faults."""
    assert (await analyze(crowded, sql)).warnings == ()


async def test_escaped_sign_is_no_wildcard(crowded: Database) -> None:
    """A text that begins with a percent sign can be looked for from its beginning."""
    found = await analyze(crowded, r"SELECT id FROM contacts WHERE email LIKE '\%x%'")
    assert [warning.code for warning in found.warnings] == [PlanWarningCode.SEQUENTIAL_SCAN]


async def test_values_decide_about_the_plan(crowded: Database) -> None:
    """A statement is planned with its values, like one whose values are written out."""
    sql = "SELECT id FROM contacts WHERE middle_name = :name LIMIT 10"
    frequent, rare = [await analyze(crowded, sql, values={"name": name}) for name in ("late", "x")]
    assert frequent.warnings == ()
    assert [warning.code for warning in rare.warnings] == [PlanWarningCode.SEQUENTIAL_SCAN]
    assert "'late'" in json.dumps(frequent.plan)


async def test_measures_go_before_estimates(crowded: Database) -> None:
    """What looks cheap to the planner is told when running it showed otherwise."""
    sql = "SELECT id FROM contacts WHERE middle_name = 'late' LIMIT 10"
    assert (await analyze(crowded, sql)).warnings == ()
    (warning,) = (await analyze(crowded, sql, execute=True)).warnings
    assert warning.code is PlanWarningCode.SEQUENTIAL_SCAN
    assert f"{ROWS // 2 + 10:,} rows" in warning.message


async def test_sort_that_went_to_disk_is_told_with_its_size(crowded: Database) -> None:
    """Measured, the size is that of the file; a page needs no more than its rows."""
    sql = "SELECT * FROM contacts ORDER BY middle_name, id LIMIT {}"
    page = await analyze(crowded, sql.format(100), execute=True)
    whole = await analyze(crowded, sql.format(20_000), execute=True)
    assert PlanWarningCode.SORT_SPILL not in {warning.code for warning in page.warnings}
    (warning,) = whole.warnings
    assert warning.code is PlanWarningCode.SORT_SPILL
    assert f"{whole.plan['Plans'][0]['Sort Space Used'] / 1024:,.1f} MB" in warning.message


async def test_column_with_a_trigram_index_is_not_complained_about(crowded: Database) -> None:
    """Where the planner could have used the index and did not, the wildcard is not the fault."""
    sql = "SELECT id FROM contacts WHERE email LIKE '%@example.com' LIMIT 10"
    plan = (await analyze(crowded, sql)).plan
    index = "CREATE INDEX ix ON public.contacts USING gin ({} gin_trgm_ops)"

    def codes(column: str) -> list[PlanWarningCode]:
        indexes = {"contacts": [index.format(column)]}
        facts = Surroundings(table_rows={}, trigram_indexes=indexes, work_mem_bytes=2**22)
        return [warning.code for warning in find_warnings(plan, facts)]

    assert codes("email") == []
    assert codes("email_key") == [PlanWarningCode.LEADING_WILDCARD]


async def test_only_reads_are_run(crowded: Database) -> None:
    """A write is planned and not done; to run one is refused."""
    sql = "UPDATE contacts SET title = 'changed' WHERE id = :id"
    analysis = await analyze(crowded, sql, values={"id": 1})
    assert analysis.plan["Node Type"] == "ModifyTable"
    with pytest.raises(InvalidInput, match="Only a statement that reads"):
        await analyze(crowded, sql, execute=True, values={"id": 1})
    async with crowded.read() as session:
        titles: Any = await session.fetch_value(
            statement("SELECT count(*) FROM contacts WHERE title = 'changed'")
        )
    assert titles == 0


async def test_analysis_carries_the_place_it_was_given(crowded: Database) -> None:
    """Whoever reads the warnings sees which field they are about."""
    async with crowded.read() as session:
        analysis = await analyze_query_performance(
            session, statement("SELECT 1"), place=("contacts", "nodes")
        )
    assert (analysis.sql, analysis.place) == ("SELECT 1", ("contacts", "nodes"))
    assert analysis.warnings == ()


def test_every_warning_is_documented() -> None:
    """docs/query-analysis.md has exactly the codes there are, each with what to do."""
    paper = (Path(__file__).parents[2] / "docs" / "query-analysis.md").read_text("utf-8")
    table = paper.partition("| Code | Given when | What to do |")[2].partition("\n\n")[0]
    rows = [line.strip("|").split("|") for line in table.splitlines()[2:]]
    assert [code.strip(" `") for code, *_ in rows] == list(PlanWarningCode)
    assert all(when.strip() and advice.strip() for _, when, advice in rows)
