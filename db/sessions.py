"""Sessions: families of refresh tokens, each of which begins with a login.

A token is known by its SHA-256 alone. Whoever exchanges one locks first its row and then that of
its session; whoever ends sessions locks no token.
"""

from typing import Final, NamedTuple
from uuid import UUID

from db.rows import SessionRow
from db.statements import sql
from db.transaction import ReadSession, Transaction

_AFTER_TTL: Final = "now() + make_interval(secs => CAST(:ttl AS double precision))"

_BEGIN: Final = sql(
    "INSERT INTO sessions (uuid, user_uuid, client, expires_at) VALUES"
    " (CAST(:session AS uuid), CAST(:user_uuid AS uuid), CAST(:client AS text),"
    f" {_AFTER_TTL}) RETURNING uuid, user_uuid, expires_at",
    SessionRow,
)
_ADD_TOKEN: Final = sql(
    "INSERT INTO refresh_tokens (token_hash, session_uuid)"
    " VALUES (CAST(:token_hash AS bytea), CAST(:session AS uuid))"
)
# Of two who come at once the second waits here, and finds the token used.
_USE: Final = sql(
    "UPDATE refresh_tokens SET used_at = clock_timestamp(), used_by = CAST(:used_by AS bytea)"
    " WHERE token_hash = CAST(:token_hash AS bytea) AND used_at IS NULL RETURNING session_uuid"
)
_FIND_USED: Final = sql(
    "SELECT session_uuid, used_by = CAST(:used_by AS bytea) AND used_at > clock_timestamp()"
    " - make_interval(secs => CAST(:grace AS double precision)) AS is_repeated"
    " FROM refresh_tokens WHERE token_hash = CAST(:token_hash AS bytea)"
)
_GO_ON: Final = sql(
    f"UPDATE sessions SET last_used_at = now(), expires_at = {_AFTER_TTL}"
    " FROM users WHERE sessions.uuid = CAST(:session AS uuid) AND sessions.revoked_at IS NULL"
    " AND sessions.expires_at > now() AND users.uuid = sessions.user_uuid AND users.is_active"
    " RETURNING sessions.uuid, sessions.user_uuid, sessions.expires_at",
    SessionRow,
)
_END: Final = sql(
    "UPDATE sessions SET revoked_at = now()"
    " WHERE uuid = CAST(:session AS uuid) AND revoked_at IS NULL RETURNING uuid",
    SessionRow,
)
# In one order, so that two who end them all do not wait for each other.
_END_ALL: Final = sql(
    "WITH theirs AS (SELECT uuid FROM sessions WHERE user_uuid = CAST(:user_uuid AS uuid)"
    " AND revoked_at IS NULL ORDER BY uuid FOR UPDATE)"
    " UPDATE sessions SET revoked_at = now() FROM theirs WHERE sessions.uuid = theirs.uuid"
    " RETURNING sessions.uuid",
    SessionRow,
)
# The user is locked: nobody else ends or begins several at once.
_END_OLDEST: Final = sql(
    "UPDATE sessions SET revoked_at = now() WHERE uuid IN (SELECT uuid FROM sessions"
    " WHERE user_uuid = CAST(:user_uuid AS uuid) AND revoked_at IS NULL"
    " AND expires_at > now() ORDER BY created_at DESC, uuid"
    " OFFSET CAST(:most AS integer)) AND revoked_at IS NULL RETURNING uuid",
    SessionRow,
)
_ENDED: Final = sql(
    "SELECT uuid FROM sessions"
    " WHERE revoked_at > now() - make_interval(secs => CAST(:seconds AS double precision))",
    SessionRow,
)


class Exchange(NamedTuple):
    """What became of a refresh token that came.

    Attributes:
        session: Goes on; None when the token is good for nothing.
        ended: The session that ends, since its token came from somebody who should not have it.
    """

    session: SessionRow | None = None
    ended: UUID | None = None


async def begin_session(
    tx: Transaction, session_uuid: UUID, user_uuid: UUID, *, client: str | None, ttl_seconds: float
) -> SessionRow:
    """A new session of a user.

    Args:
        client: What the client calls itself.
        ttl_seconds: When it ends unless somebody comes before.
    """
    values = {"session": session_uuid, "user_uuid": user_uuid, "client": client}
    rows = await tx.fetch(_BEGIN, {**values, "ttl": ttl_seconds})
    return rows[0]


async def add_token(tx: Transaction, session_uuid: UUID, token_hash: bytes) -> None:
    """One more refresh token of a session."""
    await tx.fetch(_ADD_TOKEN, {"session": session_uuid, "token_hash": token_hash})


async def exchange_token(
    tx: Transaction, token_hash: bytes, *, used_by: bytes, ttl_seconds: float, grace_seconds: float
) -> Exchange:
    """Use a refresh token, which is good once.

    One that was used is taken again from the same client for a moment, whose answer was lost. From
    anybody else, or later, it ends its session: of two who have it, one has stolen it.

    Args:
        used_by: A digest of who sends it.
        ttl_seconds: When the session ends unless somebody comes before.
        grace_seconds: How long it is taken again.
    """
    values = {"token_hash": token_hash, "used_by": used_by}
    session_uuid = await tx.fetch_value(_USE, values)
    if session_uuid is None:
        used = await tx.fetch_one(_FIND_USED, {**values, "grace": grace_seconds})
        if used is None:
            return Exchange()
        session_uuid = used.session_uuid
        if not used.is_repeated:
            is_ended = await end_session(tx, session_uuid)
            return Exchange(ended=session_uuid if is_ended else None)
    return Exchange(await tx.fetch_one(_GO_ON, {"session": session_uuid, "ttl": ttl_seconds}))


async def end_session(tx: Transaction, session_uuid: UUID) -> bool:
    """End a session; whether it had not ended before."""
    return await tx.fetch_one(_END, {"session": session_uuid}) is not None


async def end_sessions(tx: Transaction, user_uuid: UUID) -> int:
    """End all sessions of a user; how many had not ended before."""
    return len(await tx.fetch(_END_ALL, {"user_uuid": user_uuid}))


async def end_oldest_sessions(tx: Transaction, user_uuid: UUID, *, most: int) -> int:
    """End the oldest of a locked user's sessions beyond so many; how many that were."""
    return len(await tx.fetch(_END_OLDEST, {"user_uuid": user_uuid, "most": most}))


async def find_ended_sessions(session: ReadSession, *, within_seconds: float) -> list[SessionRow]:
    """The sessions that were ended lately: `uuid`."""
    return await session.fetch(_ENDED, {"seconds": within_seconds})
