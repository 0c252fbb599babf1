"""Who sends a request: by a signed token of a session, or by a token of the API."""

from access.api_tokens import PREFIX, ApiTokens
from access.revocations import Revocations
from access.tokens import Tokens
from domain.errors import Unauthenticated
from domain.viewer import Viewer


class Authentication:
    """Tells who sent a request by its header Authorization.

    Args:
        revocations: Refuses tokens that were good before.
    """

    def __init__(self, tokens: Tokens, api_tokens: ApiTokens, revocations: Revocations) -> None:
        self._tokens = tokens
        self._api_tokens = api_tokens
        self._revocations = revocations

    async def __call__(self, header: str | None) -> Viewer | None:
        """The viewer; None when there is no header.

        Raises:
            Unauthenticated: The header has no token that is good.
            DatabaseUnavailable: Nobody can tell now.
        """
        if header is None:
            return None
        token = bearer_token(header)
        if token.startswith(PREFIX):
            viewer = await self._api_tokens.read(token)
        else:
            viewer = self._tokens.read(token)
        await self._revocations.check(viewer)
        return viewer

    async def check(self, viewer: Viewer) -> None:
        """Refuse a viewer who was known before, or in another way, and may not come in any more.

        Raises:
            Unauthenticated: The token was revoked, or the user disabled.
            DatabaseUnavailable: Nobody can tell now.
        """
        await self._revocations.check(viewer)


def bearer_token(header: str) -> str:
    """The token of a header Authorization.

    Raises:
        Unauthenticated: It is of another scheme.
    """
    scheme, _, token = header.partition(" ")
    if scheme.lower() != "bearer":
        raise Unauthenticated("Send a token in the header `Authorization: Bearer …`.")
    return token.strip()
