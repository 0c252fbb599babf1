"""Promises of `db.keyset`: a page reads its own rows from an index, and SQL is built once."""

from collections.abc import Iterator
from dataclasses import replace
from itertools import product
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from db.filter_shapes import EVERYTHING, split_filter
from db.keyset import PageShape, page_statement, probe_statement
from db.paging import cursor_of
from db.parameters import limit_above
from db.transaction import Database, ReadSession
from domain.filters import ContactFilter, StringFilter
from domain.paging import ContactOrderField, Direction, Nulls, PageRequest
from domain.search import MAX_SEARCH_WORDS
from domain.selection import Selection
from tests.db.walks import (
    CONTACT_LIST,
    LISTS,
    Listing,
    OrderKeys,
    fetcher,
    named,
)
from tests.statements import Statements

SIZE = 5
MOST = limit_above(SIZE + 1)
_FILL = {
    "companies": """
        INSERT INTO companies (name, domain, industries, country, employees_count,
            annual_revenue, total_funding, last_raised_at, founded_year, created_at, updated_at)
        SELECT nullif('N' || n % 700, 'N0'), CASE WHEN n % 3 > 0 THEN 'd' || n || '.com' END,
            CASE WHEN n % 5 > 0 THEN ARRAY['I' || n % 60] ELSE '{}' END,
            nullif('C' || n % 40, 'C3'), nullif(n % 300, 0), nullif(n % 1000, 0) * 1000,
            CASE WHEN n % 2 > 0 THEN n % 400 * 1000 END,
            CASE WHEN n % 2 > 0 THEN date '2010-01-01' + n % 3000 END,
            nullif(1900 + n % 120, 1900),
            now() - n % 900 * interval '1 hour', now() - n % 800 * interval '1 hour'
        FROM generate_series(1, 5000) AS n
    """,
    "contacts": """
        INSERT INTO contacts (last_name, first_name, title, company_id, email, city,
            last_contacted_at, created_at, updated_at, country)
        SELECT nullif('N' || n % 700, 'N0'), nullif('F' || n % 300, 'F0'),
            nullif('T' || n % 90, 'T7'), CASE WHEN n % 5 > 0 THEN n END,
            CASE WHEN n % 3 > 0 THEN 'p' || n || '@example.com' END, nullif('P' || n % 50, 'P9'),
            CASE WHEN n % 4 > 0 THEN now() - n * interval '1 hour' END,
            now() - n % 900 * interval '1 hour', now() - n % 800 * interval '1 hour',
            CASE WHEN n % 2 > 0 THEN 'C' || n % 30 END
        FROM generate_series(1, 5000) AS n
    """,
}
_INDEX_OF = {
    "NAME": "full_name",
    "EMAIL": "email_key",
    "EMPLOYEES_COUNT": "company_employees_count",
    "ANNUAL_REVENUE": "company_annual_revenue",
}


def _index_of(listing: Listing, field: str) -> str:
    name = listing.table.name
    column = _INDEX_OF.get(field, field.lower()) if name == "contacts" else field.lower()
    return f"ix_{name}_{column}"


async def _fill(engine: AsyncEngine) -> None:
    async with engine.begin() as connection:
        for rows in _FILL.values():
            await connection.execute(text(rows))
    async with engine.execution_options(isolation_level="AUTOCOMMIT").connect() as connection:
        await connection.execute(text("VACUUM ANALYZE companies, contacts"))


def _nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for child in plan.get("Plans", ()):
        yield from _nodes(child)


async def _scans(session: ReadSession, sql: str, arguments: list[object]) -> list[dict[str, Any]]:
    """The nodes of the plan that a statement ran by, those that were never needed left out."""
    explain = "EXPLAIN (ANALYZE, FORMAT JSON) "
    (plan,) = await session.driver.fetchval(explain + sql, *arguments)
    return [node for node in _nodes(plan["Plan"]) if node["Actual Loops"]]


