"""Values in Redis, for all processes that serve. Each step of the store is one script, one answer.

Values may be evicted at any time, and so may all else: whatever is missing is a miss.
"""

import secrets
from collections.abc import AsyncIterator, Collection, Mapping
from contextlib import asynccontextmanager
from typing import Any, Final

from cache.keys import Key
from cache.redis_connections import Connections
from cache.redis_scripts import BEGIN, DIRTY, END, FILL, HIT, LOOK_UP, Script
from cache.redis_wire import Word
from cache.store import DIRTY_SECONDS, Dirty, Found, Hit, Miss

_DIRTY: Final = Dirty()
_CLAIM_MS: Final = 500
_SCAN_COUNT: Final = 1000
_NAMES: Final = b"query_cache:"
_PROBE: Final = "a360:probe"
_PROBE_MS: Final = 1000
_STATISTICS: Final = ("keyspace_hits", "keyspace_misses", "total_commands_processed")


class RedisStore:
    """A store in a Redis server. Not for a cluster of them: a step touches many keys.

    Args:
        schema: Namespace of the names of values. Tags have none: a change is one for all releases.
    """

    backend = "redis"

    def __init__(self, connections: Connections, *, schema: str) -> None:
        self._connections = connections
        self._schema = schema

    @property
    def life(self) -> str:
        """As `Store` has it; empty before it was connected to."""
        return self._connections.life

    async def look_up(self, key: Key, *, era: str, will_fill: bool = True) -> Found:
        """As `Store` has it."""
        arguments = secrets.token_hex(8), _CLAIM_MS if will_fill else ""
        what, *found = await self._run_for(LOOK_UP, key, era, *arguments)
        if what == HIT:
            value, milliseconds_left = found
            return Hit(value, milliseconds_left / 1000)
        if what == DIRTY:
            return _DIRTY
        token, is_awaited = found
        return Miss(token.decode(), is_awaited=bool(is_awaited))

    async def fill(
        self, key: Key, value: bytes, *, era: str, token: str, ttl_seconds: float
    ) -> bool:
        """As `Store` has it."""
        milliseconds = max(1, int(ttl_seconds * 1000))
        return bool(await self._run_for(FILL, key, era, token, value, milliseconds))

    async def begin(self, tags: Collection[str], change: str) -> None:
        """As `Store` has it."""
        await self._run_on(tags, BEGIN, change, int(DIRTY_SECONDS * 1000))

    async def end(self, tags: Collection[str], change: str) -> None:
        """As `Store` has it."""
        await self._run_on(tags, END, change)

    async def delete(self, pattern: str) -> int:
        """As `Store` has it; other keys of the server are left alone whatever the pattern is."""
        deleted, cursor = 0, b"0"
        while True:
            command = "SCAN", cursor, "MATCH", pattern, "COUNT", _SCAN_COUNT
            cursor, found = await self._ask(*command)
            if names := [name for name in found if name.startswith(_NAMES)]:
                deleted += await self._ask("UNLINK", *names)
            if cursor == b"0":
                return deleted

    async def ping(self) -> None:
        """As `Store` has it; it has to keep something, as every change does."""
        await self._ask("SET", _PROBE, 1, "PX", _PROBE_MS)

    async def statistics(self) -> Mapping[str, int]:
        """What the server counts, for all who use it and since it was started."""
        return _counted(await self._ask("INFO", "stats"))

    async def _ask(self, *command: Word) -> Any:
        return await self._connections.use(lambda session: session.wire.ask(*command))

    async def _run_for(self, script: Script, key: Key, era: str, *arguments: Word) -> Any:
        tags = key.tags
        prefix = f"query_cache:{key.kind}:{self._schema}:{era}"
        return await self._connections.use(
            lambda session: session.run(
                script, len(tags), *tags, prefix, session.life, key.digest, *arguments
            )
        )

    async def _run_on(self, tags: Collection[str], script: Script, *arguments: Word) -> None:
        if tags:
            await self._connections.use(
                lambda session: session.run(script, len(tags), *tags, *arguments)
            )


def _counted(told: bytes) -> Mapping[str, int]:
    """The numbers that are told; what stands before a server may leave some out."""
    lines = told.decode().splitlines()
    numbers = dict(line.split(":", 1) for line in lines if ":" in line)
    return {name: int(numbers[name]) for name in _STATISTICS if name in numbers}


@asynccontextmanager
async def open_redis_store(url: str, *, schema: str) -> AsyncIterator[RedisStore]:
    """A store for as long as the block lasts. It connects when it is used first.

    Args:
        url: As `redis://user:password@host:6379/0`; `rediss://` and `unix://` as well.
    """
    connections = Connections(url)
    try:
        yield RedisStore(connections, schema=schema)
    finally:
        await connections.close()
