"""`GET /metrics`: the numbers of all processes at this address, as Prometheus reads them.

Each process has a registry of its own: the global one would be that of whatever else is imported,
and count for every application that a process has.
"""

from collections.abc import Callable, Collection, Iterable
from typing import Final

from prometheus_client import CollectorRegistry, ProcessCollector, generate_latest
from prometheus_client.core import Metric
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4
from prometheus_client.registry import Collector
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from app.metrics.families import PREFIX
from app.metrics.jobs import JobCounts
from app.metrics.merging import merged
from app.metrics.state import Engine, State
from app.metrics.tallies import Tallies
from app.metrics.traffic import traffic
from app.operators import RequireOperator
from app.resources import Resources
from streaming.caching import cache_response

PATH: Final = "/metrics"
_QUESTION: Final = "metrics"

Read = Callable[[], Iterable[Metric]]


class _Reading(Collector):
    """Collects what a function reads, at every scrape anew."""

    def __init__(self, read: Read) -> None:
        self._read = read

    def collect(self) -> Iterable[Metric]:
        return self._read()


def metrics_routes(
    resources: Resources,
    engine: Engine,
    require_operator: RequireOperator,
    *,
    stored_names: Collection[str] = (),
) -> list[BaseRoute]:
    """The route; from now on this process counts, and answers the others.

    Args:
        stored_names: Of operations in stored documents.
    """
    own = _registry(_observing(resources, stored_names), State(resources, engine))
    jobs, shared = JobCounts(resources.probe.ask), CollectorRegistry()
    shared.register(_Reading(jobs.read))
    siblings = resources.siblings

    async def answer() -> bytes:
        return generate_latest(own)

    siblings.answer(_QUESTION, answer)

    @cache_response(max_age=None)
    async def scrape(request: Request) -> Response:
        await require_operator(request)
        await jobs.refresh()
        answers = await siblings.ask(_QUESTION)
        text = merged({process: content.decode() for process, content in answers.items()})
        # What processes share is told once, or sums over them would be wrong.
        content = text.encode() + generate_latest(shared)
        return Response(content, headers={"content-type": CONTENT_TYPE_PLAIN_0_0_4})

    return [Route(PATH + slash, scrape, methods=["GET"]) for slash in ("", "/")]


def _observing(resources: Resources, stored_names: Collection[str]) -> Tallies:
    tallies = Tallies(stored_names, slow_seconds=resources.settings.slow_query_threshold)
    observers = resources.observers
    observers.requests.append(tallies.request)
    observers.operations.append(tallies.operation)
    observers.jobs.append(tallies.job)
    resources.database.observers.append(tallies.statement)
    return tallies


def _registry(tallies: Tallies, state: State) -> CollectorRegistry:
    registry = CollectorRegistry()
    registry.register(_Reading(lambda: traffic(tallies)))
    registry.register(_Reading(state.read))
    ProcessCollector(namespace=PREFIX.rstrip("_"), registry=registry)
    return registry