def _shape(listing: Listing, order: OrderKeys, row: Any, *, backward: bool) -> PageShape[Any]:
    missing = tuple(
        value is None for value in cursor_of(listing.entity, order, row, ordinal=0).values
    )
    return PageShape(listing.entity, EVERYTHING, order, missing, backward, most=MOST)


def _values(listing: Listing, order: OrderKeys, row: Any) -> dict[str, object]:
    values: dict[str, object] = {"size": SIZE + 1, "k_id": row["id"]}
    for at, key in enumerate(order):
        values[f"k{at}"] = row[listing.entity.sort_keys[key.field].label]
    return values


@pytest.mark.parametrize("listing", LISTS, ids=named)
async def test_page_amid_a_list_reads_only_its_rows_from_the_index(
    database: Database, engine: AsyncEngine, listing: Listing
) -> None:
    """Any order by one field reads a page's rows from its index and sorts no others."""
    await _fill(engine)
    for field in listing.stored:
        index = _index_of(listing, field)
        for order, backward in product(listing.orders_by(field), (False, True)):
            request = PageRequest(order=order, size=1, offset=1000)
            (row,) = (await fetcher(database, listing)(request)).rows
            statement = page_statement(_shape(listing, order, row, backward=backward))
            arguments = statement.arguments(_values(listing, order, row))
            async with database.read() as session:
                nodes = await _scans(session, statement.sql, arguments)
            used = {node["Index Name"] for node in nodes if "Index Name" in node}
            assert used == {index}, (order, backward, nodes)
            assert "Seq Scan" not in {node["Node Type"] for node in nodes}, (order, backward)
            for node in nodes:
                assert node["Actual Rows"] <= 2 * (SIZE + 1), (order, backward, node)
                assert node.get("Rows Removed by Filter", 0) <= 1, (order, backward, node)


@pytest.mark.parametrize("nulls", Nulls, ids=named)
@pytest.mark.parametrize("backward", [False, True], ids=["after", "before"])
async def test_page_by_several_keys_begins_at_the_cursor_in_the_index(
    database: Database, engine: AsyncEngine, backward: bool, nulls: Nulls
) -> None:
    """Further keys sort the rows that share the first value, not all that stand before the page."""
    await _fill(engine)
    order = (
        CONTACT_LIST.key(ContactOrderField.LAST_NAME, nulls=nulls),
        CONTACT_LIST.key(ContactOrderField.TITLE, Direction.DESC, nulls),
    )
    request = PageRequest(order=order, size=1, offset=1000)
    (row,) = (await fetcher(database, CONTACT_LIST)(request)).rows
    statement = page_statement(_shape(CONTACT_LIST, order, row, backward=backward))
    async with database.read() as session:
        arguments = statement.arguments(_values(CONTACT_LIST, order, row))
        nodes = await _scans(session, statement.sql, arguments)
    assert {node["Index Name"] for node in nodes if "Index Name" in node} == {
        "ix_contacts_last_name"
    }
    # Seven or eight rows share a name.
    assert max(node["Actual Rows"] for node in nodes) <= 3 * 8


async def test_rows_without_a_value_are_read_only_for_a_page_that_reaches_them(
    database: Database, engine: AsyncEngine
) -> None:
    """A filter that few of them match costs nothing where the rows before them fill the page."""
    await _fill(engine)
    order = (CONTACT_LIST.key(ContactOrderField.LAST_CONTACTED_AT),)
    shape, (value,) = split_filter(ContactFilter(first_name=StringFilter(eq="F1")))
    statement = page_statement(PageShape(CONTACT_LIST.entity, shape, order))
    read = []
    async with database.read() as session:
        for size in (SIZE, 1000):
            arguments = statement.arguments({"size": size, "v0": value})
            nodes = await _scans(session, statement.sql, arguments)
            read.append(sum("Relation Name" in node for node in nodes))
    assert read == [1, 2]


