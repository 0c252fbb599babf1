"""What everybody uses: a value from the cache, or loaded once and kept.

Nothing here fails because the cache does: without it values are loaded as if there were none.
"""

import asyncio
import hashlib
import random
import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from enum import Enum, auto
from typing import Final, cast

import orjson

from cache.events import CacheInvalidated, Events
from cache.flights import ABANDONED, Flight, Flights, Landed, Name, Route
from cache.keys import Key, Named
from cache.lookups import Lookups
from cache.statistics import Counts, Status, advice
from cache.store import Dirty, Found, Hit, Miss, Store, StoreUnavailable

_PATIENCE_SECONDS: Final = 0.05
_FLIGHT_SECONDS: Final = 1.0
_PAUSE_SECONDS: Final = 0.002
_LEAST_OF_TTL: Final = 0.9
_PREFIX: Final = re.compile(r"[a-z0-9_:-]+")

Load = Callable[[], Awaitable[bytes | None]]
"""Gives the bytes to keep, or None when they must not be kept."""


class _Missing(Enum):
    MISSING = auto()


MISSING: Final = _Missing.MISSING
"""There is no value; None, an empty list and the like are values."""


@dataclass(frozen=True, slots=True)
class Fetched:
    """A value, and where it came from.

    Attributes:
        value: None when it was loaded and must not be kept.
        is_kept: It was found in the cache, or is there from now on.
        seconds_left: How long a hit would still be kept.
    """

    status: Status
    value: bytes | None
    is_kept: bool = False
    seconds_left: float | None = None


