"""The tables of durable jobs; procrastinate's own come from its migrations.

`jobs` is the truth about a job: how it stands, how far it is and who may go on with it. Triggers
count its revisions, keep its progress from going back and an end from being undone, and tell every
change over the channel `CHANNEL`.
"""

from typing import Final

from sqlalchemy import (
    BigInteger,
    Column,
    Computed,
    Double,
    ForeignKey,
    Index,
    Integer,
    SmallInteger,
    Table,
    Text,
    Uuid,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

from db.columns import id_column, metadata, moment, uuid_column
from domain.jobs import JobStatus

CHANNEL: Final = "appointment360_jobs"
"""Where PostgreSQL tells the id of each job that was changed, once the change is committed."""

_PROGRESS: Final = (
    "CASE WHEN status IN ('COMPLETED', 'COMPLETED_WITH_ERRORS') THEN 1.0"
    " WHEN total > 0 THEN least(1.0, done::double precision / total) ELSE 0.0 END"
)

jobs: Final = Table(
    "jobs",
    metadata,
    id_column(),
    uuid_column(),
    Column("kind", Text, nullable=False),
    Column("version", SmallInteger, nullable=False),
    Column("payload", JSONB, nullable=False),
    Column("queue", Text, nullable=False),
    Column("priority", Integer, nullable=False, server_default=text("0")),
    # The owner; a job of nobody is the server's own.
    Column("user_uuid", Uuid),
    Column("status", Text, nullable=False, server_default=JobStatus.QUEUED.value),
    Column("total", BigInteger),
    Column("done", BigInteger, nullable=False, server_default=text("0")),
    Column("progress", Double, Computed(_PROGRESS, persisted=True), nullable=False),
    Column("counters", JSONB, nullable=False, server_default=text("'{}'::jsonb")),
    # What it gives beyond its counters.
    Column("result", JSONB),
    # How many of a job's batches are committed.
    Column("batches", Integer, nullable=False, server_default=text("0")),
    Column("attempts", Integer, nullable=False, server_default=text("0")),
    Column("max_attempts", Integer, nullable=False),
    Column("error_code", Text),
    Column("error", Text),
    Column("revision", BigInteger, nullable=False, server_default=text("1")),
    # The fencing token: only who has it may write as this job.
    Column("locked_by", Uuid),
    # Not before this moment, nor before its next attempt.
    moment("run_at"),
    moment("created_at", now=True),
    moment("updated_at", now=True),
    moment("started_at"),
    moment("finished_at"),
    Index("ix_jobs_created_at", "created_at", "id"),
    Index("ix_jobs_user_uuid", "user_uuid", "created_at", "id"),
    Index("ix_jobs_finished_at", "finished_at", postgresql_where=text("finished_at IS NOT NULL")),
    Index("ix_jobs_unfinished", "id", postgresql_where=text("finished_at IS NULL")),
)

job_records: Final = Table(
    "job_records",
    metadata,
    Column("job_id", BigInteger, ForeignKey("jobs.id", ondelete="CASCADE"), primary_key=True),
    # Of contacts or companies, by the job's kind. What is done is taken out.
    Column("record_id", BigInteger, primary_key=True),
)
