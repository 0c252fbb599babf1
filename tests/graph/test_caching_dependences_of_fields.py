"""The same proof for every field that an answer can have, from the records down."""

from collections.abc import AsyncIterator, Iterator
from typing import Any, Final

import pytest
from graphql import GraphQLObjectType, get_named_type, is_leaf_type

from cache.tags import Entity, any_of, contacts_of
from tests.apps import OpenSharedApp
from tests.graph.cached import COMPANY, CONTACT, CachedApp
from tests.graph.depending import SCHEMA, assert_covered, key_of
from tests.graph.populated import populate


@pytest.fixture(scope="module")
async def populated(open_shared_app: OpenSharedApp) -> AsyncIterator[CachedApp]:
    """Twenty contacts of twenty companies, each with one of everything, before no cache."""
    async with open_shared_app("depend", enable_compiled_execution=True) as app:
        await populate(app.resources.database)
        yield CachedApp(app)


UNTOLD: Final = {"User.lastActiveAt", "User.isActive", "User.createdAt"}
"""Fields that depend on who asks, or of whose changes nobody is told."""


PLACES: Final = {
    "Contact": "{}",
    "ContactEmail": "emails {{ {} }}",
    "ContactPhone": "phones {{ {} }}",
    "ContactMetadata": "metadata {{ {} }}",
    "Location": "location {{ {} }}",
    "Activity": "activities {{ {} }}",
    "User": "owner {{ {} }}",
    "Company": "company {{ {} }}",
}
"""How each type is reached from a contact."""


BELOW: Final = {"Connection": "{ nodes { id } totalCount }", "Location": "{ street city }"}


def fields(type_name: str) -> Iterator[str]:
    """Every field of a type with some selection below it."""
    type_ = SCHEMA.type_map[type_name]
    assert isinstance(type_, GraphQLObjectType)
    for name, field in type_.fields.items():
        below = get_named_type(field.type)
        if is_leaf_type(below):
            yield name
        else:
            kind = "Connection" if below.name.endswith("Connection") else below.name
            yield f"{name} {BELOW.get(kind, '{ __typename }')}"


def every_field() -> Iterator[Any]:
    """Every field of every type below contacts and companies, as it is reached from a contact."""
    for type_name, place in PLACES.items():
        for field in fields(type_name):
            name = f"{type_name}.{field.partition(' ')[0]}"
            yield pytest.param(name, place.format(field), id=name)


@pytest.mark.parametrize(("name", "selection"), list(every_field()))
async def test_field_of_a_contact_is_covered(
    populated: CachedApp, name: str, selection: str
) -> None:
    """As one of many, and as the one that is asked for: all is kept but what is said here."""
    many = f"{{ contacts {{ nodes {{ {selection} }} }} }}"
    one_of_them = f'{{ contact(id: "{CONTACT}") {{ {selection} }} }}'
    if name in UNTOLD:
        assert (key_of(many), key_of(one_of_them)) == (None, None)
        return
    for query in (many, one_of_them):
        await assert_covered(populated, query)
    node = f'{{ node(id: "{CONTACT}") {{ ... on Contact {{ {selection} }} }} }}'
    await assert_covered(populated, node, reads_whole_rows=True)


@pytest.mark.parametrize("selection", list(fields("Company")))
async def test_field_of_a_company_is_covered(populated: CachedApp, selection: str) -> None:
    """As one of many, and as the one that is asked for."""
    await assert_covered(populated, f"{{ companies {{ nodes {{ {selection} }} }} }}")
    detail = f'company(id: "{COMPANY}") {{ {selection} }}'
    _, tags = await assert_covered(populated, f"{{ {detail} }}")
    assert (contacts_of(2) in tags) is selection.startswith("contact")
    assert any_of(Entity.CONTACT) not in tags


async def test_only_the_company_of_the_answer_has_contacts_of_its_own(
    populated: CachedApp,
) -> None:
    """Those of its parent are whichever there are, and so is the survivor of a merge."""
    for below in ("parent { contactCount }", "contacts { nodes { mergedInto { id } } }"):
        _, tags = await assert_covered(populated, f'{{ company(id: "{COMPANY}") {{ {below} }} }}')
        assert any_of(Entity.CONTACT) in tags


def test_every_type_below_records_is_asked_for() -> None:
    """A new type must say here how it is reached."""
    found, left = set(), ["Contact", "Company"]
    while left:
        name = left.pop()
        type_ = SCHEMA.type_map[name]
        if name in found or not isinstance(type_, GraphQLObjectType):
            continue
        found.add(name)
        left += [get_named_type(field.type).name for field in type_.fields.values()]
    around = {"ContactConnection", "ContactEdge", "PageInfo"}
    assert found == set(PLACES) | around
