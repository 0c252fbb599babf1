"""Promises of a batch of an import: its modes, what it counts, and what it tells about rows."""

from collections import Counter
from typing import Any

import pytest

from db import staging_contacts
from db.staging import Finding
from db.transaction import Database
from domain.bulk import ErrorPolicy, OnConflict
from domain.enums import ContactMatchKey, PhoneType
from domain.imports import ImportEntity, ImportMode, MultiValueMode, Severity
from domain.records import NewPhone
from tests.db.importing import (
    FileLine,
    contents,
    make_import,
    rejects_of,
    rows_of_file,
    told_of,
    write_batch,
)
from tests.db.staged import company, contact, execute, rows_of
from tests.factories import make_company, make_contact

ADA = "ada@example.com"


def counted(**counts: int) -> Counter[str]:
    """What a batch gives, without what it did not count."""
    return Counter(counts)


async def test_rows_come_to_ends_that_add_up(database: Database) -> None:
    """Created, filled, unchanged, passed over and failed are all rows."""
    await make_contact(database, emails=(ADA,))
    await make_contact(database, emails=("eve@example.com",), first_name="Eve")
    plan = await make_import(database)
    rows = rows_of_file(
        contact(2, ADA, first_name="Ada"),
        contact(3, "eve@example.com", first_name="Eve"),
        contact(4, "new@example.com"),
        contact(5, "new@example.com", title="CEO"),
    )
    bad = FileLine(6, None, (Finding(code="INVALID_EMAIL", message="no"),), ("x",))
    counts = await write_batch(database, plan, [*rows, bad])
    assert +counts == counted(
        rows=5, updated=1, unchanged=1, created=1, skipped=1, failed=1, duplicates=1, rejects=1
    )
    assert await told_of(database, plan.job_id) == [
        (5, "DUPLICATE_IN_FILE", "WARNING"),
        (6, "INVALID_EMAIL", "ERROR"),
    ]
    assert await rejects_of(database, plan.job_id) == [(6, ["x"])]


async def test_create_only_refuses_what_is_there(database: Database) -> None:
    """The stored contact stays as it is, and its row can be corrected."""
    await make_contact(database, emails=(ADA,))
    plan = await make_import(database, mode=ImportMode.CREATE_ONLY)
    rows = rows_of_file(contact(2, ADA, title="CEO"), contact(3, "new@example.com"))
    counts = await write_batch(database, plan, rows)
    assert (counts["failed"], counts["created"]) == (1, 1)
    assert await told_of(database, plan.job_id) == [(2, "CREATE_ONLY_CONFLICT", "ERROR")]
    assert await rows_of(database, "SELECT title FROM contacts WHERE email_key = 'ada@example.com'")


async def test_update_only_refuses_what_is_not_there(database: Database) -> None:
    """No contact is made, and no employer for one."""
    await make_contact(database, emails=(ADA,))
    plan = await make_import(database, mode=ImportMode.UPDATE_ONLY)
    employer = {"name": "Acme", "domain": "acme.com"}
    rows = rows_of_file(
        contact(2, ADA, title="CEO"), contact(3, "new@example.com", company=employer)
    )
    counts = await write_batch(database, plan, rows)
    assert (counts["failed"], counts["updated"]) == (1, 1)
    assert await told_of(database, plan.job_id) == [(3, "UPDATE_ONLY_MISSING", "ERROR")]
    assert await rows_of(database, "SELECT count(*) FROM contacts") == [(1,)]
    assert await rows_of(database, "SELECT count(*) FROM companies") == [(0,)]


@pytest.mark.parametrize("mode", [ImportMode.CREATE_ONLY, ImportMode.UPDATE_ONLY])
async def test_modes_hold_for_companies(database: Database, mode: ImportMode) -> None:
    """A row of a known domain and a row of an unknown one: one of them fails."""
    await make_company(database, name="Acme", domain="acme.com")
    plan = await make_import(database, entity=ImportEntity.COMPANIES, mode=mode)
    rows = rows_of_file(
        company(2, domain="acme.com", city="Bonn"), company(3, domain="new.com", name="New")
    )
    counts = await write_batch(database, plan, rows)
    creates = mode is ImportMode.CREATE_ONLY
    assert (counts["failed"], counts["created" if creates else "updated"]) == (1, 1)
    assert [line for line, *_ in await told_of(database, plan.job_id)] == [2 if creates else 3]


