"""Promises of `db.privacy`: of who was erased nothing stays but hashes, and nobody else goes."""

import asyncio
from typing import Any, Final

import pytest

from db.contacts import create_contact, delete_contact, update_contact
from db.merging import merge_contacts
from db.privacy import _STRIP_IMAGES, Erasure
from db.rows import ContactRow
from db.staging import Finding
from db.transaction import Database
from db.unmerging import undo_merge
from domain.bulk import OnConflict
from domain.changes import Change, ChangeKind, ContactChanged
from domain.enums import SuppressedKey
from domain.errors import ProblemCode, Rejected, Unavailable
from domain.imports import MultiValueMode
from domain.merge_policies import ContactField, MergePolicy
from domain.merge_requests import clean_merge
from domain.node_ids import NodeKind, encode_node_id
from domain.records import ContactFields, NewEmail
from domain.validation import clean_contact
from tests.db import staged
from tests.db.importing import (
    FileLine,
    make_import,
    rejects_of,
    rows_of_file,
    told_of,
    undo_all,
    write_batch,
)
from tests.db.people import (
    ADMIN,
    NUMBERS,
    dump,
    erase,
    erase_in,
    everything_about,
    listed_keys,
    marks,
    stored_and_suppressed,
    suppress,
    wait_for_a_lock,
)
from tests.factories import make_company, make_contact
from tests.graph.rows import make_activity, read_rows
from tests.statements import Statements

EMAIL, LINKEDIN = SuppressedKey.EMAIL, SuppressedKey.LINKEDIN
PROFILE: Final = "https://www.linkedin.com/in/ada"
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


async def update(database: Database, contact_id: int, **given: Any) -> None:
    async with database.write() as tx:
        await update_contact(tx, contact_id, clean_contact(ContactFields(**given)))


async def delete(database: Database, contact_id: int) -> None:
    async with database.write() as tx:
        await delete_contact(tx, contact_id)


async def ids_left(database: Database) -> list[int]:
    """The contacts that are stored, deleted ones too."""
    return [row[0] for row in await read_rows(database, "SELECT id FROM contacts ORDER BY id")]


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


async def test_who_is_created_while_the_erasure_is_open_is_refused(database: Database) -> None:
    """The address is free once the erasure is committed, but then it is on the list."""
    ada = await make_contact(database, emails=("ada@x.example",), linkedin_url=PROFILE)
    async with database.write() as tx:
        await erase_in(tx, ada.id)
        again = asyncio.create_task(make_contact(database, emails=("ada@x.example",)))
        await wait_for_a_lock(database)
    with pytest.raises(Rejected) as refused:
        await again
    assert [problem.code for problem in refused.value.problems] == [ProblemCode.SUPPRESSED_CONTACT]
    assert await stored_and_suppressed(database) == []
    assert await ids_left(database) == []


async def test_erasure_sees_who_was_created_while_it_waited(database: Database) -> None:
    """Who came in with the same profile a moment before must be erased together with it."""
    ada = await make_contact(database, emails=("ada@x.example",), linkedin_url=PROFILE)
    same = ContactFields(first_name="Ada", linkedin_url=PROFILE)
    async with database.write() as tx:
        second = await create_contact(tx, clean_contact(same))
        erasing = asyncio.create_task(erase(database, ada.id))
        await wait_for_a_lock(database)
    assert await erasing == [Erasure(ada.id, also_erase=[second.id])]
    assert await stored_and_suppressed(database) == []


async def test_waiting_erasure_holds_no_row_that_a_writer_needs(database: Database) -> None:
    """A transaction that has stored an address can still change the contact to be erased."""
    ada = await make_contact(database, emails=("ada@x.example",))
    async with database.write() as tx:
        await create_contact(tx, clean_contact(ContactFields(linkedin_url=PROFILE)))
        erasing = asyncio.create_task(erase(database, ada.id))
        await wait_for_a_lock(database)
        await update_contact(tx, ada.id, clean_contact(ContactFields(title="CTO")))
    assert await erasing == [Erasure(ada.id, is_erased=True)]


async def impatiently_erase(database: Database, contact_id: int) -> None:
    async with database.write() as tx:
        await tx.driver.execute("SET LOCAL lock_timeout = '1ms'")
        await erase_in(tx, contact_id)


async def test_erasure_that_waited_too_long_can_be_sent_again(database: Database) -> None:
    """A long load that stores addresses is not waited for without end; nothing is erased then."""
    ada = await make_contact(database, first_name="Ada")
    async with database.write() as tx:
        await create_contact(tx, clean_contact(ContactFields(linkedin_url=PROFILE)))
        with pytest.raises(Unavailable) as told:
            await impatiently_erase(database, ada.id)
    assert told.value.details == {"retryable": True}
    assert ada.id in await ids_left(database)


