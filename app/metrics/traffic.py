"""What the tallies of a process come to."""

from collections.abc import Callable, Iterator, Mapping
from typing import Final, TypeVar

from prometheus_client.core import Metric

from app.metrics.families import Labels, alone, by_one, counter, histogram
from app.metrics.tallies import Durations, Tallies
from domain.errors import ErrorCode

K = TypeVar("K")

_EVENT: Final = "event"


def traffic(tallies: Tallies) -> Iterator[Metric]:
    """The families of requests, operations, statements and jobs."""
    yield from _requests(tallies)
    yield from _operations(tallies)
    yield from _fields(tallies)
    yield from _statements(tallies)
    yield from _jobs(tallies)


def _requests(tallies: Tallies) -> Iterator[Metric]:
    yield counter(
        "requests",
        "Requests that were answered, by route.",
        [
            ((route, method, str(status)), each.count)
            for (route, method, status), each in tallies.requests.items()
        ],
        labels=("route", "method", "status"),
    )
    yield histogram(
        "request_duration_seconds",
        "From the first line of a request to the last byte of its answer.",
        _together(tallies.requests, lambda key: (key[0],)),
        labels=("route",),
    )
    yield counter(
        "response_bytes",
        "Bytes of bodies that were sent.",
        by_one(tallies.sent_bytes),
        labels=("route",),
    )
    yield counter(
        "requests_broken_off",
        "Requests whose answer did not come to its end.",
        by_one(tallies.broken_off),
        labels=("route",),
    )
    yield counter(
        "errors",
        "Errors of requests and operations, by code.",
        by_one(tallies.errors),
        labels=("code",),
    )
    yield counter(
        "rate_limited",
        "Requests and operations of users who had asked for too much.",
        alone(tallies.errors[ErrorCode.RATE_LIMITED]),
    )


def _operations(tallies: Tallies) -> Iterator[Metric]:
    labels = ("operation",)
    yield counter(
        "operations",
        "Operations of GraphQL, and events of subscriptions.",
        [(key, each.count) for key, each in tallies.operations.items()],
        labels=("operation", "kind", "outcome"),
    )
    told = {key: each for key, each in tallies.operations.items() if key[1] != _EVENT}
    yield histogram(
        "operation_duration_seconds",
        "From having found the document of an operation to its answer.",
        _together(told, lambda key: (key[0],)),
        labels=labels,
    )
    events = {key: each for key, each in tallies.operations.items() if key[1] == _EVENT}
    yield histogram(
        "event_duration_seconds",
        "From an event of a subscription to what its follower is sent.",
        {(): Durations(), **_together(events, lambda _key: ())},
    )
    yield counter(
        "cost_requested",
        "What operations cost as they were asked for.",
        by_one(tallies.requested),
        labels=labels,
    )
    yield counter(
        "cost_actual",
        "What operations cost as they were answered.",
        by_one(tallies.actual),
        labels=labels,
    )


def _fields(tallies: Tallies) -> Iterator[Metric]:
    labels = ("field",)
    yield counter(
        "fields",
        "How often root fields were asked for.",
        by_one(tallies.fields),
        labels=labels,
    )
    yield counter(
        "field_cost",
        "What was answered of root fields cost.",
        by_one(tallies.field_costs),
        labels=labels,
    )


def _statements(tallies: Tallies) -> Iterator[Metric]:
    failed = tallies.failed
    told = {"ok": tallies.statements.count - failed.total(), **failed}
    yield counter(
        "statements",
        "Statements that PostgreSQL was asked.",
        by_one({"error": 0, "cut_off": 0, **told}),
        labels=("outcome",),
    )
    yield histogram(
        "statement_duration_seconds",
        "From sending a statement to having its rows.",
        {(): tallies.statements},
    )
    yield counter("statement_rows", "Rows that statements gave.", alone(tallies.rows))
    yield counter(
        "slow_statements",
        "Statements that took SLOW_QUERY_THRESHOLD or longer, or were ended.",
        alone(tallies.slow),
    )


def _jobs(tallies: Tallies) -> Iterator[Metric]:
    yield counter(
        "job_runs",
        "Attempts at jobs that ended in this process.",
        [(key, each.count) for key, each in tallies.jobs.items()],
        labels=("kind", "outcome"),
    )
    yield histogram(
        "job_duration_seconds",
        "How long attempts at jobs took.",
        _together(tallies.jobs, lambda key: (key[0],)),
        labels=("kind",),
    )
    yield counter(
        "job_records",
        "What became of the records of jobs: created, updated, failed and so on.",
        [(key, amount) for key, amount in tallies.job_counters.items()],
        labels=("kind", "counter"),
    )


def _together(
    durations: Mapping[K, Durations], label: Callable[[K], Labels]
) -> dict[Labels, Durations]:
    """The durations of all that have a label in common."""
    found: dict[Labels, Durations] = {}
    for key, each in durations.items():
        found.setdefault(label(key), Durations()).add_all(each)
    return found
