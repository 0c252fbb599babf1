"""Promises of `db.privacy`: of who was erased nothing stays but hashes, and nobody else goes."""

from typing import Any, Final

import pytest

from db.contacts import create_contact, delete_contact
from db.merging import merge_contacts
from db.privacy import Erasure
from db.rows import ContactRow
from db.transaction import Database
from db.unmerging import undo_merge
from domain.changes import Change, ChangeKind, ContactChanged
from domain.enums import SuppressedKey
from domain.errors import ProblemCode, Rejected
from domain.merge_policies import ContactField, MergePolicy
from domain.merge_requests import clean_merge
from domain.node_ids import NodeKind, encode_node_id
from domain.records import ContactFields, NewEmail
from domain.validation import clean_contact
from tests.db.people import (
    ADMIN,
    NUMBERS,
    PROFILE,
    dump,
    erase,
    everything_about,
    ids_left,
    listed_keys,
    marks,
    update,
)
from tests.factories import make_company, make_contact
from tests.graph.rows import make_activity, read_rows
from tests.statements import Statements

EMAIL, LINKEDIN = SuppressedKey.EMAIL, SuppressedKey.LINKEDIN
WEEK: Final = 7 * 86_400.0
STATEMENTS_OF_AN_ERASURE = 11


async def merge(database: Database, survivor_id: int, *loser_ids: int) -> int:
    """The id of the merge that made the contacts one."""
    request = clean_merge((survivor_id, *loser_ids), primary_id=survivor_id)
    async with database.write() as tx:
        merger = await merge_contacts(tx, request, merged_by=ADMIN)
    return merger.merge.id


async def undo(database: Database, merge_id: int) -> None:
    async with database.write() as tx:
        await undo_merge(tx, merge_id, undo_seconds=WEEK)


async def delete(database: Database, contact_id: int) -> None:
    async with database.write() as tx:
        await delete_contact(tx, contact_id)


async def make_person(database: Database, name: str, **more: Any) -> ContactRow:
    """A contact with everything a contact can have, and an activity."""
    async with database.write() as tx:
        given = ContactFields(**everything_about(name), **more)
        contact = await create_contact(tx, clean_contact(given))
    await make_activity(database, contact.id, body=f"{name}-body")
    return contact


async def test_nothing_of_an_erased_person_is_left_in_any_table(database: Database) -> None:
    """Neither in the rows, nor in those merged into them, nor in what could undo the merge."""
    company = await make_company(database, name="Acme")
    employer = encode_node_id(NodeKind.COMPANY, company.id)
    ada = await make_person(database, "ada", company_id=employer)
    twin = await make_person(database, "twin")
    other = await make_person(database, "other")
    await merge(database, ada.id, twin.id)
    before = (await dump(database)).lower()
    for name in NUMBERS:
        assert [mark for mark in marks(name) if mark not in before] == []
    assert await erase(database, ada.id) == [Erasure(ada.id, is_erased=True)]
    after = (await dump(database)).lower()
    assert [mark for mark in marks("ada") | marks("twin") if mark in after] == []
    assert [mark for mark in marks("other") if mark not in after] == []
    assert await ids_left(database) == [other.id]


async def test_the_hashes_of_all_keys_stay(database: Database) -> None:
    """Each address and each profile of the contact and of those merged into it is on the list."""
    ada = await make_contact(database, emails=("Ada@x.example", "a@x.example"))
    twin = await make_contact(database, emails=("twin@x.example",), linkedin_url=PROFILE)
    await merge(database, ada.id, twin.id)
    await update(database, ada.id, linkedin_url=None)
    await erase(database, ada.id, reason="Asked for it.")
    keys = [(EMAIL, f"{name}@x.example") for name in ("ada", "a", "twin")] + [(LINKEDIN, PROFILE)]
    assert await listed_keys(database, keys) == [key for _, key in keys]
    assert (
        await listed_keys(database, [(LINKEDIN, "ada@x.example"), (EMAIL, "Ada@x.example")]) == []
    )
    rows = await read_rows(
        database, "SELECT DISTINCT reason, octet_length(key_hash) FROM suppressions"
    )
    assert rows == [("Asked for it.", 32)]


