"""A server that is told to stop answers all that was sent to it, and is gone in time."""

import asyncio
import json
import signal
import socket
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from random import SystemRandom
from typing import Any

import httpx
import pytest
from sqlalchemy.engine import URL
from starlette.responses import PlainTextResponse, StreamingResponse
from starlette.types import Receive, Scope, Send

from app.server import listen
from db.contacts import count_contacts
from db.transaction import Database
from tests.balancing import Answer, Balancer, balancing, connected, request
from tests.processes import Process, command
from tests.races.places import place_of
from tests.served import serving
from tests.streaming.spooling import until

uniform = SystemRandom().random

LONGEST_SECONDS = 30.0
CLIENTS = 10
PAUSE_SECONDS = 0.1

READ = "{ contacts(first: 3) { nodes { id } } }"
WRITE = 'mutation { createContact(input: { firstName: "Ada" }) { contact { id } } }'


def free_port() -> int:
    """A port that nobody listens at."""
    with listen("127.0.0.1", 0) as taken:
        return int(taken.getsockname()[1])


def operation(text: str, token: str) -> bytes:
    """The request that asks for it."""
    body = json.dumps({"query": text}).encode()
    bearer = f"Bearer {token}"
    return request("POST", "/graphql", body, authorization=bearer, content_type="application/json")


class Load:
    """Clients that read and write all the time.

    Attributes:
        sent: How many operations were sent.
        written: How many records the server has said that it made.
        failures: What was answered otherwise than it should, or not at all.
    """

    def __init__(self, balancer: Balancer, token: str) -> None:
        self._balancer = balancer
        self._operations = [operation(text, token) for text in (READ, WRITE)]
        self.sent = self.written = 0
        self.failures: list[object] = []

    async def run(self) -> None:
        """Be one client."""
        while True:
            chosen = self.sent % 2
            self.sent += 1
            try:
                self._judge(await self._balancer.send(self._operations[chosen]), chosen)
            except (OSError, EOFError, TimeoutError) as error:
                self.failures.append(error)
            await asyncio.sleep(2 * PAUSE_SECONDS * uniform())

    def _judge(self, answer: Answer, chosen: int) -> None:
        if answer.status == 200 and "errors" not in json.loads(answer.body):
            self.written += chosen
        else:
            self.failures.append(answer)


@asynccontextmanager
async def under_load(load: Load) -> AsyncIterator[None]:
    """Clients ask as long as the block lasts, and end with the answers they wait for."""
    clients = [asyncio.create_task(load.run()) for _ in range(CLIENTS)]
    try:
        yield
    finally:
        for client in clients:
            client.cancel()
        await asyncio.gather(*clients, return_exceptions=True)


async def test_servers_are_restarted_under_load_without_a_failure(
    database: Database, database_url: URL, tmp_path: Path, pytestconfig: pytest.Config
) -> None:
    """Two of them behind a proxy, one after the other: each request is answered, each exit is 0."""
    drains = pytestconfig.getoption("--drains")
    ports = [free_port(), free_port()]
    longest = 0.0

    def server(port: int) -> Any:
        return command(
            "serve",
            f"--port={port}",
            "--no-jobs",
            database_url=database_url,
            folder=tmp_path,
            DRAIN_DELAY="1",
            ENABLE_QUERY_CACHING="false",
        )

    async with AsyncExitStack() as stack:
        running: list[Process] = [await stack.enter_async_context(server(port)) for port in ports]
        token = (await place_of(running[0])).token
        balancer = await stack.enter_async_context(balancing(*ports))
        await balancer.until_ready(2)
        load = Load(balancer, token)
        async with under_load(load):
            for number in range(drains):
                which = number % 2
                began = time.monotonic()
                running[which].signal(signal.SIGTERM)
                await balancer.until_ready(1)
                assert await running[which].ends() == 0
                longest = max(longest, time.monotonic() - began)
                running[which] = await stack.enter_async_context(server(ports[which]))
                await balancer.until_ready(2)
    print(f"{drains} drains: {load.sent} requests, {len(load.failures)} failed, {longest:.1f} s")  # noqa: T201  # for those who ask for many
    assert load.failures == []
    assert load.sent > 10 * drains
    assert longest < LONGEST_SECONDS
    async with database.read() as session:
        # Those that were under way at the end are stored, and were told to nobody.
        assert load.written <= await count_contacts(session) <= load.written + CLIENTS


# Kept connections, without a proxy.


async def ask_until_closed(port: int, asked: bytes, answered: list[int]) -> None:
    """Send one request after the other until the server closes the connection.

    Raises:
        EOFError: It did so before the answer.
    """
    with await connected(port) as connection:
        while not connection.is_closed:
            answer = await connection.send(asked)
            answered.append(answer.status)
            if answer.closes:
                return
            await asyncio.sleep(PAUSE_SECONDS * uniform())


async def test_processes_answer_what_was_sent_over_kept_connections(
    database_url: URL, tmp_path: Path
) -> None:
    """Each of 40 clients of two processes is told with an answer that its connection closes."""
    answered: list[int] = []
    async with command(
        "serve",
        "--port=0",
        "--workers=2",
        "--no-jobs",
        database_url=database_url,
        folder=tmp_path,
        DRAIN_DELAY="1",
    ) as server:
        place = await place_of(server)
        asked = operation(READ, place.token)
        clients = [
            asyncio.create_task(ask_until_closed(place.port, asked, answered)) for _ in range(40)
        ]
        await until(lambda: len(answered) > 120)
        server.signal(signal.SIGTERM)
        await asyncio.gather(*clients)
        assert await server.ends() == 0
    assert set(answered) == {200}


