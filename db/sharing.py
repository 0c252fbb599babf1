"""Work that is done once for all who ask for it at the same time."""

import asyncio
from collections.abc import Awaitable, Callable
from contextvars import Context
from typing import Generic, TypeVar

T = TypeVar("T")


class Shared(Generic[T]):
    """Gives what the work under way gives, or begins it.

    A server that does not answer would come back to a queue of questions that nobody waits for.
    """

    def __init__(self, work: Callable[[], Awaitable[T]]) -> None:
        self._work = work
        self._under_way: asyncio.Task[T] | None = None

    async def __call__(self) -> T:
        """What the work gives; it goes on when who asks is cancelled."""
        if self._under_way is None or self._under_way.done():
            # In nobody's name: it is not the work of the request that came first.
            self._under_way = asyncio.create_task(self._run(), context=Context())
        return await asyncio.shield(self._under_way)

    async def _run(self) -> T:
        return await self._work()
