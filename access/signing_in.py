"""Sessions: beginning one with a password, going on with a refresh token, ending it.

A refresh token is good once. Whoever finds out about an account does so by a right password alone:
everybody else is told the same, after the same work.
"""

import hmac
import secrets
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from hashlib import sha256
from typing import Final, NamedTuple
from uuid import UUID, uuid4

import structlog

from access.login_limits import LoginLimits
from access.passwords import Passwords
from access.revocations import Revocations
from access.tokens import LEEWAY, Tokens
from db.retrying import write_again
from db.rows import CredentialsRow, SessionRow, UserRow
from db.sessions import (
    Exchange,
    add_token,
    begin_session,
    end_oldest_sessions,
    end_session,
    end_sessions,
    exchange_token,
)
from db.transaction import Database, Transaction
from db.users import (
    end_tokens,
    find_credentials,
    find_user,
    lock_let_in,
    lock_viewer,
    rehash_password,
)
from domain.accounts import MAX_CLIENT_CHARS, MAX_SESSIONS, Client, email_or_none
from domain.enums import Role
from domain.errors import Unauthenticated, Unavailable
from domain.viewer import Viewer

GRACE_SECONDS: Final = 10.0
"""How long a client whose answer was lost may send the same refresh token again."""

_PREFIX: Final = "a360r_"
_SECRET_BYTES: Final = 32
_CHARS: Final = len(_PREFIX) + 43

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class LoggedIn:
    """What somebody who has come in works with from now on."""

    user: UserRow = field(repr=False)
    access_token: str = field(repr=False)
    access_expires_at: datetime
    refresh_token: str = field(repr=False)
    refresh_expires_at: datetime


class Lifetimes(NamedTuple):
    """How long tokens are good, in seconds.

    Attributes:
        refresh: From when its session was last used.
    """

    access: float
    refresh: float


class Begun(NamedTuple):
    """A session as its transaction leaves it."""

    user: UserRow
    session: SessionRow
    refresh_token: str


