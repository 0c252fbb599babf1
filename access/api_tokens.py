"""Tokens of the API: for programs, with a name, for some of what their user may do.

They are looked up in the database. What was found counts for some seconds, and for nothing any more
after a change of this process's own.
"""

import secrets
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from hashlib import sha256
from math import inf
from typing import Final

from access.revocations import REFRESH_SECONDS
from access.tokens import refused
from cache.bounded import BoundedCache
from db import api_tokens
from db.retrying import write_again
from db.rows import ApiTokenRow
from db.transaction import Database, Transaction
from db.users import lock_viewer
from domain.accounts import MAX_API_TOKENS, clean_name
from domain.enums import Role
from domain.errors import InvalidValue, Problem, ProblemCode, Rejected, Unauthenticated
from domain.viewer import SCOPES, Permission, Viewer, role_within

PREFIX: Final = "a360_"

_SECRET_BYTES: Final = 32
_CHARS: Final = len(PREFIX) + 43
_SHOWN_CHARS: Final = len(PREFIX) + 6
_MAX_KEPT_BYTES: Final = 2**20
_ENTRY_BYTES: Final = 1000


@dataclass(frozen=True)
class CreatedApiToken:
    """A new token of the API.

    Attributes:
        secret: The token itself, which is stored nowhere.
    """

    row: ApiTokenRow
    secret: str = field(repr=False)


@dataclass(frozen=True)
class _Found:
    viewer: Viewer
    until: float


class ApiTokens:
    """Makes, reads and revokes tokens of the API.

    Args:
        keep_seconds: How long it is believed what was found.
    """

    def __init__(self, database: Database, *, keep_seconds: float = REFRESH_SECONDS) -> None:
        self._database = database
        self._keep_seconds = keep_seconds
        self.forget()

    def forget(self) -> None:
        """Look every token up again."""
        self._found: BoundedCache[str, _Found] = BoundedCache(
            max_bytes=_MAX_KEPT_BYTES, weigh=lambda _found: _ENTRY_BYTES
        )

    async def read(self, token: str) -> Viewer:
        """Who a token names, and what it is good for.

        Raises:
            Unauthenticated: It is none, expired, revoked, or its user may not come in.
            DatabaseUnavailable: It cannot be looked up.
        """
        found = self._found.get(token)
        if found is None or found.until <= time.monotonic():
            found = await self._look_up(token)
        if found.viewer.expires_at <= time.time():
            raise Unauthenticated("The token has expired. Get a new one.")
        return found.viewer

    async def create(
        self,
        viewer: Viewer,
        *,
        name: str,
        scopes: Sequence[Permission],
        expires_at: datetime | None,
    ) -> CreatedApiToken:
        """A new token of the viewer.

        Raises:
            Rejected: What is wrong with it, or that there are too many.
        """
        cleaned = _clean(viewer, name, scopes, expires_at)
        secret = PREFIX + secrets.token_urlsafe(_SECRET_BYTES)

        async def create(tx: Transaction) -> ApiTokenRow:
            await lock_viewer(tx, viewer.user_uuid)
            if await api_tokens.count_good_tokens(tx, viewer.user_uuid) >= MAX_API_TOKENS:
                raise Rejected([_too_many()])
            return await api_tokens.create_api_token(
                tx,
                viewer.user_uuid,
                token_hash=_digest(secret),
                prefix=secret[:_SHOWN_CHARS],
                name=cleaned,
                scopes=[each.value for each in SCOPES if each in scopes],
                expires_at=expires_at,
            )

        row = await write_again(self._database, create, is_repeatable=False)
        return CreatedApiToken(row, secret)

    async def revoke(self, viewer: Viewer, token_id: int) -> ApiTokenRow:
        """A token that is good no more; one that was not stays as it is.

        Raises:
            Rejected: NOT_FOUND: there is none, or it is somebody else's and the viewer no admin.
        """
        revoke = partial(
            api_tokens.revoke_api_token,
            token_id=token_id,
            user_uuid=viewer.user_uuid,
            of_anybody=Permission.USERS in viewer.permissions,
        )
        row = await write_again(self._database, revoke, is_repeatable=True)
        if row is None:
            message = "There is no token with this id."
            raise Rejected([Problem(code=ProblemCode.NOT_FOUND, message=message, path=("id",))])
        self.forget()
        return row

    async def _look_up(self, token: str) -> _Found:
        if len(token) != _CHARS:
            raise refused()
        # What is found goes where it was looked for: `forget` may come in between.
        kept, until = self._found, time.monotonic() + self._keep_seconds
        async with self._database.read() as session:
            row = await api_tokens.find_api_token(session, _digest(token))
        if row is None or row.revoked_at is not None or not row["is_active"]:
            raise refused()
        if row["is_unseen"]:
            mark = partial(api_tokens.mark_used, token_id=row.id)
            await write_again(self._database, mark, is_repeatable=True)
        found = _Found(_viewer(row), until)
        kept.put(token, found)
        return found


def _viewer(row: ApiTokenRow) -> Viewer:
    scopes = frozenset(each for each in SCOPES if each.value in row.scopes)
    expires_at = inf if row.expires_at is None else row.expires_at.timestamp()
    role = role_within(Role(row["role"]), scopes)
    return Viewer(row.user_uuid, role, expires_at, scopes=scopes)


def _clean(
    viewer: Viewer, name: str, scopes: Sequence[Permission], expires_at: datetime | None
) -> str:
    """The name as it is stored.

    Raises:
        Rejected: All that is wrong with a new token.
    """
    problems = [*_problems(viewer, scopes, expires_at)]
    try:
        cleaned = clean_name(name)
    except InvalidValue as error:
        cleaned = None
        problems.append(Problem(code=error.code, message=error.message, path=("name",)))
    else:
        if cleaned is None:
            message = "A token has a name, to know it by."
            problems.append(Problem(code=ProblemCode.REQUIRED, message=message, path=("name",)))
    if problems or cleaned is None:
        raise Rejected(problems)
    return cleaned


def _problems(
    viewer: Viewer, scopes: Sequence[Permission], expires_at: datetime | None
) -> Iterator[Problem]:
    path = ("scopes",)
    if not scopes:
        message = "Say what the token is good for."
        yield Problem(code=ProblemCode.REQUIRED, message=message, path=path)
    for scope in dict.fromkeys(scopes):
        if scope not in SCOPES:
            message = f"No token is good for {scope}; that needs somebody who has logged in."
            yield Problem(code=ProblemCode.INVALID_VALUE, message=message, path=path)
        elif scope not in viewer.permissions:
            message = f"You have not the permission {scope} yourself."
            yield Problem(code=ProblemCode.INVALID_VALUE, message=message, path=path)
    if expires_at is not None and expires_at <= datetime.now(UTC):
        message = "This time is past."
        yield Problem(code=ProblemCode.INVALID_VALUE, message=message, path=("expiresAt",))


def _too_many() -> Problem:
    message = f"A user has at most {MAX_API_TOKENS} tokens. Revoke one of them first."
    return Problem(code=ProblemCode.NOT_ALLOWED_IN_STATE, message=message, path=())


def _digest(token: str) -> bytes:
    return sha256(token.encode("utf-8", "surrogatepass")).digest()
