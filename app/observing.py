"""Who is told of requests and operations: metrics, logs, the page of operators."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final
from uuid import UUID

from graph.observing import OperationObserver, OperationRun
from jobs.running import JobObserver, JobRun


# Not frozen: to make one would take three times as long.
@dataclass(slots=True, kw_only=True)
class RequestRun:
    """An HTTP request that has been answered, or was broken off.

    Attributes:
        method: `OTHER` for one that HTTP does not know.
        route: The path of the route with its parameters unfilled, `/api/v1/exports/{export_id}`;
            empty when no route has the path. Never what the client wrote.
        status: 0 when nothing was sent.
        seconds: From its first line to the last byte of its answer.
        sent_bytes: Of the body.
        is_broken_off: The answer did not come to its end.
        user: Who sent it, when the door knows.
        operation: What it was answered for, at `/graphql`.
        codes: Of its errors, at whatever route.
        trace: The id of its trace; None when nothing is traced.
    """

    id: str
    method: str
    route: str
    status: int
    seconds: float
    sent_bytes: int
    is_broken_off: bool = False
    user: UUID | None = None
    operation: OperationRun | None = None
    codes: Sequence[str] = ()
    trace: str | None = None


TRACE: Final = "trace"
"""Where the id of its trace stands in the `state` of a request's ASGI scope."""

RequestObserver = Callable[[RequestRun], None]
"""Is told each request after its answer; it is quick, and raises nothing."""


@dataclass
class UnderWay:
    """What has begun and not ended.

    Attributes:
        requests: Those that are being answered, streams among them.
        sockets: WebSockets that are open.
    """

    requests: int = 0
    sockets: int = 0


@dataclass(frozen=True)
class Observers:
    """Who is told what; who comes later is told from then on.

    Attributes:
        under_way: What nobody has been told of yet.
    """

    requests: list[RequestObserver] = field(default_factory=list)
    operations: list[OperationObserver] = field(default_factory=list)
    jobs: list[JobObserver] = field(default_factory=list)
    under_way: UnderWay = field(default_factory=UnderWay)

    def request(self, run: RequestRun) -> None:
        """Tell of a request."""
        for observe in self.requests:
            observe(run)

    def operation(self, run: OperationRun) -> None:
        """Tell of an operation."""
        for observe in self.operations:
            observe(run)

    def job(self, run: JobRun) -> None:
        """Tell of an attempt at a job."""
        for observe in self.jobs:
            observe(run)
