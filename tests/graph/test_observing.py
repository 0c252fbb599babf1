"""What is told of operations: each of them once, whatever became of it and whatever carried it."""

import hashlib
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy.engine import URL
from structlog.testing import capture_logs

from app.observing import Observers, RequestRun
from domain.enums import Role
from graph.asking import asking
from graph.document import Document
from graph.documents import read_document
from graph.observing import MAX_NAME_CHARS, OperationRun
from graph.schema import core_schema
from tests.apps import STRANGER, App, OpenSharedApp, open_app
from tests.factories import make_contact
from tests.graph.answers import as_body
from tests.graph.following import USER, Following, busy, following, token
from tests.graph.sockets import opened, until
from tests.graph.streams import streaming

CREATE = """mutation Add($input: CreateContactInput!) {
    createContact(input: $input) { contact { id } userErrors { code } } }"""


@pytest.fixture(scope="module")
async def app(open_shared_app: OpenSharedApp) -> AsyncIterator[App]:
    """Three contacts; an operation may cost 200."""
    async with open_shared_app("observing", with_cache=True, max_query_cost=200) as app:
        for name in ("Ada", "Eve", "Bob"):
            await make_contact(app.resources.database, first_name=name)
        yield app


@contextmanager
def told(app: App) -> Iterator[list[OperationRun]]:
    """The operations that are told inside the block."""
    runs: list[OperationRun] = []
    observers = app.resources.observers.operations
    observers.append(runs.append)
    yield runs
    observers.remove(runs.append)


async def run_of(app: App, query: str, **more: Any) -> OperationRun:
    """What is told of one operation."""
    with told(app) as runs:
        await app.post(as_body(query, **more))
    (run,) = runs
    return run


async def test_query_is_told_with_all_that_is_known_of_it(app: App) -> None:
    """Name, document, fields, who asked, what it cost, how it was executed; and no values."""
    query = "query People { contacts(first: 2) { nodes { id } } viewerTime: __typename }"
    run = await run_of(app, query)
    assert (run.kind, run.name, run.transport) == ("query", "People", "http")
    assert run.sha256 == hashlib.sha256(query.encode()).hexdigest()
    assert run.fields == ("Query.contacts",)
    assert run.user == STRANGER
    assert run.cost is not None
    assert (run.cost.requested, run.cost.actual) == (3, 3)
    assert run.field_costs == (3,)
    assert (run.tier, run.cache, run.codes) == ("planned", "MISS", ())
    assert 0 < run.seconds < 60
    assert (await run_of(app, query)).cache == "HIT"


async def test_root_fields_are_told_one_by_one(app: App) -> None:
    """By the names of the schema, those of fragments too, each with its own cost."""
    query = """query ($with: Boolean!) {
        a: contacts(first: 1) { nodes { id } } ...More
        node(id: "x") @include(if: $with) { id } }
        fragment More on Query { companies { nodes { id } } }"""
    run = await run_of(app, query, variables={"with": False})
    costs = dict(zip(run.fields, run.field_costs, strict=True))
    assert costs == {"Query.contacts": 2, "Query.companies": 1}
    run = await run_of(app, query, variables={"with": True})
    assert set(run.fields) == {"Query.contacts", "Query.companies", "Query.node"}


async def test_mutation_is_told(app: App) -> None:
    """What is expected to go wrong is no error."""
    with told(app) as runs:
        await app.client(Role.EDITOR).query(CREATE, input={"firstName": "Kim"})
        await app.client(Role.EDITOR).query(CREATE, input={})
    assert [(run.kind, run.name, run.fields, run.codes) for run in runs] == [
        ("mutation", "Add", ("Mutation.createContact",), ())
    ] * 2


async def test_operation_that_costs_too_much_is_told(app: App) -> None:
    """With its code, before anything was executed."""
    run = await run_of(app, "{ contacts(first: 1000) { nodes { id } } }")
    assert run.codes == ("QUERY_TOO_COMPLEX",)
    assert (run.cost, run.tier, run.field_costs) == (None, "", ())


