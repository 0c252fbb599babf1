"""Tokens of the API: shown once, good for what they were made for, and gone when they are to be."""

import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from access.api_tokens import CreatedApiToken
from access.authentication import Authentication
from db import api_tokens
from db.rows import UserRow
from domain.accounts import MAX_API_TOKENS
from domain.enums import Role
from domain.errors import Problem, ProblemCode, Rejected, Unauthenticated
from domain.viewer import SCOPES, Permission, Viewer
from tests.access.doors import Doors, open_doors

REFUSED = "This is not a valid token of this server."
READ = (Permission.READ,)


async def as_viewer(doors: Doors, user: UserRow) -> Viewer:
    """A user who has come in."""
    return await doors.viewer(doors.accounts.signing_in.issue_token(user, ttl_seconds=600))


async def create(
    doors: Doors,
    user: UserRow,
    scopes: Sequence[Permission] = READ,
    *,
    expires_at: datetime | None = None,
) -> CreatedApiToken:
    """A token of a user."""
    viewer = await as_viewer(doors, user)
    return await doors.accounts.api_tokens.create(
        viewer, name="CI", scopes=scopes, expires_at=expires_at
    )


async def problems_of(doors: Doors, user: UserRow, **given: Any) -> list[tuple[str, str]]:
    """Why a token is not made: codes and paths."""
    viewer = await as_viewer(doors, user)
    wanted = {"name": "CI", "scopes": READ, "expires_at": None, **given}
    with pytest.raises(Rejected) as caught:
        await doors.accounts.api_tokens.create(viewer, **wanted)
    return [told(problem) for problem in caught.value.problems]


def told(problem: Problem) -> tuple[str, str]:
    """What a program reads of a problem."""
    return str(problem.code), ".".join(problem.path)


async def test_token_is_told_once_and_stored_as_a_hash(doors: Doors) -> None:
    """Its first characters stay, to know it by."""
    user = await doors.add()
    created = await create(doors, user)
    assert created.secret.startswith("a360_")
    assert len(created.secret) == 48
    assert created.row.prefix == created.secret[:11]
    (row,) = await doors.execute(
        "SELECT CAST(api_tokens AS text) AS told FROM api_tokens WHERE id = CAST(:id AS bigint)",
        id=created.row.id,
    )
    assert created.secret not in row.told
    async with doors.database.read() as session:
        listed = await api_tokens.list_api_tokens(session, user.uuid)
        loaded = await api_tokens.load_api_tokens(session, [created.row.id, 2**40])
    assert [each.id for each in listed] == [created.row.id]
    assert (loaded[0], loaded[1]) == (listed[0], None)
    assert "token_hash" not in listed[0]


@pytest.mark.parametrize(
    ("role", "scopes", "acts_as"),
    [
        (Role.ADMIN, [Permission.READ], Role.VIEWER),
        (Role.ADMIN, [Permission.READ, Permission.WRITE], Role.EDITOR),
        (Role.ADMIN, list(SCOPES), Role.ADMIN),
        (Role.EDITOR, [Permission.IMPORT], Role.EDITOR),
        (Role.VIEWER, [Permission.EXPORT], Role.VIEWER),
    ],
)
async def test_token_does_what_it_was_made_for_and_no_more(
    doors: Doors, role: Role, scopes: list[Permission], acts_as: Role
) -> None:
    """Never more than its user may, and never anything about the account."""
    user = await doors.add(role)
    viewer = await doors.viewer((await create(doors, user, scopes)).secret)
    assert (viewer.user_uuid, viewer.role) == (user.uuid, acts_as)
    assert viewer.permissions == frozenset(scopes)
    assert Permission.ACCOUNT not in viewer.permissions


async def test_token_follows_the_role_of_its_user(doors: Doors) -> None:
    """Less from now on, and again what it was made for when the user may."""
    user = await doors.add(Role.EDITOR)
    secret = (await create(doors, user, [Permission.READ, Permission.WRITE])).secret
    assert Permission.WRITE in (await doors.viewer(secret)).permissions
    await doors.accounts.update_user(user.id, role=Role.VIEWER)
    assert (await doors.viewer(secret)).permissions == {Permission.READ}
    await doors.accounts.update_user(user.id, role=Role.EDITOR)
    assert Permission.WRITE in (await doors.viewer(secret)).permissions


async def test_token_outlives_passwords_and_sessions(doors: Doors) -> None:
    """Programs do not stop when their user logs out or chooses another password."""
    user = await doors.add()
    secret = (await create(doors, user)).secret
    await doors.accounts.set_password(user.id, None)
    await doors.accounts.signing_in.logout(Viewer(user.uuid, Role(user.role)), everywhere=True)
    assert await doors.lets_in(secret)


async def test_revoked_token_is_refused_at_once_here_and_soon_elsewhere(doors: Doors) -> None:
    """What was found before counts for no longer than a process may believe it."""
    user = await doors.add()
    created = await create(doors, user)
    async with open_doors(doors.database, refresh_seconds=0.0) as elsewhere:
        for each in (doors, elsewhere):
            assert await each.lets_in(created.secret)
        viewer = await as_viewer(doors, user)
        row = await doors.accounts.api_tokens.revoke(viewer, created.row.id)
        assert row.revoked_at is not None
        again = await doors.accounts.api_tokens.revoke(viewer, created.row.id)
        assert again.revoked_at == row.revoked_at
        for each in (doors, elsewhere):
            with pytest.raises(Unauthenticated, match=REFUSED):
                await each.viewer(created.secret)


