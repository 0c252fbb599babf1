"""The page of operators in a browser: it moves under load, says what is wrong, and goes on."""

import asyncio
import re
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import httpx
import pytest
from sqlalchemy import text
from sqlalchemy.engine import URL

from access.tokens import Tokens
from db.rows import Row
from db.statements import Statement
from db.transaction import Database
from domain.enums import Role
from tests.apps import STRANGER
from tests.pages.chromium import Tab, needs_chromium
from tests.pages.serving import Served, serving

pytestmark = [needs_chromium, pytest.mark.slow]

TOKEN = "operators-know-this-and-nobody-else"
SECRET_KEY = "0123456789" * 4
SECRET = "hunter2"
CLIENTS = 4
FIND = """query FindThem($filter: ContactFilter) {
    contacts(first: 5, filter: $filter) { nodes { id } } }"""
FILL = Statement(
    text(
        "INSERT INTO contacts (first_name, title) SELECT 'Ada ' || n, 'Chief ' || n"
        " FROM generate_series(1, 12000) n"
    ),
    Row,
)
ANALYZE = Statement(text("ANALYZE contacts"), Row)

IS_LIVE = "document.querySelector('#state').innerText === 'Live'"
IS_AWAY = "document.querySelector('#state').innerText.startsWith('Away')"
IS_SHUT_OUT = "document.querySelector('#state').innerText === 'Not signed in'"
LINES = (
    "[...document.querySelectorAll('.plot .line, .plot .band')].map(one => one.getAttribute('d'))"
)
POOL = """[...document.querySelectorAll('.keys div')]
    .find(one => one.innerText.startsWith('Pool')).querySelector('dd').innerText"""
HAS_REQUESTS = """parseFloat([...document.querySelectorAll('.tile')]
    .find(tile => tile.innerText.startsWith('Requests')).querySelector('.value').innerText) > 2"""
HAS_WARNING = "document.querySelector('#slow-table').innerText.includes('Leading wildcard')"
TROUBLE = "document.querySelector('#trouble').checkVisibility()"
IS_WIDER_THAN_ITS_WINDOW = "document.documentElement.scrollWidth > window.innerWidth"


@asynccontextmanager
async def operated(
    database_url: URL, folder: Path, *, port: int = 0, workers: int = 1
) -> AsyncIterator[Served]:
    """A server that operators have a token for; any statement of it is slow."""
    settings = {
        "OPS_TOKEN": TOKEN,
        "SECRET_KEY": SECRET_KEY,
        "SLOW_QUERY_THRESHOLD": "1ms",
        "LOG_LEVEL": "warning",
        "DRAIN_DELAY": "4s",
    }
    several = f"--workers={workers}"
    async with serving(database_url, folder, several, port=port, **settings) as served:
        yield served


def page_of(served: Served, token: str = TOKEN) -> str:
    """The page of operators, with a token in its address."""
    return served.page("/ops", token)


@pytest.fixture
async def many_contacts(database: Database) -> None:
    """So many that reading all of them for a few is noticed."""
    async with database.write() as tx:
        await tx.fetch(FILL)
        await tx.fetch(ANALYZE)


@asynccontextmanager
async def load(served: Served) -> AsyncIterator[None]:
    """Clients that look for a text within a column, as long as the block lasts."""
    headers = {"Authorization": f"Bearer {served.token}"}
    body = {"query": FIND, "variables": {"filter": {"title": {"contains": SECRET}}}}

    async def ask(http: httpx.AsyncClient) -> None:
        while True:
            # A server that was killed answers nobody.
            with suppress(httpx.HTTPError):
                await http.post("/graphql", json=body)
            await asyncio.sleep(0.1)

    async with httpx.AsyncClient(base_url=served.address, headers=headers) as http:
        tasks = [asyncio.create_task(ask(http)) for _ in range(CLIENTS)]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)


async def lines_until_they_move(tab: Tab, before: list[str]) -> list[str]:
    """The lines of the charts, once most of them are others."""
    while True:
        now: list[str] = await tab.evaluate(LINES)
        if sum(line not in before for line in now) >= 8:
            return now
        await asyncio.sleep(0.1)


@pytest.mark.usefixtures("many_contacts")
async def test_charts_move_under_load(database_url: URL, tmp_path: Path, tab: Tab) -> None:
    """Lines, numbers and slow statements with their warnings; what was looked for is nowhere."""
    async with operated(database_url, tmp_path) as served:
        await tab.open(page_of(served))
        await tab.until(IS_LIVE)
        assert await tab.evaluate("location.hash") == ""
        async with load(served), asyncio.timeout(60):
            await tab.until(HAS_REQUESTS)
            lines = await lines_until_they_move(tab, [])
            assert all(re.fullmatch(r"[MLHVZh\d\s.-]*", line) for line in lines)
            await lines_until_they_move(tab, lines)
            await tab.until(HAS_WARNING)
        shown = await tab.evaluate("document.body.innerText")
        assert "FindThem" in shown
        assert "contacts.title" in shown or "contacts.search_text" in shown
        assert "pg_trgm" in shown
        assert SECRET not in await tab.evaluate("document.documentElement.outerHTML")
        assert SECRET not in "\n".join(served.process.said)