async def test_wrong_variable_is_told(app: App) -> None:
    """As an error of whoever asked."""
    query = "query ($n: Int) { contacts(first: $n) { nodes { id } } }"
    assert (await run_of(app, query, variables={"n": "x"})).codes == ("BAD_USER_INPUT",)


async def test_request_that_names_no_operation_tells_none(app: App) -> None:
    """Nor does one whose document is wrong, or whose sender is not known."""
    with told(app) as runs:
        await app.post(as_body("{ nothing }"))
        await app.post(as_body("{"))
        await app.post(as_body("query A { __typename } query B { __typename }"))
        await app.post(as_body("{ contacts { totalCount } }"), Authorization="Bearer x")
    assert runs == []


@pytest.mark.one_executor  # each would spend what the other one has left
async def test_who_has_asked_for_too_much_is_told(database_url: URL, tmp_path: Path) -> None:
    """As RATE_LIMITED, with the fields that were asked for."""
    async with open_app(database_url, tmp_path, rate_limit_cost_per_minute=12) as app:
        query = "{ contacts(first: 11) { nodes { id } } }"
        await app.post(as_body(query))
        run = await run_of(app, query)
    assert (run.codes, run.fields) == (("RATE_LIMITED",), ("Query.contacts",))


async def test_pages_of_a_stream_are_told(app: App) -> None:
    """Each as an operation; they cost nothing."""
    with told(app) as runs:
        response = await app.http.post(
            "/api/v1/stream/",
            json={"query": "query All { contacts { nodes { id } } }"},
            headers={**app.client().headers, "Accept": "application/x-ndjson"},
        )
    assert response.status_code == 200
    assert {(run.name, run.transport, run.cost) for run in runs} == {("All", "lines", None)}


async def test_observers_do_not_wait_for_each_other(app: App) -> None:
    """Who comes later is told from then on, beside who was there."""
    with told(app) as first:
        await app.post(as_body("{ __typename }"))
        with told(app) as second:
            await app.post(as_body("{ __typename }"))
    assert (len(first), len(second)) == (2, 1)


# Of the schema to follow.


@pytest.fixture
def observers() -> Observers:
    """Nobody yet."""
    return Observers()


@pytest.fixture
def runs(observers: Observers) -> list[OperationRun]:
    """The operations that are told."""
    heard: list[OperationRun] = []
    observers.operations.append(heard.append)
    return heard


@pytest.fixture
def requests(observers: Observers) -> list[RequestRun]:
    """The requests that are told."""
    heard: list[RequestRun] = []
    observers.requests.append(heard.append)
    return heard


@pytest.fixture
async def server(server_url: URL, observers: Observers) -> AsyncIterator[Following]:
    """A server of the schema to follow, where an operation may take a tenth of a second."""
    async with following(server_url, observers=observers, request_seconds=0.1) as served:
        yield served


def client_of(server: Following) -> httpx.AsyncClient:
    """A client with a token."""
    headers = {"Authorization": token()}
    return httpx.AsyncClient(base_url=server.served.http, headers=headers, trust_env=False)


async def test_subscription_and_its_events_are_told(
    server: Following, runs: list[OperationRun], requests: list[RequestRun]
) -> None:
    """Its begin as an operation, each event as one of it; the request is told at the end."""
    query = "subscription Count { numbers(upto: 2) { number oddFails } }"
    async with client_of(server) as http, streaming(http, query) as events:
        with capture_logs():
            assert [await events.next() for _ in range(2)]
            await events.lines()
    assert [(run.is_event, run.transport, run.codes) for run in runs] == [
        (False, "events", ()),
        (True, "events", ()),
        (True, "events", ("INTERNAL_SERVER_ERROR",)),
    ]
    assert {(run.kind, run.name, run.user) for run in runs} == {("subscription", "Count", USER)}
    await until(lambda: requests)
    assert requests[0].operation is runs[0]
    assert requests[0].sent_bytes > 0


