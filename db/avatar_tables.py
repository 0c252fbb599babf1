"""The table of users' pictures."""

from typing import Final

from sqlalchemy import Column, DateTime, ForeignKey, LargeBinary, Table, Text, Uuid, func

from db.tables import metadata

avatars: Final = Table(
    "avatars",
    metadata,
    Column("user_uuid", Uuid, ForeignKey("users.uuid", ondelete="CASCADE"), primary_key=True),
    Column("content", LargeBinary, nullable=False),
    Column("media_type", Text, nullable=False),
    # The same stands in `users.avatar_etag`, which is read with the user.
    Column("etag", Text, nullable=False),
    Column("created_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
)
