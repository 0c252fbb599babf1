"""The exports of a process and of its folder: how many, whose turn it is, who finds them."""

import asyncio
import os
import stat
from collections.abc import AsyncIterator
from contextlib import aclosing
from pathlib import Path
from uuid import uuid4

import pytest
from structlog.testing import capture_logs

from domain.errors import ErrorCode, InvalidFilter, RateLimited, Unavailable
from domain.exports import Written
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
    spools_in,
    until,
    written,
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "data" / "spool"


@pytest.fixture
async def spools(folder: Path) -> AsyncIterator[Spools]:
    async with spools_in(folder) as opened_spools:
        yield opened_spools


async def test_owner_has_so_many_at_the_same_time(folder: Path) -> None:
    """Further ones are refused with what to do, until one has ended, well or not."""
    async with spools_in(folder, most_of_one_owner=2) as spools:
        faucets = [Faucet(), Faucet()]
        growing = [spools.begin(about(), faucet) for faucet in faucets]
        with pytest.raises(RateLimited, match=r"2 exports.*Wait until") as raised:
            spools.begin(about(), Faucet())
        assert raised.value.details["retryAfter"] == 5
        await written(spools, b"of somebody else", owner=uuid4())
        faucets[0].end()
        await growing[0].finished()
        await written(spools, b"further")
        faucets[1].give(InvalidFilter("wrong"))
        with pytest.raises(InvalidFilter):
            await growing[1].finished()
        await asyncio.gather(*[written(spools, b"further") for _ in range(2)])


async def left(spool: Spool) -> None:
    """Have somebody follow an export and go away."""
    async with aclosing(spool.read(chunk_bytes=100)) as chunks:
        await anext(chunks)


async def test_export_that_everybody_left_gives_its_turn(folder: Path) -> None:
    """The oldest of them, at once and with its file; further ones find no more than that."""
    async with spools_in(folder, most_of_one_owner=3) as spools:
        followed, *abandoned = (spools.begin(about(), Faucet(b"some")) for _ in range(3))
        following = asyncio.create_task(followed.finished())
        for spool in (followed, *abandoned):
            await left(spool)
        with capture_logs() as logs:
            for _ in abandoned:
                spools.begin(about(), Faucet())
        with pytest.raises(RateLimited):
            spools.begin(about(), Faucet())
        assert [(line["event"], line["log_level"], line["id"]) for line in logs] == [
            ("export_abandoned", "info", str(spool.id)) for spool in abandoned
        ]
        for spool in abandoned:
            assert await spools.find(spool.id) is None
            with pytest.raises(RateLimited):
                await spool.finished()
        await until(lambda: spools.statistics.failed == 2)
        assert followed.is_growing
        assert not {f"{spool.id.hex}.part" for spool in abandoned} & set(names(folder))
        following.cancel()


async def test_turn_is_kept_by_what_may_be_waited_for(folder: Path) -> None:
    """What was begun just now, what is about to be read, and what was promised."""
    async with spools_in(folder, most_of_one_owner=3) as spools:
        promised = spools.begin(about(is_promised=True), Faucet(b"some"))
        await left(promised)
        spools.begin(about(), Faucet())
        begun = spools.begin(about(), Faucet(b"some"))
        await left(begun)
        await begun.begun(enough_bytes=1, seconds=60)
        with pytest.raises(RateLimited):
            spools.begin(about(), Faucet())
        await left(begun)
        spools.begin(about(), Faucet())
        assert (begun.is_growing, promised.is_growing) == (False, True)


async def test_what_was_begun_is_counted(spools: Spools) -> None:
    """And what became of it."""
    await written(spools, b"1\n", b"2\n")
    failing = spools.begin(about(), Faucet(b"3\n", InvalidFilter("wrong")))
    with pytest.raises(InvalidFilter):
        await failing.finished()
    growing = spools.begin(about(), Faucet())
    assert await spools.find(growing.id) is growing
    counts = spools.statistics
    await until(lambda: counts.failed == 1)
    assert (counts.begun, counts.finished, counts.failed) == (3, 1, 1)
    assert (counts.rows, counts.bytes) == (2, 4)


