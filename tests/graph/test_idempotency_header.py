"""The header `Idempotency-Key`: the key of the one mutation of a request."""

from typing import Any

import httpx
import pytest

from db.transaction import Database
from tests.client import Client, without_cost
from tests.graph.retries import CREATE, NOTICES, ada, count
from tests.graph.rows import snapshot

TWO = 'mutation { a: createContact(input: {firstName: "A"}) { clientMutationId } %s }'


async def post(
    client: Client, query: str, *, key: str, variables: dict[str, Any] | None = None
) -> httpx.Response:
    """The answer to a request with the header."""
    body = {"query": query, "variables": variables}
    headers = client.headers | {"Idempotency-Key": key}
    return await client.http.post("/graphql", json=body, headers=headers)


@pytest.mark.parametrize("key", ["", "k" * 256, "a b"])
async def test_what_is_no_key_is_refused_as_a_header(
    client: Client, resources_database: Database, key: str
) -> None:
    """In the header it is an error of the request."""
    response = await post(client, CREATE, key=key, variables={"input": {"firstName": "Ada"}})
    assert response.status_code == 400
    assert response.json()["errors"][0]["extensions"]["code"] == "BAD_USER_INPUT"
    assert await count(resources_database) == 0


async def test_header_is_the_key_of_the_mutation(
    client: Client, resources_database: Database
) -> None:
    """The header and the input name the same key; each finds what the other wrote."""
    sent = {"input": {"firstName": "Ada"}}
    first = without_cost((await post(client, CREATE, key="k", variables=sent)).json())
    second = without_cost((await post(client, CREATE, key="k", variables=sent)).json())
    third = await client.send(CREATE, input=ada())
    both = without_cost((await post(client, CREATE, key="k", variables={"input": ada()})).json())

    assert "extensions" not in first
    for again in (second, third, both):
        assert again == {"data": first["data"], "extensions": NOTICES}
    assert await count(resources_database) == 1


async def test_header_and_input_that_differ_are_refused(
    client: Client, resources_database: Database
) -> None:
    """Nobody could tell which one counts."""
    answer = (await post(client, CREATE, key="x", variables={"input": ada()})).json()
    assert answer["errors"][0]["extensions"]["code"] == "BAD_USER_INPUT"
    assert answer["errors"][0]["message"] == (
        "The header Idempotency-Key and input.idempotencyKey differ; send one."
    )
    assert await count(resources_database) == 0


@pytest.mark.parametrize(
    "query",
    [
        TWO % 'b: createContact(input: {firstName: "B"}) { clientMutationId }',
        TWO % '... { createContact(input: {firstName: "B"}) { clientMutationId } }',
        TWO % "...F ...F"
        + ' fragment F on Mutation { ...G createCompany(input: {name: "B"}) { clientMutationId } }'
        + " fragment G on Mutation { __typename }",
    ],
    ids=["side by side", "in a fragment", "in a named fragment"],
)
async def test_header_is_for_one_mutation(
    client: Client, resources_database: Database, query: str
) -> None:
    """A request with several is refused before any of them is done."""
    response = await post(client, query, key="k")
    assert response.status_code == 400
    assert response.json()["errors"][0]["message"] == (
        "The header Idempotency-Key is for one mutation;"
        " give each input an idempotencyKey of its own."
    )
    assert not any((await snapshot(resources_database)).values())


@pytest.mark.parametrize(
    "query",
    [
        TWO % "__typename",
        "mutation { ...F ...F ...G } fragment G on Mutation { __typename }"
        ' fragment F on Mutation { createContact(input: {firstName: "A"}) { clientMutationId } }',
    ],
    ids=["with its type", "in a fragment twice"],
)
async def test_one_mutation_may_come_in_any_form(
    client: Client, resources_database: Database, query: str
) -> None:
    """What GraphQL makes one field of is one mutation."""
    for _ in range(2):
        response = await post(client, query, key="k")
        assert "errors" not in response.json(), response.text
    assert await count(resources_database) == 1


async def test_header_means_nothing_for_a_query(client: Client) -> None:
    """A client may send it with everything."""
    response = await post(client, "{ a: __typename b: __typename }", key="k")
    assert response.json()["data"] == {"a": "Query", "b": "Query"}
