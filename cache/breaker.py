"""A store that is left alone while it does not answer, so that nobody waits for it in vain."""

import time
from collections.abc import Awaitable, Collection, Mapping
from typing import TypeVar

import structlog

from cache.keys import Key
from cache.store import Found, Store, StoreUnavailable

T = TypeVar("T")

log = structlog.get_logger(__name__)


class BreakingStore:
    """Passes everything on until the store fails; then all fails at once until a probe succeeds.

    Somebody has to call `probe` again and again.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._down_since: float | None = None

    @property
    def backend(self) -> str:
        """What the store is, for operators."""
        return self._store.backend

    @property
    def life(self) -> str:
        """As `Store` has it."""
        return self._store.life

    def down_seconds(self) -> float:
        """How long the store has been down; 0 when it is up."""
        return 0.0 if self._down_since is None else time.monotonic() - self._down_since

    async def probe(self) -> None:
        """See whether the store answers; raises nothing."""
        try:
            await self._store.ping()
        except StoreUnavailable as error:
            self._break(error)
        else:
            self._mend()

    async def look_up(self, key: Key, *, era: str, will_fill: bool = True) -> Found:
        """As `Store` has it."""
        self._check()
        return await self._told(self._store.look_up(key, era=era, will_fill=will_fill))

    async def fill(
        self, key: Key, value: bytes, *, era: str, token: str, ttl_seconds: float
    ) -> bool:
        """As `Store` has it."""
        self._check()
        return await self._told(
            self._store.fill(key, value, era=era, token=token, ttl_seconds=ttl_seconds)
        )

    async def begin(self, tags: Collection[str], change: str) -> None:
        """As `Store` has it."""
        self._check()
        await self._told(self._store.begin(tags, change))

    async def end(self, tags: Collection[str], change: str) -> None:
        """As `Store` has it."""
        self._check()
        await self._told(self._store.end(tags, change))

    async def delete(self, pattern: str) -> int:
        """As `Store` has it."""
        self._check()
        return await self._told(self._store.delete(pattern))

    async def ping(self) -> None:
        """As `Store` has it; asks the store itself at any time."""
        await self._told(self._store.ping())

    async def statistics(self) -> Mapping[str, int]:
        """As `Store` has it."""
        self._check()
        return await self._told(self._store.statistics())

    def _check(self) -> None:
        if self._down_since is not None:
            raise StoreUnavailable("It has not answered, and nobody has heard of it since.")

    async def _told(self, asked: Awaitable[T]) -> T:
        try:
            return await asked
        except StoreUnavailable as error:
            self._break(error)
            raise

    def _break(self, error: StoreUnavailable) -> None:
        if self._down_since is None:
            self._down_since = time.monotonic()
            log.warning("cache_down", backend=self.backend, error=type(error.__cause__).__name__)

    def _mend(self) -> None:
        if self._down_since is not None:
            log.info("cache_back", backend=self.backend, seconds=round(self.down_seconds(), 3))
            self._down_since = None
