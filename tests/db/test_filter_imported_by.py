"""Promises of the filter `importedBy`: what an import made or changed, for who may see it."""

from typing import Final
from uuid import UUID, uuid4

import pytest

from db import filter_imports
from db.companies import list_companies
from db.contacts import count_contacts, list_contacts
from db.entities import CONTACTS
from db.filter_shapes import split_filter
from db.filters import name_values
from db.keyset import PageShape, page_statement
from db.reach import reach_of_filter
from db.transaction import Database
from db.users import create_user
from domain.asker import asked_by, asker
from domain.enums import Role
from domain.errors import InvalidFilter, InvalidInput
from domain.filters import CompanyFilter, ContactFilter, StringFilter
from domain.imports import ImportEntity
from domain.node_ids import NodeKind, encode_node_id
from domain.paging import NEWEST_COMPANIES, NEWEST_CONTACTS, PageRequest
from domain.records import NewLocation
from tests.factories import make_company, make_contact
from tests.graph.rows import execute
from tests.imported import stored_import

ADA: Final = uuid4()
PAGE: Final = PageRequest(order=NEWEST_CONTACTS)


def by_import(job_id: int) -> ContactFilter:
    """The contacts of an import."""
    return ContactFilter(imported_by=encode_node_id(NodeKind.JOB, job_id))


async def found(
    database: Database, filter_: ContactFilter, user: UUID | None = ADA, *, sees_all: bool = False
) -> set[int]:
    """The contacts that a user finds, as a list and its count agree on."""
    with asked_by(user, sees_all=sees_all):
        async with database.read() as session:
            rows = (await list_contacts(session, PAGE, filter_)).rows
            assert await count_contacts(session, filter_) == len(rows)
    return {row.id for row in rows}


async def contacts(database: Database, count: int) -> list[int]:
    """The ids of new contacts."""
    return [(await make_contact(database, first_name=f"{at}")).id for at in range(count)]


async def test_contacts_of_an_import_are_those_it_made_or_changed(database: Database) -> None:
    """Of all its batches, and of no other import; who was deleted since is in no list."""
    ids = await contacts(database, 6)
    job_id = await stored_import(database, ADA, made=ids[:3], changed=[ids[2], ids[3]])
    other = await stored_import(database, ADA, made=ids[4:5])
    await execute(database, "UPDATE contacts SET deleted_at = now() WHERE id = $1", ids[0])
    assert await found(database, by_import(job_id)) == {*ids[1:4]}
    assert await found(database, by_import(other)) == {ids[4]}
    assert await found(database, ContactFilter(not_=by_import(job_id))) == {*ids[4:]}


async def test_companies_that_an_import_changed_are_no_contacts(database: Database) -> None:
    """Contacts and companies may have the same number."""
    company, contact = await make_company(database), await make_contact(database)
    assert company.id == contact.id
    job_id = await stored_import(
        database, ADA, entity=ImportEntity.COMPANIES, made=[company.id], changed=[company.id]
    )
    assert await found(database, by_import(job_id)) == set()


async def test_import_of_somebody_else_matches_nothing(database: Database) -> None:
    """As one that never was, and one of the server's own; who sees all finds all.

    The role that stands in the database says nothing: the token of an admin may be for less.
    """
    async with database.write() as tx:
        admin = await create_user(tx, email="root@x.example", role=Role.ADMIN)
    assert admin is not None
    ids = await contacts(database, 2)
    hers = await stored_import(database, ADA, made=ids[:1])
    servers = await stored_import(database, None, made=ids[1:])
    filter_ = ContactFilter(or_=[by_import(job) for job in (hers, servers, 10**12)])
    for user, sees_all, seen in (
        (ADA, False, {ids[0]}),
        (admin.uuid, False, set()),
        (admin.uuid, True, {*ids}),
    ):
        others = ContactFilter(not_=filter_)
        assert await found(database, filter_, user, sees_all=sees_all) == seen
        assert await found(database, others, user, sees_all=sees_all) == {*ids} - seen


async def test_condition_stands_beside_others_however_deep(database: Database) -> None:
    """Parameters are counted right before and behind it, within a company too."""
    acme = await make_company(database, name="Acme")
    await make_company(database, name="Other")
    berlin, at_acme = NewLocation(city="Berlin"), encode_node_id(NodeKind.COMPANY, acme.id)
    worker = await make_contact(
        database, company_id=at_acme, first_name="A", title="Chef", location=berlin
    )
    boss = await make_contact(
        database, company_id=at_acme, first_name="B", title="Boss", location=berlin
    )
    job_id = await stored_import(database, ADA, made=[worker.id, boss.id])
    filter_ = ContactFilter(
        title=StringFilter(eq="Chef"),
        imported_by=encode_node_id(NodeKind.JOB, job_id),
        and_=[ContactFilter(city=StringFilter(eq="Berlin"))],
    )
    assert await found(database, filter_) == {worker.id}
    with asked_by(ADA):
        async with database.read() as session:
            page = await list_companies(
                session,
                PageRequest(order=NEWEST_COMPANIES),
                CompanyFilter(has_contacts_with=filter_, name=StringFilter(eq="Acme")),
            )
    assert [row.id for row in page.rows] == [acme.id]


async def test_nobody_can_ask_without_being_somebody() -> None:
    """A door that does not say who asks is refused, rather than shown what is not its to see."""
    assert asker() is None
    with pytest.raises(InvalidFilter, match=r"^filter\.and\[0\]\.importedBy is for users"):
        split_filter(ContactFilter(and_=[by_import(1)]))
    with asked_by(ADA), asked_by(None), pytest.raises(InvalidFilter):
        split_filter(by_import(1))


def test_mistakes_are_told_with_their_place() -> None:
    """Null, and the id of something else."""
    with asked_by(ADA):
        with pytest.raises(InvalidFilter, match=r"^filter\.importedBy is null\. Leave it out"):
            split_filter(ContactFilter(imported_by=None))
        with pytest.raises(InvalidInput, match="is the id of a"):
            split_filter(ContactFilter(imported_by=encode_node_id(NodeKind.CONTACT, 1)))


def test_answers_depend_on_tables_that_nobody_tells_changes_of() -> None:
    """So that none with such a filter is kept."""
    assert reach_of_filter(ContactFilter, "imported_by") == filter_imports.READ
    assert {"imports", "import_batches", "import_changes"} == filter_imports.READ


async def test_contacts_are_found_by_their_keys(database: Database) -> None:
    """The ids come from the import, and the contacts from their primary key."""
    await execute(
        database,
        "INSERT INTO contacts (first_name) SELECT n::text FROM generate_series(1, 3000) AS n",
    )
    await execute(database, "ANALYZE contacts")
    job_id = await stored_import(database, ADA, made=[5, 6], changed=[7])
    with asked_by(ADA):
        shape, values = split_filter(by_import(job_id))
    statement = page_statement(PageShape(CONTACTS, shape, NEWEST_CONTACTS))
    given = name_values(values) | {"size": 11}
    async with database.read() as session:
        plan = await session.driver.fetch(f"EXPLAIN {statement.sql}", *statement.arguments(given))
    text = "\n".join(row[0] for row in plan)
    assert "Index Scan using pk_contacts on contacts" in text
    assert "Seq Scan" not in text
