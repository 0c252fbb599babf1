"""Sessions with their refresh tokens, tokens of the API, and since when a user's tokens count."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision: str = "0008"
down_revision: str | None = "0007"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

_TIME = sa.DateTime(timezone=True)


def _now(name: str) -> sa.Column[object]:
    return sa.Column(name, _TIME, server_default=sa.func.now(), nullable=False)


def _of_user(table: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        ["user_uuid"], ["users.uuid"], name=f"fk_{table}_user_uuid_users", ondelete="CASCADE"
    )


def upgrade() -> None:
    """Make the column and the tables."""
    op.add_column("users", sa.Column("tokens_valid_from", _TIME))
    op.create_table(
        "sessions",
        sa.Column("uuid", sa.Uuid(), nullable=False),
        sa.Column("user_uuid", sa.Uuid(), nullable=False),
        sa.Column("client", sa.Text()),
        _now("created_at"),
        _now("last_used_at"),
        sa.Column("expires_at", _TIME, nullable=False),
        sa.Column("revoked_at", _TIME),
        sa.PrimaryKeyConstraint("uuid", name="pk_sessions"),
        _of_user("sessions"),
    )
    for column in ("user_uuid", "revoked_at", "expires_at"):
        op.create_index(f"ix_sessions_{column}", "sessions", [column])
    op.create_table(
        "refresh_tokens",
        sa.Column("token_hash", sa.LargeBinary(), nullable=False),
        sa.Column("session_uuid", sa.Uuid(), nullable=False),
        _now("created_at"),
        sa.Column("used_at", _TIME),
        sa.Column("used_by", sa.LargeBinary()),
        sa.PrimaryKeyConstraint("token_hash", name="pk_refresh_tokens"),
        sa.ForeignKeyConstraint(
            ["session_uuid"],
            ["sessions.uuid"],
            name="fk_refresh_tokens_session_uuid_sessions",
            ondelete="CASCADE",
        ),
    )
    op.create_index("ix_refresh_tokens_session_uuid", "refresh_tokens", ["session_uuid"])
    op.create_table(
        "api_tokens",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("user_uuid", sa.Uuid(), nullable=False),
        sa.Column("token_hash", sa.LargeBinary(), nullable=False),
        sa.Column("prefix", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("scopes", postgresql.ARRAY(sa.Text()), nullable=False),
        _now("created_at"),
        sa.Column("expires_at", _TIME),
        sa.Column("last_used_at", _TIME),
        sa.Column("revoked_at", _TIME),
        sa.PrimaryKeyConstraint("id", name="pk_api_tokens"),
        sa.UniqueConstraint("token_hash", name="uq_api_tokens_token_hash"),
        _of_user("api_tokens"),
    )
    op.create_index("ix_api_tokens_user_uuid", "api_tokens", ["user_uuid"])


def downgrade() -> None:
    """Drop them again."""
    for table in ("api_tokens", "refresh_tokens", "sessions"):
        op.drop_table(table)
    op.drop_column("users", "tokens_valid_from")
