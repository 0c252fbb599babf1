"""What a patch or tags make of each of many records."""

from typing import Any

import pytest

from db.transaction import Database
from tests.client import Client
from tests.factories import make_company, make_contact
from tests.graph.bulk import counts, problems, run_bulk, statuses
from tests.graph.ids import id_of
from tests.graph.rows import execute, read_rows, snapshot


async def test_patch_changes_what_differs_and_leaves_the_rest(
    client: Client, resources_database: Database
) -> None:
    """Columns of the contact and of its metadata; only rows for which something is new move."""
    rows = [
        await make_contact(resources_database, first_name="A", title="CTO", notes="x"),
        await make_contact(resources_database, first_name="B", title="CTO", notes="y"),
        await make_contact(resources_database, first_name="C", title="CTO"),
        await make_contact(resources_database, first_name="D", title="VP", notes="x"),
    ]
    ids = [id_of(row) for row in rows]
    payload = await run_bulk(client, "updateContacts", ids=ids, set={"title": "CTO", "notes": "x"})
    assert statuses(payload) == ["UNCHANGED", "UPDATED", "UPDATED", "UPDATED"]
    assert [row["contact"]["version"] for row in payload["results"]] == [1, 2, 2, 2]
    stored = (
        "SELECT title, notes FROM contacts JOIN contact_metadata ON contact_id = id ORDER BY id"
    )
    assert await read_rows(resources_database, stored) == [("CTO", "x")] * 4
    cleared = await run_bulk(
        client, "updateContacts", ids=[*ids], set={"title": None, "notes": None, "tags": ["a"]}
    )
    assert cleared["counts"] == counts(updated=4)
    assert await read_rows(resources_database, stored) == [(None, None)] * 4
    nothing = await run_bulk(client, "updateContacts", ids=ids, set={})
    assert nothing["counts"] == counts(unchanged=4)


async def test_clearing_what_was_never_written_writes_nothing(
    client: Client, resources_database: Database
) -> None:
    """A contact without metadata does not get an empty one."""
    contact = await make_contact(resources_database)
    payload = await run_bulk(
        client, "updateContacts", ids=[id_of(contact)], set={"notes": None, "customFields": None}
    )
    assert statuses(payload) == ["UNCHANGED"]
    assert await read_rows(resources_database, "SELECT * FROM contact_metadata") == []


async def test_patch_moves_contacts_to_a_company(
    client: Client, resources_database: Database
) -> None:
    """Their company's name follows; a company that is not there is a mistake of the patch."""
    contact, company = (
        await make_contact(resources_database),
        await make_company(resources_database),
    )
    ids = [id_of(contact)]
    await run_bulk(client, "updateContacts", ids=ids, set={"companyId": id_of(company)})
    found = await read_rows(resources_database, "SELECT company_id, company_name FROM contacts")
    assert found == [(company.id, "Acme")]
    await run_bulk(client, "deleteCompanies", ids=[id_of(company)])
    refused = await run_bulk(client, "updateContacts", ids=ids, set={"companyId": id_of(company)})
    assert (refused["results"], problems(refused)) == (None, [("NOT_FOUND", "set.companyId")])


async def test_mistakes_of_a_patch_are_told_or_left_out(
    client: Client, resources_database: Database
) -> None:
    """They are those of every record, so the payload tells them once."""
    contact = await make_contact(resources_database)
    patch = {"title": "x" * 501, "stage": "WARM", "companyId": "nonsense"}
    given = {"ids": [id_of(contact)], "set": patch}
    refused = await run_bulk(client, "updateContacts", **given)
    expected = [("TOO_LONG", "set.title"), ("NOT_FOUND", "set.companyId")]
    assert (refused["results"], problems(refused)) == (None, expected)
    ignoring = await run_bulk(client, "updateContacts", **given, errorPolicy="IGNORE_FAILED_FIELDS")
    assert (statuses(ignoring), problems(ignoring)) == (["UPDATED"], expected)
    stored = await read_rows(resources_database, "SELECT title, stage FROM contacts")
    assert stored == [(None, "WARM")]


