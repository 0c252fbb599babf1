"""The Python client `gql` follows a server over a WebSocket."""

from collections.abc import AsyncIterator

import pytest
from gql import Client, gql
from gql.transport.exceptions import TransportQueryError
from gql.transport.websockets import WebsocketsTransport
from sqlalchemy.engine import URL

from tests.graph.following import Following, busy, following, token
from tests.graph.sockets import until


@pytest.fixture
async def server(server_url: URL) -> AsyncIterator[Following]:
    """A server of the schema to follow."""
    async with following(server_url) as served:
        yield served


@pytest.fixture(params=["connection_init", "upgrade"])
async def transport(request: pytest.FixtureRequest, server: Following) -> WebsocketsTransport:
    """The client's socket, with the token where either kind of client has it.

    It is made while the loop runs: where there is none it makes one, which nobody closes.
    """
    given = {"Authorization": token()}
    if request.param == "upgrade":
        return WebsocketsTransport(url=server.served.socket, headers=given)
    return WebsocketsTransport(url=server.served.socket, init_payload=given)


async def test_subscription_is_told_to_its_end(transport: WebsocketsTransport) -> None:
    """Every event, and that there are no more."""
    async with Client(transport=transport) as session:
        query = gql("subscription { numbers(upto: 2) { number } }")
        told = [event["numbers"]["number"] async for event in session.subscribe(query)]
    assert told == [0, 1]


async def test_queries_go_over_the_same_socket(transport: WebsocketsTransport) -> None:
    """Beside a subscription that waits."""
    async with Client(transport=transport) as session:
        events = session.subscribe(gql("subscription { forever }"))
        assert await anext(events) == {"forever": "forever"}
        assert await session.execute(gql("{ role }")) == {"role": "viewer"}
        with pytest.raises(TransportQueryError, match="nothing"):
            await session.execute(gql("{ nothing }"))
        await events.aclose()
        await until(lambda: not busy)
