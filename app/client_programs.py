"""pg_dump, pg_restore and psql, run on a database: its address goes by the environment alone.

Whoever lists the processes of a machine sees their words, and passwords are not among them.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Final, cast

from sqlalchemy.engine import URL

from app.embedded.binaries import binaries, environment, tail
from db.client_environment import client_environment

_BLOCK_BYTES: Final = 2**20
_MAX_WORDS_BYTES: Final = 2**16


class ProgramFailed(Exception):
    """It ended before its time; the message is the end of what it said.

    Attributes:
        status: With which one; negative for a signal.
    """

    def __init__(self, words: str, status: int) -> None:
        super().__init__(words)
        self.status = status


class Program:
    """A program that runs.

    Args:
        stderr: What it says; it always has one, and the others as it was started.
    """

    def __init__(
        self, name: str, process: asyncio.subprocess.Process, stderr: asyncio.StreamReader
    ) -> None:
        self.name = name
        self._process = process
        self._listening = asyncio.create_task(_end_of(stderr))

    async def write(self, data: bytes) -> None:
        """Give it more of its input, once it has taken most of what came before.

        Raises:
            ProgramFailed: It has ended.
        """
        try:
            if self._process.stdin is not None:
                self._process.stdin.write(data)
                await self._process.stdin.drain()
        except (BrokenPipeError, ConnectionResetError):
            raise await self._failure() from None

    def close(self) -> None:
        """Tell it that its input is over."""
        if self._process.stdin is not None:
            self._process.stdin.close()

    async def blocks(self) -> AsyncIterator[bytes]:
        """What it writes, until its end.

        Raises:
            ProgramFailed: That was no good one.
        """
        written = self._process.stdout
        while written is not None and (block := await written.read(_BLOCK_BYTES)):
            yield block
        await self.ends()

    async def ends(self) -> None:
        """Wait for its end.

        Raises:
            ProgramFailed: It was no good one.
        """
        if await self._process.wait():
            raise await self._failure()

    async def kill(self) -> None:
        """Have it ended, whatever it is at."""
        with suppress(ProcessLookupError):
            self._process.kill()
        # It does not count as ended before all it has written is read.
        while self._process.stdout is not None and await self._process.stdout.read(_BLOCK_BYTES):
            pass
        await self._process.wait()
        await self._listening

    async def _failure(self) -> ProgramFailed:
        status = await self._process.wait()
        return ProgramFailed(tail(await self._listening) or f"{self.name} ended.", status)


@asynccontextmanager
async def running(
    name: str,
    *words: str,
    url: URL | None = None,
    application_name: str = "appointment360",
    takes: bool = False,
    gives: bool = False,
) -> AsyncIterator[Program]:
    """A program of PostgreSQL, which is over at the end of the block.

    Args:
        url: The database it works on; None for one that works on none.
        takes: It is given input.
        gives: What it writes is read.

    Raises:
        EmbeddedServerError: The programs are not installed.
    """
    told = {} if url is None else client_environment(url, application_name=application_name)
    pipe, nothing = asyncio.subprocess.PIPE, asyncio.subprocess.DEVNULL
    process = await asyncio.create_subprocess_exec(
        str(binaries() / name),
        *words,
        env=environment() | told,
        stdin=pipe if takes else nothing,
        stdout=pipe if gives else nothing,
        stderr=pipe,
        limit=_BLOCK_BYTES,
        # Ctrl-C is for us: we end them.
        start_new_session=True,
    )
    program = Program(name, process, cast("asyncio.StreamReader", process.stderr))
    try:
        yield program
    finally:
        await program.kill()


async def _end_of(stderr: asyncio.StreamReader) -> str:
    """The last of what a program says, once it has said all."""
    said = b""
    while more := await stderr.read(_MAX_WORDS_BYTES):
        said = (said + more)[-_MAX_WORDS_BYTES:]
    return said.decode(errors="replace")
