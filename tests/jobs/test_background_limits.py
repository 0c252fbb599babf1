"""Nothing beside the requests runs without a bound, and nothing that runs is lost."""

import asyncio
import gc
import subprocess
import sys
import weakref
from pathlib import Path

from structlog.testing import capture_logs

from domain.background import TaskState
from jobs.background import (
    add_background_task_safe,
    add_background_task_with_retry,
    get_task_statistics,
    open_background,
)
from tests.jobs.tasks import (
    Crowd,
    Pauses,
    broken,
    known,
    make_tasks,
    nothing,
    settled,
    until,
)

ROOT = Path(__file__).parents[2]


async def test_ten_run_at_the_same_time_of_fifty() -> None:
    """The others wait for their turn, and all of them come to it."""
    tasks, crowd = make_tasks(max_concurrent=10), Crowd()
    for _ in range(50):
        add_background_task_safe(tasks, crowd)
    await until(lambda: crowd.running == 10)
    statistics = get_task_statistics(tasks)
    assert (statistics.active_tasks, statistics.queued_tasks) == (10, 40)
    crowd.let_go.set()
    await settled(tasks)
    assert (crowd.most, crowd.ended) == (10, 50)


async def test_task_beyond_the_queue_is_refused() -> None:
    """It never runs, is logged and counted, and can be looked up with its reason.

    Those that came with it at the same moment are taken: one to run and two to wait.
    """
    tasks, crowd = make_tasks(max_concurrent=1, max_queued=2), Crowd()
    with capture_logs() as logs:
        ids = [add_background_task_safe(tasks, crowd, track_status=True) for _ in range(4)]
        crowd.let_go.set()
        await settled(tasks)
    assert crowd.ended == 3
    assert [line["event"] for line in logs if line["log_level"] == "error"] == [
        "background_task_refused"
    ]
    status = known(tasks, ids[-1])
    assert (status.state, status.error_type) == (TaskState.FAILED, "QueueFull")


async def test_drain_lets_tasks_end() -> None:
    """Those that run and those that wait end before the block does, also what they add."""
    ended = []

    async def end(number: int) -> None:
        await asyncio.sleep(0.01)
        ended.append(number)
        if number == 2:
            tasks.add(end, 3)

    async with open_background(max_concurrent=1, drain_seconds=lambda: 10) as tasks:
        for number in range(3):
            tasks.add(end, number)
    assert ended == [0, 1, 2, 3]


async def test_task_that_does_not_end_is_abandoned_and_named() -> None:
    """After the time for draining it is cancelled; the log lists running and waiting ones."""

    async def run_for_a_minute() -> None:
        await asyncio.sleep(60)

    with capture_logs() as logs:
        async with (
            asyncio.timeout(10),
            open_background(max_concurrent=1, drain_seconds=lambda: 0.2) as tasks,
        ):
            slow = tasks.add(run_for_a_minute, track_status=True)
            waiting = tasks.add(nothing, track_status=True)
    (line,) = logs
    assert (line["event"], line["functions"]) == (
        "background_tasks_abandoned",
        ["nothing", "run_for_a_minute"],
    )
    assert {known(tasks, task).state for task in (slow, waiting)} == {TaskState.ABANDONED}
    assert get_task_statistics(tasks).failed_tasks == 2


async def test_task_that_will_not_be_cancelled_holds_nobody_up() -> None:
    """Closing goes on without a task that ignores that it was cancelled."""
    tasks, may_end = make_tasks(), asyncio.Event()

    async def ignore() -> None:
        while not may_end.is_set():
            try:
                await may_end.wait()
            except asyncio.CancelledError:
                continue

    task = add_background_task_safe(tasks, ignore, track_status=True)
    await until(lambda: known(tasks, task).state is TaskState.RUNNING)
    with capture_logs() as logs:
        async with asyncio.timeout(10):
            await tasks.drain(0)
        assert known(tasks, task).state is TaskState.RUNNING
        may_end.set()
        await until(lambda: known(tasks, task).state is TaskState.COMPLETED)
    assert logs[0]["functions"] == ["ignore"]


async def test_task_that_was_given_up_is_not_tried_again() -> None:
    """Also when what it does on being cancelled fails in its turn."""
    tasks, calls = make_tasks(sleep=Pauses()), []

    async def fail_to_clean_up() -> None:
        calls.append("call")
        try:
            await asyncio.Event().wait()
        finally:
            await broken()

    task = add_background_task_with_retry(tasks, fail_to_clean_up, track_status=True)
    await until(lambda: len(calls) == 1)
    with capture_logs():
        await tasks.drain(0)
    assert (known(tasks, task).state, len(calls)) == (TaskState.FAILED, 1)


async def test_task_added_after_the_end_is_refused() -> None:
    """Nobody is left to wait for it: it is logged and counted."""
    tasks = make_tasks()
    await tasks.drain(0)
    with capture_logs() as logs:
        task = add_background_task_safe(tasks, nothing, track_status=True)
    assert [line["event"] for line in logs] == ["background_task_refused"]
    assert known(tasks, task).error_type == "ProcessStopping"


_STOPS = """
import asyncio, threading
from jobs.background import open_background

def wait_for_ever():
    begun.set()
    threading.Event().wait()

async def main():
    async with open_background(max_concurrent=1, drain_seconds=lambda: 0.05) as tasks:
        tasks.add(wait_for_ever)
        await asyncio.to_thread(begun.wait)
    print("closed")

begun = threading.Event()
asyncio.run(main())
"""


def test_thread_that_does_not_end_does_not_keep_the_process() -> None:
    """A plain function cannot be cancelled; the process ends all the same."""
    ended = subprocess.run(
        [sys.executable, "-c", _STOPS], cwd=ROOT, capture_output=True, timeout=30, check=True
    )
    assert b"wait_for_ever" in ended.stdout
    assert ended.stdout.endswith(b"\nclosed\n")


async def test_garbage_collector_leaves_running_tasks_alone() -> None:
    """A task that only the tasks themselves refer to ends, whatever is collected meanwhile."""
    tasks, has_ended = make_tasks(), []

    async def wait_for_nobody() -> None:
        turn = asyncio.get_running_loop().create_future()
        turns.append(weakref.ref(turn))
        await turn
        has_ended.append("ended")

    turns: list[weakref.ref[asyncio.Future[None]]] = []
    add_background_task_safe(tasks, wait_for_nobody)
    await until(lambda: len(turns) == 1)
    for _ in range(3):
        gc.collect()
    turn = turns[0]()
    assert turn is not None
    turn.set_result(None)
    await settled(tasks)
    assert has_ended == ["ended"]