async def test_lists_are_added_to(database: Database) -> None:
    """What a contact has stays in front, each item once; a filled field is not overwritten."""
    await make_contact(database, emails=(ADA,), tags=["a", "b"], title="CTO")
    plan = await make_import(database)
    await write_batch(database, plan, rows_of_file(contact(2, ADA, tags=["b", "c"], title="CEO")))
    assert await rows_of(database, "SELECT tags, title FROM contacts") == [(["a", "b", "c"], "CTO")]


@pytest.mark.parametrize(
    ("multi_value_mode", "tags", "emails"),
    [
        (MultiValueMode.APPEND, ["a", "b"], 2),
        (MultiValueMode.REPLACE, ["b"], 1),
    ],
    ids=["append", "replace"],
)
async def test_overwriting_replaces_lists_only_when_told(
    database: Database, multi_value_mode: MultiValueMode, tags: list[str], emails: int
) -> None:
    """The title is overwritten either way."""
    await make_contact(database, emails=(ADA, "old@example.com"), tags=["a"], title="CTO")
    plan = await make_import(
        database, on_conflict=OnConflict.OVERWRITE, multi_value_mode=multi_value_mode
    )
    await write_batch(database, plan, rows_of_file(contact(2, ADA, tags=["b"], title="CEO")))
    assert await rows_of(database, "SELECT tags, title FROM contacts") == [(tags, "CEO")]
    assert await rows_of(database, "SELECT count(*) FROM contact_emails") == [(emails,)]


async def test_custom_fields_are_added_to(database: Database) -> None:
    """A key that is there keeps its value unless rows overwrite."""
    await make_contact(database, emails=(ADA,), custom_fields={"a": "1"})
    plan = await make_import(database)
    row = contact(2, ADA, custom_fields='{"a": "2", "b": "3"}')
    await write_batch(database, plan, rows_of_file(row))
    assert await rows_of(database, "SELECT custom_fields FROM contact_metadata") == [
        ({"a": "1", "b": "3"},)
    ]


async def test_missing_company_is_told_when_none_is_made(database: Database) -> None:
    """The contact is written without it; a company that is there is found."""
    await make_company(database, name="Acme", domain="acme.com")
    plan = await make_import(database, create_missing_companies=False)
    rows = rows_of_file(
        contact(2, ADA, company={"domain": "acme.com"}),
        contact(3, "eve@example.com", company={"name": "Gone"}),
    )
    counts = await write_batch(database, plan, rows)
    assert counts["created"] == 2
    assert await told_of(database, plan.job_id) == [(3, "RELATION_NOT_FOUND", "ERROR")]
    assert await rows_of(database, "SELECT company_id IS NULL FROM contacts ORDER BY id") == [
        (False,),
        (True,),
    ]
    assert await rows_of(database, "SELECT name FROM companies") == [("Acme",)]


async def test_companies_that_come_with_contacts_are_counted(database: Database) -> None:
    """Two rows of one company count it once."""
    plan = await make_import(database)
    rows = rows_of_file(
        contact(2, ADA, company={"name": "Acme", "domain": "acme.com"}),
        contact(3, "eve@example.com", company={"name": "Acme", "domain": "acme.com"}),
    )
    assert (await write_batch(database, plan, rows))["companies"] == 1


async def test_phone_and_last_name_lead_to_a_contact_when_asked_for(database: Database) -> None:
    """Without that key the row would make another contact."""
    phones = [{"number": "+49 30 1234", "e164": "+49301234", "extension": None}]
    first = contact(2, last_name="King")
    first.contact.phones.extend(phones)  # type: ignore[union-attr]  # it has a list
    plan = await make_import(database)
    await write_batch(database, plan, rows_of_file(first))
    again = contact(2, last_name="King", title="CEO")
    again.contact.phones.extend(phones)  # type: ignore[union-attr]  # it has a list
    keys = (ContactMatchKey.PHONE_AND_LAST_NAME,)
    plan = await make_import(database, match_on=keys)
    assert (await write_batch(database, plan, rows_of_file(again)))["updated"] == 1


async def test_trial_changes_no_record_and_tells_the_same(database: Database) -> None:
    """Rows, errors and rejects are those of a real run."""
    await make_contact(database, emails=(ADA,))
    before = await contents(database)
    plan = await make_import(database, dry_run=True)
    rows = rows_of_file(
        contact(2, ADA, title="CEO"),
        contact(3, "new@example.com", company={"name": "Acme", "domain": "acme.com"}),
    )
    bad = FileLine(4, None, (Finding(code="UNPARSABLE_ROW", message="no"),), ("x",))
    counts = await write_batch(database, plan, [*rows, bad], is_trial=True)
    assert (counts["updated"], counts["created"], counts["failed"]) == (1, 1, 1)
    assert await contents(database) == before
    assert await told_of(database, plan.job_id) == [(4, "UNPARSABLE_ROW", "ERROR")]
    assert await rows_of(database, "SELECT count(*) FROM import_batches") == [(0,)]


