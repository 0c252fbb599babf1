"""How much the folder of exports holds, and what leaves it for others."""

from pathlib import Path
from uuid import uuid4

import pytest
from structlog.testing import capture_logs

from domain.errors import InsufficientStorage
from tests.streaming.spooling import (
    OWNER,
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


async def test_owner_makes_room_before_others_do(folder: Path) -> None:
    """Whoever wants more gives up what they have, however young it is."""
    async with spools_in(folder, quota_bytes=100_000) as spools:
        others = await written(spools, bytes(45_000), owner=uuid4())
        own = await written(spools, bytes(45_000))
        aged(file_of(folder, others.id, ".json"), 50)
        await written(spools, bytes(45_000))
        assert await spools.find(own.id) is None
        assert await spools.find(others.id) is not None
        last = await written(spools, bytes(45_000), owner=uuid4())
        assert await spools.find(others.id) is None
        assert await spools.find(last.id) is not None


async def test_nobody_makes_room_in_vain(folder: Path) -> None:
    """What can never fit beside what is promised or grows costs nobody anything."""
    async with spools_in(folder, quota_bytes=100_000) as spools:
        await written(spools, bytes(60_000), is_promised=True)
        kept = [await written(spools, bytes(15_000), owner=owner) for owner in (OWNER, uuid4())]
        spool = spools.begin(about(), pouring(bytes(45_000)))
        with pytest.raises(InsufficientStorage):
            await spool.finished()
        assert None not in [await spools.find(spool.id) for spool in kept]


async def test_others_lose_nothing_to_one_that_is_larger_than_half(folder: Path) -> None:
    """It may have all that is free or its owner's."""
    async with spools_in(folder, quota_bytes=100_000) as spools:
        own = await written(spools, bytes(45_000))
        await written(spools, bytes(60_000))
        assert await spools.find(own.id) is None
        large = spools.begin(about(owner=uuid4()), pouring(bytes(51_000)))
        with pytest.raises(InsufficientStorage):
            await large.finished()
        await written(spools, bytes(49_000), owner=uuid4())


async def test_jobs_of_a_user_promise_a_share_of_the_folder_only(folder: Path) -> None:
    """What they hold is kept from nobody else, and others still export."""
    async with spools_in(folder, quota_bytes=100_000, promised_share=0.25) as spools:
        await written(spools, bytes(20_000), is_promised=True)
        with pytest.raises(InsufficientStorage, match="export jobs"):
            await written(spools, bytes(10_000), is_promised=True)
        await written(spools, bytes(20_000), is_promised=True, owner=uuid4())
        await written(spools, bytes(50_000))


async def test_process_keeps_the_end_that_another_has_promised(folder: Path) -> None:
    """Whatever it would promise itself."""
    async with spools_in(folder, ttl_seconds=600) as spools:
        spool = await written(spools, b"some")
    async with spools_in(folder, ttl_seconds=0.01) as spools:
        assert await spools.find(spool.id) is not None


async def test_what_cannot_be_removed_is_passed_over(folder: Path) -> None:
    """The next one makes room instead, and the log tells of the first."""
    async with spools_in(folder, quota_bytes=100_000) as spools:
        finished = [await written(spools, bytes(30_000)) for _ in range(3)]
        stuck = file_of(folder, finished[0].id, ".data")
        stuck.unlink()
        stuck.mkdir()
        (stuck / "some").write_bytes(b"")
        aged(file_of(folder, finished[0].id, ".json"), 50)
        aged(file_of(folder, finished[1].id, ".json"), 40)
        with capture_logs() as logs:
            await written(spools, bytes(45_000))
        assert [(line["event"], line["id"]) for line in logs[:-1]] == [
            ("export_not_evicted", str(finished[0].id)),
            ("export_evicted", str(finished[1].id)),
        ]


@pytest.mark.parametrize("is_broken", [True, False])
async def test_what_nobody_finds_makes_room_first(folder: Path, is_broken: bool) -> None:
    """A manifest that proves nothing keeps no promise, and is nobody's."""
    async with spools_in(folder, quota_bytes=100_000) as spools:
        promised = await written(spools, bytes(60_000), is_promised=True, owner=uuid4())
        if is_broken:
            file_of(folder, promised.id, ".json").write_bytes(b"{}")
        spool = spools.begin(about(), pouring(bytes(60_000)))
        if is_broken:
            await spool.finished()
        else:
            with pytest.raises(InsufficientStorage):
                await spool.finished()


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
    """It gives back what it has taken, and no other one has made room in vain."""
    async with spools_in(folder, quota_bytes=8 * 2**20) as spools:
        other = await written(spools, bytes(1000))
        spool = spools.begin(about(), pouring(*[bytes(2**18)] * 64))
        with pytest.raises(InsufficientStorage):
            await spool.finished()
        assert 8 * 2**20 <= spool.bytes <= 9 * 2**20
        assert await spools.find(other.id) is not None
        assert (len(names(folder)), opened(folder)) == (2, [])
