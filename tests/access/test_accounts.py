"""Users: made, changed and sent away by admins; names, addresses and passwords by themselves."""

import asyncio
from collections.abc import AsyncIterator, Awaitable
from typing import Any
from uuid import uuid4

import pytest
from structlog.testing import capture_logs

from db.rows import UserRow
from db.transaction import Database
from domain.accounts import Client, NewUser
from domain.enums import Role
from domain.errors import Problem, RateLimited, Rejected, Unauthenticated
from domain.node_ids import NodeKind, encode_node_id
from domain.viewer import SCOPES, Viewer
from tests.access.doors import LAPTOP, PASSWORD, PHONE, Doors, open_doors

OTHER = "another password"


@pytest.fixture
async def own(database: Database) -> AsyncIterator[Doors]:
    """A process over a database without users."""
    async with open_doors(database) as opened:
        yield opened


async def problems_of(work: Awaitable[object]) -> list[tuple[str, str]]:
    """Why something is not done: codes and paths."""
    with pytest.raises(Rejected) as caught:
        await work
    return [told(problem) for problem in caught.value.problems]


def told(problem: Problem) -> tuple[str, str]:
    """What a program reads of a problem."""
    return str(problem.code), ".".join(problem.path)


def of(user: UserRow) -> Viewer:
    """A user who has come in by a token of no session."""
    return Viewer(user.uuid, Role(user.role))


async def comes_in(doors: Doors, email: str, password: str) -> bool:
    """Whether a password is right."""
    try:
        await doors.accounts.signing_in.login(email, password, client=PHONE)
    except Unauthenticated:
        return False
    return True


async def test_new_user_comes_in_by_the_password_given(doors: Doors) -> None:
    """It is not told again; name and address are stored in their form."""
    new = NewUser(email="Ada.New@Example.com", role=Role.EDITOR, name=" Ada  L ", password=PASSWORD)
    created = await doors.accounts.create_user(new)
    assert created.password is None
    assert (created.user.email, created.user.name) == ("Ada.New@example.com", "Ada L")
    assert (created.user.role, created.user.is_active) == ("editor", True)
    assert await comes_in(doors, "ada.new@example.com", PASSWORD)


async def test_password_is_made_for_who_has_none(doors: Doors) -> None:
    """It is told once, and in no repr."""
    created = await doors.accounts.create_user(NewUser(email="made@example.com", role=Role.VIEWER))
    assert created.password is not None
    assert created.password not in repr(created)
    assert await comes_in(doors, "made@example.com", created.password)


@pytest.mark.parametrize(
    ("given", "problems"),
    [
        ({"email": "ada"}, [("INVALID_EMAIL", "email")]),
        ({"email": ""}, [("INVALID_EMAIL", "email")]),
        ({"name": "x" * 201}, [("TOO_LONG", "name")]),
        ({"name": "\0"}, [("INVALID_VALUE", "name")]),
        ({"password": "elevenchars"}, [("INVALID_VALUE", "password")]),
        ({"password": "é" * 513}, [("TOO_LONG", "password")]),
        ({"password": "Somebody@Example.COM"}, [("INVALID_VALUE", "password")]),
        (
            {"email": "x", "name": "\ud800", "password": ""},
            [("INVALID_EMAIL", "email"), ("INVALID_VALUE", "name"), ("INVALID_VALUE", "password")],
        ),
    ],
    ids=["email", "no-email", "name", "nul", "short", "long", "is-the-email", "all"],
)
async def test_all_that_is_wrong_with_a_new_user_is_told(
    doors: Doors, given: dict[str, Any], problems: list[tuple[str, str]]
) -> None:
    """Nobody is made; the password stands in no message."""
    new = {"email": "somebody@example.com", "password": PASSWORD, **given}
    with pytest.raises(Rejected) as caught:
        await doors.accounts.create_user(NewUser(role=Role.VIEWER, **new))
    assert [told(problem) for problem in caught.value.problems] == problems
    assert not new["password"] or new["password"] not in str(caught.value)


async def test_address_is_one_user_s(doors: Doors) -> None:
    """In any letters, for a new user as for one who changes theirs; also when two come at once."""
    first, second = await doors.add(), await doors.add()
    taken = NewUser(email=first.email.upper(), role=Role.VIEWER, password=PASSWORD)
    with pytest.raises(Rejected) as caught:
        await doors.accounts.create_user(taken)
    (problem,) = caught.value.problems
    assert told(problem) == ("ALREADY_EXISTS", "email")
    assert problem.record_id == encode_node_id(NodeKind.USER, first.id)
    change = doors.accounts.update_profile(
        of(second),
        email=first.email.upper(),
        current_password=PASSWORD,
        client=LAPTOP,
    )
    assert await problems_of(change) == [("ALREADY_EXISTS", "email")]
    answers = await asyncio.gather(
        *(
            doors.accounts.update_profile(
                of(user),
                email="wanted@example.com",
                current_password=PASSWORD,
                client=LAPTOP,
            )
            for user in (first, second)
        ),
        return_exceptions=True,
    )
    (refused,) = [each for each in answers if isinstance(each, BaseException)]
    assert isinstance(refused, Rejected)
    assert told(refused.problems[0]) == ("ALREADY_EXISTS", "email")


