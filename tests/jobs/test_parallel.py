"""Many items at the same time: in order, within bounds, and ended by the first error."""

import asyncio
import itertools
import os
import threading
from collections.abc import Iterator

import pytest

from jobs.parallel import (
    ExecutorType,
    ParallelProcessor,
    ParallelSettings,
    process_batches,
    process_batches_async,
    process_batches_sync,
    process_in_parallel_async,
    process_in_parallel_mixed,
    process_in_parallel_sync,
)
from tests.jobs.crowds import (
    FEW,
    FROM_TWO,
    MANY,
    Crowd,
    of_each_executor,
    process_number,
    refuse_seven,
    square,
)

OFF = ParallelSettings(is_enabled=False)


def thread_number(_item: object) -> int:
    """In which thread it runs."""
    return threading.get_ident()


async def test_async_results_come_in_the_order_of_the_items() -> None:
    """Also where later items end first."""
    last = asyncio.Event()

    async def wait_for_the_last(number: int) -> int:
        if number == 2:
            last.set()
        await last.wait()
        return number * number

    assert await process_in_parallel_async([0, 1, 2], wait_for_the_last) == [0, 1, 4]


async def test_ten_items_are_awaited_at_the_same_time() -> None:
    """Or as many as it is said."""
    crowd = Crowd()
    assert await process_in_parallel_async(range(50), crowd) == list(range(50))
    assert crowd.most == 10
    fewer = Crowd()
    await process_in_parallel_async(range(50), fewer, max_concurrent=3)
    assert fewer.most == 3


async def test_first_error_ends_the_others_and_is_raised() -> None:
    """What is awaited is cancelled, what has not begun never begins."""
    cancelled, begun = [], []

    async def fail_at_two(number: int) -> None:
        begun.append(number)
        if number == 2:
            raise LookupError(str(number))
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            cancelled.append(number)
            raise

    with pytest.raises(LookupError, match="2"):
        await process_in_parallel_async(range(100), fail_at_two, 3)
    assert (begun, sorted(cancelled)) == ([0, 1, 2], [0, 1])


async def test_cancelled_caller_cancels_the_items() -> None:
    """Nothing goes on behind a request that has ended."""
    crowd = Crowd()

    async def wait(item: int) -> None:
        await crowd(item)
        await asyncio.Event().wait()

    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.05):
            await process_in_parallel_async(range(100), wait, 5)
    assert crowd.begun == list(range(5))


async def test_item_that_ends_as_cancelled_is_an_error() -> None:
    """Nobody cancelled who waits for the results, and they are not to lack one in silence."""

    def compute(number: int) -> int:
        if number == 3:
            raise asyncio.CancelledError
        return number

    async def fetch(number: int) -> int:
        if number == 3:
            fetched: asyncio.Future[int] = asyncio.get_running_loop().create_future()
            fetched.cancel()
            return await fetched
        return number

    async def fetch_all(numbers: list[int]) -> list[int]:
        return [await fetch(number) for number in numbers]

    for results in (
        process_in_parallel_async(FEW, fetch, 2),
        process_in_parallel_async(FEW, fetch, settings=OFF),
        process_batches_async(FEW, fetch_all, 2),
        process_in_parallel_mixed(FEW, abs, fetch),
        process_in_parallel_mixed(FEW, compute, Crowd(), executor="thread", settings=FROM_TWO),
        process_batches(items=FEW, processor=fetch_all, batch_size=2),
        process_batches(items=FEW, processor=lambda batch: compute(batch[0]), batch_size=1),
    ):
        with pytest.raises(RuntimeError, match="was cancelled") as raised:
            await results
        assert isinstance(raised.value.__cause__, asyncio.CancelledError)


async def test_items_are_taken_when_their_turn_comes() -> None:
    """An iterator without an end is taken no further than results are wanted from it."""
    taken = []

    def endless() -> Iterator[int]:
        for number in itertools.count():
            taken.append(number)
            yield number

    async def stop_at_twenty(number: int) -> None:
        await asyncio.sleep(0)
        if number == 20:
            raise LookupError

    with pytest.raises(LookupError):
        await process_in_parallel_async(endless(), stop_at_twenty, 4)
    assert len(taken) < 40


async def test_no_items_give_no_results() -> None:
    """Everywhere."""
    assert await process_in_parallel_async([], Crowd()) == []
    assert process_in_parallel_sync([], square) == []
    assert await process_in_parallel_mixed([], square, Crowd()) == []
    assert await process_batches_async([], Crowd()) == []
    assert process_batches_sync([], sum) == []
    assert await process_batches(items=[], processor=sum) == []


