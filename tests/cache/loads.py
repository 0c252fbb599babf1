"""Loads for tests: counted, and held up where a test wants them to be."""

import asyncio
from collections import deque


class Load:
    """Gives `value`, as often as it is called, while the gate is open.

    Attributes:
        callers: The tasks that called it.
        errors: What it raises instead, one after the other.
    """

    def __init__(self, value: bytes | None = b"[1]", *, is_held: bool = False) -> None:
        self.value = value
        self.callers: list[asyncio.Task[object] | None] = []
        self.errors: deque[Exception] = deque()
        self.gate = asyncio.Event()
        if not is_held:
            self.gate.set()

    async def __call__(self) -> bytes | None:
        self.callers.append(asyncio.current_task())
        await self.gate.wait()
        if self.errors:
            raise self.errors.popleft()
        return self.value

    @property
    def calls(self) -> int:
        """How often it was called."""
        return len(self.callers)

    async def is_called(self) -> bool:
        """Whether it was."""
        return self.calls > 0
