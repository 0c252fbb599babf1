"""Requests that name a stored document instead of sending one."""

import hashlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sqlalchemy.engine import URL

from domain.enums import Role
from tests.apps import App, open_app
from tests.graph.answers import JSON, NEW_TYPE, as_body, the_error

COUNT = "query Count($filter: ContactFilter) { contacts(filter: $filter) { totalCount } }\n"
TWO = "query A { a: __typename } query B { b: __typename }"
CREATE = """mutation Create($input: CreateContactInput!) {
  createContact(input: $input) { contact { firstName } }
}"""
NO_CONTACTS = {"contacts": {"totalCount": 0}}


@pytest.fixture
async def app(database_url: URL, tmp_path: Path) -> AsyncIterator[App]:
    """An application with stored documents."""
    folder = tmp_path / "documents"
    folder.mkdir()
    for name, text in (("count", COUNT), ("two", TWO), ("create", CREATE)):
        (folder / f"{name}.graphql").write_text(text)
    async with open_app(
        database_url, tmp_path, documents_dir=folder, enable_compiled_execution=True
    ) as app:
        yield app


async def test_stored_document_is_executed_by_name_and_hash(app: App) -> None:
    """Variables and operationName are as with a document that is sent; a null query is none."""
    digest = hashlib.sha256(COUNT.encode()).hexdigest()
    variables = {"filter": {"name": {"eq": "Ada"}}}
    for document_id in ("count", "Count", digest, f"sha256:{digest}"):
        response = await app.post(
            as_body(None, documentId=document_id, variables=variables, extensions={})
        )
        assert (response.status_code, response.json()["data"]) == (200, NO_CONTACTS)
    response = await app.post('{"documentId": "two", "operationName": "B"}')
    assert response.json()["data"] == {"b": "Query"}
    the_error(await app.post('{"documentId": "two"}'), 200, "BAD_USER_INPUT")


async def test_stored_document_is_executed_by_get(app: App) -> None:
    """A link with the name and the variables is enough, and may be kept by caches as it is."""
    response = await app.get({"documentId": "count", "variables": '{"filter": {}}'})
    assert (response.status_code, response.json()["data"]) == (200, NO_CONTACTS)


async def test_unknown_document_is_persisted_query_not_found(app: App, empty_app: App) -> None:
    """Whatever the answer's type, and also where no documents are stored."""
    for client in (app, empty_app):
        for accept in (JSON, NEW_TYPE):
            response = await client.post('{"documentId": "nothing"}', Accept=accept)
            error = the_error(response, 400, "PERSISTED_QUERY_NOT_FOUND")
            assert error["message"].startswith("There is no stored document 'nothing'.")
    the_error(await app.get({"documentId": "nothing"}), 400, "PERSISTED_QUERY_NOT_FOUND")


async def test_stored_mutation_comes_by_post_and_needs_its_role(app: App) -> None:
    """A stored document may do what a sent one may."""
    variables = '{"input": {"firstName": "Ada"}}'
    response = await app.get({"documentId": "create", "variables": variables})
    the_error(response, 405, "METHOD_NOT_ALLOWED")
    assert response.headers["allow"] == "POST"
    body = f'{{"documentId": "create", "variables": {variables}}}'
    refused = await app.post(body)
    assert refused.json()["errors"][0]["extensions"]["code"] == "FORBIDDEN"
    headers = app.client(Role.EDITOR).headers
    taken = await app.http.post("/graphql", content=body, headers=headers)
    assert taken.json()["data"] == {"createContact": {"contact": {"firstName": "Ada"}}}


async def test_stored_document_needs_a_token(app: App) -> None:
    """Nobody learns without one which documents there are, but for those who may introspect."""
    response = await app.http.post(
        "/graphql", content='{"documentId": "count"}', headers={"Content-Type": JSON}
    )
    the_error(response, 401, "UNAUTHENTICATED")


@pytest.mark.one_executor("how an operation was executed is what is asked")
async def test_admin_is_told_how_an_operation_was_executed(app: App) -> None:
    """With X-Debug the tier stands in extensions; nobody else sees it."""
    body = '{"documentId": "count"}'
    for role, header, is_told in (
        (Role.ADMIN, "cache", True),
        (Role.ADMIN, "everything", False),
        (Role.EDITOR, "cache", False),
    ):
        headers = app.client(role).headers | {"X-Debug": header}
        response = await app.http.post("/graphql", content=body, headers=headers)
        assert ("execution" in response.json().get("extensions", {})) is is_told
    introspection = as_body("{ __schema { queryType { name } } }")
    headers = app.client(Role.ADMIN).headers | {"X-Debug": "cache"}
    response = await app.http.post("/graphql", content=introspection, headers=headers)
    assert response.json()["extensions"]["execution"] == {
        "tier": "fallback",
        "reason": "introspection",
    }
