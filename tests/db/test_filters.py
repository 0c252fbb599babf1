"""Promises of `db.filters`: every condition means in SQL what the contract says in words."""

from dataclasses import fields
from typing import Any

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from db.contacts import count_contacts
from db.transaction import Database
from domain.filters import (
    AnyFilter,
    BooleanFilter,
    CompanyFilter,
    ContactFilter,
    Filter,
    IntFilter,
    IntRange,
    StringFilter,
    StringListFilter,
)
from tests.db.brute_force import World, given_fields
from tests.db.datasets import insert_world, seeded
from tests.db.random_filters import (
    FILTERS,
    RandomFilters,
    condition_fields,
    kind_of,
    operators_of,
    plain_fields,
)
from tests.db.selections import listed, wanted
from tests.factories import make_contact
from tests.statements import Statements

KINDS = (ContactFilter, CompanyFilter)
# Through which field of contacts the rows of the other filters are reached.
RELATIONS = ("metadata", "emails", "phones", "activities")
TRIES = 6
A = StringFilter(eq="a")


def named(value: object) -> str:
    return str(getattr(value, "__name__", value))


@pytest.fixture
async def world(engine: AsyncEngine) -> World:
    """Fifty contacts of twelve companies with what belongs to them, some of them deleted."""
    return await insert_world(engine, seeded("filters"), contact_count=50, company_count=12)


def conditions(makers: RandomFilters, kind: type[AnyFilter], *, tries: int) -> list[Any]:
    """Each operator of each field a few times, and each plain field."""
    return [
        *(
            makers.of_field(kind, name, operator)
            for name in condition_fields(kind)
            for operator in operators_of(kind_of(kind, name))
            for _ in range(tries)
        ),
        *(makers.of_plain_field(kind, name) for name in plain_fields(kind) for _ in range(tries)),
    ]


async def assert_selects(database: Database, world: World, filters_: list[Any]) -> None:
    """PostgreSQL and Python agree on the rows of each filter."""
    for filter_, found in zip(filters_, await listed(database, filters_), strict=True):
        assert found == wanted(world, filter_), filter_


def assert_tells_rows_apart(world: World, filters_: list[Any]) -> None:
    """Of the conditions on each field one at least holds for some rows and fails for others."""
    told: set[str] = set()
    named: set[str] = set()
    for filter_ in filters_:
        ((field, value),) = given_fields(filter_)
        if type(value) in FILTERS:
            ((field, value),) = given_fields(value)
        named.add(field)
        if 0 < len(wanted(world, filter_)) < len(world.rows(type(filter_))):
            told.add(field)
    assert told == named


@pytest.mark.parametrize("kind", KINDS, ids=named)
async def test_condition_selects_the_rows_that_python_selects(
    database: Database, world: World, kind: type[Filter]
) -> None:
    """Each operator of each field, with operands near what is stored, agrees with brute force."""
    makers = RandomFilters(seeded("conditions"), world)
    filters_ = conditions(makers, kind, tries=TRIES)
    await assert_selects(database, world, filters_)
    assert_tells_rows_apart(world, filters_)


@pytest.mark.parametrize("relation", RELATIONS)
async def test_condition_on_belongings_selects_the_contacts_that_python_selects(
    database: Database, world: World, relation: str
) -> None:
    """Each operator of each field of what belongs to contacts agrees with brute force."""
    makers = RandomFilters(seeded(f"belongings {relation}"), world)
    of_rows = conditions(makers, kind_of(ContactFilter, relation), tries=TRIES)
    filters_ = [ContactFilter(**{relation: filter_}) for filter_ in of_rows]
    await assert_selects(database, world, filters_)
    assert_tells_rows_apart(world, filters_)


@pytest.mark.parametrize("relation", RELATIONS)
async def test_conditions_on_belongings_hold_for_the_same_row(
    database: Database, world: World, relation: str
) -> None:
    """Two conditions in one relation filter speak of one address, number or activity."""
    makers = RandomFilters(seeded(f"pairs {relation}"), world)
    kind = kind_of(ContactFilter, relation)
    of_rows = conditions(makers, kind, tries=1)
    pairs = [
        kind(**{item.name: getattr(pair, item.name) for item in fields(pair)} | one.__dict__)
        for one, pair in zip(of_rows, reversed(of_rows), strict=True)
    ]
    await assert_selects(database, world, [ContactFilter(**{relation: pair}) for pair in pairs])


@pytest.mark.parametrize("kind", KINDS, ids=named)
async def test_not_selects_exactly_the_other_rows(
    database: Database, world: World, kind: type[Filter]
) -> None:
    """A condition and its opposite share the rows between them, missing values included."""
    makers = RandomFilters(seeded("opposites"), world)
    tried = conditions(makers, kind, tries=1)
    everything = {row["id"] for row in world.rows(kind)}
    found = await listed(database, [kind(not_=filter_) for filter_ in tried])
    for filter_, others in zip(tried, found, strict=True):
        assert others == everything - wanted(world, filter_), filter_


