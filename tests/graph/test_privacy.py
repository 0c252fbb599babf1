"""Erasing people through the API, and keeping them out."""

from collections.abc import Awaitable, Callable

import pytest

from db.transaction import Database
from domain.enums import Role
from domain.node_ids import NodeKind, decode_node_id, encode_node_id
from domain.privacy import MAX_ERASED
from tests.client import Client
from tests.db.people import dump, marks
from tests.factories import make_contact
from tests.graph.documents import MUTATIONS
from tests.graph.ids import id_of
from tests.graph.privacy import (
    ERASE,
    LIFT,
    PROFILE,
    SUPPRESSED,
    UPDATE,
    add,
    erase,
    error,
    upsert,
)
from tests.graph.rows import make_activity, read_rows


@pytest.fixture
async def admin(client_as: Callable[[Role], Awaitable[Client]]) -> Client:
    """A client that may do everything."""
    return await client_as(Role.ADMIN)


async def test_each_contact_is_answered_by_its_index(
    admin: Client, resources_database: Database
) -> None:
    """One is gone, one is nobody, one needs another that holds the same person."""
    ada = id_of(await make_contact(resources_database, first_name="Ada", linkedin_url=PROFILE))
    twin = id_of(await make_contact(resources_database, first_name="Ada", linkedin_url=PROFILE))
    bob = id_of(await make_contact(resources_database, first_name="Bob"))
    nobody = encode_node_id(NodeKind.CONTACT, 10**12)
    together = "Other contacts hold the same person. Erase those of alsoErase together with it."
    assert await erase(admin, nobody, ada, bob) == [
        {
            "index": 0,
            "id": nobody,
            "status": "FAILED",
            "alsoErase": [],
            "userErrors": [
                error("NOT_FOUND", "ids", "0", message="There is no contact with this id.")
            ],
        },
        {
            "index": 1,
            "id": ada,
            "status": "FAILED",
            "alsoErase": [twin],
            "userErrors": [error("NOT_ALLOWED_IN_STATE", "ids", "1", message=together)],
        },
        {"index": 2, "id": bob, "status": "ERASED", "alsoErase": [], "userErrors": []},
    ]
    gone = await erase(admin, ada, twin)
    assert [result["status"] for result in gone] == ["ERASED", "ERASED"]
    found = "query ($ids: [ID!]!) { nodes(ids: $ids) { id } contacts { totalCount } }"
    data = await admin.query(found, ids=[ada, twin, bob])
    assert data == {"nodes": [None] * 3, "contacts": {"totalCount": 0}}


async def test_more_than_a_thousand_ids_are_refused(
    admin: Client, resources_database: Database
) -> None:
    """The limit is told at the list, and nobody is erased; no id at all erases nobody either."""
    ada = id_of(await make_contact(resources_database))
    payload = (await admin.query(ERASE, input={"ids": [ada] * (MAX_ERASED + 1)}))["eraseContacts"]
    message = "1001 ids were given; at most 1000 fit."
    assert payload["userErrors"] == [error("TOO_LONG", "ids", message=message)]
    assert payload["results"] == []
    assert await erase(admin) == []
    assert await read_rows(resources_database, "SELECT count(*) FROM contacts") == [(1,)]


async def test_id_of_another_kind_is_bad_user_input(admin: Client) -> None:
    """Only contacts are erased, and only entries are lifted."""
    company = encode_node_id(NodeKind.COMPANY, 1)
    for document, given in ((ERASE, {"ids": [company]}), (LIFT, {"id": company})):
        failed = await admin.fail(document, input=given)
        assert failed["extensions"]["code"] == "BAD_USER_INPUT"
        assert failed["message"].startswith(f"'{company}' is the id of a company")


async def test_reason_that_is_too_long_erases_nobody(
    admin: Client, resources_database: Database
) -> None:
    """The reason is one line of the list."""
    ada = id_of(await make_contact(resources_database))
    given = {"ids": [ada], "reason": "x" * 501, "clientMutationId": "m"}
    payload = (await admin.query(ERASE, input=given))["eraseContacts"]
    message = "501 characters; at most 500 fit."
    assert payload == {
        "results": [],
        "userErrors": [error("TOO_LONG", "reason", message=message)],
        "clientMutationId": "m",
    }
    assert await read_rows(resources_database, "SELECT count(*) FROM contacts") == [(1,)]


async def test_nothing_that_the_api_stored_of_a_person_is_left(
    admin: Client, resources_database: Database
) -> None:
    """Not even where mutations remember what they have done."""
    given = {
        "firstName": "ada-first_name",
        "notes": "ada-notes",
        "emails": [{"address": "ada-first@example.com"}],
        "phones": [{"number": "+49 30 7654321"}],
        "linkedinUrl": "linkedin.com/in/ada-profile",
        "customFields": {"ada-key": "ada-value"},
    }
    keyed = {**given, "idempotencyKey": "k-1"}
    created = await admin.query(MUTATIONS["createContact"], input=keyed)
    ada = created["createContact"]["contact"]["id"]
    changed = {"id": ada, "title": "ada-title", "idempotencyKey": "k-2"}
    await admin.query(MUTATIONS["updateContact"], input=changed)
    await make_activity(resources_database, decode_node_id(ada)[1], body="ada-body")
    failed = {"firstName": "Bob", "emails": [{"address": "ada-first@example.com"}]}
    failed["phones"] = [{"number": "ada-phone"}]
    rows = {"rows": [failed, {"firstName": "Cid"}], "idempotencyKey": "k-3"}
    statuses = [row["status"] for row in await upsert(admin, **rows)]
    assert statuses == ["FAILED", "CREATED"]
    stored = {mark for mark in marks("ada") if mark in (await dump(resources_database)).lower()}
    assert {"7654321", "ada-notes", "ada-value", "ada-body", "ada-title"} <= stored
    await erase(admin, ada, idempotencyKey="k-4")
    left = (await dump(resources_database)).lower()
    assert [mark for mark in stored | {"ada-phone"} if mark in left] == []
    assert await read_rows(resources_database, "SELECT count(*) FROM idempotency_keys") == [(4,)]


