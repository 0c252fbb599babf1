"""Exports that other processes write into the same folder, followed from here while they grow."""

import asyncio
from typing import Final
from uuid import UUID

import structlog

from domain.errors import AppError, Unavailable
from streaming.manifests import StoredManifest
from streaming.spool import Spool
from streaming.spool_folder import SpoolFolder

_LOOK_SECONDS: Final = 0.2

log = structlog.get_logger(__name__)


class SpoolFollowing:
    """Follows each of them once, however many ask for it."""

    def __init__(self, folder: SpoolFolder) -> None:
        self._folder = folder
        self._spools: dict[UUID, Spool] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def spool(self, head: StoredManifest) -> Spool:
        """One that grows elsewhere, as if it grew here."""
        if (followed := self._spools.get(head.id)) is not None and followed.is_growing:
            return followed
        places = self._folder.places(head.id)
        spool = Spool(head.id, head.about, places, created_at=head.created_at)
        spool.reach(head.manifest)
        self._spools[spool.id] = spool
        task = asyncio.create_task(self._follow(spool))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return spool

    def close(self, error: AppError) -> None:
        """Have all be broken here, whatever becomes of them there."""
        for task in self._tasks:
            task.cancel()
        for spool in self._spools.values():
            spool.fail(error)

    async def _follow(self, spool: Spool) -> None:
        try:
            while spool.is_growing:
                await asyncio.sleep(_LOOK_SECONDS)
                self._take(spool, await asyncio.to_thread(self._folder.look, spool.id))
        except OSError as error:
            log.warning("export_not_followed", id=str(spool.id), exc_info=error)
            spool.fail(_lost())
        finally:
            self._spools.pop(spool.id, None)

    def _take(self, spool: Spool, told: StoredManifest | None) -> None:
        # It is begun anew only while nobody can know of it; this makes sure.
        if told is None or told.manifest.bytes < spool.bytes:
            spool.fail(_lost())
        elif told.manifest.complete:
            spool.finish(told.manifest)
        else:
            spool.reach(told.manifest)


def _lost() -> Unavailable:
    return Unavailable(
        "The server that wrote the export ended before it was whole. Ask for it again."
    )
