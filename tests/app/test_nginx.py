"""Two servers behind nginx, configured as the project hands it out: nothing is lost on the way."""

import asyncio
import hashlib
import json
import signal
import socket
from base64 import b64encode
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy.engine import URL
from starlette.responses import PlainTextResponse
from starlette.types import Receive, Scope, Send
from websockets.asyncio.client import connect
from websockets.typing import Subprotocol

from tests.nginx import Front, in_front_of, needs_nginx, nginx
from tests.processes import Process, command
from tests.races.places import at_once, place_of
from tests.served import serving

pytestmark = needs_nginx

READ = "{ contacts(first: 1) { totalCount } }"
WRITE = 'mutation { createContact(input: { firstName: "New" }) { contact { id } } }'
FOLLOW = "subscription { contactChanged { kind } }"
LOGIN = """
mutation { login(input: { email: "admin@example.com", password: "wrong wrong wrong" }) {
  accessToken } }
"""
UPLOADS = "/api/v1/uploads/"
# More than the proxy takes at /graphql, in two pieces.
FILE = b"email\n" + b"ada@example.com\n" * 400_000
EXPORT = "/api/v1/contacts/stream/"


@dataclass(frozen=True)
class Fleet:
    """Two servers and what stands in front of them.

    Attributes:
        token: Of an admin.
    """

    front: Front
    servers: list[Process]
    http: httpx.AsyncClient
    token: str

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token}"}

    async def ask(self, query: str) -> dict[str, Any]:
        """The answer to an operation."""
        response = await self.http.post("/graphql", json={"query": query}, headers=self.headers)
        assert response.status_code == 200, response.text
        answer: dict[str, Any] = response.json()
        return answer


@pytest.fixture
async def fleet(database_url: URL, tmp_path: Path) -> AsyncIterator[Fleet]:
    """Both have one folder and one secret."""

    def server() -> Any:
        return command(
            "serve",
            "--port=0",
            "--no-jobs",
            database_url=database_url,
            folder=tmp_path,
            DRAIN_DELAY="1",
            ENABLE_QUERY_CACHING="false",
        )

    async with AsyncExitStack() as stack:
        servers = await stack.enter_async_context(at_once(server() for _ in range(2)))
        places = [await place_of(each) for each in servers]
        ports = [place.port for place in places]
        front = await stack.enter_async_context(nginx(tmp_path, in_front_of(*ports)))
        http = await stack.enter_async_context(httpx.AsyncClient(base_url=front.http, timeout=30))
        yield Fleet(front, servers, http, places[0].token)


async def test_all_doors_are_open_through_the_proxy(fleet: Fleet) -> None:
    """Operations, sockets, event streams, uploads in pieces, downloads from a place on, logins."""
    answers = await asyncio.gather(*(fleet.ask(READ) for _ in range(8)))
    assert all(answer["data"] == {"contacts": {"totalCount": 0}} for answer in answers)
    assert len(fleet.front.servers_of("/graphql")) == 2
    await _follow_by_socket(fleet)
    await _follow_by_events(fleet)
    await _upload(fleet)
    await _download(fleet)
    assert (await fleet.http.get("/metrics")).status_code == 404
    assert (await fleet.http.get("/health/ready")).json()["status"] == "ok"
    await _fail_to_choose_an_address(fleet)


async def _follow_by_socket(fleet: Fleet) -> None:
    """What another server has changed comes at once."""
    address = fleet.front.http.replace("http", "ws") + "/graphql"
    async with (
        asyncio.timeout(20),
        connect(address, subprotocols=[Subprotocol("graphql-transport-ws")]) as socket,
    ):
        await socket.send(json.dumps({"type": "connection_init", "payload": fleet.headers}))
        assert json.loads(await socket.recv())["type"] == "connection_ack"
        subscribe = {"id": "1", "type": "subscribe", "payload": {"query": FOLLOW}}
        await socket.send(json.dumps(subscribe))
        assert _kind(json.loads(await socket.recv())["payload"]) == "READY"
        for _ in range(2):
            await fleet.ask(WRITE)
            assert _kind(json.loads(await socket.recv())["payload"]) == "CREATED"


async def _follow_by_events(fleet: Fleet) -> None:
    """Events are not kept back until there are more of them."""
    headers = {**fleet.headers, "Accept": "text/event-stream"}
    async with (
        asyncio.timeout(20),
        fleet.http.stream("POST", "/graphql", json={"query": FOLLOW}, headers=headers) as stream,
    ):
        lines = stream.aiter_lines()
        assert _kind(await _next_event(lines)) == "READY"
        await fleet.ask(WRITE)
        assert _kind(await _next_event(lines)) == "CREATED"


