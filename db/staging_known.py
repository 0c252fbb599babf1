"""Contacts of a batch: the stored ones that its rows can be about, locked, with what they have."""

from collections.abc import Mapping, Sequence
from typing import Final

from db.rows import Row
from db.staging import StagedContact, StagingRules
from db.staging_matches import ContactTarget, KnownContacts, PhoneKey, phone_keys, phone_number
from db.statements import sql
from db.suppressions import suppressed
from db.transaction import Transaction
from domain.enums import ContactMatchKey
from domain.privacy import keys_of

_HOLDERS: Final = sql(
    "SELECT e.email_key, e.contact_id FROM unnest(CAST(:keys AS text[])) AS wanted(key)"
    " JOIN contact_emails e ON e.email_key = wanted.key AND e.deleted_at IS NULL"
)
_DELETED_HOLDERS: Final = sql(
    "SELECT e.email_key, e.contact_id FROM unnest(CAST(:keys AS text[])) AS wanted(key)"
    " JOIN contact_emails e ON e.email_key = wanted.key AND e.deleted_at IS NOT NULL"
    " ORDER BY e.deleted_at DESC"
)
_BY_LINKEDIN: Final = sql(
    "SELECT m.linkedin_url, m.contact_id, c.deleted_at IS NULL AS is_live"
    " FROM unnest(CAST(:urls AS text[])) AS wanted(url)"
    " JOIN contact_metadata m ON m.linkedin_url = wanted.url"
    " JOIN contacts c ON c.id = m.contact_id ORDER BY c.deleted_at DESC NULLS FIRST, c.id"
)
_BY_PHONE: Final = sql(
    "SELECT wanted.number, wanted.last_name, c.id"
    " FROM unnest(CAST(:numbers AS text[]), CAST(:last_names AS text[]))"
    " AS wanted(number, last_name)"
    " JOIN contacts c ON lower(c.last_name) = lower(wanted.last_name)"
    " AND c.id IN (SELECT p.contact_id FROM contact_phones p WHERE p.e164 = wanted.number)"
    " ORDER BY c.deleted_at DESC NULLS FIRST, c.id"
)
_LOCK: Final = sql(
    "SELECT c.id, c.uuid, c.company_id, c.deleted_at, c.merged_into_id, m.linkedin_url"
    " FROM contacts c LEFT JOIN contact_metadata m ON m.contact_id = c.id"
    " WHERE c.id = ANY(CAST(:ids AS bigint[])) ORDER BY c.id FOR NO KEY UPDATE OF c"
)
_EMAILS: Final = sql(
    "SELECT contact_id, email_key, position, is_primary, address, type, status, confidence,"
    " is_catch_all, source, verified_at FROM contact_emails"
    " WHERE contact_id = ANY(CAST(:ids AS bigint[])) ORDER BY position"
)
_PHONES: Final = sql(
    "SELECT contact_id, position, is_primary, number, e164, extension, type, status, source"
    " FROM contact_phones WHERE contact_id = ANY(CAST(:ids AS bigint[])) ORDER BY position"
)


async def load_known(
    tx: Transaction, rows: Sequence[StagedContact], rules: StagingRules
) -> KnownContacts:
    """The stored contacts that rows can be about, locked."""
    known = KnownContacts(rules)
    known.refused = await suppressed(tx, {key for row in rows for key in keys_of(row.contact)})
    keys = {email["address"].lower() for row in rows for email in row.contact.emails or ()}
    holders = await _load_holders(tx, keys)
    linked = await _load_linked(tx, rows, rules)
    called = await _load_called(tx, rows, rules)
    ids = [*holders.values(), *(id_ for found in (linked, called) for _, id_ in found)]
    await _load_contacts(tx, known, ids)
    for url, contact_id in linked:
        _join(known.by_linkedin.setdefault(url, []), known, contact_id)
    for phone_key, contact_id in called:
        _join(known.by_phone.setdefault(phone_key, []), known, contact_id)
    await _load_addresses(tx, known, holders)
    return known


async def _load_holders(tx: Transaction, keys: set[str]) -> dict[str, int]:
    """The contact of each address: the live one, else the one deleted last."""
    if not keys:
        return {}
    live = await tx.fetch(_HOLDERS, {"keys": list(keys)})
    holders = {row["email_key"]: row["contact_id"] for row in live}
    missing = list(keys.difference(holders))
    for row in await tx.fetch(_DELETED_HOLDERS, {"keys": missing}) if missing else []:
        holders.setdefault(row["email_key"], row["contact_id"])
    return holders


