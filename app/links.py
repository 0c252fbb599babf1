"""Signed addresses: who has one may download what stands at it, without a header, for a while.

A browser that follows an address sends no token. So the address carries one that is good for it
alone: for its path and its parameters, and for reading.
"""

import hashlib
from collections.abc import Awaitable, Callable
from typing import Final
from urllib.parse import parse_qsl, urlencode, urlsplit
from uuid import UUID

import jwt
from starlette.requests import Request

from access.tokens import Signer
from domain.enums import Role
from domain.errors import Unauthenticated
from domain.viewer import Permission, Viewer
from graph.context import no_token
from graph.endpoint import Authenticate
from graph.observing import USER
from streaming.identify import Identify

Check = Callable[[Viewer], Awaitable[None]]

PARAMETER: Final = "token"

_AUDIENCE: Final = "appointment360:export"
_READS: Final = frozenset({"GET", "HEAD"})
_MANIFEST: Final = "/manifest"
_READING: Final = frozenset({Permission.READ, Permission.EXPORT})
_SEES_ALL: Final = {"sees": "all"}


class Links:
    """Signs addresses and reads who they were signed for.

    Args:
        secret: Signs new ones.
        previous: A secret whose addresses are still good, while keys are being changed.
    """

    def __init__(self, secret: bytes, *, previous: bytes | None = None) -> None:
        self._signer = Signer(secret, previous=previous, audience=_AUDIENCE)

    def sign(
        self, target: str, user_uuid: UUID, *, ttl_seconds: float, sees_all: bool = False
    ) -> str:
        """The address with a token behind its parameters.

        Args:
            target: A path, perhaps with parameters.
            sees_all: Whoever follows it sees imports of everybody.
        """
        claims = {"for": _digest(target)} | (_SEES_ALL if sees_all else {})
        token = self._signer.sign(user_uuid, claims, ttl_seconds=ttl_seconds)
        separator = "&" if urlsplit(target).query else "?"
        return f"{target}{separator}{urlencode({PARAMETER: token})}"

    def read(self, token: str, target: str) -> Viewer:
        """Whoever follows an address, as the user for whom it was signed.

        They read what every user may: it could have been passed on.

        Args:
            target: The address; a token in it does not count.

        Raises:
            Unauthenticated: The token is forged, expired, or of another address.
        """
        try:
            claims = self._signer.read(token)
            if claims.get("for") != _digest(target):
                raise _refused()
            return Viewer(
                UUID(claims["sub"]),
                Role.VIEWER,
                scopes=_READING,
                issued_at=float(claims["iat"]),
                sees_all=_SEES_ALL.items() <= claims.items(),
            )
        except jwt.ExpiredSignatureError:
            raise Unauthenticated("This address has expired. Ask for a new one.") from None
        except (jwt.PyJWTError, KeyError, TypeError, ValueError):
            raise _refused() from None


def identified_by(authenticate: Authenticate, links: Links, *, check: Check) -> Identify:
    """Tells who sent a request, by its header Authorization or by its signed address.

    Args:
        check: Refuses who may not come in any more.
    """

    async def identify(request: Request, *any_of: Permission) -> Viewer:
        viewer = await _identified(request)
        setattr(request.state, USER, viewer.user_uuid)
        viewer.require(*any_of)
        return viewer

    async def _identified(request: Request) -> Viewer:
        header = request.headers.get("authorization")
        token = request.query_params.get(PARAMETER)
        if header is None and token is not None and request.method in _READS:
            viewer = links.read(token, f"{request.url.path}?{request.url.query}")
            await check(viewer)
            return viewer
        known = await authenticate(header)
        if known is None:
            raise no_token()
        return known

    return identify


def _digest(target: str) -> str:
    """What an address asks for, however it is written; its manifest belongs to an export."""
    parts = urlsplit(target)
    asked = parse_qsl(parts.query, keep_blank_values=True)
    parameters = sorted(pair for pair in asked if pair[0] != PARAMETER)
    path = parts.path.rstrip("/").removesuffix(_MANIFEST)
    return hashlib.sha256(repr((path, parameters)).encode()).hexdigest()[:32]


def _refused() -> Unauthenticated:
    return Unauthenticated("The token of this address is not good for it. Ask for a new address.")
