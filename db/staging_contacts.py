"""Contacts of a batch: the writing of them all, with their employers, e-mails and phones.

`db.staging_matches` tells which contact each row is about.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final, NamedTuple

from db.staging import (
    Match,
    Outcome,
    Placed,
    StagedCompany,
    StagedContact,
    StagingCode,
    StagingRules,
    count_written,
    targets_of,
)
from db.staging_companies import place_companies
from db.staging_journal import Journal, noting
from db.staging_known import load_known
from db.staging_matches import Belongings, ContactMatch, ContactTarget
from db.staging_updates import Updates
from db.staging_writing import bulk_write, copy_rows, in_turns, insert_targets
from db.tables import (
    activities,
    companies,
    contact_emails,
    contact_metadata,
    contact_phones,
    contacts,
)
from db.transaction import Transaction
from db.writing import METADATA_COLUMNS, delete_belongings, record_loaded

_UPDATES: Final = Updates(contacts, contact_metadata)
_LOADING: Final = StagingRules()

# What was told about the company of a contact: its code for the contact.
_EMPLOYER_CODES: Final[Mapping[str, StagingCode]] = {
    StagingCode.AMBIGUOUS_MATCH: StagingCode.RELATION_AMBIGUOUS,
    StagingCode.NAME_DIFFERS: StagingCode.NAME_DIFFERS,
    StagingCode.RELATION_NOT_FOUND: StagingCode.RELATION_NOT_FOUND,
}


async def upsert_contacts(tx: Transaction, rows: Sequence[StagedContact]) -> list[Outcome]:
    """Create the contacts that are new, fill what known ones lack; outcomes in row order.

    Employers are found by domain, else by name, else created. E-mails and phones are added to
    those that a contact has.

    Raises:
        Rejected: Another transaction took a key meanwhile; the same batch may succeed now.
    """
    outcomes = [row.outcome for row in await place_contacts(tx, rows)]
    record_loaded(tx, contacts, count_written(outcomes))
    return outcomes


async def place_contacts(
    tx: Transaction,
    rows: Sequence[StagedContact],
    rules: StagingRules = _LOADING,
    *,
    journal: Journal | None = None,
) -> list[Placed]:
    """The same by rules of one's own, with the ids of the contacts; it records no change."""
    async with bulk_write(tx, rules.timeout_seconds):
        known = await load_known(tx, rows, rules)
        matches = await in_turns(known.place, rows)
        await _place_employers(tx, matches, rules, journal)
        await _write(tx, targets_of(matches), rules, journal)
    return await in_turns(Match.placed, matches)


class _Employer(NamedTuple):
    """What the row of a contact says about an employer.

    Attributes:
        is_chosen: The contact comes to belong to it; else it has a company already.
    """

    match: ContactMatch
    company: StagedCompany
    is_chosen: bool


async def _place_employers(
    tx: Transaction, matches: Sequence[ContactMatch], rules: StagingRules, journal: Journal | None
) -> None:
    """Give the contacts their companies; one that has a company keeps it."""
    asked = list(_employers(matches, makes=rules.makes_companies))
    if not asked:
        return
    employers = await place_companies(tx, [each.company for each in asked], journal=journal)
    record_loaded(tx, companies, count_written(each.outcome for each in employers))
    for (match, _, is_chosen), placed in zip(asked, employers, strict=True):
        target = match.target
        if target is None or not is_chosen:
            continue
        target.take(match.row.line, {"company_id": placed.record_id})
        match.findings += [
            replace(finding, code=_EMPLOYER_CODES[finding.code], field="company_name")
            for finding in placed.outcome.findings
            if finding.code in _EMPLOYER_CODES
        ]


def _employers(matches: Sequence[ContactMatch], *, makes: bool) -> Iterator[_Employer]:
    """The rows that say something about an employer; only the first of a contact chooses it."""
    settled: set[ContactTarget] = set()
    for match in matches:
        target, values = match.target, match.row.company
        if target is None or match.is_passed_over or not values:
            continue
        target.take(match.row.line, {"company_name_raw": values.get("name")})
        is_chosen = target.company_id is None and target not in settled
        settled.add(target)
        if is_chosen or values.get("domain"):
            company = StagedCompany(match.row.line, values, may_create=is_chosen and makes)
            yield _Employer(match, company, is_chosen)


async def _write(
    tx: Transaction, targets: Sequence[ContactTarget], rules: StagingRules, journal: Journal | None
) -> None:
    for target in targets:
        target.touched = any([target.emails.settle(), target.phones.settle()])
        target.values |= _primary_address(target.emails)
    # In one order in every batch, so that two loads wait for each other instead of deadlocking.
    new = sorted((target for target in targets if target.is_new), key=_sort_key)
    stored = [each for each in targets if not each.is_new]
    async with noting(journal, tx, contacts, stored):
        await _UPDATES.write(tx, stored, rules)
    if new:
        await insert_targets(tx, contacts, new)
        if journal:
            journal.made(contacts, new)
        metadata = [_of(t, t.values) for t in new if not METADATA_COLUMNS.isdisjoint(t.values)]
        await copy_rows(tx, contact_metadata, metadata)
        await copy_rows(tx, activities, [_of(t, row) for t in new for row in t.activities])
    await delete_belongings(tx, contact_emails, _ids(t for t in stored if t.emails.replaces))
    await delete_belongings(tx, contact_phones, _ids(t for t in stored if t.phones.replaces))
    emails = [_of(target, row) for target in targets for row in target.emails.added]
    await copy_rows(tx, contact_emails, sorted(emails, key=lambda row: row["address"].lower()))
    await copy_rows(
        tx, contact_phones, [_of(target, row) for target in targets for row in target.phones.added]
    )


def _primary_address(emails: Belongings) -> dict[str, Any]:
    """The copy of the primary address that lists show, as far as it changes."""
    primary = next((email for email in emails.added if email["is_primary"]), None)
    if primary:
        return {"email": primary["address"], "email_status": primary["status"]}
    return {"email": None, "email_status": None} if emails.replaces else {}


def _ids(targets: Iterable[ContactTarget]) -> list[int]:
    return [target.record_id for target in targets if target.record_id is not None]


def _of(target: ContactTarget, row: Mapping[str, Any]) -> dict[str, Any]:
    return {**row, "contact_id": target.record_id}


def _sort_key(target: ContactTarget) -> str:
    email: str | None = target.values.get("email")
    return (email or "").lower()