async def _load_linked(
    tx: Transaction, rows: Sequence[StagedContact], rules: StagingRules
) -> list[tuple[str, int]]:
    """The contacts of each profile, the live ones first."""
    urls = {row.contact.values.get("linkedin_url") for row in rows} - {None}
    if not urls or ContactMatchKey.LINKEDIN_URL not in rules.match_on:
        return []
    found = await tx.fetch(_BY_LINKEDIN, {"urls": list(urls)})
    return [(row["linkedin_url"], row["contact_id"]) for row in found]


async def _load_called(
    tx: Transaction, rows: Sequence[StagedContact], rules: StagingRules
) -> list[tuple[PhoneKey, int]]:
    """The contacts of each phone number with a last name, the live ones first."""
    keys = {key for row in rows for key in phone_keys(row.contact)}
    if not keys or ContactMatchKey.PHONE_AND_LAST_NAME not in rules.match_on:
        return []
    numbers, last_names = zip(*keys, strict=True)
    found = await tx.fetch(_BY_PHONE, {"numbers": list(numbers), "last_names": list(last_names)})
    return [((row["number"], row["last_name"]), row["id"]) for row in found]


async def _load_contacts(tx: Transaction, known: KnownContacts, ids: Sequence[int]) -> None:
    """Lock the contacts, so that what is known of them stays true, and read what they have."""
    if not ids:
        return
    rows = await _lock(tx, set(ids))
    values = {"ids": [row["id"] for row in rows.values() if row["merged_into_id"] is None]}
    for row in rows.values():
        known.by_id[row["id"]] = ContactTarget(
            record_id=row["id"],
            uuid=row["uuid"],
            is_new=False,
            company_id=row["company_id"],
            linkedin_url=row["linkedin_url"],
            is_deleted=row["deleted_at"] is not None,
        )
    for row in await tx.fetch(_EMAILS, values):
        contact = known.by_id[row["contact_id"]]
        contact.emails.know(row["email_key"], row)
        if contact.is_deleted:
            contact.keys += (row["email_key"],)
    for row in await tx.fetch(_PHONES, values):
        known.by_id[row["contact_id"]].phones.know(phone_number(row), row)
    for contact_id in rows:
        known.by_id[contact_id] = known.by_id[_survivor(rows, contact_id)]


async def _lock(tx: Transaction, ids: set[int]) -> dict[int, Row]:
    """The contacts, and those that they were merged into."""
    locked: dict[int, Row] = {}
    while wanted := ids.difference(locked):
        rows = await tx.fetch(_LOCK, {"ids": list(wanted)})
        locked |= {row["id"]: row for row in rows}
        ids = {row["merged_into_id"] for row in rows} - {None}
    return locked


def _survivor(rows: Mapping[int, Row], contact_id: int) -> int:
    """The contact itself, or the one that it has become a part of."""
    while merged_into_id := rows[contact_id]["merged_into_id"]:
        contact_id = merged_into_id
    return contact_id


def _join(holders: list[ContactTarget], known: KnownContacts, contact_id: int) -> None:
    """Add a contact to those with its key; one that was merged stands for its survivor.

    What it has still counts as little as what a deleted one has: only where no live one has it.
    """
    contact = known.by_id.get(contact_id)
    if contact is None:
        return
    is_itself = contact.record_id == contact_id
    if is_itself or all(holder.is_deleted for holder in holders):
        holders.append(contact)


async def _load_addresses(
    tx: Transaction, known: KnownContacts, holders: Mapping[str, int]
) -> None:
    """Who has the addresses of the rows, and those of the deleted contacts that may come back."""
    known.by_email = {
        key: known.by_id[contact_id]
        for key, contact_id in holders.items()
        if contact_id in known.by_id
    }
    deleted = [contact for contact in known.by_id.values() if contact.is_deleted]
    others = {key for contact in deleted for key in contact.keys}.difference(holders)
    if not others:
        return
    for row in await tx.fetch(_HOLDERS, {"keys": list(others)}):
        known.by_email[row["email_key"]] = ContactTarget(record_id=row["contact_id"], is_new=False)
    for contact in deleted:
        for key in contact.keys:
            known.by_email.setdefault(key, contact)
