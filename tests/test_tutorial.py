"""The tutorial does what it says: every command runs in one shell, and prints what stands there."""

import asyncio
import os
import re
import sys
from asyncio.subprocess import PIPE, STDOUT
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final

import pytest
from sqlalchemy.engine import URL
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from app.asgi import create_app
from domain.enums import Role
from tests.apps import STRANGER, open_app
from tests.factories import make_contact
from tests.processes import Process, command
from tests.served import serving
from tests.tutorial import ADDRESS, TUTORIAL, chapter, commands, write_files

START: Final = chapter("1 Start", "9 A page in React")
PAGE: Final = chapter("9 A page in React")
"""Tested with the clients under Node."""

_NEXT: Final = "--- next command ---"
_SECONDS: Final = 120
_REFUSALS: Final = (429, 503)


@pytest.fixture
async def server(database_url: URL, tmp_path: Path) -> AsyncIterator[Process]:
    """What `make run` starts, at another port."""
    words = ("serve", "--demo", "--port=0")
    async with command(*words, database_url=database_url, folder=tmp_path) as process:
        await process.says("Loading demo records")
        await process.says("curl")
        yield process


async def test_commands_print_what_the_tutorial_says(
    server: Process, database_url: URL, tmp_path: Path
) -> None:
    """All of them in their order, from a new user to the client in Python."""
    address = _address(server)
    start, *typed = commands(START)
    assert start.typed == "make run\n"
    assert start.printed is not None
    assert start.printed.is_printed(_told(server).replace(address, ADDRESS))

    write_files(START, tmp_path / "tutorial")
    script = f"\necho '{_NEXT}'\n".join(each.typed for each in typed)
    output = await _run(
        script.replace(ADDRESS, address),
        folder=_repository(tmp_path),
        HOME=str(tmp_path),
        DATABASE_URL=database_url.render_as_string(hide_password=False),
        DATA_DIR=str(tmp_path / "data"),
    )
    outputs = output.split(f"{_NEXT}\n")
    assert len(outputs) == len(typed)
    for each, printed in zip(typed, outputs, strict=True):
        if each.printed is None:
            assert printed.strip() == "", each.typed
        else:
            assert each.printed.is_printed(printed), f"{each.typed}\n{printed}"


def test_every_block_is_executed() -> None:
    """None stands in a chapter that no test reads, or is neither command, output nor file."""
    fences = re.findall(r"^```.*$", TUTORIAL.read_text("utf-8"), re.MULTILINE)
    blocks = [*START, *PAGE]
    assert len(fences) == 2 * len(blocks)
    printed = [command.printed for command in commands(START) + commands(PAGE) if command.printed]
    assert printed == [block for block in blocks if block.language == "text"]
    assert all(bool(block.title) != (block.language in {"sh", "text"}) for block in blocks)


async def test_client_comes_back_when_it_is_told_to(database_url: URL, tmp_path: Path) -> None:
    """After as many seconds as a door asks for that is full; then it has every contact once."""
    write_files(START, tmp_path)
    async with open_app(database_url, tmp_path / "data") as app:
        await make_contact(app.resources.database, first_name="Ada")
        async with serving(_refusing_first(create_app(app.resources))) as served:
            output = await _run(
                "python3 contacts.py",
                folder=tmp_path,
                API=served.http,
                TOKEN=app.resources.tokens.issue(STRANGER, Role.VIEWER, ttl_seconds=600),
            )
    *waits, contact = output.splitlines()
    assert waits == [f"{status}: trying again in 1 s" for status in _REFUSALS]
    assert contact.split("\t")[1] == "Ada"


def _refusing_first(app: ASGIApp) -> ASGIApp:
    """A door before the application that is full at first, as one of a proxy may be."""
    left = list(_REFUSALS)

    async def door(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and left:
            await Response(status_code=left.pop(0), headers={"Retry-After": "1"})(
                scope, receive, send
            )
        else:
            await app(scope, receive, send)

    return door


def _address(server: Process) -> str:
    found = re.search(r"GraphQL +(\S+)/graphql", "\n".join(server.said))
    assert found is not None
    return found[1]


def _told(server: Process) -> str:
    """What the server says to a newcomer, up to what the tutorial leaves out."""
    said = "\n".join(server.said)
    return said[said.index("Appointment360 is ready.") : said.index("The first admin")]


def _repository(folder: Path) -> Path:
    """A folder in which commands of the product are where they are in the repository."""
    repository = folder / "repository"
    repository.mkdir()
    (repository / ".venv").symlink_to(sys.prefix)
    return repository


async def _run(script: str, *, folder: Path, **environment: str) -> str:
    """All that a script prints which nothing may fail in; its Python is that of the tests."""
    process = await asyncio.create_subprocess_exec(
        "bash",
        "-euo",
        "pipefail",
        "-c",
        script,
        cwd=folder,
        env={"PATH": f"{sys.base_prefix}/bin:{os.environ['PATH']}", **environment},
        stdout=PIPE,
        stderr=STDOUT,
    )
    async with asyncio.timeout(_SECONDS):
        printed, _ = await process.communicate()
    assert process.returncode == 0, printed.decode()
    return printed.decode()
