"""The table of files that users send; their bytes lie in files of the disk."""

from typing import Final

from sqlalchemy import BigInteger, Column, Index, Table, Text, Uuid

from db.columns import id_column, metadata, moment

uploads: Final = Table(
    "uploads",
    metadata,
    id_column(),
    # Also the name of its file.
    Column("uuid", Uuid, nullable=False, unique=True),
    # Null for the server's own.
    Column("user_uuid", Uuid),
    Column("kind", Text, nullable=False),
    Column("filename", Text, nullable=False),
    Column("media_type", Text, nullable=False),
    # What a client of tus said, letter by letter.
    Column("metadata", Text),
    Column("total_bytes", BigInteger, nullable=False),
    # In hexadecimal digits; null until all bytes are here. How many are is the size of the file.
    Column("sha256", Text),
    moment("created_at", now=True),
    moment("finished_at"),
    moment("expires_at", required=True),
    Index("ix_uploads_user_uuid", "user_uuid", "created_at"),
    Index("ix_uploads_expires_at", "expires_at"),
)
