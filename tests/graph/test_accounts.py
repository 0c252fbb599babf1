"""Sessions over HTTP: coming in with a password, staying, leaving, and another password."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.engine import URL

from db.users import create_user
from domain.enums import Role
from graph.mutations.account_inputs import (
    ChangePasswordInput,
    CreateUserInput,
    LoginInput,
    RefreshTokenInput,
    ResetPasswordInput,
    UpdateProfileInput,
)
from tests.apps import App, open_app
from tests.graph.accounts import (
    DOCUMENTS,
    HASH,
    PASSWORD,
    VIEWER,
    WRONG,
    Device,
    new_person,
    problems,
)
from tests.graph.answers import the_error
from tests.graph.ids import id_of
from tests.graph.rows import read_rows

ANOTHER = "another battery horse"


def seconds_until(time: str) -> float:
    """How far a time of an answer is away."""
    return (datetime.fromisoformat(time) - datetime.now(UTC)).total_seconds()


async def test_login_gives_tokens_that_let_in(accounts_app: App) -> None:
    """With the address in whatever case; the answer says who it is and how long it holds."""
    person = await new_person(accounts_app, Role.EDITOR, name="Ada")
    device = Device(accounts_app.http)
    payload = await device.send(
        "login", email=person.email.upper(), password=PASSWORD, clientMutationId="m"
    )
    settings = accounts_app.resources.settings
    for name, ttl in (
        ("accessTokenExpiresAt", settings.access_token_ttl),
        ("refreshTokenExpiresAt", settings.refresh_token_ttl),
    ):
        assert ttl - 60 < seconds_until(payload[name]) <= ttl
    assert payload["userErrors"] == []
    assert payload["clientMutationId"] == "m"
    assert payload["refreshToken"].startswith("a360r_")
    assert payload["user"] == {
        "id": id_of(person.row),
        "uuid": str(person.row.uuid),
        "email": person.email,
        "name": "Ada",
        "role": "EDITOR",
        "isActive": None,
    }
    sessions = "SELECT client FROM sessions WHERE user_uuid = $1"
    database = accounts_app.resources.database
    assert await read_rows(database, sessions, person.row.uuid) == [("device",)]
    response = await replace(device, token=payload["accessToken"]).post(VIEWER)
    assert response.json()["data"] == {"viewer": {"email": person.email}}


async def test_whoever_does_not_come_in_learns_nothing(accounts_app: App) -> None:
    """Wrong passwords, nobody's address, a disabled user, one without a password: one answer."""
    wrong, disabled = await new_person(accounts_app), await new_person(accounts_app)
    unset = await new_person(accounts_app, password_hash=None)
    admin = await new_person(accounts_app, Role.ADMIN)
    await admin.device.send("updateUser", id=id_of(disabled.row), isActive=False)
    tried = [
        (wrong.email, "wrong horse battery"),
        ("nobody@example.com", PASSWORD),
        ("no address", PASSWORD),
        (disabled.email, PASSWORD),
        (unset.email, PASSWORD),
        (unset.email, ""),
        (wrong.email, "x" * 2000),
    ]
    errors = [
        await Device(accounts_app.http).fail("login", email=email, password=password)
        for email, password in tried
    ]
    told = [(error["message"], error["path"], error["extensions"]["code"]) for error in errors]
    assert told == [(WRONG, ["login"], "UNAUTHENTICATED")] * len(tried)
    assert {frozenset(error["extensions"]) for error in errors} == {
        frozenset({"code", "requestId"})
    }


async def test_too_many_wrong_passwords_keep_the_right_one_out(accounts_app: App) -> None:
    """Five a minute from one place; other accounts of the place are not kept out."""
    guessed, other = await new_person(accounts_app), await new_person(accounts_app)
    device = Device(accounts_app.http)
    for _ in range(5):
        await device.fail("login", email=guessed.email, password="")
    error = await device.fail("login", email=guessed.email, password=PASSWORD)
    assert error["extensions"]["code"] == "RATE_LIMITED"
    assert 0 < error["extensions"]["retryAfter"] <= 60
    await other.log_in()


async def test_refresh_token_is_good_once(accounts_app: App) -> None:
    """It gives another pair; from anybody else the old one ends the session for all."""
    person = await new_person(accounts_app)
    device, first = await person.log_in("phone")
    stranger = Device(accounts_app.http, name="somebody else")
    second = await replace(device, token=None).send(
        "refreshToken", refreshToken=first["refreshToken"]
    )
    assert second["accessToken"] != first["accessToken"]
    assert second["refreshToken"] != first["refreshToken"]
    assert second["user"] == first["user"]
    assert await replace(device, token=second["accessToken"]).is_let_in()

    error = await stranger.fail("refreshToken", refreshToken=first["refreshToken"])
    assert error["extensions"]["code"] == "UNAUTHENTICATED"
    for token in (first["accessToken"], second["accessToken"]):
        assert not await replace(device, token=token).is_let_in()
    await device.fail("refreshToken", refreshToken=second["refreshToken"])


