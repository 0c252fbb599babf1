"""Pictures of users; the tag of each stands with its user, where GraphQL reads it."""

from hashlib import sha256
from typing import Final
from uuid import UUID

from db.rows import AvatarRow
from db.statements import sql
from db.transaction import ReadSession, Transaction
from domain.changes import AvatarChanged
from domain.errors import Unauthenticated
from domain.pictures import Picture

_TAG_DIGITS: Final = 32

_FIND: Final = sql(
    "SELECT a.content, a.media_type, a.etag FROM avatars a JOIN users u ON u.uuid = a.user_uuid"
    " WHERE a.user_uuid = CAST(:user_uuid AS uuid) AND u.is_active",
    AvatarRow,
)
_TAG: Final = sql(
    "UPDATE users SET avatar_etag = CAST(:etag AS text)"
    " WHERE uuid = CAST(:user_uuid AS uuid) AND is_active RETURNING id"
)
_PUT: Final = sql(
    "INSERT INTO avatars (user_uuid, content, media_type, etag)"
    " VALUES (CAST(:user_uuid AS uuid), CAST(:content AS bytea), :media_type, :etag)"
    " ON CONFLICT (user_uuid) DO UPDATE SET content = excluded.content,"
    " media_type = excluded.media_type, etag = excluded.etag, created_at = now()"
)
_DELETE: Final = sql("DELETE FROM avatars WHERE user_uuid = CAST(:user_uuid AS uuid)")


async def find_avatar(session: ReadSession, user_uuid: UUID) -> AvatarRow | None:
    """The picture of a user; None when there is none, or nobody of that name."""
    return await session.fetch_one(_FIND, {"user_uuid": user_uuid})


async def put_avatar(tx: Transaction, user_uuid: UUID, picture: Picture) -> str:
    """Give a user a picture, instead of one that is there; its tag, of hexadecimal digits.

    Raises:
        Unauthenticated: There is no such user.
    """
    etag = sha256(picture.content).hexdigest()[:_TAG_DIGITS]
    await _tag(tx, user_uuid, etag)
    values = {"user_uuid": user_uuid, "content": picture.content}
    await tx.fetch(_PUT, {**values, "media_type": picture.media_type, "etag": etag})
    return etag


async def delete_avatar(tx: Transaction, user_uuid: UUID) -> None:
    """Take a user's picture away, if there is one.

    Raises:
        Unauthenticated: There is no such user.
    """
    await _tag(tx, user_uuid, None)
    await tx.fetch(_DELETE, {"user_uuid": user_uuid})


async def _tag(tx: Transaction, user_uuid: UUID, etag: str | None) -> None:
    """Note the tag with the user, whose row stays locked: of two pictures one comes last."""
    user_id = await tx.fetch_value(_TAG, {"user_uuid": user_uuid, "etag": etag})
    if user_id is None:
        raise Unauthenticated("The user of this token does not exist any more.")
    tx.record(AvatarChanged(user_id=user_id))
