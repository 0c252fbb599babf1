"""How many statements a selection costs: a field that is read once a parent is a failing number."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from graphql import GraphQLObjectType, get_named_type, is_composite_type

from graph.schema import core_schema
from tests.apps import App, OpenSharedApp
from tests.client import Client
from tests.graph.populated import PARENTS, populate
from tests.statements import Statements

TYPES = ("Contact", "Company", "Activity")
RELATIONS: dict[str, tuple[str, int]] = {
    "Contact.emails": ("{ address }", 1),
    "Contact.primaryEmail": ("{ address }", 1),
    "Contact.phones": ("{ number }", 1),
    "Contact.location": ("{ city region country countryCode }", 0),
    "Contact.company": ("{ name }", 1),
    "Contact.owner": ("{ email }", 1),
    "Contact.metadata": ("{ headline }", 1),
    "Contact.activities": ("{ body }", 1),
    "Company.address": ("{ street street2 city region postalCode country timezone }", 0),
    "Company.parent": ("{ name }", 1),
    "Company.owner": ("{ email }", 1),
    "Company.contacts": ("{ nodes { firstName } }", 1),
    "Activity.actor": ("{ email }", 1),
}
"""Every relation: what is selected of it, and the statements it adds for any number of parents."""

JOINED = {
    "Contact.company",
    "Contact.owner",
    "Contact.metadata",
    "Company.parent",
    "Company.owner",
}
"""Relations that come with their row where the selection reaches the statement."""

# No list has a contact that was merged; tests/graph/test_merging.py counts for twenty of them.
OF_TOMBSTONES = {"Contact.mergedInto"}

_METADATA = ("headline", "linkedinUrl", "facebookUrl", "twitterUrl", "websiteUrl", "notes")
OF_METADATA = {f"Contact.{name}" for name in (*_METADATA, "customFields")}
PLAIN_WITH_A_STATEMENT = {"Company.contactCount"}


def cost_of(populated: tuple[App, Statements], relation: str) -> int:
    """The statements that a relation adds."""
    app, _ = populated
    is_joined = app.resources.settings.enable_compiled_execution and relation in JOINED
    return 0 if is_joined else RELATIONS[relation][1]


def fields_of(type_name: str, *, composite: bool) -> list[str]:
    """The names of a type's fields that do, or do not, need a selection of their own."""
    found = core_schema().type_map[type_name]
    assert isinstance(found, GraphQLObjectType)
    return [
        name
        for name, field in found.fields.items()
        if is_composite_type(get_named_type(field.type)) is composite
    ]


@pytest.fixture(scope="module")
async def populated(open_shared_app: OpenSharedApp) -> AsyncIterator[tuple[App, Statements]]:
    """Twenty contacts of twenty companies, each with one of everything there is."""
    statements = Statements()
    async with open_shared_app("counts") as app:
        await populate(app.resources.database)
        app.resources.database.observers.append(statements.observe)
        yield app, statements


async def select_of_parents(
    populated: tuple[App, Statements], type_name: str, selection: str
) -> tuple[list[dict[str, Any]], int]:
    """The selection of twenty parents of a type, and the statements it took beyond theirs."""
    app, statements = populated
    client: Client = app.client()
    variables: dict[str, Any] = {}
    if type_name == "Activity":
        found = await client.query("{ contacts { nodes { activities { id } } } }")
        variables["ids"] = [node["activities"][0]["id"] for node in found["contacts"]["nodes"]]
        parents = f"nodes(ids: $ids) {{ ... on Activity {{ {selection} }} }}"
        document = f"query ($ids: [ID!]!) {{ {parents} }}"
    elif type_name == "Company":
        filter_ = '{name: {startsWith: "Company"}}'
        document = f"{{ companies(first: 20, filter: {filter_}) {{ nodes {{ {selection} }} }} }}"
    else:
        document = f"{{ contacts(first: 20) {{ nodes {{ {selection} }} }} }}"
    with statements.recorded() as recorded:
        data = await client.query(document, **variables)
    (answer,) = data.values()
    rows: list[dict[str, Any]] = answer if isinstance(answer, list) else answer["nodes"]
    assert len(rows) == PARENTS
    return rows, len(recorded) - 1


def test_every_relation_field_has_a_number() -> None:
    """A new relation must say here what it costs."""
    relations = {f"{name}.{field}" for name in TYPES for field in fields_of(name, composite=True)}
    assert relations == set(RELATIONS) | OF_TOMBSTONES


def test_every_type_that_lists_hold_is_walked() -> None:
    """Objects inside the three types have no relations of their own that nobody counts."""
    for name in ("ContactEmail", "ContactPhone", "ContactMetadata", "Location", "User"):
        assert fields_of(name, composite=True) == []


@pytest.mark.parametrize("relation", RELATIONS)
async def test_relation_of_twenty_parents_costs_its_number_of_statements(
    populated: tuple[App, Statements], relation: str
) -> None:
    """A relation is read for all parents at once, and twenty parents have twenty different ones."""
    type_name, _, field = relation.partition(".")
    selection, _ = RELATIONS[relation]
    rows, cost = await select_of_parents(populated, type_name, f"{field} {selection}")
    assert cost == cost_of(populated, relation)
    assert all(row[field] for row in rows)
    if "email" in selection or "name" in selection or "firstName" in selection:
        assert len({str(row[field]) for row in rows}) == PARENTS


