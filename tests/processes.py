"""Processes of the product for tests: started as a user would, found by what they say, ended.

A command is forked from a process that has imported the product already: nothing of it is another
than that of the console script, but for the seconds that Python takes to read all modules.
"""

import asyncio
import multiprocessing
import os
import signal
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Protocol

from sqlalchemy.engine import URL

from app.cli import main

COMMAND = Path(sys.executable).with_name("appointment360")
PATIENCE_SECONDS = 30.0

FORKED = multiprocessing.get_context("forkserver")
FORKED.set_forkserver_preload(["app.cli"])


class Started(Protocol):
    """A process, forked or started from nothing."""

    @property
    def pid(self) -> int:
        """Its number."""

    @property
    def returncode(self) -> int | None:
        """Its status; None while it runs."""

    @property
    def stderr(self) -> asyncio.StreamReader | None:
        """What it says."""

    async def wait(self) -> int | None:
        """Its status, once it has ended."""

    def send_signal(self, signal: int, /) -> None:
        """Send it a signal."""


class Forked:
    """A command in a fork of a process that has read all modules.

    Attributes:
        stderr: What it says.
    """

    def __init__(self, folder: Path, environment: Mapping[str, str], words: Sequence[str]) -> None:
        receiving, sending = FORKED.Pipe(duplex=False)
        self._process = FORKED.Process(
            target=_be_command, args=(folder, dict(environment), list(words), sending)
        )
        self._process.start()
        sending.close()
        self._receiving = receiving
        self.stderr: asyncio.StreamReader | None = None

    async def listen(self) -> None:
        """Read what it says from here on."""
        self.stderr = asyncio.StreamReader(limit=2**20)
        loop, reader = asyncio.get_running_loop(), self.stderr
        pipe = os.fdopen(os.dup(self._receiving.fileno()), "rb")
        await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), pipe)
        self._receiving.close()

    @property
    def pid(self) -> int:
        """Its number."""
        assert self._process.pid is not None
        return self._process.pid

    @property
    def returncode(self) -> int | None:
        """Its status; None while it runs."""
        return self._process.exitcode

    async def wait(self) -> int | None:
        """Its status, once it has ended."""
        await asyncio.to_thread(self._process.join)
        return self.returncode

    def send_signal(self, signal: int) -> None:
        """Send it a signal."""
        if self.returncode is None:
            os.kill(self.pid, signal)


def _be_command(
    folder: Path, environment: Mapping[str, str], words: Sequence[str], stderr: Connection
) -> None:
    """Be the console script."""
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    nothing = os.open(os.devnull, os.O_RDWR)
    for number, target in enumerate((nothing, nothing, stderr.fileno())):
        os.dup2(target, number)
    sys.stdin = os.fdopen(0, closefd=False)
    sys.argv = [str(COMMAND), *words]
    main()


class Process:
    """A running command.

    Attributes:
        said: The lines on its stderr until now.
    """

    def __init__(self, process: Started) -> None:
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
    environment = _environment(database_url, folder, settings)
    forked = await asyncio.to_thread(Forked, folder, environment, arguments)
    await forked.listen()
    async with _until_its_end(forked) as started:
        yield started


@asynccontextmanager
async def program(
    *words: str, database_url: URL, folder: Path, **settings: str
) -> AsyncIterator[Process]:
    """A program that reads the settings of the product, as `command` runs it."""
    process = await asyncio.create_subprocess_exec(
        *words,
        cwd=folder,
        env=_environment(database_url, folder, settings),
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
    )
    async with _until_its_end(process) as started:
        yield started


@asynccontextmanager
async def _until_its_end(process: Started) -> AsyncIterator[Process]:
    started = Process(process)
    try:
        yield started
    finally:
        with suppress(ProcessLookupError):
            started.signal(signal.SIGKILL)
        await started.ends()


def _environment(database_url: URL, folder: Path, settings: Mapping[str, str]) -> Mapping[str, str]:
    return {
        "PATH": os.environ["PATH"],
        "DATABASE_URL": database_url.render_as_string(hide_password=False),
        "DATABASE_POOL_SIZE": "5",
        "DATABASE_MAX_OVERFLOW": "10",
        "DATA_DIR": str(folder / "data"),
        **settings,
    }
