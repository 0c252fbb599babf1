"""Short tasks in this process, outside the time of a request.

They are for what may be lost: a process that is killed takes them along. What must happen is a
durable job, written in the transaction of its cause (docs/background.md has the rule).

A task that fails is logged and harms nobody. At most so many run at the same time; of the others
some wait, and what comes beyond them is refused, which is logged and counted as a failure.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, nullcontext
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Concatenate, Final, ParamSpec

import structlog

from db.transaction import Database, Transaction
from domain.background import TaskState, TaskStatistics, TaskStatus
from jobs.placing import is_cpu_bound, name_of, run
from jobs.task_statistics import TaskLedger, TaskRecord

P = ParamSpec("P")

Call = Callable[[], Awaitable[object]]
Step = tuple[Callable[..., Any], Sequence[Any], Mapping[str, Any]]
"""A function, its arguments, and those by name."""

_MAX_QUEUED: Final = 1000
# Enough to roll a transaction back; a task that takes longer is left where it is.
_UNWINDING_SECONDS: Final = 0.4

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Work:
    """What a task does.

    Attributes:
        computes: Whether it takes turns with the others that do.
        retries: How often it is tried again after an error.
        delay_seconds: The pause before the first of them; each further one is twice as long.
    """

    name: str
    call: Call
    computes: bool = False
    retries: int = 0
    delay_seconds: float = 0.0


class BackgroundTasks:
    """The tasks of a process. Not for threads: the event loop alone uses it.

    Args:
        max_concurrent: How many run at the same time.
        max_queued: How many wait besides at most, those between two attempts among them.
        sleep: Passes the seconds between two attempts.
    """

    def __init__(
        self,
        *,
        max_concurrent: int,
        max_queued: int = _MAX_QUEUED,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._slots = asyncio.Semaphore(max_concurrent)
        self._computing = asyncio.Lock()
        self._max_tasks = max_concurrent + max_queued
        self._sleep = sleep
        self._ledger = TaskLedger()
        # The loop itself would not keep a task from the garbage collector.
        self._tasks: dict[asyncio.Task[None], TaskRecord] = {}
        self._is_closed = False

    def add(
        self,
        function: Callable[..., Any],
        *args: Any,
        track_status: bool = False,
        cpu_bound: bool | None = None,
    ) -> str:
        """As `domain.background.Background` has it."""
        return self.submit(_work(function, args, cpu_bound), track_status=track_status)

    def submit(self, work: Work, *, track_status: bool = False) -> str:
        """Take a task, to begin on a later turn of the loop; gives its id, also when refused."""
        record = self._ledger.enter(work.name, is_tracked=track_status)
        if self._is_closed or len(self._tasks) >= self._max_tasks:
            record.error_type = "ProcessStopping" if self._is_closed else "QueueFull"
            self._ledger.end(record, TaskState.FAILED)
            log.error("background_task_refused", **self._facts(record))
            return record.id
        task = asyncio.get_running_loop().create_task(self._run(work, record), name=work.name)
        self._tasks[task] = record
        task.add_done_callback(self._forget)
        return record.id

    def find(self, task_id: str) -> TaskStatus | None:
        """A tracked task; None when it is not known, or not any more."""
        return self._ledger.find(task_id)

    def statistics(self) -> TaskStatistics:
        """What became of all tasks so far."""
        return self._ledger.statistics()

    async def drain(self, timeout_seconds: float) -> None:
        """Let the tasks end, also those that still wait; give up after a time those that do not.

        Until it is over, running tasks may add further ones; afterwards every task is refused.
        """
        loop = asyncio.get_running_loop()
        deadline = loop.time() + timeout_seconds
        while self._tasks and (left := deadline - loop.time()) > 0:
            await asyncio.wait(self._tasks, timeout=left)
        self._is_closed = True
        if self._tasks:
            await self._abandon(timeout_seconds)

    async def _abandon(self, waited_seconds: float) -> None:
        log.error(
            "background_tasks_abandoned",
            functions=sorted(record.function for record in self._tasks.values()),
            seconds=waited_seconds,
            queue_depth=self._ledger.queued,
        )
        abandoned = list(self._tasks)
        for task in abandoned:
            task.cancel()
        await asyncio.wait(abandoned, timeout=_UNWINDING_SECONDS)

    async def _run(self, work: Work, record: TaskRecord) -> None:
        while (error := await self._attempt(work, record)) is not None:
            record.error_type = type(error).__name__
            if self._is_closed or record.attempts > work.retries:
                self._ledger.end(record, TaskState.FAILED)
                log.error("background_task_failed", **self._facts(record), exc_info=error)
                return
            self._ledger.move(record, TaskState.PENDING)
            log.warning("background_task_retried", **self._facts(record))
            await self._sleep(work.delay_seconds * 2 ** (record.attempts - 1))
        record.error_type = None
        self._ledger.end(record, TaskState.COMPLETED)
        log.debug("background_task_completed", **self._facts(record))

    async def _attempt(self, work: Work, record: TaskRecord) -> BaseException | None:
        """The error it ended with."""
        # Whoever waits to compute keeps nobody from running meanwhile.
        turn = self._computing if work.computes else nullcontext()
        async with turn, self._slots:
            self._ledger.move(record, TaskState.RUNNING)
            record.attempts += 1
            started = time.perf_counter()
            try:
                await work.call()
            except (Exception, SystemExit) as error:  # noqa: BLE001  # whatever it is, it harms nobody
                return error
            except asyncio.CancelledError as error:
                # Unless we gave the task up, something that it waited for was cancelled.
                if self._is_closed:
                    raise
                return error
            finally:
                record.seconds += time.perf_counter() - started
        return None

    def _forget(self, task: asyncio.Task[None]) -> None:
        record = self._tasks.pop(task)
        if task.cancelled():
            self._ledger.end(record, TaskState.ABANDONED)

    def _facts(self, record: TaskRecord) -> dict[str, object]:
        return {
            "function": record.function,
            "task": record.id,
            "seconds": round(record.seconds, 3),
            "attempt": record.attempts,
            "queue_depth": self._ledger.queued,
            "error_type": record.error_type,
        }


def _work(function: Callable[..., Any], args: Sequence[Any], cpu_bound: bool | None) -> Work:
    call = partial(run, function, *args, cpu_bound=cpu_bound)
    computes = is_cpu_bound(function, told=cpu_bound)
    return Work(name_of(function), call, computes=computes)


@asynccontextmanager
async def open_background(
    *, max_concurrent: int, drain_seconds: Callable[[], float]
) -> AsyncIterator[BackgroundTasks]:
    """Tasks for as long as the block lasts; at its end they have a time to end too.

    Args:
        drain_seconds: Tells that time when it has come.
    """
    tasks = BackgroundTasks(max_concurrent=max_concurrent)
    try:
        yield tasks
    finally:
        await tasks.drain(drain_seconds())


def add_background_task_safe(
    tasks: BackgroundTasks,
    function: Callable[..., Any],
    *args: Any,
    track_status: bool = False,
    cpu_bound: bool | None = None,
) -> str:
    """Run a function once, soon; its error is logged, and reaches nobody.

    Args:
        track_status: Whether `find` knows the task by its id.
        cpu_bound: Whether it computes rather than waits; left out, its name decides.

    Returns:
        The id of the task.
    """
    return tasks.add(function, *args, track_status=track_status, cpu_bound=cpu_bound)


def add_background_task_with_retry(
    tasks: BackgroundTasks,
    function: Callable[..., Any],
    *args: Any,
    max_retries: int = 3,
    retry_delay: float = 1.0,
    track_status: bool = False,
    cpu_bound: bool | None = None,
) -> str:
    """As `add_background_task_safe`, tried again after an error, whatever it is.

    Args:
        max_retries: How often, after the first time.
        retry_delay: Seconds before the first retry; each further pause is twice as long. Others
            take the task's turn meanwhile.
    """
    work = _work(function, args, cpu_bound)
    retried = replace(work, retries=max_retries, delay_seconds=retry_delay)
    return tasks.submit(retried, track_status=track_status)


def chain_background_tasks(tasks: BackgroundTasks, *steps: Step, track_status: bool = False) -> str:
    """Run functions one after another, as one task; the first that fails is the last that runs.

    With a step that computes, it takes its turn to compute for all of its steps.

    Args:
        steps: Functions with their arguments, and with those by name.

    Raises:
        ValueError: There is no step.
    """
    if not steps:
        raise ValueError("A chain needs at least one step.")
    names = " > ".join(name_of(function) for function, _, _ in steps)
    computes = any(is_cpu_bound(function) for function, _, _ in steps)
    work = Work(names, partial(_run_steps, steps), computes=computes)
    return tasks.submit(work, track_status=track_status)


async def _run_steps(steps: Sequence[Step]) -> None:
    for number, (function, args, named) in enumerate(steps, start=1):
        try:
            await run(partial(function, *args, **named))
        except Exception as error:
            error.add_note(f"This was step {number} of {len(steps)}: {name_of(function)}.")
            raise


def background_task_with_db_session(
    database: Database,
    function: Callable[Concatenate[Transaction, P], Awaitable[object]],
    *args: P.args,
    **named: P.kwargs,
) -> Call:
    """A function for a task: it calls another one in a transaction of its own.

    The transaction is committed when the function returns, and rolled back when it raises. It has
    nothing to do with the one of the request.
    """

    async def run() -> None:
        async with database.write() as tx:
            await function(tx, *args, **named)

    run.__name__ = name_of(function)
    return run


def get_task_statistics(tasks: BackgroundTasks) -> TaskStatistics:
    """What became of all tasks of this process, in total and by function."""
    return tasks.statistics()
