"""Promises of `db.contacts`: what every change of a contact leaves behind, and what it refuses."""

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from db.belongings import load_emails, load_metadata, load_phones
from db.contacts import (
    create_contact,
    delete_contact,
    load_contacts,
    restore_contact,
    update_contact,
)
from db.rows import ContactRow
from db.tables import contacts
from db.transaction import Database
from domain.changes import Change, ContactChanged
from domain.enums import EmailStatus, PhoneType, Seniority
from domain.errors import Problem, ProblemCode, Rejected
from domain.node_ids import NodeKind, encode_node_id
from domain.records import ContactFields, NewEmail, NewLocation, NewPhone
from domain.validation import clean_contact
from tests.db.datasets import stored_rows
from tests.db.refusals import problems_of
from tests.factories import make_company, make_contact

ADA = "ada@example.com"
UNIDENTIFIED = Problem(
    code=ProblemCode.REQUIRED,
    message="A contact needs a name, an e-mail address, a LinkedIn profile or a phone number.",
    path=("firstName",),
)
MISSING_COMPANY = Problem(
    code=ProblemCode.NOT_FOUND,
    message="There is no company with this id.",
    path=("companyId",),
)


def node(contact_id: int) -> str:
    return encode_node_id(NodeKind.CONTACT, contact_id)


def company_node(company_id: int) -> Any:
    return encode_node_id(NodeKind.COMPANY, company_id)


def taken(address: str, holder: int, *, at: int = 0) -> Problem:
    """The refusal of an address that another contact holds."""
    return Problem(
        code=ProblemCode.ALREADY_EXISTS,
        message=f"Another contact has the e-mail address {address}.",
        path=("emails", str(at), "address"),
        record_id=node(holder),  # type: ignore[arg-type]  # a NodeId
    )


async def update(database: Database, contact_id: int, **fields: Any) -> ContactRow:
    """The contact after a change."""
    async with database.write() as tx:
        return await update_contact(tx, contact_id, clean_contact(ContactFields(**fields)))


async def delete(database: Database, contact_id: int) -> ContactRow:
    """The contact after it was deleted."""
    async with database.write() as tx:
        return await delete_contact(tx, contact_id)


async def restore(database: Database, contact_id: int) -> ContactRow:
    """The contact after it was restored."""
    async with database.write() as tx:
        return await restore_contact(tx, contact_id)


async def loaded(database: Database, contact_id: int) -> ContactRow | None:
    """The contact as everybody sees it."""
    async with database.read() as session:
        return (await load_contacts(session, [contact_id]))[0]


@pytest.mark.parametrize("address", [ADA, "ADA@Example.com", "  ada@EXAMPLE.com "])
async def test_address_of_another_contact_is_refused(
    database: Database, engine: AsyncEngine, address: str
) -> None:
    """One live contact an address, however it is written; the answer names the holder."""
    holder = await make_contact(database, emails=(ADA,))
    rival = await make_contact(database, emails=("rival@example.com",))
    before = await stored_rows(engine, contacts)
    addresses = ("new@example.com", address)
    problem = taken(ADA, holder.id, at=1)
    assert await problems_of(make_contact(database, emails=addresses)) == [problem]
    emails = [NewEmail(address=each) for each in addresses]
    assert await problems_of(update(database, rival.id, emails=emails)) == [problem]
    assert await stored_rows(engine, contacts) == before
    async with database.read() as session:
        ((left,),) = await load_emails(session, [rival.id])
    assert left.address == "rival@example.com"


async def test_racing_creates_of_one_address_leave_one_contact(
    database: Database, engine: AsyncEngine
) -> None:
    """Exactly one wins; every other is told who holds the address."""
    for at in range(5):
        address = f"race{at}@example.com"
        spellings = (address, address.upper(), address, address.title())
        ends = await asyncio.gather(
            *(make_contact(database, emails=(each,)) for each in spellings), return_exceptions=True
        )
        (winner,) = [end for end in ends if not isinstance(end, BaseException)]
        refused = [end.problems for end in ends if isinstance(end, Rejected)]
        assert refused == [(taken(address, winner.id),)] * 3
    assert len(await stored_rows(engine, contacts)) == 5


async def test_deleted_contact_frees_its_address(database: Database) -> None:
    """The address can be given away; who comes back for it is told who has it."""
    first = await make_contact(database, emails=(ADA, "first@example.com"))
    await delete(database, first.id)
    second = await make_contact(database, emails=("second@example.com", ADA))
    assert await problems_of(restore(database, first.id)) == [taken(ADA, second.id)]
    assert await loaded(database, first.id) is None
    await update(database, second.id, emails=[NewEmail(address="second@example.com")])
    assert (await restore(database, first.id)).email == ADA
    assert await problems_of(make_contact(database, emails=(ADA,))) == [taken(ADA, first.id)]


async def test_contact_may_keep_and_reorder_its_own_addresses(database: Database) -> None:
    """Its own addresses are no duplicates of themselves."""
    contact = await make_contact(database, emails=(ADA, "b@example.com"))
    emails = [NewEmail(address="b@example.com"), NewEmail(address=ADA.upper(), is_primary=True)]
    assert (await update(database, contact.id, emails=emails)).email == "ADA@example.com"
    async with database.read() as session:
        (stored,) = await load_emails(session, [contact.id])
    assert [(row.address, row.is_primary) for row in stored] == [
        ("b@example.com", False),
        ("ADA@example.com", True),
    ]


