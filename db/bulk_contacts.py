"""Contacts changed, tagged and deleted many at once."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from typing import Any, Final

from sqlalchemy import BigInteger, any_, bindparam, exists, select
from sqlalchemy.dialects.postgresql import ARRAY

from db.bulk import BULK_CONTACTS, Picked, delete_records, pick_records, write_columns
from db.companies import employer_problems
from db.rows import Row
from db.statements import Statement, sql
from db.suppressions import suppression_problems
from db.tables import contact_metadata, contact_phones, contacts
from db.transaction import Transaction
from domain.bulk import BulkOutcome, BulkStatus, ErrorPolicy, Selection, refusal, under
from domain.changes import ChangeKind, companies_of
from domain.errors import Problem, ProblemCode, Rejected
from domain.node_ids import NodeKind, encode_node_id
from domain.records import MAX_LIST_ITEMS
from domain.validation import CleanContact

_NAMES: Final = ("first_name", "middle_name", "last_name")
_PROFILE: Final = "linkedin_url"

_TAGS: Final = (
    "ARRAY(SELECT tag FROM unnest(c.tags) WITH ORDINALITY AS had(tag, at)"
    " WHERE tag <> ALL(CAST(:removed AS text[])) ORDER BY at)"
    " || ARRAY(SELECT tag FROM unnest(CAST(:added AS text[])) WITH ORDINALITY AS given(tag, at)"
    " WHERE tag <> ALL(c.tags) ORDER BY at)"
)
_TAG: Final = sql(
    f"UPDATE contacts c SET tags = {_TAGS} WHERE c.id = ANY(CAST(:ids AS bigint[]))"
    " AND (c.tags && CAST(:removed AS text[]) OR NOT c.tags @> CAST(:added AS text[]))"
    " RETURNING c.id"
)
_OVERFULL: Final = sql(
    "SELECT c.id FROM contacts c WHERE c.id = ANY(CAST(:ids AS bigint[]))"
    f" AND cardinality({_TAGS}) > greatest(cardinality(c.tags), CAST(:most AS integer))"
)


async def update_contacts(
    tx: Transaction, selection: Selection, patch: CleanContact, policy: ErrorPolicy
) -> BulkOutcome:
    """Give contacts the values of a patch.

    A contact that the patch would leave without anything that identifies it has failed.

    Raises:
        Rejected: The patch or the selection is wrong, or a contact failed and nothing is to be
            written then.
    """
    values, problems = await _usable_values(tx, patch)
    if problems and policy is not ErrorPolicy.IGNORE_FAILED_FIELDS:
        raise Rejected(problems)
    picked = await pick_records(tx, BULK_CONTACTS, selection)
    await _keep_identified(tx, picked, values)
    changed = await write_columns(tx, BULK_CONTACTS, picked.ids, values)
    moved_to = companies_of(values.get("company_id"))
    companies = {id_: ids | moved_to for id_, ids in picked.company_ids(changed).items()}
    BULK_CONTACTS.record(tx, ChangeKind.UPDATED, companies)
    outcome = picked.outcome(changed, BulkStatus.UPDATED, policy)
    return replace(outcome, problems=tuple(problems))


async def delete_contacts(
    tx: Transaction, selection: Selection, policy: ErrorPolicy
) -> BulkOutcome:
    """Take contacts out of every list; their addresses are free for others.

    Raises:
        Rejected: The selection is wrong, or a contact failed and nothing is to be deleted then.
    """
    return await delete_records(tx, BULK_CONTACTS, selection, policy)


async def tag_contacts(
    tx: Transaction,
    selection: Selection,
    *,
    added: Sequence[str],
    removed: Sequence[str],
    policy: ErrorPolicy,
) -> BulkOutcome:
    """Add tags to contacts and take others from them; the order of those that stay is kept.

    A contact that would have too many tags has failed.

    Raises:
        Rejected: A tag is both added and removed, or none is named; or as with `delete_contacts`.
    """
    check_tags(added, removed)
    picked = await pick_records(tx, BULK_CONTACTS, selection)
    tags = {"added": list(added), "removed": list(removed)}
    limits = {"ids": picked.ids, "most": MAX_LIST_ITEMS}
    for (row_id,) in await tx.fetch(_OVERFULL, tags | limits):
        message = f"The contact {_node_id(row_id)} would have more than {MAX_LIST_ITEMS} tags."
        picked.failed[row_id] = _problem(ProblemCode.TOO_LONG, message, "add")
    changed = [row[0] for row in await tx.fetch(_TAG, tags | {"ids": picked.ids})]
    BULK_CONTACTS.record(tx, ChangeKind.UPDATED, picked.company_ids(changed))
    return picked.outcome(changed, BulkStatus.UPDATED, policy)


def check_tags(added: Sequence[str], removed: Sequence[str]) -> None:
    """Refuse what `tag_contacts` would refuse whichever contacts it is about.

    Raises:
        Rejected: A tag is both added and removed, or none is named.
    """
    if both := sorted({*added} & {*removed}):
        raise refusal(f"{both[0]!r} is both added and removed.", "remove")
    if not added and not removed:
        raise refusal("Name tags to add or to remove.", "add", code=ProblemCode.REQUIRED)


async def _usable_values(
    tx: Transaction, patch: CleanContact
) -> tuple[dict[str, Any], list[Problem]]:
    """What of a patch can be stored, and what is wrong with the rest; paths lead into the input."""
    values, problems = dict(patch.values), list(patch.problems)
    # Before any row is locked: see db.suppressions.
    if suppressed := await suppression_problems(tx, patch):
        problems += suppressed
        del values[_PROFILE]
    if missing := await employer_problems(tx, values):
        problems += missing
        del values["company_id"]
    return values, [under(problem, "set") for problem in problems]


async def _keep_identified(tx: Transaction, picked: Picked, values: Mapping[str, Any]) -> None:
    """Let the records fail that would lose the last thing that tells who they are."""
    given = {name: values[name] for name in (*_NAMES, _PROFILE) if name in values}
    if not given or any(given.values()) or not picked.ids:
        return
    statement = _left_with_nothing(frozenset(given))
    for (row_id,) in await tx.fetch(statement, {"ids": picked.ids}):
        message = (
            f"The contact {_node_id(row_id)} would have no name, e-mail address, LinkedIn profile"
            " or phone number left."
        )
        picked.failed[row_id] = _problem(ProblemCode.REQUIRED, message, "set")


@lru_cache(maxsize=16)
def _left_with_nothing(cleared: frozenset[str]) -> Statement[Row]:
    """The contacts that nothing identifies but the columns that are cleared."""
    profile = exists().where(
        contact_metadata.c.contact_id == contacts.c.id, contact_metadata.c[_PROFILE].is_not(None)
    )
    return Statement(
        select(contacts.c.id).where(
            contacts.c.id == any_(bindparam("ids", type_=ARRAY(BigInteger))),
            contacts.c.email.is_(None),
            ~exists().where(contact_phones.c.contact_id == contacts.c.id),
            *(contacts.c[name].is_(None) for name in _NAMES if name not in cleared),
            *([] if _PROFILE in cleared else [~profile]),
        ),
        Row,
    )


def _node_id(row_id: int) -> str:
    return encode_node_id(NodeKind.CONTACT, row_id)


def _problem(code: ProblemCode, message: str, name: str) -> Problem:
    return Problem(code=code, message=message, path=(name,))
