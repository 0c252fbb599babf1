"""Promises of `db.paging`: a walk shows every row once, whatever happens beside it."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from functools import partial
from itertools import product
from random import Random
from typing import Any

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from db.companies import count_companies
from db.contacts import count_contacts, delete_contact, list_contacts, update_contact
from db.paging import cursor_of
from db.transaction import Database, ReadSession
from domain.errors import InvalidInput
from domain.filters import ContactFilter, StringFilter
from domain.paging import (
    NEWEST_CONTACTS,
    ContactOrderField,
    Cursor,
    Direction,
    Nulls,
    PageRequest,
)
from domain.records import ContactFields
from domain.validation import clean_contact
from tests.db.datasets import delete_rows_after, mark_deleted, seeded, stored_rows
from tests.db.walks import (
    CONTACT_LIST,
    LISTS,
    LISTS_AND_FIELDS,
    PAGE_SIZES,
    Listing,
    OrderKeys,
    fetcher,
    ids,
    in_order,
    named,
    place,
    walk,
)
from tests.factories import make_contact

ROWS = 24
MOST_INSERTS = 3
TITLE = (CONTACT_LIST.key(ContactOrderField.TITLE),)


async def assert_walks_are_whole(
    session: ReadSession,
    listing: Listing,
    order: OrderKeys,
    size: int,
    *,
    rows: list[dict[str, Any]],
) -> None:
    """A walk to the end and one back from there show the rows in their order."""
    fetch, wanted = partial(listing.list_page, session), ids(in_order(rows, order))
    there = await walk(fetch, listing.entity, PageRequest(order=order, size=size))
    assert ids(there) == wanted, (order, size)
    end = place(listing.entity, order, there[-1])
    back = PageRequest(order=order, size=size, cursor=end, backward=True)
    assert ids(await walk(fetch, listing.entity, back)) == wanted[:-1], (order, size)
    from_end = PageRequest(order=order, size=size, backward=True)
    assert ids((await fetch(from_end)).rows) == wanted[-size:], (order, size)


def inserting(
    engine: AsyncEngine, listing: Listing, random: Random
) -> Callable[[], Awaitable[None]]:
    """What inserts rows between two pages, a few times in all, so that walks come to an end."""
    left = MOST_INSERTS

    async def insert() -> None:
        nonlocal left
        if left:
            left -= 1
            await listing.insert(engine, random, count=3)

    return insert


async def assert_walks_lose_nothing(
    database: Database, listing: Listing, order: OrderKeys, size: int, *, random: Random
) -> None:
    """Walks there and back, beside inserts, show what stood there once and in order."""
    engine = database.engine
    rows = await stored_rows(engine, listing.table)
    wanted = ids(in_order(rows, order))
    fetch = fetcher(database, listing)
    for backward in (False, True):
        request = PageRequest(order=order, size=size, backward=backward)
        between = inserting(engine, listing, random)
        walked = ids(await walk(fetch, listing.entity, request, between=between))
        assert len(walked) == len(set(walked)), (order, size, backward)
        standing = set(wanted)
        assert [row for row in walked if row in standing] == wanted, (order, size, backward)
        await delete_rows_after(engine, listing.table, rows[-1]["id"])


@pytest.mark.parametrize(("listing", "field"), LISTS_AND_FIELDS, ids=named)
async def test_walk_there_and_back_shows_every_row_once_in_order(
    database: Database, engine: AsyncEngine, listing: Listing, field: str
) -> None:
    """Each way of ordering by one field gives Python's order of the same rows, in any page size."""
    await listing.insert(engine, seeded(f"walk {field}"), count=ROWS)
    rows = await stored_rows(engine, listing.table)
    async with database.read() as session:
        for order, size in product(listing.orders_by(field), PAGE_SIZES):
            await assert_walks_are_whole(session, listing, order, size, rows=rows)


@pytest.mark.parametrize(("listing", "field"), LISTS_AND_FIELDS, ids=named)
async def test_walk_beside_inserts_loses_and_repeats_nothing(
    database: Database, engine: AsyncEngine, listing: Listing, field: str
) -> None:
    """Rows that stood there at the start are shown once, while others come between two pages."""
    random = seeded(f"inserts {field}")
    await listing.insert(engine, random, count=ROWS)
    for order in listing.orders_by(field):
        size = random.choice(PAGE_SIZES[:-1])
        await assert_walks_lose_nothing(database, listing, order, size, random=random)


