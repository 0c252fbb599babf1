"""Tasks that run in the process, and what became of all of them."""

from typing import Any

import strawberry

from domain.background import TaskState
from graph.declare import as_enum, column

as_enum(TaskState)


@strawberry.type(description="A short task that ran, or runs, beside the requests of this process.")
class BackgroundTask:
    """A `domain.background.TaskStatus`."""

    id: strawberry.ID = column("Names it in this process and its log.")
    function: str = column("What runs.")
    state: TaskState = column("How far it is.")
    attempts: int = column("How often it was begun.")
    duration_seconds: float | None = column(
        "How long it ran, all attempts together; null until it has ended."
    )
    error_type: str | None = column("The error it ended with, or was last tried again for.")


@strawberry.type(description="Tasks of this process since it began, by what became of them.")
class TaskCounts:
    """A `domain.background.TaskCounts`."""

    total_tasks: int = column("All: queued, active, completed and failed ones.")
    queued_tasks: int = column("Those that wait for their turn, or to be tried again.")
    active_tasks: int = column("Those that run.")
    completed_tasks: int = column("Those that ended well.")
    failed_tasks: int = column("Those that ended with an error, were refused or abandoned.")
    avg_duration_seconds: float = column("How long those took that ran to an end; 0 without any.")


@strawberry.type(description="Tasks of one function.")
class FunctionStatistics(TaskCounts):
    """A `domain.background.FunctionStatistics`."""

    function: str = column("The function.")


def _by_function(root: strawberry.Parent[Any]) -> list[FunctionStatistics]:
    return list(root.by_function.values())


@strawberry.type(description="Tasks of this process, in total and by function.")
class TaskStatistics(TaskCounts):
    """A `domain.background.TaskStatistics`."""

    by_function: list[FunctionStatistics] = strawberry.field(
        resolver=_by_function, description="The same for each function that was to run."
    )
