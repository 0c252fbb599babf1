"""A worker: takes jobs from the queue and runs them, a few at a time, until it is told to stop.

It outlives PostgreSQL: when that goes away, the worker comes back with it, under a new name, and
whatever the old one held counts as lost.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final

import structlog
from procrastinate import App
from procrastinate.worker import Worker as QueueWorker

from db.job_queue import put_back_lost, queue_again
from db.transaction import Database
from domain.tasks import QUEUES
from jobs.queue import build_queue
from jobs.running import Handlers, JobObserver, JobRunner, Writer

_PAUSE_SECONDS: Final = 1.0

log = structlog.get_logger(__name__)


@dataclass(frozen=True, kw_only=True)
class WorkerSettings:
    """How a worker works.

    Attributes:
        queues: Where it takes jobs from.
        concurrency: How many jobs it runs at a time.
        stop_seconds: How long jobs may take to finish their batch once it is to stop.
        poll_seconds: How often it looks for jobs that nobody told it of: those to be retried.
        heartbeat_seconds: How often it gives a sign of life.
        quiet_seconds: After how long without one a worker counts as dead. It is longer than
            `stop_seconds`: a worker that stops gives none.
        unstarted_seconds: How long it may take to begin with a job that it took.
        look_seconds: How often it looks for what dead workers left.
        search_seconds: How often it goes through all jobs for those that are in no queue.
    """

    queues: Sequence[str] = QUEUES
    concurrency: int = 4
    stop_seconds: float = 5.0
    poll_seconds: float = 1.0
    heartbeat_seconds: float = 1.0
    quiet_seconds: float = 6.0
    unstarted_seconds: float = 30.0
    look_seconds: float = 2.0
    search_seconds: float = 30.0


class _QueueWorker(QueueWorker):
    """Procrastinate's worker, which tells when it stops, be it by itself.

    It does so when its heartbeat or another task of its own fails; jobs are handed back then too.
    """

    def __init__(self, on_stop: Callable[[], None], **settings: Any) -> None:
        super().__init__(**settings)
        self._on_stop = on_stop

    def stop(self) -> None:
        """Take no more entries."""
        self._on_stop()
        super().stop()  # type: ignore[no-untyped-call]  # theirs says no types


class Worker:
    """Runs jobs in this process.

    Args:
        database: Where jobs do their work.
        address: The same PostgreSQL as libpq names it, without a pooler in between.
        handlers: What does the jobs, by the class of their task.
        keep_house: Is called every ten minutes, by one worker of all.
        observe: Is told each attempt at a job.
    """

    def __init__(
        self,
        database: Database,
        address: Mapping[str, str],
        handlers: Handlers,
        *,
        keep_house: Callable[[], Awaitable[object]],
        settings: WorkerSettings,
        observe: JobObserver = lambda _run: None,
    ) -> None:
        self._database = database
        self._settings = settings
        self._stopping = asyncio.Event()
        self._working: _QueueWorker | None = None
        self._address = address
        self._keep_house = keep_house
        self._is_interrupted = False
        writer = Writer(database, is_ending=self._stopping.is_set)
        self._runner = JobRunner(writer, handlers, is_stopping=self._is_stopping, observe=observe)

    def _is_stopping(self) -> bool:
        return self._is_interrupted or self._stopping.is_set()

    def stop(self) -> None:
        """Take no more jobs, and hand those that run back after their batch."""
        self._stopping.set()
        if self._working is not None:
            self._working.stop()

    async def run(self) -> None:
        """Work until `stop`; then as long as the batches under way take."""
        settings = self._settings
        looking = [
            asyncio.create_task(self._repeat(self._look_for_lost, settings.look_seconds)),
            asyncio.create_task(self._repeat(self._look_for_forgotten, settings.search_seconds)),
        ]
        try:
            while not self._stopping.is_set():
                await self._work()
        finally:
            for task in looking:
                task.cancel()
            await asyncio.wait(looking)

    async def _work(self) -> None:
        """Work until told to stop, or until the connection to PostgreSQL breaks."""
        self._is_interrupted = False
        queue = build_queue(self._address, run_job=self._runner.run, keep_house=self._keep_house)
        try:
            async with queue.open_async():
                self._working = self._worker(queue)
                if not self._stopping.is_set():
                    await self._working.run()  # type: ignore[no-untyped-call]  # theirs says no types
        except Exception as error:  # noqa: BLE001  # whatever it is, the worker comes back
            log.warning("worker_interrupted", error=str(error.__cause__ or error).strip())
        finally:
            self._working = None
        await self._pause(_PAUSE_SECONDS)

    def _worker(self, queue: App) -> _QueueWorker:
        settings = self._settings
        return _QueueWorker(
            self._interrupt,
            app=queue,
            queues=list(settings.queues),
            concurrency=settings.concurrency,
            fetch_job_polling_interval=settings.poll_seconds,
            update_heartbeat_interval=settings.heartbeat_seconds,
            # Dead workers are forgotten late: what they left is looked for by their silence.
            stalled_worker_timeout=10 * settings.quiet_seconds,
            shutdown_graceful_timeout=settings.stop_seconds,
            delete_jobs="always",
            install_signal_handlers=False,
        )

    def _interrupt(self) -> None:
        self._is_interrupted = True

    async def _look_for_lost(self) -> None:
        """Give out again what workers took and cannot go on with."""
        settings = self._settings
        async with self._database.write() as tx:
            found = await put_back_lost(
                tx,
                quiet_seconds=settings.quiet_seconds,
                unstarted_seconds=settings.unstarted_seconds,
            )
        if any(found):
            log.warning("jobs_put_back", **found._asdict())

    async def _look_for_forgotten(self) -> None:
        """Queue again what has not ended and is in no queue."""
        quiet = self._settings.quiet_seconds
        async with self._database.write() as tx:
            count = await queue_again(tx, quiet_seconds=quiet)
        if count:
            log.warning("jobs_queued_again", count=count)

    async def _repeat(self, look: Callable[[], Awaitable[None]], every_seconds: float) -> None:
        """Look again and again.

        After PostgreSQL was away everybody has been silent; the living get time to give a sign.
        """
        while True:
            await asyncio.sleep(every_seconds)
            try:
                await look()
            except Exception as error:  # noqa: BLE001  # PostgreSQL is away, or was just now
                log.warning("look_for_jobs_failed", error=str(error))
                await asyncio.sleep(self._settings.quiet_seconds)

    async def _pause(self, seconds: float) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._stopping.wait()