async def test_charts_can_be_read_and_stopped(database_url: URL, tmp_path: Path, tab: Tab) -> None:
    """The keyboard reads a moment in all charts; a pause asks nothing; the span can be chosen."""
    async with operated(database_url, tmp_path) as served:
        await tab.open(page_of(served))
        await tab.until(IS_LIVE)
        await tab.until(f"({LINES}).length > 8")
        await tab.evaluate("document.querySelector('.plot svg').focus()")
        await tab.press("ArrowLeft")
        assert (await tab.shows("#reading")).startswith("Requests at ")
        cursors = await tab.evaluate("document.querySelectorAll('.plot .cursor').length")
        assert cursors == 8
        await tab.evaluate("document.activeElement.blur()")
        await tab.until("document.querySelectorAll('.plot .cursor').length === 0")

        before: list[str] = await tab.evaluate(LINES)
        await tab.click("#spans button")
        assert await tab.texts("#spans [aria-pressed=true]") == ["1 min"]
        assert await tab.evaluate(LINES) != before

        await tab.click("#pause")
        await tab.until("document.querySelector('#state').innerText.startsWith('Paused at')")
        asked = len(tab.requests)
        lines: list[str] = await tab.evaluate(LINES)
        await asyncio.sleep(2.5)
        assert len(tab.requests) == asked
        assert await tab.evaluate(LINES) == lines
        await tab.click("#pause")
        await tab.until(IS_LIVE)
        await tab.until(f"JSON.stringify({LINES}) !== {str(lines)!r}")


async def test_killed_server_is_told_and_comes_back(
    database_url: URL, tmp_path: Path, tab: Tab
) -> None:
    """What is shown stays, marked as old; the page goes on by itself with the next process."""
    async with operated(database_url, tmp_path) as served:
        await tab.open(page_of(served))
        await tab.until(IS_LIVE)
        await tab.until(f"({LINES}).length > 8")
        served.process.signal(signal.SIGKILL)
        await served.process.ends()
        await tab.until(IS_AWAY)
        assert "goes on by itself" in await tab.shows("#trouble")
        assert len(await tab.evaluate(LINES)) > 8
    async with operated(database_url, tmp_path, port=served.port):
        await tab.until(IS_LIVE)
        assert not await tab.evaluate(TROUBLE)


async def test_server_that_is_stopped_says_so(database_url: URL, tmp_path: Path, tab: Tab) -> None:
    """As long as it answers still; afterwards it is away."""
    async with operated(database_url, tmp_path) as served:
        await tab.open(page_of(served))
        await tab.until(IS_LIVE)
        served.process.signal(signal.SIGTERM)
        await tab.until("document.querySelector('#state').innerText.includes('being stopped')")
        assert "Stopping" in await tab.shows("#tiles")
        await served.process.ends()
        await tab.until(IS_AWAY)


async def test_who_is_no_operator_is_told_so(database_url: URL, tmp_path: Path, tab: Tab) -> None:
    """Without a token, with a wrong one, and with that of a viewer; the right one is enough."""
    async with operated(database_url, tmp_path) as served:
        await tab.open(f"{served.address}/ops")
        assert "Sign in as an admin" in await tab.shows("#trouble")
        await tab.until(IS_SHUT_OUT)
        asked = len(tab.requests)
        await enter(tab, "not-the-one")
        await tab.until("document.querySelector('#trouble').innerText.includes('not valid')")
        await enter(tab, Tokens(SECRET_KEY.encode()).issue(STRANGER, Role.VIEWER, ttl_seconds=600))
        await tab.until("document.querySelector('#trouble').innerText.includes('no admin')")
        assert len(tab.requests) == asked + 2
        await enter(tab, TOKEN)
        await tab.until(IS_LIVE)
        assert not await tab.evaluate(TROUBLE)


async def test_process_of_several_can_be_chosen(
    database_url: URL, tmp_path: Path, tab: Tab
) -> None:
    """All are shown together at first; what is chosen stays chosen."""
    async with operated(database_url, tmp_path, workers=2) as served:
        await tab.open(page_of(served))
        await tab.until("document.querySelectorAll('#process option').length === 3")
        assert await tab.evaluate("process.value") == "all"
        await tab.until(f"({POOL}) === '10'")
        await tab.choose("#process", "1")
        await tab.until(f"({POOL}) === '5'")
        await asyncio.sleep(1.5)
        assert await tab.evaluate("process.value") == "1"


@pytest.mark.parametrize("width", [400, 1600])
async def test_page_fits_its_window(
    database_url: URL, tmp_path: Path, tab: Tab, width: int
) -> None:
    """Nothing of it is beyond the edge, and every control has a name."""
    async with operated(database_url, tmp_path) as served:
        await tab.ask(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=900,
            deviceScaleFactor=1,
            mobile=False,
        )
        await tab.open(page_of(served))
        await tab.until(IS_LIVE)
        await tab.until("document.querySelector('#slow-table').checkVisibility()")
        assert not await tab.evaluate(IS_WIDER_THAN_ITS_WINDOW)
        tree = (await tab.ask("Accessibility.getFullAXTree"))["nodes"]
    controls = {"button", "combobox", "textbox", "image", "img"}
    unnamed = [
        node
        for node in tree
        if node.get("role", {}).get("value") in controls
        and not node["ignored"]
        and not node.get("name", {}).get("value")
    ]
    assert unnamed == []


async def enter(tab: Tab, token: str) -> None:
    """Write a token into its field."""
    await tab.evaluate(
        f"(field => {{ field.value = {token!r};"
        " field.dispatchEvent(new Event('change', {bubbles: true})); })"
        "(document.querySelector('#token'))"
    )
