"""Promises of undoing an import: everything is as it was, but for what was edited since."""

from typing import Any

from db.contacts import delete_contact
from db.transaction import Database
from domain.bulk import OnConflict
from domain.imports import EmptyCell, ImportEntity, MultiValueMode
from tests.db.importing import (
    contents,
    make_import,
    rows_of_file,
    told_of,
    undo_all,
    write_batch,
)
from tests.db.people import erase
from tests.db.staged import company, contact, execute, rows_of
from tests.factories import make_company, make_contact

ADA, EVE, NEW = "ada@example.com", "eve@example.com", "new@example.com"
OVERWRITE: dict[str, Any] = {
    "on_conflict": OnConflict.OVERWRITE,
    "multi_value_mode": MultiValueMode.REPLACE,
    "empty_cell": EmptyCell.CLEAR,
}


async def test_undo_restores_what_was_overwritten(database: Database) -> None:
    """Columns, metadata, e-mails and phones, with their ids; what was made is gone."""
    await make_company(database, name="Acme", domain="acme.com")
    await make_contact(
        database, emails=(ADA, "ada@home.org"), title="CTO", headline="Hi", custom_fields={"a": 1}
    )
    await make_contact(database, emails=(EVE,), tags=["x"])
    before = await contents(database)
    plan = await make_import(database, **OVERWRITE)
    acme = {"domain": "acme.com", "city": "Bonn", "name": "Acme"}
    first = rows_of_file(
        contact(2, ADA, title=None, headline="Ho", company=acme, phones=("+49 30 1",)),
        contact(3, NEW, company={"name": "Fresh", "domain": "fresh.com"}),
    )
    await write_batch(database, plan, first)
    later = rows_of_file(
        contact(4, EVE, tags=["y"]), contact(5, NEW, title="CEO"), contact(6, ADA, title="CEO")
    )
    await write_batch(database, plan, later)
    assert await contents(database) != before
    counts = await undo_all(database, plan)
    assert await contents(database) == before
    assert +counts == {"restored": 3, "removed": 2}
    assert await told_of(database, plan.job_id) == []


async def test_undo_of_companies_restores_them(database: Database) -> None:
    """A company that was filled is what it was, one that was made is gone."""
    await make_company(database, name="Acme", domain="acme.com", keywords=["a"])
    before = await contents(database)
    plan = await make_import(database, entity=ImportEntity.COMPANIES)
    rows = rows_of_file(
        company(2, domain="acme.com", city="Bonn", keywords=["b"]), company(3, name="New")
    )
    await write_batch(database, plan, rows)
    assert +await undo_all(database, plan) == {"restored": 1, "removed": 1}
    assert await contents(database) == before


async def test_undo_deletes_again_what_came_back(database: Database) -> None:
    """A deleted contact that a row restored is deleted once more, with its address."""
    row = await make_contact(database, emails=(ADA,))
    async with database.write() as tx:
        await delete_contact(tx, row.id)
    before = await contents(database)
    plan = await make_import(database)
    await write_batch(database, plan, rows_of_file(contact(2, ADA, title="CEO")))
    assert await rows_of(database, "SELECT count(*) FROM contacts WHERE deleted_at IS NULL") == [
        (1,)
    ]
    await undo_all(database, plan)
    assert await contents(database) == before


async def test_records_that_were_edited_since_stay_and_are_told(database: Database) -> None:
    """Whether the import had made them or changed them, in one batch or several."""
    await make_contact(database, emails=(ADA,))
    plan = await make_import(database)
    rows = rows_of_file(contact(2, ADA, title="CTO"), contact(3, NEW), contact(4, EVE))
    await write_batch(database, plan, rows)
    await write_batch(database, plan, rows_of_file(contact(5, EVE, title="CEO")))
    await execute(database, "UPDATE contacts SET lead_status = 'hot'")
    after = await contents(database)
    counts = await undo_all(database, plan)
    assert +counts == {"skipped": 3}
    assert await contents(database) == after
    assert [code for _, code, _ in await told_of(database, plan.job_id)] == ["EDITED_SINCE"] * 3


