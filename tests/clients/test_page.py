"""The tutorial's page in React, served by Vite as the tutorial says and looked at in a browser."""

import asyncio
import json
import os
import re
import signal
from asyncio.subprocess import PIPE, STDOUT, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

import pytest

from domain.enums import Role
from tests.clients.conftest import CONTACTS, RealServer
from tests.clients.node import INSTALLED, copied, needs_node
from tests.pages.chromium import needs_chromium, open_tab
from tests.tutorial import chapter, commands, write_files

PAGE_ROWS: Final = 10
BLOCKS: Final = chapter("9 A page in React")

pytestmark = [needs_node, pytest.mark.slow]


def test_versions_are_those_that_are_installed() -> None:
    """What `npm install` brings in the tutorial, `make clients` has brought here from a lock."""
    (package,) = (
        json.loads(block.text) for block in BLOCKS if block.title.endswith("package.json")
    )
    wanted = package["dependencies"] | package["devDependencies"]
    assert wanted == {name: _installed_version(name) for name in wanted}


@needs_chromium
async def test_page_shows_contacts_page_by_page(real_server: RealServer, tmp_path: Path) -> None:
    """Ten, ten more with each click on “More” up to the last, and none of them twice."""
    async with (
        served_page(real_server) as address,
        open_tab(tmp_path / "browser") as tab,
    ):
        await tab.open(address)
        for shown in range(PAGE_ROWS, CONTACTS, PAGE_ROWS):
            await tab.until(f"document.querySelectorAll('.contact').length === {shown}")
            await tab.click("button")
        await tab.until(f"document.querySelectorAll('.contact').length === {CONTACTS}")
        contacts, buttons = await tab.texts(".contact"), await tab.texts("button")
        assert sorted(contacts) == [f"Ada {number:02}, Acme" for number in range(CONTACTS)]
        assert (buttons, tab.mistakes) == ([], [])
        assert not any("authorization" in headers for _method, _path, headers in tab.requests)


@asynccontextmanager
async def served_page(server: RealServer) -> AsyncIterator[str]:
    """Where the page is, once what the tutorial says to type has been typed.

    The folder lies below that of the installed packages, where Node finds them: nothing is
    installed once more.
    """
    (command,) = commands(BLOCKS)
    assert command.printed is not None
    with copied() as folder:
        write_files(BLOCKS, folder / "tutorial")
        process = await asyncio.create_subprocess_exec(
            *("bash", "-euo", "pipefail", "-c", command.typed.replace("npm install\n", "")),
            env={
                "PATH": os.environ["PATH"],
                "HOME": str(folder),
                "API": server.http.removesuffix("/graphql"),
                "TOKEN": server.tokens[Role.VIEWER],
            },
            stdout=PIPE,
            stderr=STDOUT,
            start_new_session=True,
        )
        try:
            printed = await _printed(process)
            assert command.printed.is_printed(printed), printed
            found = re.search(r"http://localhost:\d+/", printed)
            assert found is not None
            yield found[0]
        finally:
            # npm leaves its children behind when it alone is told to end.
            os.killpg(process.pid, signal.SIGKILL)
            await process.communicate()


def _installed_version(name: str) -> str:
    package = INSTALLED / "node_modules" / name / "package.json"
    version: str = json.loads(package.read_text("utf-8"))["version"]
    return version


async def _printed(process: Process) -> str:
    """What Vite says until it is ready, without colours."""
    assert process.stdout is not None
    lines: list[str] = []
    async with asyncio.timeout(60):
        async for line in process.stdout:
            lines.append(re.sub(r"\x1b\[\d+m", "", line.decode()))
            if "Network:" in lines[-1]:
                break
    return "".join(lines)
