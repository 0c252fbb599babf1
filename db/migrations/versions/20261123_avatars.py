"""Pictures of users, and a trigger that tells caches when one changes.

A picture is WebP, which PostgreSQL would try in vain to compress. Who is trusted says itself which
answers show a picture, so a new one leaves all others as they are.
"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0007"
down_revision: str | None = "0006"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

_TRIGGER = "note_avatar_for_caches"


def upgrade() -> None:
    """Make the table, the column and the trigger."""
    op.create_table(
        "avatars",
        sa.Column("user_uuid", sa.Uuid(), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.Column("media_type", sa.Text(), nullable=False),
        sa.Column("etag", sa.Text(), nullable=False),
        sa.Column(
            "created_at", sa.DateTime(timezone=True), server_default=sa.func.now(), nullable=False
        ),
        sa.PrimaryKeyConstraint("user_uuid", name="pk_avatars"),
        sa.ForeignKeyConstraint(
            ["user_uuid"], ["users.uuid"], name="fk_avatars_user_uuid_users", ondelete="CASCADE"
        ),
    )
    op.execute("ALTER TABLE avatars ALTER COLUMN content SET STORAGE EXTERNAL")
    op.add_column("users", sa.Column("avatar_etag", sa.Text()))
    op.execute(
        f"CREATE TRIGGER {_TRIGGER} AFTER UPDATE OF avatar_etag ON users"
        " FOR EACH STATEMENT EXECUTE FUNCTION note_change_for_caches()"
    )
    op.execute(f"ALTER TABLE users ENABLE ALWAYS TRIGGER {_TRIGGER}")


def downgrade() -> None:
    """Drop them again."""
    op.execute(f"DROP TRIGGER {_TRIGGER} ON users")
    op.drop_column("users", "avatar_etag")
    op.drop_table("avatars")
