"""Many items at the same time: awaited on the loop, or computed in threads and processes.

Results come in the order of the items. The first error ends it and is raised: what is awaited is
cancelled, and what has not begun never begins. Whoever wants the others nevertheless has the
function return its error. Items may come from a long iterator: few are taken ahead of their turn.

Fewer items than `ParallelSettings.min_items` are worked on one after another and no pool is made:
for most work, starting processes would take longer than it does.
"""

import asyncio
import multiprocessing
import sys
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Iterator
from concurrent.futures import Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from itertools import chain, islice
from multiprocessing.context import BaseContext
from operator import length_hint
from types import ModuleType
from typing import Any, Final, Literal, Self, TypeVar, cast, get_args

from jobs.placing import finished, in_thread, is_async

T = TypeVar("T")
M = TypeVar("M")
R = TypeVar("R")

ExecutorType = Literal["process", "thread"]
"""Processes compute side by side; threads only wait side by side, and share what they are given."""

_TAKEN_AHEAD: Final = 4


@dataclass(frozen=True, kw_only=True)
class ParallelSettings:
    """How much is done at the same time.

    Attributes:
        workers: Threads or processes where a caller names no number.
        max_workers: More are never started, whatever a caller asks for.
        is_enabled: Whether anything is; otherwise all is done one after another.
        min_items: From how many items on threads or processes are worth their start. Say 2 where
            each takes a second.
    """

    workers: int = 4
    max_workers: int = 8
    is_enabled: bool = True
    min_items: int = 100

    def workers_for(self, wanted: int | None = None) -> int:
        """How many threads or processes a caller gets who wants this many."""
        if not self.is_enabled:
            return 1
        return min(self.workers if wanted is None else _positive(wanted), self.max_workers)


_DEFAULTS: Final = ParallelSettings()


class ParallelProcessor:
    """Owns threads or processes, from when they are first needed to the end of the block.

    Args:
        max_workers: How many, as far as the settings allow; None for as many as they say.
        executor: Functions and items travel to processes pickled.
    """

    def __init__(
        self,
        max_workers: int | None = 4,
        *,
        executor: ExecutorType = "process",
        settings: ParallelSettings = _DEFAULTS,
    ) -> None:
        if executor not in get_args(ExecutorType):
            raise ValueError(f"executor is {executor!r}; it can be 'process' or 'thread'.")
        self.workers = settings.workers_for(max_workers)
        self._settings = settings
        self._executor = executor
        self._pool: Executor | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        self._close(wait=error is None)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        await in_thread(partial(self._close, wait=error is None))

    def process_sync(self, items: Iterable[T], fn: Callable[[T], R]) -> list[R]:
        """What a plain function gives for each item, while the calling thread waits.

        Raises:
            BrokenProcessPool: A process was killed at an item.
        """
        is_worth_it, items = _weighed(items, self._settings)
        return self._map(items, fn) if is_worth_it else [fn(item) for item in items]

    def process_batches_sync(
        self, items: Iterable[T], fn: Callable[[list[T]], R], *, batch_size: int
    ) -> list[R]:
        """What a plain function gives for each batch of items; as `process_sync`."""
        is_worth_it, items = _weighed(items, self._settings)
        batches = _batches(items, batch_size)
        return self._map(batches, fn) if is_worth_it else [fn(batch) for batch in batches]

    async def call(self, fn: Callable[[T], R], item: T) -> R:
        """What a plain function gives for one item in the pool, while the loop goes on."""
        return await asyncio.get_running_loop().run_in_executor(self._started(), fn, item)

    def _map(self, items: Iterable[T], fn: Callable[[T], R]) -> list[R]:
        pool = self._started()
        results: list[R] = []
        under_way: deque[Future[R]] = deque()
        for item in items:
            if len(under_way) >= _TAKEN_AHEAD * self.workers:
                results.append(under_way.popleft().result())
            under_way.append(pool.submit(fn, item))
        results += [future.result() for future in under_way]
        return results

    def _started(self) -> Executor:
        if self._pool is None:
            self._pool = (
                ThreadPoolExecutor(self.workers)
                if self._executor == "thread"
                else ProcessPoolExecutor(self.workers, mp_context=_start_context())
            )
        return self._pool

    def _close(self, *, wait: bool) -> None:
        if self._pool is not None:
            # After an error nobody waits for what has begun: it ends by itself.
            self._pool.shutdown(wait=wait, cancel_futures=True)
            self._pool = None


async def process_in_parallel_async(
    items: Iterable[T],
    fn: Callable[[T], Awaitable[R]],
    max_concurrent: int = 10,
    *,
    settings: ParallelSettings = _DEFAULTS,
) -> list[R]:
    """What an async function gives for each item, so many at a time.

    An item is taken from the iterator when its turn comes.

    Raises:
        RuntimeError: What an item waited for was cancelled, and not by who waits for the results.
    """
    limit = _positive(max_concurrent) if settings.is_enabled else 1
    results: list[R] = []
    waiting = iter(items)

    async def work() -> None:
        for item in waiting:
            place = len(results)
            results.append(cast("R", None))
            results[place] = await _uncancelled(fn, item)

    try:
        async with asyncio.TaskGroup() as group:
            for _ in range(min(limit, length_hint(items, limit))):
                group.create_task(work())
    except BaseExceptionGroup as failed:
        first = failed.exceptions[0]
        raise first from first.__cause__
    return results


