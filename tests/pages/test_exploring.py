"""What the explorer keeps of what somebody writes in it, and for how long."""

import json
from pathlib import Path

import pytest
from sqlalchemy.engine import URL

from tests.pages.chromium import Tab, needs_chromium, open_tab
from tests.pages.serving import serving

pytestmark = [needs_chromium, pytest.mark.slow]

KEPT = "appointment360.explorer."
HAS_SCHEMA = "document.querySelector('#schema-state').innerText.includes(' types')"
HAS_ANSWER = "document.querySelector('.answer') !== null"
EXAMPLE = "query NewestContacts"
OPEN_QUERY = "query Open { __typename }"
OPEN_VARIABLES = '{"first": 5}'
SECRETS = {
    "half-typed": ('mutation { login(input: {email: "a@b.example", password: "hunter2', ""),
    "comment": ('# resetPassword was "hunter2"\n{ __typename }', ""),
    "alias": ('mutation { out: createUser(input: {code: "hunter2"}) { user { id } } }', ""),
    "variables": ("{ __typename }", '{"input": {"newPassword": "hunter2"}}'),
    "refresh-token": ("{ __typename }", '{"value": "a360r_hunter2"}'),
}


async def write(tab: Tab, name: str, text: str) -> None:
    """Replace what stands in an editor."""
    await tab.evaluate(
        f"(input => {{ input.value = {json.dumps(text)};"
        " input.dispatchEvent(new InputEvent('input', {bubbles: true})); })"
        f"(document.querySelector('#{name}-editor textarea'))"
    )


async def read(tab: Tab, name: str) -> str:
    """What stands in an editor."""
    text: str = await tab.evaluate(f"document.querySelector('#{name}-editor textarea').value")
    return text


async def run(tab: Tab) -> None:
    """Send what stands in the editors, and wait for what comes back."""
    await tab.evaluate("document.querySelector('#result-body').replaceChildren()")
    await tab.click("#run")
    await tab.until(HAS_ANSWER)


async def lasting(tab: Tab) -> str:
    """All that outlives the tab."""
    kept: str = await tab.evaluate("JSON.stringify({...localStorage})")
    return kept


async def test_secrets_go_with_the_tab(database_url: URL, tmp_path: Path) -> None:
    """Neither drafts nor history keep them; what has none is there at the next visit."""
    async with open_tab(tmp_path / "browser") as tab, serving(database_url, tmp_path) as served:
        await tab.open(f"{served.address}/explorer")
        await tab.until(HAS_SCHEMA)
        for query, variables in SECRETS.values():
            await write(tab, "query", OPEN_QUERY)
            await write(tab, "variables", OPEN_VARIABLES)
            assert OPEN_QUERY in await lasting(tab)
            await write(tab, "query", query)
            await write(tab, "variables", variables)
            await run(tab)
            kept = await lasting(tab)
            assert "hunter2" not in kept
            assert OPEN_QUERY not in kept
        assert await tab.texts(".row-title") == []

        await tab.reload()
        await tab.until(HAS_SCHEMA)
        assert (await read(tab, "query"), await read(tab, "variables")) == (query, variables)
        other = await tab.open_other(f"{served.address}/explorer")
        await other.until(HAS_SCHEMA)
        assert (await read(other, "query")).startswith(f"# The five newest contacts.\n{EXAMPLE}")
        assert await read(other, "variables") == ""

        await write(tab, "query", OPEN_QUERY)
        await write(tab, "variables", OPEN_VARIABLES)
        await run(tab)
        last = await tab.open_other(f"{served.address}/explorer")
        await last.until(HAS_SCHEMA)
        assert await read(last, "query") == OPEN_QUERY
        assert await read(last, "variables") == OPEN_VARIABLES
        await last.click("#tab-history")
        assert await last.shows(".row-title") == "Open"
        assert [*tab.mistakes, *other.mistakes, *last.mistakes] == []


async def test_secrets_of_earlier_visits_are_forgotten(database_url: URL, tmp_path: Path) -> None:
    """A browser that kept them when pages did not look is rid of them at the next visit."""
    query, variables = SECRETS["half-typed"]
    entries = [
        {"query": text, "variables": variables, "name": name, "at": 1}
        for text, name in ((query, None), (OPEN_QUERY, "Open"))
    ]
    before = {"query": query, "variables": variables, "history": entries}
    items = {f"{KEPT}{name}": json.dumps(value) for name, value in before.items()}
    async with open_tab(tmp_path / "browser") as tab, serving(database_url, tmp_path) as served:
        await tab.open(f"{served.address}/explorer")
        await tab.until(HAS_SCHEMA)
        await tab.evaluate(
            f"sessionStorage.clear(); Object.assign(localStorage, {json.dumps(items)})"
        )
        await tab.open(f"{served.address}/explorer?again")
        await tab.until(f"location.search && {HAS_SCHEMA}")
        assert await read(tab, "query") == query
        kept = await lasting(tab)
        assert "hunter2" not in kept
        assert OPEN_QUERY in kept
        assert tab.mistakes == []
