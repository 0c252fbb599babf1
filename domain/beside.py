"""Work that goes on beside other work, and ends with it."""

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from typing import Any


@asynccontextmanager
async def beside(work: Coroutine[Any, Any, object]) -> AsyncIterator[None]:
    """The work goes on while the block runs, and is cancelled at its end.

    Should it fail, the event loop is told at once, whose handler logs it; the block goes on.
    """
    task = asyncio.create_task(work)
    task.add_done_callback(_tell_of_failure)
    try:
        yield
    finally:
        task.cancel()
        # Unlike awaiting the task this leaves it to us to be cancelled meanwhile.
        await asyncio.wait([task])


def _tell_of_failure(task: asyncio.Task[object]) -> None:
    if task.cancelled() or (error := task.exception()) is None:
        return
    told = {"message": "What went on beside others has failed", "exception": error, "task": task}
    task.get_loop().call_exception_handler(told)
