"""Promises of what a contact holds of its company: name, size and revenue, through every change."""

import asyncio
from typing import Any

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from db.companies import delete_company, restore_company, update_company
from db.contacts import create_contact
from db.tables import contacts
from db.transaction import Database
from domain.node_ids import NodeKind, encode_node_id
from domain.records import CompanyFields, ContactFields
from domain.validation import clean_company, clean_contact
from tests.db.datasets import stored_rows
from tests.factories import make_company, make_contact


async def held(engine: AsyncEngine) -> list[tuple[Any, ...]]:
    """What each contact holds of its company, and its version."""
    return [
        (
            row["company_name"],
            row["company_employees_count"],
            row["company_annual_revenue"],
            row["version"],
        )
        for row in await stored_rows(engine, contacts)
    ]


async def change(database: Database, company_id: int, **fields: Any) -> None:
    """Write fields of a company."""
    async with database.write() as tx:
        await update_company(tx, company_id, clean_company(CompanyFields(**fields)))


async def test_contact_follows_its_company_without_being_edited(
    database: Database, engine: AsyncEngine
) -> None:
    """Changed, deleted and restored: contacts show it at once and keep their version."""
    company = await make_company(database, name="Acme", employees_count=50, annual_revenue=7)
    node = encode_node_id(NodeKind.COMPANY, company.id)
    await make_contact(database, first_name="Ada", company_id=node)
    assert await held(engine) == [("Acme", 50, 7, 1)]
    await change(database, company.id, employees_count=60)
    await change(database, company.id, annual_revenue=8)
    assert await held(engine) == [("Acme", 60, 8, 1)]
    async with database.write() as tx:
        await delete_company(tx, company.id)
    assert await held(engine) == [("Acme", None, None, 1)]
    async with database.write() as tx:
        await restore_company(tx, company.id)
    assert await held(engine) == [("Acme", 60, 8, 1)]


@pytest.mark.parametrize("contact_first", [True, False])
async def test_contact_created_beside_a_change_of_its_company_has_the_new_values(
    database: Database, engine: AsyncEngine, contact_first: bool
) -> None:
    """Whichever of two open transactions began, the contact ends with what the company says."""
    company = await make_company(database, name="Old", employees_count=1)
    node = encode_node_id(NodeKind.COMPANY, company.id)
    new = clean_contact(ContactFields(first_name="Ada", company_id=node))
    began, may_end = asyncio.Event(), asyncio.Event()

    async def create() -> None:
        async with database.write() as tx:
            await create_contact(tx, new)
            await pause(contact_first)

    async def rename() -> None:
        async with database.write() as tx:
            patch = clean_company(CompanyFields(name="New", employees_count=2))
            await update_company(tx, company.id, patch)
            await pause(not contact_first)

    async def pause(is_first: bool) -> None:
        if is_first:
            began.set()
            await may_end.wait()

    first, second = (create, rename) if contact_first else (rename, create)
    ahead = asyncio.create_task(first())
    await began.wait()
    behind = asyncio.create_task(second())
    await wait_for_a_lock(database)
    may_end.set()
    await asyncio.gather(ahead, behind)
    assert await held(engine) == [("New", 2, None, 1)]


async def wait_for_a_lock(database: Database) -> None:
    """Until one transaction of this database waits for another."""
    waiting = (
        "SELECT count(*) FROM pg_stat_activity"
        " WHERE datname = current_database() AND wait_event_type = 'Lock'"
    )
    async with database.read() as session:
        while not await session.driver.fetchval(waiting):  # noqa: ASYNC110  # PostgreSQL tells nobody
            await asyncio.sleep(0.01)
