"""Operations on a file that end even when nobody waits for them any more, one after the other.

An operation runs in a thread, and nothing stops a thread. A file that were closed while one is at
it could have given its number to another file by then. So every operation is a task of its own,
which no cancellation reaches, and closing waits for its turn behind the others.
"""

import asyncio
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


class Turns:
    """The operations on one file."""

    def __init__(self) -> None:
        self._turn = asyncio.Lock()

    def start(self, operation: Callable[[], T]) -> "asyncio.Task[T]":
        """Begin when those before have ended."""
        return asyncio.create_task(self._in_turn(operation))

    async def do(self, operation: Callable[[], T]) -> T:
        """The result, once it is there."""
        return await asyncio.shield(self.start(operation))

    async def _in_turn(self, operation: Callable[[], T]) -> T:
        async with self._turn:
            return await asyncio.to_thread(operation)
