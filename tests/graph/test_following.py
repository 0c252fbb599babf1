"""Following records of the product over both transports, from a write to whoever is told of it."""

import signal
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy.engine import URL
from websockets.exceptions import InvalidStatus

from app.asgi import create_app
from app.resources import Resources
from domain.enums import Role
from tests.apps import STRANGER
from tests.client import Client
from tests.graph.sockets import PROTOCOL, opened, until
from tests.graph.streams import streaming
from tests.processes import command
from tests.served import Served, serving

CHANGES = "subscription { contactChanged { kind ids } }"
CREATE = 'mutation { createContact(input: {firstName: "Ada"}) { contact { id } } }'


@pytest.fixture
async def served(resources: Resources) -> AsyncIterator[Served]:
    """The product behind a port."""
    app = create_app(resources)
    async with serving(app, on_stop=app.end_streams) as server:
        yield server


@pytest.fixture
def authorization(resources: Resources) -> str:
    """The header of somebody who may write."""
    return f"Bearer {resources.tokens.issue(STRANGER, Role.EDITOR, ttl_seconds=600)}"


async def created(client: Client) -> dict[str, Any]:
    """What is told of a contact that is made now."""
    data = await client.query(CREATE)
    return {"kind": "CREATED", "ids": [data["createContact"]["contact"]["id"]]}


async def test_socket_is_told_of_a_write(
    served: Served, resources: Resources, client: Client, authorization: str
) -> None:
    """READY, then what was written; whoever completes is forgotten."""
    async with opened(served.socket) as socket:
        await socket.init(authorization)
        await socket.subscribe(CHANGES)
        assert (await socket.next())["data"]["contactChanged"]["kind"] == "READY"
        told = await created(client)
        assert await socket.next() == {"data": {"contactChanged": told}}
        await socket.send("complete", id="1")
        await until(lambda: resources.feeds.seats.taken == 0)


async def test_stream_is_told_of_a_write(
    served: Served, resources: Resources, client: Client, authorization: str
) -> None:
    """READY, then what was written; whoever leaves is forgotten."""
    headers = {"Authorization": authorization}
    async with (
        httpx.AsyncClient(base_url=served.http, headers=headers, trust_env=False) as http,
        streaming(http, CHANGES) as events,
    ):
        assert (await events.next())["data"]["contactChanged"]["kind"] == "READY"
        told = await created(client)
        assert await events.next() == {"data": {"contactChanged": told}}
    await until(lambda: resources.feeds.seats.taken == 0)


async def test_writes_over_the_socket_are_told_on_it(served: Served, authorization: str) -> None:
    """One socket is enough for a frontend."""
    async with opened(served.socket) as socket:
        await socket.init(authorization)
        await socket.subscribe(CHANGES, id="changes")
        await socket.next("changes")
        await socket.subscribe(CREATE, id="create")
        messages = [await socket.receive() for _ in range(3)]
    by_id = {(each["id"], each["type"]): each.get("payload") for each in messages}
    contact = by_id["create", "next"]["data"]["createContact"]["contact"]
    told = by_id["changes", "next"]["data"]["contactChanged"]
    assert told == {"kind": "CREATED", "ids": [contact["id"]]}


async def test_socket_elsewhere_is_not_opened(served: Served) -> None:
    """Only `/graphql` takes them, with a slash at its end or without."""
    async with opened(f"{served.socket}/") as socket:
        assert socket.connection.subprotocol == PROTOCOL
    with pytest.raises(InvalidStatus) as refused:
        async with opened(f"{served.socket}/elsewhere"):
            pass
    assert refused.value.response.status_code == 403


async def test_process_that_is_told_to_stop_lets_its_followers_go(
    database_url: URL, tmp_path: Path
) -> None:
    """They are told that it ends, not that there is no more; nothing holds up the end."""
    async with command(
        "serve", "--port=0", "--no-jobs", database_url=database_url, folder=tmp_path
    ) as process:
        address, token = (await process.says("Explorer")).split()[1].split("/#token=")
        authorization = f"Bearer {token}"
        headers = {"Authorization": authorization}
        async with (
            httpx.AsyncClient(base_url=address, headers=headers, trust_env=False) as http,
            opened(f"{address.replace('http', 'ws')}/graphql") as socket,
            streaming(http, CHANGES) as events,
        ):
            await socket.init(authorization)
            await socket.subscribe(CHANGES)
            await socket.next()
            await events.next()
            process.signal(signal.SIGTERM)
            assert (await socket.closed())[0] == 1012
            assert await events.lines() == []
            assert await process.ends() == 0
    assert not [line for line in process.said if "Cancel" in line or "Traceback" in line]