async def test_deleted_contacts_can_be_erased(database: Database) -> None:
    """A contact that was deleted long ago goes like any other, and is kept out."""
    ada = await make_contact(database, emails=("ada@x.example",))
    await delete(database, ada.id)
    assert await erase(database, ada.id) == [Erasure(ada.id, is_erased=True)]
    assert await ids_left(database) == []
    assert await listed_keys(database, [(EMAIL, "ada@x.example")]) == ["ada@x.example"]


async def test_each_id_is_answered_for_itself(database: Database) -> None:
    """Ids of nobody do not keep the others, and an id given twice is answered twice."""
    ada = await make_contact(database, emails=("ada@x.example",))
    bob = await make_contact(database, first_name="Bob")
    asked = (10**9, ada.id, ada.id)
    assert await erase(database, *asked) == [
        Erasure(10**9),
        Erasure(ada.id, is_erased=True),
        Erasure(ada.id, is_erased=True),
    ]
    assert await ids_left(database) == [bob.id]
    assert await erase(database) == []


@pytest.mark.parametrize("deleted", ["neither", "the other", "the one"])
async def test_who_is_stored_twice_has_to_be_erased_twice(database: Database, deleted: str) -> None:
    """The person would survive in the other contact, so that one is named and nothing goes."""
    one = await make_contact(database, emails=("one@x.example",), linkedin_url=PROFILE)
    if deleted == "the one":
        await delete(database, one.id)
    other = await make_contact(database, emails=("other@x.example",), linkedin_url=PROFILE)
    if deleted == "the other":
        await delete(database, other.id)
    assert await erase(database, one.id) == [Erasure(one.id, also_erase=[other.id])]
    assert await read_rows(database, "SELECT * FROM suppressions") == []
    assert await erase(database, one.id, other.id) == [
        Erasure(one.id, is_erased=True),
        Erasure(other.id, is_erased=True),
    ]
    assert await ids_left(database) == []


async def test_address_that_a_deleted_contact_left_to_another_ties_them(
    database: Database,
) -> None:
    """One address in a deleted and a live contact is one person."""
    old = await make_contact(database, emails=("ada@x.example",))
    await delete(database, old.id)
    new = await make_contact(database, emails=("ada@x.example",))
    assert await erase(database, old.id) == [Erasure(old.id, also_erase=[new.id])]
    assert await erase(database, new.id) == [Erasure(new.id, also_erase=[old.id])]
    assert await ids_left(database) == [old.id, new.id]


async def test_one_who_stays_keeps_those_who_need_it(database: Database) -> None:
    """In a chain of one person nobody goes as long as one link is missing."""
    a = await make_contact(database, emails=("a@x.example",), linkedin_url=PROFILE)
    b = await make_contact(database, emails=("b@x.example",), linkedin_url=PROFILE)
    await delete(database, b.id)
    c = await make_contact(database, emails=("b@x.example",))
    lone = await make_contact(database, emails=("lone@x.example",))
    assert await erase(database, a.id, b.id, lone.id) == [
        Erasure(a.id, also_erase=[b.id]),
        Erasure(b.id, also_erase=[a.id, c.id]),
        Erasure(lone.id, is_erased=True),
    ]
    assert [each.is_erased for each in await erase(database, a.id, b.id, c.id)] == [True] * 3


async def test_merged_contact_goes_with_the_one_it_was_merged_into(database: Database) -> None:
    """Its own id alone erases nothing: what it had is in the survivor now."""
    survivor = await make_contact(database, first_name="Ada")
    loser = await make_contact(database, first_name="Ada")
    lost_before = await make_contact(database, first_name="Ada")
    await merge(database, loser.id, lost_before.id)
    await merge(database, survivor.id, loser.id)
    assert await erase(database, loser.id) == [Erasure(loser.id, also_erase=[survivor.id])]
    assert len(await read_rows(database, "SELECT * FROM contact_merges")) == 2
    asked = (loser.id, survivor.id)
    assert await erase(database, *asked) == [Erasure(each, is_erased=True) for each in asked]
    assert await ids_left(database) == []
    assert await read_rows(database, "SELECT * FROM contact_merges") == []


async def test_merge_that_was_undone_is_forgotten_and_keeps_nobody(database: Database) -> None:
    """What is kept of an undone merge tells about both, so it goes with either."""
    survivor = await make_contact(database, first_name="Ada")
    loser = await make_contact(database, first_name="Ida")
    await undo(database, await merge(database, survivor.id, loser.id))
    assert await erase(database, loser.id) == [Erasure(loser.id, is_erased=True)]
    assert await ids_left(database) == [survivor.id]
    assert await read_rows(database, "SELECT * FROM contact_merges") == []


