"""The clients under Node, as processes of their own; `make clients` installs them."""

import asyncio
import hashlib
import json
import shutil
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

_SOURCE = Path(__file__).parent
_INSTALLED = Path(sys.prefix) / "clients"
_NODE = shutil.which("node")


def _why_not() -> str:
    """Why the clients cannot be run here; empty when they can."""
    if _NODE is None:
        return "node is not on PATH"
    lock, stamp = _SOURCE / "package-lock.json", _INSTALLED / ".installed"
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


@asynccontextmanager
async def node_client(
    protocol: str, host: str, query: str, *, authorization: str
) -> AsyncIterator[Told]:
    """A client that follows one operation of the server at `host:port`."""
    shutil.copy(_SOURCE / "follow.js", _INSTALLED)
    scheme = "ws" if protocol == "graphql-ws" else "http"
    process = await asyncio.create_subprocess_exec(
        str(_NODE),
        str(_INSTALLED / "follow.js"),
        protocol,
        f"{scheme}://{host}/graphql",
        authorization,
        query,
        stdin=PIPE,
        stdout=PIPE,
    )
    try:
        yield Told(process)
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()
