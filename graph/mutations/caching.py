"""Letting go of cached answers, and making them before anybody asks.

Done twice they do no harm, so they have no idempotency key.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final, cast

import strawberry

from cache.query_cache import QueryCache
from cache.store import StoreUnavailable
from cache.warming import Warming
from domain.errors import (
    AppError,
    FeatureDisabled,
    Problem,
    ProblemCode,
    Rejected,
    Unavailable,
)
from domain.records import described
from domain.scalars import Json
from domain.viewer import Permission
from graph.context import Info
from graph.declare import as_input, column
from graph.errors import MASKED
from graph.mutations.writing import Input, MutationInput, answer, said
from graph.payloads import Payload
from graph.permissions import needs

_PREFIX: Final = "query_cache:"
_MAX_PATTERN_CHARS: Final = 500
_MAX_REASON_CHARS: Final = 200
_MAX_NAMES: Final = 20


@as_input
@dataclass(kw_only=True)
class InvalidateCacheInput(MutationInput):
    """Which cached answers to let go of, and why."""

    pattern: str = described(
        "A glob over their keys, such as `query_cache:contacts:*`; `*`, `?` and `[…]` stand for"
        " others, a backslash makes them mean themselves.",
        required=True,
    )
    reason: str = described("Why; it is kept with the recent invalidations.", required=True)
    metadata: Json | None = described("What else to keep with it, as an object.")


@as_input
@dataclass(kw_only=True)
class WarmCacheInput(MutationInput):
    """What to answer before anybody asks."""

    names: list[str] = described(
        "Names of warmers, `contacts:popular`, `companies:active` or `settings:app`, or of stored"
        " documents; up to 20.",
        required=True,
    )


@strawberry.type(description="How many answers were let go of.")
class InvalidateCachePayload(Payload):
    """Answer of `invalidateCache`."""

    removed: int | None = column("How many there were; null when the input was refused.")


@strawberry.type(description="What became of one warmer.")
class WarmedQuery:
    """A `cache.warming.WarmResult`."""

    name: str = column("Its name.")
    ok: bool = column("Whether its answer is in the cache now.")
    error: str | None = column("Why it is not; null when it is.")


@strawberry.type(description="What became of each warmer.")
class WarmCachePayload(Payload):
    """Answer of `warmCache`."""

    results: list[WarmedQuery] = column("In the order of the names; empty when they were refused.")


@strawberry.type
class CacheMutations:
    """What operators can do to the cache."""

    @strawberry.mutation(
        description="Let go of cached answers whose keys match a pattern. Never needed for answers"
        " to be right. Needs the role ADMIN.",
        metadata=needs(Permission.ADMIN),
    )
    async def invalidate_cache(
        self, info: Info, input: Input[InvalidateCacheInput]
    ) -> InvalidateCachePayload:
        """How many there were."""
        return await answer(
            InvalidateCachePayload,
            input,
            _invalidate(_cache(info), input),
            shown=lambda removed: {"removed": removed},
            nothing={"removed": None},
        )

    @strawberry.mutation(
        description="Answer queries before anybody asks, and keep their answers. Needs the role"
        " ADMIN.",
        metadata=needs(Permission.ADMIN),
    )
    async def warm_cache(self, info: Info, input: Input[WarmCacheInput]) -> WarmCachePayload:
        """What became of each."""
        _cache(info)
        return await answer(
            WarmCachePayload,
            input,
            _warm(info.context.warming, input.names),
            shown=lambda results: {"results": results},
            nothing={"results": []},
        )


def _cache(info: Info) -> QueryCache:
    if info.context.cache is None:
        raise FeatureDisabled("There is no cache: ENABLE_QUERY_CACHING is false.")
    return info.context.cache


async def _invalidate(cache: QueryCache, given_input: InvalidateCacheInput) -> int:
    pattern, reason = given_input.pattern, given_input.reason.strip()
    metadata = said(given_input.metadata)
    if problems := list(_problems_of_pattern(pattern, reason, metadata)):
        raise Rejected(problems)
    try:
        return await cache.invalidate_pattern(
            pattern, reason=reason, metadata=cast("Mapping[str, object]", metadata or {})
        )
    except StoreUnavailable:
        raise Unavailable("Redis does not answer. Try again in a moment.") from None


async def _warm(warming: Warming | None, names: list[str]) -> list[WarmedQuery]:
    if problems := list(_problems_of_names(names)):
        raise Rejected(problems)
    results = [] if warming is None else await warming.warm(names)
    return [WarmedQuery(name=each.name, ok=each.ok, error=_words(each.error)) for each in results]


def _problems_of_pattern(pattern: str, reason: str, metadata: object) -> Iterator[Problem]:
    if not pattern.startswith(_PREFIX):
        message = f"A pattern begins with `{_PREFIX}`, as in `{_PREFIX}contacts:*`."
        yield _problem(ProblemCode.INVALID_VALUE, message, "pattern")
    if len(pattern) > _MAX_PATTERN_CHARS:
        message = f"A pattern has at most {_MAX_PATTERN_CHARS} characters."
        yield _problem(ProblemCode.TOO_LONG, message, "pattern")
    if not reason:
        yield _problem(ProblemCode.REQUIRED, "Say why.", "reason")
    if len(reason) > _MAX_REASON_CHARS:
        message = f"A reason has at most {_MAX_REASON_CHARS} characters."
        yield _problem(ProblemCode.TOO_LONG, message, "reason")
    if metadata is not None and not isinstance(metadata, Mapping):
        yield _problem(ProblemCode.INVALID_VALUE, "The metadata is not an object.", "metadata")


def _problems_of_names(names: list[str]) -> Iterator[Problem]:
    if not names:
        yield _problem(ProblemCode.REQUIRED, "Name what to warm.", "names")
    if len(names) > _MAX_NAMES:
        message = f"{len(names)} names were given; at most {_MAX_NAMES} fit."
        yield _problem(ProblemCode.TOO_LONG, message, "names")


def _problem(code: ProblemCode, message: str, field: str) -> Problem:
    return Problem(code=code, message=message, path=(field,))


def _words(error: Exception | None) -> str | None:
    if error is None:
        return None
    return error.message if isinstance(error, AppError) else MASKED
