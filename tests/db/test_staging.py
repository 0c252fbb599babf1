"""Promises of `db.staging_contacts`: each row finds its contact, and nothing it had is lost."""

import asyncio

import pytest
from sqlalchemy.engine import URL

from db.engine import open_engine
from db.staging import BATCH_TIMEOUT_SECONDS, Result
from db.staging_contacts import upsert_contacts
from db.staging_writing import bulk_write
from db.statements import sql
from db.transaction import Database
from domain.changes import CompaniesLoaded, ContactsLoaded
from domain.errors import Rejected
from tests.db.staged import (
    codes,
    company,
    contact,
    execute,
    load,
    load_employers,
    results,
    rows_of,
)

LINKEDIN = "https://www.linkedin.com/in/ada"

ADA = contact(
    2,
    "Ada@Example.com",
    "ada@home.example",
    first_name="Ada",
    last_name="King",
    linkedin_url=LINKEDIN,
    tags=["vip"],
    notes="Met in London.",
    phones=["+44 20 1234"],
    company={"name": "Engines Ltd", "domain": "engines.example"},
)


async def test_a_new_contact_is_stored_with_all_that_belongs_to_it(database: Database) -> None:
    """The first address is the primary one, and its copy stands with the contact."""
    outcome = (await load(database, ADA))[0]
    assert await rows_of(
        database,
        "SELECT c.uuid, full_name, email, email_status, tags, company_name, source, version,"
        " m.linkedin_url, m.notes FROM contacts c JOIN contact_metadata m ON m.contact_id = c.id",
    ) == [
        (
            outcome.uuid,
            "Ada King",
            "Ada@Example.com",
            "UNKNOWN",
            ["vip"],
            "Engines Ltd",
            "IMPORT",
            1,
            LINKEDIN,
            "Met in London.",
        )
    ]
    assert await rows_of(
        database, "SELECT position, address, is_primary FROM contact_emails ORDER BY position"
    ) == [(0, "Ada@Example.com", True), (1, "ada@home.example", False)]
    assert await rows_of(database, "SELECT position, number, type FROM contact_phones") == [
        (0, "+44 20 1234", "OTHER")
    ]


async def test_the_same_rows_again_change_nothing(database: Database) -> None:
    """A second load says UNCHANGED, and no version moves."""
    rows = [ADA, contact(3, "bob@example.com", first_name="Bob", company={"name": "Bricks"})]
    await load(database, *rows)
    outcomes = await load(database, *rows)
    assert results(outcomes) == [Result.UNCHANGED, Result.UNCHANGED]
    assert await rows_of(database, "SELECT version FROM contacts") == [(1,), (1,)]
    assert await rows_of(database, "SELECT version FROM companies") == [(1,), (1,)]
    assert await rows_of(database, "SELECT count(*) FROM contact_phones") == [(1,)]


async def test_only_what_is_empty_is_filled(database: Database) -> None:
    """A stored value wins over a new one, and an empty cell wipes nothing."""
    await load(database, ADA)
    other = contact(
        9, "ada@example.com", first_name="Augusta", title="Countess", tags=[], notes="Other"
    )
    assert results(await load(database, other)) == [Result.UPDATED]
    assert await rows_of(
        database, "SELECT first_name, last_name, title, tags, version FROM contacts"
    ) == [("Ada", "King", "Countess", ["vip"], 2)]
    assert await rows_of(database, "SELECT notes FROM contact_metadata") == [("Met in London.",)]


async def test_new_metadata_moves_the_version(database: Database) -> None:
    """What stands beside a contact belongs to it."""
    await load(database, contact(2, "ada@example.com"))
    again = contact(2, "ada@example.com", headline="Analyst")
    assert results(await load(database, again)) == [Result.UPDATED]
    assert await rows_of(database, "SELECT version FROM contacts") == [(2,)]


async def test_a_refusal_to_be_contacted_stays(database: Database) -> None:
    """A later file cannot take it back, but can bring it."""
    await load(
        database, contact(2, "a@example.com", do_not_contact=True), contact(3, "b@x.example")
    )
    await load(
        database,
        contact(2, "a@example.com", do_not_contact=False),
        contact(3, "b@x.example", do_not_contact=True),
    )
    assert await rows_of(database, "SELECT do_not_contact FROM contacts") == [(True,), (True,)]


