"""Taking back what an import has written, a part at a time, the newest first.

A record that it changed gets all the rows back that it had before; one that it made is removed.
What somebody has changed, deleted or merged since stays as it is, and is told. Versions and the
time of the last change go on: nobody's copy of a record is older than it thinks.
"""

from collections.abc import Iterator, Mapping, Sequence, Set
from typing import Any, Final, NamedTuple

from sqlalchemy import Table, text

from db.import_tables import import_errors
from db.merges import as_json
from db.rows import Row
from db.staging_writing import copy_rows, sql
from db.statements import Statement
from db.suppressions import share_list, suppressed
from db.tables import companies, contact_emails, contact_metadata, contact_phones, contacts
from db.transaction import Transaction
from domain.changes import CompaniesLoaded, ContactsLoaded
from domain.enums import SuppressedKey
from domain.imports import ImportErrorCode, Severity
from domain.privacy import PersonKey

Image = Mapping[str, Any]
"""The rows of a record as they were, by their tables."""

_NEVER_RESTORED: Final = frozenset({"id", "uuid", "version", "created_at", "updated_at"})
_REFERENCES: Final = {
    "owner_id": "users",
    "company_id": "companies",
    "parent_id": "companies",
    "merged_into_id": "contacts",
}
_LISTS: Final = {contacts: "contact_ids", companies: "company_ids"}
_IS_UNDONE: Final = {contacts: "contacts_undone", companies: "companies_undone"}
_KINDS: Final = {contacts: "contact", companies: "company"}
# So many imports may run at the same time, for the one that made a record to be found.
_NEAR: Final = 50

