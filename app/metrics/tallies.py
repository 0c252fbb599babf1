"""What is counted while the server answers: sums in dictionaries, looked at by nobody but scrapes.

The counters of prometheus_client take a lock and a lookup by labels each; these cost a fifth, and
the event loop alone uses them.
"""

from bisect import bisect_left
from collections import Counter
from collections.abc import Collection, Sequence
from copy import copy
from typing import Final

from app.observing import RequestRun
from db.transaction import StatementRun
from domain.errors import ErrorCode
from graph.observing import MAX_NAME_CHARS, OperationRun
from graph.telling import CANCELLED
from jobs.running import JobRun
from streaming.statuses import STATUS

BOUNDS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""The seconds up to which durations are counted together."""

MAX_NAMES: Final = 100
OTHER: Final = "other"

_OK: Final = "ok"
_SERVER_ERROR: Final = 500
_FAULTS: Final = frozenset(
    code.value
    for code, status in STATUS.items()
    if status >= _SERVER_ERROR and code is not ErrorCode.FEATURE_DISABLED
)
_LIMITS: Final = frozenset(
    {ErrorCode.RATE_LIMITED, ErrorCode.QUERY_TOO_COMPLEX, ErrorCode.QUERY_TOO_DEEP}
)


def outcome_of(codes: Sequence[str]) -> str:
    """What became of an operation: `ok`, or who is to do something about it."""
    if not codes:
        return _OK
    if not _FAULTS.isdisjoint(codes):
        return "failed"
    if not _LIMITS.isdisjoint(codes):
        return "limited"
    return "cancelled" if CANCELLED in codes else "rejected"


class Durations:
    """How long things took.

    Attributes:
        seconds: All of them together.
        counts: How many took at most as long as each of `BOUNDS`, and longer than the one before;
            behind them those that took longer than all.
    """

    __slots__ = ("counts", "seconds")

    def __init__(self) -> None:
        self.seconds = 0.0
        self.counts = [0] * (len(BOUNDS) + 1)

    def add(self, seconds: float) -> None:
        """Count one."""
        self.seconds += seconds
        self.counts[bisect_left(BOUNDS, seconds)] += 1

    def copy(self) -> "Durations":
        """The same, which stays as it is."""
        same = Durations()
        same.seconds, same.counts = self.seconds, self.counts[:]
        return same

    def add_all(self, other: "Durations") -> None:
        """Count those of another."""
        self.seconds += other.seconds
        self.counts = [
            mine + theirs for mine, theirs in zip(self.counts, other.counts, strict=True)
        ]

    @property
    def count(self) -> int:
        """How many there were."""
        return sum(self.counts)


class Names:
    """The names of operations that are told apart: clients write what they like.

    Args:
        stored: Are always told apart.
    """

    def __init__(self, stored: Collection[str] = ()) -> None:
        self._known = dict.fromkeys(name[:MAX_NAME_CHARS] for name in stored)
        self._most = len(self._known) + MAX_NAMES

    def label(self, name: str | None, *, is_strangers: bool = False) -> str:
        """The name, as long as there are not too many; nothing for what has none.

        Args:
            is_strangers: Nobody has signed in who sent it: it could be there to fill the places.
        """
        if name is None:
            return ""
        if name in self._known:
            return name
        if is_strangers or len(self._known) >= self._most:
            return OTHER
        self._known[name] = None
        return name


class Tallies:
    """What this process has been told of since it began.

    Args:
        stored: The names of operations in stored documents.
        slow_seconds: From when on a statement is slow.

    Attributes:
        requests: By route, method and status.
        sent_bytes: By route.
        broken_off: By route.
        operations: By name, kind and outcome; events of subscriptions have a kind of their own.
        requested: What operations cost as they were asked for, by name.
        actual: What they cost as they were answered, by name.
        fields: How often root fields were asked for.
        field_costs: What was answered of them cost.
        errors: By code.
        statements: Those that PostgreSQL has answered.
        failed: How many it has not, by why.
        rows: That statements gave.
        slow: Statements that were.
        jobs: Attempts at jobs, by kind and outcome.
        job_counters: What they have added to the counters of jobs, by kind and counter.
    """

    def __init__(self, stored: Collection[str] = (), *, slow_seconds: float) -> None:
        self._names = Names(stored)
        self._slow_seconds = slow_seconds
        self.requests: dict[tuple[str, str, int], Durations] = {}
        self.sent_bytes: Counter[str] = Counter()
        self.broken_off: Counter[str] = Counter()
        self.operations: dict[tuple[str, str, str], Durations] = {}
        self.requested: Counter[str] = Counter()
        self.actual: Counter[str] = Counter()
        self.fields: Counter[str] = Counter()
        self.field_costs: Counter[str] = Counter()
        self.errors: Counter[str] = Counter()
        self.statements = Durations()
        self.failed: Counter[str] = Counter()
        self.rows = 0
        self.slow = 0
        self.jobs: dict[tuple[str, str], Durations] = {}
        self.job_counters: Counter[tuple[str, str]] = Counter()

    def copy(self) -> "Tallies":
        """What has been counted until now, for another thread to read."""
        same = copy(self)
        vars(same).update({name: _copied(value) for name, value in vars(self).items()})
        return same

    def request(self, run: RequestRun) -> None:
        """Count a request."""
        key = (run.route, run.method, run.status)
        durations = self.requests.get(key)
        if durations is None:
            durations = self.requests[key] = Durations()
        durations.add(run.seconds)
        self.sent_bytes[run.route] += run.sent_bytes
        if run.is_broken_off:
            self.broken_off[run.route] += 1
        # Those of operations are counted with them, whatever carried these.
        if run.codes and (run.operation is None or not run.operation.codes):
            self.errors.update(run.codes)

    def operation(self, run: OperationRun) -> None:
        """Count an operation, or an event of one."""
        name = self._names.label(run.name, is_strangers=run.user is None)
        codes, cost = run.codes, run.cost
        kind = "event" if run.is_event else run.kind
        key = (name, kind, outcome_of(codes) if codes else _OK)
        durations = self.operations.get(key)
        if durations is None:
            durations = self.operations[key] = Durations()
        durations.add(run.seconds)
        if codes:
            self.errors.update(codes)
        if run.is_event:
            return
        if cost is not None:
            self.requested[name] += cost.requested
            self.actual[name] += cost.actual or 0
        for field in run.fields:
            self.fields[field] += 1
        for field, amount in zip(run.fields, run.field_costs, strict=False):
            self.field_costs[field] += amount

    def statement(self, run: StatementRun) -> None:
        """Count a statement."""
        self.statements.add(run.seconds)
        if run.rows is None:
            self.failed["cut_off" if run.cut_off else "error"] += 1
        else:
            self.rows += run.rows
        if run.seconds >= self._slow_seconds or run.cut_off:
            self.slow += 1

    def job(self, run: JobRun) -> None:
        """Count an attempt at a job."""
        self.jobs.setdefault((run.kind, run.outcome), Durations()).add(run.seconds)
        for counter, amount in run.counters.items():
            # What was taken back in another attempt than it was written has been counted.
            self.job_counters[run.kind, counter] += max(0, amount)


def _copied(value: object) -> object:
    """A part of the tallies that is not changed any more."""
    if isinstance(value, Counter | Durations):
        return value.copy()
    if isinstance(value, dict):
        return {key: durations.copy() for key, durations in value.items()}
    return value
