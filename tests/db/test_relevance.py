"""Promises of the order by relevance: the best match first, a thousand rows, and then no more."""

from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from db.paging import cursor_of
from db.transaction import Database
from domain.errors import InvalidFilter, InvalidInput
from domain.filters import CompanyFilter, ContactFilter, Filter, StringFilter
from domain.paging import (
    RELEVANCE_LIMIT,
    ContactOrder,
    ContactOrderField,
    Direction,
    Nulls,
    Page,
    PageRequest,
)
from tests.db.walks import COMPANY_LIST, CONTACT_LIST, Listing, OrderKeys, fetcher, ids
from tests.factories import make_company, make_contact
from tests.statements import Statements

BEST: OrderKeys = (ContactOrder(field=ContactOrderField.RELEVANCE),)
ADA = ContactFilter(search="ada")


async def best(
    database: Database, listing: Listing, search: str, *then: str
) -> list[tuple[str | None, int]]:
    """What a search finds, the best match first: the name and how far it is from the words."""
    kind: Any = ContactFilter if listing is CONTACT_LIST else CompanyFilter
    order = (listing.key("RELEVANCE"), *(listing.key(field) for field in then))
    page = await fetcher(database, listing, kind(search=search))(PageRequest(order=order))
    return [
        (row.first_name if listing is CONTACT_LIST else row.name, row._relevance)
        for row in page.rows
    ]


async def fill(engine: AsyncEngine, count: int) -> None:
    """That many contacts whose name begins with ada, each with another title."""
    async with engine.begin() as connection:
        rows = "SELECT 'Ada' || n, 't' || n FROM generate_series(1, :count) AS n"
        insert = text(f"INSERT INTO contacts (first_name, title) {rows}")
        await connection.execute(insert, {"count": count})


async def test_contacts_come_by_where_the_word_stands(database: Database) -> None:
    """A name, the beginning of a name or employer, of any word, and then anywhere in the text."""
    company = await make_company(database, name="Ada Systems")
    made: list[dict[str, Any]] = [
        {"first_name": "inside", "title": "Canada lead"},
        {"first_name": "word", "title": "Friend of Ada"},
        {"first_name": "employer", "company_name_raw": "Adamant"},
        {"first_name": "Adam"},
        {"first_name": "named", "last_name": "ADA"},
        {"first_name": "middle", "middle_name": "Ada", "last_name": "Byron"},
    ]
    for fields in made:
        await make_contact(database, **fields)
    await make_contact(database, first_name="addressed", emails=("ada@acme.com",))
    await make_contact(database, first_name="wrong", emails=("x.ada@acme.com",))
    await make_contact(database, first_name="nobody")
    assert company.name == "Ada Systems"
    assert await best(database, CONTACT_LIST, "ada") == [
        ("named", 0),
        ("middle", 0),
        ("employer", 1),
        ("Adam", 1),
        ("addressed", 1),
        ("word", 2),
        ("inside", 3),
        ("wrong", 3),
    ]
    assert await best(database, CONTACT_LIST, "ada@acme.com") == [("addressed", 0), ("wrong", 3)]


async def test_companies_come_by_where_the_word_stands(database: Database) -> None:
    """A word of the name or the host, the beginning of one, of any word, and then anywhere."""
    for name, domain, description in (
        ("inside", None, "Subacme works"),
        ("word", None, "Bought by Acmeists"),
        ("Acmeon", None, None),
        ("host", "acme.io", None),
        ("The ACME Group", None, None),
    ):
        await make_company(database, name=name, domain=domain, short_description=description)
    assert await best(database, COMPANY_LIST, "acme") == [
        ("The ACME Group", 0),
        ("Acmeon", 1),
        ("host", 1),
        ("word", 2),
        ("inside", 3),
    ]
    assert await best(database, COMPANY_LIST, "acme.io") == [("host", 0)]


async def test_every_word_counts(database: Database) -> None:
    """Distances of the words are added up; who matches all of them best comes first."""
    for first_name, last_name in (("Adam", "Lovell"), ("Ada", "Lovell"), ("Ada", "Love")):
        await make_contact(database, first_name=first_name, last_name=last_name)
    assert await best(database, CONTACT_LIST, "ada love") == [("Ada", 0), ("Ada", 1), ("Adam", 2)]
    assert await best(database, CONTACT_LIST, "ADA ada Love") == [
        ("Ada", 0),
        ("Ada", 1),
        ("Adam", 3),
    ]


