"""Promises of `db.paging` for the contacts of many companies: each page as if it were alone."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import cycle, product
from typing import Any

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from db.contacts import (
    companies_with_contacts_behind,
    count_contacts_of_companies,
    list_contacts_of_companies,
)
from db.tables import companies, contacts
from db.transaction import Database, ReadSession
from domain.filters import ContactFilter, StringFilter
from domain.paging import ContactOrderField, Page, PageRequest
from tests.db.datasets import (
    delete_rows_after,
    insert_companies,
    insert_contacts,
    mark_deleted,
    seeded,
    stored_rows,
)
from tests.db.walks import CONTACT_LIST, OrderKeys, ids, in_order, named, place, walk
from tests.statements import Statements

COMPANIES = 4
MISSING = 10**9
TITLED = ContactFilter(title=StringFilter(is_null=False))


async def _fill(engine: AsyncEngine, *, seed: str, count: int) -> list[int]:
    """The ids of companies with contacts, of one without, and of one that never was."""
    random = seeded(seed)
    company_ids = await insert_companies(engine, random, count=COMPANIES)
    await insert_contacts(engine, random, count=count, company_ids=company_ids[:-1])
    random.shuffle(company_ids)
    return [*company_ids, MISSING]


async def _pages(
    session: ReadSession,
    company_ids: Sequence[int],
    request: PageRequest,
    filter_: ContactFilter | None = None,
) -> list[Page[Any]]:
    return list(
        await list_contacts_of_companies(session, company_ids, request=request, filter_=filter_)
    )


def _of(rows: list[dict[str, Any]], company_id: int) -> list[dict[str, Any]]:
    return [row for row in rows if row["company_id"] == company_id]


def _page(wanted: list[int], size: int, *, backward: bool) -> tuple[list[int], bool]:
    return (wanted[-size:] if backward else wanted[:size]), len(wanted) > size


@pytest.mark.parametrize("backward", [False, True], ids=["after", "before"])
async def test_pages_of_companies_are_those_of_each_alone(
    database: Database, engine: AsyncEngine, backward: bool
) -> None:
    """Each company's page holds its own rows beyond the cursor and knows whether more follow."""
    company_ids = await _fill(engine, seed="parents", count=30)
    rows = await stored_rows(engine, contacts)
    async with database.read() as session:
        for order, size in zip(CONTACT_LIST.orders(), cycle((1, 3)), strict=False):
            everything = in_order(rows, order)
            shown = {row.id: row for row in await _all(session, order, company_ids)}
            for cursor_row in (None, *(row for row in everything[::8] if row["id"] in shown)):
                request = PageRequest(order=order, size=size, backward=backward)
                beyond = everything
                if cursor_row is not None:
                    at = everything.index(cursor_row)
                    beyond = everything[:at] if backward else everything[at + 1 :]
                    cursor = place(CONTACT_LIST.entity, order, shown[cursor_row["id"]])
                    request = replace(request, cursor=cursor)
                pages = await _pages(session, company_ids, request)
                assert [(ids(page.rows), page.has_more) for page in pages] == [
                    _page(ids(_of(beyond, company_id)), size, backward=backward)
                    for company_id in company_ids
                ], (order, size, cursor_row)


async def _all(session: ReadSession, order: OrderKeys, company_ids: Sequence[int]) -> list[Any]:
    """All contacts of the companies, one company after the other."""
    pages = await _pages(session, company_ids, PageRequest(order=order, size=1000))
    return [row for page in pages for row in page.rows]


@pytest.mark.parametrize("field", CONTACT_LIST.stored, ids=named)
async def test_walk_of_a_companys_contacts_beside_inserts_loses_and_repeats_nothing(
    database: Database, engine: AsyncEngine, field: str
) -> None:
    """Contacts that stood there at the start are shown once, while others come in between."""
    random = seeded(f"walk of parents {field}")
    company_ids = await _fill(engine, seed=f"walk of parents {field}", count=30)
    rows = await stored_rows(engine, contacts)
    company_id = rows[0]["company_id"] or rows[1]["company_id"] or rows[2]["company_id"]

    async def fetch(request: PageRequest) -> Page[Any]:
        async with database.read() as session:
            (page,) = await _pages(session, [company_id], request)
        return page

    left = 0

    async def insert() -> None:
        nonlocal left
        if left:
            left -= 1
            await insert_contacts(engine, random, count=4, company_ids=[company_id])

    for order in CONTACT_LIST.orders_by(field):
        wanted = ids(in_order(_of(rows, company_id), order))
        for size, backward in [(1, False), (2, True)]:
            left = 3
            request = PageRequest(order=order, size=size, backward=backward)
            walked = ids(await walk(fetch, CONTACT_LIST.entity, request, between=insert))
            assert len(walked) == len(set(walked)), (order, size)
            assert [row for row in walked if row in wanted] == wanted, (order, size)
            await delete_rows_after(engine, contacts, rows[-1]["id"])
    assert company_id in company_ids


