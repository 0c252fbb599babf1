"""Files that users send, and the imports that read them.

What it takes to undo an import, and what is told about its rows, goes with the job.
"""

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision: str = "0006"
down_revision: str | None = "0005"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

_NO_IDS = sa.text("'{}'::bigint[]")
_NO_JSON = sa.text("'{}'::jsonb")


def upgrade() -> None:
    """Make the tables."""
    _create_uploads()
    _create_imports()
    op.create_table(
        "import_batches",
        _job_id("import_batches"),
        sa.Column("line", sa.Integer(), nullable=False),
        sa.Column(
            "contact_ids", postgresql.ARRAY(sa.BigInteger()), server_default=_NO_IDS, nullable=False
        ),
        sa.Column(
            "company_ids", postgresql.ARRAY(sa.BigInteger()), server_default=_NO_IDS, nullable=False
        ),
        sa.Column("contacts_undone", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("companies_undone", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.PrimaryKeyConstraint("job_id", "line", name="pk_import_batches"),
    )
    for kind in ("contact", "company"):
        op.create_index(
            f"ix_import_batches_first_{kind}",
            "import_batches",
            ["job_id", sa.text(f"({kind}_ids[1])")],
        )
        op.create_index(
            f"ix_import_batches_any_{kind}", "import_batches", [sa.text(f"({kind}_ids[1])")]
        )
    op.create_table(
        "import_changes",
        _job_id("import_changes"),
        sa.Column("entity", sa.Text(), nullable=False),
        sa.Column("record_id", sa.BigInteger(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("before", postgresql.JSONB()),
        sa.PrimaryKeyConstraint("job_id", "entity", "record_id", name="pk_import_changes"),
    )
    op.create_index("ix_import_changes_record_id", "import_changes", ["record_id"])
    op.create_index(
        "ix_import_changes_person_keys",
        "import_changes",
        [
            sa.text(
                "(jsonb_path_query_array(before, '$.*.email_key') ||"
                " jsonb_path_query_array(before, '$.contact_metadata.linkedin_url ? (@ != null)'))"
            )
        ],
        postgresql_using="gin",
        postgresql_where=sa.text("entity = 'contacts' AND before IS NOT NULL"),
    )
    op.create_table(
        "import_errors",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        _job_id("import_errors"),
        sa.Column("line", sa.Integer(), nullable=False),
        *(
            sa.Column(name, sa.Text(), nullable=False)
            for name in ("code", "severity", "message", "column", "field", "raw", "suggestion")
        ),
        sa.PrimaryKeyConstraint("id", name="pk_import_errors"),
    )
    op.create_index("ix_import_errors_job_id", "import_errors", ["job_id", "line", "id"])
    op.create_table(
        "import_rejects",
        _job_id("import_rejects"),
        sa.Column("line", sa.Integer(), nullable=False),
        sa.Column("cells", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("person_keys", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.PrimaryKeyConstraint("job_id", "line", name="pk_import_rejects"),
    )
    op.create_index(
        "ix_import_rejects_person_keys",
        "import_rejects",
        ["person_keys"],
        postgresql_using="gin",
    )


def downgrade() -> None:
    """Drop them again."""
    for name in ("rejects", "errors", "changes", "batches"):
        op.drop_table(f"import_{name}")
    op.drop_table("imports")
    op.drop_table("uploads")


def _create_uploads() -> None:
    op.create_table(
        "uploads",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("uuid", sa.Uuid(), nullable=False),
        sa.Column("user_uuid", sa.Uuid()),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("filename", sa.Text(), nullable=False),
        sa.Column("media_type", sa.Text(), nullable=False),
        sa.Column("metadata", sa.Text()),
        sa.Column("total_bytes", sa.BigInteger(), nullable=False),
        sa.Column("sha256", sa.Text()),
        _now("created_at"),
        sa.Column("finished_at", sa.DateTime(timezone=True)),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_uploads"),
        sa.UniqueConstraint("uuid", name="uq_uploads_uuid"),
    )
    op.create_index("ix_uploads_user_uuid", "uploads", ["user_uuid", "created_at"])
    op.create_index("ix_uploads_expires_at", "uploads", ["expires_at"])


def _create_imports() -> None:
    op.create_table(
        "imports",
        _job_id("imports"),
        sa.Column("user_uuid", sa.Uuid()),
        sa.Column("upload_uuid", sa.Uuid(), nullable=False),
        sa.Column("entity", sa.Text(), nullable=False),
        sa.Column("filename", sa.Text(), nullable=False),
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.Column("request_hash", sa.LargeBinary(), nullable=False),
        sa.Column("is_standing", sa.Boolean(), nullable=False),
        sa.Column("mapping", postgresql.JSONB(), server_default=_NO_JSON, nullable=False),
        sa.Column("options", postgresql.JSONB(), server_default=_NO_JSON, nullable=False),
        sa.Column("reading", postgresql.JSONB()),
        sa.Column("position", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("line", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("is_checked", sa.Boolean(), server_default=sa.false(), nullable=False),
        _now("created_at"),
        sa.Column("undo_job_id", sa.BigInteger()),
        sa.Column("undone_at", sa.DateTime(timezone=True)),
        sa.PrimaryKeyConstraint("job_id", name="pk_imports"),
        sa.ForeignKeyConstraint(
            ["undo_job_id"], ["jobs.id"], name="fk_imports_undo_job_id_jobs", ondelete="SET NULL"
        ),
    )
    op.create_index("ix_imports_undo_job_id", "imports", ["undo_job_id"])
    op.create_index(
        "uq_imports_standing",
        "imports",
        [
            sa.text("coalesce(user_uuid, '00000000-0000-0000-0000-000000000000')"),
            "sha256",
            "request_hash",
        ],
        unique=True,
        postgresql_where=sa.text("is_standing"),
    )


def _job_id(table: str) -> Any:
    jobs = sa.ForeignKey("jobs.id", name=f"fk_{table}_job_id_jobs", ondelete="CASCADE")
    return sa.Column("job_id", sa.BigInteger(), jobs, nullable=False)


def _now(name: str) -> Any:
    return sa.Column(name, sa.DateTime(timezone=True), server_default=sa.func.now(), nullable=False)