async def test_client_whose_answer_was_lost_may_ask_again(accounts_app: App) -> None:
    """The same client with the same token stays in the session."""
    person = await new_person(accounts_app)
    device, first = await person.log_in("laptop")
    refresh = {"refreshToken": first["refreshToken"]}
    both = await asyncio.gather(
        device.send("refreshToken", **refresh), device.send("refreshToken", **refresh)
    )
    assert len({payload["refreshToken"] for payload in both}) == 2
    for payload in both:
        assert await replace(device, token=payload["accessToken"]).is_let_in()


async def test_token_that_has_ended_is_no_hindrance_to_getting_another(
    accounts_app: App,
) -> None:
    """Clients send what they have on every request; for all else it is refused as before."""
    person = await new_person(accounts_app)
    _, first = await person.log_in()
    stale = Device(accounts_app.http, "a.b.c")
    payload = await stale.send("refreshToken", refreshToken=first["refreshToken"])
    assert await replace(stale, token=payload["accessToken"]).is_let_in()
    assert await stale.send("login", email=person.email, password=PASSWORD)
    response = await stale.post("{ viewer { nothing } }")
    assert response.status_code == 401
    assert "not a valid token" in response.json()["errors"][0]["message"]


@pytest.mark.parametrize("token", ["", "x", "a360r_" + "A" * 43, "a360r_é\x00", "a360r_" * 10_000])
async def test_what_is_no_refresh_token_is_refused(accounts_app: App, token: str) -> None:
    """Whatever is sent for one."""
    error = await Device(accounts_app.http).fail("refreshToken", refreshToken=token)
    assert error["extensions"]["code"] == "UNAUTHENTICATED"


async def test_logout_ends_one_session_or_all(accounts_app: App) -> None:
    """At once, and what comes of the session's refresh token as well."""
    person = await new_person(accounts_app)
    (one, given), (two, _), (three, _) = [await person.log_in(name) for name in "123"]
    assert (await one.send("logout"))["sessionsEnded"] == 1
    assert [await device.is_let_in() for device in (one, two, three)] == [False, True, True]
    await replace(one, token=None).fail("refreshToken", refreshToken=given["refreshToken"])

    assert (await two.send("logout", everywhere=True))["sessionsEnded"] == 2
    assert not any([await device.is_let_in() for device in (one, two, three)])
    four, _ = await person.log_in()
    assert await four.is_let_in()


async def test_logout_without_a_session_ends_none(accounts_app: App) -> None:
    """A token that `appointment360 token` made is of no session; everywhere ends it too."""
    person = await new_person(accounts_app)
    device = person.device
    assert (await device.send("logout", everywhere=None))["sessionsEnded"] == 0
    assert await device.is_let_in()
    await device.send("logout", everywhere=True)
    assert not await device.is_let_in()


async def test_changed_password_leaves_one_session(accounts_app: App) -> None:
    """The answer's; the old password lets nobody in."""
    person = await new_person(accounts_app)
    (device, given), (other, _) = await person.log_in(), await person.log_in("other")
    payload = await device.send("changePassword", currentPassword=PASSWORD, newPassword=ANOTHER)
    assert payload["userErrors"] == []
    assert await replace(device, token=payload["accessToken"]).is_let_in()
    assert not any([await each.is_let_in() for each in (device, other)])
    await device.fail("refreshToken", refreshToken=given["refreshToken"])
    stranger = replace(device, token=None)
    await stranger.fail("login", email=person.email, password=PASSWORD)
    assert (await stranger.send("login", email=person.email, password=ANOTHER))["user"]


async def test_refused_password_changes_nothing(accounts_app: App) -> None:
    """What is wrong is told at its place, without the password."""
    person = await new_person(accounts_app)
    device, _ = await person.log_in()
    for current, new, code, place in (
        ("wrong horse battery", ANOTHER, "INVALID_VALUE", "currentPassword"),
        (PASSWORD, "short", "INVALID_VALUE", "newPassword"),
        (PASSWORD, person.email.upper(), "INVALID_VALUE", "newPassword"),
        (PASSWORD, "ä" * 513, "TOO_LONG", "newPassword"),
    ):
        payload = await device.send("changePassword", currentPassword=current, newPassword=new)
        assert problems(payload) == [(code, [place])]
        assert payload["accessToken"] is payload["refreshToken"] is payload["user"] is None
        assert not any(given in str(payload) for given in (current, new))
    assert await device.is_let_in()


