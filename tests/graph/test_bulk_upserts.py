"""Upserting many contacts: whom a row is about, what it does there, and what the client is told."""

from typing import Any

import pytest

from db.transaction import Database
from domain.changes import ChangeKind, ContactChanged
from tests.client import Client
from tests.factories import make_company, make_contact
from tests.graph.bulk import counts, problems, run_bulk, statuses
from tests.graph.bulk_contacts import ADDRESS, at, contacts, upsert
from tests.graph.ids import id_of
from tests.graph.rows import read_rows, snapshot
from tests.statements import Statements


async def addresses(database: Database) -> list[tuple[str, bool]]:
    """All live addresses and whether they are the primary ones."""
    found = await read_rows(
        database,
        "SELECT address, is_primary FROM contact_emails WHERE deleted_at IS NULL"
        " ORDER BY contact_id, position",
    )
    return [(address, is_primary) for address, is_primary in found]


async def test_rows_create_update_and_leave_contacts_as_they_are(
    client: Client, resources_database: Database
) -> None:
    """Each row has its status, its contact and its place; the counts agree."""
    company = await make_company(resources_database)
    known = await make_contact(resources_database, emails=(ADDRESS,), first_name="Ada")
    same = await make_contact(resources_database, emails=("bob@acme.com",), first_name="Bob")
    payload = await upsert(
        client,
        {"firstName": "Cy", "emails": at("cy@acme.com"), "companyId": id_of(company)},
        {"emails": at("ADA@acme.com"), "title": "CTO", "notes": "Met."},
        {"emails": at("bob@acme.com"), "firstName": "Robert"},
        clientMutationId="m",
    )
    assert statuses(payload) == ["CREATED", "UPDATED", "UNCHANGED"]
    assert payload["counts"] == counts(created=1, updated=1, unchanged=1)
    assert [row["index"] for row in payload["results"]] == [0, 1, 2]
    assert [row["contact"]["id"] for row in payload["results"][1:]] == [id_of(known), id_of(same)]
    assert (payload["userErrors"], payload["clientMutationId"]) == ([], "m")
    assert await contacts(resources_database, "first_name, title, notes, version, source") == [
        ("Ada", "CTO", "Met.", 2, "API"),
        ("Bob", None, None, 1, "API"),
        ("Cy", None, None, 1, "API"),
    ]
    assert await contacts(resources_database, "company_id") == [(None,), (None,), (company.id,)]


async def test_row_that_repeats_a_key_adds_to_the_first_one(
    client: Client, resources_database: Database
) -> None:
    """One contact comes of both; the later row is passed over and says which contact it is."""
    payload = await upsert(
        client,
        {"emails": at(ADDRESS), "firstName": "Ada"},
        {"emails": at("Ada@ACME.com"), "firstName": "Adele", "title": "CTO"},
    )
    assert statuses(payload) == ["CREATED", "SKIPPED"]
    first, second = payload["results"]
    assert second["contact"] == first["contact"]
    assert problems(second) == [("ALREADY_EXISTS", "")]
    assert second["userErrors"][0]["message"] == (
        "An earlier row is about the same contact; this one only added what that one left open."
    )
    assert await contacts(resources_database, "first_name, title") == [("Ada", "CTO")]


@pytest.mark.parametrize(
    ("on_conflict", "status", "stored"),
    [
        ("SKIP", "SKIPPED", ("Ada", None, "Old", ["a"], True, 1)),
        ("FILL_EMPTY", "UPDATED", ("Ada", "CTO", "Old", ["a"], True, 2)),
        ("OVERWRITE", "UPDATED", ("Augusta", "CTO", None, ["b"], True, 2)),
    ],
)
async def test_known_contact_is_written_as_the_client_chose(
    client: Client,
    resources_database: Database,
    on_conflict: str,
    status: str,
    stored: tuple[Any, ...],
) -> None:
    """It is left alone, filled or overwritten; who asked not to be contacted stays so."""
    contact = await make_contact(
        resources_database,
        emails=(ADDRESS,),
        first_name="Ada",
        notes="Old",
        tags=["a"],
        do_not_contact=True,
    )
    row = {
        "emails": at(ADDRESS),
        "firstName": "Augusta",
        "title": "CTO",
        "notes": None,
        "tags": ["b"],
        "doNotContact": False,
    }
    payload = await upsert(client, row, onConflict=on_conflict)
    assert statuses(payload) == [status]
    columns = "first_name, title, notes, tags, do_not_contact, version"
    assert await contacts(resources_database, columns) == [stored]
    (told,) = payload["results"]
    assert told["contact"]["id"] == id_of(contact)
    if status == "SKIPPED":
        (error,) = told["userErrors"]
        assert error["existing"] == {"id": id_of(contact)}
        assert error["message"] == "The contact is there already; nothing of it was changed."


