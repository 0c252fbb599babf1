"""The usual cache, kept to show that the race finds what is wrong with it.

A process keeps whole answers by the bytes of the request for some time, and forgets them when a
mutation passes through it: before it is done, or after. Nothing tells a read that is under way that
what it is about to keep is out of date, and nobody tells the other processes.

Run as `python -m tests.races.naive before` or `… after`, with the settings of the product.
"""

import signal
import sys
from typing import Any, Literal

import uvloop
from cachetools import TTLCache
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.asgi import create_app
from app.first_start import prepare
from app.resources import open_resources
from app.server import Server, listen, server_config
from app.settings import Settings, load_settings
from domain.enums import Role

When = Literal["before", "after"]

_ENTRIES = 1000
_SECONDS = 300.0


class NaiveCache:
    """Wraps an application.

    Args:
        when: Whether answers are forgotten before a mutation is done, or after.
    """

    def __init__(self, app: ASGIApp, when: When) -> None:
        self._app = app
        self._when = when
        self._kept: TTLCache[bytes, list[Message]] = TTLCache(_ENTRIES, _SECONDS)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer from what is kept, or keep what the application answers."""
        if scope["type"] != "http" or scope["path"] != "/graphql":
            await self._app(scope, receive, send)
            return
        request = await receive()
        body = request["body"]
        if b'{"query":"mutation' in body:
            await self._mutate(scope, _replayed(request, receive), send)
            return
        if (kept := self._kept.get(body)) is None:
            kept = await self._answer(scope, _replayed(request, receive))
            self._kept[body] = kept
        for message in kept:
            await send(message)

    async def _mutate(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self._when == "before":
            self._kept.clear()
        answer = await self._answer(scope, receive)
        if self._when == "after":
            self._kept.clear()
        for message in answer:
            await send(message)

    async def _answer(self, scope: Scope, receive: Receive) -> list[Message]:
        sent: list[Message] = []

        async def keep(message: Message) -> None:
            sent.append(message)

        await self._app(scope, receive, keep)
        return sent


def _replayed(request: Message, receive: Receive) -> Receive:
    left = iter([request])

    async def replay() -> Message:
        return next(left, None) or await receive()

    return replay


async def _serve(settings: Settings, when: When) -> None:
    listening = listen(settings.host, settings.port)
    async with open_resources(settings) as resources:
        admin = await prepare(resources, demo=False, progress=_say)
        token = resources.tokens.issue(admin.user.uuid, Role.ADMIN, ttl_seconds=3600)
        address = f"http://127.0.0.1:{listening.getsockname()[1]}/#token={token}"
        app = NaiveCache(create_app(resources), when)
        server = Server(server_config(app), on_start=lambda: _say(address))
        await server.answer(listening)


def _say(message: str) -> None:
    print(message, file=sys.stderr, flush=True)  # noqa: T201  # as the product says where it serves


def main(when: Any) -> None:
    """Serve until a signal comes."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    uvloop.run(_serve(load_settings(port=0, enable_query_caching=False), when))


if __name__ == "__main__":
    main(sys.argv[1])
