"""Making several contacts one: the survivor takes what the others have, and they become tombstones.

A tombstone is deleted and points to the contact that it was merged into; that one may be merged in
turn. Its e-mails, phones and activities are the survivor's, so what is left is its own row and its
metadata.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from db.entities import CONTACTS
from db.merges import (
    MERGE_COLUMNS,
    Traces,
    load_merges,
    place_belongings,
    read_contacts,
    write_survivor,
)
from db.problems import merged_away, moved_on, not_found
from db.rows import ContactRow, MergeRow
from db.statements import sql
from db.tables import contact_emails, contact_phones
from db.transaction import ReadSession, Transaction
from db.writing import find_rows
from domain.changes import ChangeKind, ContactChanged, companies_of
from domain.errors import Problem, Rejected
from domain.merge_policies import ContactField, MergePolicy
from domain.merge_requests import MergeRequest
from domain.merging import Mergeable, Merged, Origin, merge, rank, value_of
from domain.node_ids import NodeKind

_MOVE_ACTIVITIES: Final = sql(
    "WITH mine AS (SELECT id, contact_id FROM activities"
    " WHERE contact_id = ANY(CAST(:ids AS bigint[]))), moved AS (UPDATE activities"
    " SET contact_id = CAST(:survivor AS bigint) FROM mine WHERE activities.id = mine.id)"
    " SELECT contact_id, array_agg(id ORDER BY id) FROM mine GROUP BY contact_id"
)
_BURY: Final = sql(
    "UPDATE contacts SET deleted_at = now(), merged_into_id = CAST(:survivor AS bigint),"
    " email = NULL, email_status = NULL WHERE id = ANY(CAST(:ids AS bigint[]))"
)
_INSERT: Final = sql(
    "INSERT INTO contact_merges (survivor_id, loser_ids, merged_by, undo)"
    " VALUES (CAST(:survivor AS bigint), CAST(:ids AS bigint[]), CAST(:merged_by AS uuid),"
    f" CAST(:undo AS jsonb)) RETURNING {MERGE_COLUMNS}",
    MergeRow,
)


@dataclass(frozen=True)
class Merger:
    """What became of a merge: the survivor, the record of it, and whence its values come."""

    contact: ContactRow
    merge: MergeRow
    origins: Sequence[Origin]


async def preview_merge(session: ReadSession, request: MergeRequest) -> Sequence[Origin]:
    """What each field of the survivor would hold; nothing is written.

    Raises:
        Rejected: As with `merge_contacts`.
    """
    contacts = _in_order(await read_contacts(session, request.contact_ids), request)
    return _checked(merge(contacts, request.policies)).origins


async def merge_contacts(tx: Transaction, request: MergeRequest, *, merged_by: UUID) -> Merger:
    """Make the contacts one.

    Raises:
        Rejected: NOT_FOUND, NOT_ALLOWED_IN_STATE for one that was merged already, VERSION_CONFLICT,
            or TOO_LONG when they have more together than one contact may.
    """
    known = await read_contacts(tx, request.contact_ids, locked=True)
    survivor, *losers = contacts = _in_order(known, request)
    merged = _checked(merge(contacts, request.policies))
    ids = {"survivor": survivor.id, "ids": [loser.id for loser in losers]}
    activities = await _move_belongings(tx, merged, ids)
    await tx.fetch(_BURY, ids)
    row = await write_survivor(tx, survivor.id, merged.values)
    traces = _traces(survivor, losers, merged, version=row.version, activities=activities)
    stored = {"merged_by": merged_by, "undo": traces.to_json()}
    (record,) = await tx.fetch(_INSERT, ids | stored)
    _tell(tx, survivor, losers, row)
    return Merger(row, record, merged.origins)


async def recall_merge(
    session: ReadSession, merge_id: int, decided: Sequence[tuple[str, list[int], str | None]]
) -> Merger | None:
    """A merge that was done before, with the values as they are by now; None when it is gone.

    Args:
        decided: Of each origin the field, the contacts and the policy.
    """
    (record,) = await load_merges(session, [merge_id])
    if record is None:
        return None
    rows = await find_rows(session, CONTACTS, [record.survivor_id])
    survivor = (await read_contacts(session, list(rows)))[record.survivor_id]
    origins = []
    for name, contact_ids, policy in decided:
        each = ContactField(name)
        why = MergePolicy(policy) if policy else None
        origins.append(Origin(each, value_of(survivor, each), tuple(contact_ids), why))
    return Merger(rows[survivor.id], record, origins)


def _in_order(known: Mapping[int, Mergeable], request: MergeRequest) -> list[Mergeable]:
    """The contacts of the request, the survivor first, if they can be merged."""
    problems = []
    for at, contact_id in enumerate(request.contact_ids):
        if problem := _state_problem(known.get(contact_id), ("ids", str(at))):
            problems.append(problem)
    for contact_id, (version, path) in request.expected_versions.items():
        contact = known.get(contact_id)
        if contact is not None and contact.columns["version"] != version:
            current = contact.columns["version"]
            problems.append(moved_on(NodeKind.CONTACT, contact_id, current, path=path))
    if problems:
        raise Rejected(problems)
    return rank(known.values(), primary_id=request.primary_id)


def _state_problem(contact: Mergeable | None, path: tuple[str, ...]) -> Problem | None:
    if contact is not None and contact.columns["merged_into_id"] is not None:
        return merged_away(contact.columns["merged_into_id"], path=path)
    if contact is None or contact.columns["deleted_at"] is not None:
        return not_found("contact", path=path)
    return None


def _checked(merged: Merged) -> Merged:
    if merged.problems:
        raise Rejected(merged.problems)
    return merged


async def _move_belongings(
    tx: Transaction, merged: Merged, ids: Mapping[str, object]
) -> dict[str, list[int]]:
    """Give the survivor what the others have; the activities of each as they were."""
    for table, rows in ((contact_emails, merged.emails), (contact_phones, merged.phones)):
        await place_belongings(tx, table, [{**row, "contact_id": ids["survivor"]} for row in rows])
    return {str(row[0]): row[1] for row in await tx.fetch(_MOVE_ACTIVITIES, ids)}


def _traces(
    survivor: Mergeable,
    losers: Sequence[Mergeable],
    merged: Merged,
    *,
    version: int,
    activities: Mapping[str, list[int]],
) -> Traces:
    moved_emails = {row["id"] for row in merged.emails}
    moved_phones = {row["id"] for row in merged.phones}
    return Traces(
        before={name: survivor.columns[name] for name in merged.values},
        after=merged.values,
        version=version,
        has_metadata=survivor.columns["contact_id"] is not None,
        emails=[dict(row) for each in losers for row in each.emails if row["id"] in moved_emails],
        phones=[dict(row) for each in losers for row in each.phones if row["id"] in moved_phones],
        activities=activities,
    )


def _tell(
    tx: Transaction, survivor: Mergeable, losers: Sequence[Mergeable], row: ContactRow
) -> None:
    for loser in losers:
        tx.record(
            ContactChanged(
                kind=ChangeKind.MERGED,
                contact_id=loser.id,
                company_ids=companies_of(loser.columns["company_id"]),
            )
        )
    companies = companies_of(survivor.columns["company_id"], row.company_id)
    tx.record(ContactChanged(kind=ChangeKind.UPDATED, contact_id=row.id, company_ids=companies))
