"""Bearer tokens: JSON Web Tokens that name a user and a role, signed by the server's secret."""

import hashlib
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final
from uuid import UUID

import jwt

from cache.bounded import BoundedCache
from domain.enums import Role
from domain.errors import Unauthenticated
from domain.viewer import Viewer

LEEWAY: Final = timedelta(seconds=10)
"""How long after its end a token is still taken, since clocks differ."""

_ALGORITHM: Final = "HS256"
_ISSUER: Final = "appointment360"
_AUDIENCE: Final = "appointment360:api"
_USE: Final = "access"
_REQUIRED: Final = ["exp", "iat", "sub", "aud", "iss"]

_MAX_TOKEN_CHARS: Final = 4096
_MAX_CACHED_BYTES: Final = 4 * 2**20
_ENTRY_BYTES: Final = 700


@dataclass(frozen=True)
class _Verified:
    """A token that was found to be good.

    Attributes:
        weight: The bytes that keeping it takes, roughly.
    """

    viewer: Viewer
    weight: int


class Signer:
    """Signs claims for one use and reads them again: what both kinds of tokens have in common.

    Args:
        secret: Signs new tokens.
        previous: A secret whose tokens are still taken, while keys are being changed.
        audience: What the tokens are for; those for anything else are refused.
        leeway: How long after its end a token is still taken.
    """

    def __init__(
        self,
        secret: bytes,
        *,
        previous: bytes | None,
        audience: str,
        leeway: timedelta = timedelta(0),
    ) -> None:
        self._current = _key_id(secret)
        self._keys = {_key_id(key): key for key in (secret, previous) if key is not None}
        self._audience = audience
        self._leeway = leeway

    def sign(
        self,
        user_uuid: UUID,
        claims: Mapping[str, str],
        *,
        ttl_seconds: float,
        not_before: float = 0.0,
    ) -> str:
        """A token of a user, valid from now on for a while.

        Args:
            not_before: It is told to be made no earlier, in seconds of the epoch.
        """
        now = time.time()
        whole = {
            "iss": _ISSUER,
            "aud": self._audience,
            "sub": str(user_uuid),
            **claims,
            # Of two times in one second it has to tell which comes first.
            "iat": max(now, not_before),
            "exp": int(now + ttl_seconds),
        }
        headers = {"kid": self._current}
        return jwt.encode(whole, self._keys[self._current], _ALGORITHM, headers=headers)

    def read(self, token: str) -> dict[str, Any]:
        """The claims of a token.

        Raises:
            jwt.ExpiredSignatureError: Its time is over.
            jwt.PyJWTError: It was not signed here for this use.
            KeyError: It names no key of ours.
            ValueError: It is none.
        """
        if len(token) > _MAX_TOKEN_CHARS:
            raise ValueError("The token is too long.")
        claims: dict[str, Any] = jwt.decode(
            token,
            self._keys[jwt.get_unverified_header(token)["kid"]],
            algorithms=[_ALGORITHM],
            audience=self._audience,
            issuer=_ISSUER,
            leeway=self._leeway,
            options={"require": _REQUIRED},
        )
        return claims


class Tokens:
    """Writes and reads tokens. One that was found good is not verified again until it expires.

    Args:
        secret: Signs new tokens.
        previous: A secret whose tokens are still taken, while keys are being changed.
    """

    def __init__(self, secret: bytes, *, previous: bytes | None = None) -> None:
        self._signer = Signer(secret, previous=previous, audience=_AUDIENCE, leeway=LEEWAY)
        self._verified: BoundedCache[str, _Verified] = BoundedCache(
            max_bytes=_MAX_CACHED_BYTES, weigh=lambda verified: verified.weight
        )

    def issue(
        self,
        user_uuid: UUID,
        role: Role,
        *,
        ttl_seconds: float,
        session: UUID | None = None,
        not_before: float = 0.0,
    ) -> str:
        """A token for a user, valid from now on for a while.

        Args:
            session: Ends it when it ends.
            not_before: As with `Signer.sign`.
        """
        claims = {"role": role.value, "use": _USE}
        if session is not None:
            claims["sid"] = str(session)
        return self._signer.sign(user_uuid, claims, ttl_seconds=ttl_seconds, not_before=not_before)

    def read(self, token: str) -> Viewer:
        """Who a token names.

        Raises:
            Unauthenticated: It is forged, expired, or not a token of this server.
        """
        verified = self._verified.get(token)
        if verified is None or verified.viewer.expires_at <= time.time():
            verified = self._verify(token)
            self._verified.put(token, verified)
        return verified.viewer

    def _verify(self, token: str) -> _Verified:
        try:
            claims = self._signer.read(token)
            if claims.get("use") != _USE:
                raise refused()
            return _Verified(_viewer(claims), len(token) + _ENTRY_BYTES)
        except jwt.ExpiredSignatureError:
            raise Unauthenticated("The token has expired. Get a new one.") from None
        except (jwt.PyJWTError, AttributeError, LookupError, TypeError, ValueError):
            raise refused() from None


def _viewer(claims: Mapping[str, Any]) -> Viewer:
    session = claims.get("sid")
    return Viewer(
        UUID(claims["sub"]),
        Role(claims["role"]),
        int(claims["exp"]) + LEEWAY.total_seconds(),
        session=None if session is None else UUID(session),
        issued_at=float(claims["iat"]),
    )


def _key_id(secret: bytes) -> str:
    return hashlib.sha256(b"kid" + secret).hexdigest()[:16]


def refused() -> Unauthenticated:
    """What whoever tries tokens is told, whatever is wrong with theirs."""
    return Unauthenticated("This is not a valid token of this server.")
