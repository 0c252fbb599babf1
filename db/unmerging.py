"""Taking a merge back: the contacts that went come back, and the survivor is what it was.

What was changed since stays where the change put it: a field of the survivor that has another value
now, an address that another contact has by now. Of several merges into one contact the newest is
undone first, so that each finds what it left.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Table, Text, any_, bindparam, select
from sqlalchemy.dialects.postgresql import ARRAY

from db.belongings import load_emails
from db.giving_back import ELECT, as_json, insert_kept
from db.merges import (
    MERGE_COLUMNS,
    Traces,
    place_belongings,
    read_contacts,
    write_survivor,
)
from db.problems import not_found
from db.rows import ContactRow, EmailRow, MergeRow
from db.statements import Statement, sql
from db.suppressions import SUPPRESSED, suppressed
from db.tables import contact_emails, contact_metadata, contact_phones
from db.transaction import Transaction
from db.writing import METADATA_COLUMNS, delete_belongings
from domain.changes import ChangeKind, ContactChanged, companies_of
from domain.enums import SuppressedKey
from domain.errors import Problem, ProblemCode, Rejected
from domain.merge_policies import ContactField
from domain.merging import Mergeable, Undone, Values, email_key, phone_key, undo
from domain.node_ids import NodeKind, encode_node_id
from domain.privacy import PersonKey

_PATH: Final = ("mergeId",)

_READ: Final = sql(
    f"SELECT {MERGE_COLUMNS}, undo,"
    " created_at < now() - make_interval(secs => CAST(:window AS float8)) AS is_over"
    " FROM contact_merges WHERE id = CAST(:id AS bigint)",
    MergeRow,
)
_LATER: Final = sql(
    "SELECT id FROM contact_merges WHERE undone_at IS NULL AND id > CAST(:id AS bigint)"
    " AND (survivor_id = CAST(:survivor AS bigint)"
    " OR survivor_id = CAST(:merged_into AS bigint)"
    " AND CAST(:survivor AS bigint) = ANY(loser_ids)) ORDER BY id DESC LIMIT 1"
)
_REVIVE: Final = sql(
    "UPDATE contacts c SET deleted_at = NULL, merged_into_id = NULL, email = e.address,"
    " email_status = e.status FROM unnest(CAST(:ids AS bigint[])) AS wanted(id)"
    " LEFT JOIN contact_emails e ON e.contact_id = wanted.id AND e.is_primary"
    " WHERE c.id = wanted.id"
)
_UNIDENTIFIED: Final = sql(
    "SELECT c.id FROM contacts c WHERE c.id = ANY(CAST(:ids AS bigint[]))"
    " AND c.full_name IS NULL AND c.email IS NULL"
    " AND NOT EXISTS (SELECT FROM contact_phones p WHERE p.contact_id = c.id)"
    " AND NOT EXISTS (SELECT FROM contact_metadata m"
    " WHERE m.contact_id = c.id AND m.linkedin_url IS NOT NULL)"
)
_SETTLE: Final = sql(
    "UPDATE contact_merges SET undone_at = now(), undo = '{}'"
    f" WHERE id = CAST(:id AS bigint) RETURNING {MERGE_COLUMNS}",
    MergeRow,
)
_EMAILS_BY_KEY: Final = Statement(
    select(contact_emails)
    .where(
        contact_emails.c.email_key == any_(bindparam("keys", type_=ARRAY(Text))),
        contact_emails.c.deleted_at.is_(None),
    )
    .order_by(contact_emails.c.id),
    EmailRow,
)
_MOVE_ACTIVITIES: Final = sql(
    "UPDATE activities SET contact_id = moved.contact_id"
    " FROM unnest(CAST(:ids AS bigint[]), CAST(:contact_ids AS bigint[]))"
    " AS moved(id, contact_id) WHERE activities.id = moved.id"
)


_KEY_OF: Final = {contact_emails: email_key, contact_phones: phone_key}
_INSERT: Final = {table: insert_kept(table, without={"id", "deleted_at"}) for table in _KEY_OF}


@dataclass(frozen=True)
class Unmerged:
    """What became of a merge that was undone.

    Attributes:
        contact: The survivor.
        kept_fields: Its fields that were changed since the merge and stay.
        kept_emails: Addresses that other contacts have by now, and that so do not come back.
    """

    contact: ContactRow
    merge: MergeRow
    kept_fields: Sequence[ContactField]
    kept_emails: Sequence[EmailRow]


async def undo_merge(tx: Transaction, merge_id: int, *, undo_seconds: float) -> Unmerged:
    """Take a merge back.

    Args:
        undo_seconds: Until when after it that is possible.

    Raises:
        Rejected: NOT_FOUND; NOT_ALLOWED_IN_STATE with the reason; SUPPRESSED_CONTACT when it would
            bring back what must not be stored.
    """
    asked = {"id": merge_id, "window": undo_seconds}
    merge = await _find(tx, asked)
    traces = Traces.from_json(merge["undo"])
    await _refuse_suppressed(tx, traces)
    ids = [merge.survivor_id, *merge.loser_ids]
    known = await read_contacts(tx, ids, locked=True)
    # Another may have undone it while this one waited for the contacts.
    survivor = known[(await _find(tx, asked)).survivor_id]
    await _refuse_state(tx, merge_id, survivor)
    missing = await _give_back(tx, contact_emails, traces.emails, survivor.emails)
    await _give_back(tx, contact_phones, traces.phones, survivor.phones)
    for elect in ELECT.values():
        await tx.fetch(elect, {"ids": ids})
    await _give_activities_back(tx, traces)
    undone = _undone(survivor, traces)
    row = await _restore_survivor(tx, survivor, undone, traces)
    await tx.fetch(_REVIVE, {"ids": merge.loser_ids})
    await _refuse_unidentified(tx, ids)
    _tell(tx, known, row)
    (record,) = await tx.fetch(_SETTLE, asked)
    return Unmerged(row, record, undone.kept, await _held_by_others(tx, missing))


async def _find(tx: Transaction, asked: Mapping[str, object]) -> MergeRow:
    """The merge with its traces, as long as it can be undone."""
    merge = await tx.fetch_one(_READ, asked)
    if merge is None:
        raise Rejected([not_found("merge", path=_PATH)])
    if merge.undone_at is not None:
        raise _refused("This merge was undone already.")
    if merge["is_over"]:
        raise _refused("This merge is too old to be undone.")
    return merge


async def _refuse_suppressed(tx: Transaction, traces: Traces) -> None:
    keys = {PersonKey(SuppressedKey.EMAIL, email_key(email)) for email in traces.emails}
    if url := traces.before.get("linkedin_url"):
        keys.add(PersonKey(SuppressedKey.LINKEDIN, url))
    if await suppressed(tx, keys):
        raise _refused(SUPPRESSED, ProblemCode.SUPPRESSED_CONTACT)


async def _refuse_state(tx: Transaction, merge_id: int, survivor: Mergeable) -> None:
    values = {"id": merge_id, "survivor": survivor.id}
    merged_into = survivor.columns["merged_into_id"]
    later = await tx.fetch_value(_LATER, {**values, "merged_into": merged_into})
    if later is not None:
        node_id = encode_node_id(NodeKind.MERGE, later)
        raise _refused(f"The survivor was merged again. Undo that merge first: {node_id}.")
    if survivor.columns["deleted_at"] is not None:
        raise _refused("The survivor was deleted. Restore it first.")


async def _give_back(
    tx: Transaction, table: Table, rows: Sequence[Values], held: Sequence[Values]
) -> list[Values]:
    """Give rows back to the contacts they were of; those that others have by now.

    The survivor's row of the same key goes; what it no longer has is written anew.
    """
    key_of = _KEY_OF[table]
    ids = {key_of(row): row["id"] for row in held}
    await place_belongings(
        tx, table, [{**row, "id": ids[key_of(row)]} for row in rows if key_of(row) in ids]
    )
    gone = [row for row in rows if key_of(row) not in ids]
    if not gone:
        return []
    written = await tx.fetch(_INSERT[table], {"rows": as_json(gone)})
    keys = {key_of(row) for row in written}
    return [row for row in gone if key_of(row) not in keys]


async def _give_activities_back(tx: Transaction, traces: Traces) -> None:
    pairs = [(each, int(of)) for of, moved in traces.activities.items() for each in moved]
    if pairs:
        ids, contact_ids = zip(*pairs, strict=True)
        await tx.fetch(_MOVE_ACTIVITIES, {"ids": list(ids), "contact_ids": list(contact_ids)})


async def _held_by_others(tx: Transaction, emails: Sequence[Values]) -> list[EmailRow]:
    keys = [email_key(email) for email in emails]
    return await tx.fetch(_EMAILS_BY_KEY, {"keys": keys}) if keys else []


def _undone(survivor: Mergeable, traces: Traces) -> Undone:
    return undo(
        survivor.columns,
        before=traces.before,
        after=traces.after,
        is_untouched=survivor.columns["version"] == traces.version,
    )


async def _restore_survivor(
    tx: Transaction, survivor: Mergeable, undone: Undone, traces: Traces
) -> ContactRow:
    (emails,) = await load_emails(tx, [survivor.id])
    primary: Any = next((email for email in emails if email.is_primary), None)
    values = dict(undone.values)
    values["email"] = primary and primary["address"]
    values["email_status"] = primary and primary["status"]
    row = await write_survivor(tx, survivor.id, values)
    left = {**survivor.columns, **values}
    if not traces.has_metadata and not any(left[name] for name in METADATA_COLUMNS):
        await delete_belongings(tx, contact_metadata, [survivor.id])
    return row


async def _refuse_unidentified(tx: Transaction, ids: Sequence[int]) -> None:
    for (contact_id,) in await tx.fetch(_UNIDENTIFIED, {"ids": list(ids)}):
        node_id = encode_node_id(NodeKind.CONTACT, contact_id)
        left = "it would have no name, address, profile or phone number"
        raise _refused(f"Nothing would identify {node_id}: {left}.")


def _tell(tx: Transaction, known: Mapping[int, Mergeable], survivor: ContactRow) -> None:
    for contact_id, contact in known.items():
        is_survivor = contact_id == survivor.id
        new = survivor.company_id if is_survivor else None
        tx.record(
            ContactChanged(
                kind=ChangeKind.UPDATED if is_survivor else ChangeKind.RESTORED,
                contact_id=contact_id,
                company_ids=companies_of(contact.columns["company_id"], new),
            )
        )


def _refused(message: str, code: ProblemCode = ProblemCode.NOT_ALLOWED_IN_STATE) -> Rejected:
    return Rejected([Problem(code=code, message=message, path=_PATH)])