class SigningIn:
    """Begins, goes on with and ends sessions."""

    def __init__(
        self,
        database: Database,
        tokens: Tokens,
        revocations: Revocations,
        passwords: Passwords,
        limits: LoginLimits,
        lifetimes: Lifetimes,
    ) -> None:
        self._database = database
        self._tokens = tokens
        self._revocations = revocations
        self._passwords = passwords
        self._limits = limits
        self._lifetimes = lifetimes

    async def login(self, email: str, password: str, *, client: Client) -> LoggedIn:
        """A new session of whoever has the password; it ends their oldest beyond `MAX_SESSIONS`.

        Raises:
            Unauthenticated: Nobody comes in by these; it is not told why.
            RateLimited: They were wrong too often, or right all the time.
            Unavailable: Too many are coming in at once.
        """
        address = email_or_none(email)
        async with self._limits.attempt(address or email, client):
            found = await self._find(address)
            password_hash = found.password_hash if found is not None and found.is_active else None
            is_right = await self._passwords.verify(password, password_hash)
            if found is None or password_hash is None or not is_right:
                raise _wrong()
            # Who is refused here has a try taken, so that even the work ends soon.
            await self._limits.come_in(found.email)
            begin = partial(self._begin_by_password, found=found, client=client)
            begun, ended = await write_again(self._database, begin, is_repeatable=False)
        if ended:
            await self._revocations.renew()
        await self._rehash(found, password)
        return self.logged_in(*begun)

    async def refresh(self, refresh_token: str, *, client: Client) -> LoggedIn:
        """The session goes on, with other tokens.

        Raises:
            Unauthenticated: The token is good for nothing.
        """
        if len(refresh_token) != _CHARS or not refresh_token.startswith(_PREFIX):
            raise _not_good()
        exchange = partial(self._exchange, refresh_token=refresh_token, client=client)
        exchanged, begun = await write_again(self._database, exchange, is_repeatable=False)
        if exchanged.ended is not None:
            log.warning("refresh_token_reused", session=str(exchanged.ended))
            await self._revocations.renew()
        if begun is None:
            raise _not_good()
        return self.logged_in(*begun)

    async def logout(self, viewer: Viewer, *, everywhere: bool) -> int:
        """End the viewer's session, or all of them with every other signed token of the viewer.

        Returns:
            How many sessions were ended.

        Raises:
            Unauthenticated: The user does not exist any more.
        """
        end = partial(_end_all if everywhere else _end_one, viewer=viewer)
        ended = await write_again(self._database, end, is_repeatable=False)
        await self._revocations.renew()
        return ended

    async def begin(self, tx: Transaction, user: UserRow, client: Client) -> Begun:
        """A new session of a user, whom nobody else may be changing."""
        session = await begin_session(
            tx,
            uuid4(),
            user.uuid,
            client=None if client.name is None else client.name[:MAX_CLIENT_CHARS],
            ttl_seconds=self._lifetimes.refresh,
        )
        return await self._with_token(tx, user, session)

    def logged_in(self, user: UserRow, session: SessionRow, refresh_token: str) -> LoggedIn:
        """What a session gives to whoever has it; it is stored by then."""
        access_token = self.issue_token(
            user, ttl_seconds=self._lifetimes.access, session=session.uuid
        )
        expires_at = datetime.fromtimestamp(self._tokens.read(access_token).expires_at, UTC)
        return LoggedIn(user, access_token, expires_at - LEEWAY, refresh_token, session.expires_at)

    def issue_token(self, user: UserRow, *, ttl_seconds: float, session: UUID | None = None) -> str:
        """A signed token of a user.

        Args:
            session: What it ends with; None is for who is at the terminal of the server.
        """
        valid_from = user.tokens_valid_from
        return self._tokens.issue(
            user.uuid,
            Role(user.role),
            ttl_seconds=ttl_seconds,
            session=session,
            # It may come from another machine, whose clock is before ours.
            not_before=0.0 if valid_from is None else valid_from.timestamp(),
        )

    async def _find(self, address: str | None) -> CredentialsRow | None:
        if address is None:
            return None
        async with self._database.read() as session:
            return await find_credentials(session, address)

    async def _begin_by_password(
        self, tx: Transaction, *, found: CredentialsRow, client: Client
    ) -> tuple[Begun, int]:
        """A new session, and how many old ones ended for it."""
        user = await lock_let_in(tx, found.uuid, password_hash=found.password_hash)
        if user is None:
            raise _wrong()
        begun = await self.begin(tx, user, client)
        return begun, await end_oldest_sessions(tx, user.uuid, most=MAX_SESSIONS)

    async def _exchange(
        self, tx: Transaction, *, refresh_token: str, client: Client
    ) -> tuple[Exchange, Begun | None]:
        exchanged = await exchange_token(
            tx,
            _digest(refresh_token),
            used_by=_digest_of_client(refresh_token, client),
            ttl_seconds=self._lifetimes.refresh,
            grace_seconds=GRACE_SECONDS,
        )
        session = exchanged.session
        user = None if session is None else await find_user(tx, session.user_uuid)
        if session is None or user is None:
            return exchanged, None
        return exchanged, await self._with_token(tx, user, session)

    async def _with_token(self, tx: Transaction, user: UserRow, session: SessionRow) -> Begun:
        refresh_token = _PREFIX + secrets.token_urlsafe(_SECRET_BYTES)
        await add_token(tx, session.uuid, _digest(refresh_token))
        return Begun(user, session, refresh_token)

    async def _rehash(self, found: CredentialsRow, password: str) -> None:
        """Keep the password in the way in which new ones are kept."""
        before = found.password_hash
        if before is None or not self._passwords.is_outdated(before):
            return
        # Whoever comes in need not wait for a better moment.
        with suppress(Unavailable):
            after = await self._passwords.hash(password)
            async with self._database.write() as tx:
                await rehash_password(tx, found.id, before=before, after=after)


async def end_access(tx: Transaction, user: UserRow) -> int:
    """Take none of a locked user's signed tokens any more; how many sessions that ends."""
    await end_tokens(tx, user.id, since=datetime.now(UTC))
    return await end_sessions(tx, user.uuid)


async def _end_one(tx: Transaction, *, viewer: Viewer) -> int:
    return 0 if viewer.session is None else int(await end_session(tx, viewer.session))


async def _end_all(tx: Transaction, *, viewer: Viewer) -> int:
    return await end_access(tx, await lock_viewer(tx, viewer.user_uuid))


def _digest(refresh_token: str) -> bytes:
    return sha256(refresh_token.encode("utf-8", "surrogatepass")).digest()


def _digest_of_client(refresh_token: str, client: Client) -> bytes:
    """Who sends a token, which nobody reads out of it without the token itself."""
    told = f"{client.address}\n{client.name}".encode("utf-8", "surrogatepass")
    return hmac.digest(refresh_token.encode("utf-8", "surrogatepass"), told, "sha256")


def _wrong() -> Unauthenticated:
    return Unauthenticated("The e-mail address or the password is wrong.")


def _not_good() -> Unauthenticated:
    return Unauthenticated("This refresh token is not good any more. Log in again.")
