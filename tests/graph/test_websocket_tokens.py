"""Who asks over a WebSocket: where the token comes from, and what ends with it."""

from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy.engine import URL

from domain.enums import Role
from domain.errors import Unauthenticated, Unavailable
from domain.viewer import Permission, Viewer
from tests.graph.following import BY_TOKEN, Following, busy, following, token
from tests.graph.sockets import Socket, opened, until


@pytest.mark.parametrize("key", ["Authorization", "authorization", "AUTHORIZATION"])
async def test_token_comes_with_connection_init(socket: Socket, key: str) -> None:
    """Browsers cannot set headers of a socket; the case of the key does not matter."""
    await socket.send("connection_init", payload={key: token(Role.EDITOR)})
    assert await socket.receive() == {"type": "connection_ack"}
    await socket.subscribe("{ role }")
    assert await socket.next() == {"data": {"role": "editor"}}


async def test_token_comes_with_the_upgrade(server: Following) -> None:
    """A client that can set headers need not say it again."""
    headers = {"Authorization": token(Role.EDITOR)}
    async with opened(server.served.socket, additional_headers=headers) as socket:
        await socket.send("connection_init")
        assert await socket.receive() == {"type": "connection_ack"}
        await socket.subscribe("{ role }")
        assert await socket.next() == {"data": {"role": "editor"}}


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        (None, 'Send a token: connection_init with {"Authorization": "Bearer …"}.'),
        ({"Authorization": 3}, 'Send a token: connection_init with {"Authorization": "Bearer …"}.'),
        ({"Authorization": "Bearer x"}, "This is not a valid token of this server."),
        ({"Authorization": token(seconds=-60)}, "The token has expired. Get a new one."),
    ],
)
async def test_socket_without_a_good_token_is_closed(
    socket: Socket, payload: Any, reason: str
) -> None:
    """4403, with what to do; clients may try again with another token."""
    await socket.send("connection_init", payload=payload)
    assert await socket.closed() == (4403, reason)


async def test_socket_ends_when_its_token_expires(server: Following) -> None:
    """What it follows ends with it: a token is no longer good over a socket than over HTTP."""
    async with opened(server.served.socket) as socket:
        # The server takes a token for ten seconds more than it says, in whole ones.
        await socket.init(token(seconds=-8))
        await socket.subscribe("subscription { forever }")
        await socket.next()
        told = (4403, "The token has expired. Get a new one and connect again.")
        assert await socket.closed() == told
        await until(lambda: not busy)


class TakenBack:
    """Tokens that are good until they are taken back."""

    def __init__(self) -> None:
        self.is_taken_back = False

    async def __call__(self, header: str | None) -> Viewer | None:
        """Who has sent it."""
        if self.is_taken_back:
            raise Unauthenticated("The token has been revoked. Log in again.")
        return await BY_TOKEN(header)


async def test_token_that_was_taken_back_asks_nothing_more(server_url: URL) -> None:
    """At the next operation the socket ends, and what it followed with it."""
    tokens = TakenBack()
    async with (
        following(server_url, authenticate=tokens) as server,
        opened(server.served.socket) as socket,
    ):
        await socket.init(token())
        await socket.subscribe("subscription { forever }", id="a")
        await socket.next("a")
        tokens.is_taken_back = True
        await socket.subscribe("{ role }", id="b")
        assert await socket.closed() == (4403, "The token has been revoked. Log in again.")
        await until(lambda: not busy)


async def test_token_that_was_taken_back_follows_nothing_more(server_url: URL) -> None:
    """Who asks nothing any more is looked at from time to time."""
    tokens = TakenBack()
    async with (
        following(server_url, authenticate=tokens, checking_seconds=0.01) as server,
        opened(server.served.socket) as socket,
    ):
        await socket.init(token())
        await socket.subscribe("subscription { forever }")
        await socket.next()
        tokens.is_taken_back = True
        assert await socket.closed() == (4403, "The token has been revoked. Log in again.")
        await until(lambda: not busy and not server.tasks_left())


async def test_condition_that_is_none_lets_nobody_in(server_url: URL) -> None:
    """A condition with a default that is null is no bug of ours, and no way around."""

    async def authenticate(header: str | None) -> Viewer | None:
        viewer = await BY_TOKEN(header)
        assert viewer is not None
        return replace(viewer, scopes=frozenset({Permission.WRITE}))

    query = "query ($x: Boolean = true) { role @skip(if: $x) }"
    async with (
        following(server_url, authenticate=authenticate) as server,
        opened(server.served.socket) as socket,
    ):
        await socket.init(token(Role.ADMIN))
        payload = {"query": query, "variables": {"x": None}}
        await socket.send("subscribe", id="1", payload=payload)
        error = await socket.error()
        assert error["extensions"]["code"] == "FORBIDDEN"
        assert error["message"].startswith("role needs the permission READ")


class Demoted(TakenBack):
    """Names the user of the token, who is less than before from some moment on."""

    async def __call__(self, header: str | None) -> Viewer | None:
        """Who has sent it."""
        viewer = await BY_TOKEN(header)
        assert viewer is not None
        return replace(viewer, role=Role.VIEWER) if self.is_taken_back else viewer


@pytest.mark.parametrize("asks", [True, False])
async def test_token_that_is_good_for_less_ends_the_socket(server_url: URL, asks: bool) -> None:
    """What was begun with more does not go on, whether anything is asked again or not."""
    tokens = Demoted()
    async with (
        following(server_url, authenticate=tokens, checking_seconds=30 if asks else 0.01) as server,
        opened(server.served.socket) as socket,
    ):
        await socket.init(token(Role.ADMIN))
        await socket.subscribe("subscription { forever }", id="a")
        await socket.next("a")
        tokens.is_taken_back = True
        if asks:
            await socket.subscribe("{ role }", id="b")
        assert await socket.closed() == (4403, "What the token allows has changed. Connect again.")
        await until(lambda: not busy)


async def test_token_that_cannot_be_looked_up_ends_nothing(server_url: URL) -> None:
    """A socket goes on; a new operation is told to come back, by a close that clients try again."""

    class Away(TakenBack):
        async def __call__(self, header: str | None) -> Viewer | None:
            asked.append(header)
            if self.is_taken_back:
                raise Unavailable("The database does not answer. Try again in a moment.")
            return await BY_TOKEN(header)

    asked: list[str | None] = []
    tokens = Away()
    async with (
        following(server_url, authenticate=tokens, checking_seconds=0.01) as server,
        opened(server.served.socket) as socket,
    ):
        await socket.init(token())
        tokens.is_taken_back = True
        before = len(asked)
        await until(lambda: len(asked) > before + 2)
        await socket.send("ping")
        assert await socket.receive() == {"type": "pong"}
        await socket.subscribe("{ role }")
        assert (await socket.closed())[0] == 1013
