"""A lean HTTP client: one connection that is kept, one request at a time.

A race sends tens of thousands of requests; what a full client spends on each would be spent on the
same cores as the servers.
"""

import asyncio
import time
from contextlib import suppress
from typing import Any, Self

import orjson

_PATIENCE_SECONDS = 30.0
_IDLE_SECONDS = 2.0
"""Uvicorn closes a connection that nothing comes over for five."""


class Connection:
    """To one server, as one user.

    Args:
        asks_for_cache: Answers to an admin tell what the cache did for them.
        wants_fresh: PostgreSQL has to answer.

    Attributes:
        status: Of the last answer.
        retry_after: What the last answer said of when to come again; empty when nothing.
    """

    def __init__(
        self, port: int, token: str, *, asks_for_cache: bool = False, wants_fresh: bool = False
    ) -> None:
        self.status = 0
        self.retry_after = b""
        self._port = port
        debugging = "X-Debug: cache\r\n" if asks_for_cache else ""
        debugging += "Cache-Control: no-cache\r\n" if wants_fresh else ""
        self._head = (
            f"POST /graphql HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {token}\r\n"
            f"Content-Type: application/json\r\n{debugging}Content-Length: "
        ).encode()
        self._reader: asyncio.StreamReader
        self._writer: asyncio.StreamWriter | None = None
        self._used_at = 0.0

    async def send(self, query: str, variables: dict[str, Any]) -> dict[str, Any]:
        """The answer to an operation.

        Raises:
            OSError: The connection could not be made, or broke off.
            EOFError: The server ended it.
            TimeoutError: There was no answer.
        """
        body = orjson.dumps({"query": query, "variables": variables})
        async with asyncio.timeout(_PATIENCE_SECONDS):
            answer: dict[str, Any] = orjson.loads(await self._exchange(body))
        return answer

    async def _exchange(self, body: bytes) -> bytes:
        if time.monotonic() - self._used_at > _IDLE_SECONDS:
            await self.close()
        if self._writer is None:
            self._reader, self._writer = await asyncio.open_connection("127.0.0.1", self._port)
        self._writer.write(b"%b%d\r\n\r\n%b" % (self._head, len(body), body))
        head = (await self._reader.readuntil(b"\r\n\r\n")).lower()
        self.status = int(head.split(b" ", 2)[1])
        self.retry_after = _header(head, b"retry-after")
        answer = await self._reader.readexactly(int(_header(head, b"content-length")))
        self._used_at = time.monotonic()
        return answer

    async def close(self) -> None:
        """End it."""
        if self._writer is not None:
            writer, self._writer = self._writer, None
            writer.close()
            with suppress(OSError):
                await writer.wait_closed()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()


def _header(head: bytes, name: bytes) -> bytes:
    """The value of a header; empty when it is not there."""
    return head.partition(b"\r\n" + name + b":")[2].partition(b"\r\n")[0].strip()