_OF_JOB: Final = "job_id = CAST(:job_id AS bigint)"
_SETTLE: Final = sql(
    "UPDATE imports SET undone_at = coalesce(undone_at, now())"
    f" WHERE {_OF_JOB} AND undone_at IS NULL RETURNING job_id"
)
# What has the addresses that are given back, and gets others itself.
_TAKE_HOLDERS: Final = sql(
    "DELETE FROM import_changes x USING contact_emails e"
    f" WHERE x.{_OF_JOB} AND x.entity = 'contacts' AND x.before IS NOT NULL"
    " AND e.contact_id = x.record_id AND e.email_key = ANY(CAST(:keys AS text[]))"
    " AND e.deleted_at IS NULL RETURNING x.record_id, x.version, x.before"
)
_KEEP_SKIPPED: Final = sql(
    "INSERT INTO import_changes (job_id, entity, record_id, version)"
    " SELECT CAST(:job_id AS bigint), CAST(:entity AS text), id, -1"
    " FROM unnest(CAST(:ids AS bigint[])) AS skipped(id) ON CONFLICT DO NOTHING"
)
_FREE_ADDRESSES: Final = sql(
    "DELETE FROM contact_emails WHERE contact_id = ANY(CAST(:ids AS bigint[]))"
)
_FREE_NUMBERS: Final = sql(
    "DELETE FROM contact_phones WHERE contact_id = ANY(CAST(:ids AS bigint[]))"
)
_DROP_METADATA: Final = sql(
    "DELETE FROM contact_metadata WHERE contact_id = ANY(CAST(:ids AS bigint[]))"
)
_ELECT: Final = sql(
    "UPDATE contact_emails SET is_primary = true WHERE NOT is_primary AND id IN"
    " (SELECT DISTINCT ON (contact_id) id FROM contact_emails"
    " WHERE contact_id = ANY(CAST(:ids AS bigint[]))"
    " ORDER BY contact_id, is_primary DESC, position)"
)
_SET_PRIMARY: Final = sql(
    "UPDATE contacts c SET email = e.address, email_status = e.status"
    " FROM unnest(CAST(:ids AS bigint[])) AS wanted(id)"
    " LEFT JOIN contact_emails e ON e.contact_id = wanted.id AND e.is_primary"
    " WHERE c.id = wanted.id"
)
_UUIDS: Final = sql("SELECT id, uuid FROM contacts WHERE id = ANY(CAST(:ids AS bigint[]))")
_WITH_PEOPLE: Final = sql(
    "SELECT DISTINCT company_id FROM contacts"
    " WHERE company_id = ANY(CAST(:ids AS bigint[])) AND deleted_at IS NULL"
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


def _lock(table: Table) -> Statement[Row]:
    return Statement(
        text(
            "SELECT r.id, r.uuid, r.version = wanted.version AND r.deleted_at IS NULL"
            " AS is_untouched FROM unnest(CAST(:ids AS bigint[]), CAST(:versions AS integer[]))"
            f" AS wanted(id, version) JOIN {table.name} r ON r.id = wanted.id"
            " ORDER BY r.id FOR UPDATE OF r"
        ),
        Row,
    )


def _take_changes(table: Table) -> Statement[Row]:
    return Statement(
        text(
            f"DELETE FROM import_changes WHERE {_OF_JOB} AND entity = '{table.name}'"
            " AND record_id = ANY(ARRAY(SELECT record_id FROM import_changes"
            f" WHERE {_OF_JOB} AND entity = '{table.name}' AND before IS NOT NULL"
            " ORDER BY record_id LIMIT CAST(:most AS integer)))"
            " RETURNING record_id, version, before"
        ),
        Row,
    )


def _take_made(table: Table) -> Statement[Row]:
    """The records of the last batch; those that stay are put back into its list."""
    return Statement(
        text(
            f"WITH last AS (SELECT line, {_LISTS[table]} AS ids FROM import_batches"
            f" WHERE {_OF_JOB} AND NOT {_IS_UNDONE[table]} ORDER BY line DESC LIMIT 1)"
            f" UPDATE import_batches b SET {_IS_UNDONE[table]} = true, {_LISTS[table]} = '{{}}'"
            f" FROM last WHERE b.{_OF_JOB} AND b.line = last.line RETURNING last.line, last.ids"
        ),
        Row,
    )


def _put_back(table: Table) -> Statement[Row]:
    return Statement(
        text(
            f"UPDATE import_batches SET {_LISTS[table]} = CAST(:ids AS bigint[])"
            f" WHERE {_OF_JOB} AND line = CAST(:line AS integer)"
        ),
        Row,
    )


def _versions(table: Table) -> Statement[Row]:
    """What the import made and a later batch of it changed has another version than the first."""
    return Statement(
        text(
            "SELECT wanted.id, coalesce(x.version, 1) AS version"
            " FROM unnest(CAST(:ids AS bigint[])) AS wanted(id) LEFT JOIN import_changes x"
            f" ON x.{_OF_JOB} AND x.entity = '{table.name}' AND x.record_id = wanted.id"
        ),
        Row,
    )


def _follow(table: Table) -> Statement[Row]:
    """What other imports left, and has a new version only since this one is taken back."""
    first = f"b.{_LISTS[table]}[1]"
    return Statement(
        text(
            "WITH was AS (SELECT r.id, given.version AS old, r.version AS new"
            " FROM unnest(CAST(:ids AS bigint[]), CAST(:versions AS integer[]))"
            f" AS given(id, version) JOIN {table.name} r ON r.id = given.id),"
            " known AS (UPDATE import_changes x SET version = was.new FROM was"
            f" WHERE x.entity = '{table.name}' AND x.record_id = was.id AND x.version = was.old"
            " AND x.job_id <> CAST(:job_id AS bigint) RETURNING x.record_id)"
            " INSERT INTO import_changes (job_id, entity, record_id, version)"
            f" SELECT made.job_id, '{table.name}', was.id, was.new FROM was CROSS JOIN LATERAL"
            " (SELECT near.job_id FROM"
            f" (SELECT b.job_id, b.{_LISTS[table]} AS ids FROM import_batches b"
            f" WHERE {first} <= was.id ORDER BY {first} DESC LIMIT {_NEAR}) near"
            " WHERE was.id = ANY(near.ids)) made"
            " WHERE was.old = 1 AND made.job_id <> CAST(:job_id AS bigint) ON CONFLICT DO NOTHING"
        ),
        Row,
    )


_LOCK: Final = {table: _lock(table) for table in _KINDS}
_TAKE_CHANGES: Final = {table: _take_changes(table) for table in _KINDS}
_TAKE_MADE: Final = {table: _take_made(table) for table in _KINDS}
_PUT_BACK: Final = {table: _put_back(table) for table in _KINDS}
_VERSIONS: Final = {table: _versions(table) for table in _KINDS}
_FOLLOW: Final = {table: _follow(table) for table in _KINDS}


def _names(table: Table) -> list[str]:
    return [column.name for column in table.c if not column.computed]


def _restore(table: Table) -> Statement[Row]:
    """Give records the columns that they had."""
    names = [name for name in _names(table) if name not in _NEVER_RESTORED]
    return Statement(
        text(
            f"UPDATE {table.name} r SET {', '.join(f'{name} = {_was(name)}' for name in names)}"
            f" FROM jsonb_populate_recordset(CAST(NULL AS {table.name}), CAST(:rows AS jsonb)) was"
            " WHERE r.id = was.id"
        ),
        Row,
    )


def _was(name: str) -> str:
    """The value that a column had; nothing where what it referred to is gone."""
    if name not in _REFERENCES:
        return f"was.{name}"
    return f"(SELECT o.id FROM {_REFERENCES[name]} o WHERE o.id = was.{name})"


def _insert(table: Table) -> Statement[Row]:
    """The rows that belonged to records; an address that another contact has by now is left out."""
    names = ", ".join(_names(table))
    overriding = "" if table is contact_metadata else " OVERRIDING SYSTEM VALUE"
    return Statement(
        text(
            f"INSERT INTO {table.name} ({names}){overriding} SELECT {names}"
            f" FROM jsonb_populate_recordset(CAST(NULL AS {table.name}), CAST(:rows AS jsonb))"
            f" ON CONFLICT DO NOTHING RETURNING {table.name}.*"
        ),
        Row,
    )


_RESTORE: Final = {table: _restore(table) for table in (contacts, companies)}
_BELONGINGS: Final = {
    contact_metadata: (_DROP_METADATA, _insert(contact_metadata)),
    contact_emails: (_FREE_ADDRESSES, _insert(contact_emails)),
    contact_phones: (_FREE_NUMBERS, _insert(contact_phones)),
}


class Undone(NamedTuple):
    """What became of some records."""

    removed: int = 0
    restored: int = 0
    skipped: int = 0

    @property
    def total(self) -> int:
        """How many records it was about."""
        return sum(self)


class Part(NamedTuple):
    """What an import has done to records of one kind."""

    table: Table
    is_made: bool


PARTS: Final = (
    Part(contacts, is_made=True),
    Part(contacts, is_made=False),
    Part(companies, is_made=False),
    Part(companies, is_made=True),
)
"""In this order, so that addresses are free, and nothing refers to a company, when it comes."""


async def take_back(
    tx: Transaction, import_id: int, part: Part, *, undo_job_id: int, most: int
) -> Undone | None:
    """Take back a piece of a part of an import; None when nothing is left of it.

    Args:
        undo_job_id: Where what is told about records is kept.
        most: Of records that were changed; what was made goes by its batch.
    """
    await share_list(tx)
    undoing = _Undoing(tx, import_id, undo_job_id=undo_job_id)
    if part.is_made:
        return await undoing.remove_made(part.table)
    return await undoing.restore_changed(part.table, most=most)


async def settle_undo(tx: Transaction, import_id: int) -> bool:
    """All of the import is taken back; False when that was noted before."""
    return await tx.fetch_one(_SETTLE, {"job_id": import_id}) is not None


class _Undoing:
    """Takes back what an import has written, in the transaction of one step."""

    def __init__(self, tx: Transaction, import_id: int, *, undo_job_id: int) -> None:
        self._tx = tx
        self._job = {"job_id": import_id}
        self._undo_job_id = undo_job_id

    async def remove_made(self, table: Table) -> Undone | None:
        """Remove the records that the last batch made; None when no batch is left."""
        batch = await self._tx.fetch_one(_TAKE_MADE[table], self._job)
        if batch is None:
            return None
        asked = {**self._job, "ids": batch["ids"]}
        versions = {
            row["id"]: row["version"] for row in await self._tx.fetch(_VERSIONS[table], asked)
        }
        untouched = await self._untouched(table, versions)
        gone = {row["id"] for row in await self._tx.fetch(_DELETE[table], {"ids": list(untouched)})}
        await self._tell_kept(table, {id_: versions[id_] for id_ in untouched - gone})
        if left := [id_ for id_ in batch["ids"] if id_ not in gone]:
            await self._tx.fetch(
                _PUT_BACK[table], {**self._job, "line": batch["line"], "ids": left}
            )
        self._record(table, len(gone))
        return Undone(len(gone), 0, len(left))

    async def restore_changed(self, table: Table, *, most: int) -> Undone | None:
        """Give some records back what they had before; None when none is left."""
        taken = await self._tx.fetch(_TAKE_CHANGES[table], {**self._job, "most": most})
        if not taken:
            return None
        if table is contacts:
            taken += await self._holders(taken)
        versions = {row["record_id"]: row["version"] for row in taken}
        untouched = await self._untouched(table, versions)
        images = [row["before"] for row in taken if row["record_id"] in untouched]
        if table is companies:
            images = await self._without_revived(images)
        await self._give_back(table, images)
        restored = {image[table.name]["id"] for image in images}
        skipped = [id_ for id_ in versions if id_ not in restored]
        asked = {**self._job, "entity": table.name, "ids": skipped}
        await self._tx.fetch(_KEEP_SKIPPED, asked)
        self._record(table, len(restored))
        return Undone(0, len(restored), len(skipped))

    async def _holders(self, taken: Sequence[Row]) -> list[Row]:
        """Those that the import gave addresses of these, and of each other."""
        found: list[Row] = []
        more = taken
        while keys := [row["email_key"] for each in more for row in _rows_of(each, contact_emails)]:
            more = await self._tx.fetch(_TAKE_HOLDERS, {**self._job, "keys": keys})
            found += more
        return found

    async def _untouched(self, table: Table, versions: Mapping[int, int]) -> set[int]:
        """The records that are as the import left them, locked; the others are told."""
        if not versions:
            return set()
        asked = {"ids": list(versions), "versions": list(versions.values())}
        rows = await self._tx.fetch(_LOCK[table], asked)
        edited = [row["uuid"] for row in rows if not row["is_untouched"]]
        await self._tell(table, edited, "It was changed after the import, and so it stays.")
        return {row["id"] for row in rows if row["is_untouched"]}

    async def _tell_kept(self, table: Table, versions: Mapping[int, int]) -> None:
        if versions:
            asked = {"ids": list(versions), "versions": list(versions.values())}
            rows = await self._tx.fetch(_LOCK[table], asked)
            message = "Something else belongs to it by now, and so it stays."
            await self._tell(table, [row["uuid"] for row in rows], message)

    async def _without_revived(self, images: Sequence[Image]) -> list[Image]:
        """Without companies that had been deleted and that people belong to by now."""
        ids = [image["companies"]["id"] for image in images if image["companies"]["deleted_at"]]
        rows = await self._tx.fetch(_WITH_PEOPLE, {"ids": ids}) if ids else []
        needed = {row["company_id"] for row in rows}
        kept = [image["companies"] for image in images if image["companies"]["id"] in needed]
        message = "It had been deleted, and people belong to it by now; so it stays."
        await self._tell(companies, [each["uuid"] for each in kept], message)
        return [image for image in images if image["companies"]["id"] not in needed]

    async def _give_back(self, table: Table, images: Sequence[Image]) -> None:
        """Restore records to their images."""
        if not images:
            return
        rows = [image[table.name] for image in images]
        await self._tx.fetch(_RESTORE[table], {"rows": as_json(rows)})
        if table is contacts:
            await self._give_belongings_back(images)
        asked = {"ids": [row["id"] for row in rows], "versions": [row["version"] for row in rows]}
        await self._tx.fetch(_FOLLOW[table], {**self._job, **asked})

    async def _give_belongings_back(self, images: Sequence[Image]) -> None:
        ids = [image["contacts"]["id"] for image in images]
        refused = await self._refused(images)
        lost: set[int] = set()
        for belonging, (drop, insert) in _BELONGINGS.items():
            await self._tx.fetch(drop, {"ids": ids})
            rows = [row for image in images for row in _allowed(image, belonging, refused)]
            if not rows:
                continue
            written = await self._tx.fetch(insert, {"rows": as_json(rows)})
            if belonging is contact_emails:
                there = {row["email_key"] for row in written}
                lost = {row["contact_id"] for row in rows if row["email_key"] not in there}
        await self._settle_addresses(lost)

    async def _settle_addresses(self, ids: set[int]) -> None:
        """Contacts that did not get all their addresses back have their next one as the first."""
        if not ids:
            return
        asked = {"ids": list(ids)}
        await self._tx.fetch(_ELECT, asked)
        await self._tx.fetch(_SET_PRIMARY, asked)
        uuids = [row["uuid"] for row in await self._tx.fetch(_UUIDS, asked)]
        message = "An address that it had belongs to another contact by now, and stays there."
        await self._tell(contacts, uuids, message)

    async def _refused(self, images: Sequence[Image]) -> set[PersonKey]:
        """Addresses and profiles of people who were erased meanwhile."""
        keys = {key for image in images for key in _keys_of(image)}
        return await suppressed(self._tx, keys) if keys else set()

    async def _tell(self, table: Table, uuids: Sequence[object], message: str) -> None:
        """Keep why records stay as they are."""
        told = [
            {
                "job_id": self._undo_job_id,
                "line": 0,
                "code": ImportErrorCode.EDITED_SINCE.value,
                "severity": Severity.ERROR.value,
                "message": f"The {_KINDS[table]} {uuid}: {message}",
                "column": "",
                "field": "",
                "raw": str(uuid),
                "suggestion": "",
            }
            for uuid in uuids
        ]
        await copy_rows(self._tx, import_errors, told)

    def _record(self, table: Table, rows: int) -> None:
        if rows:
            of_contacts = table is contacts
            self._tx.record(
                ContactsLoaded(rows=rows) if of_contacts else CompaniesLoaded(rows=rows)
            )


def _rows_of(taken: Row, belonging: Table) -> Sequence[Mapping[str, Any]]:
    """What belonged to a record by its image."""
    return taken["before"][belonging.name] or ()


def _keys_of(image: Image) -> Iterator[PersonKey]:
    for row in image["contact_emails"] or ():
        yield PersonKey(SuppressedKey.EMAIL, row["email_key"])
    metadata = image["contact_metadata"]
    if metadata and metadata["linkedin_url"]:
        yield PersonKey(SuppressedKey.LINKEDIN, metadata["linkedin_url"])


def _allowed(
    image: Image, belonging: Table, refused: Set[PersonKey]
) -> Sequence[Mapping[str, Any]]:
    """What belonged to a record, without what must not be stored any more."""
    rows: Any = image[belonging.name] or []
    if belonging is contact_metadata:
        return [_without_profile(rows, refused)] if rows else []
    if belonging is contact_phones:
        return list(rows)
    return [r for r in rows if PersonKey(SuppressedKey.EMAIL, r["email_key"]) not in refused]


def _without_profile(row: Mapping[str, Any], refused: Set[PersonKey]) -> Mapping[str, Any]:
    key = PersonKey(SuppressedKey.LINKEDIN, row["linkedin_url"] or "")
    return {**row, "linkedin_url": None} if key in refused else row