def test_distance_of_a_row_is_worked_out_once() -> None:
    """However many keys follow relevance, it stands in the statement once."""
    order = (CONTACT_LIST.key("RELEVANCE"), CONTACT_LIST.key("TITLE"), CONTACT_LIST.key("CITY"))
    shape = PageShape(CONTACT_LIST.entity, EVERYTHING, order, (False, False, True))
    assert page_statement(shape).sql.count("strpos(' ' || contacts.search_text") == MAX_SEARCH_WORDS


async def test_pages_of_many_companies_read_only_their_rows_from_the_index(
    database: Database, engine: AsyncEngine
) -> None:
    """The newest contacts of companies come from one short index range a company."""
    await _fill(engine)
    async with engine.begin() as connection:
        await connection.execute(text("UPDATE contacts SET company_id = id % 50 + 1"))
        await connection.execute(text("ANALYZE contacts"))
    order = (CONTACT_LIST.key(ContactOrderField.CREATED_AT, Direction.DESC),)
    statement = page_statement(
        PageShape(CONTACT_LIST.entity, EVERYTHING, order, parent="company_id", most=MOST)
    )
    arguments = statement.arguments({"size": 3, "parents": [1, 2, 3, 4]})
    async with database.read() as session:
        nodes = await _scans(session, statement.sql, arguments)
    (scan,) = [node for node in nodes if node["Node Type"].startswith("Index")]
    assert scan["Index Name"] == "ix_contacts_company_id"
    assert (scan["Actual Loops"], scan["Actual Rows"]) == (4, 3)


async def test_page_without_cursor_reads_only_its_rows(
    database: Database, engine: AsyncEngine, statements: Statements
) -> None:
    """The first page is one statement that reads no more than the page of each run."""
    await _fill(engine)
    order = (CONTACT_LIST.key(ContactOrderField.TITLE),)
    with statements.recorded() as recorded:
        await fetcher(database, CONTACT_LIST)(PageRequest(order=order, size=SIZE))
    (sql,) = recorded
    async with database.read() as session:
        statement = page_statement(PageShape(CONTACT_LIST.entity, EVERYTHING, order, most=MOST))
        assert statement.sql == sql
        nodes = await _scans(session, sql, statement.arguments({"size": SIZE + 1}))
    assert {node["Index Name"] for node in nodes if "Index Name" in node} == {"ix_contacts_title"}
    assert max(node["Actual Rows"] for node in nodes) <= 2 * (SIZE + 1)


@pytest.mark.parametrize("build", [page_statement, probe_statement], ids=["page", "probe"])
def test_statement_of_a_shape_is_built_once(build: Any) -> None:
    """Two filters and cursors that differ in values alone share one compiled statement."""
    order = (CONTACT_LIST.key(ContactOrderField.LAST_NAME),)

    def shape(name: str) -> PageShape[Any]:
        filter_ = ContactFilter(name=StringFilter(eq=name, in_=[name] * len(name)))
        return PageShape(CONTACT_LIST.entity, split_filter(filter_)[0], order, (False,))

    first = build(shape("Ada"))
    before = build.cache_info()
    assert build(shape("Lovelace")) is first
    after = build.cache_info()
    assert (after.hits, after.misses) == (before.hits + 1, before.misses)


def test_statement_of_another_shape_is_another() -> None:
    """Whatever decides the SQL is part of the shape."""
    order = (CONTACT_LIST.key(ContactOrderField.LAST_NAME),)
    plain = PageShape(CONTACT_LIST.entity, EVERYTHING, order)
    shapes = [
        plain,
        replace(plain, cursor=(False,)),
        replace(plain, cursor=(True,)),
        replace(plain, cursor=(False,), inclusive=True),
        replace(plain, backward=True),
        replace(plain, parent="company_id"),
        replace(plain, offset=True),
        replace(plain, selection=Selection(("title",))),
        replace(plain, selection=Selection(("title",), cursors=False)),
        replace(plain, selection=Selection(("title",), (("company", Selection(())),))),
        replace(plain, most=16),
    ]
    assert len({page_statement(shape).sql for shape in shapes}) == len(shapes)
