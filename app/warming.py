"""Warming: what many ask for first is answered once before anybody does, beside the requests.

A warmer is a query by a name: one of ours, or a stored document. It is executed as a request of a
viewer is, so what it leaves in the cache is what the same query of a frontend finds there.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final
from uuid import UUID

import structlog
from graphql import OperationType

from app.resources import Resources
from cache.lease import Lease
from cache.query_cache import QueryCache
from cache.statistics import Status
from cache.warming import WarmResult, WarmTask, warm_cache_batch
from domain.beside import beside
from domain.enums import Role
from domain.errors import AppError, FeatureDisabled, InvalidInput, NotFound, Unavailable
from domain.viewer import Viewer
from graph.documents import InvalidDocument, UnknownDocument
from graph.endpoint import Endpoint
from graph.errors import format_error
from graph.fetches import Fetches
from graph.request import GraphQLRequest
from graph.schema import build_schema, core_schema

SETTINGS: Final = "settings:app"

QUERIES: Final[Mapping[str, str]] = {
    "contacts:popular": """query PopularContacts {
  contacts(orderBy: [{ field: QUALITY_SCORE, direction: DESC }]) {
    nodes { id fullName title email location { city country } company { id name domain } }
    pageInfo { hasNextPage endCursor }
  }
}
""",
    "companies:active": """query ActiveCompanies {
  contactAggregate(filter: { companyId: { isNull: false } }, groupBy: [COMPANY]) {
    nodes { count keys { company { id name domain industry employeesCount } } }
    pageInfo { hasNextPage endCursor }
  }
}
""",
}
"""The queries of our own warmers; docs/caching.md shows them to those who write frontends."""

# Its name is in no token and no table; a role is all that it needs.
_VIEWER: Final = Viewer(UUID(int=0), Role.VIEWER)
_BUDGET_SECONDS: Final = 30.0
_LEASE_SECONDS: Final = 5.0

log = structlog.get_logger(__name__)


class Warmers:
    """Fills the cache by name.

    Args:
        cache: None when there is none.
        endpoint: Executes the queries; who asks is noted nowhere.
    """

    def __init__(self, endpoint: Endpoint, cache: QueryCache | None) -> None:
        self._endpoint = endpoint
        self._cache = cache

    async def warm(self, names: Sequence[str]) -> list[WarmResult]:
        """Fill the cache by each name; a result for each, in their order.

        Raises:
            FeatureDisabled: There is no cache.
        """
        if self._cache is None:
            raise FeatureDisabled("There is no cache: ENABLE_QUERY_CACHING is false.")
        return await warm_cache_batch(self._cache, [self._task(name) for name in names])

    def _task(self, name: str) -> WarmTask:
        if name == SETTINGS:
            return _Settings()
        query = QUERIES.get(name)
        stored = name if query is None else None
        return _Query(name, self._endpoint, GraphQLRequest(query or "", document_id=stored))


@dataclass(frozen=True)
class _Settings:
    """What never changes while the process lives: it is made once, and then for ever the same."""

    name: str = SETTINGS

    async def warm(self, cache: QueryCache) -> None:  # noqa: ARG002  # it needs no other
        """Make it."""
        build_schema()
        core_schema()


@dataclass(frozen=True)
class _Query:
    """A query of ours, or a stored document."""

    name: str
    endpoint: Endpoint
    wanted: GraphQLRequest

    async def warm(self, cache: QueryCache) -> None:  # noqa: ARG002  # the executor has it too
        """Answer it."""
        try:
            operation = self.endpoint.find(self.wanted, _VIEWER)
        except UnknownDocument:
            known = ", ".join([*QUERIES, SETTINGS])
            raise NotFound(
                f"There is no warmer {self.name!r}. There are {known} and the stored documents."
            ) from None
        except InvalidDocument as invalid:
            raise InvalidInput(f"{self.name!r} is not one operation.") from invalid
        if operation.kind is not OperationType.QUERY:
            raise InvalidInput(f"{self.name!r} is no query.")
        context = self.endpoint.open_context(_VIEWER)
        # What comes from a replica is not kept.
        context.reads.use_primary()
        result = await self.endpoint.run(operation, self.wanted.variables, context)
        if result.errors:
            words = format_error(result.errors[0], self.name)["message"]
            raise InvalidInput(f"{self.name!r} was not answered: {words}")
        _check_kept(self.name, context.fetches)


def _check_kept(name: str, fetches: Fetches) -> None:
    told = fetches.summary()
    if told is None:
        raise InvalidInput(f"{name!r} has nothing that is kept: no records, and no number of them.")
    if told["status"] == Status.BYPASS:
        raise Unavailable(f"{name!r} was not kept: the cache cannot be used now. Try again.")
    if not fetches.are_kept:
        raise Unavailable(
            f"{name!r} was not kept: what it shows was being changed, the cache was left meanwhile,"
            " or the answer is larger than CACHE_MAX_BYTES. Try again."
        )


@asynccontextmanager
async def warming_at_start(resources: Resources, warmers: Warmers) -> AsyncIterator[None]:
    """Have a server fill its cache beside the block, if it is to; what fails is logged.

    The end of the block does not wait for it, and nothing is lost by that.
    """
    settings, lease = resources.settings, resources.caching.lease
    if not settings.enable_cache_warming or lease is None:
        yield
        return
    async with beside(_warm_at_start(warmers, lease, settings.cache_warming_queries)):
        yield


async def _warm_at_start(warmers: Warmers, lease: Lease, names: Sequence[str]) -> None:
    """Fill the cache within a budget of time; what is not done by then is left to requests."""
    try:
        async with asyncio.timeout(_BUDGET_SECONDS):
            results = await warm_when_usable(warmers, lease, names)
    except (TimeoutError, AppError) as error:
        log.warning("cache_warming_given_up", error=str(error) or "It took too long.")
        return
    log.info("cache_warmed", names=[result.name for result in results if result.ok])


async def warm_when_usable(
    warmers: Warmers,
    lease: Lease | None,
    names: Sequence[str],
    *,
    patience_seconds: float = _LEASE_SECONDS,
) -> list[WarmResult]:
    """Fill the cache once it may be used.

    Raises:
        Unavailable: This process may not use it, and will not soon.
    """
    if lease is not None:
        try:
            async with asyncio.timeout(patience_seconds):
                await lease.usable()
        except TimeoutError:
            raise Unavailable("The cache cannot be used now. Try again in a moment.") from None
    return await warmers.warm(names)
