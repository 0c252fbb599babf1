"""How durable jobs do, wherever they run: read from PostgreSQL, which the processes share."""

import time
from collections.abc import Awaitable, Callable, Iterator
from functools import partial
from typing import Final

from prometheus_client.core import Metric

from app.metrics.families import alone, gauge
from db.job_health import read_job_health
from db.sharing import Shared
from db.transaction import ReadSession
from domain.errors import DatabaseUnavailable
from domain.jobs import JobHealth
from jobs.worker import WorkerSettings

Ask = Callable[[Callable[[ReadSession], Awaitable[JobHealth]]], Awaitable[JobHealth]]
"""Asks PostgreSQL within a second, on a connection that no request waits for."""

_KEPT_SECONDS: Final = 3.0
_LEFT_ALONE_SECONDS: Final = 5.0
"""How long PostgreSQL is not asked that did not answer, or each scrape would wait for it."""


class JobCounts:
    """What is known of the jobs; a few seconds old at most, and nothing while PostgreSQL is silent.

    Args:
        clock: Tells the time in seconds.
    """

    def __init__(self, ask: Ask, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._ask = ask
        self._clock = clock
        self._due_at = float("-inf")
        self._look = Shared(self._read_anew)
        self._health: JobHealth | None = None

    async def refresh(self) -> None:
        """Read them anew if they are too old; once for all who want that at the same time."""
        if self._clock() >= self._due_at:
            await self._look()

    def read(self) -> Iterator[Metric]:
        """The families of jobs; without samples when nothing is known."""
        health = self._health
        kinds = () if health is None else health.kinds
        yield gauge(
            "jobs",
            "Jobs that wait or run, and those that have failed within a day.",
            [
                ((each.kind, status), count)
                for each in kinds
                for status, count in (
                    ("queued", each.queued),
                    ("running", each.running),
                    ("failed", each.failed),
                )
            ],
            labels=("kind", "status"),
        )
        yield gauge(
            "jobs_oldest_waiting_seconds",
            "How long the job has waited that could begin and waits longest.",
            [] if health is None else alone(health.waiting_seconds or 0.0),
        )
        yield gauge(
            "job_workers",
            "Workers that have given a sign of life lately.",
            [] if health is None else alone(health.workers),
        )

    async def _read_anew(self) -> None:
        quiet_seconds = WorkerSettings().quiet_seconds
        kept_seconds = _KEPT_SECONDS
        try:
            self._health = await self._ask(partial(read_job_health, quiet_seconds=quiet_seconds))
        except DatabaseUnavailable:
            self._health, kept_seconds = None, _LEFT_ALONE_SECONDS
        self._due_at = self._clock() + kept_seconds
