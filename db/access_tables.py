"""The tables of what lets users in: sessions with their refresh tokens, and tokens of the API.

No secret is stored: of a token there is its SHA-256, from which nobody gets it back.
"""

from typing import Final

from sqlalchemy import (
    Column,
    ForeignKey,
    Index,
    LargeBinary,
    Table,
    Text,
    Uuid,
)
from sqlalchemy.dialects.postgresql import ARRAY

from db.columns import id_column, metadata, moment

# The family of all refresh tokens that came of one login.
sessions: Final = Table(
    "sessions",
    metadata,
    Column("uuid", Uuid, primary_key=True),
    Column("user_uuid", Uuid, ForeignKey("users.uuid", ondelete="CASCADE"), nullable=False),
    # What the client calls itself, for its user to know it by.
    Column("client", Text),
    moment("created_at", now=True),
    moment("last_used_at", now=True),
    moment("expires_at", required=True),
    moment("revoked_at"),
    Index("ix_sessions_user_uuid", "user_uuid"),
    Index("ix_sessions_revoked_at", "revoked_at"),
    Index("ix_sessions_expires_at", "expires_at"),
)

refresh_tokens: Final = Table(
    "refresh_tokens",
    metadata,
    Column("token_hash", LargeBinary, primary_key=True),
    Column("session_uuid", Uuid, ForeignKey("sessions.uuid", ondelete="CASCADE"), nullable=False),
    moment("created_at", now=True),
    moment("used_at"),
    # A digest of who used it, to tell a client whose answer was lost from somebody else.
    Column("used_by", LargeBinary),
    Index("ix_refresh_tokens_session_uuid", "session_uuid"),
)

api_tokens: Final = Table(
    "api_tokens",
    metadata,
    id_column(),
    Column("user_uuid", Uuid, ForeignKey("users.uuid", ondelete="CASCADE"), nullable=False),
    Column("token_hash", LargeBinary, nullable=False, unique=True),
    # Its first characters, by which its user knows it again.
    Column("prefix", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("scopes", ARRAY(Text), nullable=False),
    moment("created_at", now=True),
    moment("expires_at"),
    moment("last_used_at"),
    moment("revoked_at"),
    Index("ix_api_tokens_user_uuid", "user_uuid"),
)
