"""Users over GraphQL: made, changed and let in no more by admins, changed by themselves."""

from dataclasses import replace
from typing import Any

import pytest

from domain.enums import Role
from domain.node_ids import NodeKind, encode_node_id
from tests.apps import App
from tests.factories import make_contact
from tests.graph.accounts import (
    PASSWORD,
    Device,
    Person,
    new_person,
    problems,
)
from tests.graph.ids import id_of
from tests.graph.rows import execute

NOBODY = encode_node_id(NodeKind.USER, 10**9)
LIST = """
query ($first: Int, $after: String, $last: Int, $before: String) {
  users(first: $first, after: $after, last: $last, before: $before) {
    nodes { __typename id email name role isActive lastActiveAt createdAt } totalCount
    pageInfo { hasNextPage hasPreviousPage endCursor } } }
"""


@pytest.fixture(scope="module")
async def admin(accounts_app: App) -> Person:
    """An admin whom no test sends away."""
    return await new_person(accounts_app, Role.ADMIN)


async def test_admin_lets_somebody_in(accounts_app: App, admin: Person) -> None:
    """With a password that is made and told once, or with a given one."""
    made = await admin.device.send(
        "createUser", email=" Eve@Example.com ", role="EDITOR", name="Eve", clientMutationId="m"
    )
    given = await admin.device.send(
        "createUser", email="mallory@example.com", role="VIEWER", password=PASSWORD
    )
    assert (made["userErrors"], made["clientMutationId"]) == ([], "m")
    assert {name: made["user"][name] for name in ("email", "name", "role", "isActive")} == {
        "email": "Eve@example.com",
        "name": "Eve",
        "role": "EDITOR",
        "isActive": True,
    }
    assert given["password"] is None
    device = Device(accounts_app.http)
    await device.send("login", email="eve@example.com", password=made["password"])
    await device.send("login", email="mallory@example.com", password=PASSWORD)


async def test_user_that_cannot_be_made_is_refused_at_its_places(admin: Person) -> None:
    """Each mistake has a code and a place; nothing of the password is told."""
    usual = {"email": "trudy@example.com", "role": "VIEWER"}
    for given, found in (
        ({"email": "trudy"}, [("INVALID_EMAIL", ["email"])]),
        (
            {"name": "x" * 201, "password": "short"},
            [("TOO_LONG", ["name"]), ("INVALID_VALUE", ["password"])],
        ),
        ({"password": ""}, [("INVALID_VALUE", ["password"])]),
        ({"password": "trudy@example.com"}, [("INVALID_VALUE", ["password"])]),
        ({"email": admin.email.upper()}, [("ALREADY_EXISTS", ["email"])]),
    ):
        payload = await admin.device.send("createUser", **(usual | given))
        assert problems(payload) == found
        assert (payload["user"], payload["password"]) == (None, None)


async def test_another_role_counts_at_once(accounts_app: App, admin: Person) -> None:
    """Tokens of before are refused, and new ones may do what the role may."""
    person = await new_person(accounts_app, Role.EDITOR)
    device, given = await person.log_in()
    payload = await admin.device.send("updateUser", id=id_of(person.row), role="VIEWER", name="Vic")
    assert (payload["user"]["role"], payload["user"]["name"]) == ("VIEWER", "Vic")
    assert not await device.is_let_in()
    await replace(device, token=None).fail("refreshToken", refreshToken=given["refreshToken"])
    again, _ = await person.log_in()
    response = await again.post('mutation { createCompany(input: {name: "A"}) { company { id } } }')
    assert response.status_code == 403


async def test_user_who_may_not_come_in_is_gone_at_once(accounts_app: App, admin: Person) -> None:
    """Sessions, other tokens and tokens of the API; let in again they log in again."""
    person = await new_person(accounts_app)
    device, _ = await person.log_in()
    token = (await device.send("createApiToken", name="Sync", scopes=["READ"]))["token"]
    devices = (device, person.device, Device(accounts_app.http, token))
    assert all([await each.is_let_in() for each in devices])
    payload = await admin.device.send("updateUser", id=id_of(person.row), isActive=False)
    assert payload["user"]["isActive"] is False
    assert not any([await each.is_let_in() for each in devices])
    await admin.device.send("updateUser", id=id_of(person.row), isActive=True)
    again, _ = await person.log_in()
    assert await again.is_let_in()


async def test_change_that_cannot_be_is_refused(accounts_app: App, admin: Person) -> None:
    """Nobody of the id, null where nothing can be empty, too long a name."""
    person = await new_person(accounts_app)
    device, user = person.device, id_of(person.row)
    for given, found in (
        ({"id": NOBODY, "name": "A"}, [("NOT_FOUND", ["id"])]),
        ({"id": user, "role": None}, [("REQUIRED", ["role"])]),
        (
            {"id": user, "role": None, "isActive": None},
            [("REQUIRED", ["role"]), ("REQUIRED", ["isActive"])],
        ),
        ({"id": user, "name": "x" * 201}, [("TOO_LONG", ["name"])]),
    ):
        payload = await admin.device.send("updateUser", **given)
        assert problems(payload) == found
        assert payload["user"] is None
    assert await device.is_let_in()
    unchanged = await admin.device.send("updateUser", id=user)
    assert unchanged["userErrors"] == []
    assert await device.is_let_in()
    error = await admin.device.fail("updateUser", id=encode_node_id(NodeKind.CONTACT, 1))
    assert error["extensions"]["code"] == "BAD_USER_INPUT"