def process_in_parallel_sync(
    items: Iterable[T],
    fn: Callable[[T], R],
    max_workers: int | None = 4,
    *,
    executor: ExecutorType = "process",
    settings: ParallelSettings = _DEFAULTS,
) -> list[R]:
    """What a plain function gives for each item, while the calling thread waits.

    Raises:
        BrokenProcessPool: A process was killed at an item.
    """
    with ParallelProcessor(max_workers, executor=executor, settings=settings) as processor:
        return processor.process_sync(items, fn)


async def process_in_parallel_mixed(
    raw: Iterable[T],
    cpu_fn: Callable[[T], M],
    io_fn: Callable[[M], Awaitable[R]],
    *,
    max_workers: int | None = 4,
    max_concurrent: int = 10,
    executor: ExecutorType = "process",
    settings: ParallelSettings = _DEFAULTS,
) -> list[R]:
    """What an async function gives for what a plain one has made of each item.

    An item goes from one to the other by itself: while some are computed, others are awaited.

    Args:
        max_workers: How many are computed at the same time.
        max_concurrent: How many are under way in all.
    """
    is_worth_it, raw = _weighed(raw, settings)
    async with ParallelProcessor(max_workers, executor=executor, settings=settings) as processor:
        compute = processor.call if is_worth_it else _one_after_another()

        async def go_through(item: T) -> R:
            return await io_fn(await compute(cpu_fn, item))

        return await process_in_parallel_async(raw, go_through, max_concurrent, settings=settings)


async def process_batches_async(
    items: Iterable[T],
    fn: Callable[[list[T]], Awaitable[R]],
    batch_size: int = 100,
    max_concurrent_batches: int = 5,
    *,
    settings: ParallelSettings = _DEFAULTS,
) -> list[R]:
    """What an async function gives for each batch of items."""
    batches = _batches(items, batch_size)
    return await process_in_parallel_async(batches, fn, max_concurrent_batches, settings=settings)


def process_batches_sync(
    items: Iterable[T],
    fn: Callable[[list[T]], R],
    batch_size: int = 50,
    max_workers: int | None = 4,
    *,
    executor: ExecutorType = "thread",
    settings: ParallelSettings = _DEFAULTS,
) -> list[R]:
    """What a plain function gives for each batch of items, while the calling thread waits."""
    with ParallelProcessor(max_workers, executor=executor, settings=settings) as processor:
        return processor.process_batches_sync(items, fn, batch_size=batch_size)


async def process_batches(
    *,
    items: Iterable[T],
    processor: Callable[[list[T]], Any],
    batch_size: int = 50,
    max_workers: int | None = 4,
    executor_type: ExecutorType = "thread",
    settings: ParallelSettings = _DEFAULTS,
) -> list[Any]:
    """What a function gives for each batch of items: an async one on the loop, a plain one beside.

    Args:
        executor_type: Where a plain function runs.
    """
    if is_async(processor):
        workers = settings.workers_for(max_workers)
        return await process_batches_async(items, processor, batch_size, workers, settings=settings)
    is_worth_it, items = _weighed(items, settings)
    batches = _batches(items, batch_size)
    async with ParallelProcessor(
        max_workers, executor=executor_type, settings=settings
    ) as parallel:
        compute = parallel.call if is_worth_it else _one_after_another()

        async def work_on(batch: list[T]) -> Any:
            # A lambda, or a decorator, may hide an async function.
            return await finished(await compute(processor, batch))

        return await process_in_parallel_async(
            batches, work_on, parallel.workers, settings=settings
        )


async def _uncancelled(fn: Callable[[T], Awaitable[R]], item: T) -> R:
    """What a function gives for an item, which is an error if it ends as cancelled by itself.

    A task group takes a task that ends so for one that has done its work.
    """
    task = asyncio.current_task()
    try:
        return await fn(item)
    except asyncio.CancelledError as error:
        if task is None or task.cancelling():
            raise
        raise RuntimeError("What an item waited for was cancelled.") from error


def _start_context() -> BaseContext:
    """How processes are started.

    A server has threads, of which a fork would copy the locks and not their owners. So they are
    forked by a process that has none; it lives as long as this one, and has imported already what
    each of them would import for the main module. Windows has no such thing.
    """
    if sys.platform == "win32":
        return multiprocessing.get_context("spawn")
    context = multiprocessing.get_context("forkserver")
    imported = (
        value.__name__ if isinstance(value, ModuleType) else getattr(value, "__module__", None)
        for value in vars(sys.modules["__main__"]).values()
    )
    context.set_forkserver_preload(sorted({name for name in imported if isinstance(name, str)}))
    return context


def _weighed(items: Iterable[T], settings: ParallelSettings) -> tuple[bool, Iterable[T]]:
    """Whether items are worth threads or processes; and the items."""
    waiting = iter(items)
    first = list(islice(waiting, settings.min_items))
    return settings.is_enabled and len(first) >= settings.min_items, chain(first, waiting)


def _batches(items: Iterable[T], size: int) -> Iterator[list[T]]:
    waiting, size = iter(items), _positive(size)
    return iter(lambda: list(islice(waiting, size)), [])


def _one_after_another() -> Callable[[Callable[[T], R], T], Awaitable[R]]:
    """Calls plain functions beside the loop, one at a time."""
    turn = asyncio.Lock()

    async def call(fn: Callable[[T], R], item: T) -> R:
        async with turn:
            return await in_thread(partial(fn, item))

    return call


def _positive(number: int) -> int:
    if number < 1:
        raise ValueError(f"{number} was given; it has to be 1 or more.")
    return number