async def test_profile_of_a_suppressed_person_is_not_stored(
    client: Client, resources_database: Database
) -> None:
    """Not by a patch either."""
    url = "https://www.linkedin.com/in/ada"
    await execute(
        resources_database,
        "INSERT INTO suppressions (kind, key_hash)"
        f" VALUES ('LINKEDIN', suppression_hash('LINKEDIN', '{url}'))",
    )
    contact = await make_contact(resources_database)
    payload = await run_bulk(
        client, "updateContacts", ids=[id_of(contact)], set={"linkedinUrl": url}
    )
    assert problems(payload) == [("SUPPRESSED_CONTACT", "set.linkedinUrl")]


IDENTITIES: list[dict[str, Any]] = [
    {"firstName": "Ada"},
    {"firstName": "Ada", "emails": [{"address": "ada@acme.com"}]},
    {"firstName": "Ada", "lastName": "King"},
    {"firstName": "Ada", "phones": [{"number": "+49 30 1234567"}]},
    {"firstName": "Ada", "linkedinUrl": "https://linkedin.com/in/ada"},
]


@pytest.mark.parametrize(
    ("patch", "expected"),
    [
        ({"firstName": None}, ["FAILED", "UPDATED", "UPDATED", "UPDATED", "UPDATED"]),
        (
            {"firstName": None, "lastName": None, "title": "CTO"},
            ["FAILED", "UPDATED", "FAILED", "UPDATED", "UPDATED"],
        ),
        (
            {"firstName": None, "linkedinUrl": None},
            ["FAILED", "UPDATED", "UPDATED", "UPDATED", "FAILED"],
        ),
        ({"firstName": None, "middleName": "M"}, ["UPDATED"] * 5),
    ],
)
async def test_contact_keeps_something_that_identifies_it(
    client: Client, resources_database: Database, patch: dict[str, Any], expected: list[str]
) -> None:
    """One that would lose the last of it fails, or with it everything."""
    made = await run_bulk(client, "upsertContacts", rows=IDENTITIES)
    ids = [row["contact"]["id"] for row in made["results"]]
    before = await snapshot(resources_database)
    if "FAILED" in expected:
        rejected = await run_bulk(
            client, "updateContacts", ids=ids, set=patch, errorPolicy="REJECT_EVERYTHING"
        )
        assert problems(rejected) == [("REQUIRED", "set")] * expected.count("FAILED")
        assert ids[0] in rejected["userErrors"][0]["message"]
        assert await snapshot(resources_database) == before
    payload = await run_bulk(client, "updateContacts", ids=ids, set=patch)
    assert statuses(payload) == expected
    nameless = "SELECT 1 FROM contacts WHERE id = 1 AND full_name IS NULL"
    assert not await read_rows(resources_database, nameless)


async def test_company_keeps_a_name_or_a_domain(
    client: Client, resources_database: Database
) -> None:
    """One that would lose both fails."""
    rows = [
        await make_company(resources_database, name="A"),
        await make_company(resources_database, name="B", domain="b.com"),
    ]
    payload = await run_bulk(
        client, "updateCompanies", ids=[id_of(row) for row in rows], set={"name": None}
    )
    assert statuses(payload) == ["FAILED", "UPDATED"]
    assert problems(payload["results"][0]) == [("REQUIRED", "set.name")]
    assert id_of(rows[0]) in payload["results"][0]["userErrors"][0]["message"]


async def test_mistakes_of_a_company_patch_are_told_or_left_out(
    client: Client, resources_database: Database
) -> None:
    """As with contacts."""
    company = await make_company(resources_database)
    given = {"ids": [id_of(company)], "set": {"foundedYear": 3000, "stage": "WARM"}}
    refused = await run_bulk(client, "updateCompanies", **given)
    assert (refused["results"], problems(refused)) == (None, [("INVALID_VALUE", "set.foundedYear")])
    ignoring = await run_bulk(
        client, "updateCompanies", **given, errorPolicy="IGNORE_FAILED_FIELDS"
    )
    assert statuses(ignoring) == ["UPDATED"]
    assert problems(ignoring) == [("INVALID_VALUE", "set.foundedYear")]