@pytest.mark.parametrize(
    ("identity", "cleared"),
    [
        pytest.param({"first_name": "Ada"}, {"first_name": None}, id="name"),
        pytest.param({"last_name": "Ada"}, {"last_name": " "}, id="blank-name"),
        pytest.param({"emails": (ADA,)}, {"emails": []}, id="emails"),
        pytest.param({"emails": (ADA,)}, {"emails": None}, id="null-emails"),
        pytest.param({"phones": [NewPhone(number="+49 30 123456")]}, {"phones": []}, id="phones"),
        pytest.param(
            {"linkedin_url": "linkedin.com/in/ada"}, {"linkedin_url": None}, id="linkedin"
        ),
    ],
)
async def test_clearing_the_last_identifying_value_is_refused(
    database: Database, engine: AsyncEngine, identity: dict[str, Any], cleared: dict[str, Any]
) -> None:
    """A contact that nothing identifies any more could never be found again."""
    contact = await make_contact(database, **identity)
    before = await stored_rows(engine, contacts)
    assert await problems_of(update(database, contact.id, **cleared)) == [UNIDENTIFIED]
    assert await stored_rows(engine, contacts) == before
    renamed = await update(database, contact.id, **{"middle_name": "Byron", **cleared})
    assert renamed.full_name == "Byron"


async def test_contact_without_identity_is_not_created(
    database: Database, engine: AsyncEngine
) -> None:
    """A title alone is nobody."""
    assert await problems_of(make_contact(database, title="CTO")) == [UNIDENTIFIED]
    assert await stored_rows(engine, contacts) == []


async def test_moving_a_contact_tells_both_companies(database: Database) -> None:
    """The company it left and the one it joined are both part of the news."""
    told: list[Change] = []

    async def remember(changes: Sequence[Change]) -> None:
        told.extend(changes)

    old, new = await make_company(database, name="Old"), await make_company(database, name="New")
    contact = await make_contact(database, first_name="Ada", company_id=company_node(old.id))
    listening = Database(database.engine, after_commit=[remember])
    moved = await update(listening, contact.id, company_id=company_node(new.id))
    left = await update(listening, contact.id, company_id=None)
    assert [change.company_ids for change in told if isinstance(change, ContactChanged)] == [
        {old.id, new.id},
        {new.id},
    ]
    assert (contact["company_name"], moved["company_name"]) == ("Old", "New")
    assert left["company_name"] is None


@pytest.mark.parametrize("state", ["missing", "deleted"])
async def test_company_that_is_not_there_is_refused(
    database: Database, engine: AsyncEngine, state: str
) -> None:
    """Nobody joins a company that no list shows."""
    company_id = 10**9
    if state == "deleted":
        company_id = (await make_company(database)).id
        async with engine.begin() as connection:
            await connection.execute(text("UPDATE companies SET deleted_at = now()"))
    wanted = {"first_name": "Ada", "company_id": company_node(company_id)}
    assert await problems_of(make_contact(database, **wanted)) == [MISSING_COMPANY]
    assert await stored_rows(engine, contacts) == []


async def test_generated_columns_follow_the_contact(database: Database) -> None:
    """Names, keys, search text and score are derived again from each change."""
    company = await make_company(database, name="Acme")
    contact = await make_contact(
        database, first_name="Ada", last_name="Lovelace", emails=("Ada.L@Example.COM",)
    )
    derived = ("full_name", "email_key", "email_domain", "company_name", "quality_score")
    key, host = "ada.l@example.com", "example.com"
    assert [contact[name] for name in derived] == ["Ada Lovelace", key, host, None, 45]
    contact = await update(
        database,
        contact.id,
        first_name=None,
        middle_name="King",
        title="Countess",
        seniority=Seniority.OWNER,
        departments=["Analysis"],
        emails=[NewEmail(address="Ada.L@Example.COM", status=EmailStatus.VERIFIED)],
        location=NewLocation(country="England"),
        company_id=company_node(company.id),
    )
    assert [contact[name] for name in derived] == ["King Lovelace", key, host, "Acme", 90]
    contact = await update(database, contact.id, first_name="Ada", emails=[])
    assert [contact[name] for name in derived] == ["Ada King Lovelace", None, None, "Acme", 65]


async def test_search_text_holds_what_a_person_would_type(
    database: Database, engine: AsyncEngine
) -> None:
    """Names, address, title and company in lower case."""
    await make_contact(
        database,
        first_name="Ada",
        last_name="ÉLAN",
        title="CTO",
        emails=(ADA,),
        company_name_raw="ACME",
    )
    (row,) = await stored_rows(engine, contacts)
    assert row["search_text"] == "ada élan ada@example.com cto acme"


async def test_null_takes_the_place_of_a_value_that_is_never_missing(database: Database) -> None:
    """Null in a field that always has a value gives the value it has when left out."""
    async with database.write() as tx:
        fields = ContactFields(
            emails=[NewEmail(address=ADA, status=None, source=None)],
            phones=[NewPhone(number="+49 30 123456", type=None)],
            custom_fields=None,
            tags=None,
        )
        contact = await create_contact(tx, clean_contact(fields))
    async with database.read() as session:
        ((email,),) = await load_emails(session, [contact.id])
        ((phone,),) = await load_phones(session, [contact.id])
        (metadata,) = await load_metadata(session, [contact.id])
    assert metadata is not None
    assert (contact["tags"], contact["email_status"]) == ([], EmailStatus.UNKNOWN)
    assert (email["status"], phone["type"]) == (EmailStatus.UNKNOWN, PhoneType.OTHER)
    assert metadata.custom_fields in ("{}", {})
