"""What the store of the cache is asked as spans: by the kind of a key, never by what it digests."""

from collections.abc import Collection, Mapping

from app.tracing.spans import Tracer, Value
from cache.keys import Key
from cache.store import Found, Store


def traced_store(store: Store, tracer: Tracer | None) -> Store:
    """The store with spans for what it is asked; itself when nobody wants to know."""
    return store if tracer is None else TracedStore(store, tracer)


class TracedStore:
    """Tells of what a store is asked by what is traced; passes everything on."""

    def __init__(self, store: Store, tracer: Tracer) -> None:
        self._store = store
        self._tracer = tracer

    @property
    def life(self) -> str:
        """As `Store` has it."""
        return self._store.life

    @property
    def backend(self) -> str:
        """As `Store` has it."""
        return self._store.backend

    async def look_up(self, key: Key, *, era: str, will_fill: bool = True) -> Found:
        """As `Store` has it."""
        with self._tracer.part(*self._told("look_up", kind=key.kind)) as span:
            found = await self._store.look_up(key, era=era, will_fill=will_fill)
            span.tell({"appointment360.cache.found": type(found).__name__.lower()})
            return found

    async def fill(
        self, key: Key, value: bytes, *, era: str, token: str, ttl_seconds: float
    ) -> bool:
        """As `Store` has it."""
        facts = self._told("fill", kind=key.kind, size=len(value))
        with self._tracer.part(*facts) as span:
            is_kept = await self._store.fill(
                key, value, era=era, token=token, ttl_seconds=ttl_seconds
            )
            span.tell({"appointment360.cache.kept": is_kept})
            return is_kept

    async def begin(self, tags: Collection[str], change: str) -> None:
        """As `Store` has it."""
        with self._tracer.part(*self._told("begin", tags=len(tags))):
            await self._store.begin(tags, change)

    async def end(self, tags: Collection[str], change: str) -> None:
        """As `Store` has it."""
        with self._tracer.part(*self._told("end", tags=len(tags))):
            await self._store.end(tags, change)

    async def delete(self, pattern: str) -> int:
        """As `Store` has it."""
        with self._tracer.part(*self._told("delete")):
            return await self._store.delete(pattern)

    async def ping(self) -> None:
        """As `Store` has it; it is nobody's."""
        await self._store.ping()

    async def statistics(self) -> Mapping[str, int]:
        """As `Store` has it."""
        with self._tracer.part(*self._told("statistics")):
            return await self._store.statistics()

    def _told(self, step: str, **facts: Value) -> tuple[str, dict[str, Value]]:
        """What a span of a step is called, and what is known of it."""
        named = {f"appointment360.cache.{name}": fact for name, fact in facts.items()}
        return (
            f"{self._store.backend} {step}",
            {"db.system.name": self._store.backend, "db.operation.name": step, **named},
        )