async def test_last_active_admin_stays_one(own: Doors) -> None:
    """Neither demoted nor disabled; a disabled admin does not count, and a name may change."""
    first, second = await own.add(Role.ADMIN), await own.add(Role.ADMIN)
    await own.accounts.update_user(second.id, is_active=False)
    for change, path in (
        ({"role": Role.EDITOR}, "role"),
        ({"is_active": False}, "isActive"),
        ({"role": Role.VIEWER, "is_active": False}, "role"),
    ):
        work = own.accounts.update_user(first.id, **change)
        assert await problems_of(work) == [("NOT_ALLOWED_IN_STATE", path)]
    renamed = await own.accounts.update_user(first.id, name="Ada", role=Role.ADMIN, is_active=True)
    assert (renamed.name, renamed.role) == ("Ada", "admin")
    assert (await own.accounts.update_user(second.id, role=Role.VIEWER)).role == "viewer"
    await own.accounts.update_user(second.id, is_active=True, role=Role.ADMIN)
    assert (await own.accounts.update_user(first.id, role=Role.EDITOR)).role == "editor"


@pytest.mark.parametrize("change", [{"role": Role.VIEWER}, {"is_active": False}], ids=str)
async def test_two_admins_who_send_each_other_away_leave_one(
    own: Doors, change: dict[str, Any]
) -> None:
    """However their transactions meet."""
    admins = [await own.add(Role.ADMIN) for _ in range(2)]
    for _ in range(5):
        answers = await asyncio.gather(
            *(own.accounts.update_user(admin.id, **change) for admin in admins),
            return_exceptions=True,
        )
        (refused,) = [each for each in answers if isinstance(each, BaseException)]
        assert isinstance(refused, Rejected)
        assert [problem.code for problem in refused.problems] == ["NOT_ALLOWED_IN_STATE"]
        (count,) = await own.execute(
            "SELECT count(*) FROM users WHERE role = 'admin' AND is_active"
        )
        assert count[0] == 1
        for admin in admins:
            await own.accounts.update_user(admin.id, role=Role.ADMIN, is_active=True)


async def test_nobody_is_changed_who_is_not_there(doors: Doors) -> None:
    """An id of nobody is told as such; a token of nobody is no token."""
    accounts = doors.accounts
    assert await problems_of(accounts.set_password(2**40, None)) == [("NOT_FOUND", "id")]
    assert await problems_of(accounts.update_user(2**40, name="A")) == [("NOT_FOUND", "id")]
    nobody = Viewer(uuid4(), Role.ADMIN)
    works: tuple[Awaitable[object], ...] = (
        accounts.update_profile(nobody, name="Ada", current_password=None, client=LAPTOP),
        accounts.change_password(nobody, current=PASSWORD, new=OTHER, client=LAPTOP),
        accounts.api_tokens.create(nobody, name="CI", scopes=SCOPES, expires_at=None),
    )
    for work in works:
        with pytest.raises(Unauthenticated):
            await work


async def test_own_name_is_changed_without_a_password(doors: Doors) -> None:
    """And taken away by null; what is left out stays."""
    user = await doors.add()
    for name, stored in ((" Ada ", "Ada"), (None, None)):
        row = await doors.accounts.update_profile(
            of(user), name=name, current_password=None, client=LAPTOP
        )
        assert (row.name, row.email) == (stored, user.email)
    work = doors.accounts.update_profile(
        of(user), name="x" * 201, current_password=None, client=LAPTOP
    )
    assert await problems_of(work) == [("TOO_LONG", "name")]


async def test_own_address_is_changed_with_the_password(doors: Doors) -> None:
    """For it is what one comes in by; capitals alone make no other address."""
    user = await doors.add()
    new, upper = f"new.{user.email}", user.email.upper()
    for password, code in ((None, "REQUIRED"), ("wrong", "INVALID_VALUE")):
        work = doors.accounts.update_profile(
            of(user), email=new, current_password=password, client=LAPTOP
        )
        assert await problems_of(work) == [(code, "currentPassword")]
    work = doors.accounts.update_profile(
        of(user), email="new", current_password=PASSWORD, client=LAPTOP
    )
    assert await problems_of(work) == [("INVALID_EMAIL", "email")]
    row = await doors.accounts.update_profile(
        of(user), email=upper, current_password=None, client=LAPTOP
    )
    assert row.email.lower() == user.email
    row = await doors.accounts.update_profile(
        of(user), email=new, current_password=PASSWORD, client=LAPTOP
    )
    assert row.email == new
    assert await comes_in(doors, new, PASSWORD)
    assert not await comes_in(doors, user.email, PASSWORD)