@pytest.mark.parametrize("on_conflict", ["SKIP", "FILL_EMPTY", "OVERWRITE"])
async def test_rows_sent_again_change_nothing(
    client: Client, resources_database: Database, on_conflict: str
) -> None:
    """No version moves when the contact is so already, not even when it is overwritten."""
    row = {
        "emails": [{"address": ADDRESS, "status": "VERIFIED"}, {"address": "b@acme.com"}],
        "phones": [{"number": "+49 30 1234567", "type": "MOBILE"}],
        "linkedinUrl": "https://linkedin.com/in/ada",
        "title": "CTO",
        "customFields": {"a": 1},
        "lastContactedAt": "2026-01-31T09:30:00Z",
        "location": {"city": "Berlin", "street": "Allee 1"},
    }
    await upsert(client, row)
    before = await snapshot(resources_database)
    payload = await upsert(client, row, onConflict=on_conflict)
    assert statuses(payload) == ["SKIPPED" if on_conflict == "SKIP" else "UNCHANGED"]
    assert await snapshot(resources_database) == before


async def test_overwriting_replaces_the_lists_of_a_contact(
    client: Client, resources_database: Database
) -> None:
    """All e-mails and phones that a row gives take the place of all that there were."""
    await make_contact(resources_database, emails=(ADDRESS, "old@acme.com"), first_name="Ada")
    row = {
        "emails": [
            {"address": ADDRESS, "status": "BOUNCED"},
            {"address": "new@acme.com", "isPrimary": True},
        ],
        "phones": [{"number": "+49 30 1234567"}],
    }
    payload = await upsert(client, row, onConflict="OVERWRITE")
    assert statuses(payload) == ["UPDATED"]
    assert payload["results"][0]["contact"]["email"] == "new@acme.com"
    assert await addresses(resources_database) == [("new@acme.com", True), (ADDRESS, False)]
    freed = await upsert(client, {"emails": at("old@acme.com")})
    assert statuses(freed) == ["CREATED"]


async def test_overwriting_with_null_clears_a_list(
    client: Client, resources_database: Database
) -> None:
    """A contact that is found by its profile may lose its addresses."""
    await make_contact(
        resources_database, emails=(ADDRESS,), linkedin_url="https://linkedin.com/in/ada"
    )
    row = {"linkedinUrl": "linkedin.com/in/ada", "emails": None}
    payload = await upsert(client, row, onConflict="OVERWRITE")
    assert statuses(payload) == ["UPDATED"]
    assert payload["results"][0]["contact"]["email"] is None
    assert await addresses(resources_database) == []
    assert await contacts(resources_database, "email_status") == [(None,)]


async def test_filling_adds_addresses_and_overwriting_without_them_keeps_them(
    client: Client, resources_database: Database
) -> None:
    """What a row does not name stays."""
    await make_contact(
        resources_database, emails=(ADDRESS,), linkedin_url="https://linkedin.com/in/ada"
    )
    await upsert(client, {"linkedinUrl": "linkedin.com/in/ada", "emails": at("b@acme.com")})
    await upsert(
        client, {"linkedinUrl": "linkedin.com/in/ada", "title": "CTO"}, onConflict="OVERWRITE"
    )
    assert await addresses(resources_database) == [(ADDRESS, True), ("b@acme.com", False)]
    assert await contacts(resources_database, "title, email") == [("CTO", ADDRESS)]


@pytest.mark.parametrize(
    ("match_on", "name"),
    [
        (None, "Mail"),
        (["EMAIL"], "Mail"),
        (["LINKEDIN_URL"], "Link"),
        (["PHONE_AND_LAST_NAME"], "Phone"),
        (["LINKEDIN_URL", "EMAIL"], "Link"),
        (["PHONE_AND_LAST_NAME", "EMAIL"], "Phone"),
    ],
)
async def test_row_finds_its_contact_by_the_keys_in_their_order(
    client: Client, resources_database: Database, match_on: list[str] | None, name: str
) -> None:
    """The first key that leads to a contact decides."""
    await make_contact(resources_database, emails=(ADDRESS,), first_name="Mail")
    await make_contact(
        resources_database, first_name="Link", linkedin_url="https://linkedin.com/in/ada"
    )
    await upsert(
        client,
        {"firstName": "Phone", "lastName": "King", "phones": [{"number": "+49 30 1234567"}]},
    )
    await make_contact(resources_database, first_name="Other", last_name="King")
    row = {
        "emails": at(ADDRESS),
        "linkedinUrl": "https://www.linkedin.com/in/ada/",
        "phones": [{"number": "+49301234567"}],
        "lastName": "KING",
        "title": "CTO",
    }
    chosen = {} if match_on is None else {"matchOn": match_on}
    payload = await upsert(client, row, errorPolicy="IGNORE_FAILED_FIELDS", **chosen)
    assert statuses(payload) == ["UPDATED"]
    found = await read_rows(
        resources_database, "SELECT first_name FROM contacts WHERE title = 'CTO'"
    )
    assert found == [(name,)]


