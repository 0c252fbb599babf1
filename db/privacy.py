"""Erasing people: their rows go, and only hashes of their keys stay, on the suppression list.

A person can be in several contacts: those that were merged into one go with it; any other that has
the same address or profile, and the one that it was merged into itself, must be erased together
with it, or the person would survive there.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple
from uuid import UUID

from db.import_tables import IS_IMAGE, KEYS_OF_IMAGE
from db.statements import sql
from db.suppressions import find_holders, hold_list, insert_suppressions
from db.transaction import Transaction
from domain.changes import ChangeKind, ContactChanged, companies_of
from domain.enums import SuppressedKey
from domain.person_keys import written_forms
from domain.privacy import PersonKey

_IDS: Final = "ANY(CAST(:ids AS bigint[]))"
_KEY: Final = "ANY(CAST(:keys AS text[]))"
_FAMILY: Final = (
    f"WITH RECURSIVE family(root, id) AS (SELECT id, id FROM contacts WHERE id = {_IDS}"
    " UNION SELECT f.root, c.id FROM contacts c JOIN family f ON c.merged_into_id = f.id)"
)
_LOCK: Final = sql(
    f"{_FAMILY} SELECT c.id FROM contacts c WHERE c.id IN (SELECT id FROM family)"
    " ORDER BY c.id FOR UPDATE OF c"
)
_MEMBERS: Final = sql(
    f"{_FAMILY} SELECT f.root, c.id, c.company_id, c.merged_into_id"
    " FROM family f JOIN contacts c ON c.id = f.id"
)
_KEYS: Final = sql(
    f"SELECT contact_id, 'EMAIL', email_key FROM contact_emails WHERE contact_id = {_IDS}"
    " UNION SELECT contact_id, 'LINKEDIN', linkedin_url FROM contact_metadata"
    f" WHERE contact_id = {_IDS} AND linkedin_url IS NOT NULL"
)
# Also what could bring a key back to others, who had it before (`db.merges.Traces`).
_FORGET_MERGES: Final = sql(
    f"DELETE FROM contact_merges WHERE survivor_id = {_IDS}"
    " OR loser_ids && CAST(:ids AS bigint[])"
    " OR id IN (SELECT m.id FROM contact_merges m CROSS JOIN LATERAL ("
    " SELECT jsonb_path_query(m.undo, '$.*.email_key')"
    " UNION ALL SELECT jsonb_path_query(m.undo, '$.*.email')"
    " UNION ALL SELECT jsonb_path_query(m.undo, '$.*.linkedin_url')) AS said(it)"
    " WHERE m.undo <> '{}' AND lower(said.it #>> '{}') = ANY(CAST(:keys AS text[])))"
)
# Copies that imports have kept: of the rows of their files, and of what contacts were before.
_FORGET_ROWS: Final = sql(
    "WITH gone AS (DELETE FROM import_rejects WHERE person_keys && CAST(:keys AS text[])"
    " RETURNING job_id, line) DELETE FROM import_errors e USING gone"
    " WHERE e.job_id = gone.job_id AND e.line = gone.line"
)
_FORGET_IMAGES: Final = sql(
    f"DELETE FROM import_changes WHERE entity = 'contacts' AND record_id = {_IDS}"
)
# Others had the keys before an import changed them, and would get them back when it is undone. The
# rest stays; of the addresses that are left the first becomes the contact's.
_STRIP_IMAGES: Final = sql(
    "UPDATE import_changes SET before = (SELECT before"
    " || jsonb_build_object('contact_emails', kept.emails)"
    f" || CASE WHEN before #>> '{{contacts,email_key}}' = {_KEY}"
    " THEN jsonb_build_object('contacts', ((before -> 'contacts') - 'search_text')"
    " || jsonb_build_object('email_domain', null,"
    " 'email', kept.emails #> '{0,address}', 'email_key', kept.emails #> '{0,email_key}',"
    " 'email_status', kept.emails #> '{0,status}')) ELSE '{}' END"
    f" || CASE WHEN before #>> '{{contact_metadata,linkedin_url}}' = {_KEY}"
    " THEN jsonb_build_object('contact_metadata',"
    " before -> 'contact_metadata' || jsonb_build_object('linkedin_url', null)) ELSE '{}' END"
    " FROM (SELECT jsonb_set(jsonb_agg(it ORDER BY it -> 'is_primary' DESC, it -> 'position'),"
    " '{0,is_primary}', 'true') AS emails"
    " FROM jsonb_path_query(before, '$.contact_emails[*]') AS said(it)"
    f" WHERE NOT it ->> 'email_key' = {_KEY}) AS kept)"
    f" WHERE {IS_IMAGE} AND ({KEYS_OF_IMAGE}) ?| CAST(:keys AS text[])"
)
# What belongs to a contact goes with it (ON DELETE CASCADE).
_DELETE: Final = sql(f"DELETE FROM contacts WHERE id = {_IDS}")


class Erasure(NamedTuple):
    """What became of a contact that was to be erased.

    Attributes:
        is_erased: False where there is no such contact, or others have to be erased with it.
        also_erase: Those others; all have the same person.
    """

    contact_id: int
    is_erased: bool = False
    also_erase: Sequence[int] = ()


@dataclass(eq=False, slots=True)
class _Person:
    """A contact that is to be erased, and all that has to go with it.

    Attributes:
        company_ids: For each contact that goes, the one and those merged into it, its companies.
        needed: Contacts without which it cannot go.
    """

    company_ids: dict[int, frozenset[int]] = field(default_factory=dict)
    keys: set[PersonKey] = field(default_factory=set)
    needed: set[int] = field(default_factory=set)


async def erase_contacts(
    tx: Transaction, contact_ids: Sequence[int], *, reason: str | None, erased_by: UUID
) -> list[Erasure]:
    """Erase those contacts that can be, deleted or not; what became of each, in the same order."""
    await hold_list(tx)
    people = await _load_people(tx, contact_ids)
    leaving = _leaving(people)
    going: dict[int, frozenset[int]] = {}
    for root in leaving:
        going |= people[root].company_ids
    if going:
        keys = set().union(*(people[root].keys for root in leaving))
        await insert_suppressions(tx, keys, reason=reason, created_by=erased_by)
        forgotten = {"ids": list(going), "keys": [key.value for key in keys]}
        await tx.fetch(_FORGET_MERGES, forgotten)
        written = [form for key in keys for form in written_forms(key)]
        await tx.fetch(_FORGET_ROWS, {"keys": written})
        await tx.fetch(_FORGET_IMAGES, {"ids": forgotten["ids"]})
        await tx.fetch(_STRIP_IMAGES, {"keys": forgotten["keys"]})
        await tx.fetch(_DELETE, {"ids": list(going)})
    for contact_id, companies in going.items():
        tx.record(
            ContactChanged(kind=ChangeKind.ERASED, contact_id=contact_id, company_ids=companies)
        )
    return [_erasure(contact_id, people, going) for contact_id in contact_ids]


async def _load_people(tx: Transaction, contact_ids: Sequence[int]) -> dict[int, _Person]:
    """Lock the contacts with those merged into them, and read what has to go with each."""
    values = {"ids": list(contact_ids)}
    await tx.fetch(_LOCK, values)
    people: defaultdict[int, _Person] = defaultdict(_Person)
    roots_of: defaultdict[int, list[int]] = defaultdict(list)
    for root, contact_id, company_id, merged_into_id in await tx.fetch(_MEMBERS, values):
        person = people[root]
        person.company_ids[contact_id] = companies_of(company_id)
        person.needed |= {merged_into_id} - {None}
        roots_of[contact_id].append(root)
    for contact_id, kind, key in await tx.fetch(_KEYS, {"ids": list(roots_of)}):
        for root in roots_of[contact_id]:
            people[root].keys.add(PersonKey(SuppressedKey(kind), key))
    await _add_holders(tx, people.values())
    return people


async def _add_holders(tx: Transaction, people: Iterable[_Person]) -> None:
    """Whoever else has a key of a person has to go with it."""
    holders: defaultdict[PersonKey, set[int]] = defaultdict(set)
    everybody = list(people)
    for person in everybody:
        person.keys = {key for key in person.keys if key.is_personal}
    keys = set().union(*(person.keys for person in everybody))
    for key, contact_id in await find_holders(tx, keys):
        holders[key].add(contact_id)
    for person in everybody:
        person.needed.update(*(holders[key] for key in person.keys))


def _leaving(people: Mapping[int, _Person]) -> set[int]:
    """Those who can go: each with all that it needs."""
    leaving = set(people)
    while True:
        going = {contact_id for root in leaving for contact_id in people[root].company_ids}
        stuck = {root for root in leaving if not people[root].needed <= going}
        if not stuck:
            return leaving
        leaving -= stuck


def _erasure(
    contact_id: int, people: Mapping[int, _Person], going: Mapping[int, frozenset[int]]
) -> Erasure:
    if contact_id in going or contact_id not in people:
        return Erasure(contact_id, is_erased=contact_id in going)
    person = people[contact_id]
    return Erasure(contact_id, also_erase=sorted(person.needed.difference(person.company_ids)))
