"""`python -m benchmarks.parallel`: what tasks and parallel helpers cost, and what they save.

Prints how much faster processes compute than one after another, how late the event loop is while
background tasks compute, and what adding a task costs. Takes half a minute.
"""

import asyncio
import logging
import os
import time
from collections.abc import Callable
from typing import Final

import structlog
import uvloop

from jobs.background import BackgroundTasks
from jobs.parallel import ParallelSettings, process_in_parallel_sync
from jobs.placing import in_thread

_ROUNDS: Final = 5
_ITEMS: Final = 4
_STEPS: Final = 10_000_000
_TICK_SECONDS: Final = 0.001
_LOOKED_AT_SECONDS: Final = 2
_ADDED: Final = 10_000


def compute(steps: int) -> int:
    """Nothing of use, in pure Python: 10 million steps are about half a second."""
    total = 0
    for step in range(steps):
        total += step & 7
    return total


def print_speed_up() -> None:
    """How much faster four functions are done by processes, whose start is counted."""
    items, settings = [_STEPS] * _ITEMS, ParallelSettings(min_items=2)
    alone, together = [], []
    for _ in range(_ROUNDS):
        alone.append(_seconds(lambda: [compute(item) for item in items]))
        together.append(
            _seconds(lambda: process_in_parallel_sync(items, compute, settings=settings))
        )
    # The first pool starts the process that the later ones are forked from.
    first, later, once = together[0], min(together[1:]), min(alone)
    print(
        f"{_ITEMS} functions of {once / _ITEMS:.2f} s in processes: {once / first:.2f} times as"
        f" fast with the first pool, {once / later:.2f} with later ones"
    )


async def print_lag(threads: int) -> None:
    """How late the turns of the loop are while so many threads compute."""
    loop, late = asyncio.get_running_loop(), []
    computing = [
        asyncio.create_task(in_thread(lambda: compute(4 * _STEPS))) for _ in range(threads)
    ]
    ends = loop.time() + _LOOKED_AT_SECONDS
    while loop.time() < ends:
        began = time.perf_counter()
        await asyncio.sleep(_TICK_SECONDS)
        late.append(time.perf_counter() - began - _TICK_SECONDS)
    await asyncio.gather(*computing)
    late.sort()
    middle, most = (late[int(len(late) * part)] * 1000 for part in (0.5, 0.99))
    print(f"loop late while {threads} threads compute: p50 {middle:.1f} ms, p99 {most:.1f} ms")


async def print_cost() -> None:
    """What adding a task takes of the request that does."""
    tasks = BackgroundTasks(max_concurrent=10, max_queued=_ADDED)
    seconds = _seconds(lambda: [tasks.add(asyncio.sleep, 0) for _ in range(_ADDED)])
    await tasks.drain(60)
    print(f"adding a task: {seconds / _ADDED * 1e6:.1f} µs")


def _seconds(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def main() -> None:
    """Measure and print."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    print(f"{os.cpu_count()} processors")
    print_speed_up()
    for threads in (0, 1, 2, 4, 10):
        uvloop.run(print_lag(threads))
    uvloop.run(print_cost())


if __name__ == "__main__":
    main()