async def test_walk_beside_deletes_shows_what_is_left_once(
    database: Database, engine: AsyncEngine
) -> None:
    """Rows that are deleted during a walk, the cursor's own included, take no others with them."""
    random = seeded("deletes")
    await CONTACT_LIST.insert(engine, random, count=ROWS)
    wanted = ids(in_order(await stored_rows(engine, CONTACT_LIST.table), TITLE))
    doomed: list[int] = []

    async def delete_the_last_shown() -> None:
        doomed.append(wanted[2 * len(doomed) + 1])
        async with database.write() as tx:
            await delete_contact(tx, doomed[-1])

    request = PageRequest(order=TITLE, size=2)
    walked = await walk(
        fetcher(database, CONTACT_LIST),
        CONTACT_LIST.entity,
        request,
        between=delete_the_last_shown,
    )
    assert ids(walked) == wanted
    assert len(doomed) == (len(wanted) - 1) // 2


@pytest.mark.parametrize("backward", [False, True], ids=["after", "before"])
async def test_cursor_of_a_deleted_row_continues_at_its_place(
    database: Database, engine: AsyncEngine, backward: bool
) -> None:
    """A kept cursor stays where it was when its row is gone."""
    await CONTACT_LIST.insert(engine, seeded("gone"), count=ROWS)
    fetch, order = fetcher(database, CONTACT_LIST), NEWEST_CONTACTS
    rows = (await fetch(PageRequest(order=order, size=1000))).rows
    at = len(rows) // 2
    cursor = place(CONTACT_LIST.entity, order, rows[at])
    async with database.write() as tx:
        await delete_contact(tx, rows[at].id)
    request = PageRequest(order=order, size=1000, cursor=cursor, backward=backward)
    beyond = rows[:at] if backward else rows[at + 1 :]
    assert ids((await fetch(request)).rows) == ids(beyond)


async def test_cursor_of_a_moved_row_continues_at_its_old_place(database: Database) -> None:
    """A row that is changed after it was shown does not move the walk that has passed it."""
    for title in ("a", "b", "c", "d"):
        await make_contact(database, first_name="Ada", title=title)
    fetch = fetcher(database, CONTACT_LIST)
    first = await fetch(PageRequest(order=TITLE, size=2))
    cursor = place(CONTACT_LIST.entity, TITLE, first.rows[-1])
    async with database.write() as tx:
        await update_contact(tx, first.rows[-1].id, clean_contact(ContactFields(title="z")))
    rest = await fetch(PageRequest(order=TITLE, size=10, cursor=cursor))
    assert [row.title for row in rest.rows] == ["c", "d", "z"]


async def test_cursor_with_another_filter_continues_at_the_same_place(
    database: Database, engine: AsyncEngine
) -> None:
    """A cursor belongs to its order, not to its filter."""
    await CONTACT_LIST.insert(engine, seeded("filter"), count=ROWS)
    everything = (await fetcher(database, CONTACT_LIST)(PageRequest(order=TITLE, size=1000))).rows
    filter_ = ContactFilter(last_name=StringFilter(is_null=False))
    fetch = fetcher(database, CONTACT_LIST, filter_)
    for at, row in enumerate(everything):
        request = PageRequest(order=TITLE, size=1000, cursor=place(CONTACT_LIST.entity, TITLE, row))
        wanted = [left for left in everything[at + 1 :] if left.last_name is not None]
        assert ids((await fetch(request)).rows) == ids(wanted)


@pytest.mark.parametrize("listing", LISTS, ids=named)
async def test_rows_behind_tells_the_truth_at_every_row(
    database: Database, engine: AsyncEngine, listing: Listing
) -> None:
    """There are rows behind a cursor exactly when one stands there, its own row included."""
    await listing.insert(engine, seeded("behind"), count=5)
    for order in listing.orders():
        request = PageRequest(order=order, size=1000)
        rows = (await fetcher(database, listing)(request)).rows
        ends = {rows[0].id, rows[-1].id}
        await mark_deleted(engine, listing.table, ends)
        left = [row.id not in ends for row in rows]
        async with database.read() as session:
            for at, row in enumerate(rows):
                here = replace(request, cursor=place(listing.entity, order, row))
                before = await listing.rows_behind(session, here)
                after = await listing.rows_behind(session, replace(here, backward=True))
                assert (before, after) == (any(left[: at + 1]), any(left[at:])), (order, at)
        await mark_deleted(engine, listing.table, ends, deleted=False)


