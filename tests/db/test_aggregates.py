"""Promises of `db.aggregates`: groups are those that Python makes of the same rows."""

from dataclasses import replace
from typing import Any, Final

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from db.aggregates import (
    GROUPABLE_COMPANIES,
    GROUPABLE_CONTACTS,
    Grouping,
    GroupRow,
    count_groups,
    cursor_of_group,
    groups_behind,
    list_groups,
)
from db.companies import delete_company
from db.measures import measure_label
from db.transaction import Database
from domain.aggregates import ContactGroupBy, GroupOrder, GroupOrderField, Operation
from domain.filters import ContactFilter, StringFilter
from domain.paging import CursorCodec, Direction, Nulls, Page, PageRequest
from domain.records import NewLocation
from tests.db.brute_force import World
from tests.db.brute_force_groups import Keys, group_rows, in_order, work_out
from tests.db.datasets import insert_world, seeded
from tests.db.groupings import (
    COMPANIES,
    CONTACTS,
    EVERYTHING,
    KINDS,
    Kind,
    matching,
    named,
    random_filter,
)
from tests.factories import make_company, make_contact
from tests.graph.ids import id_of
from tests.graph.rows import execute
from tests.statements import Statements

TRIES: Final = 30
_CODEC: Final = CursorCodec(b"groups")


BY_COUNTRY: Final = Grouping(GROUPABLE_CONTACTS, (ContactGroupBy.COUNTRY,))
ORDERS: Final = [
    GroupOrder(field=field, direction=direction, nulls=nulls)
    for field in GroupOrderField
    for direction in Direction
    for nulls in Nulls
]


@pytest.fixture
async def world(engine: AsyncEngine) -> World:
    """Eighty contacts of sixteen companies with what belongs to them, some of them deleted."""
    return await insert_world(engine, seeded("groups"), contact_count=80, company_count=16)


async def page_of(
    database: Database, grouping: Grouping[Any], request: PageRequest, filter_: Any = None
) -> Page[GroupRow]:
    """A page of groups, read in a session of its own."""
    async with database.read() as session:
        return await list_groups(session, grouping, request, filter_)


async def all_groups(
    database: Database, kind: Kind, grouping: Grouping[Any], filter_: Any = None
) -> list[GroupRow]:
    """Every group, the largest first."""
    request = PageRequest(order=kind.order(grouping.group_by), size=EVERYTHING)
    page = await page_of(database, grouping, request, filter_)
    assert not page.has_more
    return list(page.rows)


def keys_of(grouping: Grouping[Any], row: GroupRow) -> Keys:
    """The keys of a group in the order of its dimensions."""
    return tuple(row[dimension.key.label] for dimension in grouping.dimensions)


async def assert_groups(
    database: Database, world: World, kind: Kind, grouping: Grouping[Any], filter_: Any = None
) -> None:
    """PostgreSQL and Python agree on the groups and on everything that is worked out."""
    rows = await all_groups(database, kind, grouping, filter_)
    wanted = group_rows(kind.filter_, matching(world, kind, filter_), grouping.group_by, world)
    assert [keys_of(grouping, row) for row in rows] == in_order(
        wanted, grouping.group_by, kind.order(grouping.group_by)
    )
    for row in rows:
        members = wanted[keys_of(grouping, row)]
        assert row["count"] == len(members)
        for operation, name in grouping.measured:
            found = row[measure_label(operation, name)]
            expected = work_out(kind.filter_, operation, name, members, world)
            if isinstance(expected, float):
                expected = pytest.approx(expected, rel=1e-12)
            assert found == expected, (operation, name, filter_)


@pytest.mark.parametrize("kind", KINDS, ids=named)
async def test_groups_of_each_dimension_are_those_of_python(
    database: Database, world: World, kind: Kind
) -> None:
    """Each dimension alone gives the groups and counts of brute force, missing keys included."""
    for dimension in kind.dimensions:
        await assert_groups(database, world, kind, Grouping(kind.of, (dimension,)))


@pytest.mark.parametrize("kind", KINDS, ids=named)
async def test_every_measure_is_worked_out_as_by_python(
    database: Database, world: World, kind: Kind
) -> None:
    """Every operation over every measure, for one group of everything and for small groups."""
    measured = frozenset(kind.measured())
    for group_by in ((), (kind.dimensions["COUNTRY"],), (kind.dimensions["TECHNOLOGY"],)):
        await assert_groups(database, world, kind, Grouping(kind.of, group_by, measured))


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("kind", KINDS, ids=named)
async def test_random_groups_are_those_of_python(
    database: Database, world: World, kind: Kind, seed: int
) -> None:
    """One to three dimensions, any filter and any measures agree with brute force."""
    random = seeded(f"groups {seed}")
    for _ in range(TRIES):
        measured = frozenset(random.sample(kind.measured(), random.randrange(6)))
        grouping = Grouping(kind.of, kind.random_group_by(random), measured)
        await assert_groups(database, world, kind, grouping, random_filter(random, world, kind))


