"""What taking an import back asks of PostgreSQL: a statement for each kind of record."""

from typing import Final

from sqlalchemy import Table

from db.giving_back import insert_kept
from db.import_tables import MADE_IDS
from db.rows import Row
from db.statements import Statement, sql
from db.tables import companies, contact_emails, contact_metadata, contact_phones, contacts

_NEVER_RESTORED: Final = frozenset({"id", "uuid", "version", "created_at", "updated_at"})
_REFERENCES: Final = {
    "owner_id": "users",
    "company_id": "companies",
    "parent_id": "companies",
    "merged_into_id": "contacts",
}
_IS_UNDONE: Final = {contacts: "contacts_undone", companies: "companies_undone"}
_TABLES: Final = (contacts, companies)
# So many imports may run at the same time, for the one that made a record to be found.
_NEAR: Final = 50

_OF_JOB: Final = "job_id = CAST(:job_id AS bigint)"
SETTLE: Final = sql(
    "UPDATE imports SET undone_at = coalesce(undone_at, now())"
    f" WHERE {_OF_JOB} AND undone_at IS NULL RETURNING job_id"
)
# What has the addresses that are given back, and gets others itself.
TAKE_HOLDERS: Final = sql(
    "DELETE FROM import_changes x USING contact_emails e"
    f" WHERE x.{_OF_JOB} AND x.entity = 'contacts' AND x.before IS NOT NULL"
    " AND e.contact_id = x.record_id AND e.email_key = ANY(CAST(:keys AS text[]))"
    " AND e.deleted_at IS NULL RETURNING x.record_id, x.version, x.before"
)
KEEP_SKIPPED: Final = sql(
    "INSERT INTO import_changes (job_id, entity, record_id, version)"
    " SELECT CAST(:job_id AS bigint), CAST(:entity AS text), id, -1"
    " FROM unnest(CAST(:ids AS bigint[])) AS skipped(id) ON CONFLICT DO NOTHING"
)
SET_PRIMARY: Final = sql(
    "UPDATE contacts c SET email = e.address, email_status = e.status"
    " FROM unnest(CAST(:ids AS bigint[])) AS wanted(id)"
    " LEFT JOIN contact_emails e ON e.contact_id = wanted.id AND e.is_primary"
    " WHERE c.id = wanted.id"
)
UUIDS: Final = sql("SELECT id, uuid FROM contacts WHERE id = ANY(CAST(:ids AS bigint[]))")
WITH_PEOPLE: Final = sql(
    "SELECT DISTINCT company_id FROM contacts"
    " WHERE company_id = ANY(CAST(:ids AS bigint[])) AND deleted_at IS NULL"
)
DELETE: Final = {
    contacts: sql(
        "DELETE FROM contacts c WHERE c.id = ANY(CAST(:ids AS bigint[]))"
        " AND NOT EXISTS (SELECT FROM activities a WHERE a.contact_id = c.id)"
        " AND NOT EXISTS (SELECT FROM contacts m WHERE m.merged_into_id = c.id) RETURNING c.id"
    ),
    companies: sql(
        "DELETE FROM companies c WHERE c.id = ANY(CAST(:ids AS bigint[]))"
        " AND NOT EXISTS (SELECT FROM contacts k WHERE k.company_id = c.id)"
        " AND NOT EXISTS (SELECT FROM companies s WHERE s.parent_id = c.id) RETURNING c.id"
    ),
}


def _made_ids(table: Table) -> str:
    """The column of a batch that lists what it made."""
    return MADE_IDS[table.name].name


def _lock(table: Table) -> Statement[Row]:
    return sql(
        "SELECT r.id, r.uuid, r.version = wanted.version AND r.deleted_at IS NULL"
        " AS is_untouched FROM unnest(CAST(:ids AS bigint[]), CAST(:versions AS integer[]))"
        f" AS wanted(id, version) JOIN {table.name} r ON r.id = wanted.id"
        " ORDER BY r.id FOR UPDATE OF r"
    )


def _take_changes(table: Table) -> Statement[Row]:
    return sql(
        f"DELETE FROM import_changes WHERE {_OF_JOB} AND entity = '{table.name}'"
        " AND record_id = ANY(ARRAY(SELECT record_id FROM import_changes"
        f" WHERE {_OF_JOB} AND entity = '{table.name}' AND before IS NOT NULL"
        " ORDER BY record_id LIMIT CAST(:most AS integer)))"
        " RETURNING record_id, version, before"
    )


