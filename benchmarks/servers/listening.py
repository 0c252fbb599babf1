"""How the servers in Python listen: as the product does, by uvicorn, uvloop and httptools."""

import os
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import asyncpg
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route


async def _ready(_request: Request) -> Response:
    return Response()


@asynccontextmanager
async def with_pool(app: Starlette) -> AsyncIterator[None]:
    """A lifespan that keeps CONNECTIONS connections to DATABASE_URL as `app.state.pool`."""
    connections = int(os.environ["CONNECTIONS"])
    async with asyncpg.create_pool(
        os.environ["DATABASE_URL"],
        min_size=connections,
        max_size=connections,
        server_settings={"jit": "off", "timezone": "UTC"},
    ) as app.state.pool:
        yield


def listen(
    routes: list[Route],
    *,
    lifespan: Callable[[Starlette], AbstractAsyncContextManager[None]] | None = None,
) -> None:
    """Serve the routes at PORT until a signal comes."""
    settings: dict[str, Any] = {
        "loop": "uvloop",
        "http": "httptools",
        "access_log": False,
        "log_level": "warning",
        "server_header": False,
    }
    app = Starlette(routes=[*routes, Route("/health", _ready)], lifespan=lifespan)
    uvicorn.run(app, host="127.0.0.1", port=int(os.environ["PORT"]), **settings)
