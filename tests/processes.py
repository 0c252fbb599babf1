"""Processes of the product for tests: started as a user would, found by what they say, ended."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

from sqlalchemy.engine import URL

COMMAND = Path(sys.executable).with_name("appointment360")
PATIENCE_SECONDS = 30.0


class Process:
    """A running command.

    Attributes:
        said: The lines on its stderr until now.
    """

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        self.said: list[str] = []
        self._grown = asyncio.Condition()
        self._is_silent = False
        self._reading = asyncio.create_task(self._read())

    async def says(self, text: str) -> str:
        """The line that has this text, once it is there."""
        with suppress(TimeoutError):
            async with asyncio.timeout(PATIENCE_SECONDS), self._grown:
                await self._grown.wait_for(lambda: self._find(text) or self._is_silent)
        found = self._find(text)
        assert found is not None, "\n".join(self.said)
        return found

    def _find(self, text: str) -> str | None:
        return next((line for line in self.said if text in line), None)

    async def ends(self) -> int | None:
        """Its status, once it has ended."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            await self.process.wait()
            await self._reading
        return self.process.returncode

    def signal(self, number: int) -> None:
        """Send it a signal."""
        self.process.send_signal(number)

    async def _read(self) -> None:
        assert self.process.stderr is not None
        async for line in self.process.stderr:
            async with self._grown:
                self.said.append(line.decode().rstrip())
                self._grown.notify_all()
        async with self._grown:
            self._is_silent = True
            self._grown.notify_all()


@asynccontextmanager
async def command(
    *arguments: str, database_url: URL, folder: Path, **settings: str
) -> AsyncIterator[Process]:
    """`appointment360 …` on a database; killed at the end of the block if it still runs."""
    words = (str(COMMAND), *arguments)
    async with program(*words, database_url=database_url, folder=folder, **settings) as started:
        yield started


@asynccontextmanager
async def program(
    *words: str, database_url: URL, folder: Path, **settings: str
) -> AsyncIterator[Process]:
    """A program that reads the settings of the product, as `command` runs it."""
    process = await asyncio.create_subprocess_exec(
        *words,
        cwd=folder,
        env={
            "PATH": os.environ["PATH"],
            "DATABASE_URL": database_url.render_as_string(hide_password=False),
            "DATABASE_POOL_SIZE": "5",
            "DATABASE_MAX_OVERFLOW": "10",
            "DATA_DIR": str(folder / "data"),
            **settings,
        },
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
    )
    started = Process(process)
    try:
        yield started
    finally:
        with suppress(ProcessLookupError):
            process.kill()
        await started.ends()
