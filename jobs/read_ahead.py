"""Reads in a thread what is needed next, while the caller works on what it has."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from typing import TypeVar

T = TypeVar("T")


async def read_ahead(read: Callable[[], list[T]]) -> AsyncGenerator[list[T]]:
    """What `read` gives until it gives nothing; at most one batch is read in advance.

    Close it (`contextlib.aclosing`) before what `read` uses is closed.

    Args:
        read: Blocks; never called twice at once.
    """
    reading = asyncio.create_task(asyncio.to_thread(read))
    try:
        while batch := await reading:
            reading = asyncio.create_task(asyncio.to_thread(read))
            yield batch
    finally:
        # A thread cannot be stopped, and what it uses must not be closed under it.
        await asyncio.wait([reading])
