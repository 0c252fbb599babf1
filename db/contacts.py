"""Contacts: lists, single rows and every change of one."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

from sqlalchemy import BigInteger, Text, any_, bindparam, exists, or_, select
from sqlalchemy.dialects.postgresql import ARRAY

from db import paging
from db.companies import employer_problems
from db.entities import CONTACTS
from db.loading import load_rows
from db.problems import NAMELESS_CONTACT, email_taken
from db.rows import ContactRow, Row
from db.statements import Statement
from db.suppressions import suppression_problems
from db.tables import contact_emails, contact_metadata, contact_phones, contacts
from db.transaction import ReadSession, Transaction
from db.writing import (
    METADATA_COLUMNS,
    insert_row,
    lock_row,
    replace_children,
    update_row,
    upsert_metadata,
)
from domain.changes import ChangeKind, ContactChanged, companies_of
from domain.errors import Problem, Rejected
from domain.filters import ContactFilter
from domain.paging import Page, PageRequest
from domain.selection import Selection
from domain.validation import CleanContact

_OF_COMPANY: Final = "company_id"

_ROW_ID: Final = bindparam("row_id", type_=BigInteger)
_HOLDERS: Final = Statement(
    select(contact_emails.c.email_key, contact_emails.c.contact_id).where(
        contact_emails.c.email_key == any_(bindparam("keys", type_=ARRAY(Text))),
        contact_emails.c.deleted_at.is_(None),
        contact_emails.c.contact_id != _ROW_ID,
    ),
    Row,
)
_EMAIL_KEYS: Final = Statement(
    select(contact_emails.c.email_key).where(contact_emails.c.contact_id == _ROW_ID), Row
)
_IS_IDENTIFIED: Final = Statement(
    select(
        or_(
            contacts.c.full_name.is_not(None),
            contacts.c.email.is_not(None),
            exists().where(contact_phones.c.contact_id == contacts.c.id),
            exists().where(
                contact_metadata.c.contact_id == contacts.c.id,
                contact_metadata.c.linkedin_url.is_not(None),
            ),
        )
    ).where(contacts.c.id == _ROW_ID),
    Row,
)


async def list_contacts(
    session: ReadSession,
    request: PageRequest,
    filter_: ContactFilter | None = None,
    *,
    selection: Selection | None = None,
) -> Page[ContactRow]:
    """One page of contacts."""
    return await paging.list_page(session, CONTACTS, request, filter_, selection=selection)


async def list_contacts_of_companies(
    session: ReadSession,
    company_ids: Sequence[int],
    *,
    request: PageRequest,
    filter_: ContactFilter | None = None,
    selection: Selection | None = None,
) -> list[Page[ContactRow]]:
    """The same page of the contacts of each company, in the order of the ids."""
    return await paging.list_pages_of_parents(
        session,
        CONTACTS,
        request,
        filter_,
        parent=_OF_COMPANY,
        parent_ids=company_ids,
        selection=selection,
    )


async def contacts_behind(
    session: ReadSession, request: PageRequest, filter_: ContactFilter | None = None
) -> bool:
    """Whether there are contacts on the other side of the request's cursor, its own included."""
    return await paging.rows_behind(session, CONTACTS, request, filter_)


async def companies_with_contacts_behind(
    session: ReadSession,
    company_ids: Sequence[int],
    *,
    request: PageRequest,
    filter_: ContactFilter | None = None,
) -> list[bool]:
    """As `contacts_behind` for the contacts of each company, in the order of the ids."""
    return await paging.parents_with_rows_behind(
        session, CONTACTS, request, filter_, parent=_OF_COMPANY, parent_ids=company_ids
    )


async def count_contacts(session: ReadSession, filter_: ContactFilter | None = None) -> int:
    """How many contacts match."""
    return await paging.count_rows(session, CONTACTS, filter_)


async def count_contacts_of_companies(
    session: ReadSession, company_ids: Sequence[int], *, filter_: ContactFilter | None = None
) -> list[int]:
    """How many contacts of each company match, in the order of the ids."""
    return await paging.count_rows_of_parents(
        session, CONTACTS, filter_, parent=_OF_COMPANY, parent_ids=company_ids
    )


async def load_contacts(
    session: ReadSession, contact_ids: Sequence[int], *, selection: Selection | None = None
) -> list[ContactRow | None]:
    """Contacts by id, in the order of the ids; None for missing and deleted ones.

    One that was merged into another is found, though no list has it.
    """
    return await load_rows(session, CONTACTS, contact_ids, selection=selection)


async def create_contact(tx: Transaction, new: CleanContact) -> ContactRow:
    """A new contact with its e-mails, phones and metadata.

    Raises:
        Rejected: Nothing identifies it, an address belongs to another contact or to somebody who
            must not be stored, or the company does not exist.
    """
    if problems := await _problems(tx, new):
        raise Rejected(problems)
    row = await insert_row(tx, CONTACTS, _contact_columns(new))
    await _write_belongings(tx, row.id, new)
    await _check_identity(tx, row.id)
    tx.record(
        ContactChanged(
            kind=ChangeKind.CREATED, contact_id=row.id, company_ids=companies_of(row.company_id)
        )
    )
    return row


