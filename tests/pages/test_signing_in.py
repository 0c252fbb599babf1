"""Somebody signs in with a password in a browser, stays signed in, and signs out."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.engine import URL

from db.rows import Row
from db.statements import Statement
from db.transaction import Database
from db.users import create_user
from domain.enums import Role
from tests.factories import make_contact
from tests.graph.accounts import HASH, PASSWORD, WRONG
from tests.pages.chromium import Tab, needs_chromium, open_tab
from tests.pages.serving import Served, serving

pytestmark = [needs_chromium, pytest.mark.slow]

EMAIL = "vera@example.com"
KEPT = "appointment360.explorer."
IS_SIGNED_IN = "document.querySelector('#sign-in').textContent === 'Sign out'"
IS_SIGNED_OUT = "document.querySelector('#sign-in').textContent === 'Sign in'"
SPOIL_TOKEN = f"""sessionStorage.setItem('{KEPT}token', '"spoiled"')"""
HAS_SCHEMA = "document.querySelector('#schema-state').innerText.includes(' types')"
TOKENS = f"""['token', 'refresh'].map(name => sessionStorage.getItem('{KEPT}' + name)).join()"""
# As if the server had refused the token of the moment, which it does once it has expired.
SPOIL_TOKEN_HERE = "document.querySelector('#token').value = 'spoiled'"
SPOILED_RUN = f"{SPOIL_TOKEN_HERE}; document.querySelector('#run').click()"

# What the server lets pass for a moment is over: a used token that comes now ends the session.
AGE_USED_TOKENS = Statement(
    text("UPDATE refresh_tokens SET used_at = used_at - interval '1 hour'"), Row
)
LIVE_SESSIONS = Statement(text("SELECT count(*) FROM sessions WHERE revoked_at IS NULL"), Row)
USED_TOKENS = Statement(text("SELECT count(*) FROM refresh_tokens WHERE used_at IS NOT NULL"), Row)


async def enter(tab: Tab, password: str) -> None:
    """Fill the dialog in and send it."""
    for name, value in (("email", EMAIL), ("password", password)):
        await tab.evaluate(f"document.querySelector('#sign-in-{name}').value = {value!r}")
    await tab.click("#sign-in-enter")


async def count(database: Database, statement: Statement[Row]) -> int:
    """The one number a statement gives."""
    async with database.read() as session:
        number: int = await session.fetch_value(statement)
    return number


@asynccontextmanager
async def signed_in(
    database: Database, database_url: URL, folder: Path
) -> AsyncIterator[tuple[Tab, Served]]:
    """The explorer in a tab, and in it somebody who came with a password."""
    async with database.write() as tx:
        await create_user(tx, email=EMAIL, role=Role.EDITOR, password_hash=HASH)
    async with open_tab(folder / "browser") as tab, serving(database_url, folder) as served:
        await tab.open(f"{served.address}/explorer")
        await tab.until(HAS_SCHEMA)
        await tab.click("#sign-in")
        await enter(tab, PASSWORD)
        await tab.until(IS_SIGNED_IN)
        await tab.until(HAS_SCHEMA)
        yield tab, served
        assert tab.mistakes == []


async def test_password_signs_in_and_keeps_signed_in(
    database: Database, database_url: URL, tmp_path: Path
) -> None:
    """Records are seen; a refused token is renewed once; nothing is left after signing out."""
    await make_contact(database)
    async with database.write() as tx:
        await create_user(tx, email=EMAIL, role=Role.EDITOR, password_hash=HASH)
    async with open_tab(tmp_path / "browser") as tab, serving(database_url, tmp_path) as served:
        await tab.open(f"{served.address}/explorer")
        await tab.until(HAS_SCHEMA)
        await tab.click("#sign-in")
        assert await tab.evaluate("document.activeElement.id") == "sign-in-email"
        await enter(tab, "wrong horse battery")
        assert await tab.shows("#sign-in-mistake") == WRONG
        await enter(tab, PASSWORD)
        await tab.until(IS_SIGNED_IN)
        assert not await tab.evaluate("document.querySelector('dialog').open")
        await tab.click("#run")
        assert "Ada Lovelace" in await tab.shows(".answer")

        await tab.evaluate(SPOIL_TOKEN)
        await tab.open(f"{served.address}/imports/new")
        await tab.until(f"document.querySelector('#account').innerText === '{EMAIL} · editor'")
        asked = [
            headers.get("authorization") for _, path, headers in tab.requests if "graphql" in path
        ]
        assert asked[-3:-1] == ["Bearer spoiled", None]

        await tab.click("#sign-in")
        await tab.until(IS_SIGNED_OUT)
        assert await tab.shows("#account") == "Sign in, or enter a token, to begin"
        kept = [
            await tab.evaluate(f"sessionStorage.getItem('{KEPT}{name}')")
            for name in ("token", "refresh")
        ]
        assert kept == ['""', "null"]
        assert tab.mistakes == []


async def test_signing_out_with_an_expired_token_ends_the_session(
    database: Database, database_url: URL, tmp_path: Path
) -> None:
    """The token is renewed for it, so that the session is over for the server too."""
    async with signed_in(database, database_url, tmp_path) as (tab, _):
        assert await count(database, LIVE_SESSIONS) == 1
        await tab.evaluate(SPOIL_TOKEN_HERE)
        await tab.click("#sign-in")
        await tab.until(IS_SIGNED_OUT)
        assert await count(database, LIVE_SESSIONS) == 0
        assert await count(database, USED_TOKENS) == 1


async def test_tabs_of_one_session_renew_it_together(
    database: Database, database_url: URL, tmp_path: Path
) -> None:
    """A duplicated tab has what the other got, also when it comes back late; both sign out."""
    async with signed_in(database, database_url, tmp_path) as (tab, served):
        old = json.dumps(await tab.evaluate("({...sessionStorage})"))
        other = await tab.duplicate(f"{served.address}/explorer")
        await other.until(f"{IS_SIGNED_IN} && {HAS_SCHEMA}")
        before = await tab.evaluate(TOKENS)
        assert await other.evaluate(TOKENS) == before

        await tab.evaluate(SPOILED_RUN)
        await tab.until(f"{TOKENS} !== {json.dumps(before)}")
        newer = await tab.evaluate(TOKENS)
        await other.until(f"{TOKENS} === {json.dumps(newer)}")
        await other.until("document.querySelector('#token').value === " + newer.split(",")[0])
        async with database.write() as tx:
            await tx.fetch(AGE_USED_TOKENS)

        # As a tab that was closed before, and is opened again.
        await other.evaluate(f"Object.assign(sessionStorage, {old}); {SPOIL_TOKEN}")
        await other.reload()
        await other.until(f"{TOKENS} === {json.dumps(newer)}")
        await other.until(HAS_SCHEMA)

        await other.evaluate(SPOILED_RUN)
        await tab.evaluate(SPOILED_RUN)
        for one in (tab, other):
            await one.until("document.querySelector('.status.is-good') !== null")
        assert await tab.evaluate(TOKENS) == await other.evaluate(TOKENS) != newer
        assert await count(database, USED_TOKENS) == 2
        assert await count(database, LIVE_SESSIONS) == 1

        await other.click("#sign-in")
        await tab.until(IS_SIGNED_OUT)
        assert await count(database, LIVE_SESSIONS) == 0
        assert other.mistakes == []