async def test_pages_of_companies_show_only_contacts_that_match(
    database: Database, engine: AsyncEngine
) -> None:
    """The filter and the count hold for each company by itself."""
    company_ids = await _fill(engine, seed="filter of parents", count=40)
    live = [row for row in await stored_rows(engine, contacts) if row["deleted_at"] is None]
    order = (CONTACT_LIST.key(ContactOrderField.EMAIL),)
    wanted = [
        [row for row in in_order(_of(live, company_id), order) if row["title"] is not None]
        for company_id in company_ids
    ]
    async with database.read() as session:
        pages = await _pages(session, company_ids, PageRequest(order=order, size=1000), TITLED)
        counts = await count_contacts_of_companies(session, company_ids, filter_=TITLED)
        every = await count_contacts_of_companies(session, company_ids)
    assert [ids(page.rows) for page in pages] == [ids(part) for part in wanted]
    assert counts == [len(part) for part in wanted]
    assert every == [len(_of(live, company_id)) for company_id in company_ids]


@pytest.mark.parametrize("filter_", [None, TITLED], ids=["all", "filtered"])
async def test_companies_with_contacts_behind_tells_the_truth(
    database: Database, engine: AsyncEngine, filter_: ContactFilter | None
) -> None:
    """A company has contacts behind a cursor exactly when one of its own stands there."""
    company_ids = await _fill(engine, seed="behind parents", count=12)
    rows = await stored_rows(engine, contacts)
    async with database.read() as session:
        for order, backward in product(CONTACT_LIST.orders(), (False, True)):
            everything = in_order(rows, order)
            for row in await _all(session, order, company_ids):
                at = ids(everything).index(row.id)
                side = everything[at:] if backward else everything[: at + 1]
                if filter_ is not None:
                    side = [other for other in side if other["title"] is not None]
                cursor = place(CONTACT_LIST.entity, order, row)
                request = PageRequest(order=order, size=5, cursor=cursor, backward=backward)
                told = await companies_with_contacts_behind(
                    session, company_ids, request=request, filter_=filter_
                )
                truth = [bool(_of(side, company_id)) for company_id in company_ids]
                assert told == truth, (order, row.id, backward)


@pytest.mark.parametrize("size", [1, 2, 100])
async def test_pages_of_a_company_named_twice_are_the_same(
    database: Database, engine: AsyncEngine, size: int
) -> None:
    """Naming a company twice gives its page twice, not its rows twice."""
    company_ids = await _fill(engine, seed="twice", count=30)
    request = PageRequest(order=(CONTACT_LIST.key(ContactOrderField.NAME),), size=size)
    async with database.read() as session:
        once = await _pages(session, company_ids, request)
        twice = await _pages(session, [*company_ids, *company_ids], request)
    assert twice == [*once, *once]


async def test_pages_of_companies_come_from_one_statement(
    database: Database, engine: AsyncEngine, statements: Statements
) -> None:
    """However many companies are asked for, PostgreSQL is asked once."""
    company_ids = await _fill(engine, seed="one statement", count=10)
    request = PageRequest(order=(CONTACT_LIST.key(ContactOrderField.NAME),), size=2)
    async with database.read() as session:
        with statements.recorded() as recorded:
            await _pages(session, company_ids, request)
    assert len(recorded) == 1


async def test_contacts_of_a_deleted_company_are_still_its_contacts(
    database: Database, engine: AsyncEngine
) -> None:
    """Who asks for the contacts of a company by its id gets them, whatever became of it."""
    company_ids = await _fill(engine, seed="deleted company", count=10)
    order = (CONTACT_LIST.key(ContactOrderField.NAME),)
    async with database.read() as session:
        before = ids(await _all(session, order, company_ids))
    await mark_deleted(engine, companies, company_ids)
    async with database.read() as session:
        assert ids(await _all(session, order, company_ids)) == before
