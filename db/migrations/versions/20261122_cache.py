"""What processes agree on about their caches, and triggers for changes that come from elsewhere.

Every change is noted while something is cached. Who is trusted takes the note back, having said
itself what is out of date; what is left gives a new epoch at COMMIT, by a deferred trigger. Until
then the row that has the epoch is free, so a transaction that stays open keeps nobody else from
committing.
"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0004"
down_revision: str | None = "0003"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

_LOCK = 360_001_003_600
_WATCHED = (
    "contacts",
    "contact_emails",
    "contact_phones",
    "contact_metadata",
    "activities",
    "companies",
)

# Whoever may write a record may not therefore write these tables, nor need they find them by name.
_AS_OWNER = "LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT"

_FUNCTIONS = (
    # Under another isolation what is seen here may be older than the lock.
    f"""
    CREATE FUNCTION note_change_for_caches() RETURNS trigger {_AS_OWNER} AS $$
    DECLARE
        is_certain boolean := TG_NARGS > 0
            OR current_setting('transaction_isolation') <> 'read committed';
    BEGIN
        PERFORM pg_advisory_xact_lock_shared({_LOCK});
        IF is_certain OR EXISTS (
            SELECT FROM cache_state WHERE trusted IS NOT NULL AND off_since IS NULL
        ) THEN
            INSERT INTO cache_changes VALUES (pg_current_xact_id()::text, is_certain)
            ON CONFLICT (transaction) DO UPDATE SET is_certain = true
            WHERE excluded.is_certain AND NOT cache_changes.is_certain;
        END IF;
        RETURN NULL;
    END $$
    """,
    f"""
    CREATE FUNCTION renew_cache_epoch() RETURNS trigger {_AS_OWNER} AS $$
    BEGIN
        DELETE FROM cache_changes WHERE transaction = NEW.transaction;
        IF FOUND THEN
            UPDATE cache_state SET epoch = gen_random_uuid();
        END IF;
        RETURN NULL;
    END $$
    """,
)
_TRIGGERS = (
    *(
        f"CREATE TRIGGER note_change_for_caches AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE"
        f" ON {table} FOR EACH STATEMENT EXECUTE FUNCTION note_change_for_caches()"
        for table in _WATCHED
    ),
    "CREATE TRIGGER note_change_for_caches"
    " AFTER UPDATE OF uuid, email, name, role OR DELETE OR TRUNCATE ON users"
    " FOR EACH STATEMENT EXECUTE FUNCTION note_change_for_caches('always')",
    "CREATE CONSTRAINT TRIGGER renew_cache_epoch AFTER INSERT ON cache_changes"
    " DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION renew_cache_epoch()",
    # Also for sessions that take themselves for a replica, as tools that fill tables do.
    *(
        f"ALTER TABLE {table} ENABLE ALWAYS TRIGGER note_change_for_caches"
        for table in (*_WATCHED, "users")
    ),
    "ALTER TABLE cache_changes ENABLE ALWAYS TRIGGER renew_cache_epoch",
)


def upgrade() -> None:
    """Make the tables and the triggers."""
    op.create_table(
        "cache_state",
        sa.Column("is_only", sa.Boolean(), server_default=sa.true(), nullable=False),
        sa.Column("epoch", sa.Uuid(), server_default=sa.text("gen_random_uuid()"), nullable=False),
        sa.Column("trusted", sa.Text()),
        sa.Column("life", sa.Text()),
        sa.Column("off_since", sa.DateTime(timezone=True)),
        sa.Column("off_renewed_at", sa.DateTime(timezone=True)),
        sa.CheckConstraint("is_only", name=op.f("ck_cache_state_is_only")),
        sa.PrimaryKeyConstraint("is_only", name=op.f("pk_cache_state")),
    )
    op.create_table(
        "cache_changes",
        sa.Column("transaction", sa.Text(), nullable=False),
        sa.Column("is_certain", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.PrimaryKeyConstraint("transaction", name=op.f("pk_cache_changes")),
    )
    for statement in (*_FUNCTIONS, *_TRIGGERS, "INSERT INTO cache_state DEFAULT VALUES"):
        op.execute(statement)


def downgrade() -> None:
    """Drop them again."""
    for table in (*_WATCHED, "users"):
        op.execute(f"DROP TRIGGER note_change_for_caches ON {table}")
    op.drop_table("cache_changes")
    op.drop_table("cache_state")
    for name in ("renew_cache_epoch", "note_change_for_caches"):
        op.execute(f"DROP FUNCTION {name}()")
