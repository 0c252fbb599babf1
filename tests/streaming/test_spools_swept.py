"""Exports whose time is over, or that nobody finishes: what is swept, and what stays."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from structlog.testing import capture_logs

from domain.errors import AppError, ErrorCode
from streaming.spool import SpoolBroken
from streaming.spool_folder import SpoolFolder, remove_abandoned
from streaming.spool_sweeping import sweep
from streaming.spools import Spools
from tests.streaming.spooling import (
    Faucet,
    about,
    aged,
    everything,
    file_of,
    names,
    spools_in,
    until,
    written,
)

_GROWING_FOR_EVER = """
import asyncio, sys
from pathlib import Path
from tests.streaming.spooling import Faucet, about, spools_in, until

async def main() -> None:
    async with spools_in(Path(sys.argv[1])) as spools:
        spool = spools.begin(about(), Faucet(bytes(2**20)))
        await until(lambda: spool.bytes > 0 and not spool.waiting)
        print(spool.id, flush=True)
        await spool.finished()

asyncio.run(main())
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "data" / "spool"


@pytest.fixture
async def spools(folder: Path) -> AsyncIterator[Spools]:
    async with spools_in(folder) as opened_spools:
        yield opened_spools


def swept(folder: Path, *, ttl_seconds: float = 600) -> None:
    """Sweep as another process does."""
    sweep(SpoolFolder(folder, ttl_seconds=ttl_seconds))


async def test_time_of_an_export_counts_from_its_finish(folder: Path) -> None:
    """However long it grew; afterwards it is not found, and swept."""
    async with spools_in(folder, ttl_seconds=60) as spools:
        spool = await written(spools, b"some")
        aged(file_of(folder, spool.id, ".data"), 1000)
        aged(file_of(folder, spool.id, ".json"), 50)
        swept(folder, ttl_seconds=60)
        assert await spools.find(spool.id) is not None
        aged(file_of(folder, spool.id, ".json"), 10)
        assert await spools.find(spool.id) is None
        swept(folder, ttl_seconds=60)
        assert names(folder) == []
        with pytest.raises(SpoolBroken):
            await everything(spool)


async def test_folder_is_swept_again_and_again(folder: Path) -> None:
    """What expires while the process runs leaves without a request."""
    async with spools_in(folder, ttl_seconds=0.1) as spools:
        for _ in range(2):
            await written(spools, b"some")
            await until(lambda: names(folder) == [])


async def test_folder_is_swept_at_the_start(folder: Path) -> None:
    """What is not whole goes, what may become so and what is not ours stays."""
    async with spools_in(folder) as spools:
        spool = await written(spools, b"some")
    dead, stray, young = (uuid4() for _ in range(3))
    old = [file_of(folder, stray, ".data"), file_of(folder, uuid4(), ".tmp"), folder / "notes.txt"]
    for path in [*old, file_of(folder, dead, ".part"), file_of(folder, young, ".data")]:
        path.write_bytes(b"some")
    for path in old:
        aged(path, 100)
    aged(file_of(folder, spool.id, ".data"), 100)
    async with spools_in(folder):
        assert set(names(folder)) == {
            f"{young.hex}.data",
            f"{spool.id.hex}.data",
            f"{spool.id.hex}.json",
            "notes.txt",
        }


async def test_what_cannot_be_swept_keeps_nothing_else(folder: Path) -> None:
    """The rest goes, the process starts, and the log has one line."""
    stuck = [file_of(folder, uuid4(), ".tmp") for _ in range(3)]
    swept_away = [file_of(folder, uuid4(), ".tmp") for _ in range(3)]
    for path in stuck:
        path.mkdir(parents=True)
    for path in swept_away:
        path.write_bytes(b"some")
    for path in (*stuck, *swept_away):
        aged(path, 100)
    with capture_logs() as logs:
        async with spools_in(folder):
            assert names(folder) == sorted(path.name for path in stuck)
    assert [(line["event"], line["files"]) for line in logs] == [("exports_not_swept", 3)]


async def test_what_became_whole_meanwhile_is_not_abandoned(spools: Spools, folder: Path) -> None:
    """A sweeper looks again once its writer cannot write any more."""
    spool = await written(spools, b"some")
    assert not remove_abandoned(file_of(folder, spool.id, ".part"))
    assert not remove_abandoned(file_of(folder, spool.id, ".data"))
    assert await spools.find(spool.id) is not None


async def test_sweeper_never_takes_what_grows(folder: Path) -> None:
    """Not between the making of a file and its lock, and not while it becomes whole."""
    is_over = False

    def sweep_on() -> int:
        times = 0
        while not is_over:
            swept(folder)
            times += 1
        return times

    async with spools_in(folder) as spools:
        sweeping = asyncio.create_task(asyncio.to_thread(sweep_on))
        try:
            for _ in range(8):
                finished = await asyncio.gather(*[written(spools, b"some") for _ in range(5)])
                for spool in finished:
                    assert await spools.find(spool.id) is not None
        finally:
            is_over = True
            times = await sweeping
        assert times > 0


@pytest.mark.parametrize("text", [b"", b"{}", b"[]", b'{"manifest": {"rows": 1}}'])
async def test_broken_manifest_proves_nothing(spools: Spools, folder: Path, text: bytes) -> None:
    """The export is not found."""
    spool = await written(spools, b"some")
    file_of(folder, spool.id, ".json").write_bytes(text)
    assert await spools.find(spool.id) is None


async def test_what_the_disk_lost_never_becomes_whole(spools: Spools, folder: Path) -> None:
    """A file that has other bytes than were written is a failure."""
    faucet = Faucet(bytes(2**20))
    spool = spools.begin(about(), faucet)
    await until(lambda: spool.bytes > 0 and not spool.waiting)
    os.truncate(file_of(folder, spool.id, ".part"), 1000)
    faucet.end()
    with capture_logs(), pytest.raises(AppError) as raised:
        await spool.finished()
    assert raised.value.code is ErrorCode.INTERNAL_SERVER_ERROR
    assert names(folder) == []


@asynccontextmanager
async def other_process(folder: Path) -> AsyncIterator[asyncio.subprocess.Process]:
    """A process that writes an export that does not end; killed with -9 after the block."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        _GROWING_FOR_EVER,
        str(folder),
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        yield process
    finally:
        process.kill()
        await process.communicate()


async def test_export_of_a_killed_process_is_swept(folder: Path) -> None:
    """And stays for as long as that process lives."""
    async with other_process(folder) as process:
        assert process.stdout is not None
        export_id = UUID((await process.stdout.readline()).decode().strip())
        files = [f"{export_id.hex}.head", f"{export_id.hex}.part"]
        async with spools_in(folder) as spools:
            assert names(folder) == files
            assert await spools.find(export_id) is not None
    assert names(folder) == files
    with capture_logs() as logs:
        async with spools_in(folder):
            assert names(folder) == []
    assert [line["event"] for line in logs] == ["export_swept"]
