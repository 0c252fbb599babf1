"""The proof of what cached answers depend on: by the tables that their SQL reads.

Every filter, order, dimension, measure and field of contacts and companies is asked for, and the
statements that run are held against the tags of the key. What PostgreSQL copies from one table into
another cannot be seen in a statement; that is found out by changing everything there is.
"""

from collections.abc import AsyncIterator, Iterator
from typing import Any, Final

import pytest
from graphql import GraphQLEnumType, GraphQLInputObjectType, GraphQLObjectType, get_named_type

from cache.tags import Entity, any_of, contacts_of
from db.cache_tables import WATCHED_TABLES
from db.columns import metadata
from db.reach import COPIED, reach_of_order
from domain.node_ids import NodeKind, encode_node_id
from domain.paging import CompanyOrderField, ContactOrderField
from graph.caching import OWNERS, WATCHED_OF_USERS
from tests.apps import OpenSharedApp
from tests.graph.cached import COMPANY, CachedApp
from tests.graph.depending import SCHEMA, assert_covered, copies_in, key_of, tables_in
from tests.graph.populated import populate
from tests.graph.rows import execute, read_rows


@pytest.fixture(scope="module")
async def populated(open_shared_app: OpenSharedApp) -> AsyncIterator[CachedApp]:
    """Twenty contacts of twenty companies, each with one of everything, before no cache."""
    async with open_shared_app("depend", enable_compiled_execution=True) as app:
        await populate(app.resources.database)
        yield CachedApp(app)


# Filters.

OPERANDS: Final = {
    "ContactFilter.search": '"ada"',
    "CompanyFilter.search": '"acme"',
    "ContactFilter.company": '{city: {eq: "x"}}',
    "ContactFilter.metadata": '{headline: {eq: "x"}}',
    "ContactFilter.emails": '{address: {eq: "x"}}',
    "ContactFilter.phones": '{number: {eq: "x"}}',
    "ContactFilter.activities": '{body: {eq: "x"}}',
    "CompanyFilter.hasContactsWith": '{title: {eq: "x"}}',
    "CompanyFilter.contactCount": "{gt: 1}",
}

NOT_KEPT: Final = {"importedBy"}
"""Fields of filters that read what nobody tells changes of."""


def operand(kind: str, name: str, type_: Any) -> str:
    """An operand of a field of a filter that looks at no other field."""
    if (given := OPERANDS.get(f"{kind}.{name}")) is not None:
        return given
    named = get_named_type(type_)
    if str(type_).startswith("["):
        return '[{stage: {eq: "x"}}]'
    if named.name == kind:
        return '{stage: {eq: "x"}}'
    if named.name == "Boolean":
        return "true"
    assert isinstance(named, GraphQLInputObjectType)
    return "{isNull: true}" if "isNull" in named.fields else "{isEmpty: true}"


def filters(kind: str) -> Iterator[Any]:
    """A filter for each field of a kind of filter."""
    type_ = SCHEMA.type_map[kind]
    assert isinstance(type_, GraphQLInputObjectType)
    for name, field in type_.fields.items():
        if name not in NOT_KEPT:
            yield pytest.param(f"{{{name}: {operand(kind, name, field.type)}}}", id=name)


DEEP_OF_CONTACTS: Final = (
    '{not: {or: [{company: {city: {eq: "x"}}}]}}',
    '{and: [{companyName: {eq: "x"}}]}',
    '{or: [{}, {company: {hasContactsWith: {title: {eq: "x"}}}}]}',
    "{hasPhone: false, hasLinkedIn: false, isDuplicate: false}",
)
DEEP_OF_COMPANIES: Final = (
    '{or: [{hasContactsWith: {phones: {number: {eq: "x"}}}}]}',
    "{or: [{contactCount: {eq: 1}}]}",
)


@pytest.mark.parametrize("filter_", [*filters("ContactFilter"), *DEEP_OF_CONTACTS])
async def test_filter_of_contacts_is_covered(populated: CachedApp, filter_: str) -> None:
    """In lists, counts and groups, of all contacts and of a company's own."""
    for field in (
        f"contacts(filter: {filter_}) {{ nodes {{ id }} totalCount }}",
        f"contactsCount(filter: {filter_}) {{ count }}",
        f"contactsCount(filter: {filter_}, estimate: true) {{ count }}",
        f"contactAggregate(filter: {filter_}) {{ nodes {{ count }} }}",
    ):
        await assert_covered(populated, f"{{ {field} }}")
    own = f"contacts(filter: {filter_}) {{ nodes {{ id }} totalCount }}"
    await assert_covered_within(populated, f'{{ company(id: "{COMPANY}") {{ {own} }} }}')


