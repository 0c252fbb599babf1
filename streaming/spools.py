"""The exports of a process: begun by requests, written without them, found by their ids."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Final
from uuid import UUID, uuid4

import structlog

from domain.errors import RateLimited, Unavailable
from streaming.manifests import About
from streaming.spool import Source, Spool
from streaming.spool_folder import DATA, MANIFEST, SpoolFolder
from streaming.spool_following import SpoolFollowing
from streaming.spool_room import make_room
from streaming.spool_sweeping import sweep
from streaming.spool_writing import SpoolWriter

_SWEEP_SECONDS: Final = 60.0
_MEASURE_BYTES: Final = 64 * 2**20
_RETRY_AFTER_SECONDS: Final = 5

Sleep = Callable[[float], Awaitable[None]]

log = structlog.get_logger(__name__)


@dataclass(frozen=True, kw_only=True)
class SpoolSettings:
    """How exports are kept.

    Attributes:
        ttl_seconds: How long a finished one is found.
        quota_bytes: How much the folder holds, with what others write there.
        most_of_one_owner: How many of one owner grow at the same time in this process.
        promised_share: How much of the folder the jobs of one owner may hold.
        progress_seconds: How often the log tells how far one is.
        unwinding_seconds: How long is waited for one that is to end, enough to end a transaction; a
            source that takes longer is left where it is.
    """

    ttl_seconds: float
    quota_bytes: int
    most_of_one_owner: int
    promised_share: float = 0.25
    progress_seconds: float = 5.0
    unwinding_seconds: float = 1.0


@dataclass
class SpoolStatistics:
    """What became of the exports of this process.

    Attributes:
        rows: Of all that were finished.
        bytes: Of all that were finished.
    """

    begun: int = 0
    finished: int = 0
    failed: int = 0
    rows: int = 0
    bytes: int = 0


class Spools:
    """Exports of this process, and those in its folder. Not for threads.

    Args:
        sleep: Passes the seconds between two attempts to write one.
    """

    def __init__(
        self, folder: SpoolFolder, settings: SpoolSettings, *, sleep: Sleep = asyncio.sleep
    ) -> None:
        self.settings = settings
        self.statistics = SpoolStatistics()
        self._folder = folder
        self._measuring = asyncio.Lock()
        self._is_closed = False
        # Those that end stay until their tasks have ended, too.
        self._growing: dict[UUID, Spool] = {}
        self._following = SpoolFollowing(folder)
        # The loop itself would not keep a task from the garbage collector.
        self._writing: dict[asyncio.Task[None], SpoolWriter] = {}
        self._writer = partial(
            SpoolWriter,
            folder=folder,
            require_room=self._require_room,
            measure_bytes=min(_MEASURE_BYTES, settings.quota_bytes // 16),
            progress_seconds=settings.progress_seconds,
            sleep=sleep,
        )

    def begin(self, about: About, source: Source) -> Spool:
        """An export that is written from now on, whether somebody waits for it or not.

        When the owner has as many as one may have, the oldest that everybody has left gives way.
        That there is no room is told by those who wait for it, as everything else that fails.

        Raises:
            RateLimited: The owner has as many growing as one may have, and all are waited for.
            Unavailable: The process is about to end.
        """
        self._take_turn(about.owner)
        spool_id = uuid4()
        places = self._folder.places(spool_id)
        spool = Spool(spool_id, about, places, created_at=datetime.now(UTC))
        writer = self._writer(spool)
        task = asyncio.create_task(writer.run(source), name=_name(spool))
        self._growing[spool.id] = spool
        self._writing[task] = writer
        self.statistics.begun += 1
        task.add_done_callback(partial(self._ended, spool))
        return spool

    async def find(self, spool_id: UUID) -> Spool | None:
        """One that grows, or is finished and its time is not over, wherever it was begun."""
        growing = self._growing.get(spool_id)
        if growing is not None and growing.is_growing:
            return growing
        find = self._folder.look if growing is None else self._folder.find
        stored = await asyncio.to_thread(find, spool_id)
        if stored is None:
            return None
        if not stored.manifest.complete:
            return self._following.spool(stored)
        places = [self._folder.file(spool_id, DATA)]
        spool = Spool(spool_id, stored.about, places, created_at=stored.created_at)
        spool.finish(stored.manifest)
        return spool

    async def abandon(self, spool: Spool) -> None:
        """Have one that was begun here be gone, whole or not: nobody will ask for it.

        Those who read one that grows are told that it broke.
        """
        growing = [task for task in self._writing if task.get_name() == _name(spool)]
        for task in growing:
            task.cancel()
        if growing:
            await asyncio.wait(growing, timeout=self.settings.unwinding_seconds)
        manifest = self._folder.file(spool.id, MANIFEST)
        await asyncio.to_thread(self._folder.remove, manifest)

    async def sweep_forever(self, pause_seconds: float) -> None:
        """Remove what nobody needs any more, again and again."""
        while True:
            await asyncio.sleep(pause_seconds)
            try:
                await asyncio.to_thread(sweep, self._folder)
            except OSError:
                log.exception("exports_not_swept")

    async def close(self) -> None:
        """Have everything that grows be broken, in a bounded time."""
        self._is_closed = True
        self._following.close(_stopped())
        for task in self._writing:
            task.cancel()
        if self._writing:
            await asyncio.wait(list(self._writing), timeout=self.settings.unwinding_seconds)
        for task, writer in self._writing.items():
            log.error("export_stuck", task=task.get_name())
            writer.fail(_stopped())

    def _take_turn(self, owner: UUID) -> None:
        if self._is_closed:
            raise _stopped()
        growing = [
            (task, writer)
            for task, writer in self._writing.items()
            if writer.spool.is_growing and writer.spool.about.owner == owner
        ]
        if len(growing) < self.settings.most_of_one_owner:
            return
        for task, writer in growing:
            if writer.spool.is_left and not writer.spool.about.is_promised:
                writer.give_way(_too_many(len(growing)))
                task.cancel()
                return
        raise _too_many(len(growing))

    async def _require_room(self, spool: Spool) -> None:
        # Two that measure at the same time would both make room for both.
        async with self._measuring:
            await asyncio.to_thread(
                make_room,
                self._folder,
                spool,
                quota_bytes=self.settings.quota_bytes,
                promised_share=self.settings.promised_share,
            )

    def _ended(self, spool: Spool, task: asyncio.Task[None]) -> None:
        writer = self._writing.pop(task)
        del self._growing[spool.id]
        # It was cancelled, perhaps before it began.
        writer.fail(_stopped())
        if spool.manifest is None:
            self.statistics.failed += 1
        else:
            self.statistics.finished += 1
            self.statistics.rows += spool.manifest.rows
            self.statistics.bytes += spool.manifest.bytes


def _name(spool: Spool) -> str:
    return f"export {spool.id}"


def _too_many(growing: int) -> RateLimited:
    return RateLimited(
        f"You have {growing} exports that are being written, which is all that one user can have."
        " Wait until one of them has ended.",
        retry_after_seconds=_RETRY_AFTER_SECONDS,
    )


def _stopped() -> Unavailable:
    return Unavailable("The server ended before the export was whole. Ask for it again.")


@asynccontextmanager
async def open_spools(
    folder: Path, settings: SpoolSettings, *, sleep: Sleep = asyncio.sleep
) -> AsyncIterator[Spools]:
    """The exports of this process; at the end of the block those that grow are given up.

    Args:
        folder: Made if it is not there; may be shared with other processes.
        sleep: As `Spools` has it.
    """
    files = SpoolFolder(folder, ttl_seconds=settings.ttl_seconds)
    await asyncio.to_thread(files.make)
    await asyncio.to_thread(sweep, files)
    spools = Spools(files, settings, sleep=sleep)
    pause_seconds = min(_SWEEP_SECONDS, settings.ttl_seconds / 2)
    sweeping = asyncio.create_task(spools.sweep_forever(pause_seconds))
    try:
        yield spools
    finally:
        sweeping.cancel()
        with suppress(asyncio.CancelledError):
            await sweeping
        await spools.close()
