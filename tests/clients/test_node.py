"""`graphql-ws` and `graphql-sse` under Node follow a server."""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager

import pytest
from sqlalchemy.engine import URL

from tests.clients.node import Told, needs_node, node_client
from tests.graph.following import Following, busy, following, token
from tests.graph.sockets import until

pytestmark = [
    needs_node,
    pytest.mark.parametrize("protocol", ["graphql-ws", "graphql-sse"]),
]


@pytest.fixture
async def server(server_url: URL) -> AsyncIterator[Following]:
    """A server of the schema to follow."""
    async with following(server_url) as served:
        yield served


def client(
    server: Following, protocol: str, query: str, *, authorization: str | None = None
) -> AbstractAsyncContextManager[Told]:
    """A client that follows one operation of the server."""
    host = f"127.0.0.1:{server.served.port}"
    return node_client(protocol, host, query, authorization=authorization or token())


async def test_subscription_is_told_to_its_end(server: Following, protocol: str) -> None:
    """Every event, and that there are no more."""
    query = "subscription { numbers(upto: 2) { number } }"
    async with client(server, protocol, query) as told:
        assert await told.all() == [
            {"next": {"data": {"numbers": {"number": 0}}}},
            {"next": {"data": {"numbers": {"number": 1}}}},
            {"complete": True},
        ]


async def test_query_is_answered(server: Following, protocol: str) -> None:
    """The clients send queries and mutations the same way."""
    async with client(server, protocol, "{ role }") as told:
        answer, end = await told.all()
    assert (answer["next"]["data"], end) == ({"role": "viewer"}, {"complete": True})


async def test_client_that_unsubscribes_leaves_nothing_behind(
    server: Following, protocol: str
) -> None:
    """The source is closed."""
    async with client(server, protocol, "subscription { forever }") as told:
        assert await told.next() == {"next": {"data": {"forever": "forever"}}}
        assert busy == {"forever"}
        told.stop()
        await until(lambda: not busy)


async def test_error_of_a_role_is_a_result(server: Following, protocol: str) -> None:
    """With its code."""
    async with client(server, protocol, "subscription { forbidden }") as told:
        first, last = await told.all()
        (error,) = first["next"]["errors"]
        assert (error["extensions"]["code"], last) == ("FORBIDDEN", {"complete": True})


async def test_bad_token_is_an_error_of_the_client(server: Following, protocol: str) -> None:
    """It is told why: by the code of the end, or by the status."""
    async with client(server, protocol, "{ role }", authorization="Bearer x") as told:
        (last,) = await told.all()
    if protocol == "graphql-ws":
        assert last["error"]["code"] == 4403
        assert last["error"]["reason"] == "This is not a valid token of this server."
    else:
        assert "401" in last["error"]["message"]


async def test_server_that_stops_is_an_error_of_the_client(
    server: Following, protocol: str
) -> None:
    """So that it connects again; it does not take the operation for finished."""
    async with client(server, protocol, "subscription { forever }") as told:
        await told.next()
        await server.served.stop()
        (last,) = await told.all()
    assert "error" in last