async def test_addresses_and_numbers_are_appended(database: Database) -> None:
    """Those a contact has stay in their places; the primary one stays primary."""
    await load(database, ADA)
    more = contact(2, "ADA@HOME.EXAMPLE", "ada@work.example", phones=["+44 20 1234", "+44 30 9"])
    assert results(await load(database, more)) == [Result.UPDATED]
    assert await rows_of(
        database, "SELECT position, address, is_primary FROM contact_emails ORDER BY position"
    ) == [
        (0, "Ada@Example.com", True),
        (1, "ada@home.example", False),
        (2, "ada@work.example", False),
    ]
    assert await rows_of(
        database, "SELECT position, number, is_primary FROM contact_phones ORDER BY position"
    ) == [(0, "+44 20 1234", True), (1, "+44 30 9", False)]
    assert await rows_of(database, "SELECT email, version FROM contacts") == [
        ("Ada@Example.com", 2)
    ]


async def test_the_first_address_of_a_known_contact_becomes_its_primary(database: Database) -> None:
    """A contact that was found by its profile gets the address that its row brings."""
    await load(database, contact(2, linkedin_url=LINKEDIN, first_name="Ada"))
    found = contact(2, "ada@example.com", linkedin_url=LINKEDIN)
    assert results(await load(database, found)) == [Result.UPDATED]
    assert await rows_of(database, "SELECT email, email_status FROM contacts") == [
        ("ada@example.com", "UNKNOWN")
    ]


async def test_rows_of_one_contact_are_one_contact(database: Database) -> None:
    """Later rows add what the first one lacks, and are told apart by the first line."""
    outcomes = await load(
        database,
        contact(2, "ada@example.com", first_name="Ada"),
        contact(3, "ADA@example.com", first_name="Augusta", title="Countess"),
        contact(4, "ada@home.example", linkedin_url=LINKEDIN),
        contact(5, "ada@example.com", linkedin_url=LINKEDIN),
    )
    assert results(outcomes) == [Result.CREATED, Result.SKIPPED, Result.CREATED, Result.SKIPPED]
    assert codes(outcomes[1]) == ["DUPLICATE_IN_FILE"]
    assert "Line 2" in outcomes[1].findings[0].message
    assert await rows_of(database, "SELECT first_name, title FROM contacts ORDER BY id") == [
        ("Ada", "Countess"),
        (None, None),
    ]


async def test_rows_without_keys_never_collapse(database: Database) -> None:
    """Two people of one name without address and profile are two people."""
    outcomes = await load(
        database, *(contact(line, first_name="Ada", last_name="King") for line in (2, 3, 4))
    )
    assert results(outcomes) == [Result.CREATED] * 3
    assert await rows_of(database, "SELECT count(*) FROM contacts") == [(3,)]


async def test_an_address_of_another_contact_is_not_moved(database: Database) -> None:
    """The row is loaded without it, and says whose it is."""
    ada = (await load(database, contact(2, "ada@example.com")))[0]
    await load(database, contact(3, "bob@example.com"))
    outcome = (
        await load(database, contact(7, "bob@example.com", "ada@example.com", title="Boss"))
    )[0]
    assert outcome.result is Result.UPDATED
    assert codes(outcome) == ["DUPLICATE_EXISTING"]
    assert str(ada.uuid) in outcome.findings[0].message
    assert await rows_of(
        database,
        "SELECT c.email, e.address FROM contact_emails e JOIN contacts c ON c.id = e.contact_id"
        " ORDER BY c.id",
    ) == [("ada@example.com", "ada@example.com"), ("bob@example.com", "bob@example.com")]


async def test_an_address_of_another_row_is_not_moved(database: Database) -> None:
    """Within a batch the first row that gives an address keeps it."""
    outcomes = await load(
        database,
        contact(2, "ada@example.com"),
        contact(3, "bob@example.com"),
        contact(4, "bob@example.com", "ada@example.com"),
    )
    assert results(outcomes) == [Result.CREATED, Result.CREATED, Result.SKIPPED]
    assert codes(outcomes[2]) == ["DUPLICATE_IN_FILE", "DUPLICATE_IN_FILE"]
    assert await rows_of(database, "SELECT count(*) FROM contact_emails") == [(2,)]


