"""One export: readers get exactly what was written, or learn that they do not."""

import asyncio
import errno
import hashlib
import os
import random
from contextlib import aclosing
from functools import partial
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from domain.errors import AppError, ErrorCode, InsufficientStorage, InvalidFilter
from domain.exports import Foreseen, Written
from streaming.spool import Sink, Spool, SpoolBroken
from streaming.spools import Spools
from tests.streaming.spooling import (
    BYTES,
    MIB,
    MOMENT,
    Faucet,
    about,
    everything,
    file_of,
    names,
    opened,
    pouring,
    until,
    written,
)


def pieces_of(content: bytes, *, most: int, seed: int = 1) -> list[bytes]:
    """The content in pieces of random lengths."""
    chance = random.Random(seed)  # noqa: S311  # any lengths
    pieces, start = [], 0
    while start < len(content):
        size = chance.randint(1, most)
        pieces.append(content[start : start + size])
        start += size
    return pieces


@pytest.mark.parametrize("size", [0, 1, MIB - 1, MIB, MIB + 1, len(BYTES)])
@pytest.mark.parametrize("chunk_bytes", [10_000, 2 * MIB])
async def test_bytes_return_exactly(spools: Spools, size: int, chunk_bytes: int) -> None:
    """Whatever their number; and the manifest proves it."""
    content = BYTES[:size]
    spool = await written(spools, *pieces_of(content, most=200_000))
    manifest = await spool.finished()
    assert await everything(spool, chunk_bytes=chunk_bytes) == content
    assert (manifest.bytes, manifest.sha256) == (size, hashlib.sha256(content).hexdigest())
    assert (spool.bytes, spool.rows) == (manifest.bytes, manifest.rows)


async def test_manifest_tells_all_that_proves_it(spools: Spools) -> None:
    """In the words of the route; rows are those that the source counted at its end."""

    async def source(sink: Sink) -> Written:
        sink.foresee(Foreseen(truncated=True, rows=2))
        await sink.write(b"a\nb\n", rows=1)
        return Written(rows=2, truncated=True, snapshot_at=MOMENT)

    spool = spools.begin(about(filter={"email": {"eq": "ada@example.com"}}), source)
    assert (await spool.finished()).to_json() == {
        "rows": 2,
        "bytes": 4,
        "sha256": hashlib.sha256(b"a\nb\n").hexdigest(),
        "truncated": True,
        "snapshotAt": "2026-11-23T09:30:00.123456Z",
        "filter": {"email": {"eq": "ada@example.com"}},
        "format": "JSONL",
        "complete": True,
    }
    assert spool.etag == f'"{spool.id.hex}"'
    assert spool.foreseen == Foreseen(truncated=True, rows=2)


async def test_ranges_are_slices(spools: Spools) -> None:
    """Of what grows and of what is finished, with ends behind the last byte as well."""
    chance = random.Random(3)  # noqa: S311  # any ranges
    faucet = Faucet(*pieces_of(BYTES, most=300_000))
    spool = spools.begin(about(), faucet)
    ranges = [(chance.randrange(len(BYTES)), chance.randrange(len(BYTES))) for _ in range(20)]
    ranges += [(0, 0), (5, 5), (len(BYTES) - 1, len(BYTES) + 9), (len(BYTES), len(BYTES) + 1)]
    readers = [asyncio.create_task(everything(spool, start, end)) for start, end in ranges]
    faucet.end()
    for (start, end), reader in zip(ranges, readers, strict=True):
        assert await reader == BYTES[start:end]
        assert await everything(spool, start, end) == BYTES[start:end]
    assert await everything(spool, 17) == BYTES[17:]


async def test_end_of_a_range_is_not_waited_behind(spools: Spools) -> None:
    """A reader has its range while the rest is not written."""
    spool = spools.begin(about(), Faucet(b"0123456789"))
    assert await everything(spool, 2, 6) == b"2345"
    assert spool.is_growing


async def test_many_readers_follow_at_their_own_speeds(spools: Spools, folder: Path) -> None:
    """Some wait for the writer, some are far behind it, some come later: all get the same."""
    faucet = Faucet()
    spool = spools.begin(about(), faucet)

    async def follow(chunk_bytes: int, turns: int) -> bytes:
        content = b""
        async with aclosing(spool.read(chunk_bytes=chunk_bytes)) as chunks:
            async for chunk in chunks:
                content += chunk
                for _ in range(turns):
                    await asyncio.sleep(0)
        return content

    speeds = [(2 * MIB, 0), (2 * MIB, 500), (70_000, 0), (70_000, 50), (9_999, 1)]
    readers = [asyncio.create_task(follow(*speed)) for speed in speeds]
    given = 0
    for number, piece in enumerate(pieces_of(BYTES, most=120_000)):
        faucet.give(piece)
        given += len(piece)
        if number % 10 == 0:
            await until(partial(_has, spool, given))
            readers.append(asyncio.create_task(follow(100_000, number)))
    faucet.end()
    contents = await asyncio.gather(*readers)
    assert contents == [BYTES] * len(readers)
    assert opened(folder) == []


def _has(spool: Spool, size: int) -> bool:
    return spool.bytes >= size


async def test_reader_sees_bytes_before_the_disk_does(spools: Spools, folder: Path) -> None:
    """A few bytes reach who waits for them, the first ones and those after them."""
    faucet = Faucet()
    spool = spools.begin(about(), faucet)
    async with aclosing(spool.read(chunk_bytes=100)) as chunks:
        for piece in (b"first", b"second", b"third"):
            faucet.give(piece)
            assert await anext(chunks) == piece
        assert (folder / f"{spool.id.hex}.part").stat().st_size == 0