@of_each_executor
def test_sync_results_come_in_the_order_of_the_items(executor: ExecutorType) -> None:
    """From processes as from threads, with items from a list as from an iterator."""
    squares = [square(number) for number in MANY]
    for items in (MANY, iter(MANY)):
        assert process_in_parallel_sync(items, square, 2, executor=executor) == squares


def test_processes_and_threads_are_what_they_are_called() -> None:
    """Processes are others than this one; threads are others of this one."""
    pids = process_in_parallel_sync(MANY, process_number, 2)
    assert 1 <= len(set(pids)) <= 2
    assert os.getpid() not in pids
    assert set(process_in_parallel_sync(MANY, process_number, 2, executor="thread")) == {
        os.getpid()
    }
    threads = process_in_parallel_sync(MANY, thread_number, 2, executor="thread")
    assert threading.get_ident() not in threads


@of_each_executor
def test_sync_error_is_raised_and_ends_it(executor: ExecutorType) -> None:
    """The error is that of the item, whichever side of a process it came from."""
    with pytest.raises(ValueError, match="seven"):
        process_in_parallel_sync(MANY, refuse_seven, 2, executor=executor)


def test_sync_items_are_taken_few_ahead_of_their_turn() -> None:
    """What has not begun when an item fails never begins, however many there are."""
    taken = []

    def endless() -> Iterator[int]:
        for number in itertools.count():
            taken.append(number)
            yield number

    with pytest.raises(ValueError, match="seven"):
        process_in_parallel_sync(endless(), refuse_seven, 2, executor="thread")
    assert len(taken) <= 100 + 2 * 4


def test_few_items_start_nothing() -> None:
    """Below a hundred they are worked on where the caller is, unless it asks for less."""
    assert set(process_in_parallel_sync(FEW, process_number)) == {os.getpid()}
    assert set(process_in_parallel_sync(FEW, thread_number, executor="thread")) == {
        threading.get_ident()
    }
    assert set(process_batches_sync(FEW, thread_number, 2)) == {threading.get_ident()}
    started = process_in_parallel_sync(FEW, process_number, settings=FROM_TWO)
    assert os.getpid() not in started


async def test_few_items_start_nothing_and_keep_no_loop() -> None:
    """Awaited variants work on them beside the loop, one at a time."""
    running: list[int] = []

    def run(item: int) -> tuple[int, int]:
        assert running == []
        running.append(item)
        running.pop()
        return os.getpid(), threading.get_ident()

    async def give(item: tuple[int, int]) -> tuple[int, int]:
        return item

    mixed = await process_in_parallel_mixed(FEW, run, give)
    batches = await process_batches(items=FEW, processor=lambda _batch: run(0), batch_size=2)
    for pid, thread in mixed + batches:
        assert (pid, thread != threading.get_ident()) == (os.getpid(), True)


async def test_switched_off_everything_is_done_one_after_another() -> None:
    """The same results, no threads, no processes, nothing at the same time."""
    crowd = Crowd()
    assert await process_in_parallel_async(MANY, crowd, settings=OFF) == list(MANY)
    assert crowd.most == 1
    assert set(process_in_parallel_sync(MANY, process_number, settings=OFF)) == {os.getpid()}
    assert set(process_batches_sync(MANY, thread_number, settings=OFF)) == {threading.get_ident()}
    await process_batches_async(MANY, crowd, 10, settings=OFF)
    await process_in_parallel_mixed(MANY, square, crowd, settings=OFF)
    assert crowd.most == 1


def test_workers_are_clamped_to_the_maximum() -> None:
    """99 are 8; without a number it is the usual one; switched off it is one."""
    settings = ParallelSettings()
    assert settings.workers_for(99) == 8
    assert settings.workers_for(3) == 3
    assert settings.workers_for() == 4
    assert ParallelSettings(workers=6, max_workers=5).workers_for() == 5
    assert OFF.workers_for(99) == 1
    assert ParallelProcessor(99).workers == 8


async def test_numbers_that_make_no_sense_are_refused() -> None:
    """None and less than none; they are the mistake of who wrote the call."""
    for wrong in (0, -1):
        with pytest.raises(ValueError, match="1 or more"):
            await process_in_parallel_async(FEW, Crowd(), wrong)
        with pytest.raises(ValueError, match="1 or more"):
            process_in_parallel_sync(FEW, square, wrong)
        with pytest.raises(ValueError, match="1 or more"):
            process_batches_sync(FEW, sum, wrong)
        with pytest.raises(ValueError, match="1 or more"):
            await process_batches_async(FEW, Crowd(), 10, wrong)


def test_unknown_executor_is_refused() -> None:
    """The message names those that there are."""
    with pytest.raises(ValueError, match="'process' or 'thread'"):
        ParallelProcessor(executor="fibre")  # type: ignore[arg-type]  # what is tried
