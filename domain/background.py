"""Tasks that run in the process beside its requests: what is known of them, and who takes them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from domain.enums import DescribedEnum


class TaskState(DescribedEnum):
    """How far a task is."""

    PENDING = "PENDING", "It waits: for its turn, or to be tried again."
    RUNNING = "RUNNING", "It runs."
    COMPLETED = "COMPLETED", "It ended well."
    FAILED = "FAILED", "It ended with an error, or was refused because too many were waiting."
    ABANDONED = "ABANDONED", "The process stopped before it had ended."


@dataclass(frozen=True, kw_only=True)
class TaskStatus:
    """What is known of one task.

    Attributes:
        id: Names the task in this process and in its log.
        function: What runs.
        attempts: How often it was begun.
        duration_seconds: How long it ran, all attempts together; None until it has ended.
        error_type: The name of the error it ended with, or was last tried again for.
    """

    id: str
    function: str
    state: TaskState
    attempts: int
    duration_seconds: float | None
    error_type: str | None


@dataclass(frozen=True, kw_only=True)
class TaskCounts:
    """Tasks of a process since it began.

    `total_tasks` is the sum of queued, active, completed and failed ones.

    Attributes:
        failed_tasks: Those that were refused or abandoned among them.
        avg_duration_seconds: Of those that ran to an end, well or not; 0.0 without any.
    """

    total_tasks: int
    queued_tasks: int
    active_tasks: int
    completed_tasks: int
    failed_tasks: int
    avg_duration_seconds: float


@dataclass(frozen=True, kw_only=True)
class FunctionStatistics(TaskCounts):
    """The tasks of one function."""

    function: str


@dataclass(frozen=True, kw_only=True)
class TaskStatistics(TaskCounts):
    """All tasks of a process, and those of each function by its name."""

    by_function: Mapping[str, FunctionStatistics]


class Background(Protocol):
    """Takes tasks, and tells about them."""

    def add(
        self,
        function: Callable[..., Any],
        *args: Any,
        track_status: bool = False,
        cpu_bound: bool | None = None,
    ) -> str:
        """Run a function soon, outside the caller's time; its error is logged and reaches nobody.

        Args:
            track_status: Whether `find` knows the task.
            cpu_bound: Whether it computes rather than waits; left out, its name decides.

        Returns:
            The id of the task.
        """

    def find(self, task_id: str) -> TaskStatus | None:
        """A task that is tracked; None when it is not, or ended long ago."""

    def statistics(self) -> TaskStatistics:
        """What became of all tasks so far."""
