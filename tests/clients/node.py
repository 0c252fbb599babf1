"""The clients under Node, as processes of their own; `make clients` installs them."""

import asyncio
import hashlib
import json
import shutil
import sys
import tempfile
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any, Final

import pytest

SOURCE: Final = Path(__file__).parent
INSTALLED: Final = Path(sys.prefix) / "clients"
NODE: Final = shutil.which("node")

_SCRIPT_SECONDS: Final = 120


def _why_not() -> str:
    """Why the clients cannot be run here; empty when they can."""
    if NODE is None:
        return "node is not on PATH"
    lock, stamp = SOURCE / "package-lock.json", INSTALLED / ".installed"
    wanted = hashlib.sha256(lock.read_bytes()).hexdigest()
    if not stamp.exists() or stamp.read_text().strip() != wanted:
        return "the clients under Node are not installed: run `make clients`"
    return ""


needs_node = pytest.mark.skipif(bool(_why_not()), reason=_why_not())
"""Skips where the clients cannot be run, and says why."""


class Told:
    """What a client is told."""

    def __init__(self, process: Process) -> None:
        self.process = process

    async def next(self) -> Any:
        """The next line it prints; None at its end."""
        assert self.process.stdout is not None
        async with asyncio.timeout(30):
            line = await self.process.stdout.readline()
        return json.loads(line) if line else None

    async def all(self) -> list[Any]:
        """Everything up to its end."""
        told = []
        while (line := await self.next()) is not None:
            told.append(line)
        return told

    def stop(self) -> None:
        """Have the client unsubscribe."""
        assert self.process.stdin is not None
        self.process.stdin.write(b"stop\n")


@contextmanager
def copied() -> Iterator[Path]:
    """A folder with all scripts in which they find their packages; a run may write there."""
    with tempfile.TemporaryDirectory(prefix="run-", dir=INSTALLED) as name:
        folder = Path(name)
        for script in SOURCE.glob("*.js"):
            shutil.copy(script, folder)
        shutil.copytree(SOURCE / "scripts", folder, dirs_exist_ok=True)
        yield folder


@asynccontextmanager
async def node_client(
    protocol: str, host: str, query: str, *, authorization: str
) -> AsyncIterator[Told]:
    """A client that follows one operation of the server at `host:port`."""
    scheme = "ws" if protocol == "graphql-ws" else "http"
    with copied() as folder:
        process = await asyncio.create_subprocess_exec(
            str(NODE),
            "follow.js",
            protocol,
            f"{scheme}://{host}/graphql",
            authorization,
            query,
            cwd=folder,
            stdin=PIPE,
            stdout=PIPE,
        )
        try:
            yield Told(process)
        finally:
            await _end(process)


async def run_script(name: str, server: dict[str, Any]) -> dict[str, str | None]:
    """The checks of a script by their names, with what failed.

    Args:
        server: What the script is told of the server.
    """
    with copied() as folder:
        process = await asyncio.create_subprocess_exec(
            str(NODE), name, json.dumps(server), cwd=folder, stdout=PIPE, stderr=PIPE
        )
        try:
            async with asyncio.timeout(_SCRIPT_SECONDS):
                told, said = await process.communicate()
        finally:
            await _end(process)
    assert process.returncode == 0, said.decode()
    lines = [json.loads(line) for line in told.splitlines()]
    return {line["check"]: line["failed"] for line in lines}


async def _end(process: Process) -> None:
    if process.returncode is None:
        process.kill()
    await process.wait()
