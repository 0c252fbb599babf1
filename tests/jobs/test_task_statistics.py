"""What became of tasks: one by one for those that are tracked, and in numbers."""

import asyncio

from structlog.testing import capture_logs

from domain.background import TaskCounts, TaskState
from jobs.background import (
    add_background_task_safe,
    get_task_statistics,
)
from tests.jobs.tasks import (
    Crowd,
    broken,
    known,
    make_tasks,
    nothing,
    settled,
    until,
)


async def test_tracked_task_can_be_followed() -> None:
    """It waits, runs and has ended; how long it took is known only then."""
    tasks, crowd = make_tasks(max_concurrent=1), Crowd()
    first = add_background_task_safe(tasks, crowd, track_status=True)
    second = add_background_task_safe(tasks, nothing, track_status=True)
    assert known(tasks, first).state is TaskState.PENDING
    await until(lambda: crowd.running == 1)
    running, waiting = known(tasks, first), known(tasks, second)
    assert (running.state, running.duration_seconds) == (TaskState.RUNNING, None)
    assert (waiting.state, waiting.attempts) == (TaskState.PENDING, 0)
    crowd.let_go.set()
    await settled(tasks)
    ended = known(tasks, first)
    assert (ended.id, ended.function, ended.state) == (first, "Crowd", TaskState.COMPLETED)
    assert ended.duration_seconds is not None


async def test_only_tracked_tasks_are_found() -> None:
    """Others are counted and nothing more; an id that is not known finds nothing."""
    tasks = make_tasks()
    task = add_background_task_safe(tasks, nothing)
    assert tasks.find(task) is None
    await settled(tasks)
    assert tasks.find(task) is tasks.find("unknown") is None
    assert get_task_statistics(tasks).total_tasks == 1


async def test_only_the_last_thousand_ended_tasks_are_kept() -> None:
    """Memory is bounded: the oldest of those that have ended is forgotten, and still counted."""
    tasks = make_tasks(max_concurrent=50, max_queued=2000)
    ids = [add_background_task_safe(tasks, nothing, track_status=True) for _ in range(1001)]
    await settled(tasks)
    assert [task for task in ids if tasks.find(task) is None] == ids[:1]
    assert get_task_statistics(tasks).completed_tasks == 1001


async def test_statistics_have_exactly_the_keys_asked_for() -> None:
    """Programs read them by these names."""
    statistics = vars(get_task_statistics(make_tasks()))
    counts = {
        "total_tasks": 0,
        "queued_tasks": 0,
        "active_tasks": 0,
        "completed_tasks": 0,
        "failed_tasks": 0,
        "avg_duration_seconds": 0.0,
    }
    assert statistics == {**counts, "by_function": {}}


def is_balanced(counts: TaskCounts) -> bool:
    """Whether every task is counted in one state."""
    return counts.total_tasks == (
        counts.queued_tasks + counts.active_tasks + counts.completed_tasks + counts.failed_tasks
    )


async def test_every_task_is_in_one_state_at_any_time() -> None:
    """The total is the sum of the states, for all and for each function, all the way through."""
    tasks, crowd, seen = make_tasks(max_queued=1), Crowd(), []

    def look() -> None:
        statistics = get_task_statistics(tasks)
        seen.append(statistics)
        assert is_balanced(statistics)
        assert all(is_balanced(counts) for counts in statistics.by_function.values())

    with capture_logs():
        for function in (crowd, broken, crowd, nothing, crowd, nothing):
            add_background_task_safe(tasks, function)
            look()
        await until(lambda: crowd.running == 2)
        look()
        crowd.let_go.set()
        while get_task_statistics(tasks).queued_tasks or get_task_statistics(tasks).active_tasks:
            look()
            await asyncio.sleep(0)
    look()
    last = seen[-1]
    assert (last.total_tasks, last.completed_tasks, last.failed_tasks) == (6, 3, 3)
    assert {name: counts.failed_tasks for name, counts in last.by_function.items()} == {
        "Crowd": 1,
        "broken": 1,
        "nothing": 1,
    }
    await settled(tasks)


async def test_average_counts_what_ran_to_an_end() -> None:
    """A task that was refused took no time, and does not make the others look faster."""
    tasks, crowd = make_tasks(max_concurrent=1, max_queued=0), Crowd()
    with capture_logs():
        add_background_task_safe(tasks, crowd)
        add_background_task_safe(tasks, crowd)
        await until(lambda: crowd.running == 1)
        crowd.let_go.set()
        await settled(tasks)
    statistics = get_task_statistics(tasks)
    assert (statistics.completed_tasks, statistics.failed_tasks) == (1, 1)
    assert statistics.avg_duration_seconds > 0
    assert statistics.by_function["Crowd"].avg_duration_seconds == statistics.avg_duration_seconds


async def test_log_has_what_monitoring_needs() -> None:
    """The line of a task has function, seconds, attempt, queue depth and error, well or not."""
    tasks = make_tasks(max_concurrent=1)
    with capture_logs() as logs:
        for function in (nothing, broken):
            add_background_task_safe(tasks, function)
        await settled(tasks)
    fields = ("event", "function", "attempt", "queue_depth", "error_type")
    assert [tuple(line[field] for field in fields) for line in logs] == [
        ("background_task_completed", "nothing", 1, 1, None),
        ("background_task_failed", "broken", 1, 0, "LookupError"),
    ]
    assert all(isinstance(line["seconds"], float) for line in logs)
