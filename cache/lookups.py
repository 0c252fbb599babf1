"""The lookups of one request: nothing that is missing is loaded before all of them are answered.

A server answers them one by one. Who loaded at once would read by a statement of its own what is
read by one for all who load together.
"""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager


class Lookups:
    """Those of one request that are under way."""

    def __init__(self) -> None:
        self._under_way = 0
        self._are_answered = asyncio.Event()

    @contextmanager
    def one_more(self) -> Iterator[None]:
        """One is under way as long as this lasts."""
        self._under_way += 1
        self._are_answered.clear()
        try:
            yield
        finally:
            self._under_way -= 1
            if not self._under_way:
                self._are_answered.set()

    async def answered(self) -> None:
        """Wait until none is."""
        await self._are_answered.wait()