async def test_edit_between_two_batches_is_an_edit_since(database: Database) -> None:
    """The second batch must not hide that somebody came between."""
    await make_contact(database, emails=(ADA,))
    plan = await make_import(database)
    await write_batch(database, plan, rows_of_file(contact(2, ADA, title="CTO")))
    await execute(database, "UPDATE contacts SET lead_status = 'hot'")
    await write_batch(database, plan, rows_of_file(contact(3, ADA, city="Bonn")))
    after = await contents(database)
    assert +await undo_all(database, plan) == {"skipped": 1}
    assert await contents(database) == after


async def test_company_that_others_belong_to_by_now_stays(database: Database) -> None:
    """The contact that came with it goes."""
    plan = await make_import(database)
    rows = rows_of_file(contact(2, NEW, company={"name": "Acme", "domain": "acme.com"}))
    await write_batch(database, plan, rows)
    await make_contact(database, emails=(ADA,))
    await execute(
        database,
        "UPDATE contacts SET company_id = (SELECT id FROM companies)"
        " WHERE email_key = 'ada@example.com'",
    )
    assert +await undo_all(database, plan) == {"removed": 1, "skipped": 1}
    assert await rows_of(database, "SELECT email, company_name FROM contacts") == [(ADA, "Acme")]


async def test_address_that_another_has_by_now_stays_there(database: Database) -> None:
    """The contact is restored without it, its next address becomes its first; that is told."""
    await make_contact(database, emails=(ADA, "ada@home.org"))
    plan = await make_import(database, **OVERWRITE)
    await write_batch(database, plan, rows_of_file(contact(2, "ada@home.org", linkedin_url=None)))
    await make_contact(database, emails=(ADA,), first_name="Other")
    await undo_all(database, plan)
    assert await rows_of(database, "SELECT email FROM contacts ORDER BY id") == [
        ("ada@home.org",),
        (ADA,),
    ]
    assert [code for _, code, _ in await told_of(database, plan.job_id)] == ["EDITED_SINCE"]


async def test_records_that_were_unchanged_are_not_remembered(database: Database) -> None:
    """A file that is imported again leaves nothing to undo."""
    await make_contact(database, emails=(ADA,))
    plan = await make_import(database)
    await write_batch(database, plan, rows_of_file(contact(2, ADA)))
    assert await rows_of(database, "SELECT count(*) FROM import_changes") == [(0,)]
    assert +await undo_all(database, plan) == {}


async def test_address_that_the_import_moved_comes_back(database: Database) -> None:
    """To a contact that it made, or between two that were there, in whatever steps."""
    await make_contact(database, emails=(ADA, "a2@example.com"))
    for name in ("b", "c", "d"):
        await make_contact(database, emails=(f"{name}@example.com",))
    await make_contact(database, emails=(EVE, "e2@example.com"))
    before = await contents(database)
    plan = await make_import(database, **OVERWRITE)
    rows = rows_of_file(contact(2, ADA, title="CEO"), contact(3, EVE, title="CEO"))
    await write_batch(database, plan, rows)
    rows = rows_of_file(contact(4, "a2@example.com"), contact(5, "b@example.com", "e2@example.com"))
    await write_batch(database, plan, rows)
    assert await contents(database) != before
    await undo_all(database, plan, most=1)
    assert await contents(database) == before
    assert await told_of(database, plan.job_id) == []


async def test_further_address_that_another_has_by_now_is_told(database: Database) -> None:
    """Not only the primary one."""
    await make_contact(database, emails=(ADA, "a2@example.com"))
    plan = await make_import(database, **OVERWRITE)
    await write_batch(database, plan, rows_of_file(contact(2, ADA, title="CEO")))
    await make_contact(database, emails=("a2@example.com",))
    await undo_all(database, plan)
    assert [code for _, code, _ in await told_of(database, plan.job_id)] == ["EDITED_SINCE"]


