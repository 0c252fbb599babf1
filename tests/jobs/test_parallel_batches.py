"""Many items at the same time: by batches, both ways at once, and by a processor that is kept."""

import os
import threading
from collections.abc import Awaitable
from concurrent.futures import Executor
from typing import Any

import pytest

from jobs.parallel import (
    ExecutorType,
    ParallelProcessor,
    ParallelSettings,
    process_batches,
    process_batches_async,
    process_batches_sync,
    process_in_parallel_mixed,
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


async def test_mixed_awaits_items_while_others_are_computed() -> None:
    """The first item is awaited before the last is computed: computing waits for it."""
    is_awaited = threading.Event()

    def compute(number: int) -> int:
        if number == FEW[-1]:
            assert is_awaited.wait(10)
        return number * number

    async def store(result: int) -> int:
        is_awaited.set()
        return result + 1

    for settings in (ParallelSettings(), FROM_TWO):
        is_awaited.clear()
        results = await process_in_parallel_mixed(
            FEW, compute, store, max_workers=2, executor="thread", settings=settings
        )
        assert results == [number * number + 1 for number in FEW]


async def test_mixed_computes_in_processes() -> None:
    """Which is what it does unless it is told otherwise."""

    async def give(pid: int) -> int:
        return pid

    pids = await process_in_parallel_mixed(MANY, process_number, give, max_workers=1)
    assert len(set(pids)) == 1
    assert os.getpid() not in pids


async def test_mixed_error_of_either_side_is_raised() -> None:
    """Of what computes as of what waits."""

    async def refuse_nine(number: int) -> int:
        if number == 9:
            raise LookupError("nine")
        return number

    with pytest.raises(ValueError, match="seven"):
        await process_in_parallel_mixed(MANY, refuse_seven, Crowd(), executor="thread")
    with pytest.raises(LookupError, match="nine"):
        await process_in_parallel_mixed(MANY, abs, refuse_nine, executor="thread")


async def test_async_batches_are_cut_and_bounded() -> None:
    """1 050 items by 100 are eleven batches, the last of 50, five of them at the same time."""
    crowd = Crowd()
    batches = await process_batches_async(range(1050), crowd)
    assert [len(batch) for batch in batches] == [100] * 10 + [50]
    assert [item for batch in batches for item in batch] == list(range(1050))
    assert crowd.most == 5


@of_each_executor
def test_sync_batches_are_cut(executor: ExecutorType) -> None:
    """120 items by 50 are three batches, whose results come in their order."""
    assert process_batches_sync(range(120), len, executor=executor) == [50, 50, 20]


@of_each_executor
async def test_batches_take_either_executor(executor: ExecutorType) -> None:
    """The awaited variant gives the same from threads as from processes."""
    sums = await process_batches(
        items=MANY, processor=sum, batch_size=50, max_workers=2, executor_type=executor
    )
    assert sums == [sum(range(at, at + 50)) for at in range(0, 200, 50)]
    (pid,) = set(
        await process_batches(
            items=MANY, processor=process_number, max_workers=1, executor_type=executor
        )
    )
    assert (pid == os.getpid()) is (executor == "thread")


async def test_batches_take_an_async_function() -> None:
    """It is awaited on the loop, as many batches at a time as there are workers."""
    crowd = Crowd()
    batches = await process_batches(items=MANY, processor=crowd, batch_size=10, max_workers=3)
    assert [item for batch in batches for item in batch] == list(MANY)
    assert crowd.most == 3


async def test_batches_take_an_async_function_that_does_not_show_it() -> None:
    """What a plain one gives is awaited on the loop, whether or not threads are started for it."""
    crowd = Crowd()

    def work(batch: list[int]) -> Awaitable[Any]:
        return crowd(batch)

    for settings in (ParallelSettings(), FROM_TWO):
        assert await process_batches(items=FEW, processor=work, settings=settings) == [list(FEW)]


@of_each_executor
def test_processor_ends_what_it_started(executor: ExecutorType) -> None:
    """After the block its executor takes nothing more."""
    with ParallelProcessor(2, executor=executor, settings=FROM_TWO) as processor:
        assert processor.process_sync(FEW, square) == [number * number for number in FEW]
        pool = processor._pool
    assert_ended(pool)


@of_each_executor
def test_processor_ends_what_it_started_when_the_block_raises(executor: ExecutorType) -> None:
    """Whatever is raised in the block, its executor takes nothing more."""
    pools: list[Executor | None] = []

    def fail_in_the_block() -> None:
        with ParallelProcessor(2, executor=executor, settings=FROM_TWO) as processor:
            processor.process_sync(FEW, square)
            pools.append(processor._pool)
            raise LookupError

    with pytest.raises(LookupError):
        fail_in_the_block()
    assert_ended(pools[0])


def assert_ended(pool: Executor | None) -> None:
    """An executor was made, and is shut down."""
    assert pool is not None
    with pytest.raises(RuntimeError, match="shutdown"):
        pool.submit(square, 1)


def test_processor_keeps_its_processes_between_calls() -> None:
    """They are started once for the whole block."""
    with ParallelProcessor(1, settings=FROM_TWO) as processor:
        first = processor.process_sync(FEW, process_number)
        assert set(processor.process_sync(FEW, process_number)) == set(first)