def _take_made(table: Table) -> Statement[Row]:
    """The records of the last batch; those that stay are put back into its list."""
    return sql(
        f"WITH last AS (SELECT line, {_made_ids(table)} AS ids FROM import_batches"
        f" WHERE {_OF_JOB} AND NOT {_IS_UNDONE[table]} ORDER BY line DESC LIMIT 1)"
        f" UPDATE import_batches b SET {_IS_UNDONE[table]} = true, {_made_ids(table)} = '{{}}'"
        f" FROM last WHERE b.{_OF_JOB} AND b.line = last.line RETURNING last.line, last.ids"
    )


def _put_back(table: Table) -> Statement[Row]:
    return sql(
        f"UPDATE import_batches SET {_made_ids(table)} = CAST(:ids AS bigint[])"
        f" WHERE {_OF_JOB} AND line = CAST(:line AS integer)"
    )


def _versions(table: Table) -> Statement[Row]:
    """What the import made and a later batch of it changed has another version than the first."""
    return sql(
        "SELECT wanted.id, coalesce(x.version, 1) AS version"
        " FROM unnest(CAST(:ids AS bigint[])) AS wanted(id) LEFT JOIN import_changes x"
        f" ON x.{_OF_JOB} AND x.entity = '{table.name}' AND x.record_id = wanted.id"
    )


def _follow(table: Table) -> Statement[Row]:
    """What other imports left, and has a new version only since this one is taken back."""
    first = f"b.{_made_ids(table)}[1]"
    return sql(
        "WITH was AS (SELECT r.id, given.version AS old, r.version AS new"
        " FROM unnest(CAST(:ids AS bigint[]), CAST(:versions AS integer[]))"
        f" AS given(id, version) JOIN {table.name} r ON r.id = given.id),"
        " known AS (UPDATE import_changes x SET version = was.new FROM was"
        f" WHERE x.entity = '{table.name}' AND x.record_id = was.id AND x.version = was.old"
        " AND x.job_id <> CAST(:job_id AS bigint) RETURNING x.record_id)"
        " INSERT INTO import_changes (job_id, entity, record_id, version)"
        f" SELECT made.job_id, '{table.name}', was.id, was.new FROM was CROSS JOIN LATERAL"
        " (SELECT near.job_id FROM"
        f" (SELECT b.job_id, b.{_made_ids(table)} AS ids FROM import_batches b"
        f" WHERE {first} <= was.id ORDER BY {first} DESC LIMIT {_NEAR}) near"
        " WHERE was.id = ANY(near.ids)) made"
        " WHERE was.old = 1 AND made.job_id <> CAST(:job_id AS bigint) ON CONFLICT DO NOTHING"
    )


LOCK: Final = {table: _lock(table) for table in _TABLES}
TAKE_CHANGES: Final = {table: _take_changes(table) for table in _TABLES}
TAKE_MADE: Final = {table: _take_made(table) for table in _TABLES}
PUT_BACK: Final = {table: _put_back(table) for table in _TABLES}
VERSIONS: Final = {table: _versions(table) for table in _TABLES}
FOLLOW: Final = {table: _follow(table) for table in _TABLES}


def _restore(table: Table) -> Statement[Row]:
    """Give records the columns that they had."""
    names = [c.name for c in table.c if not (c.computed or c.name in _NEVER_RESTORED)]
    return sql(
        f"UPDATE {table.name} r SET {', '.join(f'{name} = {_was(name)}' for name in names)}"
        f" FROM jsonb_populate_recordset(CAST(NULL AS {table.name}), CAST(:rows AS jsonb)) was"
        " WHERE r.id = was.id"
    )


def _was(name: str) -> str:
    """The value that a column had; nothing where what it referred to is gone."""
    if name not in _REFERENCES:
        return f"was.{name}"
    return f"(SELECT o.id FROM {_REFERENCES[name]} o WHERE o.id = was.{name})"


RESTORE: Final = {table: _restore(table) for table in _TABLES}
INSERT: Final = {
    table: insert_kept(table) for table in (contact_metadata, contact_emails, contact_phones)
}