async def test_expired_token_is_refused_though_it_is_known(
    doors: Doors, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the words of any token that has expired, also where it has to be looked up."""
    expires_at = datetime.now(UTC) + timedelta(hours=1)
    created = await create(doors, await doors.add(), expires_at=expires_at)
    viewer = await doors.viewer(created.secret)
    assert viewer.expires_at == expires_at.timestamp()
    async with open_doors(doors.database) as elsewhere:
        monkeypatch.setattr(time, "time", expires_at.timestamp)
        for each in (doors, elsewhere):
            with pytest.raises(Unauthenticated, match=r"The token has expired. Get a new one."):
                await each.viewer(created.secret)


@pytest.mark.parametrize(
    "token",
    ["a360_", "a360_" + "A" * 43, "a360_" + "A" * 42, "a360_" + "é" * 43, "a360_" + "x" * 9999],
    ids=["prefix", "unknown", "short", "letters", "long"],
)
async def test_what_is_no_token_is_refused_without_saying_why(doors: Doors, token: str) -> None:
    """In the same words as a forged one."""
    with pytest.raises(Unauthenticated, match=REFUSED):
        await doors.viewer(token)


async def test_token_of_somebody_else_answers_as_one_that_is_not_there(doors: Doors) -> None:
    """But to admins, who may revoke any."""
    owner, other, admin = await doors.add(), await doors.add(), await doors.add(Role.ADMIN)
    created = await create(doors, owner)
    viewer = await as_viewer(doors, other)
    refused = []
    for token_id in (created.row.id, 2**40):
        with pytest.raises(Rejected) as caught:
            await doors.accounts.api_tokens.revoke(viewer, token_id)
        refused.append(caught.value.problems)
    assert refused[0] == refused[1]
    assert told(refused[0][0]) == ("NOT_FOUND", "id")
    assert await doors.lets_in(created.secret)
    await doors.accounts.api_tokens.revoke(await as_viewer(doors, admin), created.row.id)
    assert not await doors.lets_in(created.secret)


async def test_all_that_is_wrong_with_a_token_is_told(doors: Doors) -> None:
    """Scopes that nobody may have, or the viewer has not; names; a time that is past."""
    user, past = await doors.add(), datetime.now(UTC) - timedelta(seconds=1)
    assert await problems_of(doors, user, name=" ", scopes=[], expires_at=past) == [
        ("REQUIRED", "scopes"),
        ("INVALID_VALUE", "expiresAt"),
        ("REQUIRED", "name"),
    ]
    wanted = [Permission.ACCOUNT, Permission.WRITE, Permission.WRITE, Permission.READ]
    assert await problems_of(doors, user, scopes=wanted) == [("INVALID_VALUE", "scopes")] * 2
    assert await problems_of(doors, user, name="x" * 201) == [("TOO_LONG", "name")]
    assert await problems_of(doors, user, name="a\0b") == [(ProblemCode.INVALID_VALUE, "name")]


async def test_user_has_a_hundred_tokens_at_most(doors: Doors) -> None:
    """Those that are good count, and stand first in the list."""
    user = await doors.add()
    await doors.execute(
        "INSERT INTO api_tokens (user_uuid, token_hash, prefix, name, scopes, revoked_at)"
        " SELECT CAST(:user AS uuid), sha256(CAST(CAST(:user AS text) || n AS bytea)), '', '',"
        " '{READ}', CASE WHEN n > :most THEN now() END"
        " FROM generate_series(1, CAST(:most AS int) + 9) n".replace(
            "> :most", "> CAST(:most AS int)"
        ),
        user=user.uuid,
        most=MAX_API_TOKENS - 1,
    )
    last = await create(doors, user)
    async with doors.database.read() as session:
        listed = await api_tokens.list_api_tokens(session, user.uuid)
    assert len(listed) == MAX_API_TOKENS
    assert listed[0].id == last.row.id
    assert all(row.revoked_at is None for row in listed)
    assert await problems_of(doors, user) == [("NOT_ALLOWED_IN_STATE", "")]


async def test_use_of_a_token_is_noted(doors: Doors) -> None:
    """To within five minutes, with one more statement in that time."""
    created = await create(doors, await doors.add())

    async def last_used() -> Any:
        async with doors.database.read() as session:
            (row,) = await api_tokens.load_api_tokens(session, [created.row.id])
        assert row is not None
        return row.last_used_at

    assert await last_used() is None
    async with open_doors(doors.database, refresh_seconds=0.0) as other:
        await other.viewer(created.secret)
        noted = await last_used()
        assert noted is not None
        await other.viewer(created.secret)
        assert await last_used() == noted
        await doors.execute("UPDATE api_tokens SET last_used_at = last_used_at - interval '6 min'")
        await other.viewer(created.secret)
        assert await last_used() >= noted


async def test_secret_is_in_no_repr(doors: Doors) -> None:
    """Nor is the place where tokens are kept that are known."""
    created = await create(doors, await doors.add())
    assert created.secret not in repr(created)
    assert isinstance(doors.authentication, Authentication)
    assert created.secret not in repr(vars(doors.authentication))