async def test_admin_gives_another_password(accounts_app: App, admin: Person) -> None:
    """Made or given; it ends the sessions of the user."""
    person = await new_person(accounts_app)
    device, _ = await person.log_in()
    payload = await admin.device.send("resetPassword", id=id_of(person.row))
    assert payload["user"]["email"] == person.email
    assert not await device.is_let_in()
    stranger = Device(accounts_app.http)
    await stranger.fail("login", email=person.email, password=PASSWORD)
    await stranger.send("login", email=person.email, password=payload["password"])
    given = await admin.device.send("resetPassword", id=id_of(person.row), password=PASSWORD)
    assert (given["password"], given["userErrors"]) == (None, [])
    await person.log_in()
    for wrong, found in (
        ({"id": NOBODY}, [("NOT_FOUND", ["id"])]),
        ({"id": id_of(person.row), "password": "short"}, [("INVALID_VALUE", ["password"])]),
    ):
        payload = await admin.device.send("resetPassword", **wrong)
        assert (payload["user"], payload["password"], problems(payload)) == (None, None, found)


async def test_own_password_is_not_reset(admin: Person) -> None:
    """Whoever has an admin's token shows the password of now, as everybody does."""
    payload = await admin.device.send("resetPassword", id=id_of(admin.row))
    assert (payload["user"], payload["password"]) == (None, None)
    assert problems(payload) == [("NOT_ALLOWED_IN_STATE", ["id"])]
    assert "changePassword" in payload["userErrors"][0]["message"]
    await admin.log_in()


async def test_users_change_their_name_and_address(accounts_app: App, admin: Person) -> None:
    """The name freely, the address with the password of now."""
    person = await new_person(accounts_app)
    device, _ = await person.log_in()
    renamed = await device.send("updateProfile", name=" Ada \t Lovelace ")
    assert renamed["user"]["name"] == "Ada Lovelace"
    assert renamed["user"]["isActive"] is True
    assert (await device.send("updateProfile", name=None))["user"]["name"] is None
    moved = {"email": f"moved.{person.email}"}
    for given, found in (
        (moved, [("REQUIRED", ["currentPassword"])]),
        (moved | {"currentPassword": "wrong horse"}, [("INVALID_VALUE", ["currentPassword"])]),
        ({"email": "x", "currentPassword": PASSWORD}, [("INVALID_EMAIL", ["email"])]),
        ({"email": None}, [("REQUIRED", ["email"])]),
        ({"email": admin.email, "currentPassword": PASSWORD}, [("ALREADY_EXISTS", ["email"])]),
    ):
        payload = await device.send("updateProfile", **given)
        assert (payload["user"], problems(payload)) == (None, found)
    payload = await device.send("updateProfile", **moved, currentPassword=PASSWORD)
    assert payload["user"]["email"] == moved["email"]
    await Device(accounts_app.http).send("login", email=moved["email"], password=PASSWORD)


async def test_new_name_shows_where_the_user_is_named(accounts_app: App, admin: Person) -> None:
    """Contacts show their owner as they are called now, in the next answer."""
    person = await new_person(accounts_app, name="Before")
    database = accounts_app.resources.database
    contact = await make_contact(database)
    await execute(
        database, "UPDATE contacts SET owner_id = $1 WHERE id = $2", person.row.id, contact.id
    )
    document = "query ($id: ID!) { contact(id: $id) { owner { name } } }"
    names = []
    for name in ("Between", "After"):
        await admin.device.send("updateUser", id=id_of(person.row), name=name)
        data = await person.client.query(document, id=id_of(contact))
        names.append(data["contact"]["owner"]["name"])
    assert names == ["Between", "After"]


async def test_all_users_are_listed_page_by_page(accounts_app: App, admin: Person) -> None:
    """The newest first, with those who may not come in."""
    gone = await new_person(accounts_app)
    await admin.device.send("updateUser", id=id_of(gone.row), isActive=False)
    newest = await new_person(accounts_app, name="Newest")
    first = (await admin.client.query(LIST, first=2))["users"]
    assert [(node["email"], node["isActive"]) for node in first["nodes"]] == [
        (newest.email, True),
        (gone.email, False),
    ]
    assert first["pageInfo"]["hasNextPage"]
    rest = (await admin.client.query(LIST, after=first["pageInfo"]["endCursor"]))["users"]
    assert first["totalCount"] == rest["totalCount"] == 2 + len(rest["nodes"])
    assert rest["pageInfo"] | {"endCursor": ""} == {
        "hasNextPage": False,
        "hasPreviousPage": True,
        "endCursor": "",
    }


async def test_colleagues_do_not_see_who_may_come_in(accounts_app: App, admin: Person) -> None:
    """Admins see it of all, everybody of themselves."""
    person, other = await new_person(accounts_app), await new_person(accounts_app)
    document = "query ($id: ID!) { node(id: $id) { ... on User { isActive lastActiveAt email } } }"

    async def seen(by: Person) -> Any:
        return (await by.client.query(document, id=id_of(person.row)))["node"]["isActive"]

    assert [await seen(by) for by in (admin, person, other)] == [True, True, None]