@pytest.mark.parametrize("kind", KINDS, ids=named)
async def test_no_rows_make_no_groups_but_one_of_everything(database: Database, kind: Kind) -> None:
    """Over no rows counts are zero and nothing else is known; there is no group of a dimension."""
    everything = Grouping(kind.of, (), frozenset(kind.measured()))
    (row,) = await all_groups(database, kind, everything)
    assert row["count"] == 0
    for operation, name in everything.measured:
        found = row[measure_label(operation, name)]
        if operation is Operation.DISTINCT_VALUES:
            assert found == []
        else:
            assert found == (0 if operation.startswith("count") else None), (operation, name)
    assert await all_groups(database, kind, Grouping(kind.of, (kind.dimensions["STAGE"],))) == []


async def test_row_counts_once_in_each_value_of_a_list(database: Database) -> None:
    """A value that stands twice in a list does not count its row twice, nor add it up twice."""
    contact = await make_contact(database, last_name="a", tags=["x", "y"])
    await execute(database, "UPDATE contacts SET tags = '{x,x,y}' WHERE id = $1", contact.id)
    score = (Operation.SUM, "quality_score")
    grouping = Grouping(GROUPABLE_CONTACTS, (ContactGroupBy.TAG,), frozenset({score}))
    rows = await all_groups(database, CONTACTS, grouping)
    assert [tuple(row.values()) for row in rows] == [
        ("x", 1, contact["quality_score"]),
        ("y", 1, contact["quality_score"]),
    ]


async def test_texts_make_a_group_for_each_spelling(database: Database) -> None:
    """Capitals are told apart, as a group is a value as it is stored; e-mail domains have none."""
    spellings = (("Germany", "Acme.com"), ("germany", "acme.COM"), ("Germany", "acme.com"))
    for number, (country, domain) in enumerate(spellings):
        contact = await make_contact(database, emails=(f"a{number}@{domain}",))
        update = "UPDATE contacts SET country = $1 WHERE id = $2"
        await execute(database, update, country, contact.id)
    by_country = await all_groups(database, CONTACTS, BY_COUNTRY)
    assert [tuple(row.values()) for row in by_country] == [("Germany", 2), ("germany", 1)]
    by_domain = Grouping(GROUPABLE_CONTACTS, (ContactGroupBy.EMAIL_DOMAIN,))
    rows = await all_groups(database, CONTACTS, by_domain)
    assert [tuple(row.values()) for row in rows] == [("acme.com", 3)]


async def test_contacts_of_a_deleted_company_are_those_of_no_company(database: Database) -> None:
    """A contact shows no company once it is deleted, and so do its groups."""
    company = await make_company(database, name="Acme", industries=["Software"])
    await make_contact(database, last_name="a", company_id=id_of(company))
    await make_contact(database, last_name="b")
    async with database.write() as tx:
        await delete_company(tx, company.id)
    for dimension in (ContactGroupBy.COMPANY, ContactGroupBy.INDUSTRY):
        rows = await all_groups(database, CONTACTS, Grouping(GROUPABLE_CONTACTS, (dimension,)))
        assert [tuple(row.values()) for row in rows] == [(None, 2)]


async def test_sum_may_be_longer_than_64_bits(database: Database) -> None:
    """Sums are exact however long they get."""
    greatest = 2**63 - 1
    for number in range(3):
        await make_company(database, name=f"c{number}", annual_revenue=greatest)
    total = (Operation.SUM, "annual_revenue")
    (row,) = await all_groups(
        database, COMPANIES, Grouping(GROUPABLE_COMPANIES, (), frozenset({total}))
    )
    assert row["sum_annual_revenue"] == 3 * greatest


async def walk(
    database: Database, grouping: Grouping[Any], request: PageRequest, filter_: Any
) -> list[GroupRow]:
    """The groups from the request's cursor to the end of its direction, in the order."""
    walked: list[GroupRow] = []
    while True:
        page = await page_of(database, grouping, request, filter_)
        walked = [*page.rows, *walked] if request.backward else [*walked, *page.rows]
        if not page.has_more:
            return walked
        assert len(page.rows) == request.size
        last = page.rows[0 if request.backward else -1]
        place = cursor_of_group(grouping, request.order, last, ordinal=1)
        text = _CODEC.writer(request.order)(place)
        request = replace(request, cursor=_CODEC.decode(text, request.order))


