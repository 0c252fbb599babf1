"""Contacts that get a company while that is renamed: nobody stands in the other's way."""

import asyncio

from db.companies import update_company
from db.contacts import update_contact
from db.entities import COMPANIES
from db.transaction import Database
from db.writing import lock_row
from domain.node_ids import NodeKind, encode_node_id
from domain.records import CompanyFields, ContactFields
from domain.validation import clean_company, clean_contact
from tests.db.people import wait_for_a_lock
from tests.factories import make_company, make_contact
from tests.graph.rows import read_rows


async def test_contact_waits_for_its_company_before_it_is_locked(database: Database) -> None:
    """Who renames the company finds its contacts free; none of the two has to begin again."""
    company = await make_company(database, name="Acme")
    node = encode_node_id(NodeKind.COMPANY, company.id)
    contact = await make_contact(database, first_name="Ada", company_id=node)

    async def employ() -> None:
        patch = clean_contact(ContactFields(company_id=node, title="CTO"))
        async with database.write() as tx:
            await update_contact(tx, contact.id, patch)

    async with database.write() as tx:
        await lock_row(tx, COMPANIES, company.id, expected_version=None)
        employing = asyncio.create_task(employ())
        await wait_for_a_lock(database)
        await update_company(tx, company.id, clean_company(CompanyFields(name="Globex")))
    await employing

    told = await read_rows(database, "SELECT title, company_name FROM contacts")
    assert told == [("CTO", "Globex")]
