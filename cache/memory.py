"""Values in the memory of this process, for as long as it is the only one that serves."""

import secrets
import time
from collections import Counter
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Final

from cachetools import LRUCache, TLRUCache

from cache.keys import Key
from cache.patterns import matcher
from cache.store import DIRTY_SECONDS, Dirty, Found, Hit, Miss

_DIRTY: Final = Dirty()
_TAGS_PER_ENTRY: Final = 8
# What an entry takes besides its name and value: itself, and its places in the cache.
_OVERHEAD_BYTES: Final = 600


@dataclass(frozen=True, slots=True)
class _Entry:
    value: bytes
    expires_at: float
    weight: int
    tags: tuple[str, ...]
    token: str


class MemoryStore:
    """A store that is bounded by entries and by bytes: the least recently used go first.

    Not for threads: the event loop alone uses it, and nothing here waits.

    Args:
        schema: Namespace of the names.
        timer: Tells the seconds that have passed.
    """

    backend = "in-memory (cachetools.TLRUCache)"
    life = "process"

    def __init__(
        self,
        *,
        max_entries: int,
        max_bytes: int,
        schema: str,
        timer: Callable[[], float] = time.monotonic,
    ) -> None:
        self._max_entries = max_entries
        self._schema = schema
        self._timer = timer
        self._values: TLRUCache[str, _Entry] = TLRUCache(
            max_bytes, _expires_at, timer=timer, getsizeof=_weight
        )
        # A generation that is let go is replaced by a new one: that is a miss, nothing worse.
        self._generations: LRUCache[str, str] = LRUCache(max_entries * _TAGS_PER_ENTRY)
        self._marks = _Marks()

    async def look_up(self, key: Key, *, era: str, will_fill: bool = True) -> Found:  # noqa: ARG002  # nobody else fills
        """As `Store` has it."""
        tags, now = key.tags, self._timer()
        self._expire_marks(now)
        if self._marks and any(tag in self._marks for tag in tags):
            return _DIRTY
        token = self._token(tags)
        entry = self._values.get(self._name(key, era, token))
        if entry is None:
            return Miss(token)
        return Hit(entry.value, entry.expires_at - now)

    async def fill(
        self, key: Key, value: bytes, *, era: str, token: str, ttl_seconds: float
    ) -> bool:
        """As `Store` has it; a value heavier than the bound is not kept."""
        tags, now = key.tags, self._timer()
        self._expire_marks(now)
        current = self._token(tags)
        if any(tag in self._marks for tag in tags) or (tags and token != current):
            return False
        name = self._name(key, era, current)
        weight = len(name) + len(value) + _OVERHEAD_BYTES
        if weight > self._values.maxsize:
            return False
        if name not in self._values:
            while len(self._values) >= self._max_entries:
                self._values.popitem()
        self._values[name] = _Entry(value, now + ttl_seconds, weight, tags, current)
        return True

    async def begin(self, tags: Collection[str], change: str) -> None:
        """As `Store` has it."""
        self._expire_marks(now := self._timer())
        for tag in tags:
            self._marks.add(tag, change, expires_at=now + DIRTY_SECONDS)
            self._renew(tag)

    async def end(self, tags: Collection[str], change: str) -> None:
        """As `Store` has it."""
        for tag in tags:
            self._marks.remove(tag, change)
            self._renew(tag)

    async def delete(self, pattern: str) -> int:
        """As `Store` has it."""
        matches = matcher(pattern)
        return sum(
            self._values.pop(name, None) is not None
            for name in [name for name in self._values if matches(name)]
        )

    async def ping(self) -> None:
        """It is there as long as the process is."""

    async def statistics(self) -> Mapping[str, int]:
        """How many entries there are, can still be found, and can be kept at most."""
        return {
            "total_entries": len(self._values),
            "valid_entries": sum(
                entry.token == self._token(entry.tags) for entry in self._values.values()
            ),
            "max_entries": self._max_entries,
        }

    @property
    def kept_bytes(self) -> int:
        """What all entries weigh together."""
        return int(self._values.currsize)

    def _name(self, key: Key, era: str, token: str) -> str:
        return f"query_cache:{key.kind}:{self._schema}:{era}:{token}:{key.digest}"

    def _token(self, tags: tuple[str, ...]) -> str:
        return ".".join(map(self._generation, tags))

    def _generation(self, tag: str) -> str:
        generation = self._generations.get(tag)
        if generation is None:
            generation = self._generations[tag] = secrets.token_hex(8)
        return generation

    def _renew(self, tag: str) -> None:
        """The next one who asks for its generation is given a new one."""
        self._generations.pop(tag, None)

    def _expire_marks(self, now: float) -> None:
        for tag in self._marks.expire(now):
            self._renew(tag)


class _Marks:
    """Which changes are under way on which tags; all marks last equally long."""

    def __init__(self) -> None:
        self._expires_at: dict[tuple[str, str], float] = {}
        self._changes: Counter[str] = Counter()

    def __contains__(self, tag: str) -> bool:
        return tag in self._changes

    def __len__(self) -> int:
        return len(self._expires_at)

    def add(self, tag: str, change: str, *, expires_at: float) -> None:
        """Mark a tag."""
        self.remove(tag, change)
        self._expires_at[tag, change] = expires_at
        self._changes[tag] += 1

    def remove(self, tag: str, change: str) -> None:
        """Take a mark away if there is one."""
        if self._expires_at.pop((tag, change), None) is not None:
            self._changes[tag] -= 1
            if not self._changes[tag]:
                del self._changes[tag]

    def expire(self, now: float) -> list[str]:
        """Take those away whose time is over; gives their tags."""
        expired = []
        for mark, expires_at in self._expires_at.items():
            if now < expires_at:
                break
            expired.append(mark)
        for tag, change in expired:
            self.remove(tag, change)
        return [tag for tag, _ in expired]


def _expires_at(_name: str, entry: _Entry, _now: float) -> float:
    return entry.expires_at


def _weight(entry: _Entry) -> int:
    return entry.weight