async def test_begun_waits_for_enough(spools: Spools) -> None:
    """Not for less, and for no more."""
    faucet = Faucet(b"12")
    spool = spools.begin(about(), faucet)
    waiting = asyncio.create_task(spool.begun(enough_bytes=4, seconds=60))
    await until(lambda: spool.bytes == 2)
    assert not waiting.done()
    faucet.give(b"34")
    await waiting
    assert spool.is_growing


async def test_begun_is_content_with_one_byte_after_its_time(spools: Spools) -> None:
    """And waits for that one."""
    faucet = Faucet()
    spool = spools.begin(about(), faucet)
    waiting = asyncio.create_task(spool.begun(enough_bytes=100, seconds=0))
    await until(lambda: faucet.calls == 1)
    assert not waiting.done()
    faucet.give(b"1")
    await waiting


async def test_begun_returns_when_nothing_more_comes(spools: Spools) -> None:
    """An empty export begins with its end."""
    spool = spools.begin(about(), pouring())
    await spool.begun(enough_bytes=100, seconds=60)
    assert spool.manifest is not None


async def test_failure_breaks_readers(spools: Spools, folder: Path) -> None:
    """Who reads is cut off, who waits gets the error itself, and nothing is left."""
    faucet, error = Faucet(b"some"), InvalidFilter("No such field.")
    spool = spools.begin(about(), faucet)
    async with aclosing(spool.read(chunk_bytes=100)) as chunks:
        assert await anext(chunks) == b"some"
        faucet.give(error)
        with pytest.raises(SpoolBroken):
            await anext(chunks)
    for waiting in (spool.finished(), spool.begun(enough_bytes=1, seconds=0)):
        with pytest.raises(InvalidFilter) as raised:
            await waiting
        assert raised.value is error
    with pytest.raises(SpoolBroken):
        await everything(spool)
    assert (names(folder), opened(folder)) == ([], [])
    assert await spools.find(spool.id) is None


async def test_failure_is_told_when_its_file_is_gone_first(spools: Spools, folder: Path) -> None:
    """Who opens it between these two is not told that it has expired."""
    faucet = Faucet(b"some")
    spool = spools.begin(about(), faucet)
    await spool.begun(enough_bytes=4, seconds=60)
    file_of(folder, spool.id, ".part").unlink()
    reading = asyncio.create_task(everything(spool))
    for _ in range(10):  # it has looked for the file by then
        await asyncio.to_thread(bool)
    faucet.give(InvalidFilter("No such field."))
    with pytest.raises(SpoolBroken, match="No such field") as raised:
        await reading
    assert isinstance(raised.value.error, InvalidFilter)


async def test_bug_is_masked_and_logged(spools: Spools) -> None:
    """Its words are for the log alone."""
    with capture_logs() as logs:
        spool = spools.begin(about(), Faucet(LookupError("a password")))
        with pytest.raises(AppError) as raised:
            await spool.finished()
    assert raised.value.code is ErrorCode.INTERNAL_SERVER_ERROR
    assert "password" not in raised.value.message
    (line,) = (line for line in logs if line["event"] == "export_failed")
    assert isinstance(line["exc_info"], LookupError)


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
async def test_full_disk_is_told(spools: Spools, number: int) -> None:
    """By a code and what to do."""
    spool = spools.begin(about(), Faucet(OSError(number, "no room")))
    with capture_logs(), pytest.raises(InsufficientStorage, match="fewer rows"):
        await spool.begun(enough_bytes=1, seconds=60)


async def test_writing_goes_on_when_everybody_has_left(spools: Spools) -> None:
    """Whoever began it or read it may come back for the rest."""
    faucet = Faucet(b"one")

    async def request() -> None:
        await everything(spools.begin(about(request="cut"), faucet))

    asking = asyncio.create_task(request())
    await until(lambda: faucet.calls == 1)
    (spool,) = spools._growing.values()
    await until(lambda: spool.is_shown and spool.bytes == 3)
    asking.cancel()
    await asyncio.wait([asking])
    assert spool.is_left
    faucet.give(b"two")
    faucet.end()
    assert (await spool.finished()).bytes == 6
    assert await everything(spool, 3) == b"two"


async def test_reader_that_leaves_leaves_no_open_file(spools: Spools, folder: Path) -> None:
    """Between two chunks, or in the middle of reading one."""
    spool = await written(spools, BYTES)
    async with aclosing(spool.read(chunk_bytes=1000)) as chunks:
        await anext(chunks)
        assert len(opened(folder)) == 1
    assert opened(folder) == []
    for turns in range(12):
        reading = asyncio.create_task(everything(spool, chunk_bytes=1000))
        for _ in range(turns):
            await asyncio.sleep(0)
        reading.cancel()
        await asyncio.wait([reading])
        await until(lambda: opened(folder) == [])


async def test_file_that_is_removed_is_read_to_its_end(spools: Spools, folder: Path) -> None:
    """Whoever has begun to read is not disturbed."""
    spool = await written(spools, BYTES)
    async with aclosing(spool.read(chunk_bytes=100_000)) as chunks:
        content = await anext(chunks)
        for name in names(folder):
            (folder / name).unlink()
        content += b"".join([chunk async for chunk in chunks])
    assert content == BYTES
    with pytest.raises(SpoolBroken, match="expired"):
        await everything(spool)


async def test_file_that_was_cut_is_told(spools: Spools, folder: Path) -> None:
    """A short file never looks whole."""
    spool = await written(spools, BYTES)
    os.truncate(folder / f"{spool.id.hex}.data", 1000)
    with pytest.raises(SpoolBroken):
        await everything(spool)
    assert await spools.find(spool.id) is None
