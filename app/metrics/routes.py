"""`GET /metrics`: the numbers of all processes at this address, as Prometheus reads them.

Each process counts for itself: the global registry would be that of whatever else is imported, and
count for every application that a process has.

The event loop only copies its numbers; to write and to merge texts of some thousand lines would
hold it up for longer than most requests take, and is done by a thread.
"""

import asyncio
from collections.abc import Collection, Iterable, Mapping, Sequence
from itertools import chain
from typing import Final

from prometheus_client import ProcessCollector, generate_latest
from prometheus_client.core import Metric
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4
from prometheus_client.registry import Collector
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from app.metrics.families import PREFIX
from app.metrics.jobs import JobCounts
from app.metrics.merging import merged
from app.metrics.state import Engine, State
from app.metrics.tallies import Tallies
from app.metrics.traffic import traffic
from app.operators import RequireOperator
from app.resources import Resources
from streaming.caching import cache_response
from streaming.routing import rest_routes

PATH: Final = "/metrics"
_QUESTION: Final = "metrics"


class _Given(Collector):
    """Collects what is there."""

    def __init__(self, families: Iterable[Metric]) -> None:
        self._families = families

    def collect(self) -> Iterable[Metric]:
        return self._families


def metrics_routes(
    resources: Resources,
    engine: Engine,
    require_operator: RequireOperator,
    *,
    stored_names: Collection[str] = (),
) -> list[Route]:
    """The route; from now on this process counts, and answers the others.

    Args:
        stored_names: Of operations in stored documents.
    """
    tallies, state = _observing(resources, stored_names), State(resources, engine)
    process = ProcessCollector(namespace=PREFIX.rstrip("_"), registry=None)
    jobs, siblings = JobCounts(resources.probe.ask), resources.siblings

    async def answer() -> bytes:
        # What counts is read on the event loop, which changes it; the rest is lazy.
        return await asyncio.to_thread(_own, tallies.copy(), [*state.read()], process)

    siblings.answer(_QUESTION, answer)

    @cache_response(max_age=None)
    async def scrape(request: Request) -> Response:
        await require_operator(request)
        await jobs.refresh()
        answers = await siblings.ask(_QUESTION)
        content = await asyncio.to_thread(_of_all, answers, [*jobs.read()])
        return Response(content, headers={"content-type": CONTENT_TYPE_PLAIN_0_0_4})

    return rest_routes((PATH, scrape, ["GET"]))


def _observing(resources: Resources, stored_names: Collection[str]) -> Tallies:
    tallies = Tallies(stored_names, slow_seconds=resources.settings.slow_query_threshold)
    observers = resources.observers
    observers.requests.append(tallies.request)
    observers.operations.append(tallies.operation)
    observers.jobs.append(tallies.job)
    resources.database.observers.append(tallies.statement)
    return tallies


def _own(tallies: Tallies, state: Sequence[Metric], process: ProcessCollector) -> bytes:
    """What a process tells of itself."""
    return generate_latest(_Given(chain(traffic(tallies), state, process.collect())))


def _of_all(answers: Mapping[int, bytes], jobs: Sequence[Metric]) -> bytes:
    """What processes tell; what they share stands there once, or sums over them would be wrong."""
    text = merged({process: answer.decode() for process, answer in answers.items()})
    return text.encode() + generate_latest(_Given(jobs))
