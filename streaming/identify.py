"""How routes learn who asks: each names what it needs, so that none is open by being forgotten."""

from typing import Protocol

from starlette.requests import Request

from domain.viewer import Permission, Viewer


class Identify(Protocol):
    """Tells who sent a request."""

    async def __call__(self, request: Request, *any_of: Permission) -> Viewer:
        """Who sent it, who may do one of these things at least.

        Raises:
            Unauthenticated: Nobody says who sends it.
            Forbidden: They may do none of them.
        """
