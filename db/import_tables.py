"""The tables of imports: each belongs to the row of `jobs` that has its counters and its end.

What it takes to undo an import is kept by records, not by rows of the file: which were made, a list
for each batch, and how those that were changed had been before.
"""

from typing import Final

from sqlalchemy import (
    ARRAY,
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    Table,
    Text,
    Uuid,
    false,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

from db.columns import id_column, metadata, moment

_NO_IDS: Final = text("'{}'::bigint[]")
_NO_JSON: Final = text("'{}'::jsonb")

KEYS_OF_IMAGE: Final = (
    "jsonb_path_query_array(before, '$.*.email_key')"
    " || jsonb_path_query_array(before, '$.contact_metadata.linkedin_url ? (@ != null)')"
)
"""Of `import_changes`: the addresses and the profile that a contact had, in stored form."""

IS_IMAGE: Final = "entity = 'contacts' AND before IS NOT NULL"
"""Of `import_changes`: it tells how a contact was, by which erased people are found."""


def _job_id(*, is_key: bool) -> Column[int]:
    jobs = ForeignKey("jobs.id", ondelete="CASCADE")
    return Column("job_id", BigInteger, jobs, primary_key=is_key, nullable=False)


imports: Final = Table(
    "imports",
    metadata,
    _job_id(is_key=True),
    Column("user_uuid", Uuid),
    Column("upload_uuid", Uuid, nullable=False),
    Column("entity", Text, nullable=False),
    Column("filename", Text, nullable=False),
    Column("sha256", Text, nullable=False),
    # Of mapping and options: with the file's own, what tells that the same is asked for again.
    Column("request_hash", LargeBinary, nullable=False),
    # False once it stands in nobody's way: it was forced, undone, came to nothing, or only tried.
    Column("is_standing", Boolean, nullable=False),
    # As they were asked for.
    Column("mapping", JSONB, nullable=False, server_default=_NO_JSON),
    Column("options", JSONB, nullable=False, server_default=_NO_JSON),
    # How the file is written and where its columns go, once it was opened.
    Column("reading", JSONB),
    # The first byte, and its line, that no committed batch has read.
    Column("position", BigInteger, nullable=False, server_default=text("0")),
    Column("line", Integer, nullable=False, server_default=text("0")),
    # Nothing is written before a first look at all rows finds no fault.
    Column("is_checked", Boolean, nullable=False, server_default=false()),
    moment("created_at", now=True),
    Column("undo_job_id", BigInteger, ForeignKey("jobs.id", ondelete="SET NULL")),
    moment("undone_at"),
    Index(
        "uq_imports_standing",
        text("coalesce(user_uuid, '00000000-0000-0000-0000-000000000000')"),
        "sha256",
        "request_hash",
        unique=True,
        postgresql_where=text("is_standing"),
    ),
    Index("ix_imports_undo_job_id", "undo_job_id"),
)

import_batches: Final = Table(
    "import_batches",
    metadata,
    _job_id(is_key=True),
    Column("line", Integer, primary_key=True),
    # The records that the batch made, in the order of their making.
    Column("contact_ids", ARRAY(BigInteger), nullable=False, server_default=_NO_IDS),
    Column("company_ids", ARRAY(BigInteger), nullable=False, server_default=_NO_IDS),
    # What is left of them after an undo is what it had to leave.
    Column("contacts_undone", Boolean, nullable=False, server_default=false()),
    Column("companies_undone", Boolean, nullable=False, server_default=false()),
    # Batches make their records one after another: the first id tells which one made a record.
    Index("ix_import_batches_first_contact", "job_id", text("(contact_ids[1])")),
    Index("ix_import_batches_first_company", "job_id", text("(company_ids[1])")),
    # The same among the batches of all imports.
    Index("ix_import_batches_any_contact", text("(contact_ids[1])")),
    Index("ix_import_batches_any_company", text("(company_ids[1])")),
)

MADE_IDS: Final = {
    "contacts": import_batches.c.contact_ids,
    "companies": import_batches.c.company_ids,
}
"""Where the ids of the records stand that a batch made, by their table."""

import_changes: Final = Table(
    "import_changes",
    metadata,
    _job_id(is_key=True),
    Column("entity", Text, primary_key=True),
    Column("record_id", BigInteger, primary_key=True),
    # The version that the import left; -1 when somebody else came between two of its batches.
    Column("version", Integer, nullable=False),
    # Its rows as they were; null for a record that the import itself has made.
    Column("before", JSONB),
    Index("ix_import_changes_record_id", "record_id"),
    Index(
        "ix_import_changes_person_keys",
        text(f"({KEYS_OF_IMAGE})"),
        postgresql_using="gin",
        postgresql_where=text(IS_IMAGE),
    ),
)

import_errors: Final = Table(
    "import_errors",
    metadata,
    id_column(),
    _job_id(is_key=False),
    Column("line", Integer, nullable=False),
    Column("code", Text, nullable=False),
    Column("severity", Text, nullable=False),
    Column("message", Text, nullable=False),
    Column("column", Text, nullable=False),
    Column("field", Text, nullable=False),
    Column("raw", Text, nullable=False),
    Column("suggestion", Text, nullable=False),
    Index("ix_import_errors_job_id", "job_id", "line", "id"),
)

import_rejects: Final = Table(
    "import_rejects",
    metadata,
    _job_id(is_key=True),
    Column("line", Integer, primary_key=True),
    # As the file has them.
    Column("cells", ARRAY(Text), nullable=False),
    # The addresses and profiles among them, in stored form, by which erased people are found.
    Column("person_keys", ARRAY(Text), nullable=False),
    Index("ix_import_rejects_person_keys", "person_keys", postgresql_using="gin"),
)
