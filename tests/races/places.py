"""Server processes to race at."""

import asyncio
import re
from collections.abc import AsyncIterator, Iterable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from pathlib import Path

from sqlalchemy.engine import URL

from tests.processes import Process, command
from tests.races.race import Place


@asynccontextmanager
async def serving(
    count: int, *, database_url: URL, folder: Path, **settings: str
) -> AsyncIterator[list[Place]]:
    """So many server processes with the same settings, once they take requests.

    They run no jobs, which would only take from the cores that the race needs.
    """
    async with at_once(
        command(
            "serve", "--port=0", "--no-jobs", database_url=database_url, folder=folder, **settings
        )
        for _ in range(count)
    ) as processes:
        yield [await place_of(process) for process in processes]


@asynccontextmanager
async def at_once(
    commands: Iterable[AbstractAsyncContextManager[Process]],
) -> AsyncIterator[list[Process]]:
    """Processes that start side by side."""
    async with AsyncExitStack() as stack:
        yield await asyncio.gather(*map(stack.enter_async_context, commands))


async def place_of(process: Process) -> Place:
    """Where a server process takes requests, once it does."""
    line = await process.says("/#token=")
    found = re.search(r"http://127\.0\.0\.1:(\d+)/#token=(\S+)", line)
    assert found is not None
    return Place(int(found[1]), found[2])