async def test_merge_that_would_give_the_address_back_is_forgotten(database: Database) -> None:
    """A person can have what others were merged with and gave up; they cannot be parted then."""
    survivor = await make_contact(database, first_name="Bob", emails=("bob@x.example",))
    loser = await make_contact(
        database, first_name="Rob", emails=("ada@x.example",), linkedin_url="in/rob"
    )
    of_both = await merge(database, survivor.id, loser.id)
    kept = await make_contact(database, first_name="Cid"), await make_contact(database)
    of_others = await merge(database, *(contact.id for contact in kept))
    await update(database, survivor.id, emails=[NewEmail(address="bob@x.example")])
    ada = await make_contact(database, emails=("ada@x.example",))
    assert "ada@x.example" in await merges_of(database)
    assert await erase(database, ada.id) == [Erasure(ada.id, is_erased=True)]
    assert "ada@x.example" not in await dump(database)
    with pytest.raises(Rejected) as refused:
        await undo(database, of_both)
    assert [problem.code for problem in refused.value.problems] == [ProblemCode.NOT_FOUND]
    await undo(database, of_others)


async def merges_of(database: Database) -> str:
    """What all merges remember."""
    return str(await read_rows(database, "SELECT undo::text FROM contact_merges"))


async def test_profile_that_a_merge_replaced_is_forgotten(database: Database) -> None:
    """The survivor's own profile of before is as much a way back as an address."""
    survivor = await make_contact(database, first_name="Bob", linkedin_url=PROFILE)
    loser = await make_contact(database, first_name="Rob", linkedin_url="in/rob")
    newest = [(ContactField("LINKEDIN_URL"), MergePolicy.NEWEST)]
    request = clean_merge((survivor.id, loser.id), primary_id=survivor.id, field_policies=newest)
    async with database.write() as tx:
        await merge_contacts(tx, request, merged_by=ADMIN)
    assert PROFILE in await merges_of(database)
    ada = await make_contact(database, first_name="Ada", linkedin_url=PROFILE)
    assert await erase(database, ada.id) == [Erasure(ada.id, is_erased=True)]
    assert PROFILE not in await dump(database)


async def test_page_of_the_employer_is_nobodys_profile(database: Database) -> None:
    """Files give it for all colleagues; it neither ties them nor keeps them out."""
    page = "https://www.linkedin.com/company/acme"
    ada = await make_contact(database, first_name="Ada", linkedin_url=page)
    await make_contact(database, first_name="Bob", linkedin_url=page)
    assert await erase(database, ada.id) == [Erasure(ada.id, is_erased=True)]
    assert await read_rows(database, "SELECT * FROM suppressions") == []
    assert (await make_contact(database, first_name="Cid", linkedin_url=page)).first_name == "Cid"


async def test_everybody_who_was_erased_is_told_with_the_company(database: Database) -> None:
    """The news has the merged contacts, too, and only of what was erased."""
    company = await make_company(database, name="Acme")
    employer = encode_node_id(NodeKind.COMPANY, company.id)
    told: list[Change] = []

    async def remember(changes: Any) -> None:
        told.extend(changes)

    ada = await make_contact(database, first_name="Ada", company_id=employer)
    twin = await make_contact(database, first_name="Ada")
    await merge(database, ada.id, twin.id)
    listening = Database(database.engine, after_commit=[remember])
    await erase(listening, ada.id, 10**9)
    assert sorted(told, key=lambda change: change.contact_id) == [  # type: ignore[union-attr]  # changes of contacts
        ContactChanged(
            kind=ChangeKind.ERASED, contact_id=ada.id, company_ids=frozenset({company.id})
        ),
        ContactChanged(kind=ChangeKind.ERASED, contact_id=twin.id),
    ]


async def test_many_contacts_cost_as_many_statements_as_one(
    database: Database, statements: Statements
) -> None:
    """Erasing is done for all at once."""
    for count in (1, 30):
        contacts = [
            await make_contact(database, emails=(f"p{at}@{count}.example",)) for at in range(count)
        ]
        with statements.recorded() as recorded:
            outcomes = await erase(database, *(contact.id for contact in contacts))
        assert all(outcome.is_erased for outcome in outcomes)
        assert len(recorded) == STATEMENTS_OF_AN_ERASURE
