"""Which signed tokens are taken no more, known without a look at the database for each request.

A process keeps the users who may not come in, from when on the tokens of others count, and the
sessions that have ended while their tokens could still be taken. It reads them anew every few
seconds while requests come, and at once after a change of its own.
"""

import asyncio
import contextvars
import time
from collections.abc import Mapping
from math import inf
from typing import Final

import structlog

from access.tokens import LEEWAY
from db.probe import ask_or_end
from db.rows import SessionRow, UserRow
from db.sessions import find_ended_sessions
from db.transaction import Database, ReadSession
from db.users import find_revoked
from domain.accounts import MAX_ACCESS_TOKEN_SECONDS
from domain.errors import DatabaseUnavailable, Unauthenticated
from domain.viewer import Viewer

REFRESH_SECONDS: Final = 5.0
"""How long another process may go on taking a token that is taken no more."""

_PATIENCE_SECONDS: Final = 1.0
# Whoever comes first waits for it; it has to be over before requests give up by themselves.
_READ_SECONDS: Final = 3.0
_SILENT: Final = "The database does not answer. Try again in a moment."
_PAUSE_SECONDS: Final = 1.0
# A session ends at the begin of a transaction, and others see it at the end.
_MARGIN_SECONDS: Final = 60.0
# What tokens of sessions are good for at most, and not for how long this process makes them:
# another one, or this one before its settings were changed, may have made them longer.
_REMEMBERED_SECONDS: Final = MAX_ACCESS_TOKEN_SECONDS + LEEWAY.total_seconds() + _MARGIN_SECONDS

log = structlog.get_logger(__name__)


class Revocations:
    """Refuses tokens that were good until somebody decided otherwise.

    While PostgreSQL does not answer, what was read last goes on to count: nothing that is read
    there could be shown either, and a token of a session ends soon by itself.

    Args:
        database: Where they are read, each time with two short statements.
        refresh_seconds: How old what is known may be.
    """

    def __init__(
        self,
        database: Database,
        *,
        refresh_seconds: float = REFRESH_SECONDS,
    ) -> None:
        self._database = database
        self._refresh_seconds = refresh_seconds
        # By the numbers of UUIDs, which are looked up in half the time.
        self._valid_from: Mapping[int, float] = {}
        self._ended: frozenset[int] = frozenset()
        self._read_at = self._read_again_at = -inf
        self._reading: asyncio.Task[Exception | None] | None = None

    async def check(self, viewer: Viewer) -> None:
        """Refuse a viewer whose token was revoked.

        Raises:
            Unauthenticated: The user may not come in, or not by this token any more.
            DatabaseUnavailable: Nothing is known yet, and it cannot be read.
        """
        if time.monotonic() >= self._read_again_at:
            await self._catch_up()
        valid_from = self._valid_from.get(viewer.user_uuid.int)
        if valid_from is not None and (valid_from == inf or viewer.issued_at < valid_from):
            raise _revoked()
        if viewer.session is not None and viewer.session.int in self._ended:
            raise _revoked()

    async def renew(self) -> None:
        """Know what was committed before this call."""
        if self._reading is not None:
            await asyncio.wait({self._reading})
        if self._read_at != -inf:
            await asyncio.shield(self._begin())

    async def close(self) -> None:
        """Read nothing more."""
        if self._reading is not None:
            self._reading.cancel()
            await asyncio.wait({self._reading})

    async def _catch_up(self) -> None:
        """Begin to read anew; wait for it only when what is known is too old."""
        reading = self._begin()
        if self._read_at == -inf:
            if (error := await asyncio.shield(reading)) is not None:
                raise error
        elif time.monotonic() - self._read_at >= self._refresh_seconds:
            done, _ = await asyncio.wait({reading}, timeout=_PATIENCE_SECONDS)
            if not done:
                self._read_again_at = time.monotonic() + _PAUSE_SECONDS

    def _begin(self) -> asyncio.Task[Exception | None]:
        """The reading that is under way, or a new one, which no request has caused."""
        if self._reading is None:
            reading = asyncio.create_task(self._read(), context=contextvars.Context())
            reading.add_done_callback(self._end)
            self._reading = reading
        return self._reading

    def _end(self, _reading: asyncio.Task[Exception | None]) -> None:
        self._reading = None

    async def _read(self) -> Exception | None:
        """Read all that counts; why it could not be done, if so."""
        started = time.monotonic()
        try:
            users, ended = await self._find()
        except Exception as error:  # noqa: BLE001  # whatever it is, it is told to who waits
            log.warning("revocations_not_read", error=type(error).__name__)
            self._read_again_at = time.monotonic() + _PAUSE_SECONDS
            return error
        self._valid_from = {user.uuid.int: _valid_from(user) for user in users}
        self._ended = frozenset(each.uuid.int for each in ended)
        self._read_at, self._read_again_at = started, started + self._refresh_seconds / 2
        return None

    async def _find(self) -> tuple[list[UserRow], list[SessionRow]]:
        try:
            async with asyncio.timeout(_READ_SECONDS):
                return await ask_or_end(self._database, _all_that_counts)
        except TimeoutError:
            raise DatabaseUnavailable(_SILENT) from None


async def _all_that_counts(session: ReadSession) -> tuple[list[UserRow], list[SessionRow]]:
    users = await find_revoked(session)
    return users, await find_ended_sessions(session, within_seconds=_REMEMBERED_SECONDS)


def _valid_from(user: UserRow) -> float:
    """Since when tokens of a user count, in seconds of the epoch; never for who may not come in."""
    if not user.is_active or user.tokens_valid_from is None:
        return inf
    return user.tokens_valid_from.timestamp()


def _revoked() -> Unauthenticated:
    return Unauthenticated("This token is not good any more. Log in again.")
