"""Contacts of a batch: which contact each row is about, and what the rows say about it.

The keys of a row are tried in the order of the rules: its e-mail addresses, its LinkedIn address,
its phone numbers with its last name. For each a live contact counts before a deleted one, and a
deleted one comes back only when none of its addresses has gone to another meanwhile. A row without
keys is always a new contact. An address stays with the contact that has it; a row that gives it to
another is written without it, or not at all. A row with a key that is on the suppression list
fails.
"""

from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

from db.rows import Row
from db.staging import Finding, Match, StagedContact, StagingCode, StagingRules, Target
from db.suppressions import SUPPRESSED
from domain.changes import companies_of
from domain.enums import ContactMatchKey, EmailStatus, PhoneType, SuppressedKey
from domain.errors import ProblemCode
from domain.privacy import PersonKey, keys_of
from domain.validation import CleanContact

_EMAIL: Final = {"status": EmailStatus.UNKNOWN}
_PHONE: Final = {"type": PhoneType.OTHER}

PhoneKey = tuple[str, str]
"""A number in international form and a last name in one case."""


class PhoneNumber(NamedTuple):
    """A number in international form, or its digits as they were given."""

    number: str
    extension: str | None


@dataclass(eq=False, slots=True)
class Belongings:
    """The e-mails or the phones of one contact: what it has, and what is added.

    Attributes:
        defaults: What one says that says nothing itself.
        replaces: What is added takes the place of what is stored.
    """

    defaults: Mapping[str, Any]
    keys: set[object] = field(default_factory=set)
    next_position: int = 0
    has_primary: bool = False
    stored: dict[object, Row] = field(default_factory=dict)
    added: list[dict[str, Any]] = field(default_factory=list)
    replaces: bool = False

    def know(self, key: object, row: Row) -> None:
        """Remember one that is stored."""
        self.keys.add(key)
        self.stored[key] = row
        self.next_position = max(self.next_position, row["position"] + 1)
        self.has_primary = self.has_primary or row["is_primary"]

    def add(self, key: object, values: Mapping[str, Any]) -> None:
        """Append one behind the others, unless it is there; the first of all is the primary one.

        What is not said of one that takes its own place again stays as it is stored.
        """
        if key in self.keys:
            return
        self.keys.add(key)
        place = {"position": self.next_position, "is_primary": not self.has_primary}
        said = {name: value for name, value in values.items() if value is not None}
        self.added.append({**self.defaults, **self._stored_with(key), **said, **place})
        self.next_position += 1
        self.has_primary = True

    def _stored_with(self, key: object) -> Mapping[str, Any]:
        (told,) = _told([self.stored[key]]) if key in self.stored else ({},)
        return told

    def number(self, phone: Mapping[str, Any]) -> PhoneNumber:
        """The key of a phone; without an extension it is any with its number."""
        key = phone_number(phone)
        known = [key, *self.keys, *self.stored]
        if key.extension is None and key not in known[1:]:
            same = (each for each in known[1:] if isinstance(each, PhoneNumber))
            return next((each for each in same if each.number == key.number), key)
        return key

    def start_anew(self) -> None:
        """Take what is added from here on for all that there is to be."""
        if not self.replaces:
            self.replaces, self.has_primary = True, False
            self.keys.clear()
            self.next_position = 0

    def settle(self) -> bool:
        """Whether there is anything to write; what is stored just so is not."""
        if self.replaces and _told(self.added) == _told(self.stored.values()):
            self.replaces, self.added = False, []
        return self.replaces or bool(self.added)


