"""Waiting for what is seen of processes from outside."""

import asyncio
from collections.abc import Callable
from typing import Any


async def eventually(look: Callable[[], Any], is_so: Callable[[Any], bool]) -> Any:
    """What is seen, once it is as it should be."""
    async with asyncio.timeout(20):
        while True:
            if is_so(seen := look()):
                return seen
            await asyncio.sleep(0.02)
