"""How jobs get on, told to everybody who follows one.

The rows are the truth: those that somebody follows are read every second, and at once when
PostgreSQL tells that they were changed. All of them are read by one statement.
"""

import asyncio
import time
from collections import defaultdict
from collections.abc import AsyncGenerator, Sequence
from contextlib import suppress
from typing import Final
from uuid import UUID

import structlog

from db.job_tables import CHANNEL
from db.jobs import load_jobs
from db.listening import Listener
from db.rows import JobRow
from db.transaction import Database
from domain.errors import AppError
from domain.jobs import FINAL_STATUSES
from graph.seats import Seats

POLL_SECONDS: Final = 1.0
"""How often the rows are read when nothing is told of them."""

# Between two reads; what is told meanwhile is read by the same statement.
_BREATH_SECONDS: Final = 0.02

log = structlog.get_logger(__name__)


class JobFeed:
    """The newest rows of jobs, for the subscribers of this process.

    Args:
        database: The primary.
    """

    def __init__(self, listener: Listener, database: Database, seats: Seats) -> None:
        self._listener = listener
        self._database = database
        self._seats = seats
        self._followers: defaultdict[int, set[_Follower]] = defaultdict(set)
        self._due: set[int] = set()
        self._is_due = asyncio.Event()
        self._polled_at = -POLL_SECONDS
        self._is_away = False
        listener.hear(CHANNEL, self._hear, on_begin=self._hear_again)

    def follow(self, job_id: int, *, user: UUID) -> AsyncGenerator[JobRow, None]:
        """The row of a job as it is, then each newer one, to the last, which is given once.

        Ends without it when the job is forgotten. A subscriber who is slow is given fewer rows.

        Args:
            user: Who subscribes.

        Raises:
            Unavailable: There are too many subscribers.
        """
        self._seats.require_one(user)
        return self._stream(job_id, user)

    async def run(self) -> None:
        """Read for the subscribers, for ever."""
        while True:
            await self._wait()
            await self._read(self._take_due())
            await asyncio.sleep(POLL_SECONDS if self._is_away else _BREATH_SECONDS)

    async def _stream(self, job_id: int, user: UUID) -> AsyncGenerator[JobRow, None]:
        follower = _Follower()
        with self._seats.take(user):
            self._followers[job_id].add(follower)
            try:
                self._listener.start()
                # Read after it was added, so that nothing is lost in between.
                self._make_due(job_id)
                while (row := await follower.next()) is not None:
                    yield row
                    if row.status in FINAL_STATUSES:
                        return
            finally:
                self._leave(job_id, follower)

    def _leave(self, job_id: int, follower: "_Follower") -> None:
        self._followers[job_id].discard(follower)
        if not self._followers[job_id]:
            del self._followers[job_id]

    def _hear(self, payload: str) -> None:
        job_id = int(payload)
        if job_id in self._followers:
            self._make_due(job_id)

    def _hear_again(self) -> None:
        for job_id in self._followers:
            self._make_due(job_id)

    def _make_due(self, job_id: int) -> None:
        self._due.add(job_id)
        self._is_due.set()

    async def _wait(self) -> None:
        """Until rows are to be read; for ever while nobody follows any."""
        left = self._polled_at + POLL_SECONDS - time.monotonic() if self._followers else None
        with suppress(TimeoutError):
            async with asyncio.timeout(left):
                await self._is_due.wait()
        if time.monotonic() >= self._polled_at + POLL_SECONDS:
            self._polled_at = time.monotonic()
            self._due.update(self._followers)

    def _take_due(self) -> list[int]:
        due = [job_id for job_id in self._due if job_id in self._followers]
        self._due.clear()
        self._is_due.clear()
        return due

    async def _read(self, job_ids: Sequence[int]) -> None:
        if not job_ids:
            return
        try:
            async with self._database.read() as session:
                rows = await load_jobs(session, job_ids)
        except AppError as error:
            self._tell_of_loss(error)
        except Exception:  # a bug of ours: the next read may fare better
            self._is_away = True
            log.exception("job_feed_failed")
        else:
            self._is_away = False
            self._offer(dict(zip(job_ids, rows, strict=True)))

    def _offer(self, rows: dict[int, JobRow | None]) -> None:
        for job_id, row in rows.items():
            for follower in self._followers.get(job_id, ()):
                follower.offer(row)

    def _tell_of_loss(self, error: AppError) -> None:
        if not self._is_away:
            log.warning("job_feed_waits", reason=error.message)
        self._is_away = True


class _Follower:
    """The newest row that one subscriber was not given yet."""

    def __init__(self) -> None:
        self._row: JobRow | None = None
        self._revision = 0
        self._is_over = False
        self._has_news = asyncio.Event()

    async def next(self) -> JobRow | None:
        """A row that is newer than the one before; None when there will be none."""
        while self._row is None and not self._is_over:
            self._has_news.clear()
            await self._has_news.wait()
        row, self._row = self._row, None
        return row

    def offer(self, row: JobRow | None) -> None:
        """Take a row in; None when the job was forgotten."""
        if row is None:
            self._is_over = True
        elif row.revision > self._revision:
            self._row, self._revision = row, row.revision
        else:
            return
        self._has_news.set()