async def test_login_among_other_fields(accounts_app: App) -> None:
    """Of several, and with one that needs a token, nobody is let in at all."""
    one = await new_person(accounts_app)
    device = Device(accounts_app.http)
    given: dict[str, Any] = {"one": {"email": one.email, "password": PASSWORD}}
    sessions = "SELECT count(*) FROM sessions WHERE user_uuid = $1"
    database, user = accounts_app.resources.database, one.row.uuid
    before = await read_rows(database, sessions, user)
    fragment = "fragment More on Mutation { two: login(input: $one) { user { id } } }"
    going_on = 'refreshToken(input: {refreshToken: "x"}) { __typename }'
    for several in (
        "a: login(input: $one) { user { id } } b: login(input: $one) { user { id } }",
        "login(input: $one) { user { id } } ...More",
        f"login(input: $one) {{ user {{ id }} }} {going_on}",
    ):
        document = f"mutation ($one: LoginInput!) {{ {several} }}"
        document += f" {fragment}" if "More" in several else ""
        for sender in (device, one.device):
            response = await sender.post(document, **given)
            error = the_error(response, 400, "BAD_USER_INPUT")
            assert error["message"] == "Send one login or refreshToken in a request."
    assert await read_rows(database, sessions, user) == before
    for further in (
        'createCompany(input: {name: "A"}) { company { id } }',
        "logout(input: {}) { sessionsEnded }",
    ):
        document = (
            f"mutation ($one: LoginInput!) {{ login(input: $one) {{ user {{ id }} }} {further} }}"
        )
        response = await device.post(document, one=given["one"])
        the_error(response, 401, "UNAUTHENTICATED")
    assert await read_rows(database, sessions, user) == before


async def test_production_lets_in_and_tells_nothing_else(database_url: URL, tmp_path: Path) -> None:
    """Without a token a short document that logs in is answered; whatever else is sent is not."""
    async with open_app(
        database_url, tmp_path, environment="production", secret_key="x" * 32
    ) as app:
        async with app.resources.database.write() as tx:
            await create_user(tx, email="ada@example.com", role=Role.VIEWER, password_hash=HASH)
        device = Device(app.http)
        given = await device.send("login", email="ada@example.com", password=PASSWORD)
        again = await device.send("refreshToken", refreshToken=given["refreshToken"])
        assert await replace(device, token=again["accessToken"]).is_let_in()
        error = await device.fail("login", email="ada@example.com", password="wrong")
        assert error["message"] == WRONG
        login = {"input": {"email": "ada@example.com", "password": PASSWORD}}
        for document in (
            f"{DOCUMENTS['login']} # {'x' * 2000}",
            DOCUMENTS["login"].replace("accessToken", "acessToken", 1),
            DOCUMENTS["login"].replace("{", "", 1),
            f"{DOCUMENTS['login']} query Other {{ __typename }}",
            "{ __schema { queryType { name } } }",
            VIEWER,
        ):
            response = await device.post(document, **login)
            the_error(response, 401, "UNAUTHENTICATED")
            assert "Token" not in response.text.replace("Authorization: Bearer", "")


async def test_no_secret_is_in_any_log_line(
    database_url: URL, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whatever is sent, answered or refused: not the address either."""
    async with open_app(database_url, tmp_path, log_level="debug") as app:
        person = await new_person(app, Role.ADMIN)
        device, given = await person.log_in()
        secrets = [
            person.email,
            PASSWORD,
            ANOTHER,
            HASH,
            given["accessToken"],
            given["refreshToken"],
        ]
        stranger = Device(app.http, name="stranger")
        await stranger.fail("login", email=person.email, password=ANOTHER)
        again = await device.send("refreshToken", refreshToken=given["refreshToken"])
        made = await device.send("createApiToken", name="Sync", scopes=["READ"])
        user = await device.send("createUser", email="new@example.com", role="VIEWER")
        await stranger.fail("refreshToken", refreshToken=given["refreshToken"])
        broken = await device.post(DOCUMENTS["login"], input={"email": [PASSWORD], "password": {}})
        assert broken.json()["errors"]
        secrets += [again["accessToken"], again["refreshToken"], made["token"], user["password"]]
        secrets += ["new@example.com"]
    captured = capsys.readouterr()
    assert "refresh_token_reused" in captured.out + captured.err
    for secret in secrets:
        assert secret not in captured.out + captured.err


def test_inputs_do_not_show_their_secrets() -> None:
    """An input in a message or a log has neither passwords, tokens nor addresses."""
    secret = "x-secret-x"
    for given in (
        LoginInput(email=secret, password=secret),
        RefreshTokenInput(refresh_token=secret),
        ChangePasswordInput(current_password=secret, new_password=secret),
        CreateUserInput(email=secret, role=Role.VIEWER, password=secret),
        ResetPasswordInput(id="AQMB", password=secret),  # type: ignore[arg-type]  # any text does
        UpdateProfileInput(email=secret, current_password=secret),
    ):
        assert secret not in repr(given)