async def test_erasure_under_a_key_is_answered_again(
    admin: Client, resources_database: Database
) -> None:
    """Sent again it says the same, although there is nobody to erase any more."""
    ada = id_of(await make_contact(resources_database, emails=("ada@x.example",)))
    nobody = encode_node_id(NodeKind.CONTACT, 10**12)
    first = await erase(admin, ada, nobody, idempotencyKey="k")
    assert [result["status"] for result in first] == ["ERASED", "FAILED"]
    assert await erase(admin, ada, nobody, idempotencyKey="k") == first
    assert [result["status"] for result in await erase(admin, ada, nobody)] == ["FAILED"] * 2


async def test_erased_person_cannot_be_stored_again(
    admin: Client, client: Client, resources_database: Database
) -> None:
    """Creating and changing tell each value at its path, as soon as the erasure is done."""
    ada = await make_contact(
        resources_database, emails=("ada@x.example", "a@x.example"), linkedin_url=PROFILE
    )
    bob = id_of(await make_contact(resources_database, first_name="Bob"))
    await erase(admin, id_of(ada))
    given = {
        "emails": [{"address": "new@x.example"}, {"address": "A@X.example"}],
        "linkedinUrl": "linkedin.com/in/ada/",
    }
    refused = [
        error("SUPPRESSED_CONTACT", *path, message=SUPPRESSED)
        for path in (("emails", "1", "address"), ("linkedinUrl",))
    ]
    for name, more in (("createContact", {}), ("updateContact", {"id": bob})):
        payload = (await client.query(MUTATIONS[name], input={**given, **more}))[name]
        assert payload["contact"] is None
        told = [{k: e[k] for k in ("code", "message", "path")} for e in payload["userErrors"]]
        assert told == refused
    assert await read_rows(resources_database, "SELECT first_name FROM contacts") == [("Bob",)]


async def test_rows_of_erased_people_fail_and_the_others_go_on(
    admin: Client, client: Client, resources_database: Database
) -> None:
    """Each row that has failed tells its value; nothing of it is stored."""
    ada = await make_contact(
        resources_database, emails=("ada@x.example",), linkedin_url=PROFILE, first_name="Ada"
    )
    await erase(admin, id_of(ada))
    rows = [
        {"firstName": "Bob"},
        {"emails": [{"address": "new@x.example"}, {"address": "Ada@x.example"}]},
        {"firstName": "Ada", "linkedinUrl": "in/ada"},
        {"firstName": "Cid", "emails": [{"address": "cid@x.example"}]},
    ]
    results = await upsert(client, rows=rows)
    assert [row["status"] for row in results] == ["CREATED", "FAILED", "FAILED", "CREATED"]
    assert [row["userErrors"] for row in results[1:3]] == [
        [error("SUPPRESSED_CONTACT", "emails", "1", "address", message=SUPPRESSED)],
        [error("SUPPRESSED_CONTACT", "linkedinUrl", message=SUPPRESSED)],
    ]
    names = await read_rows(resources_database, "SELECT first_name FROM contacts ORDER BY id")
    assert names == [("Bob",), ("Cid",)]
    assert await read_rows(resources_database, "SELECT address FROM contact_emails") == [
        ("cid@x.example",)
    ]


async def test_profile_of_an_erased_person_is_given_to_nobody(
    admin: Client, client: Client, resources_database: Database
) -> None:
    """A change of many contacts at once is refused as a whole."""
    await add(admin, linkedinUrl=PROFILE)
    bob = id_of(await make_contact(resources_database, first_name="Bob"))
    given = {"ids": [bob], "set": {"linkedinUrl": PROFILE}}
    payload = (await client.query(UPDATE, input=given))["updateContacts"]
    assert payload["userErrors"] == [
        error("SUPPRESSED_CONTACT", "set", "linkedinUrl", message=SUPPRESSED)
    ]
    assert await read_rows(resources_database, "SELECT * FROM contact_metadata") == []


async def test_refusal_to_be_contacted_is_taken_back_explicitly_only(client: Client) -> None:
    """Rows can turn `doNotContact` on and never off; somebody who changes the contact can."""
    address = [{"address": "ada@x.example"}]
    refusing, willing = ({"emails": address, "doNotContact": value} for value in (True, False))
    ada = (await upsert(client, rows=[refusing]))[0]["contact"]["id"]
    read = "query ($id: ID!) { contact(id: $id) { doNotContact } }"

    async def has_refused() -> bool:
        return bool((await client.query(read, id=ada))["contact"]["doNotContact"])

    for on_conflict in ("FILL_EMPTY", "OVERWRITE"):
        await upsert(client, rows=[willing], onConflict=on_conflict)
        assert await has_refused()
    await client.query(MUTATIONS["updateContact"], input={"id": ada, "doNotContact": False})
    assert not await has_refused()
    assert (await upsert(client, rows=[refusing]))[0]["status"] == "UPDATED"
    assert await has_refused()
