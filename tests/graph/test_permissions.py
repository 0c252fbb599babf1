"""docs/permissions.md against the schema: every root field, asked for by everybody there is."""

import re
from collections.abc import AsyncIterator
from typing import Any, Final

import pytest
from graphql import (
    GraphQLArgument,
    GraphQLEnumType,
    GraphQLField,
    GraphQLInputField,
    GraphQLInputObjectType,
    GraphQLInputType,
    GraphQLList,
    OperationType,
    get_named_type,
    get_nullable_type,
    is_abstract_type,
    is_composite_type,
    is_required_argument,
    is_required_input_field,
)
from sqlalchemy.engine import URL

from domain.enums import Role
from domain.node_ids import NodeKind, encode_node_id
from domain.viewer import SCOPES, Permission, permissions_of
from graph.permissions import needed
from graph.schema import core_schema
from tests.graph.answers import as_body
from tests.permissions import ASKERS, NOBODY, Needs, Walked, open_walked, read_needs, rows_under

pytestmark = pytest.mark.one_executor

SECRET: Final = re.compile("token$|password|secret|hash", re.IGNORECASE)
KNOWN_ADDRESSES: Final = {
    *("downloadUrl", "rejectFileUrl"),
    # Plain words of records, and addresses that are of no use without a token.
    *("avatarUrl", "facebookUrl", "linkedinUrl", "logoUrl", "twitterUrl", "websiteUrl"),
}
NOWHERE: Final = encode_node_id(NodeKind.CONTACT, 10**9)
LITERALS: Final = {
    "ID": f'"{NOWHERE}"',
    "Int": "1",
    "Float": "1",
    "String": '"x"',
    "Boolean": "true",
    "BigInt": "1",
    "UUID": '"00000000-0000-4000-8000-000000000001"',
}


@pytest.fixture(scope="module")
async def walked(
    server_url: URL, template: str, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Walked]:
    """An application whose users try every field."""
    folder = tmp_path_factory.mktemp("fields_walked")
    async with open_walked(server_url, template, folder) as opened:
        yield opened


def root_fields() -> dict[str, tuple[OperationType, GraphQLField]]:
    """All of them, by the name that the paper has for them."""
    types = ((kind, core_schema().get_root_type(kind)) for kind in OperationType)
    return {
        f"{type_.name}.{name}": (kind, field)
        for kind, type_ in types
        if type_ is not None
        for name, field in type_.fields.items()
    }


def told_needs() -> dict[str, Needs]:
    """What the paper says that each field needs."""
    return {name: read_needs(cell) for name, cell in rows_under("Fields")}


def literal(type_: GraphQLInputType) -> str:
    """A value that the type takes, with no more in it than must be."""
    plain: Any = get_nullable_type(type_)
    if isinstance(plain, GraphQLList):
        return f"[{literal(plain.of_type)}]"
    if isinstance(plain, GraphQLEnumType):
        return str(next(iter(plain.values)))
    if isinstance(plain, GraphQLInputObjectType):
        return "{" + literals(plain.fields) + "}"
    return LITERALS[plain.name]


def literals(places: dict[str, GraphQLArgument] | dict[str, GraphQLInputField]) -> str:
    """What has to be given of some arguments, or fields of an input."""
    required = {
        name: place
        for name, place in places.items()
        if (
            is_required_argument if isinstance(place, GraphQLArgument) else is_required_input_field
        )(
            place  # type: ignore[arg-type]  # each takes its own kind
        )
    }
    return ", ".join(f"{name}: {literal(place.type)}" for name, place in required.items())


def operation_of(path: str) -> str:
    """The least document that asks for a root field."""
    kind, field = root_fields()[path]
    given = literals(field.args)
    arguments = f"({given})" if given else ""
    below = " { __typename }" if is_composite_type(get_named_type(field.type)) else ""
    return f"{kind.value} {{ {path.partition('.')[2]}{arguments}{below} }}"


async def door(walked: Walked, asker: str, path: str) -> str:
    """How a field is answered: what comes behind the door, an error of the field too, is allowed.

    Subscriptions are asked for without events: they are refused for that once they are let in.
    """
    headers = {"Content-Type": "application/json", **walked.headers[asker]}
    content = as_body(operation_of(path))
    response = await walked.http.post("/graphql", content=content, headers=headers)
    assert response.status_code < 500, response.text
    body = response.json()
    code = str(body["errors"][0]["extensions"]["code"]) if "errors" in body else ""
    if response.status_code in {401, 403}:
        assert "data" not in body
        return code
    assert "data" in body or code == "BAD_USER_INPUT", response.text
    return "allowed"