@pytest.mark.parametrize("name", sorted(NOT_KEPT))
@pytest.mark.parametrize("filter_", ["{{{}: $id}}", "{{not: {{or: [{{{}: $id}}]}}}}"])
def test_filter_that_reads_what_nobody_tells_of_is_not_kept(filter_: str, name: str) -> None:
    """Nor does it keep another filter from being so."""
    asked = filter_.format(name).replace("$id", f'"{encode_node_id(NodeKind.JOB, 1)}"')
    assert key_of(f"{{ contacts(filter: {asked}) {{ nodes {{ id }} }} }}") is None
    within = f"{{ companies(filter: {{hasContactsWith: {asked}}}) {{ totalCount }} }}"
    assert key_of(within) is None
    assert key_of("{ contacts(filter: {hasEmail: true}) { nodes { id } } }") is not None


async def assert_covered_within(populated: CachedApp, query: str) -> None:
    """As `assert_covered`, for the company's own contacts: who else is looked at has to be told."""
    answered, key = await populated.ask(query), key_of(query)
    assert "errors" not in answered.told, answered.told
    assert key is not None
    assert tables_in(answered.statements) <= set(OWNERS)
    assert contacts_of(2) in key.tags
    if "isDuplicate" in query or "hasContactsWith" in query:
        assert any_of(Entity.CONTACT) in key.tags
    reaches = "company: " in query or copies_in(answered.statements) or "search" in query
    assert (any_of(Entity.COMPANY) in key.tags) is bool(reaches)


@pytest.mark.parametrize("filter_", [*filters("CompanyFilter"), *DEEP_OF_COMPANIES])
async def test_filter_of_companies_is_covered(populated: CachedApp, filter_: str) -> None:
    """In lists, counts and groups, and as a condition of contacts."""
    for field in (
        f"companies(filter: {filter_}) {{ nodes {{ id }} totalCount }}",
        f"companiesCount(filter: {filter_}) {{ count }}",
        f"companyAggregate(filter: {filter_}) {{ nodes {{ count }} }}",
        f"contacts(filter: {{company: {filter_}}}) {{ nodes {{ id }} }}",
    ):
        await assert_covered(populated, f"{{ {field} }}")


# Orders, dimensions and measures.


def members(name: str) -> list[str]:
    """The members of an enum of the schema."""
    type_ = SCHEMA.type_map[name]
    assert isinstance(type_, GraphQLEnumType)
    return list(type_.values)


def order_of(field: str) -> str:
    """The arguments of a list in an order."""
    searched = ', filter: {search: "ada"}' if field == "RELEVANCE" else ""
    return f"orderBy: [{{field: {field}}}]{searched}"


@pytest.mark.parametrize("field", members("ContactOrderField"))
async def test_order_of_contacts_is_covered(populated: CachedApp, field: str) -> None:
    """Of all contacts, and of each company's own."""
    page = f"contacts({order_of(field)}) {{ edges {{ cursor }} pageInfo {{ hasNextPage }} }}"
    _, tags = await assert_covered(populated, f"{{ {page} }}")
    is_copied = field in {"COMPANY_NAME", "EMPLOYEES_COUNT", "ANNUAL_REVENUE", "RELEVANCE"}
    assert (any_of(Entity.COMPANY) in tags) is is_copied
    await assert_covered(populated, f"{{ companies {{ nodes {{ {page} }} }} }}")


@pytest.mark.parametrize("field", members("CompanyOrderField"))
async def test_order_of_companies_is_covered(populated: CachedApp, field: str) -> None:
    """None of them looks at contacts."""
    page = f"companies({order_of(field)}) {{ edges {{ cursor }} }}"
    _, tags = await assert_covered(populated, f"{{ {page} }}")
    assert tags == (any_of(Entity.COMPANY),)


@pytest.mark.parametrize("dimension", members("ContactGroupBy"))
async def test_dimension_of_contacts_is_covered(populated: CachedApp, dimension: str) -> None:
    """With the groups of it, their number, and the contacts in them."""
    page = f"contactAggregate(groupBy: [{dimension}], orderBy: [{{field: KEY}}])"
    query = f"{{ {page} {{ totalCount edges {{ cursor node {{ count }} }} }} }}"
    _, tags = await assert_covered(populated, query)
    of_company = {"COMPANY", "INDUSTRY", "TECHNOLOGY", "EMPLOYEE_RANGE"}
    assert (any_of(Entity.COMPANY) in tags) is (dimension in of_company)
    below = "contacts(first: 2) { nodes { id } pageInfo { hasPreviousPage } }"
    query = f"{{ {page} {{ nodes {{ {below} }} }} }}"
    await assert_covered(populated, query, reads_whole_rows=True)