async def test_rows_behind_asks_only_for_rows_that_match(
    database: Database, engine: AsyncEngine
) -> None:
    """Rows that the filter leaves out do not count as rows behind the cursor."""
    await CONTACT_LIST.insert(engine, seeded("behind filter"), count=ROWS)
    rows = (await fetcher(database, CONTACT_LIST)(PageRequest(order=TITLE, size=1000))).rows
    filter_ = ContactFilter(title=StringFilter(is_null=True))
    for at, row in enumerate(rows):
        cursor = place(CONTACT_LIST.entity, TITLE, row)
        async with database.read() as session:
            behind = await CONTACT_LIST.rows_behind(
                session, PageRequest(order=TITLE, cursor=cursor), filter_
            )
        assert behind is any(other.title is None for other in rows[: at + 1]), at


@pytest.mark.parametrize("backward", [False, True], ids=["from-start", "from-end"])
@pytest.mark.parametrize("listing", LISTS, ids=named)
async def test_offset_skips_exactly_that_many_rows(
    database: Database, engine: AsyncEngine, listing: Listing, backward: bool
) -> None:
    """A page at an offset is the slice of the whole list."""
    await listing.insert(engine, seeded("offset"), count=20)
    rows = await stored_rows(engine, listing.table)
    async with database.read() as session:
        for order in listing.orders():
            wanted = ids(in_order(rows, order))
            way = wanted[::-1] if backward else wanted
            for offset in (1, 9, len(wanted) - 1, len(wanted), 1000):
                request = PageRequest(order=order, size=4, offset=offset, backward=backward)
                page = await listing.list_page(session, request)
                part = way[offset : offset + 4]
                assert ids(page.rows) == (part[::-1] if backward else part), (order, offset)
                assert page.has_more is (len(wanted) > offset + 4), (order, offset)


async def test_page_of_an_empty_list_is_empty(database: Database) -> None:
    """Nothing is there, and nothing more follows."""
    for listing in LISTS:
        order = (listing.key("NAME"),)
        page = await fetcher(database, listing)(PageRequest(order=order))
        assert (list(page.rows), page.has_more) == ([], False)


async def test_count_of_a_list_is_exact(database: Database, engine: AsyncEngine) -> None:
    """Deleted rows are not counted, nor are rows that do not match."""
    for listing in LISTS:
        await listing.insert(engine, seeded(f"count {named(listing)}"), count=ROWS)
    contacts = await stored_rows(engine, LISTS[0].table)
    companies = await stored_rows(engine, LISTS[1].table)
    live = [row for row in contacts if row["deleted_at"] is None]
    titled = [row for row in live if row["title"] is not None]
    async with database.read() as session:
        assert await count_contacts(session) == len(live)
        filter_ = ContactFilter(title=StringFilter(is_null=False))
        assert await count_contacts(session, filter_) == len(titled)
        counted = await count_companies(session)
    assert counted == sum(row["deleted_at"] is None for row in companies)


@pytest.mark.parametrize(
    ("order", "message"),
    [
        pytest.param((), "orderBy is empty. Leave it out, or name a field.", id="empty"),
        pytest.param(TITLE * 2, "orderBy names a field twice.", id="twice"),
        pytest.param(
            tuple(CONTACT_LIST.key(field) for field in list(ContactOrderField)[:6]),
            "orderBy has 6 keys; at most 5 fit.",
            id="six-keys",
        ),
    ],
)
async def test_order_without_meaning_is_refused(
    database: Database, order: OrderKeys, message: str
) -> None:
    """An order of no key, of too many, or of one twice is told to be wrong."""
    async with database.read() as session:
        with pytest.raises(InvalidInput) as refused:
            await list_contacts(session, PageRequest(order=order))
    assert refused.value.message == message


async def test_cursor_carries_the_place_and_the_ordinal(
    database: Database, engine: AsyncEngine
) -> None:
    """Datetimes are carried to the microsecond, text in lower case, missing values as null."""
    await CONTACT_LIST.insert(engine, seeded("cursor"), count=ROWS)
    order = (
        CONTACT_LIST.key(ContactOrderField.CREATED_AT, Direction.DESC),
        CONTACT_LIST.key(ContactOrderField.TITLE, nulls=Nulls.FIRST),
    )
    page = await fetcher(database, CONTACT_LIST)(PageRequest(order=order, size=1000))
    for row in page.rows:
        created = row.created_at
        micros = int(created.timestamp()) * 10**6 + created.microsecond
        title = None if row.title is None else row.title.lower()
        cursor = cursor_of(CONTACT_LIST.entity, order, row, ordinal=7)
        assert cursor == Cursor((micros, title), row.id, 7)
