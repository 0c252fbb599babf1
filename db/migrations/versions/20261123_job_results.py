"""What a job gives: of an export where its file is and what proves that it is whole.

A job may find that there is more or less to do than was foreseen. Its total may be put right then,
as long as its progress does not go back; it is never less than what is done.
"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision: str = "0005"
down_revision: str | None = "0004"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

_TOTAL_ONCE = "NEW.total := coalesce(OLD.total, NEW.total);"
_TOTAL_PUT_RIGHT = """
        NEW.total := coalesce(NEW.total, OLD.total);
        IF NEW.done::numeric * OLD.total < OLD.done::numeric * NEW.total THEN
            NEW.total := OLD.total;
        END IF;
        IF NEW.total < NEW.done THEN
            NEW.total := NEW.done;
        END IF;"""


def upgrade() -> None:
    """Add the column, and let a total be put right."""
    op.add_column("jobs", sa.Column("result", postgresql.JSONB()))
    op.execute(_guard_job(_TOTAL_PUT_RIGHT))


def downgrade() -> None:
    """Take both back."""
    op.execute(_guard_job(_TOTAL_ONCE))
    op.drop_column("jobs", "result")


def _guard_job(total: str) -> str:
    return f"""
    CREATE OR REPLACE FUNCTION guard_job() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF OLD.finished_at IS NOT NULL THEN
            RAISE EXCEPTION 'job % has ended as %', OLD.id, OLD.status;
        END IF;
        NEW.revision := OLD.revision + 1;
        NEW.updated_at := now();
        NEW.done := greatest(OLD.done, NEW.done);
        {total}
        RETURN NEW;
    END $$
    """
