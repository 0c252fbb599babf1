"""Where a function runs, so that it never keeps the event loop from its requests.

An async function runs on the loop. A plain one runs in a thread, for nobody knows how long it
takes. Those that compute take turns in one thread: several would be no faster together, since one
holds the interpreter at a time, and the loop would wait for each of them. Measured on two cores
(`benchmarks/parallel.py`), its turns are 11 ms late at the 99th percentile while one thread
computes, 210 ms while four do.
"""

import asyncio
import contextvars
import inspect
import threading
from collections.abc import Callable
from concurrent.futures import Future
from functools import partial
from typing import Any, Final, TypeVar

T = TypeVar("T")

_COMPUTING: Final = frozenset(
    {
        "analyze",
        "calculate",
        "compress",
        "compute",
        "crunch",
        "decode",
        "decrypt",
        "encode",
        "encrypt",
        "hash",
        "parse",
        "process",
        "render",
        "resize",
        "transform",
    }
)


def name_of(function: Callable[..., Any]) -> str:
    """The name that a log knows a function by."""
    bare = _bare(function)
    return str(getattr(bare, "__name__", type(bare).__name__))


def is_async(function: Callable[..., Any]) -> bool:
    """Whether calling it gives something to await."""
    bare = _bare(function)
    call = bare if inspect.isroutine(bare) else type(bare).__call__
    return inspect.iscoroutinefunction(call)


def is_cpu_bound(function: Callable[..., Any]) -> bool:
    """Whether a plain function computes, as far as a word of its name tells."""
    return not is_async(function) and not _COMPUTING.isdisjoint(name_of(function).split("_"))


async def in_thread(function: Callable[[], T]) -> T:
    """What a plain function gives, run in a thread of its own with the caller's context.

    Who is cancelled stops waiting, and the thread goes on; it does not keep the process from
    ending, as the threads of an executor would.
    """
    outcome: Future[T] = Future()
    # From here on the future of the waiting side cannot cancel this one.
    outcome.set_running_or_notify_cancel()
    threading.Thread(
        target=_run_into,
        args=(outcome, partial(contextvars.copy_context().run, function)),
        name=name_of(function),
        daemon=True,
    ).start()
    return await asyncio.wrap_future(outcome)


class Places:
    """Runs functions where they harm nobody."""

    def __init__(self) -> None:
        self._computing = asyncio.Lock()

    async def run(
        self, function: Callable[..., Any], *args: Any, cpu_bound: bool | None = None
    ) -> object:
        """What the function gives.

        Args:
            cpu_bound: What is known of it; None leaves it to its name. An async function that is
                said to compute gets an event loop of its own in the thread, where it must not touch
                connections and locks of this one.
        """
        call = partial(function, *args)
        computes = is_cpu_bound(function) if cpu_bound is None else cpu_bound
        if is_async(function):
            if not computes:
                return await call()
            call = partial(_run_in_own_loop, call)
        if not computes:
            return await in_thread(call)
        async with self._computing:
            return await in_thread(call)


def _bare(function: Callable[..., Any]) -> Callable[..., Any]:
    while isinstance(function, partial):
        function = function.func
    return function


def _run_in_own_loop(call: Callable[[], Any]) -> object:
    return asyncio.run(call())


def _run_into(outcome: Future[T], function: Callable[[], T]) -> None:
    try:
        outcome.set_result(function())
    except StopIteration as error:
        # asyncio's future does not take one, and who waits for it would wait for ever.
        stopped = RuntimeError("The function raised StopIteration.")
        outcome.set_exception(stopped.with_traceback(error.__traceback__))
    except BaseException as error:  # noqa: BLE001  # it is raised again where it is waited for
        outcome.set_exception(error)