async def test_words_are_lowered_as_the_texts_are(database: Database) -> None:
    """Capitals of any alphabet make no difference."""
    await make_contact(database, first_name="Éva", last_name="Жукова")
    for search in ("ÉVA жУКОВА", "éva", "жукова"):
        assert await best(database, CONTACT_LIST, search) == [("Éva", 0)]


async def test_word_is_no_pattern(database: Database, statements: Statements) -> None:
    """Wildcards and quotes stand for themselves and never reach the statement."""
    for first_name in ("a_b", "axb", "50%", "505", "o'x", "x');--"):
        await make_contact(database, first_name=first_name)
    with statements.recorded() as recorded:
        assert await best(database, CONTACT_LIST, "a_b") == [("a_b", 0)]
        assert await best(database, CONTACT_LIST, "50%") == [("50%", 0)]
        assert await best(database, CONTACT_LIST, "x');--") == [("x');--", 0)]
    assert len(set(recorded)) == 1


async def test_ties_are_broken_by_the_further_keys_and_the_id(database: Database) -> None:
    """Equally good matches come by the next key, and then the oldest first."""
    for title in ("b", "a", "b"):
        await make_contact(database, first_name="Ada", title=title)
    await make_contact(database, first_name="Adam", title="0")
    page = await fetcher(database, CONTACT_LIST, ADA)(
        PageRequest(order=(*BEST, ContactOrder(field=ContactOrderField.TITLE)))
    )
    assert [(row.title, row._relevance) for row in page.rows] == [
        ("a", 0), ("b", 0), ("b", 0), ("0", 1),
    ]  # fmt: skip
    assert page.rows[1].id < page.rows[2].id


async def test_order_ends_after_a_thousand_rows(database: Database, engine: AsyncEngine) -> None:
    """A walk shows the best thousand and says that it was cut; the last page may be shorter."""
    await fill(engine, RELEVANCE_LIMIT + 5)
    fetch, request = fetcher(database, CONTACT_LIST, ADA), PageRequest(order=BEST, size=300)
    walked: list[int] = []
    ends = []
    while True:
        page = await fetch(request)
        walked += ids(page.rows)
        ends.append((len(page.rows), page.has_more, page.is_capped, page.last_ordinal))
        if not page.has_more:
            break
        request = replace(request, cursor=_end_of(page))
    assert len(set(walked)) == RELEVANCE_LIMIT
    assert ends == [
        (300, True, False, 300),
        (300, True, False, 600),
        (300, True, False, 900),
        (100, False, True, 1000),
    ]


@pytest.mark.parametrize(
    ("size", "offset", "shown"),
    [(1000, 0, 1000), (100, 900, 100), (100, 901, 99), (100, 1000, 0), (1, 999, 1)],
)
async def test_page_reaches_the_end_but_never_beyond(
    database: Database, engine: AsyncEngine, size: int, offset: int, shown: int
) -> None:
    """Skipped rows count; a page that begins at the end is empty and says why."""
    await fill(engine, RELEVANCE_LIMIT + 1)
    fetch = fetcher(database, CONTACT_LIST, ADA)
    page = await fetch(PageRequest(order=BEST, size=size, offset=offset))
    assert (len(page.rows), page.has_more, page.is_capped) == (shown, False, True)


@pytest.mark.parametrize("missing", [0, 1])
async def test_list_that_fits_is_not_cut(
    database: Database, engine: AsyncEngine, missing: int
) -> None:
    """A thousand matches and fewer are all shown, and nothing is said."""
    await fill(engine, RELEVANCE_LIMIT - missing)
    page = await fetcher(database, CONTACT_LIST, ADA)(PageRequest(order=BEST, size=1000))
    assert (len(page.rows), page.has_more) == (RELEVANCE_LIMIT - missing, False)
    assert not page.is_capped


async def test_walk_goes_back_from_a_cursor(database: Database, engine: AsyncEngine) -> None:
    """From the last row shown, all before it are met again in the same order."""
    await fill(engine, 20)
    fetch = fetcher(database, CONTACT_LIST, ADA)
    whole = await fetch(PageRequest(order=BEST, size=20))
    back = PageRequest(order=BEST, size=12, cursor=_end_of(whole), backward=True)
    page = await fetch(back)
    assert ids(page.rows) == ids(whole.rows)[7:19]
    assert (page.has_more, page.is_capped, page.first_ordinal) == (True, False, 8)
    first = await fetch(replace(back, cursor=_start_of(page)))
    assert (ids(first.rows), first.has_more) == (ids(whole.rows)[:7], False)