@dataclass(eq=False, slots=True)
class ContactTarget(Target):
    """A contact that rows go to.

    Attributes:
        is_deleted: It is stored as deleted and no row has asked for it yet.
        keys: All its addresses, if it is stored as deleted.
    """

    kind = "contact"

    company_id: int | None = None
    linkedin_url: str | None = None
    is_deleted: bool = False
    keys: tuple[str, ...] = ()
    emails: Belongings = field(default_factory=lambda: Belongings(_EMAIL))
    phones: Belongings = field(default_factory=lambda: Belongings(_PHONE))
    activities: tuple[Mapping[str, Any], ...] = ()

    @property
    def company_ids(self) -> frozenset[int]:
        """The companies that it belonged to before, and may belong to now."""
        return companies_of(self.company_id, self.values.get("company_id"))


ContactMatch = Match[StagedContact, ContactTarget]


class KnownContacts:
    """The contacts that rows can be about: stored ones, and the new ones of the rows so far."""

    def __init__(self, rules: StagingRules) -> None:
        self._rules = rules
        self.by_id: dict[int, ContactTarget] = {}
        self.by_email: dict[str, ContactTarget] = {}
        self.by_linkedin: dict[str, list[ContactTarget]] = {}
        self.by_phone: dict[PhoneKey, list[ContactTarget]] = {}
        self.refused: set[PersonKey] = set()

    def place(self, row: StagedContact) -> ContactMatch:
        """The contact a row is about, which takes the row, and what is to be told about it."""
        if self.refused and (refused := _suppressed(row.contact, self.refused)):
            return Match(row, None, refused)
        emails = {email["address"].lower(): email for email in row.contact.emails or ()}
        found = self._find(row.contact, emails)
        if isinstance(found, Finding):
            return Match(row, None, [found])
        is_deleted = found is not None and found.is_deleted
        if refusal := self._rules.refused(found, is_deleted=is_deleted, kind=ContactTarget.kind):
            return Match(row, None, [refusal])
        if found is not None and self._rules.skips and not is_deleted:
            return Match(row, found, [], is_passed_over=True)
        target = found or ContactTarget()
        findings = [
            _of_another(email["address"], holder)
            for key, email in emails.items()
            if (holder := self._live_holder(key)) not in (None, target)
        ]
        if findings and self._rules.is_strict:
            return Match(row, None, findings)
        target.is_deleted = False
        self._give(target, row, emails)
        return Match(row, target, findings)

    def _find(
        self, contact: CleanContact, emails: Mapping[str, Any]
    ) -> ContactTarget | Finding | None:
        """The contact of the first key that leads to one."""
        for key in self._rules.match_on:
            if (found := self._of_key(key, contact, emails)) is not None:
                return found
        return None

    def _of_key(
        self, key: ContactMatchKey, contact: CleanContact, emails: Mapping[str, Any]
    ) -> ContactTarget | Finding | None:
        if key is ContactMatchKey.EMAIL:
            return self._of_emails(emails)
        if key is ContactMatchKey.LINKEDIN_URL:
            return self._of_profile(contact.values.get("linkedin_url"))
        return self._of_phones(phone_keys(contact))

    def _of_emails(self, keys: Iterable[str]) -> ContactTarget | None:
        """The holder of the first address that a live contact has, else a deleted one."""
        holders = [self.by_email[key] for key in keys if key in self.by_email]
        if not holders:
            return None
        usable = [holder for holder in holders if self._is_usable(holder)]
        return min(usable, key=lambda holder: holder.is_deleted, default=None)

    def _of_profile(self, url: str | None) -> ContactTarget | Finding | None:
        holders = self.by_linkedin.get(url) if url else None
        if not holders:
            return None
        return self._only_one(holders, "linkedin_url", f"the profile {url}")

    def _of_phones(self, keys: Iterable[PhoneKey]) -> ContactTarget | Finding | None:
        for number, last_name in keys:
            holders = self.by_phone.get((number, last_name), [])
            if found := self._only_one(holders, "phones", f"this last name and {number}"):
                return found
        return None

    def _only_one(
        self, holders: Sequence[ContactTarget], name: str, what: str
    ) -> ContactTarget | Finding | None:
        """The live one of the contacts with a key, else the one deleted last."""
        live = [holder for holder in holders if not holder.is_deleted]
        if len(live) > 1:
            message = f"Several contacts have {what}; add an e-mail address."
            return Finding(code=StagingCode.AMBIGUOUS_MATCH, message=message, field=name)
        usable = live or [holder for holder in holders if self._is_usable(holder)]
        return usable[0] if usable else None

    def _is_usable(self, target: ContactTarget) -> bool:
        """Whether it is live, or can come back with all its addresses."""
        return not target.is_deleted or all(self.by_email[key] is target for key in target.keys)

    def _live_holder(self, key: str) -> ContactTarget | None:
        holder = self.by_email.get(key)
        return None if holder is None or holder.is_deleted else holder

    def _give(
        self, target: ContactTarget, row: StagedContact, emails: Mapping[str, Mapping[str, Any]]
    ) -> None:
        contact, overwrites = row.contact, self._rules.overwrites
        replaces = overwrites and not self._rules.appends
        target.take(row.line, contact.values, with_nulls=overwrites)
        target.activities += (*row.activities,)
        if replaces and contact.emails is not None:
            target.emails.start_anew()
        if replaces and contact.phones is not None:
            target.phones.start_anew()
        for phone in contact.phones or ():
            target.phones.add(target.phones.number(phone), phone)
        for key, email in emails.items():
            holder = self._live_holder(key)
            if holder in (None, target):
                self.by_email[key] = target
                target.emails.add(key, email)
        self._remember(target, contact)

    def _remember(self, target: ContactTarget, contact: CleanContact) -> None:
        """Let later rows with the same profile or phone find it too."""
        url, known = contact.values.get("linkedin_url"), target.linkedin_url
        if url and url != known and (self._rules.overwrites or not known):
            target.linkedin_url = url
            self.by_linkedin.setdefault(url, []).append(target)
        if ContactMatchKey.PHONE_AND_LAST_NAME not in self._rules.match_on:
            return
        for key in phone_keys(contact):
            holders = self.by_phone.setdefault(key, [])
            if target not in holders:
                holders.append(target)


