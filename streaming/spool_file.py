"""Files of exports: each operation waits for the disk in a thread, as `streaming.turns` has it."""

import os
from collections.abc import Callable
from functools import partial
from io import FileIO
from pathlib import Path
from types import TracebackType
from typing import Self

from streaming.turns import Turns

Opener = Callable[[str, int], int]
"""Takes a path and flags, gives a descriptor, as `os.open` does."""


class SteadyFile:
    """A file for one task; the block `async with` closes it."""

    def __init__(self) -> None:
        self._turns = Turns()
        self._file: FileIO | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        error_type: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self._turns.do(self._close)

    async def open(self, path: Path) -> None:
        """Open a file to read it.

        Raises:
            OSError: It cannot be opened, or is not there.
        """
        await self._turns.do(partial(self._open, path, "rb"))

    async def create(self, path: Path, opener: Opener) -> None:
        """Make a new file to write to.

        Raises:
            OSError: It cannot be made.
        """
        await self._turns.do(partial(self._open, path, "xb", opener))

    async def read_at(self, position: int, size: int) -> bytes:
        """Up to so many bytes; none at the end of the file."""
        return await self._turns.do(lambda: os.pread(self._opened.fileno(), size, position))

    async def write(self, data: bytes | bytearray) -> None:
        """Write all of it; it must not change meanwhile.

        Raises:
            OSError: There is no room, for instance.
        """
        await self._turns.do(partial(self._write, data))

    async def empty(self) -> None:
        """Begin anew with nothing."""
        await self._turns.do(self._empty)

    @property
    def _opened(self) -> FileIO:
        if self._file is None:
            raise ValueError("The file is not open.")
        return self._file

    def _open(self, path: Path, mode: str, opener: Opener | None = None) -> None:
        # Not a bare descriptor: should the loop end first, it is closed with what holds it.
        self._file = FileIO(path, mode, opener=opener)

    def _write(self, data: bytes | bytearray) -> None:
        with memoryview(data) as view:
            written = 0
            while written < len(view):
                written += self._opened.write(view[written:])

    def _empty(self) -> None:
        self._opened.truncate(0)
        self._opened.seek(0)

    def _close(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None
