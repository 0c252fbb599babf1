"""The Python client `gql` asks a server over HTTP, and follows one over a WebSocket."""

from collections.abc import AsyncIterator

import pytest
from gql import Client, gql
from gql.client import AsyncClientSession
from gql.transport.exceptions import TransportQueryError
from gql.transport.httpx import HTTPXAsyncTransport
from gql.transport.websockets import WebsocketsTransport
from graphql import GraphQLError
from sqlalchemy.engine import URL

from domain.enums import Role
from tests.clients.conftest import CONTACTS, RealServer
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


@pytest.fixture(params=["http", "socket"])
async def session(
    request: pytest.FixtureRequest, real_server: RealServer
) -> AsyncIterator[AsyncClientSession]:
    """The client at the product's schema, which it reads before anything else."""
    authorization = {"Authorization": f"Bearer {real_server.tokens[Role.EDITOR]}"}
    over: HTTPXAsyncTransport | WebsocketsTransport = (
        HTTPXAsyncTransport(real_server.http, headers=authorization)
        if request.param == "http"
        else WebsocketsTransport(real_server.socket, init_payload=authorization)
    )
    async with Client(transport=over, fetch_schema_from_transport=True) as session:
        yield session


async def test_client_checks_by_the_schema_that_it_read(session: AsyncClientSession) -> None:
    """And so do the types of what it sends; mistakes are data, errors have codes."""
    with pytest.raises(GraphQLError, match="Cannot query field 'nothing'"):
        await session.execute(gql("{ contacts { nothing } }"))
    query = gql("query Some($first: Int) { contacts(first: $first) { totalCount nodes { id } } }")
    query.variable_values = {"first": 3}
    answer = await session.execute(query, serialize_variables=True)
    assert (answer["contacts"]["totalCount"], len(answer["contacts"]["nodes"])) == (CONTACTS, 3)
    mutation = gql("""mutation { createContact(input: {emails: [{address: "x"}]}) {
        contact { id } userErrors { code path } } }""")
    answer = await session.execute(mutation)
    assert answer["createContact"]["userErrors"][0]["code"] == "INVALID_EMAIL"
    with pytest.raises(TransportQueryError) as refused:
        await session.execute(gql('{ contacts(first: 1, after: "nowhere") { nodes { id } } }'))
    assert refused.value.errors is not None
    assert refused.value.errors[0]["extensions"]["code"] == "CURSOR_INVALID"