async def test_a_deleted_contact_comes_back(database: Database) -> None:
    """Its addresses come back with it, and nothing it had is lost."""
    await load(database, ADA)
    await execute(database, "UPDATE contacts SET deleted_at = now()")
    assert results(await load(database, contact(5, "ada@home.example", title="Countess"))) == [
        Result.UPDATED
    ]
    assert await rows_of(database, "SELECT email, title, deleted_at FROM contacts") == [
        ("Ada@Example.com", "Countess", None)
    ]
    assert await rows_of(database, "SELECT deleted_at FROM contact_emails") == [(None,), (None,)]


async def test_a_deleted_contact_whose_address_was_given_away_stays_deleted(
    database: Database,
) -> None:
    """Its return would take the address from a contact that is in use."""
    await load(database, contact(2, "ada@example.com", "office@example.com"))
    await execute(database, "UPDATE contacts SET deleted_at = now()")
    await load(database, contact(4, "eve@example.com"))
    await execute(
        database,
        "INSERT INTO contact_emails (contact_id, position, address)"
        " SELECT id, 1, 'office@example.com' FROM contacts WHERE email = 'eve@example.com'",
    )
    outcome = (await load(database, contact(5, "ada@example.com")))[0]
    assert outcome.result is Result.CREATED
    assert await rows_of(
        database, "SELECT email FROM contacts WHERE deleted_at IS NULL ORDER BY id"
    ) == [("eve@example.com",), ("ada@example.com",)]


async def test_a_profile_of_several_contacts_is_ambiguous(database: Database) -> None:
    """Nothing is guessed; with an address the row finds its contact."""
    await load(database, contact(2, "a@example.com", linkedin_url=LINKEDIN))
    await load(database, contact(3, "b@example.com"))
    await execute(
        database,
        f"INSERT INTO contact_metadata (contact_id, linkedin_url) SELECT id, '{LINKEDIN}'"
        " FROM contacts WHERE email = 'b@example.com'",
    )
    outcomes = await load(
        database,
        contact(4, linkedin_url=LINKEDIN, title="Boss"),
        contact(5, "b@example.com", linkedin_url=LINKEDIN, title="Boss"),
    )
    assert results(outcomes) == [Result.FAILED, Result.UPDATED]
    assert codes(outcomes[0]) == ["AMBIGUOUS_MATCH"]


async def test_employers_are_found_by_domain_then_by_name_then_made(database: Database) -> None:
    """Contacts of one employer share it, however their rows name it."""
    await load_employers(database, company(2, name="Acme", domain="acme.example"))
    await load(
        database,
        contact(2, "a@x.example", company={"name": "Acme Inc.", "domain": "acme.example"}),
        contact(3, "b@x.example", company={"name": "ACME"}),
        contact(4, "c@x.example", company={"name": "Bricks"}),
        contact(5, "d@x.example", company={"name": "bricks"}),
    )
    assert await rows_of(
        database, "SELECT email, company_name, company_name_raw FROM contacts ORDER BY email"
    ) == [
        ("a@x.example", "Acme", "Acme Inc."),
        ("b@x.example", "Acme", "ACME"),
        ("c@x.example", "Bricks", "Bricks"),
        ("d@x.example", "Bricks", "bricks"),
    ]
    assert await rows_of(database, "SELECT name, domain FROM companies ORDER BY id") == [
        ("Acme", "acme.example"),
        ("Bricks", None),
    ]


async def test_a_contact_keeps_its_employer(database: Database) -> None:
    """Another employer in a later file is neither taken nor made; a known one is still filled."""
    await load(
        database, contact(2, "a@x.example", company={"name": "Acme", "domain": "acme.example"})
    )
    await load(database, contact(2, "a@x.example", company={"name": "Bricks"}))
    await load(
        database,
        contact(
            2,
            "a@x.example",
            company={"domain": "acme.example", "website_url": "https://acme.example/"},
        ),
    )
    assert await rows_of(database, "SELECT name, website_url FROM companies") == [
        ("Acme", "https://acme.example/")
    ]
    assert await rows_of(database, "SELECT company_name, company_name_raw FROM contacts") == [
        ("Acme", "Acme")
    ]


