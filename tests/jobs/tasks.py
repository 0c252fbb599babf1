"""Background tasks as their tests need them: some fail, some run until they are let go."""

import asyncio
from collections.abc import Callable
from typing import Any

from domain.background import TaskStatus
from jobs.background import (
    BackgroundTasks,
)


def make_tasks(**given: Any) -> BackgroundTasks:
    """Tasks, three at a time unless it is said otherwise."""
    return BackgroundTasks(**{"max_concurrent": 3, **given})


async def settled(tasks: BackgroundTasks) -> None:
    """Wait until every task has ended; closes them."""
    await tasks.drain(10)


async def until(condition: Callable[[], bool]) -> None:
    """Wait for a condition, at most ten seconds."""
    async with asyncio.timeout(10):
        while True:
            if condition():
                return
            await asyncio.sleep(0.001)


def known(tasks: BackgroundTasks, task_id: str) -> TaskStatus:
    """A task that is tracked."""
    status = tasks.find(task_id)
    assert status is not None
    return status


async def nothing() -> None:
    """A task that does nothing."""


async def broken() -> None:
    """A task that fails."""
    raise LookupError("no such thing")


class Failing:
    """Fails a number of times, then succeeds."""

    def __init__(self, times: int) -> None:
        self.calls = 0
        self._times = times

    async def __call__(self) -> None:
        self.calls += 1
        if self.calls <= self._times:
            raise ConnectionError("not yet")


class Pauses:
    """Passes the pauses between attempts at once, and remembers them."""

    def __init__(self) -> None:
        self.seconds: list[float] = []

    async def __call__(self, seconds: float) -> None:
        self.seconds.append(seconds)


class Crowd:
    """Counts how many run at the same time; they run until they are let go."""

    def __init__(self) -> None:
        self.running = self.most = self.ended = 0
        self.let_go = asyncio.Event()

    async def __call__(self) -> None:
        self.running += 1
        self.most = max(self.most, self.running)
        await self.let_go.wait()
        await asyncio.sleep(0)
        self.running -= 1
        self.ended += 1