async def update_contact(
    tx: Transaction, contact_id: int, patch: CleanContact, *, expected_version: int | None = None
) -> ContactRow:
    """The contact with the given fields changed; without any, as it is.

    Raises:
        Rejected: NOT_FOUND, VERSION_CONFLICT, or as with `create_contact`.
    """
    problems = await _problems(tx, patch)
    before = await lock_row(tx, CONTACTS, contact_id, expected_version=expected_version)
    if problems:
        raise Rejected(problems)
    if not patch.values and patch.emails is None and patch.phones is None:
        return before
    row = await update_row(tx, CONTACTS, contact_id, _contact_columns(patch))
    await _write_belongings(tx, contact_id, patch)
    await _check_identity(tx, contact_id)
    tx.record(
        ContactChanged(
            kind=ChangeKind.UPDATED,
            contact_id=contact_id,
            company_ids=companies_of(before.company_id, row.company_id),
        )
    )
    return row


async def delete_contact(
    tx: Transaction, contact_id: int, *, expected_version: int | None = None
) -> ContactRow:
    """The contact, now out of every list; its addresses are free for others.

    Raises:
        Rejected: NOT_FOUND or VERSION_CONFLICT.
    """
    await lock_row(tx, CONTACTS, contact_id, expected_version=expected_version)
    return await _mark(tx, contact_id, ChangeKind.DELETED, deleted_at=datetime.now(UTC))


async def restore_contact(
    tx: Transaction, contact_id: int, *, expected_version: int | None = None
) -> ContactRow:
    """The contact, back in every list.

    Raises:
        Rejected: NOT_FOUND, VERSION_CONFLICT, or an address belongs to another contact now.
    """
    await lock_row(tx, CONTACTS, contact_id, expected_version=expected_version, deleted=True)
    keys = [row[0] for row in await tx.fetch(_EMAIL_KEYS, {"row_id": contact_id})]
    if problems := await _taken(tx, contact_id, keys):
        raise Rejected(problems)
    return await _mark(tx, contact_id, ChangeKind.RESTORED, deleted_at=None)


async def _mark(
    tx: Transaction, contact_id: int, kind: ChangeKind, *, deleted_at: datetime | None
) -> ContactRow:
    row = await update_row(tx, CONTACTS, contact_id, {"deleted_at": deleted_at})
    tx.record(
        ContactChanged(kind=kind, contact_id=contact_id, company_ids=companies_of(row.company_id))
    )
    return row


async def _problems(tx: Transaction, new: CleanContact) -> list[Problem]:
    """Why it cannot be stored, as far as that is known before the contact is locked."""
    refused = await suppression_problems(tx, new)
    return [*new.problems, *refused, *await employer_problems(tx, new.values)]


async def _check_identity(tx: Transaction, contact_id: int) -> None:
    if not await tx.fetch_value(_IS_IDENTIFIED, {"row_id": contact_id}):
        raise Rejected([NAMELESS_CONTACT])


async def _write_belongings(tx: Transaction, contact_id: int, written: CleanContact) -> None:
    metadata = {k: v for k, v in written.values.items() if k in METADATA_COLUMNS}
    if metadata:
        await upsert_metadata(tx, contact_id, metadata)
    if written.phones is not None:
        await replace_children(tx, contact_phones, contact_id, written.phones)
    if written.emails is not None:
        stored = await replace_children(tx, contact_emails, contact_id, written.emails)
        if not all(stored):
            keys = [row["address"].lower() for row in written.emails]
            # The holder may be gone by now, but the statement has failed because of it.
            problems = await _taken(tx, contact_id, keys)
            raise Rejected(problems or [email_taken("that was given")])


async def _taken(tx: Transaction, contact_id: int, keys: Sequence[str]) -> list[Problem]:
    """The addresses that another contact holds."""
    holders = {
        row[0]: row[1]
        for row in await tx.fetch(_HOLDERS, {"keys": list(keys), "row_id": contact_id})
    }
    return [
        email_taken(key, path=("emails", str(at), "address"), existing_id=holders[key])
        for at, key in enumerate(keys)
        if key in holders
    ]


def _contact_columns(written: CleanContact) -> dict[str, Any]:
    columns = {k: v for k, v in written.values.items() if k not in METADATA_COLUMNS}
    if written.emails is not None:
        columns |= _primary_address(written.emails)
    return columns


def _primary_address(emails: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The copy of the primary address that lists show and filters read."""
    primary = next((email for email in emails if email["is_primary"]), None)
    if primary is None:
        return {"email": None, "email_status": None}
    return {"email": primary["address"], "email_status": primary.get("status") or "UNKNOWN"}
