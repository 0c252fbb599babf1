"""Promises of `graph.previews`: looks into files hold up nobody, and end with their requests."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from threading import Event, Semaphore
from typing import Final

import pytest

from graph.previews import AT_ONCE, GivenUp, look, place_to_look

SECONDS: Final = 10
MANY: Final = 40


class Reading:
    """Reads until it is given up.

    Attributes:
        begun: One for each that has begun.
        ended: One for each that was ended by `check`.
    """

    def __init__(self) -> None:
        self.begun = Semaphore(0)
        self.ended = Semaphore(0)
        self.is_enough = Event()

    def __call__(self, *, check: Callable[[], None]) -> None:
        self.begun.release()
        try:
            while not self.is_enough.wait(0.001):
                check()
        except GivenUp:
            self.ended.release()
            raise


async def asked(reading: Reading) -> None:
    async with place_to_look():
        await look(reading)


async def test_looks_leave_the_threads_that_all_share() -> None:
    """However many wait, other work finds a thread; when they are cancelled, the threads end."""
    reading = Reading()
    tasks = [asyncio.ensure_future(asked(reading)) for _ in range(MANY)]
    async with asyncio.timeout(SECONDS):
        for _ in range(AT_ONCE):
            assert await asyncio.to_thread(reading.begun.acquire, timeout=SECONDS)
    assert not reading.begun.acquire(blocking=False)
    for task in tasks:
        task.cancel()
    for task in tasks:
        with suppress(asyncio.CancelledError):
            await task
    for _ in range(AT_ONCE):
        assert await asyncio.to_thread(reading.ended.acquire, timeout=SECONDS)
    assert not reading.begun.acquire(blocking=False)


async def test_looks_follow_one_another() -> None:
    """Each gets its turn and what it has read."""

    def seven(*, check: Callable[[], None]) -> int:
        check()
        return 7

    assert await asyncio.gather(*(look(seven) for _ in range(5))) == [7] * 5


async def test_what_cannot_be_read_is_told() -> None:
    """As if there were no thread."""

    def broken(*, check: Callable[[], None]) -> None:
        check()
        raise ValueError("It is broken.")

    with pytest.raises(ValueError, match="It is broken"):
        await look(broken)
