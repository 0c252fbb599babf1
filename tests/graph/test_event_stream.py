"""graphql-sse, one connection an operation: who is answered by a stream, and how it ends."""

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import httpx
import orjson
import pytest
from sqlalchemy.engine import URL
from structlog.testing import capture_logs

from domain.errors import Unauthenticated
from domain.viewer import Viewer
from graph.accept import EVENT_STREAM, negotiate, takes_events
from tests.graph.answers import JSON, NEW_TYPE, the_error
from tests.graph.following import BY_TOKEN, Following, busy, following, token
from tests.graph.sockets import until, until_still
from tests.graph.streams import streaming

URQL = f"{NEW_TYPE}, application/graphql+json, {JSON}, {EVENT_STREAM}, multipart/mixed"
FLOOD = "subscription { flood(characters: 100000) }"
NUMBERS = "subscription { numbers(upto: 2) { number } }"


@pytest.fixture
async def server(server_url: URL) -> AsyncIterator[Following]:
    """A server of the schema to follow."""
    async with following(server_url) as served:
        yield served


@pytest.fixture
async def http(server: Following) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the server, with a token."""
    async with client_of(server) as client:
        yield client


def client_of(server: Following, *, seconds: float = 600) -> httpx.AsyncClient:
    """A client whose token is good for so long."""
    headers = {"Authorization": token(seconds=seconds)}
    return httpx.AsyncClient(base_url=server.served.http, headers=headers, trust_env=False)


async def ask(
    http: httpx.AsyncClient, query: str, accept: str | None = EVENT_STREAM, **more: Any
) -> httpx.Response:
    """The whole answer to an operation."""
    headers = {} if accept is None else {"Accept": accept}
    content = {"query": query, **more}
    return await http.post("/graphql", json=content, headers=headers)


# What a stream says.


async def test_subscription_is_a_stream_of_events(http: httpx.AsyncClient) -> None:
    """`next` for each result, `complete` at the end, line feeds between, nothing kept by caches."""
    response = await ask(http, NUMBERS)
    assert response.status_code == 200
    assert response.headers["content-type"] == "text/event-stream; charset=utf-8"
    assert response.headers["cache-control"] == "no-store"
    assert response.headers["vary"] == "Accept"
    assert response.text == (
        ":\n\n"
        'event: next\ndata: {"data":{"numbers":{"number":0}}}\n\n'
        'event: next\ndata: {"data":{"numbers":{"number":1}}}\n\n'
        "event: complete\ndata: \n\n"
    )


async def test_subscription_can_come_by_get(http: httpx.AsyncClient) -> None:
    """Nothing changes by it, so it may stand in an address."""
    response = await http.get(
        "/graphql", params={"query": NUMBERS}, headers={"Accept": EVENT_STREAM}
    )
    assert response.text.count("event: next") == 2


async def test_subscription_by_head_is_refused(http: httpx.AsyncClient) -> None:
    """An answer without a body has no events."""
    response = await http.head(
        "/graphql", params={"query": NUMBERS}, headers={"Accept": EVENT_STREAM}
    )
    assert (response.status_code, response.headers["allow"]) == (405, "GET, POST")


async def test_stream_with_nothing_to_tell_shows_that_it_is_there(server_url: URL) -> None:
    """Comments come between events, so that nobody on the way takes it for dead."""
    async with (
        following(server_url, keep_alive_seconds=0.01) as server,
        client_of(server) as http,
        streaming(http, "subscription { forever }") as events,
    ):
        await events.next()
        assert [await events.lines() for _ in range(3)] == [[":"]] * 3


# Who is answered by a stream.


@pytest.mark.parametrize("accept", [URQL, f"{EVENT_STREAM}, {JSON}", f"{EVENT_STREAM}, */*"])
async def test_query_of_a_client_that_reads_both_is_json(
    http: httpx.AsyncClient, accept: str
) -> None:
    """Such clients name both on every request; a subscription of theirs is a stream."""
    response = await ask(http, "{ role }", accept)
    assert response.json()["data"] == {"role": "viewer"}
    response = await ask(http, NUMBERS, accept)
    assert response.headers["content-type"].startswith(EVENT_STREAM)


async def test_query_of_a_client_that_reads_only_events_is_a_stream(
    http: httpx.AsyncClient,
) -> None:
    """One `next` and `complete`; a mutation too."""
    for query, data in (
        ("{ role }", {"role": "viewer"}),
        ("mutation { double(number: 2) }", {"double": 4}),
    ):
        response = await ask(http, query)
        cost = {"requested": 1, "actual": 1, "maximum": 20000}
        told = orjson.dumps({"data": data, "extensions": {"cost": cost}}).decode()
        assert response.headers["content-type"].startswith(EVENT_STREAM)
        assert response.text == f"event: next\ndata: {told}\n\nevent: complete\ndata: \n\n"


@pytest.mark.parametrize("accept", [None, "*/*", JSON, NEW_TYPE, f"{EVENT_STREAM};q=0, {JSON}"])
async def test_subscription_without_asking_for_a_stream_is_refused(
    http: httpx.AsyncClient, accept: str | None
) -> None:
    """The error says how to ask; a client that waits for an end of the answer would wait long."""
    error = the_error(await ask(http, NUMBERS, accept), 400, "BAD_USER_INPUT")
    assert "`Accept: text/event-stream`" in error["message"]
    assert "graphql-transport-ws" in error["message"]


@pytest.mark.parametrize(
    ("accept", "form", "takes"),
    [
        (None, JSON, False),
        ("text/html", JSON, False),
        (EVENT_STREAM, EVENT_STREAM, True),
        (f"text/html, {EVENT_STREAM};q=0.5", EVENT_STREAM, True),
        (f"{EVENT_STREAM};q=0", JSON, False),
        (f"{EVENT_STREAM}, {JSON};q=0", EVENT_STREAM, True),
        (f"{EVENT_STREAM}, application/*", JSON, True),
        (f"{EVENT_STREAM}, {NEW_TYPE};q=0.1", NEW_TYPE, True),
    ],
)
def test_form_of_the_answer_follows_accept(accept: str | None, form: str, takes: bool) -> None:
    """Events for a query only where no JSON will do; for a subscription where they are named."""
    assert (negotiate(accept), takes_events(accept)) == (form, takes)


# What goes wrong.


async def test_what_is_wrong_before_the_stream_is_answered_as_for_queries(
    http: httpx.AsyncClient,
) -> None:
    """JSON with the status of the error, whatever is accepted."""
    the_error(await ask(http, "subscription { nothing }"), 400, "GRAPHQL_VALIDATION_FAILED")
    the_error(await ask(http, "subscription {"), 400, "GRAPHQL_PARSE_FAILED")
    variables = "subscription ($n: Int!) { numbers(upto: $n) { number } }"
    the_error(await ask(http, variables), 400, "BAD_USER_INPUT")
    del http.headers["Authorization"]
    the_error(await ask(http, NUMBERS), 401, "UNAUTHENTICATED")


@pytest.mark.parametrize("field", ["forbidden", "refused"])
async def test_role_that_does_not_suffice_is_one_result_and_the_end(
    http: httpx.AsyncClient, field: str
) -> None:
    """The error has its code and place, whether it is raised before there is a source or in it."""
    async with streaming(http, f"subscription {{ {field} }}") as events:
        result = await events.next()
        (error,) = result["errors"]
        assert (result["data"], error["path"]) == (None, [field])
        assert error["extensions"]["code"] == "FORBIDDEN"
        assert await events.lines() == ["event: complete", "data: "]


async def test_bug_in_a_source_is_masked_and_logged_and_ends_the_stream(
    http: httpx.AsyncClient,
) -> None:
    """The client is told the id by which the log has the rest."""
    with capture_logs() as logs:
        async with streaming(http, "subscription { breaks }") as events:
            assert await events.next() == {"data": {"breaks": "first"}}
            (error,) = (await events.next())["errors"]
            assert await events.lines() == ["event: complete", "data: "]
    assert error["extensions"]["code"] == "INTERNAL_SERVER_ERROR"
    assert "secret" not in error["message"]
    assert [entry["event"] for entry in logs] == ["resolver_failed"]


async def test_subscription_that_does_not_come_to_a_source_is_a_timeout(server_url: URL) -> None:
    """The time of a request holds for its beginning."""
    async with (
        following(server_url, request_seconds=0.01) as server,
        client_of(server) as http,
    ):
        the_error(await ask(http, "subscription { lost }"), 504, "TIMEOUT")
        assert not busy


async def test_stream_ends_when_its_token_is_taken_back(server_url: URL) -> None:
    """Who follows and asks nothing more is looked at with every sign of life."""
    is_taken_back = False

    async def authenticate(header: str | None) -> Viewer | None:
        if is_taken_back:
            raise Unauthenticated("The token has been revoked. Log in again.")
        return await BY_TOKEN(header)

    async with (
        following(server_url, authenticate=authenticate, keep_alive_seconds=0.01) as server,
        client_of(server) as http,
        streaming(http, "subscription { forever }") as events,
    ):
        assert await events.next() == {"data": {"forever": "forever"}}
        is_taken_back = True
        (error,) = (await events.next())["errors"]
        assert error["message"] == "The token has been revoked. Log in again."
        assert error["extensions"]["code"] == "UNAUTHENTICATED"
        await until(lambda: not busy)


async def test_stream_ends_when_its_token_is_good_for_less(server_url: URL) -> None:
    """What was begun with more does not go on."""
    is_demoted = False

    async def authenticate(header: str | None) -> Viewer | None:
        viewer = await BY_TOKEN(header)
        assert viewer is not None
        return replace(viewer, scopes=frozenset()) if is_demoted else viewer

    async with (
        following(server_url, authenticate=authenticate, keep_alive_seconds=0.01) as server,
        client_of(server) as http,
        streaming(http, "subscription { forever }") as events,
    ):
        assert await events.next() == {"data": {"forever": "forever"}}
        is_demoted = True
        (error,) = (await events.next())["errors"]
        assert error["message"] == "What the token allows has changed. Connect again."
        await until(lambda: not busy)


async def test_stream_ends_when_its_token_expires(server: Following) -> None:
    """The last result says so; what it follows ends with it."""
    # The server takes a token for ten seconds more than it says, in whole ones.
    async with (
        client_of(server, seconds=-8) as http,
        streaming(http, "subscription { forever }") as events,
    ):
        await events.next()
        (error,) = (await events.next())["errors"]
        assert error["extensions"]["code"] == "UNAUTHENTICATED"
        assert await events.lines() == ["event: complete", "data: "]
    await until(lambda: not busy)


# Ends.


@pytest.mark.parametrize("query", ["subscription { forever }", FLOOD])
async def test_client_that_leaves_leaves_nothing_behind(server: Following, query: str) -> None:
    """No source and no task, be it one that waits or one that always has something to tell."""
    async with client_of(server) as http, streaming(http, query) as events:
        await events.next()
        assert busy
    await until(lambda: not busy and not server.tasks_left())


async def test_server_that_stops_breaks_its_streams_off(server: Following) -> None:
    """Without `complete`: the client connects again, to whoever takes over."""
    async with client_of(server) as http, streaming(http, "subscription { forever }") as events:
        await events.next()
        await server.served.stop()
        assert await events.lines() == []
    assert not busy


async def test_stream_that_begins_while_the_server_stops_ends_at_once(
    server: Following, http: httpx.AsyncClient
) -> None:
    """It would hold up the end."""
    server.streams.end()
    response = await ask(http, "subscription { forever }")
    assert "complete" not in response.text
    assert not busy


async def test_client_that_reads_nothing_does_not_outlive_its_token(server_url: URL) -> None:
    """Its connection is broken off: that the stream ends cannot be told."""
    async with (
        following(server_url, patience_seconds=0.05) as server,
        client_of(server, seconds=-8) as http,
        streaming(http, FLOOD) as events,
    ):
        await events.next()
        await until(lambda: not server.served.connections and not server.tasks_left())
        assert not busy


async def test_client_that_reads_nothing_does_not_hold_up_a_server_that_stops(
    server_url: URL,
) -> None:
    """Its connection is broken off."""
    async with (
        following(server_url, patience_seconds=0.05) as server,
        client_of(server) as http,
        streaming(http, FLOOD) as events,
    ):
        await events.next()
        await until_still(server.executor.counts.total)
        await server.served.stop()
        assert not server.served.connections
        assert not busy
