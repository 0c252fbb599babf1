"""Durable jobs: our own rows, and the tables of procrastinate, which carries them to workers.

Procrastinate's tables are made by its migrations up to the one named here. They are frozen once they
are released, so a later release of it makes the same tables; its later migrations come with a later
migration of ours.
"""

import re
from collections.abc import Iterator, Sequence
from importlib.resources import files
from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql
from sqlalchemy.util import await_only

revision: str = "0003"
down_revision: str | None = "0002"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

# With all values that its migrations add to them: PostgreSQL before 17 lets no transaction use a
# value that it has added itself.
_TYPES = {
    "procrastinate_job_status": (
        "'todo', 'doing', 'succeeded', 'failed', 'cancelled', 'aborting', 'aborted'"
    ),
    "procrastinate_job_event_type": (
        "'deferred', 'started', 'deferred_for_retry', 'failed', 'succeeded', 'cancelled',"
        " 'abort_requested', 'aborted', 'scheduled', 'retried'"
    ),
}
_ADDED_VALUE = re.compile(r"^ALTER TYPE \w+ ADD VALUE [^;]+;$", re.MULTILINE)

_LAST_OF_PROCRASTINATE = "03.04.00_50_post_add_retry_failed_job_procedure.sql"

_PROGRESS = (
    "CASE WHEN status IN ('COMPLETED', 'COMPLETED_WITH_ERRORS') THEN 1.0"
    " WHEN total > 0 THEN least(1.0, done::double precision / total) ELSE 0.0 END"
)

_FUNCTIONS = (
    """
    CREATE FUNCTION guard_job() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF OLD.finished_at IS NOT NULL THEN
            RAISE EXCEPTION 'job % has ended as %', OLD.id, OLD.status;
        END IF;
        NEW.revision := OLD.revision + 1;
        NEW.updated_at := now();
        NEW.done := greatest(OLD.done, NEW.done);
        NEW.total := coalesce(OLD.total, NEW.total);
        RETURN NEW;
    END $$
    """,
    """
    CREATE FUNCTION announce_job() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        PERFORM pg_notify('appointment360_jobs', NEW.id::text);
        RETURN NULL;
    END $$
    """,
)
_TRIGGERS = (
    "CREATE TRIGGER guard_job BEFORE UPDATE ON jobs FOR EACH ROW EXECUTE FUNCTION guard_job()",
    "CREATE TRIGGER announce_job AFTER INSERT OR UPDATE ON jobs"
    " FOR EACH ROW EXECUTE FUNCTION announce_job()",
)

_DROP_PROCRASTINATE = """
DO $$
DECLARE dropped record;
BEGIN
    DROP TABLE procrastinate_periodic_defers, procrastinate_events, procrastinate_jobs,
        procrastinate_workers CASCADE;
    FOR dropped IN SELECT oid::regprocedure AS name FROM pg_proc
        WHERE proname LIKE 'procrastinate\\_%' AND pronamespace = 'public'::regnamespace
    LOOP
        EXECUTE format('DROP FUNCTION %s', dropped.name);
    END LOOP;
    DROP TYPE procrastinate_job_to_defer_v1, procrastinate_job_status,
        procrastinate_job_event_type;
END $$
"""


def upgrade() -> None:
    """Make the tables, the triggers and what procrastinate needs."""
    driver: Any = op.get_bind().connection.driver_connection
    for script in _procrastinate():
        # Several statements at once, which a prepared one cannot be.
        await_only(driver.execute(script))
    _create_jobs()
    for statement in (*_FUNCTIONS, *_TRIGGERS):
        op.execute(statement)


def downgrade() -> None:
    """Drop them again."""
    op.drop_table("job_records")
    op.drop_table("jobs")
    for name in ("announce_job", "guard_job"):
        op.execute(f"DROP FUNCTION {name}()")
    op.execute(_DROP_PROCRASTINATE)


def _procrastinate() -> Iterator[str]:
    scripts = files("procrastinate.sql").joinpath("migrations").iterdir()
    for script in sorted(scripts, key=lambda script: script.name):
        if script.name.endswith(".sql") and script.name <= _LAST_OF_PROCRASTINATE:
            yield _with_whole_types(script.read_text(encoding="utf-8"))


def _with_whole_types(script: str) -> str:
    for name, values in _TYPES.items():
        whole = f"CREATE TYPE {name} AS ENUM ({values});"
        script = re.sub(rf"CREATE TYPE {name} AS ENUM \(.*?\);", whole, script, flags=re.DOTALL)
    return _ADDED_VALUE.sub("", script)


def _create_jobs() -> None:
    now = sa.text("now()")
    op.create_table(
        "jobs",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("uuid", sa.Uuid(), server_default=sa.text("gen_random_uuid()"), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("version", sa.SmallInteger(), nullable=False),
        sa.Column("payload", postgresql.JSONB(), nullable=False),
        sa.Column("queue", sa.Text(), nullable=False),
        sa.Column("priority", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("user_uuid", sa.Uuid()),
        sa.Column("status", sa.Text(), server_default="QUEUED", nullable=False),
        sa.Column("total", sa.BigInteger()),
        sa.Column("done", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("progress", sa.Double(), sa.Computed(_PROGRESS, persisted=True), nullable=False),
        sa.Column(
            "counters", postgresql.JSONB(), server_default=sa.text("'{}'::jsonb"), nullable=False
        ),
        sa.Column("batches", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("attempts", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("max_attempts", sa.Integer(), nullable=False),
        sa.Column("error_code", sa.Text()),
        sa.Column("error", sa.Text()),
        sa.Column("revision", sa.BigInteger(), server_default=sa.text("1"), nullable=False),
        sa.Column("locked_by", sa.Uuid()),
        sa.Column("run_at", sa.DateTime(timezone=True)),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=now, nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=now, nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True)),
        sa.Column("finished_at", sa.DateTime(timezone=True)),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_jobs")),
        sa.UniqueConstraint("uuid", name=op.f("uq_jobs_uuid")),
    )
    op.create_index("ix_jobs_created_at", "jobs", ["created_at", "id"])
    op.create_index("ix_jobs_user_uuid", "jobs", ["user_uuid", "created_at", "id"])
    op.create_index(
        "ix_jobs_finished_at",
        "jobs",
        ["finished_at"],
        postgresql_where=sa.text("finished_at IS NOT NULL"),
    )
    op.create_index(
        "ix_jobs_unfinished", "jobs", ["id"], postgresql_where=sa.text("finished_at IS NULL")
    )
    op.create_table(
        "job_records",
        sa.Column("job_id", sa.BigInteger(), nullable=False),
        sa.Column("record_id", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["job_id"], ["jobs.id"], name=op.f("fk_job_records_job_id_jobs"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("job_id", "record_id", name=op.f("pk_job_records")),
    )
