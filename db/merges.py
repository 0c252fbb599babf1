"""Merges as they are stored: the contacts they are made of, their record, and who survived."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Final, Self

from sqlalchemy import BigInteger, DateTime, Table, any_, bindparam, select
from sqlalchemy.dialects.postgresql import ARRAY

from db.belongings import load_emails, load_metadata, load_phones
from db.entities import CONTACTS
from db.giving_back import as_json
from db.rows import ContactRow, MergeRow, MetadataRow, Row
from db.statements import Statement, sql
from db.tables import contact_emails, contact_metadata, contact_phones, contacts
from db.transaction import ReadSession, Transaction
from db.writing import METADATA_COLUMNS, update_row, upsert_metadata
from domain.merging import Mergeable, Values

MERGE_COLUMNS: Final = (
    "id, uuid, survivor_id, loser_ids, created_at, undone_at,"
    " (SELECT users.id FROM users WHERE users.uuid = merged_by) AS merger_id"
)
"""What a merge shows; what it takes to undo it is nobody's business."""

_NO_METADATA: Final[Values] = {
    **dict.fromkeys(METADATA_COLUMNS),
    "custom_fields": {},
    "contact_id": None,
}
_TIMES: Final = frozenset(
    column.name
    for table in (contacts, contact_metadata)
    for column in table.c
    if isinstance(column.type, DateTime)
)
_WANTED: Final = bindparam("ids", type_=ARRAY(BigInteger))

_CONTACTS_BY_ID: Final = (
    select(*(contacts.c[name] for name in CONTACTS.columns))
    .where(contacts.c.id == any_(_WANTED))
    .order_by(contacts.c.id)
)
_READ_CONTACTS: Final = Statement(_CONTACTS_BY_ID, ContactRow)
# In the order of ids, so that two who want the same contacts wait for each other.
_LOCK_CONTACTS: Final = Statement(_CONTACTS_BY_ID.with_for_update(), ContactRow)
_MERGES_BY_ID: Final = sql(
    f"SELECT {MERGE_COLUMNS} FROM contact_merges WHERE id = ANY(CAST(:ids AS bigint[]))", MergeRow
)
_SURVIVORS: Final = sql(
    "WITH RECURSIVE path(root, id) AS ("
    " SELECT id, merged_into_id FROM contacts WHERE id = ANY(CAST(:ids AS bigint[]))"
    " UNION SELECT path.root, c.merged_into_id FROM path JOIN contacts c ON c.id = path.id)"
    f" SELECT path.root, {', '.join(f'c.{name}' for name in CONTACTS.columns)}"
    " FROM path JOIN contacts c ON c.id = path.id WHERE c.deleted_at IS NULL",
    ContactRow,
)


@dataclass(frozen=True, kw_only=True)
class Traces:
    """What it takes to undo a merge.

    Attributes:
        before: The columns of the survivor that the merge changed, as they were.
        after: The same as the merge left them.
        version: The survivor's, after the merge.
        has_metadata: The survivor had a row of metadata before.
        emails: The rows that moved, as they were.
        phones: The same.
        activities: The ids of those that moved, by the id of the contact they were of.
    """

    before: Values
    after: Values
    version: int
    has_metadata: bool
    emails: Sequence[Values]
    phones: Sequence[Values]
    activities: Mapping[str, Sequence[int]]

    def to_json(self) -> str:
        """As they are stored."""
        return as_json(asdict(self))

    @classmethod
    def from_json(cls, stored: dict[str, Any]) -> Self:
        """From how they are stored."""
        for values in (stored["before"], stored["after"]):
            for name in _TIMES & values.keys():
                values[name] = values[name] and datetime.fromisoformat(values[name])
        return cls(**stored)


async def read_contacts(
    session: ReadSession, contact_ids: Sequence[int], *, locked: bool = False
) -> dict[int, Mergeable]:
    """The contacts with all that a merge looks at, by id; deleted ones too.

    Args:
        locked: Nobody else changes them until the transaction ends.
    """
    values = {"ids": list(contact_ids)}
    # The lock comes first: what belongs to a contact is read as it is once the lock is there.
    rows = await session.fetch(_LOCK_CONTACTS if locked else _READ_CONTACTS, values)
    ids = [row.id for row in rows]
    belongings = zip(
        await load_metadata(session, ids),
        await load_emails(session, ids),
        await load_phones(session, ids),
        strict=True,
    )
    return {
        row.id: Mergeable(row.id, {**row, **_metadata(metadata)}, emails, phones)
        for row, (metadata, emails, phones) in zip(rows, belongings, strict=True)
    }


async def load_merges(session: ReadSession, merge_ids: Sequence[int]) -> list[MergeRow | None]:
    """Merges by id, in the order of the ids; None for missing ones."""
    return await session.fetch_by_id(_MERGES_BY_ID, merge_ids)


async def load_survivors(
    session: ReadSession, contact_ids: Sequence[int]
) -> list[ContactRow | None]:
    """The contact that each was merged into in the end, in the order of the ids.

    None for one that was not merged, and when the survivor is deleted.
    """
    return await session.fetch_by_id(_SURVIVORS, contact_ids, key="root")


async def write_survivor(tx: Transaction, contact_id: int, values: Values) -> ContactRow:
    """The contact with columns of its own and of its metadata changed; its version moves on."""
    metadata = {name: value for name, value in values.items() if name in METADATA_COLUMNS}
    if "custom_fields" in metadata:
        metadata["custom_fields"] = as_json(metadata["custom_fields"])
    if metadata:
        await upsert_metadata(tx, contact_id, metadata)
    columns = {name: value for name, value in values.items() if name not in METADATA_COLUMNS}
    return await update_row(tx, CONTACTS, contact_id, columns)


async def place_belongings(tx: Transaction, table: Table, rows: Sequence[Values]) -> None:
    """Give stored e-mails or phones to the contact, position and rank that the rows say."""
    if not rows:
        return
    named = ("id", "contact_id", "position", "is_primary")
    await tx.fetch(_PLACE[table], {name: [row[name] for row in rows] for name in named})


def _place(table: Table) -> Statement[Row]:
    return sql(
        f"UPDATE {table.name} SET contact_id = placed.contact_id,"
        " position = placed.position, is_primary = placed.is_primary"
        " FROM unnest(CAST(:id AS bigint[]), CAST(:contact_id AS bigint[]),"
        " CAST(:position AS smallint[]), CAST(:is_primary AS boolean[]))"
        " AS placed(id, contact_id, position, is_primary)"
        f" WHERE {table.name}.id = placed.id"
    )


_PLACE: Final = {table: _place(table) for table in (contact_emails, contact_phones)}


def _metadata(row: MetadataRow | None) -> Values:
    """The columns; `contact_id` is None where there is no row."""
    return _NO_METADATA if row is None else dict(row.items())
