"""Items that are worked on at the same time, and what tells how many and where."""

import asyncio
import os
from typing import Any

import pytest

from jobs.parallel import ParallelSettings

MANY = range(200)
FEW = range(10)
FROM_TWO = ParallelSettings(min_items=2)

of_each_executor = pytest.mark.parametrize("executor", ["process", "thread"])


class Crowd:
    """Counts how many are awaited at the same time."""

    def __init__(self) -> None:
        self.begun: list[Any] = []
        self.running = self.most = 0

    async def __call__(self, item: Any) -> Any:
        self.begun.append(item)
        self.running += 1
        self.most = max(self.most, self.running)
        for _ in range(3):
            await asyncio.sleep(0)
        self.running -= 1
        return item


def square(number: int) -> int:
    """The square."""
    return number * number


def refuse_seven(number: int) -> int:
    """The number, unless it is seven."""
    if number == 7:
        raise ValueError("seven")
    return number


def process_number(_item: object) -> int:
    """In which process it runs."""
    return os.getpid()
