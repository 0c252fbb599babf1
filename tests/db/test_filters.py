"""Promises of `db.filters`: every condition means in SQL what the contract says in words."""

from datetime import UTC, datetime

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from db.contacts import count_contacts
from db.tables import companies, contacts
from db.transaction import Database
from domain.filters import (
    BooleanFilter,
    CompanyFilter,
    ContactFilter,
    Filter,
    IDFilter,
    IntFilter,
    IntRange,
    StringFilter,
    StringListFilter,
)
from domain.node_ids import NodeKind, encode_node_id
from tests.db.datasets import insert_companies, insert_contacts, seeded, stored_rows
from tests.db.random_filters import (
    RandomFilters,
    condition_fields,
    conditions_of,
    operators_of,
)
from tests.db.selections import Stored
from tests.factories import make_company, make_contact
from tests.statements import Statements

KINDS = (ContactFilter, CompanyFilter)
TRIES = 6
A = StringFilter(eq="a")


def named(value: object) -> str:
    return str(getattr(value, "__name__", value))


@pytest.fixture
async def stored(database: Database, engine: AsyncEngine) -> Stored:
    """Fifty contacts of twelve companies, some of them deleted."""
    random = seeded("filters")
    company_ids = await insert_companies(engine, random, count=12)
    await insert_contacts(engine, random, count=50, company_ids=company_ids)
    return Stored(
        database, await stored_rows(engine, contacts), await stored_rows(engine, companies)
    )


@pytest.mark.parametrize("kind", KINDS, ids=named)
async def test_condition_selects_the_rows_that_python_selects(
    stored: Stored, kind: type[Filter]
) -> None:
    """Each operator of each field, with operands near what is stored, agrees with brute force."""
    makers = RandomFilters(seeded("conditions"), {of: stored.rows(of) for of in KINDS})
    tried = [
        makers.of_field(kind, name, operator)
        for name in condition_fields(kind)
        for operator in operators_of(conditions_of(kind, name))
        for _ in range(TRIES)
    ]
    for filter_, listed in zip(tried, await stored.listed(tried), strict=True):
        assert listed == stored.wanted(filter_), filter_


@pytest.mark.parametrize("kind", KINDS, ids=named)
async def test_not_selects_exactly_the_other_rows(stored: Stored, kind: type[Filter]) -> None:
    """A condition and its opposite share the rows between them, missing values included."""
    makers = RandomFilters(seeded("opposites"), {of: stored.rows(of) for of in KINDS})
    tried = [
        makers.of_field(kind, name, operator)
        for name in condition_fields(kind)
        for operator in operators_of(conditions_of(kind, name))
    ]
    opposites: list[Filter] = [kind(not_=filter_) for filter_ in tried]  # type: ignore[arg-type]  # of the same kind
    everything = {row["id"] for row in stored.rows(kind)}
    for filter_, listed in zip(tried, await stored.listed(opposites), strict=True):
        assert listed == everything - stored.wanted(filter_), filter_


@pytest.mark.parametrize("seed", range(4))
async def test_random_tree_selects_the_rows_that_python_selects(stored: Stored, seed: int) -> None:
    """Whatever and, or, not and company are nested in, the rows are those of brute force."""
    makers = RandomFilters(seeded(f"tree {seed}"), {of: stored.rows(of) for of in KINDS})
    trees = [makers.tree(kind, depth=4) for kind in (*KINDS, ContactFilter) for _ in range(20)]
    for tree, listed in zip(trees, await stored.listed(trees), strict=True):
        assert listed == stored.wanted(tree), (seed, tree)
    async with stored.database.read() as session:
        for tree in trees:
            if isinstance(tree, ContactFilter):
                assert await count_contacts(session, tree) == len(stored.wanted(tree)), (seed, tree)


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
    stored: Stored, filter_: ContactFilter
) -> None:
    """Nothing asked, nothing excluded: every row matches, the ones without values too."""
    everything = {row["id"] for row in stored.rows(ContactFilter)}
    assert await stored.listed([filter_]) == [everything]


@pytest.mark.parametrize("filter_", NOTHING)
async def test_filter_that_cannot_hold_selects_nothing(
    stored: Stored, filter_: ContactFilter
) -> None:
    """One of none, and the opposite of everything, match no row."""
    assert await stored.listed([filter_]) == [set()]


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
    stored = Stored(database, [], [])
    assert await stored.listed([filter_]) == [{nameless.id}]


async def test_contact_without_company_matches_company_filters_only_under_not(
    database: Database, engine: AsyncEngine
) -> None:
    """Even an empty company filter asks for a company that is there; a deleted one is not."""
    live, gone = (
        await make_company(database, name="Live"),
        await make_company(database, name="Gone"),
    )
    made = [
        await make_contact(database, last_name=name, company_id=company_id)
        for name, company_id in [
            ("of live", encode_node_id(NodeKind.COMPANY, live.id)),
            ("of gone", encode_node_id(NodeKind.COMPANY, gone.id)),
            ("alone", None),
        ]
    ]
    async with engine.begin() as connection:
        await connection.execute(
            companies.update().where(companies.c.id == gone.id).values(deleted_at=datetime.now(UTC))
        )
    of_live, of_gone, alone = (row.id for row in made)
    some = ContactFilter(company=CompanyFilter())
    listed = await Stored(database, [], []).listed(
        [some, ContactFilter(not_=some), ContactFilter(company_id=IDFilter(is_null=True))]
    )
    assert listed == [{of_live}, {of_gone, alone}, {alone}]


async def test_filter_finds_hostile_text_as_it_stands(
    database: Database, statements: Statements
) -> None:
    """Quotes, wildcards and comments in an operand are text and nothing else."""
    title = "x'); DROP TABLE contacts; -- %_\\ $1 :name"
    wanted = await make_contact(database, last_name="a", title=title)
    await make_contact(database, last_name="b", title="x")
    with statements.recorded() as recorded:
        listed = await Stored(database, [], []).listed(
            [
                ContactFilter(title=StringFilter(eq=title, contains=title, starts_with=title)),
                ContactFilter(
                    title=StringFilter(ends_with=title, in_=[title], case_sensitive=True)
                ),
            ]
        )
    assert listed == [{wanted.id}, {wanted.id}]
    assert not any("DROP" in sql for sql in recorded)


async def test_boolean_filter_tells_yes_from_no(database: Database) -> None:
    """A flag that is never missing is never null."""
    no = await make_contact(database, last_name="no")
    yes = await make_contact(database, last_name="yes", do_not_contact=True)
    conditions = [BooleanFilter(eq=True), BooleanFilter(eq=False), BooleanFilter(is_null=True)]
    listed = await Stored(database, [], []).listed(
        [ContactFilter(do_not_contact=condition) for condition in conditions]
    )
    assert listed == [{yes.id}, {no.id}, set()]
