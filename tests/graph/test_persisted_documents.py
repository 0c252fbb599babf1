"""Documents by their hashes: kept for those who sent them once, or stored and alone answered."""

import hashlib
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy.engine import URL

from domain.errors import DocumentNotTrusted, InvalidInput, PersistedQueryNotSupported
from graph.documents import Documents, InvalidDocument
from graph.persisted_documents import PersistedDocuments, PersistedQueryNotFound
from graph.request import GraphQLRequest
from graph.schema import core_schema
from tests.apps import App, open_app
from tests.graph.answers import JSON, NEW_TYPE, as_body, the_error
from tests.graph.following import following, token
from tests.graph.sockets import opened

COUNT = "query Count { contacts { totalCount } }"
LOGIN = "mutation Login($i: LoginInput!) { login(input: $i) { accessToken } }"
INVALID = "{ nothing }"
UNKNOWN = "PersistedQueryNotFound"
UNSUPPORTED = "PersistedQueryNotSupported"


def sha256(text: str) -> str:
    """Its hash, as clients give it."""
    return hashlib.sha256(text.encode()).hexdigest()


def by_hash(text: str, **more: Any) -> dict[str, Any]:
    """What a client sends beside a document, or instead of it."""
    return {"extensions": {"persistedQuery": {"version": 1, "sha256Hash": sha256(text)}}, **more}


def documents(
    *, keeps: bool = True, trusted_only: bool = False, stored: str | None = None
) -> PersistedDocuments:
    """Documents of the schema."""
    known = Documents(core_schema())
    if stored is not None:
        known = Documents(core_schema(), stored={sha256(stored): known.get(stored)})
    return PersistedDocuments(known, keeps=keeps, trusted_only=trusted_only)


def sent(text: str) -> GraphQLRequest:
    """A document with its hash."""
    return GraphQLRequest(text, sha256=sha256(text))


def named(text: str) -> GraphQLRequest:
    """Its hash alone."""
    return GraphQLRequest("", sha256=sha256(text))


async def post(app: App, body: dict[str, Any], **headers: str) -> httpx.Response:
    """The answer to a body."""
    return await app.post(json.dumps(body), **headers)


# Over HTTP.


async def test_hash_is_enough_once_the_document_has_come(empty_app: App) -> None:
    """Unknown, then with the text, then alone: by POST and by GET, whoever asks."""
    query = "query Persisted { contacts { totalCount } }"
    for accept, status in ((JSON, 200), (NEW_TYPE, 400)):
        unknown = await post(empty_app, by_hash(query), Accept=accept)
        error = the_error(unknown, status, "PERSISTED_QUERY_NOT_FOUND")
        assert error["message"] == UNKNOWN
    extensions = json.dumps(by_hash(query)["extensions"])
    the_error(await empty_app.get({"extensions": extensions}), 200, "PERSISTED_QUERY_NOT_FOUND")
    for body in (by_hash(query, query=query), by_hash(query), by_hash(query, query=None)):
        response = await post(empty_app, body)
        assert response.json()["data"] == {"contacts": {"totalCount": 0}}
    by_link = await empty_app.get({"extensions": extensions, "operationName": "Persisted"})
    assert by_link.json()["data"] == {"contacts": {"totalCount": 0}}


async def test_document_comes_by_a_link_too(empty_app: App) -> None:
    """Clients that send queries by GET send the text once so."""
    query = "query Linked($f: ContactFilter) { contacts(filter: $f) { totalCount } }"
    extensions = {"extensions": json.dumps(by_hash(query)["extensions"])}
    variables = {"variables": '{"f": {}}'}
    for parameters in ({**extensions, "query": query}, extensions):
        response = await empty_app.get({**parameters, **variables})
        assert response.json()["data"] == {"contacts": {"totalCount": 0}}


async def test_hash_of_another_document_is_refused(empty_app: App) -> None:
    """Nobody can have a document answered under the hash of another."""
    response = await post(empty_app, by_hash(COUNT, query="{ viewer { id } }"))
    error = the_error(response, 400, "BAD_USER_INPUT")
    assert error["message"] == "The sha256Hash is not that of the query. Send the one that is."


async def test_mutation_by_its_hash_comes_by_post(empty_app: App) -> None:
    """A hash changes nothing about what a link may do."""
    mutation = 'mutation { createCompany(input: {name: ""}) { company { id } } }'
    the_error(await post(empty_app, by_hash(mutation, query=mutation)), 403, "FORBIDDEN")
    extensions = json.dumps(by_hash(mutation)["extensions"])
    the_error(await empty_app.get({"extensions": extensions}), 405, "METHOD_NOT_ALLOWED")


async def test_nothing_is_kept_for_or_told_to_strangers(empty_app: App) -> None:
    """They cannot fill the store, nor ask it what others send; the text is always answered."""
    schema = "query Stranger { __schema { queryType { name } } }"
    for body in (by_hash(schema, query=schema), by_hash(schema)):
        response = await empty_app.http.post("/graphql", json=body)
        assert ("data" in response.json()) is ("query" in body)
    the_error(await post(empty_app, by_hash(schema)), 200, "PERSISTED_QUERY_NOT_FOUND")
    await post(empty_app, by_hash(schema, query=schema))
    response = await empty_app.http.post("/graphql", json=by_hash(schema))
    the_error(response, 200, "PERSISTED_QUERY_NOT_FOUND")


# What is found, and what is kept.


def test_invalid_document_is_not_kept() -> None:
    """It is refused by what is wrong with it, and its hash stays unknown."""
    found = documents()
    with pytest.raises(InvalidDocument):
        found.find(sent(INVALID), of_stranger=False)
    with pytest.raises(PersistedQueryNotFound):
        found.find(named(INVALID), of_stranger=False)