def phone_keys(contact: CleanContact) -> list[PhoneKey]:
    """What tells a contact by phone; none without a last name or a number that is read for sure."""
    last_name = (contact.values.get("last_name") or "").casefold()
    numbers = [phone.get("e164") for phone in contact.phones or ()] if last_name else []
    return [(number, last_name) for number in numbers if number]


def _told(rows: Iterable[Mapping[str, Any] | Row]) -> list[dict[str, Any]]:
    """What e-mails or phones say, without what PostgreSQL adds and what says nothing."""
    return [
        {k: v for k, v in row.items() if v is not None and k not in {"contact_id", "email_key"}}
        for row in rows
    ]


def phone_number(phone: Mapping[str, Any] | Row) -> PhoneNumber:
    """What two phones of one contact have in common when they are the same."""
    number = phone["e164"] or "".join(filter(str.isdecimal, phone["number"]))
    return PhoneNumber(number, phone["extension"])


def _suppressed(contact: CleanContact, refused: Set[PersonKey]) -> list[Finding]:
    """The values of a contact that must not be stored."""
    addresses = {email["address"].lower(): email["address"] for email in contact.emails or ()}
    return [
        Finding(
            code=ProblemCode.SUPPRESSED_CONTACT,
            message=SUPPRESSED,
            field="email" if key.kind is SuppressedKey.EMAIL else "linkedin_url",
            raw=addresses.get(key.value, key.value),
        )
        for key in keys_of(contact)
        if key in refused
    ]


def _of_another(address: str, holder: ContactTarget) -> Finding:
    line = f"line {holder.line}" if holder.is_new else str(holder.uuid)
    return Finding(
        code=StagingCode.DUPLICATE_IN_FILE if holder.is_new else StagingCode.DUPLICATE_EXISTING,
        message=f"{address} is an address of another contact ({line}) and stays there.",
        field="email",
        raw=address,
        record_id=holder.record_id,
    )
