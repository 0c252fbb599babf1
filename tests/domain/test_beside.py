"""Promises of `domain.beside`."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from domain.beside import beside


class Told:
    """What the event loop was told of."""

    def __init__(self) -> None:
        self.first: asyncio.Future[BaseException] = asyncio.get_running_loop().create_future()

    def hear(self, _loop: asyncio.AbstractEventLoop, context: dict[str, BaseException]) -> None:
        """Be told."""
        self.first.set_result(context["exception"])


async def endless(cleaned: asyncio.Event, *, seconds: float = 0.0) -> None:
    """Goes on until it is cancelled, and takes its time to end."""
    try:
        await asyncio.Event().wait()
    finally:
        await asyncio.sleep(seconds)
        cleaned.set()


async def failing() -> None:
    """Fails at once."""
    raise RuntimeError("work")


@pytest.fixture
async def told() -> Told:
    """Hears instead of the log."""
    return Told()


@pytest.fixture(autouse=True)
async def heard(told: Told) -> AsyncIterator[None]:
    """The loop is as it was afterwards."""
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(told.hear)
    yield
    loop.set_exception_handler(None)


async def test_work_ends_with_the_block() -> None:
    """Cleanly, before what comes after the block."""
    cleaned = asyncio.Event()
    async with beside(endless(cleaned)):
        await asyncio.sleep(0)
        assert not cleaned.is_set()
    assert cleaned.is_set()


async def test_failure_is_told_while_the_block_goes_on(told: Told) -> None:
    """At once, and nobody else is hurt."""
    async with beside(failing()):
        assert str(await told.first) == "work"


async def test_failure_takes_nobodys_place() -> None:
    """A block that fails too ends with its own error."""

    async def outer() -> None:
        async with beside(failing()):
            await asyncio.sleep(0)
            raise ValueError("block")

    with pytest.raises(ValueError, match="block"):
        await outer()


async def test_who_is_cancelled_while_the_work_ends_is_cancelled() -> None:
    """And the work is not cut off by that."""
    cleaned, ends = asyncio.Event(), asyncio.Event()

    async def outer() -> None:
        async with beside(endless(cleaned, seconds=0.05)):
            await asyncio.sleep(0)
            ends.set()

    task = asyncio.create_task(outer())
    await ends.wait()
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await cleaned.wait()
