"""Where a function runs, so that it never keeps the event loop from its requests.

An async function runs on the loop. A plain one runs in a thread, for nobody knows how long it
takes. Whoever runs those that compute lets them take turns: several would be no faster together,
since one holds the interpreter at a time, and the loop would wait for each of them. Measured on two
cores (`benchmarks/parallel.py`), its turns are 11 ms late at the 99th percentile while one thread
computes, 210 ms while four do.
"""

import asyncio
import contextvars
import inspect
import threading
from collections.abc import Awaitable, Callable
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


def is_cpu_bound(function: Callable[..., Any], *, told: bool | None = None) -> bool:
    """Whether a function computes.

    Args:
        told: What is known of it; None leaves it to a word of its name, if it is a plain one.
    """
    if told is not None:
        return told
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


async def run(function: Callable[..., Any], *args: Any, cpu_bound: bool | None = None) -> object:
    """What the function gives, run where it harms nobody.

    What a plain function gives is awaited if it can be: a lambda, or a decorator, may hide an async
    one.

    Args:
        cpu_bound: An async function that is said to compute gets an event loop of its own in a
            thread, where it must not touch connections and locks of this one.
    """
    call = partial(function, *args)
    result = call() if is_async(function) else await in_thread(call)
    if cpu_bound and inspect.isawaitable(result):
        return await in_thread(partial(_run_in_own_loop, result))
    return await finished(result)


async def finished(result: Any) -> Any:
    """What a function gave; what that gives, if it can be awaited."""
    return await result if inspect.isawaitable(result) else result


def _bare(function: Callable[..., Any]) -> Callable[..., Any]:
    while isinstance(function, partial):
        function = function.func
    return function


def _run_in_own_loop(result: Awaitable[object]) -> object:
    return asyncio.run(finished(result))


def _run_into(outcome: Future[T], function: Callable[[], T]) -> None:
    try:
        outcome.set_result(function())
    except StopIteration as error:
        # asyncio's future does not take one, and who waits for it would wait for ever.
        stopped = RuntimeError("The function raised StopIteration.")
        outcome.set_exception(stopped.with_traceback(error.__traceback__))
    except BaseException as error:  # noqa: BLE001  # it is raised again where it is waited for
        outcome.set_exception(error)
