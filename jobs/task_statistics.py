"""What became of tasks: counted for ever, and kept one by one for as long as there is room."""

from collections import Counter, deque
from dataclasses import dataclass, field
from typing import Final
from uuid import uuid4

from domain.background import (
    FunctionStatistics,
    TaskCounts,
    TaskState,
    TaskStatistics,
    TaskStatus,
)

_MAX_ENDED: Final = 1000
_RAN_TO_AN_END: Final = (TaskState.COMPLETED, TaskState.FAILED)


@dataclass(eq=False)
class TaskRecord:
    """A task as it stands; the ledger alone changes its state."""

    function: str
    is_tracked: bool
    id: str = field(default_factory=lambda: uuid4().hex)
    state: TaskState = TaskState.PENDING
    attempts: int = 0
    seconds: float = 0.0
    error_type: str | None = None

    def status(self) -> TaskStatus:
        """What others are told of it."""
        has_ended = self.state not in {TaskState.PENDING, TaskState.RUNNING}
        return TaskStatus(
            id=self.id,
            function=self.function,
            state=self.state,
            attempts=self.attempts,
            duration_seconds=self.seconds if has_ended else None,
            error_type=self.error_type,
        )


@dataclass(eq=False)
class _Tally:
    """The tasks of one function, or of several."""

    states: Counter[TaskState] = field(default_factory=Counter)
    ran: int = 0
    seconds: float = 0.0

    def add(self, other: "_Tally") -> None:
        """Take the tasks of another function in."""
        self.states.update(other.states)
        self.ran += other.ran
        self.seconds += other.seconds

    def counts(self) -> TaskCounts:
        """The numbers that others are told."""
        states = self.states
        return TaskCounts(
            total_tasks=states.total(),
            queued_tasks=states[TaskState.PENDING],
            active_tasks=states[TaskState.RUNNING],
            completed_tasks=states[TaskState.COMPLETED],
            failed_tasks=states[TaskState.FAILED] + states[TaskState.ABANDONED],
            avg_duration_seconds=self.seconds / self.ran if self.ran else 0.0,
        )


class TaskLedger:
    """The tasks of a process. Not for threads: the event loop alone uses it.

    Of those that have ended, the last thousand can still be looked up if they are tracked.
    """

    def __init__(self) -> None:
        self._tallies: dict[str, _Tally] = {}
        self._tracked: dict[str, TaskRecord] = {}
        self._ended: deque[str] = deque()
        self.queued = 0

    def enter(self, function: str, *, is_tracked: bool) -> TaskRecord:
        """A new task, which waits."""
        record = TaskRecord(function, is_tracked)
        if is_tracked:
            self._tracked[record.id] = record
        self._tallies.setdefault(function, _Tally()).states[TaskState.PENDING] += 1
        self.queued += 1
        return record

    def move(self, record: TaskRecord, state: TaskState) -> None:
        """Have a task be in another state from here on."""
        tally = self._tallies[record.function]
        self.queued += (state is TaskState.PENDING) - (record.state is TaskState.PENDING)
        tally.states[record.state] -= 1
        tally.states[state] += 1
        record.state = state

    def end(self, record: TaskRecord, state: TaskState) -> None:
        """Have a task be over."""
        self.move(record, state)
        if state in _RAN_TO_AN_END and record.attempts:
            tally = self._tallies[record.function]
            tally.ran += 1
            tally.seconds += record.seconds
        if record.is_tracked:
            self._ended.append(record.id)
            if len(self._ended) > _MAX_ENDED:
                del self._tracked[self._ended.popleft()]

    def find(self, task_id: str) -> TaskStatus | None:
        """A tracked task; None when it is not known, or not any more."""
        record = self._tracked.get(task_id)
        return None if record is None else record.status()

    def statistics(self) -> TaskStatistics:
        """The numbers of all tasks until now."""
        whole = _Tally()
        for tally in self._tallies.values():
            whole.add(tally)
        by_function = {
            name: FunctionStatistics(function=name, **vars(tally.counts()))
            for name, tally in self._tallies.items()
        }
        return TaskStatistics(**vars(whole.counts()), by_function=by_function)
