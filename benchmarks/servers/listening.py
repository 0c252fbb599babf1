"""How the hand-written servers listen: as the product does, by uvicorn, uvloop and httptools."""

import os
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route


async def _ready(_request: Request) -> Response:
    return Response()


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