def test_those_used_least_make_room() -> None:
    """The store has a size: what is asked for stays, what is not goes."""
    found = PersistedDocuments(
        Documents(core_schema()), keeps=True, trusted_only=False, max_bytes=5000
    )
    found.find(sent(COUNT), of_stranger=False)
    texts = [f"query Q{n} {{ __typename }} # {'x' * 1000}" for n in range(6)]
    for text in texts:
        found.find(sent(text), of_stranger=False)
        found.find(named(COUNT), of_stranger=False)
    assert found.find(named(texts[-1]), of_stranger=False).operation("Q5") is not None
    for text in texts[:2]:
        with pytest.raises(PersistedQueryNotFound):
            found.find(named(text), of_stranger=False)


@pytest.mark.parametrize("trusted_only", [False, True])
def test_without_a_store_only_stored_documents_are_known_by_hashes(*, trusted_only: bool) -> None:
    """A word that clients know: they go on without hashes."""
    found = documents(keeps=False, trusted_only=trusted_only, stored=COUNT)
    assert found.find(named(COUNT), of_stranger=False).operations
    with pytest.raises(PersistedQueryNotSupported) as refused:
        found.find(named("{ __typename }"), of_stranger=False)
    assert refused.value.message == UNSUPPORTED


def test_text_is_answered_where_nothing_is_kept() -> None:
    """A client that sends both needs nobody's store."""
    found = documents(keeps=False)
    assert found.find(sent(COUNT), of_stranger=False).operations
    with pytest.raises(PersistedQueryNotSupported):
        found.find(named(COUNT), of_stranger=False)


def test_trusted_documents_alone_are_found() -> None:
    """By text, by hash, by both; nothing else, however right it is."""
    found = documents(trusted_only=True, stored=COUNT)
    wanted = (
        GraphQLRequest(COUNT),
        named(COUNT),
        sent(COUNT),
        GraphQLRequest("", document_id=sha256(COUNT)),
    )
    assert len({id(found.find(each, of_stranger=False)) for each in wanted}) == 1
    for text in (COUNT + " ", "{ __typename }", INVALID, "{"):
        for request in (GraphQLRequest(text), sent(text)):
            with pytest.raises(DocumentNotTrusted):
                found.find(request, of_stranger=False)
    with pytest.raises(InvalidInput):
        found.find(GraphQLRequest(INVALID, sha256=sha256(COUNT)), of_stranger=False)


@pytest.mark.parametrize("keeps", [True, False])
def test_stored_document_is_told_to_strangers_when_it_is_public(*, keeps: bool) -> None:
    """Logging in works by a hash; which other documents there are is nobody's business."""
    public = documents(keeps=keeps, stored=LOGIN)
    assert public.find(named(LOGIN), of_stranger=True).operations
    private = documents(keeps=keeps, stored=COUNT)
    with pytest.raises(PersistedQueryNotFound if keeps else PersistedQueryNotSupported):
        private.find(named(COUNT), of_stranger=True)


# Settings.


@pytest.fixture
async def trusting(database_url: URL, tmp_path: Path) -> AsyncIterator[App]:
    """An application that answers one stored document, and the one by which users come in."""
    folder = tmp_path / "documents"
    folder.mkdir()
    manifest = {"count": COUNT, sha256(LOGIN): LOGIN}
    (folder / "app.json").write_text(json.dumps(manifest))
    async with open_app(
        database_url, tmp_path, documents_dir=folder, trusted_documents_only=True
    ) as app:
        yield app


async def test_server_that_trusts_documents_answers_no_others(trusting: App) -> None:
    """403 with what to do; the stored ones by id, hash and text."""
    for body in ({"documentId": "count"}, by_hash(COUNT), {"query": COUNT}):
        response = await post(trusting, body)
        assert response.json()["data"] == {"contacts": {"totalCount": 0}}
    for query in ("{ contacts { totalCount } }", "{ __schema { queryType { name } } }", "{"):
        response = await trusting.post(as_body(query))
        error = the_error(response, 403, "DOCUMENT_NOT_TRUSTED")
        assert error["message"].startswith("This server answers the documents that are stored")
    refused = await post(trusting, by_hash("{ __typename }"))
    error = the_error(refused, 400, "PERSISTED_QUERY_NOT_SUPPORTED")
    assert error["message"] == UNSUPPORTED


async def test_users_come_in_by_a_trusted_document(trusting: App) -> None:
    """Without a token, by its hash; that they are not let in is what the field says."""
    variables = {"i": {"email": "ada@example.com", "password": "wrong"}}
    response = await trusting.http.post("/graphql", json=by_hash(LOGIN, variables=variables))
    (error,) = response.json()["errors"]
    assert (error["path"], error["extensions"]["code"]) == (["login"], "UNAUTHENTICATED")


# Over a socket.


async def test_hashes_work_over_a_socket(server_url: URL) -> None:
    """An unknown one is an error of its operation; the socket goes on with the text."""
    async with (
        following(server_url) as server,
        opened(server.served.socket) as socket,
    ):
        await socket.init(token())
        await socket.send("subscribe", id="1", payload=by_hash("{ role }"))
        error = await socket.error()
        assert error["message"] == UNKNOWN
        assert error["extensions"]["code"] == "PERSISTED_QUERY_NOT_FOUND"
        for payload in (by_hash("{ role }", query="{ role }"), by_hash("{ role }")):
            await socket.send("subscribe", id="1", payload=payload)
            assert (await socket.next())["data"] == {"role": "viewer"}
            await socket.completed()