async def test_operations_of_a_socket_are_told(
    server: Following, runs: list[OperationRun], observers: Observers
) -> None:
    """One by one; a socket is no request, and counted while it is open."""
    async with opened(server.served.socket) as socket:
        await socket.init(token())
        await socket.subscribe("query Who { role }")
        await socket.next()
        await socket.completed()
        assert observers.under_way.sockets == 1
    assert [(run.name, run.transport, run.codes) for run in runs] == [("Who", "websocket", ())]
    await until(lambda: not observers.under_way.sockets)


async def test_operation_that_takes_too_long_is_told(
    server: Following, runs: list[OperationRun], requests: list[RequestRun]
) -> None:
    """As TIMEOUT, after the time that it took; the request has the same code."""
    async with client_of(server) as http:
        await http.post("/graphql", json={"query": "{ slow }"})
    assert [run.codes for run in runs] == [("TIMEOUT",)]
    assert runs[0].seconds >= 0.1
    assert [(run.status, run.codes) for run in requests] == [(504, ("TIMEOUT",))]


async def test_bug_is_told(server: Following, runs: list[OperationRun]) -> None:
    """By its code; what happened stands in the log."""
    async with client_of(server) as http:
        with capture_logs():
            await http.post("/graphql", json={"query": "{ broken role }"})
    assert [run.codes for run in runs] == [("INTERNAL_SERVER_ERROR",)]


async def test_operation_that_its_client_leaves_is_told(
    server_url: URL, observers: Observers, runs: list[OperationRun]
) -> None:
    """As CANCELLED: neither side has done anything wrong."""
    async with (
        following(server_url, observers=observers) as server,
        opened(server.served.socket) as socket,
    ):
        await socket.init(token())
        await socket.subscribe("{ slow }")
        await until(lambda: "slow" in busy)
        await socket.send("complete", id="1")
        await until(lambda: runs)
    assert [run.codes for run in runs] == [("CANCELLED",)]


async def test_refused_request_tells_why(
    server: Following, runs: list[OperationRun], requests: list[RequestRun]
) -> None:
    """The request has the code also where there was no operation."""
    async with client_of(server) as http:
        await http.post("/graphql", json={"query": "{"})
        await http.post("/graphql", json={"query": "{ role }"}, headers={"Authorization": "x"})
        await http.put("/graphql")
    assert [(run.codes, run.operation) for run in requests] == [
        (("GRAPHQL_PARSE_FAILED",), None),
        (("UNAUTHENTICATED",), None),
        (("METHOD_NOT_ALLOWED",), None),
    ]
    assert [run.user for run in requests] == [USER, None, None]
    assert runs == []


# Documents.


def test_hash_of_a_document_is_that_of_its_text() -> None:
    """As clients compute it; a document that has no text has one too, and it is the same again."""
    text = "# People\nquery { __typename }"
    document = read_document(core_schema(), text)
    assert document.sha256 == hashlib.sha256(text.encode()).hexdigest()
    tree = type(document.tree)(definitions=(document.operations[0].node,))
    made = Document(document.schema, tree, text_chars=0)
    assert made.sha256 == hashlib.sha256(b"{\n  __typename\n}").hexdigest()


async def test_long_name_is_told_by_its_begin(app: App) -> None:
    """To everybody who hears of the operation or of its statements: it may be as long as a text."""
    heard: list[str | None] = []
    observers = app.resources.database.observers
    observers.append(hear := lambda _run: heard.append(asking().operation))
    name = "N" * 5_000
    run = await run_of(app, f"query {name} {{ contacts(first: 3) {{ nodes {{ id email }} }} }}")
    observers.remove(hear)
    assert run.name == name[:MAX_NAME_CHARS]
    assert set(heard) == {run.name}
