"""`appointment360 user` and `token`: answers stand alone on stdout, all else on stderr."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.engine import URL

from app.first_start import ADMIN_EMAIL, ensure_admin
from app.resources import Resources, open_resources
from db.rows import Row
from db.statements import Statement
from db.users import find_user_by_email
from domain.accounts import Client, NewUser
from domain.enums import Role
from domain.errors import Unauthenticated
from tests.app.terminal import Terminal

PASSWORD = "correct horse battery staple"


@pytest.fixture
def terminal(
    database_url: URL, resources: Resources, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Terminal:
    """A terminal beside a server, with its settings."""
    monkeypatch.chdir(tmp_path)
    return Terminal(
        {
            "DATABASE_URL": database_url.render_as_string(hide_password=False),
            "DATABASE_POOL_SIZE": "2",
            "DATA_DIR": str(resources.data_folder),
        }
    )


@pytest.fixture
async def elsewhere(resources: Resources) -> AsyncIterator[Resources]:
    """Another server process, which looks at every request what others have decided."""
    async with open_resources(resources.settings, revocation_seconds=0.0) as opened:
        yield opened


async def comes_in(resources: Resources, password: str, email: str = "ada@example.com") -> bool:
    """Whether a password is right."""
    try:
        await resources.accounts.signing_in.login(email, password, client=Client())
    except Unauthenticated:
        return False
    return True


async def test_user_is_added_listed_changed_and_sent_away(
    terminal: Terminal, elsewhere: Resources
) -> None:
    """A server that runs goes by each of it."""
    ada = ("--email", "ada@example.com")
    added = await terminal.run("user", "add", *ada, "--role", "editor", "--name", "Ada")
    password = added.out.removesuffix("\n")
    assert (added.status, len(password)) == (0, 24)
    assert "ada@example.com is editor.\nThis password is shown once:\n" in added.err
    assert password not in added.err
    assert await comes_in(elsewhere, password)

    again = await terminal.run("user", "add", *ada)
    assert again[:2] == (1, "")
    assert "Another user has this e-mail address." in again.err

    token = (await terminal.run("token", *ada, "--role", "editor")).out.removesuffix("\n")
    viewer = await elsewhere.authentication(f"Bearer {token}")
    assert viewer is not None
    assert viewer.role is Role.EDITOR

    assert (await terminal.run("user", "role", *ada, "--role", "viewer")).status == 0
    with pytest.raises(Unauthenticated):
        await elsewhere.authentication(f"Bearer {token}")
    listed = await terminal.run("user", "list")
    assert listed.out == "ada@example.com\tviewer\tactive\tnever\tAda\n"

    given = await terminal.run("user", "password", *ada, "--stdin", stdin=f"{PASSWORD}\n")
    assert given[:2] == (0, "")
    assert await comes_in(elsewhere, PASSWORD)
    assert not await comes_in(elsewhere, password)

    assert (await terminal.run("user", "disable", *ada)).status == 0
    assert not await comes_in(elsewhere, PASSWORD)
    refused = await terminal.run("token", *ada)
    assert refused[:2] == (1, "")
    assert "ada@example.com may not come in." in refused.err
    assert (await terminal.run("user", "enable", *ada)).status == 0
    assert await comes_in(elsewhere, PASSWORD)


async def test_wrong_use_and_work_that_fails_are_told_apart(
    terminal: Terminal, resources: Resources
) -> None:
    """2 is for words that cannot be used, 1 for what cannot be done; stdout stays empty."""
    await ensure_admin(resources)
    add = ("user", "add", "--email=b@example.com", "--password-stdin")
    for words, stdin, status, told in (
        (add, "short\n", 1, "A password has at least 12 characters."),
        (add, "", 2, "There is no password on stdin."),
        (("user", "disable", "--email=nobody@example.com"), "", 1, "There is no user nobody@"),
        (("user", "disable", f"--email={ADMIN_EMAIL}"), "", 1, "This is the last admin who"),
        (("user", "password", "--email=nobody"), "", 2, "--email: "),
    ):
        ended = await terminal.run(*words, stdin=stdin)
        assert ended[:2] == (status, "")
        assert told in ended.err
        assert "Traceback" not in ended.err
    async with resources.database.read() as session:
        assert await find_user_by_email(session, "b@example.com") is None


async def test_first_admin_is_made_with_a_password_that_is_told_once(resources: Resources) -> None:
    """One of two processes that start at once makes it, and it alone knows the password."""
    made = await asyncio.gather(*(ensure_admin(resources) for _ in range(3)))
    (password,) = [admin.password for admin in made if admin.password is not None]
    assert len({admin.user.id for admin in made}) == 1
    assert password not in repr(made)
    assert await comes_in(resources, password, ADMIN_EMAIL)
    again = await ensure_admin(resources)
    assert (again.password, again.user.role) == (None, "admin")


async def test_admin_who_is_there_is_left_alone(resources: Resources) -> None:
    """Whatever its address; nobody is made beside it."""
    new = NewUser(email="grace@example.com", role=Role.ADMIN, password=PASSWORD)
    grace = (await resources.accounts.create_user(new)).user
    admin = await ensure_admin(resources)
    assert (admin.user.id, admin.password) == (grace.id, None)
    assert await comes_in(resources, PASSWORD, grace.email)


@pytest.mark.parametrize(
    "change", [{"is_active": False}, {"role": Role.VIEWER}], ids=["off", "less"]
)
async def test_first_admin_is_another_than_who_has_the_address(
    resources: Resources, change: dict[str, Any]
) -> None:
    """Whoever was made less, or kept out, stays so; the server still has an admin."""
    first = await ensure_admin(resources)
    new = NewUser(email="grace@example.com", role=Role.ADMIN, password=PASSWORD)
    grace = (await resources.accounts.create_user(new)).user
    await resources.accounts.update_user(first.user.id, **change)
    async with resources.database.write() as tx:
        gone = text("UPDATE users SET is_active = false WHERE id = CAST(:id AS bigint)")
        await tx.fetch(Statement(gone, Row), {"id": grace.id})
    made = await asyncio.gather(*(ensure_admin(resources) for _ in range(3)))
    (password,) = [admin.password for admin in made if admin.password is not None]
    assert {admin.user.email for admin in made} == {"admin2@example.com"}
    assert await comes_in(resources, password, "admin2@example.com")
