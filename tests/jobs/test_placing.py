"""Where a function runs: nothing but awaited work on the event loop."""

import threading
from collections.abc import Callable
from contextvars import ContextVar
from functools import partial, wraps
from typing import Any

from structlog.testing import capture_logs

from domain.background import TaskState
from jobs.background import (
    add_background_task_safe,
    chain_background_tasks,
    get_task_statistics,
)
from tests.jobs.tasks import known, make_tasks, nothing, settled, until


async def place_of(function: Callable[..., Any], **given: Any) -> threading.Thread:
    """In which thread a function runs as a task; it is given the list to put it in."""
    tasks = make_tasks()
    found: list[threading.Thread] = []
    add_background_task_safe(tasks, function, found, **given)
    await settled(tasks)
    (thread,) = found
    return thread


def tell_place(found: list[threading.Thread]) -> None:
    """A plain function."""
    found.append(threading.current_thread())


async def compute_place(found: list[threading.Thread]) -> None:
    """An async function, whatever its name says."""
    found.append(threading.current_thread())


async def test_plain_function_never_runs_on_the_loop() -> None:
    """Also one that is said not to compute: it may block."""
    for given in ({}, {"cpu_bound": True}, {"cpu_bound": False}):
        assert await place_of(tell_place, **given) is not threading.current_thread()
    assert await place_of(partial(tell_place)) is not threading.current_thread()


async def test_async_function_is_moved_only_when_it_is_said_to_compute() -> None:
    """Its name alone moves it nowhere."""
    assert await place_of(compute_place) is threading.current_thread()
    assert await place_of(compute_place, cpu_bound=False) is threading.current_thread()
    assert await place_of(compute_place, cpu_bound=True) is not threading.current_thread()


def hidden(function: Callable[..., Any]) -> Callable[..., Any]:
    """The function behind one that does not show whether it is async."""

    @wraps(function)
    def call(*args: Any) -> Any:
        return function(*args)

    return call


async def test_async_function_that_does_not_show_it_is_awaited() -> None:
    """Behind a decorator, say; on the loop unless it is said to compute."""
    function = hidden(compute_place)
    assert await place_of(function) is threading.current_thread()
    assert await place_of(function, cpu_bound=True) is not threading.current_thread()


async def test_error_of_an_async_function_that_does_not_show_it_is_its_own() -> None:
    """The task has failed, also by what a lambda gives; nothing is left that nobody awaits."""
    tasks = make_tasks()

    async def refuse(word: str) -> None:
        raise LookupError(word)

    with capture_logs():
        task = add_background_task_safe(tasks, lambda: refuse("no"), track_status=True)
        await settled(tasks)
    status = known(tasks, task)
    assert (status.state, status.error_type) == (TaskState.FAILED, "LookupError")


async def most_at_once(name: str, **given: Any) -> int:
    """How many of three plain functions of a name run at once."""
    tasks, crowd = make_tasks(), threading.Semaphore(0)
    running: list[int] = []
    most: list[int] = []

    def run() -> None:
        running.append(1)
        most.append(len(running))
        crowd.acquire(timeout=10)
        running.pop()

    run.__name__ = name
    for _ in range(3):
        add_background_task_safe(tasks, run, **given)
    expected = 1 if given.get("cpu_bound", name != "send_mail") else 3
    await until(lambda: len(running) == expected)
    crowd.release(3)
    await settled(tasks)
    return max(most)


async def test_functions_that_compute_take_turns() -> None:
    """By a word of the name, unless the caller knows better; others wait side by side."""
    assert await most_at_once("process_rows") == 1
    assert await most_at_once("compute") == 1
    assert await most_at_once("send_mail") == 3
    assert await most_at_once("send_mail", cpu_bound=True) == 1
    assert await most_at_once("calculate_score", cpu_bound=False) == 3


async def test_tasks_that_wait_to_compute_keep_nobody_from_running() -> None:
    """One computes; the others wait as such, and leave their places to those that do not."""
    tasks, may_end = make_tasks(max_concurrent=2), threading.Event()
    computing = [
        add_background_task_safe(tasks, may_end.wait, 10, track_status=True, cpu_bound=True)
        for _ in range(3)
    ]
    await until(lambda: known(tasks, computing[0]).state is TaskState.RUNNING)
    other = add_background_task_safe(tasks, nothing, track_status=True)
    await until(lambda: known(tasks, other).state is TaskState.COMPLETED)
    statistics = get_task_statistics(tasks)
    assert (statistics.active_tasks, statistics.queued_tasks) == (1, 2)
    assert [known(tasks, task).attempts for task in computing] == [1, 0, 0]
    may_end.set()
    await settled(tasks)
    assert get_task_statistics(tasks).completed_tasks == 4


async def test_chain_that_computes_takes_its_turn_too() -> None:
    """It waits for it before it takes a place, so that nobody waits for the other for ever."""
    tasks, may_end = make_tasks(max_concurrent=1), threading.Event()
    first = add_background_task_safe(tasks, may_end.wait, 10, track_status=True, cpu_bound=True)
    await until(lambda: known(tasks, first).state is TaskState.RUNNING)
    chain = chain_background_tasks(
        tasks, (nothing, (), {}), (compute_sum, ([1, 2],), {}), track_status=True
    )
    add_background_task_safe(tasks, compute_sum, [3])
    may_end.set()
    await settled(tasks)
    assert known(tasks, chain).state is TaskState.COMPLETED
    assert get_task_statistics(tasks).completed_tasks == 3


def compute_sum(numbers: list[int]) -> int:
    """A plain function that computes, by its name."""
    return sum(numbers)


async def test_plain_function_has_the_context_of_its_caller() -> None:
    """What a log line says of the request, it says of what the request caused."""
    tasks = make_tasks()
    word: ContextVar[str] = ContextVar("word")
    given: list[str] = []

    def look() -> None:
        given.append(word.get())

    word.set("from the caller")
    add_background_task_safe(tasks, look)
    await settled(tasks)
    assert given == ["from the caller"]
