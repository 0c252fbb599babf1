"""The worker of a process: beside the server, or alone as `appointment360 work`."""

import asyncio
import signal
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from functools import partial
from typing import Final

import uvloop

from app.collecting import spare_the_collector
from app.engines import direct_url
from app.pool_monitor import monitoring_pools
from app.resources import Resources, open_resources
from app.settings import Settings
from app.start_checks import check_connections, check_tables
from app.stopping import StopClock, end_at_last
from app.terminal import say
from app.tracing.jobs import traced_handlers
from db.engine import libpq_settings
from domain.tasks import QUEUES
from jobs.bulk import BULK_HANDLERS
from jobs.exports import export_handlers
from jobs.housekeeping import Retention, keep_house
from jobs.imports import ImportSettings, import_handlers
from jobs.running import Handlers
from jobs.undoing import UNDO_HANDLERS
from jobs.worker import Worker, WorkerSettings

_STOP_SECONDS: Final = 12.0


def build_worker(resources: Resources, chosen: WorkerSettings | None = None) -> Worker:
    """A worker for the jobs of a database; it does nothing yet."""
    settings = resources.settings
    usual = WorkerSettings(concurrency=settings.job_concurrency)
    retention = Retention(
        undo=settings.undo_window,
        jobs=settings.job_retention,
        activities=settings.activity_retention,
    )
    address = libpq_settings(
        direct_url(settings, resources.database_url), application_name="appointment360-worker"
    )
    handlers: Handlers = {
        **BULK_HANDLERS,
        **export_handlers(resources.exporter),
        **import_handlers(
            resources.uploads, ImportSettings(placeholder=settings.placeholder_value)
        ),
        **UNDO_HANDLERS,
    }
    return Worker(
        resources.database,
        address,
        traced_handlers(handlers, resources.tracer),
        keep_house=partial(
            keep_house,
            resources.database,
            retention,
            resources.uploads,
            parallel=resources.parallel,
        ),
        settings=chosen or usual,
        observe=resources.observers.job,
    )


@asynccontextmanager
async def at_work(worker: Worker, stop_clock: StopClock) -> AsyncIterator[None]:
    """The worker works while the block runs, and is stopped at its end, if need be in mid-batch."""
    working = asyncio.create_task(worker.run(), name="worker")
    try:
        yield
    finally:
        worker.stop()
        await asyncio.wait([working], timeout=stop_clock.at_most(_STOP_SECONDS))
        working.cancel()
        with suppress(asyncio.CancelledError):
            await working


def work(settings: Settings, *, queues: Sequence[str], concurrency: int | None) -> None:
    """Work until a signal comes.

    Raises:
        CannotStart: The tables are not those of this release, or PostgreSQL takes too few
            connections.
    """
    chosen = WorkerSettings(
        queues=queues or QUEUES, concurrency=concurrency or settings.job_concurrency
    )
    uvloop.run(_work(settings, chosen))


async def _work(settings: Settings, chosen: WorkerSettings) -> None:
    async with open_resources(settings, progress=say) as resources:
        resources.stop_clock.on_begin(end_at_last)
        await check_tables(resources)
        await check_connections(resources, processes=1, works=True)
        worker, stopped = build_worker(resources, chosen), asyncio.Event()
        spare_the_collector()

        def stop() -> None:
            resources.stop_clock.begin()
            stopped.set()

        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, stop)
        async with (
            monitoring_pools(settings, resources.database),
            at_work(worker, resources.stop_clock),
        ):
            say(f"Working on {', '.join(chosen.queues)}; {chosen.concurrency} jobs at a time")
            await stopped.wait()
        say("Stopped")
