"""The cache of a process, and what its changes do to the caches of all processes.

A process that serves is trusted to say itself what its changes make out of date: alone with a
cache in memory, or together with others that share Redis. What any other process changes renews the
epoch, by triggers, and is waited for once at the end of its work.
"""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from importlib.metadata import version
from typing import Final
from uuid import uuid4

from sqlalchemy.engine import URL

from app.settings import Settings
from app.tracing.spans import Tracer
from app.tracing.stores import traced_store
from cache.breaker import BreakingStore
from cache.events import Events
from cache.invalidation import Committing, Invalidation, Standing
from cache.lease import LEASE_SECONDS, Lease
from cache.memory import MemoryStore
from cache.query_cache import QueryCache
from cache.redis_store import open_redis_store
from cache.store import Store
from db.cache_state import CacheState, open_cache_state, renew_at_commit, rule_of
from db.transaction import CommitGuard, EndOfCommit, Transaction
from domain.beside import beside
from domain.changes import Change
from graph.schema import schema_text

_PRODUCT: Final = "appointment360"
_PAUSE_SECONDS: Final = 0.3
_FORM: Final = 2
"""Goes up with every change of how answers are kept, or of what the same question is answered."""

_RULES: Final = 1
"""Goes up with every change of which tags a change touches, or of what is done about them."""


def connection_name(settings: Settings, *, serves: bool) -> str:
    """The `application_name` of a process's connections: by it PostgreSQL knows whom to trust.

    Two releases that share Redis are trusted together, as long as they go by the same rules.
    """
    if not settings.enable_query_caching:
        return _PRODUCT
    if (redis := settings.shared_redis) is not None:
        place = redis.rpartition("@")[2]
        return f"{_PRODUCT}/redis-{hashlib.sha256(f'{_RULES}/{place}'.encode()).hexdigest()[:16]}"
    return f"{_PRODUCT}/{uuid4().hex}" if serves else _PRODUCT


class Guard(CommitGuard):
    """Surrounds the commits of a database.

    Args:
        name: Of its connections.
    """

    def __init__(self, name: str, invalidation: Invalidation) -> None:
        self._name = name
        self._invalidation = invalidation

    async def begin(self, tx: Transaction, changes: Sequence[Change]) -> EndOfCommit:
        """Have what changes be out of date."""
        return await self._invalidation.begin(_Committing(tx, self._name), changes)

    async def shown(self) -> None:
        """Wait until no process uses what is out of date."""
        await self._invalidation.shown()


class _Committing(Committing):
    """A transaction as the cache sees it."""

    def __init__(self, tx: Transaction, name: str) -> None:
        self._tx = tx
        self._name = name

    async def standing(self) -> Standing:
        rule = await rule_of(self._tx, lease_seconds=LEASE_SECONDS)
        if rule.trusted is None or rule.is_off:
            return Standing.UNUSED
        return Standing.OURS if rule.trusted == self._name else Standing.THEIRS

    async def renew_epoch(self) -> None:
        await renew_at_commit(self._tx)


@dataclass(frozen=True, kw_only=True)
class Caching:
    """What a process has of a cache.

    Attributes:
        cache: None when nothing is read from it.
        lease: Tells whether that may be used; None likewise.
    """

    guard: Guard
    cache: QueryCache | None = None
    lease: Lease | None = None


@asynccontextmanager
async def open_caching(
    settings: Settings,
    state: CacheState,
    *,
    secret: bytes,
    direct_url: URL,
    serves: bool,
    lease_seconds: float = LEASE_SECONDS,
    tracer: Tracer | None = None,
) -> AsyncIterator[Caching]:
    """The cache of a process, watched while the block runs.

    Args:
        state: The agreement of all processes, asked over the usual connections.
        direct_url: Where PostgreSQL itself answers.
        lease_seconds: More than the usual only where no other process writes.
        tracer: Tells what a store in Redis is asked; None when nobody wants to know.
    """
    async with AsyncExitStack() as stack:
        events = Events()
        store = None
        if settings.enable_query_caching and (serves or settings.enable_redis_cache):
            schema = _namespace(settings, secret) if serves else ""
            store = await stack.enter_async_context(_open_store(settings, schema, tracer))
        invalidation = Invalidation(
            store,
            renew_epoch=lambda after_all: state.renew_epoch(after_all=after_all),
            events=events,
            waits=serves,
        )
        stack.push_async_callback(invalidation.settle)
        guard = Guard(state.name, invalidation)
        if store is None:
            yield Caching(guard=guard)
        elif not serves:
            async with beside(_probe(store)):
                yield Caching(guard=guard)
        else:
            own = await stack.enter_async_context(open_cache_state(direct_url, name=state.name))
            lease = Lease(own, store, is_shared=settings.enable_redis_cache, seconds=lease_seconds)
            cache = QueryCache(
                store, era=lease.era, ttl_seconds=settings.query_cache_ttl, events=events
            )
            try:
                async with beside(lease.watch()):
                    yield Caching(guard=guard, cache=cache, lease=lease)
            finally:
                await lease.release()


def _namespace(settings: Settings, secret: bytes) -> str:
    """What answers depend on that is the same all through the life of a process."""
    told = hashlib.sha256(f"{_FORM}/{version(_PRODUCT)}/{schema_text()}".encode())
    told.update(f"{settings.default_page_size}/{settings.max_page_size}/".encode())
    # Cursors are signed with it.
    told.update(hashlib.sha256(b"cache" + secret).digest())
    return told.hexdigest()[:16]


@asynccontextmanager
async def _open_store(
    settings: Settings, schema: str, tracer: Tracer | None
) -> AsyncIterator[BreakingStore]:
    if (redis := settings.shared_redis) is not None:
        async with open_redis_store(redis, schema=schema) as store:
            yield BreakingStore(traced_store(store, tracer))
        return
    memory: Store = MemoryStore(
        max_entries=settings.cache_max_size, max_bytes=settings.cache_max_bytes, schema=schema
    )
    yield BreakingStore(memory)


async def _probe(store: BreakingStore) -> None:
    """See again and again whether a store that was away is back; for ever."""
    while True:
        await store.probe()
        await asyncio.sleep(_PAUSE_SECONDS)
