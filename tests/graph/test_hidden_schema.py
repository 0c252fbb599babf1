"""What production tells strangers of the schema: nothing, not even in its mistakes."""

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import httpx
import pytest

from domain.enums import Role
from graph.documents import MAX_ERRORS
from tests.apps import App
from tests.both_executors import both_executors
from tests.graph.answers import as_body, the_error

# What production does not tell.


@pytest.fixture(scope="module")
async def production(empty_app: App) -> AsyncIterator[App]:
    """The same application for strangers."""
    settings = empty_app.resources.settings.model_copy(update={"environment": "production"})
    resources = replace(empty_app.resources, settings=settings)
    transport = httpx.ASGITransport(both_executors(resources))
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as http:
        yield App(resources, http)


@pytest.mark.parametrize(
    "text",
    [
        "{ __schema { queryType { name } } }",
        '{ contacts { totalCount } x: __type(name: "Query") { name } }',
        "{ ...F } fragment F on Query { ... { __schema { types { name } } } }",
        "query A { __typename } query B { __schema { queryType { name } } }",
    ],
)
async def test_schema_is_told_to_nobody_in_production(production: App, text: str) -> None:
    """Not to admins either, by no path; the names of types are."""
    for role in Role:
        headers = production.client(role).headers
        response = await production.http.post(
            "/graphql", content=as_body(text, operationName="A"), headers=headers
        )
        error = the_error(response, 200, "GRAPHQL_VALIDATION_FAILED")
        assert error["message"] == "This server does not tell its schema."
    answer = await production.post(as_body("{ __typename contacts { __typename } }"))
    assert answer.json()["data"] == {
        "__typename": "Query",
        "contacts": {"__typename": "ContactConnection"},
    }


WITH_FILTER = "query ($f: ContactFilter) { contacts(filter: $f) { nodes { id } } }"
WITH_ORDER = "query ($o: [ContactOrder!]) { contacts(orderBy: $o) { nodes { id } } }"

GUESSED: dict[str, tuple[str, dict[str, Any]]] = {
    "a field": ("{ contact { id } }".replace("contact", "contacs"), {}),
    "a field of a row": ("{ contacts { nodes { firstNam } } }", {}),
    "an argument": ("{ contacts(frst: 1) { totalCount } }", {}),
    "a type": ("{ ... on Quer { __typename } }", {}),
    "a directive's argument": ("{ __typename @skip(iff: true) }", {}),
    "an input field": ('{ contacts(filter: {titel: {eq: "a"}}) { totalCount } }', {}),
    "an enum value": ("{ contacts(orderBy: {field: NAM}) { totalCount } }", {}),
    "an input field of a variable": (WITH_FILTER, {"f": {"titel": {"eq": "a"}}}),
    "an enum value of a variable": (WITH_ORDER, {"o": [{"field": "NAM"}]}),
    "the type of a variable": ("query ($f: ContactFiltr) { contacts(filter: $f) { nodes } }", {}),
}


@pytest.mark.parametrize(("text", "variables"), GUESSED.values(), ids=GUESSED)
async def test_names_that_nobody_sent_are_not_told_in_production(
    empty_app: App, production: App, text: str, variables: dict[str, Any]
) -> None:
    """What helps who writes a client helps who tries names, too; the error itself is told."""
    body = as_body(text, variables=variables)
    helped, told = await empty_app.post(body), await production.post(body)
    assert "Did you mean" in helped.text
    assert "Did you mean" not in told.text
    for one, other in zip(helped.json()["errors"], told.json()["errors"], strict=True):
        assert one["message"].startswith(other["message"])
        assert one["locations"] == other["locations"]
        assert one["extensions"]["code"] == other["extensions"]["code"]


async def test_streams_do_not_tell_them_either(production: App, empty_app: App) -> None:
    """A document that is answered by lines has variables as well."""
    body = as_body(WITH_FILTER, variables={"f": {"titel": {"eq": "a"}}})
    lines = {"Accept": "application/jsonl"}
    assert "Did you mean" in (await empty_app.post(body, **lines)).text
    told = await production.post(body, **lines)
    assert "Did you mean" not in told.text
    assert told.json()["errors"][0]["message"].startswith("Variable '$f' has invalid value")


async def test_no_more_errors_are_told_than_anybody_reads(empty_app: App) -> None:
    """Of a document, and of variables; a document that floods gets five."""
    many = {"f": {"and": [{"nothing": 1}] * 50}}
    for body in (
        as_body("{" + " ".join(f"x{n}" for n in range(50)) + "}"),
        as_body(WITH_FILTER, variables=many),
    ):
        response = await empty_app.post(body)
        assert len(response.json()["errors"]) == MAX_ERRORS
