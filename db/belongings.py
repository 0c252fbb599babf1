"""What belongs to contacts: e-mails, phones, metadata and activities, read for many at once."""

from collections import defaultdict
from collections.abc import Sequence
from typing import Any, Final, TypeVar

from sqlalchemy import Table, select

from db.parameters import one_of
from db.rows import ActivityRow, EmailRow, MetadataRow, PhoneRow, Row
from db.statements import Statement
from db.tables import activities, contact_emails, contact_metadata, contact_phones, contacts
from db.transaction import ReadSession

R = TypeVar("R", bound=Row)


def _of_contacts(table: Table, row: type[R], *order: Any) -> Statement[R]:
    wanted = table.c.contact_id == one_of("ids")
    return Statement(select(table).where(wanted).order_by(table.c.contact_id, *order), row)


def _by_ids(table: Table, row: type[R]) -> Statement[R]:
    """Rows by their own id, as long as their contact is not deleted."""
    wanted = table.c.id == one_of("ids")
    of_live_contact = select(table).join(contacts, contacts.c.id == table.c.contact_id)
    return Statement(of_live_contact.where(wanted, contacts.c.deleted_at.is_(None)), row)


_EMAIL_BY_ID: Final = _by_ids(contact_emails, EmailRow)
_PHONE_BY_ID: Final = _by_ids(contact_phones, PhoneRow)
_ACTIVITY_BY_ID: Final = _by_ids(activities, ActivityRow)
_EMAILS: Final = _of_contacts(contact_emails, EmailRow, contact_emails.c.position)
_PHONES: Final = _of_contacts(contact_phones, PhoneRow, contact_phones.c.position)
_METADATA: Final = _of_contacts(contact_metadata, MetadataRow)
_ACTIVITIES: Final = _of_contacts(
    activities, ActivityRow, activities.c.occurred_at.desc(), activities.c.id.desc()
)


async def load_emails(session: ReadSession, contact_ids: Sequence[int]) -> list[list[EmailRow]]:
    """The e-mail addresses of each contact, as they were given, in the order of the ids."""
    return await _lists(session, _EMAILS, contact_ids)


async def load_phones(session: ReadSession, contact_ids: Sequence[int]) -> list[list[PhoneRow]]:
    """The phone numbers of each contact, as they were given, in the order of the ids."""
    return await _lists(session, _PHONES, contact_ids)


async def load_activities(
    session: ReadSession, contact_ids: Sequence[int]
) -> list[list[ActivityRow]]:
    """The activities of each contact, the latest first, in the order of the ids."""
    return await _lists(session, _ACTIVITIES, contact_ids)


async def load_metadata(
    session: ReadSession, contact_ids: Sequence[int]
) -> list[MetadataRow | None]:
    """The metadata of each contact, in the order of the ids; None where none was ever written."""
    return await session.fetch_by_id(_METADATA, contact_ids, key="contact_id")


async def load_emails_by_id(session: ReadSession, row_ids: Sequence[int]) -> list[EmailRow | None]:
    """E-mail addresses by their own id, in the order of the ids; None for missing ones."""
    return await session.fetch_by_id(_EMAIL_BY_ID, row_ids)


async def load_phones_by_id(session: ReadSession, row_ids: Sequence[int]) -> list[PhoneRow | None]:
    """Phone numbers by their own id, in the order of the ids; None for missing ones."""
    return await session.fetch_by_id(_PHONE_BY_ID, row_ids)


async def load_activities_by_id(
    session: ReadSession, row_ids: Sequence[int]
) -> list[ActivityRow | None]:
    """Activities by their own id, in the order of the ids; None for missing ones."""
    return await session.fetch_by_id(_ACTIVITY_BY_ID, row_ids)


async def _lists(
    session: ReadSession, statement: Statement[R], contact_ids: Sequence[int]
) -> list[list[R]]:
    rows = await session.fetch(statement, {"ids": list(contact_ids)})
    of_contact: defaultdict[int, list[R]] = defaultdict(list)
    for row in rows:
        of_contact[row["contact_id"]].append(row)
    return [of_contact[contact_id] for contact_id in contact_ids]
