"""From a source to a whole file: gathered for the disk, counted, hashed, tried again, proved."""

import asyncio
import hashlib
import random
import time
from collections.abc import Awaitable, Callable
from typing import Final

import structlog

from domain.errors import AppError, InsufficientStorage, Unavailable
from domain.exports import Foreseen, Written
from streaming.disk import is_disk_full
from streaming.manifests import Manifest, StoredManifest
from streaming.spool import Source, Spool
from streaming.spool_file import SteadyFile
from streaming.spool_folder import PART, SpoolFolder, create_locked

_TELL_SECONDS: Final = 1.0
# A write costs two changes of threads, however little it writes.
_BLOCK_BYTES: Final = 2**20
_RETRIES: Final = 3
_FIRST_PAUSE_SECONDS: Final = 0.1

RequireRoom = Callable[[Spool], Awaitable[None]]
"""Raises InsufficientStorage when the folder has no room for what waits of a spool."""

log = structlog.get_logger(__name__)


class SpoolWriter:
    """Writes one export; the sink of its source.

    Attributes:
        spool: What it writes.

    Args:
        measure_bytes: How much is written until the folder is measured again.
        progress_seconds: How often the log tells how far it is.
        sleep: Passes the seconds between two attempts.
    """

    def __init__(
        self,
        spool: Spool,
        folder: SpoolFolder,
        *,
        require_room: RequireRoom,
        measure_bytes: int,
        progress_seconds: float,
        sleep: Callable[[float], Awaitable[None]],
    ) -> None:
        self.spool = spool
        self._folder = folder
        self._require_room = require_room
        self._measure_bytes = measure_bytes
        self._progress_seconds = progress_seconds
        self._sleep = sleep
        self._file = SteadyFile()
        self._hash = hashlib.sha256()
        self._measured_bytes = 0
        self._began_at = self._told_at = self._head_at = time.monotonic()

    async def run(self, source: Source) -> None:
        """Write it to its end, or have it fail: what the source raises goes to its readers."""
        try:
            manifest = await self._write(source)
        except Exception as error:  # noqa: BLE001  # whatever it is, those who wait are told
            self.fail(error)
        else:
            self.spool.finish(manifest)
            self._tell("export_written", sha256=manifest.sha256, truncated=manifest.truncated)

    def fail(self, error: Exception) -> None:
        """Have it be broken, unless it has ended."""
        if not self.spool.is_growing:
            return
        told = _told(error)
        self._break(told)
        log.warning(
            "export_failed",
            **self._facts(),
            code=told.code.value,
            exc_info=None if isinstance(error, AppError) else error,
        )

    def give_way(self, error: AppError) -> None:
        """Have it be broken for the sake of another one; nobody waits for it."""
        self._break(error)
        self._tell("export_abandoned")

    def foresee(self, foreseen: Foreseen) -> None:
        """As `Sink` has it."""
        self.spool.foreseen = foreseen

    async def write(self, data: bytes, *, rows: int = 0) -> None:
        """As `Sink` has it."""
        self._hash.update(data)
        self.spool.append(data, rows)
        if len(self.spool.waiting) >= _BLOCK_BYTES:
            await self._store()
        if self.spool.bytes - self._measured_bytes >= self._measure_bytes:
            self._measured_bytes = self.spool.bytes
            await self._require_room(self.spool)
        if time.monotonic() - self._told_at >= self._progress_seconds:
            self._told_at = time.monotonic()
            self._tell("export_progress", rows_foreseen=self.spool.foreseen.rows)

    async def _write(self, source: Source) -> Manifest:
        async with self._file:
            try:
                await self._require_room(self.spool)
                await self._file.create(self._folder.file(self.spool.id, PART), create_locked)
                await self._tell_others()
                written = await self._try(source)
                await self._store()
                return await self._keep(written)
            except BaseException:
                # While it is open: the disk takes its time for it when a thread closes it.
                self._folder.discard(self.spool.id)
                raise

    async def _try(self, source: Source) -> Written:
        pause = _FIRST_PAUSE_SECONDS
        for _ in range(_RETRIES):
            try:
                return await source(self)
            except Unavailable as error:
                if self.spool.is_shown or not error.details["retryable"] or _is_cancelled():
                    raise
                self._restart()
                log.info("export_retried", **self._facts(), reason=error.message)
            await self._file.empty()
            await self._sleep(random.uniform(0.5, 1.5) * pause)  # noqa: S311  # spreads retries
            pause *= 2
        return await source(self)

    def _break(self, error: AppError) -> None:
        # Also what a thread made after everybody had left.
        self._folder.discard(self.spool.id)
        self.spool.fail(error)

    def _restart(self) -> None:
        self.spool.restart()
        self._hash = hashlib.sha256()
        self._measured_bytes = 0

    async def _store(self) -> None:
        await self._file.write(self.spool.waiting)
        self.spool.store()
        if time.monotonic() - self._head_at >= _TELL_SECONDS:
            await self._tell_others()

    async def _tell_others(self) -> None:
        """Have other processes know of it; of what a job writes, nobody knows before its end."""
        self._head_at = time.monotonic()
        if not self.spool.about.is_promised:
            await asyncio.to_thread(self._folder.tell, self._stored(self._so_far()))

    def _so_far(self) -> Manifest:
        spool = self.spool
        return Manifest(
            rows=spool.rows,
            bytes=spool.bytes,
            sha256="",
            truncated=False,
            snapshot_at=None,
            filter=spool.about.filter,
            format=spool.about.format,
            complete=False,
        )

    def _stored(self, manifest: Manifest) -> StoredManifest:
        spool = self.spool
        return StoredManifest(
            id=spool.id, created_at=spool.created_at, about=spool.about, manifest=manifest
        )

    async def _keep(self, written: Written) -> Manifest:
        spool = self.spool
        manifest = Manifest(
            rows=written.rows,
            bytes=spool.bytes,
            sha256=self._hash.hexdigest(),
            truncated=written.truncated,
            snapshot_at=written.snapshot_at,
            filter=spool.about.filter,
            format=spool.about.format,
            notices=written.notices,
        )
        await asyncio.to_thread(self._folder.keep, self._stored(manifest))
        return manifest

    def _tell(self, event: str, **facts: object) -> None:
        log.info(event, **self._facts(), **facts)

    def _facts(self) -> dict[str, object]:
        spool = self.spool
        return {
            "id": str(spool.id),
            "entity": spool.about.entity,
            "format": spool.about.format.value,
            "rows": spool.rows,
            "bytes": spool.bytes,
            "seconds": round(time.monotonic() - self._began_at, 3),
        }


def _is_cancelled() -> bool:
    """Whether the task is to end: a source may have taken that for a failure of its own."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


def _told(error: Exception) -> AppError:
    """What those who wait are told."""
    if isinstance(error, AppError):
        return error
    if is_disk_full(error):
        return InsufficientStorage(
            "The disk of the server is full. Ask for fewer rows or columns, or try again later."
        )
    return AppError("Something went wrong on our side. Tell us the requestId.")
