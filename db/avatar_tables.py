"""The table of users' pictures."""

from typing import Final

from sqlalchemy import Column, ForeignKey, LargeBinary, Table, Text, Uuid

from db.columns import metadata, moment

avatars: Final = Table(
    "avatars",
    metadata,
    Column("user_uuid", Uuid, ForeignKey("users.uuid", ondelete="CASCADE"), primary_key=True),
    Column("content", LargeBinary, nullable=False),
    Column("media_type", Text, nullable=False),
    # The same stands in `users.avatar_etag`, which is read with the user.
    Column("etag", Text, nullable=False),
    moment("created_at", now=True),
)
