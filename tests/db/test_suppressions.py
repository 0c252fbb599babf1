"""Promises of `db.suppressions`: who is on the list is stored by nobody, until lifted."""

import asyncio
import hashlib
from typing import Any, Final

import pytest

from db.contacts import delete_contact, update_contact
from db.rows import ContactRow
from db.staging import Result
from db.staging_contacts import upsert_contacts
from db.suppressions import find_suppressions, lift_suppression, load_suppressions
from db.transaction import Database
from domain.errors import Problem, ProblemCode
from domain.node_ids import NodeKind, encode_node_id
from domain.privacy import clean_suppression
from domain.records import ContactFields, NewEmail
from domain.validation import clean_contact
from tests.db.people import ADMIN, erase, erase_in, stored_and_suppressed, suppress, wait_for_a_lock
from tests.db.refusals import problems_of
from tests.db.staged import codes, company, contact, load, load_employers, results
from tests.factories import make_contact
from tests.graph.rows import execute, read_rows
from tests.statements import Statements

ADA: Final = "ada@x.example"
PROFILE: Final = "https://www.linkedin.com/in/ada"
MESSAGE: Final = "Who has this is on the suppression list and must not be stored."


def refusal(*path: str) -> Problem:
    return Problem(code=ProblemCode.SUPPRESSED_CONTACT, message=MESSAGE, path=path)


async def update(database: Database, contact_id: int, **given: Any) -> ContactRow:
    async with database.write() as tx:
        return await update_contact(tx, contact_id, clean_contact(ContactFields(**given)))


async def lift(database: Database, suppression_id: int) -> int:
    async with database.write() as tx:
        return await lift_suppression(tx, suppression_id)


async def names_left(database: Database) -> list[str]:
    rows = await read_rows(database, "SELECT full_name FROM contacts ORDER BY id")
    return [row[0] for row in rows]


@pytest.mark.parametrize("written", [ADA, "Ada@X.Example", "  ADA@x.example "])
async def test_suppressed_address_is_refused_however_it_is_written(
    database: Database, written: str
) -> None:
    """The path leads to the one address that cannot be stored, and nothing is."""
    await suppress(database, email="ADA@x.example")
    bob = await make_contact(database, first_name="Bob")
    given = {"emails": [NewEmail(address="bob@x.example"), NewEmail(address=written)]}
    refused = [refusal("emails", "1", "address")]
    assert await problems_of(make_contact(database, emails=("bob@x.example", written))) == refused
    assert await problems_of(update(database, bob.id, **given)) == refused
    assert await names_left(database) == ["Bob"]
    assert await read_rows(database, "SELECT * FROM contact_emails") == []


@pytest.mark.parametrize(
    "written", [PROFILE, "linkedin.com/in/Ada/", "https://de.linkedin.com/in/ada?x"]
)
async def test_suppressed_profile_is_refused_however_it_is_written(
    database: Database, written: str
) -> None:
    """The profile counts like an address."""
    await suppress(database, linkedin_url="in/ada")
    bob = await make_contact(database, first_name="Bob")
    refused = [refusal("linkedinUrl")]
    create = make_contact(database, first_name="Ada", linkedin_url=written)
    assert await problems_of(create) == refused
    assert await problems_of(update(database, bob.id, linkedin_url=written)) == refused
    assert await names_left(database) == ["Bob"]


async def test_all_mistakes_of_an_input_are_told_together(database: Database) -> None:
    """Suppressed values stand beside the other mistakes, in the order of the input."""
    await suppress(database, email=ADA, linkedin_url=PROFILE)
    create = make_contact(database, emails=("no address", ADA), linkedin_url=PROFILE)
    problems = [(problem.code, problem.path) for problem in await problems_of(create)]
    assert problems == [
        (ProblemCode.INVALID_EMAIL, ("emails", "0", "address")),
        (ProblemCode.SUPPRESSED_CONTACT, ("emails", "1", "address")),
        (ProblemCode.SUPPRESSED_CONTACT, ("linkedinUrl",)),
    ]


async def test_asking_costs_one_statement_and_none_without_a_key(
    database: Database, statements: Statements
) -> None:
    """A change that gives neither address nor profile does not look at the list."""
    with statements.recorded() as recorded:
        ada = await make_contact(database, emails=(ADA, "a@x.example"), linkedin_url=PROFILE)
        bob = await make_contact(database, first_name="Bob")
        await update(database, ada.id, title="CTO")
        await update(database, bob.id, emails=[NewEmail(address="bob@x.example")])
    assert sum("suppressed_places" in sql for sql in recorded) == 2
    with statements.recorded() as recorded:
        await load(database, *(contact(n, f"{n}@x.example") for n in range(50)))
        await load(database, contact(1, first_name="Cid"))
    assert sum("suppressed_places" in sql for sql in recorded) == 1


async def test_suppressed_row_of_a_batch_fails_and_the_others_go_on(database: Database) -> None:
    """Nothing of the row is stored: no contact, no employer, not even its other address."""
    await suppress(database, email=ADA)
    await suppress(database, linkedin_url=PROFILE)
    known = await make_contact(database, emails=("known@x.example",), first_name="Known")
    outcomes = await load(
        database,
        contact(2, "bob@x.example", first_name="Bob"),
        contact(3, "new@x.example", "ADA@x.example", company={"name": "Secret Ltd"}),
        contact(4, "known@x.example", linkedin_url=PROFILE, title="CTO"),
        contact(5, "cid@x.example", first_name="Cid"),
    )
    assert results(outcomes) == [Result.CREATED, Result.FAILED, Result.FAILED, Result.CREATED]
    for outcome in outcomes[1:3]:
        assert codes(outcome) == ["SUPPRESSED_CONTACT"]
        assert (outcome.uuid, outcome.findings[0].message) == (None, MESSAGE)
    told = [(finding.field, finding.raw) for outcome in outcomes for finding in outcome.findings]
    assert told == [("email", "ADA@x.example"), ("linkedin_url", PROFILE)]
    assert await names_left(database) == ["Known", "Bob", "Cid"]
    assert await read_rows(database, "SELECT name FROM companies") == []
    found = await read_rows(database, "SELECT title, version FROM contacts WHERE id = $1", known.id)
    assert found == [(None, 1)]
    assert await stored_and_suppressed(database) == []