async def _next_event(lines: AsyncIterator[str]) -> dict[str, Any]:
    while not (line := await anext(lines)).startswith("data:"):
        continue
    event: dict[str, Any] = json.loads(line.removeprefix("data:"))
    return event


def _kind(answer: dict[str, Any]) -> str:
    kind: str = answer["data"]["contactChanged"]["kind"]
    return kind


async def _upload(fleet: Fleet) -> None:
    """Each piece may go to another server: they have one folder."""
    told = {"filename": "people.csv", "filetype": "text/csv", "kind": "contacts"}
    metadata = ",".join(
        f"{key} {b64encode(value.encode()).decode()}" for key, value in told.items()
    )
    tus = {**fleet.headers, "Tus-Resumable": "1.0.0"}
    made = await fleet.http.post(
        UPLOADS, headers={**tus, "Upload-Length": str(len(FILE)), "Upload-Metadata": metadata}
    )
    assert made.status_code == 201, made.text
    path, half = made.headers["location"], len(FILE) * 9 // 10
    for start, end in ((0, half), (half, len(FILE))):
        kind = "application/offset+octet-stream"
        sent = await fleet.http.patch(
            path,
            headers={**tus, "Upload-Offset": str(start), "Content-Type": kind},
            content=FILE[start:end],
        )
        assert (sent.status_code, sent.headers["upload-offset"]) == (204, str(end))


async def _download(fleet: Fleet) -> None:
    """A part of an export is had from whichever server is asked, by its tag."""
    headers = {**fleet.headers, "Accept-Encoding": "identity"}
    whole = await fleet.http.get(EXPORT, headers=headers)
    assert whole.status_code == 200
    assert len(whole.text.splitlines()) == 3
    digest = hashlib.sha256(whole.content).hexdigest()
    export = f"/api/v1/exports/{whole.headers['etag'].strip(chr(34))}"
    parts = [
        await fleet.http.get(export, headers={**headers, "Range": f"bytes={asked}"})
        for asked in ("0-99", "100-")
    ]
    assert [part.status_code for part in parts] == [206, 206]
    assert hashlib.sha256(b"".join(part.content for part in parts)).hexdigest() == digest


async def _fail_to_choose_an_address(fleet: Fleet) -> None:
    """Tries are counted by where they come from, whatever is said about that; 5 by each server."""
    codes = []
    for number in range(11):
        said = {"X-Forwarded-For": f"203.0.113.{number}"}
        answer = await fleet.http.post("/graphql", json={"query": LOGIN}, headers=said)
        codes.append(answer.json()["errors"][0]["extensions"]["code"])
    assert codes[0] == "UNAUTHENTICATED"
    assert codes[-1] == "RATE_LIMITED"


async def test_machine_that_is_gone_costs_a_second_and_no_request(tmp_path: Path) -> None:
    """It does not even refuse connections: the other server has the requests, sent once."""
    seen: list[str] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["path"] == "/graphql":
            seen.append(scope["method"])
        await PlainTextResponse("here")(scope, receive, send)

    with socket.socket() as gone, socket.socket() as only_one:
        gone.bind(("127.0.0.1", 0))
        gone.listen(0)
        only_one.connect(gone.getsockname())
        async with (
            serving(app) as served,
            nginx(tmp_path, in_front_of(gone.getsockname()[1], served.port)) as front,
            httpx.AsyncClient(base_url=front.http, timeout=10) as http,
        ):
            answers = await asyncio.gather(*(http.post("/graphql", content="{}") for _ in range(4)))
            assert [answer.status_code for answer in answers] == [200] * 4
            assert seen == ["POST"] * 4
            # One of them was sent on to both.
            assert any(", " in line for line in front.log())


async def test_server_leaves_under_load_without_a_failure(fleet: Fleet) -> None:
    """It is told to stop, answers what it was sent, and the other one has the rest."""
    is_over = asyncio.Event()
    counted = {READ: 0, WRITE: 0}

    async def client() -> None:
        while not is_over.is_set():
            for query in counted:
                answer = await fleet.ask(query)
                assert "errors" not in answer
                counted[query] += 1

    clients = [asyncio.create_task(client()) for _ in range(6)]
    await asyncio.sleep(1)
    fleet.servers[0].signal(signal.SIGTERM)
    assert await fleet.servers[0].ends() == 0
    await asyncio.sleep(1)
    is_over.set()
    await asyncio.gather(*clients)
    found = await fleet.ask(READ)
    assert found["data"]["contacts"]["totalCount"] == counted[WRITE] > 0
