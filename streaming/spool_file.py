"""Files of exports: each operation waits for the disk in a thread, as `streaming.turns` has it."""

import os
from collections.abc import Callable
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from streaming.turns import Turns

Opener = Callable[[str, int], int]
"""Takes a path and flags, gives a descriptor, as `os.open` does."""

_NEW: Final = os.O_WRONLY | os.O_CREAT | os.O_EXCL


class SteadyFile:
    """A file for one task; the block `async with` closes it."""

    def __init__(self) -> None:
        self._turns = Turns()
        self._descriptor: int | None = None

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
        await self._turns.do(partial(self._open, path, os.O_RDONLY, os.open))

    async def create(self, path: Path, opener: Opener) -> None:
        """Make a new file to write to.

        Raises:
            OSError: It cannot be made.
        """
        await self._turns.do(partial(self._open, path, _NEW, opener))

    async def read_at(self, position: int, size: int) -> bytes:
        """Up to so many bytes; none at the end of the file."""
        return await self._turns.do(lambda: os.pread(self._opened, size, position))

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
    def _opened(self) -> int:
        if self._descriptor is None:
            raise ValueError("The file is not open.")
        return self._descriptor

    def _open(self, path: Path, flags: int, opener: Opener) -> None:
        self._descriptor = opener(str(path), flags)

    def _write(self, data: bytes | bytearray) -> None:
        with memoryview(data) as view:
            written = 0
            while written < len(view):
                written += os.write(self._opened, view[written:])

    def _empty(self) -> None:
        os.ftruncate(self._opened, 0)
        os.lseek(self._opened, 0, os.SEEK_SET)

    def _close(self) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None