async def test_list_is_no_matter_of_companies(database: Database) -> None:
    """The page of a company is stored whatever is on the list."""
    page = "https://www.linkedin.com/company/acme"
    await suppress(database, linkedin_url=PROFILE)
    (outcome,) = await load_employers(database, company(2, name="Acme", linkedin_url=page))
    assert outcome.result is Result.CREATED
    (outcome,) = await load(database, contact(2, first_name="Ada", linkedin_url=page))
    assert outcome.result is Result.CREATED


@pytest.mark.parametrize("is_deleted", [False, True], ids=["live", "deleted"])
async def test_who_is_stored_is_erased_rather_than_suppressed(
    database: Database, is_deleted: bool
) -> None:
    """Each value that a contact has is told with the contact; nothing gets on the list."""
    ada = await make_contact(database, emails=(ADA,))
    bob = await make_contact(database, first_name="Bob", linkedin_url=PROFILE)
    if is_deleted:
        async with database.write() as tx:
            await delete_contact(tx, ada.id)
            await delete_contact(tx, bob.id)
    problems = await problems_of(suppress(database, email=ADA, linkedin_url=PROFILE))
    told = {problem.path: problem for problem in problems}
    assert set(told) == {("email",), ("linkedinUrl",)}
    for path, holder in ((("email",), ada), (("linkedinUrl",), bob)):
        node_id = encode_node_id(NodeKind.CONTACT, holder.id)
        assert (told[path].code, told[path].record_id) == (ProblemCode.ALREADY_EXISTS, node_id)
        assert node_id in told[path].message
    assert await read_rows(database, "SELECT * FROM suppressions") == []


async def test_entry_that_is_there_stays_as_it_is(database: Database) -> None:
    """Adding or erasing again keeps the first entry with its time and reason."""
    first = await suppress(database, email=ADA, linkedin_url=PROFILE)
    assert [row.kind for row in first] == ["EMAIL", "LINKEDIN"]
    assert [row.creator_id for row in first] == [None, None]
    assert await read_rows(database, "SELECT DISTINCT created_by FROM suppressions") == [(ADMIN,)]
    assert await suppress(database, linkedin_url=PROFILE) == first[1:]
    assert await suppress(database, email="other@x.example", linkedin_url=PROFILE) != first
    assert await suppress(database, email=ADA, linkedin_url=PROFILE) == first


async def test_lifted_entry_lets_the_person_in_again(database: Database) -> None:
    """After that the entry is nowhere, and lifting it again finds nothing."""
    ada = await make_contact(database, emails=(ADA,))
    await erase(database, ada.id)
    keys = clean_suppression(email=ADA, linkedin_url=None).keys
    async with database.read() as session:
        (entry,) = await find_suppressions(session, keys)
        assert await load_suppressions(session, [10**9, entry.id]) == [None, entry]
    assert await lift(database, entry.id) == entry.id
    (problem,) = await problems_of(lift(database, entry.id))
    assert (problem.code, problem.path) == (ProblemCode.NOT_FOUND, ("id",))
    async with database.read() as session:
        assert await find_suppressions(session, keys) == []
    assert (await make_contact(database, emails=(ADA,))).email == ADA


async def test_hash_cannot_be_made_without_the_key(database: Database) -> None:
    """The same address gives another hash under another key, and never its bare digest."""
    query = "SELECT suppression_hash('EMAIL', $1)"
    ((first,),) = await read_rows(database, query, ADA)
    renew = "UPDATE suppression_key SET key = uuid_send(gen_random_uuid())"
    await execute(database, renew)
    ((second,),) = await read_rows(database, query, ADA)
    bare = {hashlib.sha256(text.encode()).digest() for text in (ADA, f"EMAIL:{ADA}")}
    assert len({first, second} - bare) == 2


async def test_batch_waits_for_an_erasure_and_then_finds_it(database: Database) -> None:
    """The row of somebody who is being erased fails as soon as the erasure is committed."""
    ada = await make_contact(database, first_name="Ada", linkedin_url=PROFILE)
    async with database.write() as tx:
        await erase_in(tx, ada.id)
        rows = contact(2, "a@x.example", linkedin_url=PROFILE), contact(3, "b@x.example")
        loading = asyncio.create_task(load(database, *rows))
        await wait_for_a_lock(database)
    assert results(await loading) == [Result.FAILED, Result.CREATED]
    assert await stored_and_suppressed(database) == []


async def test_suppression_waits_for_a_batch_that_stores_the_address(database: Database) -> None:
    """Who came in a moment before is stored, so the suppression is refused."""
    async with database.write() as tx:
        (outcome,) = await upsert_contacts(tx, [contact(2, ADA)])
        adding = asyncio.create_task(suppress(database, email=ADA))
        await wait_for_a_lock(database)
    assert outcome.result is Result.CREATED
    assert [problem.code for problem in await problems_of(adding)] == [ProblemCode.ALREADY_EXISTS]
    assert await stored_and_suppressed(database) == []
