"""Filling the cache before anybody asks: one entry, or several of which each may fail alone."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import structlog

from cache.query_cache import QueryCache

log = structlog.get_logger(__name__)

Fetch = Callable[..., Awaitable[object]]


class WarmTask(Protocol):
    """Something that fills the cache.

    Attributes:
        name: By which its result is told.
    """

    @property
    def name(self) -> str:
        """By which its result is told."""

    async def warm(self, cache: QueryCache) -> None:
        """Fill it; raises when that cannot be done."""


@dataclass(frozen=True, kw_only=True)
class Entry:
    """A value that is kept by a name and arguments, as `cache_aside` finds it.

    Attributes:
        fetch: Takes the arguments, and gives what JSON can say.
        ttl: Seconds; None for the usual time.
    """

    prefix: str
    fetch: Fetch
    arguments: Mapping[str, object] = field(default_factory=dict)
    ttl: float | None = None

    @property
    def name(self) -> str:
        """Its prefix."""
        return self.prefix

    async def warm(self, cache: QueryCache) -> None:
        """Fetch the value anew and keep it."""
        value = await self.fetch(**self.arguments)
        await cache.set(self.prefix, value, ttl=self.ttl, **self.arguments)


@dataclass(frozen=True)
class WarmResult:
    """What became of a task.

    Attributes:
        error: Why it failed; None when it did not.
    """

    name: str
    error: Exception | None = None

    @property
    def ok(self) -> bool:
        """Whether it filled the cache."""
        return self.error is None


class Warming(Protocol):
    """Fills the cache by names that a process knows."""

    async def warm(self, names: Sequence[str]) -> list[WarmResult]:
        """Fill it by each name; a result for each, in their order.

        Raises:
            FeatureDisabled: There is no cache.
        """


async def warm_cache_entry(
    cache: QueryCache, prefix: str, fetch: Fetch, /, **arguments: object
) -> None:
    """Fetch a value anew and keep it by a name and arguments; an error of `fetch` keeps nothing.

    Raises:
        ValueError: The prefix has other characters than `a-z0-9_:-`.
        TypeError: The value or an argument is nothing that JSON has.
    """
    await Entry(prefix=prefix, fetch=fetch, arguments=arguments).warm(cache)


async def warm_cache_batch(cache: QueryCache, tasks: Sequence[WarmTask]) -> list[WarmResult]:
    """Run tasks one after another, so that requests notice little of it.

    Returns:
        A result for each, in their order; one that fails does not stop the others.
    """
    return [await _result_of(task, cache) for task in tasks]


async def _result_of(task: WarmTask, cache: QueryCache) -> WarmResult:
    try:
        await task.warm(cache)
    except Exception as error:  # noqa: BLE001  # whatever it is, the next task is none the worse
        log.warning("cache_not_warmed", name=task.name, error=str(error) or type(error).__name__)
        return WarmResult(task.name, error)
    return WarmResult(task.name)
