"""One export: readers get exactly what was written, or learn that they do not."""

import asyncio
import errno
import hashlib
import os
import random
from collections.abc import AsyncIterator
from contextlib import aclosing, suppress
from functools import partial
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from domain.errors import (
    AppError,
    ConnectionLost,
    ErrorCode,
    InsufficientStorage,
    InvalidFilter,
    Unavailable,
)
from domain.exports import Foreseen, Written
from streaming.spool import Sink, Spool, SpoolBroken
from streaming.spools import Spools
from tests.streaming.spooling import (
    MOMENT,
    Faucet,
    about,
    everything,
    file_of,
    names,
    opened,
    pouring,
    spools_in,
    until,
    written,
)

_MIB = 2**20
_BYTES = random.Random(7).randbytes(3 * _MIB + 12_345)  # noqa: S311  # any bytes


class Pauses:
    """Passes pauses at once, and remembers them."""

    def __init__(self) -> None:
        self.seconds: list[float] = []

    async def __call__(self, seconds: float) -> None:
        self.seconds.append(seconds)


@pytest.fixture
def pauses() -> Pauses:
    return Pauses()


@pytest.fixture
async def spools(tmp_path: Path, pauses: Pauses) -> AsyncIterator[Spools]:
    async with spools_in(tmp_path / "spool", sleep=pauses) as opened_spools:
        yield opened_spools


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "spool"


def pieces_of(content: bytes, *, most: int, seed: int = 1) -> list[bytes]:
    """The content in pieces of random lengths."""
    chance = random.Random(seed)  # noqa: S311  # any lengths
    pieces, start = [], 0
    while start < len(content):
        size = chance.randint(1, most)
        pieces.append(content[start : start + size])
        start += size
    return pieces


@pytest.mark.parametrize("size", [0, 1, _MIB - 1, _MIB, _MIB + 1, len(_BYTES)])
@pytest.mark.parametrize("chunk_bytes", [10_000, 2 * _MIB])
async def test_bytes_return_exactly(spools: Spools, size: int, chunk_bytes: int) -> None:
    """Whatever their number; and the manifest proves it."""
    content = _BYTES[:size]
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
    faucet = Faucet(*pieces_of(_BYTES, most=300_000))
    spool = spools.begin(about(), faucet)
    ranges = [(chance.randrange(len(_BYTES)), chance.randrange(len(_BYTES))) for _ in range(20)]
    ranges += [(0, 0), (5, 5), (len(_BYTES) - 1, len(_BYTES) + 9), (len(_BYTES), len(_BYTES) + 1)]
    readers = [asyncio.create_task(everything(spool, start, end)) for start, end in ranges]
    faucet.end()
    for (start, end), reader in zip(ranges, readers, strict=True):
        assert await reader == _BYTES[start:end]
        assert await everything(spool, start, end) == _BYTES[start:end]
    assert await everything(spool, 17) == _BYTES[17:]


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

    speeds = [(2 * _MIB, 0), (2 * _MIB, 500), (70_000, 0), (70_000, 50), (9_999, 1)]
    readers = [asyncio.create_task(follow(*speed)) for speed in speeds]
    given = 0
    for number, piece in enumerate(pieces_of(_BYTES, most=120_000)):
        faucet.give(piece)
        given += len(piece)
        if number % 10 == 0:
            await until(partial(_has, spool, given))
            readers.append(asyncio.create_task(follow(100_000, number)))
    faucet.end()
    contents = await asyncio.gather(*readers)
    assert contents == [_BYTES] * len(readers)
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


async def test_source_is_tried_again_before_anything_is_shown(
    spools: Spools, pauses: Pauses, folder: Path
) -> None:
    """Only the bytes and rows of the last attempt are left, also of those that were on the disk."""
    faucet = Faucet(_BYTES, ConnectionLost("cut"), b"x\n", ConnectionLost("cut"), b"y\nz\n")
    faucet.end()
    with capture_logs() as logs:
        spool = spools.begin(about(), faucet)
        manifest = await spool.finished()
    assert await everything(spool) == b"y\nz\n"
    assert (manifest.rows, manifest.sha256) == (2, hashlib.sha256(b"y\nz\n").hexdigest())
    assert faucet.calls == 3
    assert 0.05 <= pauses.seconds[0] <= 0.15
    assert 0.1 <= pauses.seconds[1] <= 0.3
    assert [line["event"] for line in logs] == ["export_retried"] * 2 + ["export_written"]
    assert names(folder) == [f"{spool.id.hex}.data", f"{spool.id.hex}.json"]


async def test_tries_come_to_an_end(spools: Spools, pauses: Pauses) -> None:
    """After three more the last error is told."""
    faucet = Faucet(*(Unavailable(f"error {number}") for number in range(9)))
    spool = spools.begin(about(), faucet)
    with pytest.raises(Unavailable, match="error 3"):
        await spool.finished()
    assert (faucet.calls, len(pauses.seconds)) == (4, 3)


async def test_nothing_is_tried_again_after_begun_has_returned(spools: Spools) -> None:
    """Headers may have been sent by then."""
    faucet = Faucet(b"some")
    spool = spools.begin(about(), faucet)
    await spool.begun(enough_bytes=4, seconds=60)
    faucet.give(ConnectionLost("cut"))
    with pytest.raises(ConnectionLost):
        await spool.finished()
    assert faucet.calls == 1


async def test_nothing_is_tried_again_under_a_reader(spools: Spools) -> None:
    """Two snapshots are never spliced."""
    faucet = Faucet()
    spool = spools.begin(about(), faucet)
    async with aclosing(spool.read(chunk_bytes=100)) as chunks:
        first = asyncio.ensure_future(anext(chunks))
        faucet.give(b"some")
        assert await first == b"some"
        faucet.give(ConnectionLost("cut"), b"other")
        faucet.end()
        with pytest.raises(SpoolBroken):
            await anext(chunks)
    assert faucet.calls == 1


async def test_error_that_does_not_pass_is_not_tried_again(spools: Spools) -> None:
    """Nor one that says so itself."""
    for error in (Unavailable("never", retryable=False), InvalidFilter("wrong")):
        faucet = Faucet(error)
        spool = spools.begin(about(), faucet)
        with pytest.raises(type(error)):
            await spool.finished()
        assert faucet.calls == 1


async def test_source_that_is_to_end_is_not_tried_again(spools: Spools) -> None:
    """Also when it takes that for a failure of the connection."""
    calls, let_go = 0, asyncio.Event()

    async def source(_sink: Sink) -> Written:
        nonlocal calls
        calls += 1
        with suppress(asyncio.CancelledError):
            await let_go.wait()
        raise ConnectionLost("cut")

    spool = spools.begin(about(), source)
    await until(lambda: calls == 1)
    await spools.abandon(spool)
    let_go.set()
    assert calls == 1
    with pytest.raises(ConnectionLost):
        await spool.finished()


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
    spool = await written(spools, _BYTES)
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
    spool = await written(spools, _BYTES)
    async with aclosing(spool.read(chunk_bytes=100_000)) as chunks:
        content = await anext(chunks)
        for name in names(folder):
            (folder / name).unlink()
        content += b"".join([chunk async for chunk in chunks])
    assert content == _BYTES
    with pytest.raises(SpoolBroken, match="expired"):
        await everything(spool)


async def test_file_that_was_cut_is_told(spools: Spools, folder: Path) -> None:
    """A short file never looks whole."""
    spool = await written(spools, _BYTES)
    os.truncate(folder / f"{spool.id.hex}.data", 1000)
    with pytest.raises(SpoolBroken):
        await everything(spool)
    assert await spools.find(spool.id) is None