async def test_rows_behind_are_told_for_a_page_by_relevance(
    database: Database, engine: AsyncEngine
) -> None:
    """Whether something stands on the other side of a cursor is known without a last page."""
    await fill(engine, 3)
    whole = await fetcher(database, CONTACT_LIST, ADA)(PageRequest(order=BEST))
    request = PageRequest(order=BEST, cursor=_end_of(whole))
    async with database.read() as session:
        assert await CONTACT_LIST.rows_behind(session, request, ADA)
        assert await CONTACT_LIST.rows_behind(session, replace(request, backward=True), ADA)
        nobody = ContactFilter(search="nobody")
        assert not await CONTACT_LIST.rows_behind(session, request, nobody)


def _end_of(page: Page[Any]) -> Any:
    order = page.request.order
    return cursor_of(CONTACT_LIST.entity, order, page.rows[-1], ordinal=page.last_ordinal)


def _start_of(page: Page[Any]) -> Any:
    order = page.request.order
    return cursor_of(CONTACT_LIST.entity, order, page.rows[0], ordinal=page.first_ordinal)


NO_SEARCH = (
    "RELEVANCE orders by how well search matches. Add search to the filter itself, not within and,"
    " or, not, or choose another order."
)


@pytest.mark.parametrize(
    ("order", "filter_", "message"),
    [
        pytest.param(BEST, None, NO_SEARCH, id="no-filter"),
        pytest.param(BEST, ContactFilter(title=StringFilter(eq="x")), NO_SEARCH, id="no-search"),
        pytest.param(BEST, ContactFilter(search=" \t"), NO_SEARCH, id="blank"),
        pytest.param(BEST, ContactFilter(and_=[ADA]), NO_SEARCH, id="within-and"),
        pytest.param(BEST, ContactFilter(not_=ADA), NO_SEARCH, id="within-not"),
        pytest.param(
            (ContactOrder(field=ContactOrderField.NAME), *BEST),
            ADA,
            "RELEVANCE is the first key of orderBy. Move it to the front.",
            id="second-key",
        ),
        pytest.param(
            (ContactOrder(field=ContactOrderField.RELEVANCE, direction=Direction.DESC),),
            ADA,
            "RELEVANCE goes from the best match on. Leave its direction out.",
            id="descending",
        ),
    ],
)
async def test_relevance_where_it_cannot_be_is_refused(
    database: Database, order: OrderKeys, filter_: Filter | None, message: str
) -> None:
    """The message says what to change."""
    with pytest.raises(InvalidInput) as refused:
        await fetcher(database, CONTACT_LIST, filter_)(PageRequest(order=order))
    assert refused.value.message == message


async def test_last_page_by_relevance_is_refused(database: Database) -> None:
    """The worst of all matches are not what the order is for."""
    with pytest.raises(InvalidInput) as refused:
        await fetcher(database, CONTACT_LIST, ADA)(PageRequest(order=BEST, backward=True))
    assert refused.value.message == (
        "RELEVANCE has no last page. Begin with first, or pass a cursor as before."
    )


async def test_search_that_cannot_be_is_refused_as_in_any_order(database: Database) -> None:
    """Null and too many words are told by the filter, not by the order."""
    for search, message in (
        (None, "filter.search is null. Leave it out, or give words."),
        ("a " * 9, "filter.search has 9 words; at most 8 fit."),
    ):
        fetch = fetcher(database, CONTACT_LIST, ContactFilter(search=search))
        with pytest.raises(InvalidFilter) as refused:
            await fetch(PageRequest(order=BEST))
        assert refused.value.message == message


async def test_place_of_nulls_says_nothing_about_relevance(
    database: Database, engine: AsyncEngine
) -> None:
    """No row is without a distance, so both places give the same list."""
    await fill(engine, 4)
    fetch = fetcher(database, CONTACT_LIST, ADA)
    first, last = [
        await fetch(
            PageRequest(order=(ContactOrder(field=ContactOrderField.RELEVANCE, nulls=nulls),))
        )
        for nulls in Nulls
    ]
    assert ids(first.rows) == ids(last.rows)
