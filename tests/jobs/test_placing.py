"""Where a function runs: nothing but awaited work on the event loop."""

import threading
from collections.abc import Callable
from contextvars import ContextVar
from functools import partial
from typing import Any

from jobs.background import (
    add_background_task_safe,
)
from tests.jobs.tasks import make_tasks, settled, until


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
