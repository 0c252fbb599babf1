"""The door of operators: what tells how the server does is not for everybody."""

import hmac
from collections.abc import Awaitable, Callable
from ipaddress import ip_address

from starlette.requests import Request

from access.authentication import bearer_token
from app.settings import Settings
from domain.errors import Unauthenticated
from domain.viewer import Permission
from graph.endpoint import Authenticate

RequireOperator = Callable[[Request], Awaitable[None]]
"""Lets operators pass.

Raises:
    Unauthenticated: Nobody says who sends the request.
    Forbidden: It is somebody else.
"""


def operators_only(settings: Settings, authenticate: Authenticate) -> RequireOperator:
    """Lets pass whoever has OPS_TOKEN or the permission ADMIN.

    In development without OPS_TOKEN also whoever is on this machine.
    """
    token = None if settings.ops_token is None else settings.ops_token.get_secret_value()
    is_open_here = token is None and not settings.is_production

    async def require(request: Request) -> None:
        header = request.headers.get("authorization")
        if header is None:
            if is_open_here and _is_of_this_machine(request):
                return
            raise Unauthenticated(
                "Send OPS_TOKEN, or the token of an admin, in the header `Authorization: Bearer …`."
            )
        sent = bearer_token(header)
        if token is not None and hmac.compare_digest(sent.encode(), token.encode()):
            return
        viewer = await authenticate(header)
        if viewer is not None:
            viewer.require(Permission.ADMIN)

    return require


def _is_of_this_machine(request: Request) -> bool:
    try:
        return request.client is not None and ip_address(request.client.host).is_loopback
    except ValueError:
        return False
