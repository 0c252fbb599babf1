"""Who may send a request, and by which id an answer is found again."""

import re
from pathlib import Path

import pytest
from sqlalchemy.engine import URL

from tests.apps import App, open_app
from tests.graph.answers import JSON, TYPENAME, as_body, the_error


@pytest.mark.parametrize("given", ["a", "A-b_c.9", "x" * 64])
async def test_safe_request_id_is_kept(empty_app: App, given: str) -> None:
    """A client's own id comes back, on answers and inside errors."""
    answer = await empty_app.post(TYPENAME, **{"X-Request-ID": given})
    assert answer.headers["x-request-id"] == given
    error = the_error(await empty_app.post("", **{"X-Request-ID": given}), 400, "BAD_USER_INPUT")
    assert error["extensions"]["requestId"] == given


async def test_unsafe_request_id_is_replaced(empty_app: App) -> None:
    """An id that could forge a log line is not taken; every request has one of its own."""
    made = set()
    for given in (b"", b"x" * 65, b"a b", b"a\tb", b"<script>", b"\xc3\xa9", b"a\x00b"):
        headers = {**empty_app.client().headers, "X-Request-ID": given}
        response = await empty_app.http.post("/graphql", content=TYPENAME, headers=headers)  # type: ignore[arg-type]  # httpx takes bytes too
        assert re.fullmatch("[0-9a-f]{16}", response.headers["x-request-id"])
        made.add(response.headers["x-request-id"])
    assert len(made) == 7


async def test_request_without_a_token_is_unauthenticated(empty_app: App) -> None:
    """No token, a wrong one and another scheme are 401 with how to come in."""
    contacts = as_body("{ contacts { totalCount } }")
    mutation = as_body('mutation { createCompany(input: {name: "A"}) { company { id } } }')
    for body in (
        contacts,
        mutation,
        as_body("{ viewer { id } }"),
        as_body("{ __typename contacts { totalCount } }"),
    ):
        for authorization in ({}, {"Authorization": "Bearer x"}, {"Authorization": "Basic YTpi"}):
            headers = {"Content-Type": JSON, **authorization}
            response = await empty_app.http.post("/graphql", content=body, headers=headers)
            the_error(response, 401, "UNAUTHENTICATED")
            assert response.headers["www-authenticate"] == "Bearer"
    assert await empty_app.client().query("{ companies { totalCount } }") == {
        "companies": {"totalCount": 0}
    }


INTROSPECTION = as_body("query { __schema { queryType { name } } __typename }")


async def test_introspection_needs_no_token_in_development(empty_app: App) -> None:
    """Tools can read the schema of a development server; nothing else comes along with it."""
    headers = {"Content-Type": JSON}
    answer = await empty_app.http.post("/graphql", content=INTROSPECTION, headers=headers)
    assert answer.json() == {
        "data": {"__schema": {"queryType": {"name": "Query"}}, "__typename": "Query"}
    }
    for document in (
        "{ __typename contacts { totalCount } }",
        "{ ...__schema } fragment __schema on Query { contacts { totalCount } }",
        "{ ... on Query { contacts { totalCount } } }",
        "{ __typename: contacts { totalCount } }",
    ):
        response = await empty_app.http.post("/graphql", content=as_body(document), headers=headers)
        the_error(response, 401, "UNAUTHENTICATED")


async def test_introspection_needs_a_token_in_production(database_url: URL, tmp_path: Path) -> None:
    """A production server shows its schema only to those who have a token."""
    async with open_app(
        database_url, tmp_path, environment="production", secret_key="x" * 32
    ) as app:
        headers = {"Content-Type": JSON}
        response = await app.http.post("/graphql", content=INTROSPECTION, headers=headers)
        the_error(response, 401, "UNAUTHENTICATED")
        assert (await app.post(INTROSPECTION)).status_code == 200


@pytest.mark.parametrize(
    "content",
    [
        as_body("{ contakts { nodes { id } } }"),
        as_body("{ contacts { nodes { id } }"),
        b"not JSON",
    ],
    ids=["misspelled", "unclosed", "no-json"],
)
async def test_stranger_learns_nothing_of_the_schema_in_production(
    database_url: URL, tmp_path: Path, content: bytes | str
) -> None:
    """Without a token no document is looked at, so no mistake in one is explained."""
    async with open_app(
        database_url, tmp_path, environment="production", secret_key="x" * 32
    ) as app:
        response = await app.http.post("/graphql", content=content, headers={"Content-Type": JSON})
        the_error(response, 401, "UNAUTHENTICATED")
        assert "contacts" not in response.text