async def test_row_that_postgresql_refuses_costs_no_other(database: Database) -> None:
    """The row is told, and the company that came with it is not counted."""
    plan = await make_import(database)
    rows = rows_of_file(
        contact(2, ADA),
        contact(3, "eve@example.com", title="\0", company={"name": "E", "domain": "e.com"}),
        contact(4, "new@example.com"),
    )
    counts = await write_batch(database, plan, rows)
    assert +counts == counted(rows=3, created=2, failed=1, rejects=1)
    assert await told_of(database, plan.job_id) == [(3, "INVALID_VALUE", "ERROR")]


STRICT: dict[ErrorPolicy, tuple[int, Any]] = {
    ErrorPolicy.IGNORE_FAILED_FIELDS: (0, "created"),
    ErrorPolicy.REJECT_FAILED_ROWS: (1, "failed"),
}


@pytest.mark.parametrize("policy", STRICT)
async def test_address_of_another_contact_follows_the_error_policy(
    database: Database, policy: ErrorPolicy
) -> None:
    """The row is written without it, or not at all; either way it can be corrected."""
    await make_contact(database, emails=(ADA,))
    await make_contact(database, emails=("eve@example.com",))
    plan = await make_import(database, error_policy=policy)
    rows = rows_of_file(contact(2, ADA, "eve@example.com", title="CEO"))
    counts = await write_batch(database, plan, rows)
    assert counts["failed"] == STRICT[policy][0]
    assert await told_of(database, plan.job_id) == [(2, "DUPLICATE_EXISTING", "ERROR")]
    assert [line for line, _ in await rejects_of(database, plan.job_id)] == [2]


async def test_only_errors_are_kept_when_asked_for(database: Database) -> None:
    """A first look at all rows must not tell warnings twice."""
    plan = await make_import(database)
    rows = rows_of_file(contact(2, ADA), contact(3, ADA))
    await write_batch(database, plan, rows, is_trial=True, least=Severity.ERROR)
    assert await told_of(database, plan.job_id) == []


async def test_phone_and_address_that_say_nothing_change_nothing(database: Database) -> None:
    """An equal number keeps its type and extension, an address its status, also when replacing."""
    phone = NewPhone(number="+49 30 901820 ext. 7", type=PhoneType.MOBILE)
    await make_contact(database, first_name="Ada", phones=[phone], emails=(ADA,))
    await execute(database, "UPDATE contact_emails SET status = 'VERIFIED'")
    before = await contents(database)
    plain = contact(2, ADA)
    assert plain.contact.phones is not None
    plain.contact.phones.append(
        {"number": "+49 30 901820", "e164": "+4930901820", "extension": None}
    )
    ways: tuple[dict[str, Any], ...] = (
        {},
        {
            "on_conflict": OnConflict.OVERWRITE,
            "multi_value_mode": MultiValueMode.REPLACE,
        },
    )
    for options in ways:
        plan = await make_import(database, **options)
        counts = await write_batch(database, plan, rows_of_file(plain))
        assert counts["unchanged"] == 1
        assert await contents(database) == before


async def test_create_only_passes_over_what_the_file_itself_has_made(database: Database) -> None:
    """In whatever batch: a file does not fail for its own repetitions."""
    plan = await make_import(database, mode=ImportMode.CREATE_ONLY)
    await write_batch(database, plan, rows_of_file(contact(2, ADA)))
    counts = await write_batch(database, plan, rows_of_file(contact(3, ADA)))
    assert +counts == counted(rows=1, skipped=1, duplicates=1)
    assert await told_of(database, plan.job_id) == [(3, "DUPLICATE_IN_FILE", "WARNING")]


async def test_single_row_is_tried_again_when_its_key_was_taken(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who was quicker made the contact that it is about."""
    plan = await make_import(database)
    place = staging_contacts._write
    others = [ADA]

    async def slow(*given: Any) -> None:
        if others:
            await make_contact(database, emails=(others.pop(),))
        await place(*given)

    monkeypatch.setattr(staging_contacts, "_write", slow)
    counts = await write_batch(database, plan, rows_of_file(contact(2, ADA, title="CEO")))
    assert +counts == counted(rows=1, updated=1)
