"""`graphql-ws` and `graphql-sse` under Node follow a server; `make clients` installs them."""

import asyncio
import hashlib
import json
import shutil
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.engine import URL

from tests.graph.following import Following, busy, following, token
from tests.graph.sockets import until

_SOURCE = Path(__file__).parent
_INSTALLED = Path(sys.prefix) / "clients"
_NODE = shutil.which("node")


def _why_not() -> str:
    """Why the clients cannot be run here; empty when they can."""
    if _NODE is None:
        return "node is not on PATH"
    lock, stamp = _SOURCE / "package-lock.json", _INSTALLED / ".installed"
    wanted = hashlib.sha256(lock.read_bytes()).hexdigest()
    if not stamp.exists() or stamp.read_text().strip() != wanted:
        return "the clients under Node are not installed: run `make clients`"
    return ""


pytestmark = [
    pytest.mark.skipif(bool(_why_not()), reason=_why_not()),
    pytest.mark.parametrize("protocol", ["graphql-ws", "graphql-sse"]),
]


@pytest.fixture
async def server(server_url: URL) -> AsyncIterator[Following]:
    """A server of the schema to follow."""
    async with following(server_url) as served:
        yield served


class Told:
    """What a client is told."""

    def __init__(self, process: Process) -> None:
        self.process = process

    async def next(self) -> Any:
        """The next line it prints; None at its end."""
        assert self.process.stdout is not None
        async with asyncio.timeout(30):
            line = await self.process.stdout.readline()
        return json.loads(line) if line else None

    async def all(self) -> list[Any]:
        """Everything up to its end."""
        told = []
        while (line := await self.next()) is not None:
            told.append(line)
        return told

    def stop(self) -> None:
        """Have the client unsubscribe."""
        assert self.process.stdin is not None
        self.process.stdin.write(b"stop\n")


@asynccontextmanager
async def client(
    server: Following, protocol: str, query: str, *, authorization: str | None = None
) -> AsyncIterator[Told]:
    """A client that follows one operation."""
    shutil.copy(_SOURCE / "follow.js", _INSTALLED)
    address = server.served.socket if protocol == "graphql-ws" else f"{server.served.http}/graphql"
    process = await asyncio.create_subprocess_exec(
        str(_NODE),
        str(_INSTALLED / "follow.js"),
        protocol,
        address,
        authorization or token(),
        query,
        stdin=PIPE,
        stdout=PIPE,
    )
    try:
        yield Told(process)
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


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
        assert await told.all() == [{"next": {"data": {"role": "viewer"}}}, {"complete": True}]


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
