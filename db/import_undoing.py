"""Taking back what an import has written, a part at a time, the newest first.

A record that it changed gets all the rows back that it had before; one that it made is removed.
What somebody has changed, deleted or merged since stays as it is, and is told. Versions and the
time of the last change go on: nobody's copy of a record is older than it thinks.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

from sqlalchemy import Table, text

from db.import_tables import import_errors
from db.merges import as_json
from db.rows import Row
from db.staging_writing import copy_rows, sql
from db.statements import Statement
from db.suppressions import suppressed
from db.tables import companies, contact_emails, contact_metadata, contact_phones, contacts
from db.transaction import Transaction
from domain.changes import CompaniesLoaded, ContactsLoaded
from domain.enums import SuppressedKey
from domain.imports import ImportErrorCode, Severity
from domain.privacy import PersonKey

_NEVER_RESTORED: Final = frozenset({"id", "uuid", "version", "created_at", "updated_at"})

_TAKE_CHANGES: Final = sql(
    "DELETE FROM import_changes WHERE job_id = CAST(:job_id AS bigint) AND (entity, record_id) IN"
    " (SELECT entity, record_id FROM import_changes WHERE job_id = CAST(:job_id AS bigint)"
    # Contacts first: what refers to a company goes, or goes back, before the company does.
    " AND before IS NOT NULL ORDER BY entity DESC, record_id LIMIT CAST(:most AS integer))"
    " RETURNING entity, record_id, version, before"
)
_TAKE_BATCH: Final = sql(
    "DELETE FROM import_batches WHERE job_id = CAST(:job_id AS bigint) AND line ="
    " (SELECT max(line) FROM import_batches WHERE job_id = CAST(:job_id AS bigint))"
    " RETURNING contact_ids, company_ids"
)
_SETTLE: Final = sql(
    "UPDATE imports SET undone_at = coalesce(undone_at, now())"
    " WHERE job_id = CAST(:job_id AS bigint) AND undone_at IS NULL RETURNING job_id"
)
_STILL: Final = (
    "SELECT r.id, r.uuid, r.version = wanted.version AND r.deleted_at IS NULL AS is_untouched"
    " FROM unnest(CAST(:ids AS bigint[]), CAST(:versions AS integer[])) AS wanted(id, version)"
    " JOIN {table} r ON r.id = wanted.id ORDER BY r.id FOR UPDATE OF r"
)
_LOCK: Final = {
    table: Statement(text(_STILL.format(table=table.name)), Row) for table in (contacts, companies)
}
# What the import made and a later batch of it changed has another version than the first.
_VERSIONS: Final = sql(
    "SELECT wanted.id, coalesce(x.version, 1) AS version"
    " FROM unnest(CAST(:ids AS bigint[])) AS wanted(id) LEFT JOIN import_changes x"
    " ON x.job_id = CAST(:job_id AS bigint) AND x.entity = :entity AND x.record_id = wanted.id"
)
_DELETE: Final = {
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
_FREE_ADDRESSES: Final = sql(
    "DELETE FROM contact_emails WHERE contact_id = ANY(CAST(:ids AS bigint[]))"
)
_FREE_NUMBERS: Final = sql(
    "DELETE FROM contact_phones WHERE contact_id = ANY(CAST(:ids AS bigint[]))"
)
_DROP_METADATA: Final = sql(
    "DELETE FROM contact_metadata WHERE contact_id = ANY(CAST(:ids AS bigint[]))"
)
_LOST_ADDRESSES: Final = sql(
    "SELECT c.id, c.uuid FROM contacts c WHERE c.id = ANY(CAST(:ids AS bigint[]))"
    " AND c.email_key IS NOT NULL AND NOT EXISTS (SELECT FROM contact_emails e"
    " WHERE e.contact_id = c.id AND e.email_key = c.email_key)"
)
_SET_PRIMARY: Final = sql(
    "UPDATE contacts c SET email = e.address, email_status = e.status"
    " FROM unnest(CAST(:ids AS bigint[])) AS wanted(id) LEFT JOIN LATERAL"
    " (SELECT address, status FROM contact_emails WHERE contact_id = wanted.id"
    " ORDER BY is_primary DESC, position LIMIT 1) e ON true WHERE c.id = wanted.id"
)


def _names(table: Table) -> list[str]:
    return [column.name for column in table.c if not column.computed]


def _restore(table: Table) -> Statement[Row]:
    """Give records the columns that they had."""
    names = [name for name in _names(table) if name not in _NEVER_RESTORED]
    return Statement(
        text(
            f"UPDATE {table.name} r SET {', '.join(f'{name} = was.{name}' for name in names)}"
            f" FROM jsonb_populate_recordset(CAST(NULL AS {table.name}), CAST(:rows AS jsonb)) was"
            " WHERE r.id = was.id"
        ),
        Row,
    )


def _insert(table: Table) -> Statement[Row]:
    """The rows that belonged to records; an address that another contact has by now is left out."""
    names = ", ".join(_names(table))
    overriding = "" if table is contact_metadata else " OVERRIDING SYSTEM VALUE"
    return Statement(
        text(
            f"INSERT INTO {table.name} ({names}){overriding} SELECT {names}"
            f" FROM jsonb_populate_recordset(CAST(NULL AS {table.name}), CAST(:rows AS jsonb))"
            " ON CONFLICT DO NOTHING"
        ),
        Row,
    )


_RESTORE: Final = {table: _restore(table) for table in (contacts, companies)}
_BELONGINGS: Final = {
    contact_metadata: (_DROP_METADATA, _insert(contact_metadata)),
    contact_emails: (_FREE_ADDRESSES, _insert(contact_emails)),
    contact_phones: (_FREE_NUMBERS, _insert(contact_phones)),
}
_KINDS: Final = {contacts: "contact", companies: "company"}


class Undone(NamedTuple):
    """What became of some records."""

    removed: int = 0
    restored: int = 0
    skipped: int = 0

    @property
    def total(self) -> int:
        """How many records it was about."""
        return sum(self)


async def undo_changes(
    tx: Transaction, import_id: int, *, undo_job_id: int, most: int
) -> Undone | None:
    """Give some of the records that an import changed back what they had; None when none is left.

    Args:
        undo_job_id: Where what is told about records is kept.
    """
    taken = await tx.fetch(_TAKE_CHANGES, {"job_id": import_id, "most": most})
    if not taken:
        return None
    done = Undone()
    for table in (contacts, companies):
        rows = [row for row in taken if row["entity"] == table.name]
        versions = {row["record_id"]: row["version"] for row in rows}
        untouched, skipped = await _untouched(tx, table, versions, undo_job_id)
        images = [row["before"] for row in rows if row["record_id"] in untouched]
        await _give_back(tx, table, images, undo_job_id)
        _record(tx, table, len(images))
        done = Undone(0, done.restored + len(images), done.skipped + skipped)
    return done


async def undo_batch(tx: Transaction, import_id: int, *, undo_job_id: int) -> Undone | None:
    """Remove the records that the last batch of an import made; None when no batch is left."""
    batch = await tx.fetch_one(_TAKE_BATCH, {"job_id": import_id})
    if batch is None:
        return None
    removed = skipped = 0
    for table, ids in ((contacts, batch["contact_ids"]), (companies, batch["company_ids"])):
        if not ids:
            continue
        asked = {"job_id": import_id, "entity": table.name, "ids": ids}
        versions = {row["id"]: row["version"] for row in await tx.fetch(_VERSIONS, asked)}
        gone, left = await _remove(tx, table, versions, undo_job_id)
        _record(tx, table, gone)
        removed, skipped = removed + gone, skipped + left
    return Undone(removed, 0, skipped)


async def settle_undo(tx: Transaction, import_id: int) -> bool:
    """All of the import is taken back; False when that was noted before."""
    return await tx.fetch_one(_SETTLE, {"job_id": import_id}) is not None


async def _untouched(
    tx: Transaction, table: Table, versions: Mapping[int, int], undo_job_id: int
) -> tuple[set[int], int]:
    """The records that are as the import left them, locked; and how many are not."""
    if not versions:
        return set(), 0
    asked = {"ids": list(versions), "versions": list(versions.values())}
    rows = await tx.fetch(_LOCK[table], asked)
    edited = [row for row in rows if not row["is_untouched"]]
    await _tell(tx, undo_job_id, table, edited, "It was changed after the import, and so it stays.")
    untouched = {row["id"] for row in rows if row["is_untouched"]}
    return untouched, len(versions) - len(untouched)


async def _remove(
    tx: Transaction, table: Table, versions: Mapping[int, int], undo_job_id: int
) -> tuple[int, int]:
    """Remove the records that nothing has come to since; how many went and how many stayed."""
    untouched, _ = await _untouched(tx, table, versions, undo_job_id)
    gone = {row["id"] for row in await tx.fetch(_DELETE[table], {"ids": list(untouched)})}
    asked = {"ids": list(kept := untouched - gone), "versions": [versions[id_] for id_ in kept]}
    rows = await tx.fetch(_LOCK[table], asked) if kept else []
    message = "Something else belongs to it by now, and so it stays."
    await _tell(tx, undo_job_id, table, rows, message)
    return len(gone), len(versions) - len(gone)


async def _give_back(
    tx: Transaction, table: Table, images: Sequence[Mapping[str, Any]], undo_job_id: int
) -> None:
    """Restore records to their images."""
    if not images:
        return
    await tx.fetch(_RESTORE[table], {"rows": as_json([image[table.name] for image in images])})
    if table is not contacts:
        return
    ids = [image["contacts"]["id"] for image in images]
    refused = await _refused_addresses(tx, images)
    for belonging, (drop, insert) in _BELONGINGS.items():
        await tx.fetch(drop, {"ids": ids})
        rows = [row for image in images for row in _rows(image, belonging, refused)]
        if rows:
            await tx.fetch(insert, {"rows": as_json(rows)})
    lost = await tx.fetch(_LOST_ADDRESSES, {"ids": ids})
    if lost:
        await tx.fetch(_SET_PRIMARY, {"ids": [row["id"] for row in lost]})
        message = "An address that it had belongs to another contact by now, and stays there."
        await _tell(tx, undo_job_id, table, lost, message)


async def _refused_addresses(tx: Transaction, images: Sequence[Mapping[str, Any]]) -> set[str]:
    """Addresses of people who were erased meanwhile."""
    keys = {
        PersonKey(SuppressedKey.EMAIL, row["email_key"])
        for image in images
        for row in image["contact_emails"] or ()
    }
    return {key.value for key in await suppressed(tx, keys)} if keys else set()


def _rows(
    image: Mapping[str, Any], belonging: Table, refused: set[str]
) -> Sequence[Mapping[str, Any]]:
    rows: Any = image[belonging.name] or []
    if belonging is contact_metadata:
        return [rows] if rows else []
    return [row for row in rows if row.get("email_key") not in refused]


async def _tell(
    tx: Transaction, undo_job_id: int, table: Table, rows: Sequence[Row], message: str
) -> None:
    """Keep why records stay as they are."""
    told = [
        {
            "job_id": undo_job_id,
            "line": 0,
            "code": ImportErrorCode.EDITED_SINCE.value,
            "severity": Severity.ERROR.value,
            "message": f"The {_KINDS[table]} {row['uuid']}: {message}",
            "column": "",
            "field": "",
            "raw": str(row["uuid"]),
            "suggestion": "",
        }
        for row in rows
    ]
    await copy_rows(tx, import_errors, told)


def _record(tx: Transaction, table: Table, rows: int) -> None:
    if rows:
        tx.record(ContactsLoaded(rows=rows) if table is contacts else CompaniesLoaded(rows=rows))
