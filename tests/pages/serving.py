"""Servers whose pages are opened in a browser."""

import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy.engine import URL

from tests.processes import Process, command
from tests.races.places import place_of


@dataclass
class Served:
    """A server process with its worker.

    Attributes:
        port: At 127.0.0.1.
        token: Of an admin.
    """

    process: Process
    port: int
    token: str

    @property
    def address(self) -> str:
        """Where it answers."""
        return f"http://127.0.0.1:{self.port}"

    def page(self, path: str, token: str | None = None) -> str:
        """A page, with a token in its address: the admin's, if no other is given."""
        return f"{self.address}{path}#token={token or self.token}"

    async def kill(self) -> None:
        """End it in the middle of its work."""
        self.process.signal(signal.SIGKILL)
        await self.process.ends()


@asynccontextmanager
async def serving(
    database_url: URL, folder: Path, *words: str, port: int = 0, **settings: str
) -> AsyncIterator[Served]:
    """`appointment360 serve` at a port."""
    arguments = ("serve", f"--port={port}", *words)
    async with command(*arguments, database_url=database_url, folder=folder, **settings) as process:
        place = await place_of(process)
        yield Served(process, place.port, place.token)
