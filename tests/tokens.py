"""Who sends a request, by its token alone: for what is tested without a database."""

from collections.abc import Awaitable, Callable

from access.authentication import bearer_token
from access.tokens import Tokens
from domain.viewer import Viewer


def by_token(tokens: Tokens) -> Callable[[str | None], Awaitable[Viewer | None]]:
    """Reads the header Authorization; nothing is ever revoked."""

    async def authenticate(header: str | None) -> Viewer | None:
        return None if header is None else tokens.read(bearer_token(header))

    return authenticate
