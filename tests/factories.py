"""Makes rows the way the product does."""

from typing import Any

from db.companies import create_company
from db.contacts import create_contact
from db.rows import CompanyRow, ContactRow
from db.transaction import Database
from domain.records import CompanyFields, ContactFields, NewEmail
from domain.validation import clean_company, clean_contact


async def make_contact(
    database: Database, *, emails: tuple[str, ...] = (), **fields: Any
) -> ContactRow:
    """A contact; without any field it is called Ada Lovelace."""
    given = fields or ({} if emails else {"first_name": "Ada", "last_name": "Lovelace"})
    if emails:
        given["emails"] = [NewEmail(address=address) for address in emails]
    async with database.write() as tx:
        return await create_contact(tx, clean_contact(ContactFields(**given)))


async def make_company(database: Database, **fields: Any) -> CompanyRow:
    """A company; without any field it is called Acme."""
    async with database.write() as tx:
        return await create_company(
            tx, clean_company(CompanyFields(**(fields or {"name": "Acme"})))
        )
