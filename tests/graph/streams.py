"""A client of graphql-sse that reads events while they come."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import orjson

from graph.accept import EVENT_STREAM


class Events:
    """A stream as it comes."""

    def __init__(self, response: httpx.Response) -> None:
        self._lines = response.aiter_lines()

    async def lines(self) -> list[str]:
        """The lines up to the next empty one."""
        found: list[str] = []
        async with asyncio.timeout(10):
            async for line in self._lines:
                if not line:
                    return found
                found.append(line)
        return found

    async def next(self) -> Any:
        """The next result."""
        lines = await self.lines()
        while lines == [":"]:
            lines = await self.lines()
        event, data = lines
        assert event == "event: next", lines
        return orjson.loads(data.removeprefix("data: "))


@asynccontextmanager
async def streaming(http: httpx.AsyncClient, query: str) -> AsyncIterator[Events]:
    """A stream that is read while it comes."""
    headers = {"Accept": EVENT_STREAM}
    async with http.stream("POST", "/graphql", json={"query": query}, headers=headers) as response:
        yield Events(response)
