"""Who may send a request, and by which id an answer is found again."""

import re
from collections.abc import AsyncIterator
from hashlib import sha256
from pathlib import Path
from typing import Any

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
    assert answer.json()["data"] == {
        "__schema": {"queryType": {"name": "Query"}},
        "__typename": "Query",
    }
    for document in (
        "{ __typename contacts { totalCount } }",
        "{ ...__schema } fragment __schema on Query { contacts { totalCount } }",
        "{ ... on Query { contacts { totalCount } } }",
        "{ __typename: contacts { totalCount } }",
    ):
        response = await empty_app.http.post("/graphql", content=as_body(document), headers=headers)
        the_error(response, 401, "UNAUTHENTICATED")


LOGIN = """mutation Login($email: String!, $password: String!) {
  login(input: {email: $email, password: $password}) { accessToken }
}"""
NOBODY = {"email": "nobody@example.com", "password": "wrong"}


def by_hash(digest: str = "0" * 64) -> dict[str, Any]:
    """A document's hash as clients give it."""
    return {"extensions": {"persistedQuery": {"version": 1, "sha256Hash": digest}}}


STRANGE: dict[str, bytes | str] = {
    "no JSON": b"not JSON",
    "no request": "[]",
    "deep": "[" * 5000,
    "too large": b" " * 70_000,
    "misspelled": as_body("{ contakts { nodes { id } } }"),
    "unclosed": as_body("{ contacts { nodes { id } }"),
    "not public": as_body("{ contacts { nodes { id } } }"),
    "introspection": INTROSPECTION,
    "introspection by a fragment": as_body(
        "{ ...F } fragment F on Query { __schema { queryType { name } } }"
    ),
    "nothing but a name of a type": TYPENAME,
    "nested": as_body("{a" * 300 + "}" * 300),
    "a stored document": '{"documentId": "nothing"}',
    "a wrong hash": as_body(LOGIN, **by_hash()),
    "something beside login": as_body(
        "mutation { login(input: {email: 1}) { accessToken } undoMerge { ok } }"
    ),
    "login, and a field that is not there": as_body(
        'mutation { login(input: {email: "a", password: "b"}) { accessTokem } }'
    ),
    "login without what it needs": as_body("mutation { login { accessToken } }"),
    "two operations": as_body("query A { __typename } query B { __typename }"),
    "login in a long document": as_body(LOGIN + "#" + "x" * 2000, variables=NOBODY),
}


@pytest.fixture
async def production(database_url: URL, tmp_path: Path) -> AsyncIterator[App]:
    """A server that strangers can reach."""
    async with open_app(
        database_url, tmp_path, environment="production", secret_key="x" * 32
    ) as app:
        yield app


async def test_stranger_learns_nothing_of_the_schema_in_production(production: App) -> None:
    """Whatever is wrong with a request without a token, it is told that it has none; no more."""
    requests: list[tuple[str, str, bytes | str]] = [
        *(("POST", JSON, content) for content in STRANGE.values()),
        ("POST", "text/plain", TYPENAME),
        ("GET", JSON, b""),
    ]
    told = set()
    for method, media_type, content in requests:
        response = await production.http.request(
            method,
            "/graphql?query={contakts}",
            content=content,
            headers={"Content-Type": media_type, "X-Request-ID": "same"},
        )
        the_error(response, 401, "UNAUTHENTICATED")
        assert response.headers["www-authenticate"] == "Bearer"
        told.add(response.text)
    assert len(told) == 1


async def test_stranger_comes_in_in_production(production: App) -> None:
    """What is public is executed; that they are not let in is an error of the field."""
    headers = {"Content-Type": JSON}
    refresh = as_body('mutation { refreshToken(input: {refreshToken: "x"}) { accessToken } }')
    for content in (as_body(LOGIN, variables=NOBODY), refresh):
        response = await production.http.post("/graphql", content=content, headers=headers)
        (error,) = response.json()["errors"]
        assert (len(error["path"]), error["extensions"]["code"]) == (1, "UNAUTHENTICATED")


async def test_stranger_is_asked_for_the_text_behind_a_hash(production: App) -> None:
    """Clients that send hashes first can log in; which are known is not told."""
    digest = sha256(LOGIN.encode()).hexdigest()
    headers = {"Content-Type": JSON}
    for body in (by_hash(digest), by_hash()):
        response = await production.http.post("/graphql", json=body, headers=headers)
        the_error(response, 200, "PERSISTED_QUERY_NOT_FOUND")
    body = {"query": LOGIN, "variables": NOBODY, **by_hash(digest)}
    response = await production.http.post("/graphql", json=body, headers=headers)
    assert response.json()["errors"][0]["path"] == ["login"]
