"""Tokens of the API: told once, good for their scopes, seen by their owner, revoked at once."""

from datetime import UTC, datetime, timedelta
from typing import Any

from domain.enums import Role
from domain.node_ids import NodeKind, encode_node_id
from domain.scalars import write_datetime
from domain.viewer import SCOPES
from tests.apps import App
from tests.graph.accounts import API_TOKENS, PASSWORD, VIEWER, Device, new_person, problems
from tests.graph.ids import id_of

NODE = "query ($id: ID!) { node(id: $id) { __typename id ... on ApiToken { name scopes } } }"
NOWHERE = encode_node_id(NodeKind.API_TOKEN, 10**9)
WRITE = 'mutation { createCompany(input: {name: "Acme"}) { company { name } } }'


async def make(device: Device, *scopes: str, **given: Any) -> tuple[Device, dict[str, Any]]:
    """A program with a new token, and the payload of its making."""
    payload = await device.send("createApiToken", name="Sync", scopes=scopes, **given)
    assert payload["userErrors"] == []
    return Device(device.http, payload["token"]), payload


async def test_token_is_told_once_and_listed(accounts_app: App) -> None:
    """The list has how it begins, what it is good for, and when it was used."""
    person = await new_person(accounts_app, Role.EDITOR)
    until = write_datetime(datetime.now(UTC).replace(microsecond=0) + timedelta(days=1))
    program, payload = await make(person.device, "WRITE", "READ", "READ", expiresAt=until)
    made = payload["apiToken"]
    assert payload["token"].startswith(made["prefix"])
    assert len(made["prefix"]) < len(payload["token"]) / 2
    assert (made["name"], made["scopes"], made["expiresAt"]) == ("Sync", ["READ", "WRITE"], until)
    assert made["lastUsedAt"] is made["revokedAt"] is None
    assert (await program.post(VIEWER)).json()["data"]["viewer"]["email"] == person.email
    (listed,) = (await person.client.query(API_TOKENS))["apiTokens"]
    assert listed.pop("__typename") == "ApiToken"
    assert listed.pop("lastUsedAt") is not None
    assert listed | {"lastUsedAt": None} == made
    assert payload["token"] not in str(listed)


async def test_token_does_what_its_scopes_say(accounts_app: App) -> None:
    """No more, and never anything about the account of its user."""
    person = await new_person(accounts_app, Role.EDITOR)
    reader, _ = await make(person.device, "READ")
    writer, _ = await make(person.device, "WRITE")
    assert (await writer.post(WRITE)).json()["data"]["createCompany"]["company"]["name"] == "Acme"
    refused = await reader.post(WRITE)
    assert refused.status_code == 403
    assert "needs the permission WRITE, which the token lacks" in refused.text
    for program in (reader, writer):
        for document in (API_TOKENS, "mutation { logout(input: {}) { sessionsEnded } }"):
            assert (await program.post(document)).status_code == 403


async def test_no_token_makes_its_finder_somebody_else(accounts_app: App) -> None:
    """With all scopes there are, nobody is made, changed, or given a password."""
    admin, other = await new_person(accounts_app, Role.ADMIN), await new_person(accounts_app)
    program, _ = await make(admin.device, *(scope.value for scope in SCOPES))
    for mutation, given in (
        ("createUser", {"email": "new@example.com", "role": "ADMIN", "password": PASSWORD}),
        ("updateUser", {"id": id_of(other.row), "role": "ADMIN"}),
        ("resetPassword", {"id": id_of(other.row)}),
        ("resetPassword", {"id": id_of(admin.row), "password": PASSWORD}),
    ):
        error = await program.fail(mutation, **given)
        assert error["extensions"]["code"] == "FORBIDDEN"
        assert "needs the permission USERS, which the token lacks" in error["message"]
    await other.log_in()
    refused = await admin.device.send("createApiToken", name="All", scopes=["USERS"])
    assert problems(refused) == [("INVALID_VALUE", ["scopes"])]


async def test_token_that_cannot_be_made_is_refused_at_its_places(accounts_app: App) -> None:
    """Without a name or scopes, with more than the user may, or with an end in the past."""
    person = await new_person(accounts_app)
    usual = {"name": "Sync", "scopes": ["READ"]}
    past = write_datetime(datetime(2020, 1, 1, tzinfo=UTC))
    for given, found in (
        ({"name": " "}, [("REQUIRED", ["name"])]),
        ({"name": "x" * 201}, [("TOO_LONG", ["name"])]),
        ({"scopes": []}, [("REQUIRED", ["scopes"])]),
        ({"scopes": ["READ", "ACCOUNT"]}, [("INVALID_VALUE", ["scopes"])]),
        ({"scopes": ["WRITE"]}, [("INVALID_VALUE", ["scopes"])]),
        ({"expiresAt": past}, [("INVALID_VALUE", ["expiresAt"])]),
    ):
        payload = await person.device.send("createApiToken", **(usual | given))
        assert (payload["token"], payload["apiToken"]) == (None, None)
        assert problems(payload) == found
    assert (await person.client.query(API_TOKENS))["apiTokens"] == []


async def test_revoked_token_is_refused_at_once(accounts_app: App) -> None:
    """Revoked again it stays as it is."""
    person = await new_person(accounts_app)
    (program, made), (other, _) = [await make(person.device, "READ") for _ in range(2)]
    assert await program.is_let_in()
    token_id = made["apiToken"]["id"]
    revoked = (await person.device.send("revokeApiToken", id=token_id))["apiToken"]
    assert revoked["revokedAt"] is not None
    assert not await program.is_let_in()
    assert await other.is_let_in()
    assert (await person.device.send("revokeApiToken", id=token_id))["apiToken"] == revoked
    listed = (await person.client.query(API_TOKENS))["apiTokens"]
    assert [token["revokedAt"] is None for token in listed] == [True, False]


async def test_only_its_owner_sees_a_token_and_an_admin_revokes_it(accounts_app: App) -> None:
    """To everybody else its id is that of nothing."""
    owner, other = await new_person(accounts_app), await new_person(accounts_app, Role.EDITOR)
    admin = await new_person(accounts_app, Role.ADMIN)
    program, made = await make(owner.device, "READ")
    given = {"id": made["apiToken"]["id"]}
    shown = {"__typename": "ApiToken", "name": "Sync", "scopes": ["READ"], **given}
    assert (await owner.client.query(NODE, **given))["node"] == shown
    for person in (other, admin):
        assert (await person.client.query(NODE, **given))["node"] is None
    # Good for reading, and not for the account.
    assert (await program.post(NODE, **given)).json()["data"] == {"node": None}
    refused = await other.device.send("revokeApiToken", **given)
    assert refused == await other.device.send("revokeApiToken", id=NOWHERE)
    assert problems(refused) == [("NOT_FOUND", ["id"])]
    assert await program.is_let_in()
    assert (await admin.device.send("revokeApiToken", **given))["apiToken"]["revokedAt"]
    assert not await program.is_let_in()


async def test_token_of_an_admin_is_good_for_what_is_left_of_the_role(accounts_app: App) -> None:
    """It loses what its user loses."""
    admin = await new_person(accounts_app, Role.ADMIN)
    boss = await new_person(accounts_app, Role.ADMIN)
    program, _ = await make(admin.device, "ADMIN", "READ")
    document = "{ suppressions { totalCount } }"
    assert (await program.post(document)).status_code == 200
    user = (await admin.client.query("{ viewer { id } }"))["viewer"]["id"]
    await boss.device.send("updateUser", id=user, role="VIEWER")
    assert (await program.post(document)).status_code == 403
    assert await program.is_let_in()