async def test_profile_is_not_changed_all_the_time(doors: Doors) -> None:
    """Each change makes all that is cached out of date, for everybody."""
    user = await doors.add()
    for number in range(5):
        await doors.accounts.update_profile(
            of(user), name=f"Ada {number}", current_password=None, client=LAPTOP
        )
    with pytest.raises(RateLimited):
        await doors.accounts.update_profile(
            of(user), name="Ada", current_password=None, client=LAPTOP
        )
    other = await doors.add()
    await doors.accounts.update_profile(of(other), name="Bob", current_password=None, client=LAPTOP)


async def test_own_password_is_changed_with_the_one_of_now(doors: Doors) -> None:
    """The answer is a new session; all others have ended."""
    user = await doors.add()
    before = await doors.login(user)
    viewer = await doors.viewer(before.access_token)
    after = await doors.accounts.change_password(viewer, current=PASSWORD, new=OTHER, client=LAPTOP)
    assert await doors.lets_in(after.access_token)
    assert await doors.goes_on(after.refresh_token)
    assert not await doors.lets_in(before.access_token)
    assert not await doors.goes_on(before.refresh_token)
    assert await comes_in(doors, user.email, OTHER)
    assert not await comes_in(doors, user.email, PASSWORD)


async def test_wrong_current_password_changes_nothing_and_counts(doors: Doors) -> None:
    """Whoever has somebody's token does not try passwords with it for long."""
    user = await doors.add()
    for _ in range(5):
        work = doors.accounts.change_password(of(user), current="no", new=OTHER, client=LAPTOP)
        assert await problems_of(work) == [("INVALID_VALUE", "currentPassword")]
    with pytest.raises(RateLimited):
        await doors.accounts.change_password(of(user), current=PASSWORD, new=OTHER, client=LAPTOP)
    assert await comes_in(doors, user.email, PASSWORD)


@pytest.mark.parametrize(("new", "code"), [("short", "INVALID_VALUE"), ("x" * 1025, "TOO_LONG")])
async def test_new_password_follows_the_rules(doors: Doors, new: str, code: str) -> None:
    """Whoever sets it."""
    user = await doors.add()
    change = doors.accounts.change_password(of(user), current=PASSWORD, new=new, client=LAPTOP)
    assert await problems_of(change) == [(code, "newPassword")]
    assert await problems_of(doors.accounts.set_password(user.id, new)) == [(code, "password")]
    own_address = doors.accounts.set_password(user.id, user.email)
    assert await problems_of(own_address) == [("INVALID_VALUE", "password")]


async def test_two_who_change_a_password_at_once_do_not_both(doors: Doors) -> None:
    """The second one proved a password that was not the user's any more."""
    user = await doors.add()
    answers = await asyncio.gather(
        *(
            doors.accounts.change_password(of(user), current=PASSWORD, new=new, client=LAPTOP)
            for new in ("first new password", "second new password")
        ),
        return_exceptions=True,
    )
    (refused,) = [each for each in answers if isinstance(each, BaseException)]
    assert isinstance(refused, Rejected)
    assert told(refused.problems[0]) == ("INVALID_VALUE", "currentPassword")


async def test_made_password_lets_its_user_in(doors: Doors) -> None:
    """The one before does not."""
    user = await doors.add()
    made = await doors.accounts.set_password(user.id, None)
    assert made is not None
    assert await comes_in(doors, user.email, made)
    assert not await comes_in(doors, user.email, PASSWORD)
    assert await doors.accounts.set_password(user.id, OTHER) is None
    assert await comes_in(doors, user.email, OTHER)


async def test_secrets_are_in_no_repr_and_no_log(doors: Doors) -> None:
    """Passwords, tokens, hashes and addresses."""
    new = NewUser(email="secret@example.com", role=Role.VIEWER, password=PASSWORD)
    with capture_logs() as logs:
        created = await doors.accounts.create_user(new)
        begun = await doors.login(created.user)
        with pytest.raises(Unauthenticated) as wrong:
            await doors.accounts.signing_in.login(new.email, OTHER, client=LAPTOP)
        await doors.accounts.signing_in.refresh(begun.refresh_token, client=LAPTOP)
        with pytest.raises(Unauthenticated) as reused:
            await doors.accounts.signing_in.refresh(begun.refresh_token, client=PHONE)
    told = " ".join(map(repr, (new, created, begun, logs, wrong.value, reused.value)))
    assert logs
    for secret in (
        PASSWORD,
        OTHER,
        "secret@example.com",
        begun.access_token,
        begun.refresh_token,
        "argon2",
    ):
        assert secret not in told


async def test_wrong_password_for_an_address_keeps_nobody_else_out(doors: Doors) -> None:
    """It is counted where it came from: with nowhere, all users together had fifty a minute."""
    user = await doors.add()

    async def change(client: Client) -> None:
        await doors.accounts.update_profile(
            of(user), email="other@x.example", current_password="wrong", client=client
        )

    for _ in range(5):
        with pytest.raises(Rejected):
            await change(LAPTOP)
    with pytest.raises(RateLimited):
        await change(LAPTOP)
    with pytest.raises(Rejected):
        await change(PHONE)
