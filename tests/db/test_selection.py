"""Promises of selections: the same rows in the same order, with what is selected of them alone."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from random import Random
from typing import Any

import asyncpg
import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from db.belongings import load_metadata
from db.columns import metadata
from db.companies import load_companies
from db.contacts import list_contacts_of_companies, load_contacts
from db.keyset import page_statement
from db.rows import CompanyRow, ContactRow
from db.selection import SOURCES
from db.tables import companies, contacts
from db.transaction import Database, ReadSession
from db.users import load_users
from domain.paging import PageRequest
from domain.selection import Selection
from tests.db.brute_force import World
from tests.db.datasets import insert_world, seeded, stored_rows
from tests.db.paging_examples import make_example
from tests.db.walks import CONTACT_LIST, Listing, ids, place
from tests.factories import make_company, make_contact
from tests.statements import Statements

EXAMPLES = 60
DEPTH = 3
NEWEST = PageRequest(order=(CONTACT_LIST.key("CREATED_AT"),), size=3)
WITH_COMPANY = Selection(("email",), (("company", Selection(("name",))),))

Load = Callable[[ReadSession, Sequence[int]], Awaitable[Sequence[Any]]]


@dataclass(frozen=True)
class Lookup:
    """How the loaders find the row that a relation leads to.

    Attributes:
        own: The column that has its key.
    """

    own: str
    load: Load


LOOKUPS = {
    ("contacts", "company"): Lookup("company_id", load_companies),
    ("contacts", "owner"): Lookup("owner_id", load_users),
    ("contacts", "metadata"): Lookup("id", load_metadata),
    ("companies", "parent"): Lookup("parent_id", load_companies),
    ("companies", "owner"): Lookup("owner_id", load_users),
}


@pytest.fixture
async def world(engine: AsyncEngine) -> World:
    """Contacts and companies with parents, owners and metadata, a tenth of them deleted."""
    return await insert_world(engine, seeded("selections"), contact_count=40, company_count=12)


def _selection(random: Random, source: str, *, depth: int = DEPTH) -> Selection:
    columns = sorted(SOURCES[source].columns)
    relations = sorted(SOURCES[source].relations.items()) if depth else []
    wanted = random.sample(relations, random.randint(0, len(relations)))
    return Selection(
        tuple(random.sample(columns, random.randint(0, 5))),
        tuple((name, _selection(random, target, depth=depth - 1)) for name, target in wanted),
        cursors=random.random() < 0.5,
    )


async def _projected(
    session: ReadSession, row: Any, source: str, selection: Selection, path: str = ""
) -> dict[str, Any]:
    """What a selection shows of a row that has all columns, said by the loaders."""
    key = SOURCES[source].key
    shown = {f"{path}{name}": row and row[name] for name in (key, *selection.columns)}
    for name, wanted in selection.to_one:
        lookup = LOOKUPS[source, name]
        target = row and row[lookup.own]
        (other,) = await lookup.load(session, [target]) if target else [None]
        to = SOURCES[source].relations[name]
        shown |= await _projected(session, other, to, wanted, f"{path}{name}.")
    return shown


async def _projected_rows(
    session: ReadSession, listing: Listing, rows: Sequence[Any], request: PageRequest, wanted: Any
) -> list[dict[str, Any]]:
    shown = [await _projected(session, row, listing.table.name, wanted) for row in rows]
    if wanted.cursors:
        labels = [listing.entity.sort_keys[key.field].label for key in request.order]
        for row, projected in zip(rows, shown, strict=True):
            projected |= {label: row[label] for label in labels}
    return shown


async def test_page_with_a_selection_is_the_full_page_projected(
    database: Database, world: World
) -> None:
    """Whatever the filter, the order, the place and the selection; related rows as loaders say."""
    for seed in range(EXAMPLES):
        random, example = seeded(f"selection {seed}"), make_example(seed, world)
        listing = example.listing
        wanted = _selection(random, listing.table.name)
        async with database.read() as session:
            for request in await _requests(session, listing, example):
                full = await listing.list_page(session, request, example.filter)
                page = await listing.list_page(session, request, example.filter, selection=wanted)
                assert [dict(row.items()) for row in page.rows] == await _projected_rows(
                    session, listing, full.rows, request, wanted
                ), str(example)
                assert page.has_more is full.has_more, str(example)


async def _requests(session: ReadSession, listing: Listing, example: Any) -> list[PageRequest]:
    """The first page, one that skips rows, and those on both sides of a row."""
    first = PageRequest(order=example.order, size=example.size)
    rows = (await listing.list_page(session, replace(first, size=1000), example.filter)).rows
    if not rows:
        return [first]
    amid = replace(first, cursor=place(listing.entity, example.order, rows[len(rows) // 2]))
    skipped = [] if example.by_relevance else [replace(first, offset=2)]
    return [first, amid, replace(amid, backward=True), *skipped]


async def test_pages_of_companies_with_a_selection_are_the_full_pages_projected(
    database: Database, engine: AsyncEngine, world: World
) -> None:
    """As with a single list, for the contacts of each company."""
    company_ids = [row["id"] for row in await stored_rows(engine, companies)]
    for seed in range(EXAMPLES // 3):
        example = make_example(seed, world, listing=CONTACT_LIST)
        wanted = _selection(seeded(f"selection of parents {seed}"), "contacts")
        request = PageRequest(order=example.order, size=2)
        async with database.read() as session:
            given = {"request": request, "filter_": example.filter}
            full = await list_contacts_of_companies(session, company_ids, **given)
            pages = await list_contacts_of_companies(
                session, company_ids, **given, selection=wanted
            )
            for page, whole in zip(pages, full, strict=True):
                shown = [dict(row.items()) for row in page.rows]
                parents = [row.pop("_parent") for row in shown]
                assert parents == [row["company_id"] for row in whole.rows]
                assert page.has_more is whole.has_more
                assert shown == await _projected_rows(
                    session, CONTACT_LIST, whole.rows, request, wanted
                ), str(example)


@pytest.mark.parametrize("source", ["contacts", "companies"])
async def test_rows_loaded_by_id_have_what_is_selected(
    database: Database, engine: AsyncEngine, world: World, source: str
) -> None:
    """Alone and together, in the order of the ids; nothing for deleted and missing ones."""
    table, load = (contacts, load_contacts) if source == "contacts" else (companies, load_companies)
    row_ids = [*reversed(ids(await stored_rows(engine, table))), 10**9]
    for seed in range(5):
        wanted = _selection(seeded(f"loaded {seed}"), source)
        async with database.read() as session:
            full = await load(session, row_ids)
            shown = [row and await _projected(session, row, source, wanted) for row in full]
            together = await load(session, row_ids, selection=wanted)
            alone = [(await load(session, [row_id], selection=wanted))[0] for row_id in row_ids]
        assert [row and dict(row.items()) for row in together] == shown
        assert alone == together
        assert None in shown


async def test_whole_rows_are_of_the_class_of_their_entity(database: Database) -> None:
    """Others are plain records: nobody asks them for their type."""
    company, contact = await make_company(database), await make_contact(database)
    name, title = Selection(("name",), whole=True), Selection(("title",), whole=True)
    async with database.read() as session:
        page = await CONTACT_LIST.list_page(session, NEWEST, selection=title)
        (by_id,) = await load_contacts(session, [contact.id], selection=title)
        (loaded,) = await load_companies(session, [company.id], selection=name)
        (plain,) = await load_contacts(session, [contact.id], selection=WITH_COMPANY)
    assert {type(page.rows[0]), type(by_id)} == {ContactRow}
    assert type(loaded) is CompanyRow
    assert type(plain) is asyncpg.Record


@pytest.mark.parametrize("source", SOURCES)
async def test_every_column_of_a_source_can_be_selected(
    database: Database, world: World, source: str
) -> None:
    """Of the row itself or through relations; those that are required are there in each row."""
    everything = Selection(tuple(SOURCES[source].columns))
    through = {
        "contacts": everything,
        "companies": Selection((), (("company", everything),)),
        "users": Selection((), (("owner", everything),)),
        "contact_metadata": Selection((), (("metadata", everything),)),
    }
    path = "".join(f"{name}." for name, _ in through[source].to_one)
    async with database.read() as session:
        request = replace(NEWEST, size=1000)
        page = await CONTACT_LIST.list_page(session, request, selection=through[source])
    found: list[Any] = [row for row in page.rows if row[path + SOURCES[source].key] is not None]
    assert found
    for row in found:
        assert {row[path + name] is not None for name in SOURCES[source].required} == {True}
        assert {path + name for name in everything.columns} <= set(row.keys())


def test_sources_are_the_tables_without_what_nobody_may_see() -> None:
    """Neither passwords nor what only searches read; each relation leads to a source."""
    for name, source in SOURCES.items():
        hidden = set(metadata.tables[name].c.keys()) - source.columns
        assert hidden <= {"password_hash", "search_text"}
        assert source.required <= source.columns
        assert source.key in source.required
        assert set(source.relations.values()) <= set(SOURCES)
    assert {(name, to) for name, one in SOURCES.items() for to in one.relations} == set(LOOKUPS)


@pytest.mark.parametrize(
    ("selection", "name"),
    [
        (Selection(("shoe_size",)), "shoe_size"),
        (Selection(("search_text",)), "search_text"),
        (Selection((), (("neighbour", Selection(())),)), "neighbour"),
        (Selection((), (("owner", Selection(("password_hash",))),)), "password_hash"),
        (Selection((), (("owner", Selection((), (("company", Selection(())),))),)), "company"),
    ],
    ids=["column", "searched", "relation", "password", "relation of a relation"],
)
async def test_unknown_name_is_a_bug_of_ours(
    database: Database, selection: Selection, name: str
) -> None:
    """No statement is made of it, neither for pages nor for rows by id."""
    async with database.read() as session:
        with pytest.raises(KeyError, match=name):
            await CONTACT_LIST.list_page(session, NEWEST, selection=selection)
        with pytest.raises(KeyError, match=name):
            await load_contacts(session, [1], selection=selection)


async def test_equal_selections_share_a_statement(
    database: Database, statements: Statements
) -> None:
    """It is built once, however often the selection is made."""
    async with database.read() as session:
        await CONTACT_LIST.list_page(session, NEWEST, selection=WITH_COMPANY)
        built = page_statement.cache_info().misses
        await CONTACT_LIST.list_page(session, NEWEST, selection=replace(WITH_COMPANY))
    assert page_statement.cache_info().misses == built


async def test_relations_are_joined_to_the_rows_of_the_page_alone(
    database: Database, world: World, statements: Statements
) -> None:
    """One row more than the page has, which tells whether there are more, is all that is joined."""
    async with database.read() as session:
        with statements.recorded() as recorded:
            await CONTACT_LIST.list_page(session, NEWEST, selection=WITH_COMPANY)
        explain = f"EXPLAIN (ANALYZE, FORMAT JSON) {recorded[0]}"
        (plan,) = await session.driver.fetchval(explain, NEWEST.size + 1)
    join = plan["Plan"]
    assert join["Actual Rows"] == NEWEST.size + 1
    assert join["Join Type"] in {"Left", "Right"}


async def test_statement_that_suits_all_values_is_planned_for_none(
    database: Database, world: World, statements: Statements
) -> None:
    """PostgreSQL keeps one plan for each, however few rows or ids are asked for."""
    async with database.read() as session:
        with statements.recorded() as recorded:
            for size in (1, 15, 16, 100, 1000):
                # Planned for its values five times, as always, before a plan may stay.
                for _ in range(6):
                    request = replace(NEWEST, size=size)
                    await CONTACT_LIST.list_page(session, request, selection=WITH_COMPANY)
            for row_ids in ([1], [1, 2], [*range(100)]):
                for _ in range(6):
                    await load_contacts(session, row_ids, selection=WITH_COMPANY)
                    await load_companies(session, row_ids)
                    await list_contacts_of_companies(session, row_ids, request=NEWEST)
        kept = await session.driver.fetch(
            "SELECT statement, generic_plans, custom_plans FROM pg_prepared_statements"
        )
    plans = {row["statement"]: (row["generic_plans"], row["custom_plans"]) for row in kept}
    for sql in recorded:
        generic, custom = plans[sql]
        assert generic > 0, sql
        assert custom == 5, sql
