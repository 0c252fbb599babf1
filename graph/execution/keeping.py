"""Root fields through the cache: what is kept of an answer, and how it comes again.

The one idea: what is kept is the JSON of one root field as it stands in the answer, behind what it
costs and what the client is told about it. A hit is put into the answer as it is. What is loaded is
loaded apart from the rest of the operation, so that every row of it was read after the cache was
asked.
"""

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Final, cast

import orjson
from graphql import GraphQLError

from cache.keys import Key
from cache.lookups import Lookups
from cache.query_cache import Fetched, QueryCache
from cache.statistics import Status
from graph.context import Context

ANSWER_OPTIONS: Final = orjson.OPT_UTC_Z
"""How the answer around it is written too."""

# JSON of orjson has no line break in it.
_END_OF_TOLD: Final = b"\n"

_BYPASSED: Final = Fetched(Status.BYPASS, None)

_Told = list[dict[str, object]]


@dataclass(frozen=True)
class Completed:
    """What became of a root field.

    Attributes:
        is_nulled: A null took something along.
        is_unreadable: It is not known what the answer is.
    """

    value: Any
    errors: list[GraphQLError]
    is_nulled: bool
    is_unreadable: bool

    @property
    def is_whole(self) -> bool:
        """Whether nothing is missing, so that it may be kept."""
        return not self.errors and not self.is_unreadable


Complete = Callable[[Context], Awaitable[Completed]]
"""Obtains and completes a root field in a context of its own."""


class Keeping:
    """The kept fields of one request.

    Fields that ask for the same are fetched once, so that one answer shows one state of it.
    """

    def __init__(self, context: Context, cache: QueryCache) -> None:
        self._context = context
        self._cache = cache
        self._lookups = Lookups()
        self._fetched: dict[Key, bytes | None] = {}
        self._fetching: defaultdict[Key, asyncio.Lock] = defaultdict(asyncio.Lock)

    async def value(self, name: str, key: Key, complete: Complete) -> Completed:
        """What stands in the answer under a name."""
        # A hit would show the primary beside what is read at the replica, and what the replica
        # gives may be older than the token.
        if self._context.bypasses_cache or self._context.reads.are_at_replica:
            self._context.fetches.note(key, _BYPASSED)
            self._cache.counts.add(key.kind, Status.BYPASS)
            return await complete(self._context)
        async with self._fetching[key]:
            if key not in self._fetched:
                loading = _Loading(self._context, name, complete)
                self._fetched[key] = await self._fetch(key, loading)
                if self._fetched[key] is None:
                    self._tell(loading.context.notices, loading.context.hints)
                    return loading.completed
        known = self._fetched[key]
        # What may not be kept is not shared: who waited for it has its own, beside the others.
        return await complete(self._context) if known is None else self._shown(name, known)

    async def _fetch(self, key: Key, loading: "_Loading") -> bytes | None:
        fetched = await self._cache.fetch(key, loading, lookups=self._lookups)
        self._context.fetches.note(key, fetched)
        return fetched.value

    def _shown(self, name: str, known: bytes) -> Completed:
        told, _, written = known.partition(_END_OF_TOLD)
        cost, *others = orjson.loads(told)
        self._context.bill.note(name, cost)
        if others:
            notices, hints = others
            self._tell(_placed(notices, name), _placed(hints, name))
        return Completed(orjson.Fragment(written), [], is_nulled=False, is_unreadable=False)

    def _tell(self, notices: _Told, hints: _Told) -> None:
        context = self._context
        context.notices += [each for each in notices if each not in context.notices]
        context.hints += [each for each in hints if each not in context.hints]


class _Loading:
    """Loads what is to be kept.

    Attributes:
        context: Where it was loaded, with what the client is told about it.
        completed: What became of it.
    """

    context: Context
    completed: Completed

    def __init__(self, context: Context, name: str, complete: Complete) -> None:
        self._context = context
        self._name = name
        self._complete = complete

    async def __call__(self) -> bytes | None:
        """What is to be kept; None when nothing may be."""
        self.context = self._context.apart()
        self.completed = await self._complete(self.context)
        return self._written() if self.completed.is_whole else None

    def _written(self) -> bytes | None:
        value, notices, hints = self.completed.value, self.context.notices, self.context.hints
        told: list[object] = [self._context.bill.of(self._name, value)]
        if notices or hints:
            told += [_parted(notices), _parted(hints)]
        try:
            return orjson.dumps(told) + _END_OF_TOLD + orjson.dumps(value, option=ANSWER_OPTIONS)
        except orjson.JSONEncodeError:
            # Nor can the answer be written: that is told by who tries.
            return None


def _parted(told: _Told) -> _Told:
    """What is told, with its places as they are from the root field on."""
    return [{**each, "path": cast("list[str]", each["path"])[1:]} for each in told]


def _placed(told: _Told, name: str) -> _Told:
    """What is told, with its places as they are in the answer."""
    return [{**each, "path": [name, *cast("list[str]", each["path"])]} for each in told]
