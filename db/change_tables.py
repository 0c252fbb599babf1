"""The tables of what is kept of changes, beside the records that they changed.

Under which keys they were sent, who was merged into whom and how that is undone, and who must not
be stored any more.
"""

from typing import Final

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    LargeBinary,
    Table,
    Text,
    Uuid,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from db.columns import id_column, metadata, moment, one_of, uuid_column
from domain.enums import SuppressedKey

idempotency_keys: Final = Table(
    "idempotency_keys",
    metadata,
    Column("user_uuid", Uuid, primary_key=True),
    Column("key", Text, primary_key=True),
    Column("request_hash", LargeBinary, nullable=False),
    Column("outcome", JSONB, nullable=False),
    moment("created_at", now=True),
    Index("ix_idempotency_keys_created_at", "created_at"),
)

contact_merges: Final = Table(
    "contact_merges",
    metadata,
    id_column(),
    uuid_column(),
    Column(
        "survivor_id", BigInteger, ForeignKey("contacts.id", ondelete="CASCADE"), nullable=False
    ),
    Column("loser_ids", ARRAY(BigInteger), nullable=False),
    Column("merged_by", Uuid),
    Column("undo", JSONB, nullable=False),
    moment("created_at", now=True),
    moment("undone_at"),
    Index("ix_contact_merges_survivor_id", "survivor_id"),
    # Those that can still be undone, and the few that have to forget how.
    Index("ix_contact_merges_created_at", "created_at", postgresql_where=text("undo <> '{}'")),
)

suppression_key: Final = Table(
    "suppression_key",
    metadata,
    Column("id", Boolean, CheckConstraint("id", name="one_row"), primary_key=True),
    Column("key", LargeBinary, nullable=False),
)

suppressions: Final = Table(
    "suppressions",
    metadata,
    id_column(),
    *one_of("kind", SuppressedKey, default=SuppressedKey.EMAIL),
    Column("key_hash", LargeBinary, nullable=False, unique=True),
    Column("reason", Text),
    Column("created_by", Uuid),
    moment("created_at", now=True),
    Index("ix_suppressions_created_at", "created_at", "id"),
)