@pytest.mark.parametrize("asker", ASKERS)
async def test_every_field_is_answered_as_the_paper_says(walked: Walked, asker: str) -> None:
    """By a request to each, of nobody, of every role, and of a token with every single scope."""
    expected = {path: walked.expected(asker, needs) for path, needs in told_needs().items()}
    assert {path: await door(walked, asker, path) for path in root_fields()} == expected


def test_paper_says_what_is_declared() -> None:
    """Each field has one row, with what stands beside it in the code."""
    declared = {
        path: frozenset(needed(field, kind)) or None
        for path, (kind, field) in root_fields().items()
    }
    assert told_needs() == declared
    assert len(list(rows_under("Fields"))) == len(declared)


def test_paper_has_what_roles_and_scopes_are_good_for() -> None:
    """A row for each permission, a column for each role and one for tokens."""
    told = {Permission(name): cells for name, *cells in rows_under("Permissions")}
    assert list(told) == list(Permission)
    for at, role in enumerate(Role):
        allowed = {permission for permission, cells in told.items() if cells[at] == "yes"}
        assert allowed == permissions_of(role)
    assert {permission for permission, cells in told.items() if cells[3] == "yes"} == set(SCOPES)


async def test_one_forbidden_field_leaves_nothing_done(walked: Walked) -> None:
    """Of several mutations none is, whichever of them is not for the viewer."""
    document = """mutation {
      a: createCompany(input: {name: "Acme"}) { company { id } }
      b: addSuppression(input: {email: "a@example.com"}) { suppressions { id } }
    }"""
    headers = {"Content-Type": "application/json", **walked.headers[Role.EDITOR]}
    response = await walked.http.post("/graphql", content=as_body(document), headers=headers)
    assert response.status_code == 403
    assert "data" not in response.json()
    assert response.json()["errors"][0]["message"].startswith("addSuppression needs the role")
    count = as_body('{ companiesCount(filter: {name: {eq: "Acme"}}) { count } }')
    counted = await walked.http.post("/graphql", content=count, headers=headers)
    assert counted.json()["data"] == {"companiesCount": {"count": 0}}


@pytest.mark.parametrize(
    "variables", [{"x": None}, {"x": "no"}, {"x": []}], ids=["null", "text", "list"]
)
@pytest.mark.parametrize("directive", ["@skip(if: $x)", "@include(if: $x)"])
async def test_condition_that_is_none_lets_nobody_in(
    walked: Walked, directive: str, variables: dict[str, Any]
) -> None:
    """Whoever lacks a permission is refused; whoever has it is told what is wrong."""
    document = f"query ($x: Boolean = true) {{ users {directive} {{ nodes {{ id }} }} }}"
    content = as_body(document, variables=variables)
    for asker, status, code in (
        (NOBODY, 401, "UNAUTHENTICATED"),
        (Role.EDITOR.value, 403, "FORBIDDEN"),
        (Role.ADMIN.value, 400, "BAD_USER_INPUT"),
    ):
        headers = {"Content-Type": "application/json", **walked.headers[asker]}
        headers["Accept"] = "application/graphql-response+json"
        response = await walked.http.post("/graphql", content=content, headers=headers)
        assert response.status_code == status, response.text
        assert response.json()["errors"][0]["extensions"]["code"] == code


def test_no_scope_is_handed_a_secret() -> None:
    """What hands out tokens and passwords, however deep, is for who has logged in, or public.

    Addresses are another matter: each is known, and checked where it is signed.
    """
    handing = {
        path: found
        for path, (kind, field) in root_fields().items()
        if (any_of := needed(field, kind)) and not set(SCOPES).isdisjoint(any_of)
        if (found := {name for name in names_below(field) if SECRET.search(name)})
    }
    assert set().union(*handing.values()) == set()
    addresses = {name for _, field in root_fields().values() for name in names_below(field)}
    assert {name for name in addresses if name.endswith("Url")} == KNOWN_ADDRESSES


def names_below(field: GraphQLField) -> set[str]:
    """The names of all fields that can be asked for below a field, through types of all kinds."""
    left, seen, names = [get_named_type(field.type)], set(), set()
    while left:
        type_ = left.pop()
        if type_.name in seen or not is_composite_type(type_):
            continue
        seen.add(type_.name)
        if is_abstract_type(type_):
            left += core_schema().get_possible_types(type_)
        for name, below in getattr(type_, "fields", {}).items():
            names.add(name)
            left.append(get_named_type(below.type))
    return names
