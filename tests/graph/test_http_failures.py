"""What clients see when something behind the endpoint fails: never its text, always a code."""

import asyncio
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import text
from sqlalchemy.engine import URL
from structlog.testing import capture_logs
from structlog.typing import EventDict

from app.asgi import create_app
from app.middleware import RequestMiddleware
from db.engine import open_engine
from db.transaction import Database
from domain.enums import Role
from domain.viewer import Viewer
from graph.context import Context
from graph.documents import Documents
from graph.endpoint import Endpoint, EndpointSettings
from graph.event_stream import OpenStreams
from graph.execution.engine import Executor
from graph.schema import build_schema, core_schema
from graph.view import GraphQLView
from tests.apps import App, open_app
from tests.client import Client
from tests.factories import make_company, make_contact
from tests.graph.rows import execute, snapshot

CONTACTS = "{ contacts { nodes { id } } }"
MASKED = "Something went wrong on our side. Tell us the requestId."


async def as_server(server: URL, *statements: str) -> None:
    """Run statements outside the test's own database."""
    async with open_engine(server) as engine:
        automatic = engine.execution_options(isolation_level="AUTOCOMMIT")
        async with automatic.connect() as connection:
            for statement in statements:
                await connection.execute(text(statement))


def told_above_debug(logs: list[EventDict]) -> list[EventDict]:
    """What was logged, but for what background tasks of other applications tell of themselves."""
    return [line for line in logs if line["log_level"] != "debug"]


@pytest.mark.one_executor("both would log")
async def test_bug_in_a_resolver_is_masked_and_logged(
    client: Client, http: httpx.AsyncClient, resources_database: Database
) -> None:
    """An unexpected error tells the client its requestId alone; the log has the rest."""
    await execute(resources_database, "ALTER TABLE contacts RENAME TO elsewhere")
    content = '{"query": "{ contacts { nodes { id } } b: __typename }"}'
    headers = client.headers | {"X-Request-ID": "find-me"}
    with capture_logs() as logs:
        response = await http.post("/graphql", content=content, headers=headers)
    assert response.status_code == 200
    assert response.json() == {
        "data": None,
        "errors": [
            {
                "message": MASKED,
                "locations": [{"line": 1, "column": 3}],
                "path": ["contacts"],
                "extensions": {"code": "INTERNAL_SERVER_ERROR", "requestId": "find-me"},
            }
        ],
    }
    (entry,) = logs
    assert (entry["event"], entry["log_level"]) == ("resolver_failed", "error")
    assert "elsewhere" not in response.text
    assert 'relation "contacts" does not exist' in str(entry["exc_info"])


async def test_bug_in_a_nested_loader_is_masked_where_it_happened(
    client: Client, resources_database: Database
) -> None:
    """A relation that fails nulls what cannot be without it and leaves the rest of the answer."""
    await make_contact(resources_database, emails=("ada@acme.com",))
    await execute(resources_database, "ALTER TABLE contact_phones DROP COLUMN number CASCADE")
    with capture_logs():
        answer = await client.send(
            "{ good: contacts { nodes { emails { address } } }"
            '  bad: contact(id: "x") { id } contacts { nodes { phones { number } } } }'
        )
    codes = {tuple(error["path"]): error["extensions"]["code"] for error in answer["errors"]}
    assert codes == {
        ("bad",): "BAD_USER_INPUT",
        ("contacts", "nodes", 0, "phones"): "INTERNAL_SERVER_ERROR",
    }
    assert "number" not in str([error["message"] for error in answer["errors"]])


@pytest.mark.one_executor("both would log")
async def test_many_failing_requests_at_once_are_all_masked_with_their_own_id(
    client: Client, http: httpx.AsyncClient, resources_database: Database
) -> None:
    """Twenty bugs at the same time: each answer has its own requestId and no word of SQL."""
    await execute(resources_database, "ALTER TABLE contacts RENAME TO elsewhere")

    async def send(number: int) -> httpx.Response:
        headers = client.headers | {"X-Request-ID": f"r{number}"}
        return await http.post("/graphql", json={"query": CONTACTS}, headers=headers)

    with capture_logs() as logs:
        responses = await asyncio.gather(*(send(number) for number in range(20)))
    for number, response in enumerate(responses):
        (error,) = response.json()["errors"]
        assert error["message"] == MASKED
        assert error["extensions"] == {
            "code": "INTERNAL_SERVER_ERROR",
            "requestId": f"r{number}",
        }
    assert len(logs) == 20
    await execute(resources_database, "ALTER TABLE elsewhere RENAME TO contacts")
    assert await client.query(CONTACTS) == {"contacts": {"nodes": []}}


async def test_bug_in_the_endpoint_itself_has_the_form_of_all_errors() -> None:
    """Whatever fails before or after execution is a 500 with `errors` and a requestId."""

    async def break_down(_authorization: str | None) -> Viewer | None:
        raise LookupError("secret detail")

    def open_nothing(_viewer: Viewer | None) -> Context:
        raise NotImplementedError

    settings = EndpointSettings(
        max_body_bytes=1000, request_timeout_seconds=1, open_introspection=False
    )
    endpoint = Endpoint(
        Executor(build_schema()),
        Documents(core_schema()),
        settings=settings,
        authenticate=break_down,
        open_context=open_nothing,
    )
    view = GraphQLView(endpoint, OpenStreams())
    transport = httpx.ASGITransport(RequestMiddleware(view))
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as http:
        with capture_logs() as logs:
            response = await http.post("/graphql", json={}, headers={"X-Request-ID": "find-me"})
    assert response.status_code == 500
    assert response.json() == {
        "errors": [
            {
                "message": MASKED,
                "extensions": {"code": "INTERNAL_SERVER_ERROR", "requestId": "find-me"},
            }
        ]
    }
    assert [entry["event"] for entry in logs] == ["request_failed"]


