"""Where the REST routes stand, and that each is found with a slash at its end and without."""

from collections.abc import Awaitable, Callable, Collection
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

Endpoint = Callable[[Request], Awaitable[Response]]

Served = tuple[str, Callable[..., Any], Collection[str] | None]
"""A path without a slash at its end, what answers there, and its methods; None for all."""

API_ROOT: Final = "/api/v1"


def rest_routes(*served: Served) -> list[Route]:
    """Two routes for each, in their order."""
    return [
        Route(f"{path}{slash}", answer, methods=methods)
        for path, answer, methods in served
        for slash in ("", "/")
    ]