async def test_finished_export_is_found_by_others_and_later(folder: Path) -> None:
    """With all that is known of it, by another process and after a restart."""
    given = {"owner": uuid4(), "entity": "companies", "filter": {"not": {}}, "is_promised": True}
    async with spools_in(folder) as spools, spools_in(folder) as others:
        spool = await written(spools, b"some\n", b"bytes\n", **given)
        found = await others.find(spool.id)
        assert found is not None
        assert await everything(found) == b"some\nbytes\n"
    async with spools_in(folder) as spools:
        again = await spools.find(spool.id)
        assert again is not None
        await again.begun(enough_bytes=100, seconds=60)
        for known in (found, again):
            assert (known.about, known.created_at) == (spool.about, spool.created_at)
            assert (known.foreseen, known.etag) == (spool.foreseen, spool.etag)
            assert await known.finished() == await spool.finished()
        assert await everything(again, 5) == b"bytes\n"
        assert await spools.find(uuid4()) is None


async def growing_elsewhere(spools: Spools, others: Spools, faucet: Faucet) -> Spool:
    """An export that is begun by some and followed by others; its first bytes are on the disk."""
    begun = spools.begin(about(), faucet)
    await begun.begun(enough_bytes=2**20, seconds=60)
    await until(lambda: not begun.waiting)
    found = await others.find(begun.id)
    assert found is not None
    assert found is not begun
    return found


async def test_export_that_grows_elsewhere_is_followed(folder: Path) -> None:
    """Another process reads it to its end as it comes, and has its proof; there is one of it."""
    faucet, pieces = Faucet(bytes(2**20)), [b"more\n" * 2**18, b"and the rest\n"]
    async with spools_in(folder) as spools, spools_in(folder) as others:
        found = await growing_elsewhere(spools, others, faucet)
        assert (found.about, found.bytes, found.is_growing) == (about(), 2**20, True)
        assert await others.find(found.id) is found
        reading = asyncio.create_task(everything(found))
        faucet.give(pieces[0])
        await until(lambda: found.bytes == 2**20 + len(pieces[0]))
        faucet.give(pieces[1])
        faucet.end()
        assert await reading == b"".join([bytes(2**20), *pieces])
        assert (await found.finished()).rows == 2**18 + 1
        again = await others.find(found.id)
        assert again is not None
        assert again.manifest == found.manifest
        assert names(folder) == [f"{found.id.hex}.data", f"{found.id.hex}.json"]


async def test_export_that_breaks_elsewhere_is_broken_here(folder: Path) -> None:
    """Its readers are cut off whether its writer fails or ends, and it is not found again."""
    async with spools_in(folder) as others:
        faucet = Faucet(bytes(2**20))
        async with spools_in(folder) as spools:
            failing = await growing_elsewhere(spools, others, faucet)
            ending = await growing_elsewhere(spools, others, Faucet(bytes(2**20)))
            faucet.give(InvalidFilter("wrong"))
            with pytest.raises(Unavailable, match="Ask for it again"):
                await failing.finished()
        with pytest.raises(SpoolBroken):
            await everything(ending)
        for spool in (failing, ending):
            assert await others.find(spool.id) is None
        assert names(folder) == []


async def test_process_that_ends_lets_go_of_those_it_follows(folder: Path) -> None:
    """Its readers are cut off; the export itself goes on."""
    faucet = Faucet(bytes(2**20))
    async with spools_in(folder) as spools:
        async with spools_in(folder) as others:
            found = await growing_elsewhere(spools, others, faucet)
        with pytest.raises(Unavailable):
            await found.finished()
        faucet.end()
        begun = await spools.find(found.id)
        assert begun is not None
        assert (await begun.finished()).bytes == 2**20


