"""How this process does, a sample a second for five minutes: what the page of operators shows.

Requests and operations only add to numbers; the work is done once a second, for all of them.
"""

import asyncio
import os
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from app.latencies import Counted, Latencies
from app.observing import Observers, RequestRun
from cache.statistics import Counts, Status
from domain.errors import ErrorCode
from domain.pool import PoolSnapshot
from graph.observing import OperationRun
from graph.telling import CANCELLED
from streaming.statuses import STATUS

KEPT_SAMPLES: Final = 300
OWN_ROUTE: Final = "/ops/vitals"
"""What the page itself asks is left out, or a server that nobody uses would look used."""

_TICK_SECONDS: Final = 0.1
_STATM: Final = Path("/proc/self/statm")
_SERVER_ERROR: Final = 500
_CLIENT_ERROR: Final = 400
_FAULTS: Final = frozenset(
    code.value
    for code, status in STATUS.items()
    if status >= _SERVER_ERROR and code is not ErrorCode.FEATURE_DISABLED
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """One second of a process, or of several together.

    Attributes:
        at: Its end, in seconds since 1970.
        seconds: How long it really took; more when the process was held up.
        refused: Requests and operations with an error of their client.
        failed: Those with an error of ours.
        latencies: How long operations took.
        pool_in_use: Connections that were in use or waited for, at most at one time.
        pool_wait_seconds: The longest wait for one, of the last minute.
        lag_seconds: By how much the event loop was late, at most.
        cpu_cores: How many cores it kept busy.
        memory_bytes: What it has in memory; None where the system does not say.
        streams: Subscriptions that are open.
    """

    at: int
    seconds: float
    requests: int
    operations: int
    refused: int
    failed: int
    latencies: Counted
    hits: int
    misses: int
    bypasses: int
    pool_in_use: int
    pool_waiting: int
    pool_size: int
    pool_most: int
    pool_wait_seconds: float
    lag_seconds: float
    cpu_cores: float
    memory_bytes: int | None
    streams: int


@dataclass(frozen=True, kw_only=True)
class Sources:
    """Where a process reads how it does.

    Attributes:
        cache: None when it has none.
        streams: Tells how many are open.
    """

    pool: Callable[[], PoolSnapshot]
    cache: Counts | None
    streams: Callable[[], int]


class Vitals:
    """The samples of this process. Not for threads: the event loop alone uses it.

    Args:
        clock: Tells the seconds since 1970.
    """

    def __init__(self, sources: Sources, *, clock: Callable[[], float] = time.time) -> None:
        self._sources = sources
        self._clock = clock
        self._samples: deque[Sample] = deque(maxlen=KEPT_SAMPLES)
        self.started_at = clock()
        self._began, self._cpu = time.monotonic(), time.process_time()
        self._asked = _asked(sources.cache)
        self._latencies = Latencies()
        self._requests = self._operations = self._refused = self._failed = 0
        self._in_use = self._waiting = 0
        self._lag = 0.0

    def now(self) -> float:
        """Seconds since 1970."""
        return self._clock()

    def hear(self, observers: Observers) -> None:
        """Be told of requests and operations from now on."""
        observers.requests.append(self.heard_request)
        observers.operations.append(self.heard_operation)

    def heard_request(self, run: RequestRun) -> None:
        """Count a request; an error of its operation is counted with that."""
        if run.route == OWN_ROUTE:
            return
        self._requests += 1
        if run.operation is None or not run.operation.codes:
            self._judge(run.codes, run.status)

    def heard_operation(self, run: OperationRun) -> None:
        """Count an operation."""
        self._operations += 1
        self._latencies.add(run.seconds)
        if run.codes:
            self._judge(run.codes)

    def _judge(self, codes: Sequence[str], status: int = 0) -> None:
        """Count a mistake as the client's or as ours; who left has made none."""
        if status >= _SERVER_ERROR or not _FAULTS.isdisjoint(codes):
            self._failed += 1
        elif status >= _CLIENT_ERROR or (codes and CANCELLED not in codes):
            self._refused += 1

    def heard_lag(self, seconds: float) -> None:
        """Remember the worst, and look at what changes by the moment."""
        self._lag = max(self._lag, seconds)
        self._look_at_pool()

    def latest(self, *, since: float = 0.0) -> Sequence[Sample]:
        """The samples that ended after a moment."""
        return [sample for sample in self._samples if sample.at > since]

    def take_if_due(self) -> None:
        """Take a sample if another second has begun."""
        at = int(self._clock())
        if not self._samples or at > self._samples[-1].at:
            self._take(at)

    async def watch(self) -> None:
        """Take a sample every second, for ever."""
        while True:
            due = time.monotonic() + _TICK_SECONDS
            await asyncio.sleep(_TICK_SECONDS)
            self.heard_lag(time.monotonic() - due)
            self.take_if_due()

    def _look_at_pool(self) -> PoolSnapshot:
        pool = self._sources.pool()
        self._in_use = max(self._in_use, pool.checked_out)
        self._waiting = max(self._waiting, pool.waiting)
        return pool

    def _take(self, at: int) -> None:
        pool = self._look_at_pool()
        began, cpu, asked = self._began, self._cpu, self._asked
        self._began, self._cpu = time.monotonic(), time.process_time()
        self._asked = _asked(self._sources.cache)
        seconds = self._began - began
        hits, misses, bypasses = (
            now - before for now, before in zip(self._asked, asked, strict=True)
        )
        self._samples.append(
            Sample(
                at=at,
                seconds=seconds,
                requests=self._requests,
                operations=self._operations,
                refused=self._refused,
                failed=self._failed,
                latencies=self._latencies.take(),
                hits=hits,
                misses=misses,
                bypasses=bypasses,
                pool_in_use=self._in_use,
                pool_waiting=self._waiting,
                pool_size=pool.size,
                pool_most=pool.most,
                pool_wait_seconds=pool.wait_max_seconds,
                lag_seconds=self._lag,
                cpu_cores=(self._cpu - cpu) / seconds if seconds else 0.0,
                memory_bytes=_memory_bytes(),
                streams=self._sources.streams(),
            )
        )
        self._requests = self._operations = self._refused = self._failed = 0
        self._in_use = self._waiting = 0
        self._lag = 0.0


def _asked(cache: Counts | None) -> tuple[int, ...]:
    """How often a cache was asked until now, with each outcome."""
    if cache is None:
        return (0, 0, 0)
    return tuple(cache.of(status) for status in (Status.HIT, Status.MISS, Status.BYPASS))


def _memory_bytes() -> int | None:
    try:
        resident_pages = int(_STATM.read_text("ascii").split()[1])
    except OSError:
        return None
    return resident_pages * os.sysconf("SC_PAGE_SIZE")
