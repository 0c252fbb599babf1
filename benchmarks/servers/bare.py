"""Appointment360 without what surrounds an operation.

Left out are tokens, what operations cost and how many run at once, request ids, headers and the log
of statements; the endpoint and all behind it are the product's own. What is left out costs what
`appointment360` takes more than this.
"""

import socket
from typing import Final
from uuid import UUID

import uvloop
from starlette.applications import Starlette
from starlette.types import ASGIApp, Receive, Scope, Send

from app.asgi import graphql_view
from app.health import health_routes
from app.log import configure_logging
from app.operators import operators_only
from app.resources import open_resources
from app.server import Server, listen, server_config
from app.settings import Settings, load_settings
from benchmarks.database import VIEWER_UUID
from domain.enums import Role
from domain.viewer import Viewer
from graph.endpoint import Endpoint

_VIEWER: Final = Viewer(UUID(VIEWER_UUID), Role.ADMIN)


async def _viewer(_header: str | None) -> Viewer:
    return _VIEWER


class _Bare:
    """Takes everything for GraphQL of one viewer, but for the question whether it is ready."""

    def __init__(self, view: ASGIApp, others: ASGIApp) -> None:
        self._view = view
        self._others = others

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] != "/graphql":
            await self._others(scope, receive, send)
            return
        scope["state"]["request_id"] = "benchmark"
        await self._view(scope, receive, send)


async def _serve(settings: Settings, listening: socket.socket) -> None:
    # As it executes what was counted elsewhere: without a price, and at once.
    Endpoint.execute = Endpoint.run  # type: ignore[method-assign]  # this process serves no other
    async with open_resources(settings) as resources:
        view = graphql_view(resources, authenticate=_viewer)
        others = Starlette(routes=health_routes(resources, operators_only(settings, _viewer)))
        await Server(server_config(_Bare(view, others))).answer(listening)


def main() -> None:
    """Serve as the settings say until a signal comes."""
    settings = load_settings(enable_query_monitoring=False)
    configure_logging(settings)
    uvloop.run(_serve(settings, listen(settings.host, settings.port)))


if __name__ == "__main__":
    main()
