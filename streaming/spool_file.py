"""Files whose operations end even when nobody waits for them any more.

An operation runs in a thread, and nothing stops a thread. A file that were closed while one is
about to read from it could have given its number to another file by then. So every operation is a
task of its own, which no cancellation reaches, and closing waits for its turn behind the others.
"""

import asyncio
from collections.abc import Callable, Coroutine
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

import aiofiles
from aiofiles.threadpool.binary import AsyncFileIO

T = TypeVar("T")

Opener = Callable[[str, int], int]
"""Takes a path and flags, gives a descriptor: what `open` calls instead of `os.open`."""


class SteadyFile:
    """A file for one task; the block `async with` closes it."""

    def __init__(self) -> None:
        self._turn = asyncio.Lock()
        self._position = 0
        self._opened: AsyncFileIO | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        error_type: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self._do(self._close())

    async def open(self, path: Path) -> None:
        """Open a file to read it.

        Raises:
            OSError: It cannot be opened, or is not there.
        """
        await self._do(self._open(path))

    async def create(self, path: Path, opener: Opener) -> None:
        """Make a new file to write to.

        Raises:
            OSError: It cannot be made.
        """
        await self._do(self._create(path, opener))

    async def read_at(self, position: int, size: int) -> bytes:
        """Up to so many bytes; none at the end of the file."""
        return await self._do(self._read_at(position, size))

    async def write(self, data: bytes | bytearray) -> None:
        """Write all of it; it must not change meanwhile.

        Raises:
            OSError: There is no room, for instance.
        """
        await self._do(self._write(data))

    async def empty(self) -> None:
        """Begin anew with nothing."""
        await self._do(self._empty())

    async def _do(self, operation: Coroutine[Any, Any, T]) -> T:
        return await asyncio.shield(asyncio.create_task(self._in_turn(operation)))

    async def _in_turn(self, operation: Coroutine[Any, Any, T]) -> T:
        async with self._turn:
            return await operation

    @property
    def _file(self) -> AsyncFileIO:
        if self._opened is None:
            raise ValueError("The file is not open.")
        return self._opened

    async def _open(self, path: Path) -> None:
        self._opened = await aiofiles.open(path, "rb", buffering=0)

    async def _create(self, path: Path, opener: Opener) -> None:
        self._opened = await aiofiles.open(path, "xb", buffering=0, opener=opener)

    async def _read_at(self, position: int, size: int) -> bytes:
        if position != self._position:
            await self._file.seek(position)
        data = await self._file.read(size)
        self._position = position + len(data)
        return data

    async def _write(self, data: bytes | bytearray) -> None:
        with memoryview(data) as view:
            written = 0
            while written < len(view):
                written += await self._file.write(view[written:])

    async def _empty(self) -> None:
        await self._file.truncate(0)
        await self._file.seek(0)

    async def _close(self) -> None:
        if self._opened is not None:
            await self._opened.close()
            self._opened = None
