"""What is forgotten with time, a part at a time, so that nothing is locked for long."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from db.rows import Row
from db.statements import Statement, sql
from db.transaction import Transaction
from domain.changes import Change, ContactsLoaded


@dataclass(frozen=True)
class Prune:
    """One kind of rows that grow old.

    Attributes:
        name: For the log.
        statement: Forgets at most `most` of those older than `age` seconds, and gives them.
        changes: What that is to records, given how many rows it was.
    """

    name: str
    statement: Statement[Row]
    changes: Callable[[int], Change] | None = None

    async def run(self, tx: Transaction, *, age_seconds: float, most: int) -> int:
        """Forget some; how many they were. Fewer than `most` means that none is left."""
        gone = len(await tx.fetch(self.statement, {"age": age_seconds, "most": most}))
        if gone and self.changes is not None:
            tx.record(self.changes(gone))
        return gone


def _prune(name: str, query: str, *, changes: Callable[[int], Change] | None = None) -> Prune:
    old = "now() - make_interval(secs => CAST(:age AS double precision))"
    most = "LIMIT CAST(:most AS bigint) FOR UPDATE SKIP LOCKED"
    return Prune(name, sql(query.format(old=old, most=most)), changes)


JOBS: Final = _prune(
    "jobs",
    "WITH gone AS (SELECT id FROM jobs WHERE finished_at < {old} ORDER BY finished_at {most})"
    " DELETE FROM jobs USING gone WHERE jobs.id = gone.id RETURNING jobs.id",
)
JOB_RECORDS: Final = _prune(
    "job_records",
    "WITH gone AS (SELECT r.job_id, r.record_id FROM jobs j JOIN job_records r ON r.job_id = j.id"
    " WHERE j.finished_at < {old} LIMIT CAST(:most AS bigint))"
    " DELETE FROM job_records r USING gone"
    " WHERE r.job_id = gone.job_id AND r.record_id = gone.record_id RETURNING r.job_id",
)
IDEMPOTENCY_KEYS: Final = _prune(
    "idempotency_keys",
    "WITH gone AS (SELECT user_uuid, key FROM idempotency_keys WHERE created_at < {old}"
    " ORDER BY created_at {most})"
    " DELETE FROM idempotency_keys k USING gone"
    " WHERE k.user_uuid = gone.user_uuid AND k.key = gone.key RETURNING k.key",
)
ACTIVITIES: Final = _prune(
    "activities",
    "WITH gone AS (SELECT id FROM activities WHERE occurred_at < {old} ORDER BY occurred_at {most})"
    " DELETE FROM activities USING gone WHERE activities.id = gone.id RETURNING activities.id",
    changes=lambda rows: ContactsLoaded(rows=rows),
)
MERGE_UNDO: Final = _prune(
    "merge_undo",
    "WITH gone AS (SELECT id FROM contact_merges WHERE undo <> '{{}}' AND created_at < {old}"
    " ORDER BY created_at {most})"
    " UPDATE contact_merges m SET undo = '{{}}' FROM gone WHERE m.id = gone.id RETURNING m.id",
)
# Once one begins to be undone, that is to come to its end. The ids stay: they tell who came by it.
IMPORT_UNDO: Final = _prune(
    "import_undo",
    "WITH gone AS (SELECT x.job_id, x.entity, x.record_id FROM jobs j"
    " JOIN imports i ON i.job_id = j.id AND i.undo_job_id IS NULL"
    " JOIN import_changes x ON x.job_id = j.id AND x.before IS NOT NULL"
    " WHERE j.finished_at < {old} LIMIT CAST(:most AS bigint))"
    " UPDATE import_changes x SET before = NULL FROM gone WHERE x.job_id = gone.job_id"
    " AND x.entity = gone.entity AND x.record_id = gone.record_id RETURNING x.record_id",
)

# Their refresh tokens go with them.
SESSIONS: Final = _prune(
    "sessions",
    "WITH gone AS (SELECT uuid FROM sessions WHERE expires_at < {old} OR revoked_at < {old}"
    " {most}) DELETE FROM sessions USING gone WHERE sessions.uuid = gone.uuid"
    " RETURNING sessions.uuid",
)
REFRESH_TOKENS: Final = _prune(
    "refresh_tokens",
    "WITH gone AS (SELECT token_hash FROM refresh_tokens WHERE used_at < {old} {most})"
    " DELETE FROM refresh_tokens r USING gone WHERE r.token_hash = gone.token_hash"
    " RETURNING r.session_uuid",
)
API_TOKENS: Final = _prune(
    "api_tokens",
    "WITH gone AS (SELECT id FROM api_tokens WHERE expires_at < {old} OR revoked_at < {old}"
    " {most}) DELETE FROM api_tokens USING gone WHERE api_tokens.id = gone.id"
    " RETURNING api_tokens.id",
)


def _prune_parts(table: str, *key: str) -> Prune:
    """What imports have left goes part by part, before their jobs go as a whole."""
    columns = ", ".join(f"t.{column}" for column in key)
    same = " AND ".join(f"t.{column} = gone.{column}" for column in key)
    return _prune(
        table,
        f"WITH gone AS (SELECT t.job_id, {columns} FROM jobs j JOIN {table} t ON t.job_id = j.id"
        " WHERE j.finished_at < {old} LIMIT CAST(:most AS bigint))"
        f" DELETE FROM {table} t USING gone WHERE t.job_id = gone.job_id AND {same}"
        " RETURNING t.job_id",
    )


IMPORT_ERRORS: Final = _prune_parts("import_errors", "id")
IMPORT_REJECTS: Final = _prune_parts("import_rejects", "line")
IMPORT_CHANGES: Final = _prune_parts("import_changes", "entity", "record_id")