@pytest.mark.parametrize("seed", range(4))
async def test_random_tree_selects_the_rows_that_python_selects(
    database: Database, world: World, seed: int
) -> None:
    """Whatever and, or, not and relations are nested in, the rows are those of brute force."""
    makers = RandomFilters(seeded(f"tree {seed}"), world)
    trees = [makers.tree(kind, depth=4) for kind in (*KINDS, ContactFilter) for _ in range(20)]
    await assert_selects(database, world, trees)
    async with database.read() as session:
        for tree in trees:
            if isinstance(tree, ContactFilter):
                assert await count_contacts(session, tree) == len(wanted(world, tree)), (seed, tree)


EVERYTHING = [
    pytest.param(ContactFilter(), id="no-field"),
    pytest.param(ContactFilter(title=StringFilter()), id="no-operator"),
    pytest.param(ContactFilter(and_=[]), id="and"),
    pytest.param(ContactFilter(or_=[ContactFilter()]), id="or-of-anything"),
    pytest.param(ContactFilter(title=StringFilter(not_in=[])), id="not-in"),
    pytest.param(ContactFilter(tags=StringListFilter(all_of=[])), id="all-of"),
    pytest.param(ContactFilter(tags=StringListFilter(none_of=[])), id="none-of"),
    pytest.param(ContactFilter(not_=ContactFilter(or_=[])), id="not-nothing"),
    pytest.param(ContactFilter(quality_score=IntFilter(lt=2**31 - 1)), id="beyond-smallint"),
]
NOTHING = [
    pytest.param(ContactFilter(or_=[]), id="or"),
    pytest.param(ContactFilter(title=StringFilter(in_=[])), id="in"),
    pytest.param(ContactFilter(tags=StringListFilter(any_of=[])), id="any-of"),
    pytest.param(ContactFilter(not_=ContactFilter()), id="not-everything"),
    pytest.param(ContactFilter(quality_score=IntFilter(eq=2**31 - 1)), id="beyond-smallint"),
    pytest.param(
        ContactFilter(quality_score=IntFilter(between=IntRange(from_=9, to=1))), id="empty-range"
    ),
]


@pytest.mark.parametrize("filter_", EVERYTHING)
async def test_filter_without_condition_selects_everything(
    database: Database, world: World, filter_: ContactFilter
) -> None:
    """Nothing asked, nothing excluded: every row matches, the ones without values too."""
    assert await listed(database, [filter_]) == [world.contacts.keys()]


@pytest.mark.parametrize("filter_", NOTHING)
async def test_filter_that_cannot_hold_selects_nothing(
    database: Database, world: World, filter_: ContactFilter
) -> None:
    """One of none, and the opposite of everything, match no row."""
    assert await listed(database, [filter_]) == [set()]


@pytest.mark.parametrize(
    "filter_",
    [
        pytest.param(ContactFilter(title=StringFilter(not_eq="cto")), id="not-eq"),
        pytest.param(ContactFilter(title=StringFilter(not_in=["CTO", "x"])), id="not-in"),
        pytest.param(
            ContactFilter(not_=ContactFilter(title=StringFilter(contains="t"))), id="not-contains"
        ),
        pytest.param(
            ContactFilter(not_=ContactFilter(title=StringFilter(eq="CTO"), stage=A)), id="not-and"
        ),
    ],
)
async def test_opposite_of_a_condition_includes_missing_values(
    database: Database, filter_: ContactFilter
) -> None:
    """Logic has two values: a contact without a title is not one with the title CTO."""
    await make_contact(database, last_name="Known", title="CTO", stage="a")
    nameless = await make_contact(database, last_name="Missing", stage="a")
    assert await listed(database, [filter_]) == [{nameless.id}]


async def test_filter_finds_hostile_text_as_it_stands(
    database: Database, statements: Statements
) -> None:
    """Quotes, wildcards and comments in an operand are text and nothing else."""
    title = "x'); DROP TABLE contacts; -- %_\\ $1 :name"
    hostile = await make_contact(database, last_name="a", title=title)
    await make_contact(database, last_name="b", title="x")
    with statements.recorded() as recorded:
        found = await listed(
            database,
            [
                ContactFilter(title=StringFilter(eq=title, contains=title, starts_with=title)),
                ContactFilter(
                    title=StringFilter(ends_with=title, in_=[title], case_sensitive=True)
                ),
            ],
        )
    assert found == [{hostile.id}, {hostile.id}]
    assert not any("DROP" in sql for sql in recorded)


async def test_boolean_filter_tells_yes_from_no(database: Database) -> None:
    """A flag that is never missing is never null."""
    no = await make_contact(database, last_name="no")
    yes = await make_contact(database, last_name="yes", do_not_contact=True)
    asked = [BooleanFilter(eq=True), BooleanFilter(eq=False), BooleanFilter(is_null=True)]
    found = await listed(database, [ContactFilter(do_not_contact=one) for one in asked])
    assert found == [{yes.id}, {no.id}, set()]
