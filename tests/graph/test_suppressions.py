"""The suppression list through the API."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from db.transaction import Database
from domain.enums import Role
from tests.apps import App
from tests.client import Client
from tests.factories import make_contact
from tests.graph.documents import MUTATIONS
from tests.graph.ids import id_of
from tests.graph.privacy import (
    ADD,
    ERASE,
    LIFT,
    LIST,
    OF,
    PROFILE,
    add,
    entry_of,
    error,
    lift,
    page,
)
from tests.graph.rows import execute
from tests.statements import Statements


@pytest.fixture
async def admin(client_as: Callable[[Role], Awaitable[Client]]) -> Client:
    """A client that may do everything."""
    return await client_as(Role.ADMIN)


@pytest.mark.parametrize("role", [Role.VIEWER, Role.EDITOR])
async def test_privacy_is_the_business_of_admins(empty_app: App, role: Role) -> None:
    """Nobody else erases, reads the list or changes it, whatever else is wrong with the request."""
    client = empty_app.client(role)
    requests: list[tuple[str, dict[str, Any]]] = [
        (ERASE, {"input": {"ids": ["nonsense"]}}),
        (ADD, {"input": {}}),
        (LIFT, {"input": {"id": "nonsense"}}),
        (LIST, {"first": 0}),
        (OF, {}),
    ]
    for document, variables in requests:
        failed = await client.fail(document, **variables)
        assert failed["extensions"]["code"] == "FORBIDDEN"
        assert failed["message"].endswith(f" needs the role admin; yours is {role}.")


async def test_entry_is_a_node_for_admins_alone(admin: Client, client: Client) -> None:
    """To others it is as if it did not exist."""
    (entry,) = (await add(admin, email="ada@x.example"))["suppressions"]
    document = "query ($id: ID!) { node(id: $id) { id __typename } nodes(ids: [$id]) { id } }"
    assert await client.query(document, id=entry["id"]) == {"node": None, "nodes": [None]}
    node = {"id": entry["id"], "__typename": "Suppression"}
    assert (await admin.query(document, id=entry["id"]))["node"] == node


async def test_list_is_walked_both_ways_newest_first(admin: Client) -> None:
    """Each page goes on where the last one ended, and no entry comes twice."""
    for at in range(5):
        await add(admin, email=f"p{at}@x.example", reason=str(at))
    everything = await page(admin)
    assert [node["reason"] for node in everything["nodes"]] == ["4", "3", "2", "1", "0"]
    assert everything["totalCount"] == 5
    forward = [await page(admin, first=2)]
    while forward[-1]["pageInfo"]["hasNextPage"]:
        forward.append(await page(admin, first=2, after=forward[-1]["pageInfo"]["endCursor"]))
    assert [[node["reason"] for node in part["nodes"]] for part in forward] == [
        ["4", "3"],
        ["2", "1"],
        ["0"],
    ]
    assert [part["pageInfo"]["hasPreviousPage"] for part in forward] == [False, True, True]
    back = await page(admin, last=2, before=forward[-1]["pageInfo"]["startCursor"])
    assert back["nodes"] == forward[1]["nodes"]
    assert (await page(admin, last=2))["nodes"] == everything["nodes"][-2:]


async def test_cursor_of_another_list_is_refused(
    admin: Client, resources_database: Database
) -> None:
    """A place among contacts is none on the suppression list."""
    await make_contact(resources_database)
    data = await admin.query("{ contacts { pageInfo { endCursor } } }")
    cursor = data["contacts"]["pageInfo"]["endCursor"]
    assert (await admin.fail(LIST, after=cursor))["extensions"]["code"] == "CURSOR_INVALID"


async def test_entries_say_who_made_them_in_one_more_statement(
    admin: Client, resources_database: Database, statements: Statements
) -> None:
    """The user is read once for the page; when the user is gone, the entry stays."""
    for at in range(3):
        await add(admin, email=f"p{at}@x.example")
    document = "{ suppressions { nodes { createdBy { email } } } }"
    with statements.recorded() as recorded:
        data = await admin.query(document)
    assert data["suppressions"]["nodes"] == [{"createdBy": {"email": "admin@example.com"}}] * 3
    assert len(recorded) == 2
    await execute(resources_database, "DELETE FROM users")
    data = await admin.query(document)
    assert data["suppressions"]["nodes"] == [{"createdBy": None}] * 3


async def test_entry_is_found_by_what_it_was_made_of(admin: Client) -> None:
    """The list cannot be read, but it can be asked, however the value is written."""
    email, profile = (
        await add(admin, email="Ada@X.example ", linkedinUrl="in/ada", reason=" Called  us. ")
    )["suppressions"]
    assert (email["kind"], profile["kind"]) == ("EMAIL", "LINKEDIN")
    assert email["reason"] == profile["reason"] == "Called us."
    assert email["createdBy"] == {"email": "admin@example.com"}
    assert (await entry_of(admin, email="ada@x.example"))["id"] == email["id"]
    assert (await entry_of(admin, url="https://de.linkedin.com/in/Ada?x=1"))["id"] == profile["id"]
    assert await entry_of(admin, email="bob@x.example") is None


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({}, "Give an e-mail address or a profile."),
        ({"email": "a@x.example", "url": PROFILE}, "Give email or linkedinUrl, not both."),
        ({"email": "nonsense"}, "'nonsense' is not an e-mail address"),
        ({"url": "linkedin.com/company/acme"}, "This is the page of a company or school"),
    ],
)
async def test_question_that_cannot_be_answered_is_bad_user_input(
    empty_app: App, given: dict[str, str], words: str
) -> None:
    """The message says what to ask instead."""
    failed = await empty_app.client(Role.ADMIN).fail(OF, **given)
    assert failed["extensions"]["code"] == "BAD_USER_INPUT"
    assert failed["message"].startswith(words)


@pytest.mark.parametrize(
    ("given", "code", "path"),
    [
        ({}, "REQUIRED", "email"),
        ({"email": None, "linkedinUrl": None, "reason": None}, "REQUIRED", "email"),
        ({"email": "nonsense"}, "INVALID_EMAIL", "email"),
        ({"email": ""}, "INVALID_EMAIL", "email"),
        ({"linkedinUrl": "https://x.example/in/ada"}, "INVALID_URL", "linkedinUrl"),
        ({"linkedinUrl": "linkedin.com/company/acme"}, "INVALID_URL", "linkedinUrl"),
        ({"email": "ada@x.example", "reason": "x" * 501}, "TOO_LONG", "reason"),
        ({"email": "ada@x.example", "reason": "\0"}, "INVALID_VALUE", "reason"),
    ],
)
async def test_suppression_that_cannot_be_made_is_told_at_its_path(
    admin: Client, given: dict[str, Any], code: str, path: str
) -> None:
    """Nothing gets on the list."""
    payload = await add(admin, **given)
    assert [(each["code"], each["path"]) for each in payload["userErrors"]] == [(code, [path])]
    assert payload["suppressions"] == []
    assert (await page(admin))["totalCount"] == 0


async def test_who_is_stored_is_shown_instead_of_suppressed(
    admin: Client, resources_database: Database
) -> None:
    """The answer leads to the contact, which is to be erased."""
    ada = id_of(await make_contact(resources_database, emails=("ada@x.example",)))
    payload = await add(admin, email="ADA@x.example")
    message = f"The contact {ada} has it. Erase the contact instead (eraseContacts)."
    duplicate = error("ALREADY_EXISTS", "email", message=message) | {"existing": {"id": ada}}
    assert payload == {"suppressions": [], "userErrors": [duplicate]}


async def test_change_of_the_list_under_a_key_is_answered_again(admin: Client) -> None:
    """The entries come as they are by then: one that was lifted is not made again."""
    given = {"email": "ada@x.example", "linkedinUrl": PROFILE, "idempotencyKey": "k"}
    first = (await add(admin, **given))["suppressions"]
    assert (await add(admin, **given))["suppressions"] == first
    lifted = await lift(admin, first[0]["id"], idempotencyKey="l")
    assert await lift(admin, first[0]["id"], idempotencyKey="l") == lifted
    assert lifted == {"liftedId": first[0]["id"], "userErrors": []}
    assert (await add(admin, **given))["suppressions"] == first[1:]
    assert await entry_of(admin, email="ada@x.example") is None


async def test_lifted_entry_lets_the_person_in_again(admin: Client, client: Client) -> None:
    """An admin can take back what was a mistake; lifting again finds nothing."""
    (entry,) = (await add(admin, email="ada@x.example"))["suppressions"]
    assert await lift(admin, entry["id"]) == {"liftedId": entry["id"], "userErrors": []}
    message = "There is no suppression with this id."
    assert await lift(admin, entry["id"]) == {
        "liftedId": None,
        "userErrors": [error("NOT_FOUND", "id", message=message)],
    }
    given = {"emails": [{"address": "ada@x.example"}]}
    created = await client.query(MUTATIONS["createContact"], input=given)
    assert created["createContact"]["userErrors"] == []
