"""What a store of cached values does: the one protocol, and what it answers with.

Every tag has a generation, a random text. A value is kept under the generations of its tags, so it
is found only as long as none of them changed. Who misses is given them as a token, before reading
what to keep; a value is kept only under a token that is still true.

A tag is dirty from before the COMMIT of a change that touches it until the change is acknowledged.
While it is, nothing is looked up under it and nothing is kept.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Final, Protocol

from cache.keys import Key

DIRTY_SECONDS: Final = 30.0
"""How long a tag stays dirty at most: the mark of a writer that died is forgotten then."""


class StoreUnavailable(Exception):
    """The store did not answer, or not in time; what it was asked for may still happen."""


@dataclass(frozen=True, slots=True)
class Hit:
    """A value that was found.

    Attributes:
        seconds_left: How long it would still be kept.
    """

    value: bytes
    seconds_left: float


@dataclass(frozen=True, slots=True)
class Miss:
    """There is no value.

    Attributes:
        token: What a value must be filled with that is read from now on.
        is_awaited: Somebody else, perhaps in another process, is about to fill it.
    """

    token: str
    is_awaited: bool = False


@dataclass(frozen=True, slots=True)
class Dirty:
    """Something it depends on is being changed: read past the cache, and keep nothing."""


Found = Hit | Miss | Dirty


class Store(Protocol):
    """Where values are kept. Both stores raise StoreUnavailable from everything that waits."""

    @property
    def life(self) -> str:
        """Which start of itself answers now: what an earlier one was told may be forgotten."""

    @property
    def backend(self) -> str:
        """What it is, for operators."""

    async def look_up(self, key: Key, *, era: str, will_fill: bool = True) -> Found:
        """What there is under a key.

        Args:
            era: Values of another era are not found.
            will_fill: Who misses is about to fill it; others are told so for a moment.
        """

    async def fill(
        self, key: Key, value: bytes, *, era: str, token: str, ttl_seconds: float
    ) -> bool:
        """Keep a value unless one of its tags has changed since the token; whether it was kept.

        What has no tags is never out of date: it is kept under any token.
        """

    async def begin(self, tags: Collection[str], change: str) -> None:
        """A change that touches tags is about to be committed: they are dirty from now on.

        Args:
            change: Tells it from all others.
        """

    async def end(self, tags: Collection[str], change: str) -> None:
        """The change is committed or undone: the tags have new generations."""

    async def delete(self, pattern: str) -> int:
        """Let go of the values whose keys match a glob; how many there were.

        Args:
            pattern: As Redis has them: `*`, `?`, `[a-z]`, and a backslash before what is meant
                literally. A key is `query_cache:{kind}:{schema}:{era}:{generations}:{digest}`.
        """

    async def ping(self) -> None:
        """Answer."""

    async def statistics(self) -> Mapping[str, int]:
        """Its own numbers; which ones there are depends on the backend."""