class QueryCache:
    """The cache of one process, or its view of the one that processes share.

    Args:
        era: Of which era values are to be; None while the cache may not be used.
        ttl_seconds: How long a value is kept at most, if its kind says nothing shorter.
        events: Are told what is invalidated here.

    Attributes:
        counts: How it was used by this process.
    """

    def __init__(
        self,
        store: Store,
        *,
        era: Callable[[], str | None],
        ttl_seconds: float,
        events: Events | None = None,
    ) -> None:
        self.events = events or Events()
        self.counts = Counts()
        self._store = store
        self._era = era
        self._ttl_seconds = ttl_seconds
        self._flights = Flights()

    async def fetch(self, key: Key, load: Load, *, lookups: Lookups | None = None) -> Fetched:
        """A value from the cache, or from `load`, which is then kept.

        Who misses it together with others shares one load, unless something has changed between
        them. An error of `load` reaches the one who called it; the others call theirs. So do those
        for whom it takes too long: what else the one who loads has to do is not their affair.

        Args:
            lookups: Of those who would load together: `load` is called after all of them.
        """
        lookups = lookups or Lookups()
        era = self._era()
        if era is None:
            return await self._bypass(key, load)
        name = Name(key.kind, key.digest)
        with self._flights.watching(name) as watch:
            with lookups.one_more():
                found = await self._look_up(key, era)
            if isinstance(found, Hit):
                return self._hit(key, found)
            await lookups.answered()
        if isinstance(found, Dirty):
            return await self._bypass(key, load)
        route = Route(name, era, found.token)
        if (landed := watch.landed.get(route)) is not None:
            return self._missed(key, *landed)
        return await self._share(key, load, route, found)

    async def get(self, prefix: str, /, **arguments: object) -> object:
        """The value that was set under a prefix and arguments, or MISSING.

        Raises:
            ValueError: The prefix has other characters than `a-z0-9_:-`.
            TypeError: An argument is nothing that JSON has.
        """
        key = named(prefix, arguments)
        if (era := self._era()) is None:
            self.counts.add(prefix, Status.BYPASS)
            return MISSING
        found = await self._look_up(key, era, will_fill=False)
        if isinstance(found, Hit):
            self.counts.add(prefix, Status.HIT)
            return orjson.loads(found.value)
        self.counts.add(prefix, Status.MISS if isinstance(found, Miss) else Status.BYPASS)
        return MISSING

    async def set(
        self, prefix: str, value: object, /, *, ttl: float | None = None, **arguments: object
    ) -> None:
        """Keep a value of JSON under a prefix and arguments, if the cache can be used now.

        Args:
            ttl: Seconds to live, also more than the usual ones.

        Raises:
            ValueError: The prefix has other characters than `a-z0-9_:-`.
            TypeError: The value or an argument is nothing that JSON has.
        """
        key, kept = named(prefix, arguments), orjson.dumps(value)
        if (era := self._era()) is not None:
            await self._keep(key, kept, era=era, token="", ttl_seconds=ttl)

    @property
    def backend(self) -> str:
        """What keeps the answers, for operators."""
        return self._store.backend

    async def get_cache_stats(self) -> dict[str, object]:
        """How the cache is used.

        Returns:
            `enabled` and `backend`; what the store counts itself (in memory `total_entries`,
            `valid_entries`, `max_entries`; in Redis `keyspace_hits`, `keyspace_misses`,
            `total_commands_processed`, of the whole server; nothing while it does not answer);
            of this process since it was started `hits`, `misses`, `bypasses`, `hit_ratio` between
            0 and 1 without the bypasses, and `advice`, both None before anything was asked.
        """
        try:
            of_store = await self._store.statistics()
        except StoreUnavailable:
            of_store = {}
        hit_ratio = self.counts.hit_ratio
        return {
            "enabled": True,
            "backend": self._store.backend,
            **of_store,
            "hits": self.counts.of(Status.HIT),
            "misses": self.counts.of(Status.MISS),
            "bypasses": self.counts.of(Status.BYPASS),
            "hit_ratio": hit_ratio,
            "advice": advice(hit_ratio),
        }

    async def invalidate_pattern(
        self, pattern: str, *, reason: str, metadata: Mapping[str, object]
    ) -> int:
        """Let go of the values whose names match a glob, as an operator may want to.

        What is being loaded meanwhile may come back: what is right never depends on this.

        Returns:
            How many there were.

        Raises:
            StoreUnavailable: The store does not answer; some of them may be gone.
        """
        deleted = await self._store.delete(pattern)
        self.events.tell(CacheInvalidated(reason=reason, pattern=pattern, metadata=metadata))
        return deleted

    async def _share(self, key: Key, load: Load, route: Route, found: Miss) -> Fetched:
        until = asyncio.get_running_loop().time() + _FLIGHT_SECONDS
        while (flight := self._flights.find(route)) is not None:
            flight.is_claimed |= not found.is_awaited
            outcome = await flight.outcome(until=until)
            if isinstance(outcome, Landed):
                return self._missed(key, *outcome)
            if outcome is not ABANDONED:
                return self._missed(key, await load())
        with self._flights.leading(route, is_claimed=not found.is_awaited) as flight:
            return await self._lead(key, load, route, flight, found)

    async def _lead(
        self, key: Key, load: Load, route: Route, flight: Flight, missed: Miss
    ) -> Fetched:
        found = await self._wait_for_others(key, route.era, flight, missed)
        if isinstance(found, Hit):
            flight.land(Landed(found.value, is_kept=True))
            return self._hit(key, found)
        value = await load()
        if value is None:
            return self._missed(key, None)
        is_kept = isinstance(found, Miss) and await self._keep(
            key, value, era=route.era, token=found.token
        )
        flight.land(Landed(value, is_kept))
        return self._missed(key, value, is_kept=is_kept)

    async def _wait_for_others(self, key: Key, era: str, flight: Flight, missed: Miss) -> Found:
        """Give another process that is about to fill the time to do so, but not much."""
        found: Found = missed
        until, pause = asyncio.get_running_loop().time() + _PATIENCE_SECONDS, _PAUSE_SECONDS
        while isinstance(found, Miss) and found.is_awaited and not flight.is_claimed:
            if (left := until - asyncio.get_running_loop().time()) <= 0:
                break
            await asyncio.sleep(min(pause, left))
            pause *= 2
            found = await self._look_up(key, era)
        return found

    async def _look_up(self, key: Key, era: str, *, will_fill: bool = True) -> Found:
        try:
            found = await self._store.look_up(key, era=era, will_fill=will_fill)
        except StoreUnavailable:
            return Dirty()
        # It may have been another start of the store that answered.
        return found if self._era() == era else Dirty()

    async def _keep(
        self, key: Key, value: bytes, *, era: str, token: str, ttl_seconds: float | None = None
    ) -> bool:
        if ttl_seconds is None:
            ttl_seconds = min(self._ttl_seconds, key.ttl_seconds or self._ttl_seconds)
        # Values that were kept together do not have to be loaded again together.
        ttl_seconds *= random.uniform(_LEAST_OF_TTL, 1)  # noqa: S311  # spreads loads
        try:
            return await self._store.fill(key, value, era=era, token=token, ttl_seconds=ttl_seconds)
        except StoreUnavailable:
            return False

    async def _bypass(self, key: Key, load: Load) -> Fetched:
        self.counts.add(key.kind, Status.BYPASS)
        return Fetched(Status.BYPASS, await load())

    def _hit(self, key: Key, found: Hit) -> Fetched:
        self.counts.add(key.kind, Status.HIT)
        return Fetched(Status.HIT, found.value, is_kept=True, seconds_left=found.seconds_left)

    def _missed(self, key: Key, value: bytes | None, is_kept: bool = False) -> Fetched:
        self.counts.add(key.kind, Status.MISS)
        return Fetched(Status.MISS, value, is_kept)


async def cache_aside(
    cache: QueryCache | None,
    prefix: str,
    fetch: Callable[..., Awaitable[object]],
    /,
    **arguments: object,
) -> object:
    """The value of `fetch(**arguments)`, from the cache if it is there; kept if it was not.

    Args:
        cache: None where nothing is cached.

    Returns:
        A value of JSON.

    Raises:
        ValueError: The prefix has other characters than `a-z0-9_:-`.
        TypeError: The value or an argument is nothing that JSON has.
    """
    if cache is None:
        return await fetch(**arguments)

    async def load() -> bytes:
        return orjson.dumps(await fetch(**arguments))

    fetched = await cache.fetch(named(prefix, arguments), load)
    return orjson.loads(cast("bytes", fetched.value))


def named(prefix: str, arguments: Mapping[str, object]) -> Named:
    """The key of a prefix and arguments; the order of these is no matter, nor that of their parts.

    Raises:
        ValueError: The prefix has other characters than `a-z0-9_:-`.
        TypeError: An argument is nothing that JSON has.
    """
    if not _PREFIX.fullmatch(prefix):
        raise ValueError(f"A prefix is made of a-z, 0-9, _, : and -; {prefix!r} is not.")
    canonical = orjson.dumps(arguments, option=orjson.OPT_SORT_KEYS)
    return Named(kind=prefix, digest=hashlib.blake2b(canonical, digest_size=16).hexdigest())
