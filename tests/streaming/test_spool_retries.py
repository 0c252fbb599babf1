"""A source that stumbles is tried again, as long as nobody has seen anything of it."""

import asyncio
import hashlib
from contextlib import aclosing, suppress
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from domain.errors import ConnectionLost, InvalidFilter, Unavailable
from domain.exports import Written
from streaming.spool import Sink, SpoolBroken
from streaming.spools import Spools
from tests.streaming.spooling import (
    BYTES,
    Faucet,
    Pauses,
    about,
    everything,
    names,
    until,
)


async def test_source_is_tried_again_before_anything_is_shown(
    spools: Spools, pauses: Pauses, folder: Path
) -> None:
    """Only the bytes and rows of the last attempt are left, also of those that were on the disk."""
    faucet = Faucet(BYTES, ConnectionLost("cut"), b"x\n", ConnectionLost("cut"), b"y\nz\n")
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
