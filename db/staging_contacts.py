"""Contacts of a batch: which contact each row is about, and the writing of them all.

The keys of a row are tried in order: its e-mail addresses, then its LinkedIn address. For each a
live contact counts before a deleted one, and a deleted one comes back only when none of its
addresses has gone to another meanwhile. A row without keys is always a new contact. An address
stays with the contact that has it; a row that gives it to another is loaded without it.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

from db.rows import Row
from db.staging import (
    Finding,
    Outcome,
    Result,
    StagedCompany,
    StagedContact,
    StagingCode,
    Target,
)
from db.staging_companies import place_companies
from db.staging_writing import Staging, bulk_write, copy_rows, insert_targets, sql
from db.tables import activities, contact_emails, contact_metadata, contact_phones, contacts
from db.transaction import Transaction
from domain.changes import ContactsLoaded
from domain.enums import EmailStatus, PhoneType

_STAGING: Final = Staging(contacts, contact_metadata)
_METADATA: Final = frozenset(contact_metadata.c.keys()) - {"contact_id"}

# What was told about the company of a contact: its code for the contact.
_EMPLOYER_CODES: Final[Mapping[str, StagingCode]] = {
    StagingCode.AMBIGUOUS_MATCH: StagingCode.RELATION_AMBIGUOUS,
    StagingCode.NAME_DIFFERS: StagingCode.NAME_DIFFERS,
}

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
_LOCK: Final = sql(
    "SELECT c.id, c.uuid, c.company_id, c.deleted_at, m.linkedin_url"
    " FROM contacts c LEFT JOIN contact_metadata m ON m.contact_id = c.id"
    " WHERE c.id = ANY(CAST(:ids AS bigint[])) ORDER BY c.id FOR NO KEY UPDATE OF c"
)
_EMAILS: Final = sql(
    "SELECT contact_id, email_key, position, is_primary FROM contact_emails"
    " WHERE contact_id = ANY(CAST(:ids AS bigint[]))"
)
_PHONES: Final = sql(
    "SELECT contact_id, number, e164, extension, position, is_primary FROM contact_phones"
    " WHERE contact_id = ANY(CAST(:ids AS bigint[]))"
)


async def upsert_contacts(tx: Transaction, rows: Sequence[StagedContact]) -> list[Outcome]:
    """Create the contacts that are new, fill what known ones lack; outcomes in row order.

    Employers are found by domain, else by name, else created. E-mails and phones are added to
    those that a contact has.

    Raises:
        Rejected: Another transaction took a key meanwhile; the same batch may succeed now.
    """
    async with bulk_write(tx):
        known = await _load_known(tx, rows)
        found = [_Match(row, *known.find(row)) for row in rows]
        await _place_employers(tx, found)
        targets = list(dict.fromkeys(match.target for match in found if match.target))
        await _write(tx, targets)
    written = sum(target.result is not Result.UNCHANGED for target in targets)
    if written:
        tx.record(ContactsLoaded(rows=written))
    return [match.outcome() for match in found]


@dataclass(eq=False, slots=True)
class _Belongings:
    """The e-mails or the phones of one contact: what it has, and what is added."""

    keys: set[object] = field(default_factory=set)
    next_position: int = 0
    has_primary: bool = False
    added: list[dict[str, Any]] = field(default_factory=list)

    def know(self, key: object, row: Row) -> None:
        """Remember one that is stored."""
        self.keys.add(key)
        self.next_position = max(self.next_position, row["position"] + 1)
        self.has_primary = self.has_primary or row["is_primary"]

    def add(self, key: object, values: Mapping[str, Any]) -> None:
        """Append one behind the others, unless it is there; the first of all is the primary one."""
        if key in self.keys:
            return
        self.keys.add(key)
        place = {"position": self.next_position, "is_primary": not self.has_primary}
        self.added.append({**values, **place})
        self.next_position += 1
        self.has_primary = True


@dataclass(eq=False, slots=True)
class _Contact(Target):
    """A contact that rows go to.

    Attributes:
        is_deleted: It is stored as deleted and no row has asked for it yet.
        keys: All its addresses, if it is stored as deleted.
    """

    company_id: int | None = None
    linkedin_url: str | None = None
    is_deleted: bool = False
    keys: list[str] = field(default_factory=list)
    emails: _Belongings = field(default_factory=_Belongings)
    phones: _Belongings = field(default_factory=_Belongings)
    activities: list[Mapping[str, Any]] = field(default_factory=list)


@dataclass(eq=False, slots=True)
class _Match:
    """A row with the contact it is about, and what is to be told about it."""

    row: StagedContact
    target: _Contact | None
    findings: list[Finding]

    def outcome(self) -> Outcome:
        if self.target is None:
            return Outcome(self.row.line, Result.FAILED, None, tuple(self.findings))
        return self.target.outcome(self.row.line, kind="contact", findings=self.findings)


class _Known:
    """The contacts that rows can be about: stored ones, and the new ones of the rows so far."""

    def __init__(self) -> None:
        self.by_id: dict[int, _Contact] = {}
        self.by_email: dict[str, _Contact] = {}
        self.by_linkedin: dict[str, list[_Contact]] = {}

    def find(self, row: StagedContact) -> tuple[_Contact | None, list[Finding]]:
        """The contact a row is about, which takes the row, and what is to be told about it."""
        emails = {email["address"].lower(): email for email in row.contact.emails or ()}
        target = self._of_emails(emails)
        if target is None:
            linked = self._of_profile(row.contact.values.get("linkedin_url"))
            if len(linked) > 1:
                return None, [_ambiguous(row.contact.values["linkedin_url"])]
            target = linked[0] if linked else _Contact()
        target.is_deleted = False
        return target, self._give(target, row, emails)

    def _of_emails(self, keys: Iterable[str]) -> _Contact | None:
        """The holder of the first address that a live contact has, else a deleted one."""
        holders = [self.by_email[key] for key in keys if key in self.by_email]
        usable = [holder for holder in holders if self._is_usable(holder)]
        return min(usable, key=lambda holder: holder.is_deleted, default=None)

    def _of_profile(self, url: str | None) -> list[_Contact]:
        """The live contacts with the profile, else the one deleted last."""
        holders = self.by_linkedin.get(url, []) if url else []
        live = [holder for holder in holders if not holder.is_deleted]
        return live or [holder for holder in holders if self._is_usable(holder)][:1]

    def _is_usable(self, target: _Contact) -> bool:
        """Whether it is live, or can come back with all its addresses."""
        return not target.is_deleted or all(self.by_email[key] is target for key in target.keys)

    def _give(
        self, target: _Contact, row: StagedContact, emails: Mapping[str, Mapping[str, Any]]
    ) -> list[Finding]:
        target.take(row.line, row.contact.values)
        url = row.contact.values.get("linkedin_url")
        if url and not target.linkedin_url:
            target.linkedin_url = url
            self.by_linkedin.setdefault(url, []).append(target)
        target.activities.extend(row.activities)
        for phone in row.contact.phones or ():
            target.phones.add(_phone_key(phone), {"type": PhoneType.OTHER, **phone})
        findings = []
        for key, email in emails.items():
            holder = self.by_email.get(key)
            if holder is None or holder.is_deleted:
                holder = self.by_email[key] = target
            if holder is target:
                target.emails.add(key, {"status": EmailStatus.UNKNOWN, **email})
            else:
                findings.append(_of_another(email["address"], holder))
        return findings


async def _load_known(tx: Transaction, rows: Sequence[StagedContact]) -> _Known:
    known = _Known()
    keys = {email["address"].lower() for row in rows for email in row.contact.emails or ()}
    urls = {row.contact.values.get("linkedin_url") for row in rows} - {None}
    holders = await _load_holders(tx, keys)
    linked = await tx.fetch(_BY_LINKEDIN, {"urls": list(urls)}) if urls else []
    await _load_contacts(tx, known, [*holders.values(), *(row["contact_id"] for row in linked)])
    for row in linked:
        if contact := known.by_id.get(row["contact_id"]):
            known.by_linkedin.setdefault(row["linkedin_url"], []).append(contact)
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


async def _load_contacts(tx: Transaction, known: _Known, ids: Sequence[int]) -> None:
    """Lock the contacts, so that what is known of them stays true, and read what they have."""
    if not ids:
        return
    values = {"ids": list(set(ids))}
    for row in await tx.fetch(_LOCK, values):
        known.by_id[row["id"]] = _Contact(
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
            contact.keys.append(row["email_key"])
    for row in await tx.fetch(_PHONES, values):
        known.by_id[row["contact_id"]].phones.know(_phone_key(row), row)


async def _load_addresses(tx: Transaction, known: _Known, holders: Mapping[str, int]) -> None:
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
        known.by_email[row["email_key"]] = _Contact(record_id=row["contact_id"], is_new=False)
    for contact in deleted:
        for key in contact.keys:
            known.by_email.setdefault(key, contact)


async def _place_employers(tx: Transaction, matches: Sequence[_Match]) -> None:
    """Give the contacts their companies; one that has a company keeps it."""
    asked = list(_employers(matches))
    if not asked:
        return
    staged = [company for _, company in asked]
    for (match, company), placed in zip(asked, await place_companies(tx, staged), strict=True):
        target = match.target
        if target is None or not company.may_create:
            continue
        target.take(match.row.line, {"company_id": placed.company_id})
        match.findings += [
            replace(finding, code=_EMPLOYER_CODES[finding.code], field="company_name")
            for finding in placed.outcome.findings
            if finding.code in _EMPLOYER_CODES
        ]


def _employers(matches: Sequence[_Match]) -> Iterator[tuple[_Match, StagedCompany]]:
    """The rows that say something about an employer; only the first of a contact chooses it."""
    settled: set[_Contact] = set()
    for match in matches:
        target, values = match.target, match.row.company
        if target is None or not values:
            continue
        target.take(match.row.line, {"company_name_raw": values.get("name")})
        may_create = target.company_id is None and target not in settled
        settled.add(target)
        if may_create or values.get("domain"):
            yield match, StagedCompany(match.row.line, values, may_create=may_create)


async def _write(tx: Transaction, targets: Sequence[_Contact]) -> None:
    for target in targets:
        target.touched = bool(target.emails.added or target.phones.added)
        primary = next((email for email in target.emails.added if email["is_primary"]), None)
        if primary:
            target.values |= {"email": primary["address"], "email_status": primary["status"]}
    # In one order in every batch, so that two loads wait for each other instead of deadlocking.
    new = sorted((target for target in targets if target.is_new), key=_sort_key)
    await _STAGING.fill(tx, [target for target in targets if not target.is_new])
    if new:
        await insert_targets(tx, contacts, new)
        metadata = [_of(t, t.values) for t in new if not _METADATA.isdisjoint(t.values)]
        await copy_rows(tx, contact_metadata, metadata)
        await copy_rows(tx, activities, [_of(t, row) for t in new for row in t.activities])
    emails = [_of(target, row) for target in targets for row in target.emails.added]
    await copy_rows(tx, contact_emails, sorted(emails, key=lambda row: row["address"].lower()))
    await copy_rows(
        tx, contact_phones, [_of(target, row) for target in targets for row in target.phones.added]
    )


def _of(target: _Contact, row: Mapping[str, Any]) -> dict[str, Any]:
    return {**row, "contact_id": target.record_id}


def _sort_key(target: _Contact) -> str:
    email: str | None = target.values.get("email")
    return (email or "").lower()


def _phone_key(phone: Mapping[str, Any] | Row) -> tuple[str, str | None]:
    number = phone["e164"] or "".join(filter(str.isdecimal, phone["number"]))
    return number, phone["extension"]


def _of_another(address: str, holder: _Contact) -> Finding:
    line = f"line {holder.line}" if holder.is_new else str(holder.uuid)
    message = f"{address} is an address of another contact ({line}) and stays there."
    code = StagingCode.DUPLICATE_IN_FILE if holder.is_new else StagingCode.DUPLICATE_EXISTING
    return Finding(code=code, message=message, field="email")


def _ambiguous(url: str) -> Finding:
    message = f"Several contacts have the profile {url}; add an e-mail address."
    return Finding(code=StagingCode.AMBIGUOUS_MATCH, message=message, field="linkedin_url")