async def test_nobody_is_both_stored_and_suppressed_after_a_race(database: Database) -> None:
    """Creating, changing, erasing and suppressing one person at once never ends in both."""
    for at in range(5):
        email, profile = f"p{at}@x.example", f"{PROFILE}-{at}"
        ada = await make_contact(database, emails=(email,), linkedin_url=profile)
        bob = await make_contact(database, first_name="Bob")

        work = [
            erase(database, ada.id),
            make_contact(database, first_name="Ada", linkedin_url=profile),
            update(database, bob.id, emails=[NewEmail(address=email)]),
            erase(database, bob.id, ada.id),
            suppress(database, linkedin_url=profile),
            update(database, bob.id, linkedin_url=profile),
            make_contact(database, emails=(email,)),
        ]
        ends = await asyncio.gather(*work, return_exceptions=True)
        broken = [end for end in ends if isinstance(end, Exception)]
        assert all(isinstance(end, Rejected) for end in broken), broken
        assert await stored_and_suppressed(database) == []


async def test_copies_that_imports_keep_go_with_the_person(database: Database) -> None:
    """Rows that were rejected with what is told of them, and how the contact was before."""
    contact = await make_contact(database, emails=("ada@example.com",))
    other = await make_contact(database, emails=("eve@example.com",))
    plan = await make_import(database)
    wrong = Finding(code="INVALID_PHONE", message="no", raw="call ada@example.com")
    lines = [
        FileLine(2, staged.contact(2, "ada@example.com", title="CEO")),
        FileLine(3, staged.contact(3, "eve@example.com", title="CTO")),
        FileLine(4, None, (wrong,), ("Ada <ADA@Example.com>", "x")),
        FileLine(5, None, (wrong,), ("https://linkedin.com/in/eve", "x")),
    ]
    await write_batch(database, plan, lines)
    await erase(database, contact.id)
    assert await rejects_of(database, plan.job_id) == [(5, list(lines[3].cells))]
    assert [line for line, *_ in await told_of(database, plan.job_id)] == [5]
    changed = await staged.rows_of(database, "SELECT record_id FROM import_changes")
    assert changed == [(other.id,)]


async def test_rejected_rows_are_forgotten_whatever_they_look_like(database: Database) -> None:
    """Long cells, rows that nobody could take apart, and domains in their own script."""
    ada = await make_contact(database, emails=("ada@münchen.example",), linkedin_url=PROFILE)
    plan = await make_import(database)
    wrong = Finding(code="UNPARSABLE_ROW", message="no")
    far, much = "word " * 200, "x" * 600
    cells = [
        (f"{far}ada@xn--mnchen-3ya.example",),
        (f'1;"Ada;ADA@münchen.example;{far}',),
        (f"{much}|linkedin.com/in/ada|{much}",),
        (f"{far}eve@münchen.example {much}",),
    ]
    await write_batch(
        database, plan, [FileLine(at, None, (wrong,), row) for at, row in enumerate(cells, 2)]
    )
    await erase(database, ada.id)
    assert await rejects_of(database, plan.job_id) == [(5, list(cells[3]))]
    assert [line for line, *_ in await told_of(database, plan.job_id)] == [5]


async def test_keys_that_others_had_before_an_import_are_forgotten(database: Database) -> None:
    """Of what would be given back to them only the keys go; they can be undone, without these."""
    bob = await make_contact(
        database,
        first_name="Bob",
        emails=("ada@x.example", "bob@x.example"),
        linkedin_url=PROFILE,
    )
    cid = await make_contact(database, emails=("cid@x.example",), linkedin_url="in/cid")
    plan = await make_import(
        database, on_conflict=OnConflict.OVERWRITE, multi_value_mode=MultiValueMode.REPLACE
    )
    lines = [
        staged.contact(2, "bob@x.example", linkedin_url="https://www.linkedin.com/in/bob"),
        staged.contact(3, "cid@x.example", linkedin_url="https://www.linkedin.com/in/c2"),
    ]
    await write_batch(database, plan, rows_of_file(*lines))
    ada = await make_contact(database, emails=("ada@x.example",), linkedin_url=PROFILE)
    untouched = await image_of(database, cid.id)
    before = str(await image_of(database, bob.id))
    assert "ada@x.example" in before
    assert PROFILE in before

    assert await erase(database, ada.id) == [Erasure(ada.id, is_erased=True)]
    after = str(await image_of(database, bob.id))
    assert "ada@x.example" not in after
    assert PROFILE not in after
    assert await image_of(database, cid.id) == untouched
    await undo_all(database, plan)
    assert await read_rows(
        database,
        "SELECT c.id, c.first_name, c.email, e.address, e.is_primary, m.linkedin_url"
        " FROM contacts c JOIN contact_emails e ON e.contact_id = c.id"
        " JOIN contact_metadata m ON m.contact_id = c.id ORDER BY c.id",
    ) == [
        (bob.id, "Bob", "bob@x.example", "bob@x.example", True, None),
        (cid.id, cid.first_name, *("cid@x.example",) * 2, True, f"{PROFILE[:-3]}cid"),
    ]


async def image_of(database: Database, contact_id: int) -> Any:
    """How a contact was before an import."""
    ((image,),) = await read_rows(
        database, "SELECT before FROM import_changes WHERE record_id = $1", contact_id
    )
    return image


async def test_images_are_found_by_an_index(database: Database) -> None:
    """An erasure does not look at what every import of the last days has changed."""
    async with database.write() as tx:
        await tx.driver.execute("SET LOCAL enable_seqscan = off")
        plan = await tx.driver.fetch(f"EXPLAIN {_STRIP_IMAGES.sql}", ["ada@x.example"])
    assert "ix_import_changes_person_keys" in str(plan)