async def test_tags_are_added_behind_and_taken_away(
    client: Client, resources_database: Database
) -> None:
    """The order stays, nothing is doubled, and who has them so already is not touched."""
    rows = [
        await make_contact(resources_database, first_name="A", tags=["x", "old", "y"]),
        await make_contact(resources_database, first_name="B", tags=["new", "x"]),
        await make_contact(resources_database, first_name="C"),
        await make_contact(resources_database, first_name="D", tags=["b", "new"]),
    ]
    payload = await run_bulk(
        client,
        "tagContacts",
        ids=[id_of(row) for row in rows],
        add=[" new ", "b", "new"],
        remove=["old"],
    )
    assert statuses(payload) == ["UPDATED", "UPDATED", "UPDATED", "UNCHANGED"]
    assert [row["contact"]["tags"] for row in payload["results"]] == [
        ["x", "y", "new", "b"],
        ["new", "x", "b"],
        ["new", "b"],
        ["b", "new"],
    ]
    assert [row["contact"]["version"] for row in payload["results"]] == [2, 2, 2, 1]
    removed = await run_bulk(client, "tagContacts", filter={"tags": {"anyOf": ["x"]}}, remove=["x"])
    assert [row["contact"]["tags"] for row in removed["results"]] == [
        ["y", "new", "b"],
        ["new", "b"],
    ]


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        ({}, ("REQUIRED", "add")),
        ({"add": [], "remove": None}, ("REQUIRED", "add")),
        ({"add": ["a", "b"], "remove": ["b "]}, ("INVALID_VALUE", "remove")),
        ({"add": ["x" * 151]}, ("TOO_LONG", "add")),
        ({"remove": [f"t{n}" for n in range(501)]}, ("TOO_LONG", "remove")),
    ],
)
async def test_tags_that_cannot_be_meant_are_refused(
    client: Client, resources_database: Database, given: dict[str, Any], problem: tuple[str, str]
) -> None:
    """No tag, the same one both ways, or one that does not fit."""
    contact = await make_contact(resources_database)
    payload = await run_bulk(client, "tagContacts", ids=[id_of(contact)], **given)
    assert (payload["results"], problems(payload)) == (None, [problem])


async def test_contact_has_no_more_tags_than_fit(
    client: Client, resources_database: Database
) -> None:
    """One that is full fails; it may still change some for others."""
    full = await make_contact(
        resources_database, first_name="A", tags=[f"t{n}" for n in range(500)]
    )
    free = await make_contact(resources_database)
    ids = [id_of(full), id_of(free)]
    payload = await run_bulk(client, "tagContacts", ids=ids, add=["new"])
    assert statuses(payload) == ["FAILED", "UPDATED"]
    assert problems(payload["results"][0]) == [("TOO_LONG", "add")]
    assert id_of(full) in payload["results"][0]["userErrors"][0]["message"]
    exchanged = await run_bulk(client, "tagContacts", ids=ids[:1], add=["new"], remove=["t0"])
    assert statuses(exchanged) == ["UPDATED"]


async def test_deleted_contacts_free_their_addresses(
    client: Client, resources_database: Database
) -> None:
    """As after a single deletion, and each can be restored."""
    contact = await make_contact(resources_database, emails=("ada@acme.com",))
    payload = await run_bulk(client, "deleteContacts", ids=[id_of(contact)])
    assert payload["results"][0]["contact"]["deletedAt"] is not None
    assert (await client.query("{ contacts { totalCount } }"))["contacts"]["totalCount"] == 0
    await make_contact(resources_database, emails=("ada@acme.com",))
