"""How much the folder of exports holds, and what leaves it for others."""

from pathlib import Path

import pytest
from structlog.testing import capture_logs

from domain.errors import InsufficientStorage
from tests.streaming.spooling import (
    Faucet,
    about,
    aged,
    file_of,
    names,
    opened,
    pouring,
    spools_in,
    written,
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "spool"


async def test_oldest_make_room(folder: Path) -> None:
    """One after another, and no more of them than must; what was promised stays."""
    async with spools_in(folder, quota_bytes=100_000) as spools:
        finished = [
            await written(spools, bytes(15_000), is_promised=number == 0) for number in range(6)
        ]
        for spool, seconds in zip(finished, (60, 10, 30, 50, 20, 40), strict=True):
            aged(file_of(folder, spool.id, ".json"), seconds)
        with capture_logs() as logs:
            last = await written(spools, bytes(30_000))
        evicted = [line["id"] for line in logs if line["event"] == "export_evicted"]
        assert evicted == [str(finished[3].id), str(finished[5].id)]
        found = [await spools.find(spool.id) for spool in [*finished, last]]
        assert [spool is not None for spool in found] == [
            True,
            True,
            True,
            False,
            True,
            False,
            True,
        ]


async def test_expired_exports_make_room_first(folder: Path) -> None:
    """Before anybody loses what they may still come for; no promise goes further."""
    async with spools_in(folder, quota_bytes=100_000) as spools:
        waiting = await written(spools, bytes(45_000))
        expired = await written(spools, bytes(45_000), is_promised=True)
        aged(file_of(folder, waiting.id, ".json"), 500)
        aged(file_of(folder, expired.id, ".json"), 700)
        await written(spools, bytes(45_000))
        assert await spools.find(waiting.id) is not None
        assert not file_of(folder, expired.id, ".data").exists()


async def test_full_folder_refuses_further_exports(folder: Path) -> None:
    """When all that lies in it is promised."""
    async with spools_in(folder, quota_bytes=100_000) as spools:
        promised = await written(spools, bytes(99_900), is_promised=True)
        faucet = Faucet(b"some")
        spool = spools.begin(about(), faucet)
        with pytest.raises(InsufficientStorage, match="fewer rows or columns"):
            await spool.begun(enough_bytes=1, seconds=60)
        assert faucet.calls == 0
        assert len(names(folder)) == 2
        assert await spools.find(promised.id) is not None


async def test_growing_export_ends_at_the_quota(folder: Path) -> None:
    """It has taken the place of the others by then, and gives back its own."""
    async with spools_in(folder, quota_bytes=8 * 2**20) as spools:
        other = await written(spools, bytes(1000))
        spool = spools.begin(about(), pouring(*[bytes(2**18)] * 64))
        with pytest.raises(InsufficientStorage):
            await spool.finished()
        assert 8 * 2**20 <= spool.bytes <= 9 * 2**20
        assert await spools.find(other.id) is None
        assert (names(folder), opened(folder)) == ([], [])