@pytest.mark.parametrize("type_name", TYPES)
async def test_plain_fields_cost_nothing_beyond_their_row(
    populated: tuple[App, Statements], type_name: str
) -> None:
    """Every field without a selection is a column of the row or one statement for all parents."""
    for field in fields_of(type_name, composite=False):
        _, cost = await select_of_parents(populated, type_name, field)
        name = f"{type_name}.{field}"
        of_metadata = cost_of(populated, "Contact.metadata") if name in OF_METADATA else 0
        assert cost == of_metadata + (name in PLAIN_WITH_A_STATEMENT), field


async def test_all_columns_of_metadata_cost_one_statement_together(
    populated: tuple[App, Statements],
) -> None:
    """However many fields stand in the metadata row, it is read once."""
    selection = " ".join(_METADATA) + " customFields metadata { notes } location { street }"
    _, cost = await select_of_parents(populated, "Contact", selection)
    assert cost == cost_of(populated, "Contact.metadata")


async def test_everything_of_a_contact_costs_one_statement_a_relation(
    populated: tuple[App, Statements],
) -> None:
    """Selecting all relations together costs what they cost apart, those that share a read once."""
    relations = [name for name in RELATIONS if name.startswith("Contact.")]
    selection = " ".join(f"{name.partition('.')[2]} {RELATIONS[name][0]}" for name in relations)
    _, cost = await select_of_parents(populated, "Contact", selection)
    assert cost == sum(cost_of(populated, name) for name in relations) - 1


async def test_three_levels_of_lists_cost_three_statements(
    populated: tuple[App, Statements],
) -> None:
    """Companies, their contacts and the addresses of these: one statement a level."""
    rows, cost = await select_of_parents(
        populated, "Company", "contacts(first: 10) { nodes { emails { address } } }"
    )
    assert cost == 2
    addresses = [row["contacts"]["nodes"][0]["emails"][0]["address"] for row in rows]
    assert sorted(addresses) == sorted(f"n{at}@example.com" for at in range(PARENTS))


async def test_nested_count_and_look_around_cost_one_statement_each(
    populated: tuple[App, Statements],
) -> None:
    """`totalCount` and `pageInfo` of twenty nested pages are read for all parents at once."""
    _, cost = await select_of_parents(populated, "Company", "contacts { totalCount }")
    assert cost == 2
    rows, _ = await select_of_parents(populated, "Company", "contacts { pageInfo { endCursor } }")
    cursor = rows[0]["contacts"]["pageInfo"]["endCursor"]
    selection = f'contacts(after: "{cursor}") {{ totalCount pageInfo {{ hasPreviousPage }} }}'
    _, cost = await select_of_parents(populated, "Company", selection)
    assert cost == 3


async def test_twenty_aliases_at_the_root_run_side_by_side(
    populated: tuple[App, Statements],
) -> None:
    """A request with twenty lists needs twenty statements, and each list is its own."""
    app, statements = populated
    aliases = " ".join(
        f"a{at}: contacts(first: 1, offset: {at}, orderBy: {{field: CREATED_AT}})"
        " { nodes { firstName } }"
        for at in range(20)
    )
    with statements.recorded() as recorded:
        data = await app.client().query(f"{{ {aliases} }}")
    assert [data[f"a{at}"]["nodes"] for at in range(20)] == [
        [{"firstName": f"n{at}"}] for at in range(20)
    ]
    assert len(recorded) == 20


async def test_twenty_contacts_by_id_cost_one_statement(populated: tuple[App, Statements]) -> None:
    """Single records asked for side by side are loaded together."""
    app, statements = populated
    found = await app.client().query("{ contacts { nodes { id firstName } } }")
    nodes = found["contacts"]["nodes"]
    aliases = " ".join(
        f'a{at}: contact(id: "{node["id"]}") {{ id firstName }}' for at, node in enumerate(nodes)
    )
    with statements.recorded() as recorded:
        data = await app.client().query(f"{{ {aliases} }}")
    assert list(data.values()) == nodes
    assert len(recorded) == 1


async def test_relation_under_two_aliases_is_read_once(
    populated: tuple[App, Statements],
) -> None:
    """Two names for one relation, and two ways to one row, share what was read."""
    rows, cost = await select_of_parents(
        populated,
        "Contact",
        "a: company { name } b: company { name id } emails { id } e: emails { id }",
    )
    assert cost == cost_of(populated, "Contact.company") + 1
    assert all(row["a"]["name"] == row["b"]["name"] for row in rows)
    assert all(row["emails"] == row["e"] for row in rows)


async def test_nested_connection_under_two_aliases_keeps_their_arguments_apart(
    populated: tuple[App, Statements],
) -> None:
    """Each alias is a page of its own with its own arguments, in one statement for all parents."""
    rows, cost = await select_of_parents(
        populated,
        "Company",
        """one: contacts(first: 1) { nodes { firstName } }
           none: contacts(filter: {firstName: {eq: "nobody"}}) { nodes { firstName } totalCount }
           two: contacts(first: 2) { totalCount }""",
    )
    assert cost == 5
    assert all(len(row["one"]["nodes"]) == 1 for row in rows)
    assert all(row["none"] == {"nodes": [], "totalCount": 0} for row in rows)
    assert all(row["two"] == {"totalCount": 1} for row in rows)
