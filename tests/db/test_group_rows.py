"""Promises of `db.group_rows`: behind a group stand the rows that it counted."""

from typing import Any

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from db.aggregates import GROUPABLE_CONTACTS, Grouping
from db.entities import CONTACTS
from db.group_rows import Groups, groups_with_rows_behind, list_rows_of_groups
from db.paging import cursor_of
from db.transaction import Database
from domain.aggregates import ContactGroupBy, GroupBy
from domain.filters import ContactFilter
from domain.paging import NEWEST_CONTACTS, PageRequest
from tests.db.brute_force import Row, World
from tests.db.brute_force_groups import Keys, group_rows
from tests.db.datasets import insert_world, seeded
from tests.db.groupings import EVERYTHING, KINDS, Kind, matching, named, random_filter
from tests.statements import Statements


@pytest.fixture
async def world(engine: AsyncEngine) -> World:
    """Eighty contacts of sixteen companies with what belongs to them, some of them deleted."""
    return await insert_world(engine, seeded("groups"), contact_count=80, company_count=16)


def groups_of(
    grouping: Grouping[Any], members: dict[Keys, list[Row]], filter_: Any = None, *, many: bool
) -> Groups[Any]:
    """Groups as a page of them was read, found the way that few or that many rows are found."""
    counts = [10**6 if many else len(rows) for rows in members.values()]
    return Groups(grouping, filter_, list(members), counts)


@pytest.mark.parametrize("many", [False, True], ids=["few", "many"])
@pytest.mark.parametrize("kind", KINDS, ids=named)
async def test_rows_of_groups_are_those_of_python(
    database: Database, world: World, kind: Kind, *, many: bool
) -> None:
    """The rows behind each group, of every dimension and of several, are those it counted."""
    random = seeded("rows of groups")
    tried: list[tuple[GroupBy, ...]] = [(dimension,) for dimension in kind.dimensions]
    tried += [(), *(kind.random_group_by(random) for _ in range(12))]
    for group_by in tried:
        filter_ = random_filter(random, world, kind)
        wanted = group_rows(kind.filter_, matching(world, kind, filter_), group_by, world)
        groups = groups_of(Grouping(kind.of, group_by), wanted, filter_, many=many)
        request = PageRequest(order=kind.newest, size=EVERYTHING)
        async with database.read() as session:
            places = range(len(groups.keys))
            pages = await list_rows_of_groups(session, groups, places, request=request)
        for keys, page in zip(groups.keys, pages, strict=True):
            expected = sorted(wanted[keys], key=lambda row: (row["created_at"], row["id"]))
            assert [row.id for row in page.rows] == [row["id"] for row in expected[::-1]], keys


@pytest.mark.parametrize("many", [False, True], ids=["few", "many"])
async def test_rows_of_groups_come_in_pages(
    database: Database, world: World, *, many: bool
) -> None:
    """A page of each group begins after the cursor, tells what follows, and looks behind."""
    group_by = (ContactGroupBy.TAG,)
    members = group_rows(ContactFilter, world.rows(ContactFilter), group_by, world)
    groups = groups_of(Grouping(GROUPABLE_CONTACTS, group_by), members, many=many)
    newest = sorted(world.rows(ContactFilter), key=lambda row: (row["created_at"], row["id"]))[::-1]
    pivot: Any = newest[len(newest) // 3]
    cursor = cursor_of(CONTACTS, NEWEST_CONTACTS, pivot, ordinal=1)
    request = PageRequest(order=NEWEST_CONTACTS, size=4, cursor=cursor)
    places = list(range(len(groups.keys)))[::-1]
    async with database.read() as session:
        pages = await list_rows_of_groups(session, groups, places, request=request)
        behind = await groups_with_rows_behind(session, groups, places, request=request)
    before = {row["id"] for row in newest[: len(newest) // 3 + 1]}
    for place, page, is_behind in zip(places, pages, behind, strict=True):
        mine = {row["id"] for row in members[groups.keys[place]]}
        left = [row["id"] for row in newest if row["id"] in mine - before]
        assert [row.id for row in page.rows] == left[:4]
        assert page.has_more is (len(left) > 4)
        assert is_behind is bool(mine & before)


@pytest.mark.parametrize("many", [False, True], ids=["few", "many"])
async def test_rows_of_groups_cost_a_statement_for_each_pattern_of_missing_keys(
    database: Database, world: World, statements: Statements, *, many: bool
) -> None:
    """However many groups there are, their rows are read together; few rows are fenced off."""
    grouping = Grouping(GROUPABLE_CONTACTS, (ContactGroupBy.COUNTRY, ContactGroupBy.TAG))
    members = group_rows(ContactFilter, world.rows(ContactFilter), grouping.group_by, world)
    patterns = {tuple(key is None for key in keys) for keys in members}
    assert len(patterns) == 4 < len(members)
    groups = groups_of(grouping, members, many=many)
    request = PageRequest(order=NEWEST_CONTACTS, size=2)
    with statements.recorded() as recorded:
        async with database.read() as session:
            await list_rows_of_groups(session, groups, range(len(members)), request=request)
    assert len(recorded) == len(patterns)
    assert [" OFFSET 0" not in sql for sql in recorded] == [many] * len(patterns)