async def test_client_that_leaves_before_its_body_ends_is_no_bug(empty_app: App) -> None:
    """A broken connection is answered into the void and not logged as our failure."""
    received: list[dict[str, Any]] = [
        {"type": "http.request", "body": b'{"query"', "more_body": True},
        {"type": "http.disconnect"},
    ]
    sent: list[Any] = []

    async def receive() -> dict[str, Any]:
        return received.pop(0)

    async def send(message: Any) -> None:
        sent.append(message)

    headers = [
        (name.lower().encode(), value.encode())
        for name, value in empty_app.client().headers.items()
    ]
    scope = {
        "type": "http",
        "method": "POST",
        "path": "/graphql",
        "raw_path": b"/graphql",
        "query_string": b"",
        "root_path": "",
        "headers": headers,
    }
    with capture_logs() as logs:
        await create_app(empty_app.resources)(scope, receive, send)
    assert sent[0]["status"] == 408
    assert told_above_debug(logs) == []


async def test_database_that_is_gone_is_unavailable_and_comes_back(
    client: Client, resources_database: Database, database_url: URL, server_url: URL
) -> None:
    """Without a database every operation says that it may be tried again, and then it works."""
    company = await make_company(resources_database)
    before = await snapshot(resources_database)
    await client.query("{ __typename }")  # who may not come in is known from the first request on
    name = database_url.database
    await as_server(
        server_url,
        f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS false',
        f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'",
    )
    write = 'mutation { createCompany(input: {name: "A"}) { company { id } } }'
    for document in (CONTACTS, write, CONTACTS):
        answer = await client.send(document)
        assert answer["data"] is None
        (error,) = answer["errors"]
        assert error["message"] == "The database does not answer. Try again in a moment."
        assert error["extensions"]["code"] == "SERVICE_UNAVAILABLE"
        assert error["extensions"]["retryable"] is True
    await as_server(server_url, f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS true')
    data = await client.query("{ companies { nodes { name } } }")
    assert data == {"companies": {"nodes": [{"name": company.name}]}}
    assert await snapshot(resources_database) == before


async def test_connections_that_were_cut_are_replaced_unnoticed(
    client: Client, resources_database: Database, database_url: URL, server_url: URL
) -> None:
    """A restart of the database between two requests is no error for either."""
    await make_company(resources_database, name="Acme")
    await as_server(
        server_url,
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        f" WHERE datname = '{database_url.database}'",
    )
    data = await client.query("{ companies { nodes { name } } }")
    assert data == {"companies": {"nodes": [{"name": "Acme"}]}}


@pytest.mark.parametrize(
    ("table", "document"),
    [("contacts", CONTACTS), ("contact_emails", "{ contacts { nodes { emails { id } } } }")],
    ids=["in a root field", "in a loader"],
)
async def test_operation_that_takes_too_long_is_a_timeout(
    database_url: URL, tmp_path: Path, table: str, document: str
) -> None:
    """The server gives up after its own limit, answers so, and is ready for the next request."""
    async with open_app(database_url, tmp_path, request_timeout=0.5) as app:
        await make_contact(app.resources.database, emails=("ada@acme.com",))
        client = app.client(Role.EDITOR)
        async with open_engine(database_url) as other, other.begin() as blocking:
            await blocking.execute(text(f"LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE"))
            with capture_logs() as logs:
                response = await app.post(f'{{"query": "{document}"}}')
        assert response.status_code == 504
        (error,) = response.json()["errors"]
        assert set(response.json()) == {"errors"}
        assert error["message"] == "The request took too long. Ask for less at once."
        assert error["extensions"]["code"] == "TIMEOUT"
        assert told_above_debug(logs) == []
        assert len((await client.query(document))["contacts"]["nodes"]) == 1


async def test_unknown_route_is_a_problem_document(empty_app: App) -> None:
    """Outside GraphQL errors are problem documents with a code and the requestId."""
    for path in ("/nothing", "/graphql/x", "/health/x", "/%00"):
        response = await empty_app.http.get(path, headers={"X-Request-ID": "find-me"})
        assert response.status_code == 404
        assert response.headers["content-type"] == "application/problem+json"
        assert response.headers["x-request-id"] == "find-me"
        problem = response.json()
        assert problem.pop("detail").startswith("GET /")
        assert problem == {
            "type": "about:blank",
            "title": "Not found",
            "status": 404,
            "code": "NOT_FOUND",
            "requestId": "find-me",
        }


async def test_wrong_method_is_not_allowed(empty_app: App) -> None:
    """A method that a path does not know is 405, with those it knows."""
    for method in ("DELETE", "PUT", "PATCH"):
        response = await empty_app.http.request(method, "/health")
        assert response.status_code == 405
        assert response.json()["code"] == "METHOD_NOT_ALLOWED"
        assert set(response.headers["allow"].split(", ")) == {"GET", "HEAD"}
