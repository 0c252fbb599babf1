"""Clients follow a job from start to end, across two servers and a restart of PostgreSQL."""

import asyncio
import re
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest
from gql import Client, gql
from gql.transport.websockets import WebsocketsTransport
from sqlalchemy import text

from app.embedded.server import acquire
from db.engine import open_engine
from db.migrate import upgrade
from db.rows import Row
from db.statements import Statement
from db.transaction import Database
from tests.clients.node import needs_node, node_client
from tests.processes import Process, command
from tests.replication import Server

CONTACTS = 12_000

_MAKE = Statement(
    text(
        "INSERT INTO contacts (first_name) SELECT 'Ada ' || n"
        f" FROM generate_series(1, {CONTACTS}) AS n"
    ),
    Row,
)
_TAGGED = Statement(
    text("SELECT version, tags, count(*) FROM contacts GROUP BY version, tags"), Row
)
TAG = """mutation ($count: Int!) { tagContacts(input: {
    filter: {firstName: {startsWith: "Ada"}}, confirmCount: $count, add: ["met"],
    inBackground: true }) { job { id } userErrors { message } } }"""
FOLLOW = "subscription { jobProgress(id: %s) { status progress } }"


@pytest.fixture
def postgres() -> Iterator[Server]:
    """A server with the settings of production, which can be killed."""
    with tempfile.TemporaryDirectory(prefix="a360-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        # It belongs to this process: a killed one must not take its folder along.
        server = Server(folder / "data", acquire(folder / "data", ephemeral=True))
        try:
            yield server
        finally:
            server.kill()
            server.server.release()


@pytest.fixture
async def contacts(postgres: Server) -> None:
    """Contacts enough for twenty-four batches."""
    async with open_engine(postgres.url("app")) as engine:
        await upgrade(engine)
        async with Database(engine).write() as tx:
            await tx.allow(60)
            await tx.fetch(_MAKE)


@dataclass
class Served:
    """A server process that answers.

    Attributes:
        token: Of an admin.
    """

    process: Process
    host: str
    token: str


@asynccontextmanager
async def serving(postgres: Server, folder: Path, *options: str) -> AsyncIterator[Served]:
    """`appointment360 serve` with these options."""
    arguments = ("serve", "--port=0", *options)
    async with command(*arguments, database_url=postgres.url("app"), folder=folder) as process:
        line = await process.says("#token=")
        found = re.search(r"http://(\S+?)/#token=(\S+)", line)
        assert found is not None
        yield Served(process, found[1], found[2])


async def by_gql(served: Served, query: str) -> AsyncIterator[dict[str, Any]]:
    """What a server tells a client under Python."""
    transport = WebsocketsTransport(
        url=f"ws://{served.host}/graphql",
        init_payload={"Authorization": f"Bearer {served.token}"},
    )
    async with Client(transport=transport) as session:
        async for data in session.subscribe(gql(query)):
            yield data


async def by_node(protocol: str, served: Served, query: str) -> AsyncIterator[dict[str, Any]]:
    """What a server tells a client under Node, up to the end of the operation."""
    authorization = f"Bearer {served.token}"
    async with node_client(protocol, served.host, query, authorization=authorization) as client:
        while "next" in (line := await client.next()):
            yield line["next"]["data"]
        assert line == {"complete": True}


Follow = Callable[[Served, str], AsyncIterator[dict[str, Any]]]


@pytest.mark.parametrize(
    "follow",
    [
        by_gql,
        pytest.param(partial(by_node, "graphql-ws"), marks=needs_node),
        pytest.param(partial(by_node, "graphql-sse"), marks=needs_node),
    ],
    ids=["gql", "graphql-ws", "graphql-sse"],
)
async def test_job_is_followed_through_a_restart_of_postgresql(
    postgres: Server, contacts: None, tmp_path: Path, follow: Follow
) -> None:
    """Progress only grows, the end is told once, and every contact was tagged once."""
    async with (
        serving(postgres, tmp_path, "--no-jobs") as followed,
        serving(postgres, tmp_path) as working,
    ):
        told: list[dict[str, Any]] = []
        async for event in follow(followed, FOLLOW % f'"{await make_job(working)}"'):
            told.append(event["jobProgress"])
            if len(told) == 2:
                assert told[-1]["status"] == "RUNNING"
                await asyncio.to_thread(restart, postgres)
    progress = [event["progress"] for event in told]
    assert progress == sorted(progress)
    assert [event["status"] for event in told].count("COMPLETED") == 1
    assert told[-1] == {"status": "COMPLETED", "progress": 1.0}
    async with open_engine(postgres.url("app")) as engine, Database(engine).read() as session:
        assert [tuple(row) for row in await session.fetch(_TAGGED)] == [(2, ["met"], CONTACTS)]


def restart(postgres: Server) -> None:
    """End PostgreSQL at once, as a crash does, and start it again."""
    postgres.kill()
    postgres.start()


async def make_job(served: Served) -> str:
    """The id of a job that tags all contacts, made at a server."""
    async with httpx.AsyncClient(base_url=f"http://{served.host}") as http:
        answer = await http.post(
            "/graphql",
            json={"query": TAG, "variables": {"count": CONTACTS}},
            headers={"Authorization": f"Bearer {served.token}"},
        )
    payload = answer.json()["data"]["tagContacts"]
    assert payload["userErrors"] == []
    job_id: str = payload["job"]["id"]
    return job_id