def _make_open_to_all(folder: Path) -> None:
    folder.mkdir(parents=True)
    folder.chmod(0o777)


def _modes(folder: Path) -> dict[str, int]:
    return {
        path.suffix or path.name: stat.S_IMODE(path.stat().st_mode)
        for path in [folder, *folder.iterdir()]
    }


async def test_only_our_user_reads_the_files(folder: Path) -> None:
    """Whatever the process allows for its files, and the folder was before."""
    _make_open_to_all(folder)
    before = os.umask(0)
    try:
        async with spools_in(folder) as spools:
            await written(spools, b"some")
            growing = spools.begin(about(), Faucet(bytes(2**20)))
            await until(lambda: file_of(folder, growing.id, ".head").exists())
            assert _modes(folder) == {
                "spool": 0o700,
                ".data": 0o600,
                ".json": 0o600,
                ".part": 0o600,
                ".head": 0o600,
            }
    finally:
        os.umask(before)


async def test_end_gives_up_what_grows(folder: Path) -> None:
    """Readers are cut off, who waits is told, nothing is left; what comes later is refused."""
    async with spools_in(folder) as spools:
        spool = spools.begin(about(), Faucet(bytes(2**21)))
        unborn = spools.begin(about(), Faucet())
        reading = asyncio.create_task(everything(spool))
        waiting = [asyncio.create_task(each.finished()) for each in (spool, unborn)]
        await until(lambda: spool.bytes > 0 and not spool.waiting)
        late = spools.begin(about(), Faucet())
    with pytest.raises(SpoolBroken):
        await reading
    for task in waiting:
        with pytest.raises(Unavailable, match="Ask for it again"):
            await task
    with pytest.raises(Unavailable):
        await late.finished()
    with pytest.raises(Unavailable):
        spools.begin(about(), Faucet())
    assert (names(folder), opened(folder)) == ([], [])
    assert spools.statistics.failed == 3


async def test_end_does_not_wait_for_who_does_not_end(folder: Path) -> None:
    """The source is left behind, and its file is gone all the same."""
    let_go = asyncio.Event()

    async def source(sink: Sink) -> Written:
        await sink.write(b"some")
        while not let_go.is_set():
            try:
                await let_go.wait()
            except asyncio.CancelledError:
                continue
        return Written(rows=0, truncated=False, snapshot_at=MOMENT)

    with capture_logs() as logs:
        async with spools_in(folder, unwinding_seconds=0) as spools:
            spool = spools.begin(about(), source)
            await until(lambda: spool.bytes > 0)
        assert [line["event"] for line in logs] == ["export_stuck", "export_failed"]
    with pytest.raises(Unavailable):
        await spool.finished()
    assert names(folder) == []
    let_go.set()
    await until(lambda: spools.statistics.failed == 1 and opened(folder) == [])
    assert spool.manifest is None


async def test_log_tells_of_progress_and_end(folder: Path) -> None:
    """With how much, how long, and the proof."""
    async with spools_in(folder, progress_seconds=0) as spools:
        with capture_logs() as logs:
            spool = await written(spools, b"1\n", b"2\n")
            failing = spools.begin(about(), Faucet(InvalidFilter("wrong")))
            with pytest.raises(InvalidFilter):
                await failing.finished()
    shown = [(line["event"], line["log_level"], line["rows"], line["bytes"]) for line in logs]
    assert shown == [
        ("export_progress", "info", 1, 2),
        ("export_progress", "info", 2, 4),
        ("export_written", "info", 2, 4),
        ("export_failed", "warning", 0, 0),
    ]
    whole, failed = logs[-2:]
    assert (whole["id"], whole["format"]) == (str(spool.id), "JSONL")
    assert whole["sha256"] == (await spool.finished()).sha256
    assert whole["seconds"] >= 0
    assert failed["code"] == ErrorCode.BAD_USER_INPUT