async def test_rows_find_each_other_by_phone_and_last_name(
    client: Client, resources_database: Database
) -> None:
    """A new contact of an earlier row is found by the same keys as a stored one."""
    row = {"lastName": "King", "phones": [{"number": "+49 30 1234567"}]}
    by_phone = await upsert(client, row, row | {"title": "CTO"}, matchOn=["PHONE_AND_LAST_NAME"])
    assert statuses(by_phone) == ["CREATED", "SKIPPED"]
    by_mail = await upsert(client, row)
    assert statuses(by_mail) == ["CREATED"]
    assert await contacts(resources_database, "title") == [("CTO",), (None,)]


@pytest.mark.parametrize(
    ("field", "row"),
    [
        ("linkedinUrl", {"linkedinUrl": "https://linkedin.com/in/ada"}),
        ("phones", {"lastName": "King", "phones": [{"number": "+49 30 1234567"}]}),
    ],
)
async def test_key_of_several_contacts_is_about_none_of_them(
    client: Client, resources_database: Database, field: str, row: dict[str, Any]
) -> None:
    """Nothing is guessed; the row says so and fails."""
    for _ in range(2):
        await upsert(client, row, matchOn=["EMAIL"])
    payload = await upsert(client, row, matchOn=["LINKEDIN_URL", "PHONE_AND_LAST_NAME"])
    assert statuses(payload) == ["FAILED"]
    (told,) = payload["results"]
    assert problems(told) == [("ALREADY_EXISTS", field)]
    assert told["userErrors"][0]["message"].startswith("Several contacts have ")


async def test_deleted_contact_comes_back_with_its_row(
    client: Client, resources_database: Database
) -> None:
    """In every mode: a deleted record is none that could be skipped."""
    for on_conflict in ("SKIP", "FILL_EMPTY", "OVERWRITE"):
        address = f"{on_conflict}@acme.com"
        contact = await make_contact(resources_database, emails=(address,))
        await run_bulk(client, "deleteContacts", ids=[id_of(contact)])
        payload = await upsert(
            client, {"emails": at(address), "title": "CTO"}, onConflict=on_conflict
        )
        assert statuses(payload) == ["UPDATED"]
        (told,) = payload["results"]
        assert told["contact"] | {"tags": []} == {
            "id": id_of(contact),
            "fullName": None,
            "email": address,
            "title": "CTO",
            "tags": [],
            "version": 3,
            "deletedAt": None,
        }


async def test_thousand_rows_are_a_few_statements(
    client: Client, resources_database: Database, statements: Statements
) -> None:
    """New or known, filled or overwritten: the count does not grow with the rows."""
    rows = [
        {
            "firstName": f"F{n}",
            "lastName": f"L{n}",
            "emails": at(f"u{n}@acme.com"),
            "phones": [{"number": f"+49 30 {1000000 + n}"}],
            "linkedinUrl": f"https://linkedin.com/in/u{n}",
        }
        for n in range(1000)
    ]
    with statements.recorded() as creating:
        created = await upsert(client, *rows, matchOn=["EMAIL", "PHONE_AND_LAST_NAME"])
    with statements.recorded() as filling:
        filled = await upsert(client, *(row | {"title": "CTO"} for row in rows))
    with statements.recorded() as overwriting:
        overwritten = await upsert(
            client, *(row | {"title": "VP"} for row in rows), onConflict="OVERWRITE"
        )
    assert created["counts"] == counts(created=1000)
    assert filled["counts"] == overwritten["counts"] == counts(updated=1000)
    assert max(len(creating), len(filling), len(overwriting)) <= 14


async def test_changes_are_told_for_each_contact_that_was_written(
    client: Client, resources_database: Database
) -> None:
    """Created and updated ones, with the companies they left and came to."""
    told: list[Any] = []

    async def listen(changes: Any) -> None:
        told.extend(changes)

    old, new = [await make_company(resources_database, name=name) for name in ("Old", "New")]
    known = await make_contact(resources_database, emails=(ADDRESS,), company_id=id_of(old))
    await make_contact(resources_database, emails=("same@acme.com",))
    resources_database._after_commit = (listen,)
    payload = await upsert(
        client,
        {"emails": at(ADDRESS), "companyId": id_of(new)},
        {"emails": at("new@acme.com")},
        {"emails": at("same@acme.com")},
        onConflict="OVERWRITE",
    )
    assert statuses(payload) == ["UPDATED", "CREATED", "UNCHANGED"]
    moved = frozenset({old.id, new.id})
    assert told == [
        ContactChanged(kind=ChangeKind.UPDATED, contact_id=known.id, company_ids=moved),
        ContactChanged(kind=ChangeKind.CREATED, contact_id=known.id + 2),
    ]