async def test_record_that_a_split_batch_made_is_removed(database: Database) -> None:
    """A row that PostgreSQL refuses has the others written in pieces, which know of each other."""
    before = await contents(database)
    plan = await make_import(database)
    rows = rows_of_file(
        contact(2, ADA), contact(3, EVE, title="\0"), contact(4, ADA, title="CEO"), contact(5, NEW)
    )
    await write_batch(database, plan, rows)
    assert +await undo_all(database, plan) == {"removed": 2}
    assert await contents(database) == before


async def test_imports_are_undone_from_the_newest_on(database: Database) -> None:
    """What the newer one changed, and the older one had made or changed, is as before both."""
    await make_contact(database, emails=(ADA,))
    await make_company(database, name="Acme", domain="acme.com")
    before = await contents(database)
    plans = []
    for city, title in (("Bonn", "CTO"), ("Köln", "CEO")):
        plan = await make_import(database, on_conflict=OnConflict.OVERWRITE)
        rows = rows_of_file(contact(2, ADA, title=title), contact(3, NEW, city=city))
        await write_batch(database, plan, rows)
        plans.append(plan)
    middle = await contents(database)
    third = await make_import(database)
    await write_batch(database, third, rows_of_file(contact(2, NEW, last_name="New")))
    for plan, expected in zip((third, *reversed(plans)), (middle, None, before), strict=True):
        assert (await undo_all(database, plan))["skipped"] == 0
        assert expected in (None, await contents(database))


async def test_company_that_was_deleted_and_has_people_by_now_stays(database: Database) -> None:
    """The import had brought it back."""
    await make_company(database, name="Acme", domain="acme.com")
    await execute(database, "UPDATE companies SET deleted_at = now()")
    plan = await make_import(database, entity=ImportEntity.COMPANIES)
    await write_batch(database, plan, rows_of_file(company(2, domain="acme.com", city="Bonn")))
    await make_contact(database, emails=(ADA,))
    await execute(database, "UPDATE contacts SET company_id = (SELECT id FROM companies)")
    assert +await undo_all(database, plan) == {"skipped": 1}
    assert await rows_of(database, "SELECT city FROM companies WHERE deleted_at IS NULL") == [
        ("Bonn",)
    ]


async def test_profile_of_an_erased_person_does_not_come_back(database: Database) -> None:
    """Nor do its addresses; the contact is restored without them."""
    profile = "https://www.linkedin.com/in/ada"
    await make_contact(database, emails=(EVE,), linkedin_url=profile)
    plan = await make_import(database, **OVERWRITE)
    await write_batch(database, plan, rows_of_file(contact(2, EVE, linkedin_url=None)))
    other = await make_contact(database, first_name="Ada", linkedin_url=profile)
    await erase(database, other.id)
    await undo_all(database, plan)
    assert await rows_of(database, "SELECT linkedin_url FROM contact_metadata") == [(None,)]


async def test_what_it_referred_to_may_be_gone(database: Database) -> None:
    """The contact is restored without its owner."""
    await execute(database, "INSERT INTO users (email) VALUES ('u@example.com')")
    await make_contact(database, emails=(ADA,))
    await execute(database, "UPDATE contacts SET owner_id = (SELECT id FROM users)")
    plan = await make_import(database)
    await write_batch(database, plan, rows_of_file(contact(2, ADA, title="CEO")))
    await execute(database, "DELETE FROM users")
    assert +await undo_all(database, plan) == {"restored": 1}
    assert await rows_of(database, "SELECT title, owner_id FROM contacts") == [(None, None)]


async def test_records_that_stay_are_still_known_to_be_of_the_import(database: Database) -> None:
    """Lists by `importedBy` go on showing them."""
    await make_contact(database, emails=(ADA,))
    plan = await make_import(database)
    await write_batch(database, plan, rows_of_file(contact(2, ADA, title="CTO"), contact(3, NEW)))
    await execute(database, "UPDATE contacts SET lead_status = 'hot'")
    await undo_all(database, plan)
    assert await rows_of(database, "SELECT cardinality(contact_ids) FROM import_batches") == [(1,)]
    assert await rows_of(database, "SELECT before IS NULL FROM import_changes") == [(True,)]