# What one server does on the way.


async def app(scope: Scope, receive: Receive, send: Send) -> None:
    """Answers at once, or slowly, or in two parts."""
    path = scope["path"]
    if path == "/slow":
        await asyncio.sleep(0.5)
    if path == "/parts":
        await StreamingResponse(_parts())(scope, receive, send)
    else:
        await PlainTextResponse(path)(scope, receive, send)


async def _parts() -> AsyncIterator[bytes]:
    yield b"one "
    await asyncio.sleep(0.5)
    yield b"two"


GET = request("GET", "/")


async def test_answers_close_their_connections_while_it_drains() -> None:
    """New requests and those under way are answered with the word; a long answer just goes on."""
    async with serving(app, drain_seconds=1.0) as served, httpx.AsyncClient() as client:
        with await connected(served.port) as idle, await connected(served.port) as slow:
            assert not (await idle.send(GET)).closes
            streaming = asyncio.create_task(client.get(f"{served.http}/parts"))
            waiting = asyncio.create_task(slow.send(request("GET", "/slow")))
            await asyncio.sleep(0.1)
            served.server.handle_exit(signal.SIGTERM, None)
            assert (await waiting).closes
            assert (await idle.send(GET)).closes
            with await connected(served.port) as new:
                assert (await new.send(GET)).closes
            parts = await streaming
            assert (parts.text, parts.headers.get("connection")) == ("one two", None)
        await served.task
        with pytest.raises(ConnectionRefusedError):
            await connected(served.port)


@pytest.mark.parametrize("second", [signal.SIGINT, signal.SIGTERM])
async def test_who_is_in_a_hurry_skips_the_delay(second: signal.Signals) -> None:
    """Ctrl-C does at once, and a second signal; the same one twice in a moment is one."""
    began = time.monotonic()
    async with serving(app, drain_seconds=15.0) as served:
        for _ in range(2):
            served.server.handle_exit(signal.SIGTERM, None)
        await asyncio.sleep(0.6)
        with await connected(served.port) as new:
            assert (await new.send(GET)).status == 200
        served.server.handle_exit(second, None)
        await served.task
    assert time.monotonic() - began < 10
    async with serving(app, drain_seconds=15.0) as served:
        served.server.handle_exit(signal.SIGINT, None)
        await served.task
    assert time.monotonic() - began < 10


async def test_second_signal_takes_no_answer_from_anybody() -> None:
    """The server ends once all is answered; signals that come later interrupt nothing."""
    async with serving(app) as served:
        with await connected(served.port) as slow:
            waiting = asyncio.create_task(slow.send(request("GET", "/slow")))
            await asyncio.sleep(0.1)
            for number in (signal.SIGTERM, signal.SIGINT):
                signal.raise_signal(number)
            await served.task
            assert served.connections == 0
            assert (await waiting).status == 200
        for number in (signal.SIGTERM, signal.SIGINT):
            assert signal.getsignal(number) == served.server.handle_exit
            signal.raise_signal(number)


def _whole(client: socket.socket) -> None:
    client.sendall(GET)


def _half(client: socket.socket) -> None:
    client.sendall(GET[:20])


def _answer(client: socket.socket) -> bytes:
    answer = b""
    while not answer.endswith(b"\r\n\r\n/"):
        answer += client.recv(4096) or pytest.fail(f"cut off after {answer!r}")
    return answer


async def _nothing(_client: socket.socket) -> None:
    """All was sent before."""


async def _other_half(client: socket.socket) -> None:
    await asyncio.sleep(0.3)
    client.sendall(GET[20:])


@pytest.mark.parametrize(("before", "after"), [(_whole, _nothing), (_half, _other_half)])
async def test_request_that_comes_at_the_last_moment_is_answered(
    before: Callable[[socket.socket], None], after: Callable[[socket.socket], Awaitable[None]]
) -> None:
    """It has come, or begun to, but nobody has read it when its connection is to be closed."""
    kept: list[socket.socket] = []
    async with serving(app, on_stop=lambda: before(kept[0])) as served:
        client = await asyncio.to_thread(socket.create_connection, ("127.0.0.1", served.port))
        with client:
            kept.append(client)
            client.sendall(GET)
            assert b"200 OK" in await asyncio.to_thread(_answer, client)
            served.server.handle_exit(signal.SIGTERM, None)
            await asyncio.sleep(0.3)
            await after(client)
            answer = await asyncio.to_thread(_answer, client)
            assert b"200 OK" in answer
            assert b"connection: close" in answer
            assert await asyncio.to_thread(client.recv, 4096) == b""
        await served.task


async def test_connection_that_nobody_uses_does_not_hold_up_the_end() -> None:
    """It is closed at once, with and without a request before."""
    async with serving(app) as served:
        with await connected(served.port) as used, await connected(served.port) as unused:
            await used.send(GET)
            began = time.monotonic()
            served.server.handle_exit(signal.SIGTERM, None)
            await served.task
            assert time.monotonic() - began < 4
            await asyncio.sleep(0)
            assert used.is_closed
            assert unused.is_closed
