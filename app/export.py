"""Exports from the command line: the same rows and bytes as the routes give, into a file or a pipe.

A file has its name only once it is whole: a short one never looks like the answer.
"""

import hashlib
import os
import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final

import aiofiles

from db.exports import count_export
from db.transaction import Database
from domain.exports import Export, Foreseen, Written
from streaming.copying import write_export

_BLOCK_BYTES: Final = 1 << 20

Progress = Callable[[int, int], None]
"""Is told how many rows are written, and of how many."""


@dataclass(frozen=True, kw_only=True)
class Exported:
    """What was written.

    Attributes:
        sha256: Of all bytes, in hexadecimal digits.
    """

    written: Written
    bytes: int
    sha256: str


async def export_to(
    database: Database, export: Export, target: Path | None, *, progress: Progress
) -> Exported:
    """Write an export into a file, or to stdout without one.

    Raises:
        InvalidInput: Of its columns, its order or its filter.
        Unavailable: PostgreSQL does not answer, or went away.
        OSError: The file cannot be written.
    """
    with whole_file(target) as file:
        total = await count_export(database, export)
        writer = _Writer(file, lambda rows: progress(min(rows, total), total))
        written = await write_export(database, export, writer)
        await writer.flush()
    return Exported(written=written, bytes=writer.bytes, sha256=writer.digest.hexdigest())


class _Writer:
    """Takes an export, and writes it in blocks."""

    def __init__(self, file: BinaryIO, tell: Callable[[int], None]) -> None:
        self._file = aiofiles.threadpool.wrap(file)
        self._tell = tell
        self._waiting = bytearray()
        self._rows = 0
        self.bytes = 0
        self.digest = hashlib.sha256()

    def foresee(self, foreseen: Foreseen) -> None:
        """The rows were counted before."""

    async def write(self, data: bytes, *, rows: int = 0) -> None:
        """Take bytes in which there are about so many rows."""
        self._waiting += data
        self._rows += rows
        if len(self._waiting) >= _BLOCK_BYTES:
            await self.flush()

    async def flush(self) -> None:
        """Write what is waiting."""
        block, self._waiting = bytes(self._waiting), bytearray()
        self.digest.update(block)
        self.bytes += len(block)
        await self._file.write(block)
        await self._file.flush()
        self._tell(self._rows)


@contextmanager
def whole_file(target: Path | None) -> Iterator[BinaryIO]:
    """What is written to; a file gets its name at the end, with the mode of the one before.

    Without a target that is stdout.
    """
    if target is None:
        yield sys.stdout.buffer
        return
    place = target.resolve()
    if place.exists() and not place.is_file():
        # A pipe or a device is written to; a folder cannot be.
        with place.open("wb") as file:
            yield file
        return
    unfinished = place.with_name(f".{place.name}.{os.getpid()}.part")
    try:
        with unfinished.open("wb") as file:
            yield file
        if place.exists():
            shutil.copymode(place, unfinished)
        unfinished.replace(place)
    finally:
        unfinished.unlink(missing_ok=True)