@pytest.mark.parametrize("kind", KINDS, ids=named)
async def test_pages_of_groups_join_to_the_whole(
    database: Database, world: World, kind: Kind
) -> None:
    """A walk over pages of any size, forward or backward, meets every group once, in order."""
    random = seeded("pages of groups")
    for order_by in ORDERS * 5:
        group_by = kind.random_group_by(random)
        grouping, order = Grouping(kind.of, group_by), kind.order(group_by, [order_by])
        filter_ = random_filter(random, world, kind)
        groups = group_rows(kind.filter_, matching(world, kind, filter_), group_by, world)
        wanted = in_order(groups, group_by, order)
        size = random.choice((7, 20)) if len(wanted) > 30 else random.choice((1, 2, 3, 7))
        for backward in (False, True):
            request = PageRequest(order=order, size=size, backward=backward)
            walked = await walk(database, grouping, request, filter_)
            assert [keys_of(grouping, row) for row in walked] == wanted, (order_by, group_by)


@pytest.mark.parametrize("kind", KINDS, ids=named)
async def test_groups_are_counted(database: Database, world: World, kind: Kind) -> None:
    """The number of groups is exact under any filter."""
    random = seeded("number of groups")
    for _ in range(10):
        group_by, filter_ = kind.random_group_by(random), random_filter(random, world, kind)
        wanted = group_rows(kind.filter_, matching(world, kind, filter_), group_by, world)
        async with database.read() as session:
            count = await count_groups(session, Grouping(kind.of, group_by), filter_)
        assert count == len(wanted), (group_by, filter_)


@pytest.mark.parametrize("order_by", ORDERS, ids=named)
async def test_look_behind_sees_the_groups_on_the_other_side(
    database: Database, order_by: GroupOrder
) -> None:
    """Groups before the cursor's are behind a page after it, and the cursor's own is too."""
    for country, stages in (("a", "xy"), ("b", "xxy"), ("c", "y"), (None, "xxxy")):
        for stage in stages:
            await make_contact(
                database, last_name="n", location=NewLocation(country=country), stage=stage
            )
    order = CONTACTS.order(BY_COUNTRY.group_by, [order_by])
    request = PageRequest(order=order, size=EVERYTHING)
    rows = (await page_of(database, BY_COUNTRY, request)).rows
    async with database.read() as session:
        for at, row in enumerate(rows):
            cursor = cursor_of_group(BY_COUNTRY, order, row, ordinal=1)
            for backward in (False, True):
                at_row = replace(request, cursor=cursor, backward=backward)
                assert await groups_behind(session, BY_COUNTRY, at_row, None)
                others = rows[at + 1 :] if backward else rows[:at]
                without = without_group(row)
                assert await groups_behind(session, BY_COUNTRY, at_row, without) is bool(others)


def without_group(row: GroupRow) -> ContactFilter:
    """The contacts that are not in a group by country."""
    country = row["key_country"]
    condition = StringFilter(is_null=True) if country is None else StringFilter(eq=country)
    return ContactFilter(not_=ContactFilter(country=condition))


async def test_the_group_of_everything_is_one_page(database: Database) -> None:
    """Without dimensions there is one group, and nothing after it."""
    await make_contact(database)
    grouping = Grouping(GROUPABLE_CONTACTS)
    page = await page_of(database, grouping, PageRequest(order=(), size=1))
    assert (len(page.rows), page.has_more) == (1, False)
    cursor = cursor_of_group(grouping, (), page.rows[0], ordinal=1)
    after = await page_of(database, grouping, PageRequest(order=(), size=1, cursor=cursor))
    assert (after.rows, after.has_more) == ([], False)
    async with database.read() as session:
        assert await count_groups(session, grouping, None) == 1
        behind = PageRequest(order=(), size=1, cursor=cursor)
        assert await groups_behind(session, grouping, behind, None)


async def test_only_what_is_asked_for_is_read(database: Database, statements: Statements) -> None:
    """Companies and metadata are joined for those who ask about them, and a page is a statement."""
    joins = {
        (ContactGroupBy.COUNTRY, None): [],
        (ContactGroupBy.EMPLOYEE_RANGE, None): ["companies"],
        (ContactGroupBy.COUNTRY, (Operation.COUNT_EMPTY, "linkedin_url")): ["contact_metadata"],
        (ContactGroupBy.COUNTRY, (Operation.COUNT_EMPTY, "phones")): ["contact_phones"],
        (ContactGroupBy.COUNTRY, (Operation.MAX, "company_employees_count")): [],
    }
    for (dimension, measured), tables in joins.items():
        grouping = Grouping(
            GROUPABLE_CONTACTS, (dimension,), frozenset({measured} if measured else ())
        )
        with statements.recorded() as recorded:
            await all_groups(database, CONTACTS, grouping)
        (sql,) = recorded
        others = ("companies", "contact_metadata", "contact_phones")
        assert [table for table in others if table in sql] == tables
        assert ("max(" in sql) is (measured is not None and measured[0] is Operation.MAX)