async def test_an_employer_that_several_companies_could_be_is_left_out(database: Database) -> None:
    """The contact is loaded, with the name as its row has it."""
    await load_employers(
        database,
        company(2, name="Acme", domain="acme.example"),
        company(3, name="Acme", domain="acme.test"),
    )
    outcome = (await load(database, contact(2, "a@x.example", company={"name": "Acme"})))[0]
    assert (outcome.result, codes(outcome)) == (Result.CREATED, ["RELATION_AMBIGUOUS"])
    assert await rows_of(database, "SELECT company_id, company_name FROM contacts") == [
        (None, "Acme")
    ]


async def test_a_batch_is_one_fact(database: Database) -> None:
    """Listeners hear of the batch, and nothing of a batch that changed nothing."""
    async with database.write() as tx:
        await upsert_contacts(tx, [ADA, contact(3, "bob@example.com")])
        assert tx.changes == [CompaniesLoaded(rows=1), ContactsLoaded(rows=2)]
    async with database.write() as tx:
        await upsert_contacts(tx, [ADA])
        assert tx.changes == []


async def test_a_refused_batch_leaves_nothing_of_itself(database: Database) -> None:
    """The transaction goes on as if the batch had not been tried."""
    await execute(database, "ALTER TABLE contact_phones ADD CONSTRAINT few CHECK (number <> '13')")
    async with database.write() as tx:
        await upsert_contacts(tx, [contact(2, "a@example.com")])
        with pytest.raises(Exception, match="few"):
            await upsert_contacts(tx, [contact(3, "b@example.com", phones=["13"])])
    assert await rows_of(database, "SELECT email FROM contacts") == [("a@example.com",)]


async def test_two_loads_of_one_address_make_one_contact(database: Database) -> None:
    """The second is refused as a whole and finds the contact when it tries again."""
    async with database.write() as first:
        await upsert_contacts(first, [contact(2, "ada@example.com")])
        second = asyncio.create_task(load(database, contact(2, "ada@example.com")))
        await asyncio.sleep(0.2)
    with pytest.raises(Rejected):
        await second
    assert results(await load(database, contact(2, "ada@example.com"))) == [Result.UNCHANGED]
    assert await rows_of(database, "SELECT count(*) FROM contacts") == [(1,)]


async def test_two_loads_in_opposite_order_do_not_deadlock(database: Database) -> None:
    """Rows are written in the order of their keys, whatever their order in the file."""
    names = [f"p{number:03}@example.com" for number in range(200)]
    await load(database, *(contact(line, name) for line, name in enumerate(names, start=2)))
    forward = [contact(2 + at, name, title="A") for at, name in enumerate(names)]
    backward = [contact(2 + at, name, city="B") for at, name in enumerate(reversed(names))]
    both = await asyncio.gather(load(database, *forward), load(database, *backward))
    assert {result for outcomes in both for result in results(outcomes)} == {Result.UPDATED}
    assert await rows_of(database, "SELECT DISTINCT title, city, version FROM contacts") == [
        ("A", "B", 3)
    ]


async def test_the_time_limit_of_a_batch_ends_with_its_transaction(database: Database) -> None:
    """Interactive statements on the same connection keep their own limit."""
    shown = sql("SHOW statement_timeout")
    async with database.write() as tx:
        await upsert_contacts(tx, [contact(2, "a@example.com")])
        assert await tx.fetch_value(shown) == "1min"
    async with database.read() as session:
        assert await session.fetch_value(shown) == "8s"


async def test_batch_may_take_longer_than_other_statements(database_url: URL) -> None:
    """PostgreSQL gives it the time, and so does the driver."""
    async with (
        open_engine(database_url, statement_timeout_seconds=0.1) as engine,
        Database(engine).write() as tx,
        bulk_write(tx, BATCH_TIMEOUT_SECONDS),
    ):
        # The driver ends what takes two seconds longer than PostgreSQL usually allows.
        assert await tx.fetch(sql("SELECT pg_sleep(2.5)"))