@pytest.mark.parametrize("dimension", members("CompanyGroupBy"))
async def test_dimension_of_companies_is_covered(populated: CachedApp, dimension: str) -> None:
    """None of them looks at contacts."""
    page = f"companyAggregate(groupBy: [{dimension}])"
    query = f"{{ {page} {{ totalCount nodes {{ count companies {{ nodes {{ id }} }} }} }} }}"
    _, tags = await assert_covered(populated, query)
    assert tags == (any_of(Entity.COMPANY),)


@pytest.mark.parametrize("field", ["company { name contactCount }", "owner { email }", "stage"])
async def test_key_of_a_group_is_covered(populated: CachedApp, field: str) -> None:
    """Those that are objects are loaded beside the groups."""
    by = field.partition(" ")[0].upper()
    await assert_covered(
        populated, f"{{ contactAggregate(groupBy: [{by}]) {{ nodes {{ keys {{ {field} }} }} }} }}"
    )


def measures(kind: str) -> Iterator[Any]:
    """Every measure of a kind of group, as it is selected."""
    type_ = SCHEMA.type_map[kind]
    assert isinstance(type_, GraphQLObjectType)
    for operation, field in type_.fields.items():
        below = get_named_type(field.type)
        if isinstance(below, GraphQLObjectType) and operation not in {
            "keys",
            "contacts",
            "companies",
        }:
            for name in below.fields:
                yield pytest.param(f"{operation} {{ {name} }}", id=f"{operation}.{name}")


@pytest.mark.parametrize("measure", list(measures("ContactAggregate")))
async def test_measure_of_contacts_is_covered(populated: CachedApp, measure: str) -> None:
    """Some look at the company, or at what belongs to the contact."""
    await assert_covered(populated, f"{{ contactAggregate {{ nodes {{ {measure} }} }} }}")


@pytest.mark.parametrize("measure", list(measures("CompanyAggregate")))
async def test_measure_of_companies_is_covered(populated: CachedApp, measure: str) -> None:
    """None of them looks at contacts."""
    await assert_covered(populated, f"{{ companyAggregate {{ nodes {{ {measure} }} }} }}")


def test_orders_of_the_same_name_are_told_apart() -> None:
    """Both are equal to Python, and only that of contacts looks at the other table."""
    assert reach_of_order(CompanyOrderField.ANNUAL_REVENUE) == frozenset()
    assert reach_of_order(ContactOrderField.ANNUAL_REVENUE) == {"companies"}
    assert reach_of_order(CompanyOrderField.ANNUAL_REVENUE) == frozenset()


# What triggers do.


async def test_columns_that_copy_another_table_are_known(populated: CachedApp) -> None:
    """A company is changed in everything: no other row changes but in the columns of `COPIED`."""
    database = populated.app.resources.database
    tables = [name for name in OWNERS if name != "companies"]

    async def columns() -> dict[tuple[str, str], list[Any]]:
        return {
            (table, column.name): await read_rows(
                database, f'SELECT "{column.name}" FROM {table} ORDER BY ctid IS NULL, 1'
            )
            for table in tables
            for column in metadata.tables[table].columns
        }

    before = await columns()
    await execute(
        database,
        "UPDATE companies SET name = name || ' Ltd', domain = id || '.example', city = 'x',"
        " industries = ARRAY['x'], employees_count = 7, annual_revenue = 8, total_funding = 9,"
        " short_description = 'x', country = 'x', stage = 'x', technologies = ARRAY['x'],"
        " keywords = ARRAY['x'], owner_id = NULL, parent_id = NULL",
    )
    renamed = await columns()
    await execute(database, "UPDATE companies SET deleted_at = now()")
    deleted = await columns()
    changed = {place for place in before if before[place] != renamed[place]}
    changed |= {place for place in before if renamed[place] != deleted[place]}
    assert changed == {("contacts", name) for name in COPIED["contacts"]}
    await execute(database, "UPDATE companies SET deleted_at = NULL")


async def test_changes_of_all_that_is_read_are_told(populated: CachedApp) -> None:
    """The tables, and the columns of users: triggers tell what is written past the product."""
    assert set(OWNERS) == {*WATCHED_TABLES, "users"}
    watched = await read_rows(
        populated.app.resources.database,
        "SELECT a.attname FROM pg_trigger t JOIN pg_attribute a"
        " ON a.attrelid = t.tgrelid AND a.attnum = ANY(t.tgattr)"
        " WHERE t.tgrelid = 'users'::regclass AND NOT t.tgisinternal",
    )
    # The id of a row never changes.
    assert {name for (name,) in watched} >= WATCHED_OF_USERS - {"id"}
