"""What can be wrong with the Redis that processes share. Nothing is written."""

import re
from contextlib import suppress
from typing import Any, Final, NamedTuple

from redis.exceptions import ResponseError

from cache.redis_connections import Connections, Session

_VERSION: Final = re.compile(rb"^(valkey|redis)_version:(\S+)", re.MULTILINE)
_MODE: Final = re.compile(rb"^redis_mode:(\S+)", re.MULTILINE)


class RedisFacts(NamedTuple):
    """A Redis server.

    Attributes:
        version: With the name of the product.
        mode: `standalone` is the one that we can use.
        max_bytes: How much it may keep; 0 for any; None when it does not tell.
        policy: What it does beyond that; None when it does not tell.
    """

    version: str
    mode: str
    max_bytes: int | None
    policy: str | None


async def read_redis_facts(url: str) -> RedisFacts:
    """What there is to know of a server.

    Raises:
        StoreUnavailable: It does not answer.
    """
    connections = Connections(url)
    try:
        return await connections.use(_ask)
    finally:
        await connections.close()


async def _ask(session: Session) -> RedisFacts:
    told = await session.wire.ask("INFO", "server")
    # Valkey tells both: the version of Redis that it stands in for comes first.
    names = {name.decode(): version.decode() for name, version in _VERSION.findall(told)}
    name = "valkey" if "valkey" in names else "redis"
    mode = _MODE.search(told)
    limit, policy = (
        await _setting(session, "maxmemory"),
        await _setting(session, "maxmemory-policy"),
    )
    return RedisFacts(
        version=f"{name.capitalize()} {names.get(name, 'of an unknown version')}",
        mode=mode[1].decode() if mode else "standalone",
        max_bytes=None if limit is None else int(limit),
        policy=policy,
    )


async def _setting(session: Session, name: str) -> str | None:
    """Managed servers may keep their settings to themselves."""
    with suppress(ResponseError):
        answer: list[Any] = await session.wire.ask("CONFIG", "GET", name)
        if len(answer) == 2:
            return str(answer[1].decode())
    return None
