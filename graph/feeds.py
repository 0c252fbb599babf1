"""What subscriptions are fed from; one of each a process."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass

from db.listening import Listener
from db.transaction import Database
from graph.change_feed import CaughtUp, ChangeFeed
from graph.job_feed import JobFeed
from graph.seats import Seats


@dataclass(frozen=True)
class Feeds:
    """What can be followed.

    Attributes:
        seats: Places for the subscribers of all feeds together.
    """

    changes: ChangeFeed
    jobs: JobFeed
    seats: Seats


@asynccontextmanager
async def open_feeds(
    listener: Listener,
    database: Database,
    *,
    seats: Seats | None = None,
    caught_up: CaughtUp | None = None,
) -> AsyncIterator[Feeds]:
    """The feeds of a process; they ask PostgreSQL nothing before somebody subscribes.

    Args:
        listener: Is not started yet.
        database: The primary.
        caught_up: Waits until reads show all that was committed before.
    """
    seats = Seats() if seats is None else seats
    jobs = JobFeed(listener, database, seats)
    task = asyncio.create_task(jobs.run())
    try:
        yield Feeds(ChangeFeed(listener, seats, caught_up=caught_up), jobs, seats)
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
