"""Exports as their tests need them: sources that do as they are told, and what they leave."""

import asyncio
import os
import random
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

from domain.exports import ExportFormat, Written
from streaming.manifests import About
from streaming.spool import Sink, Spool
from streaming.spools import Sleep, Spools, SpoolSettings, open_spools

MOMENT = datetime(2026, 11, 23, 9, 30, 0, 123456, tzinfo=UTC)
OWNER = uuid4()
PLENTY = 2**30

MIB = 2**20
BYTES = random.Random(7).randbytes(3 * MIB + 12_345)  # noqa: S311  # any bytes


class Faucet:
    """A source that writes what it is given, when it is given; an error is raised.

    Attributes:
        calls: How often it was begun.
    """

    def __init__(self, *given: bytes | BaseException) -> None:
        self.calls = 0
        self._given = asyncio.Queue[bytes | BaseException | None]()
        self.give(*given)

    def give(self, *given: bytes | BaseException) -> None:
        """Have it write this next."""
        for piece in given:
            self._given.put_nowait(piece)

    def end(self) -> None:
        """Have it come to its end after that."""
        self._given.put_nowait(None)

    async def __call__(self, sink: Sink) -> Written:
        self.calls += 1
        rows = 0
        while (given := await self._given.get()) is not None:
            if isinstance(given, BaseException):
                raise given
            await sink.write(given, rows=given.count(b"\n"))
            rows += given.count(b"\n")
        return Written(rows=rows, truncated=False, snapshot_at=MOMENT)


def pouring(*pieces: bytes) -> Faucet:
    """A source that writes all this."""
    faucet = Faucet(*pieces)
    faucet.end()
    return faucet


def about(owner: UUID = OWNER, **given: Any) -> About:
    """What an export is of."""
    told = {"entity": "contacts", "format": ExportFormat.JSONL, "request": "a digest"}
    return About(**{"owner": owner, **told, **given})


@asynccontextmanager
async def spools_in(
    folder: Path, *, sleep: Sleep = asyncio.sleep, **given: Any
) -> AsyncIterator[Spools]:
    """Exports in a folder, with room for many."""
    usual = {"ttl_seconds": 600.0, "quota_bytes": PLENTY, "most_of_one_owner": 100}
    usual |= {"promised_share": 1.0}
    settings = SpoolSettings(**{**usual, **given})
    async with open_spools(folder, settings, sleep=sleep) as spools:
        yield spools


async def written(spools: Spools, *pieces: bytes, **given: Any) -> Spool:
    """An export that is finished."""
    spool = spools.begin(about(**given), pouring(*pieces))
    await spool.finished()
    return spool


async def everything(
    spool: Spool, start: int = 0, end: int | None = None, *, chunk_bytes: int = 2**16
) -> bytes:
    """What a reader gets."""
    chunks = [chunk async for chunk in spool.read(start, end, chunk_bytes=chunk_bytes)]
    assert all(0 < len(chunk) <= chunk_bytes for chunk in chunks)
    return b"".join(chunks)


async def until(condition: Callable[[], bool]) -> None:
    """Wait for a condition, at most ten seconds."""
    async with asyncio.timeout(10):
        while True:
            if condition():
                return
            await asyncio.sleep(0.001)


def file_of(folder: Path, spool_id: UUID, suffix: str) -> Path:
    """A file of an export."""
    return folder / f"{spool_id.hex}{suffix}"


def names(folder: Path) -> Sequence[str]:
    """What lies in a folder."""
    return sorted(path.name for path in folder.iterdir())


def opened(folder: Path) -> Sequence[str]:
    """What this process holds open of a folder, also what was removed from it."""
    links = Path("/proc/self/fd").iterdir()
    targets = [link.readlink() for link in links if link.is_symlink()]
    return [str(target) for target in targets if target.is_relative_to(folder)]


def aged(path: Path, seconds: float) -> None:
    """Have a file be older."""
    moment = path.stat().st_mtime - seconds
    os.utime(path, (moment, moment))


class Pauses:
    """Passes pauses at once, and remembers them."""

    def __init__(self) -> None:
        self.seconds: list[float] = []

    async def __call__(self, seconds: float) -> None:
        self.seconds.append(seconds)
