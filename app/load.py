"""Loads a CSV file: an import of the server's own, which this process does itself.

The file is taken in before, so that its import outlives the process: loading the same file again
goes on behind the last batch, and so does a worker that sees the same files. Nobody else is given
the import as long as this process is at it; when somebody is at it already, it is only followed.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import BinaryIO, Final

import aiofiles

from db.import_reasons import Reason, load_reasons
from db.import_rejects import find_reading
from db.imports import create_import, load_plan
from db.job_queue import withdraw
from db.jobs import cancel_job, load_jobs
from db.rows import JobRow
from db.transaction import Database
from domain.beside import beside
from domain.errors import NotFound, PayloadTooLarge, Rejected, Unavailable, UploadLocked
from domain.imports import ImportRequest
from domain.uploads import UploadKind
from jobs.running import Handlers, JobRunner, TryAgain, Writer
from streaming.import_reading import Reading, open_reading
from streaming.rejects import encoding_for, stream_rejects
from streaming.spool import SpoolBroken
from streaming.uploads import Uploads

MAX_EXAMPLES: Final = 3

_CHUNK_BYTES: Final = 2**20
_LOOK_SECONDS: Final = 0.3


@dataclass(frozen=True, kw_only=True)
class Begun:
    """An import of a file.

    Attributes:
        is_old: It had ended before.
        can_go_on: Whoever loads the file again goes on with it.
    """

    job_id: int
    is_old: bool
    can_go_on: bool


@dataclass(frozen=True, kw_only=True)
class Loaded:
    """What became of a file.

    Attributes:
        job: The row of its import.
        reading: How the file was read; None when it could not be opened.
        reasons: What was told about its rows.
        is_old: It was loaded before, and nothing was done now.
    """

    job: JobRow
    reading: Reading | None
    reasons: Sequence[Reason]
    is_old: bool


async def begin_load(
    database: Database, uploads: Uploads, path: Path, request: ImportRequest
) -> Begun:
    """Take a file in and make its import, unless there is one of it already.

    Raises:
        InvalidInput: The file, its mapping or the options cannot be used; nothing is kept.
        PayloadTooLarge: The file is larger than files may be.
        InsufficientStorage: The disk has no room for a copy.
        Rejected: The options do not go together.
    """
    kind = UploadKind(request.entity.value)
    most = uploads.settings.most_bytes(kind)
    await asyncio.to_thread(_check_size, path, most)
    await asyncio.to_thread(open_reading, path, request.entity, request.mapping, request.options)
    upload = await uploads.receive(
        _chunks(path),
        owner=None,
        kind=kind,
        filename=path.name,
        media_type="text/csv",
    )
    is_new = False
    try:
        async with database.write() as tx:
            created = await create_import(tx, request, upload, owner=None, is_queued=False)
            (job,) = await load_jobs(tx, [created.job_id])
        is_new = created.is_new
    finally:
        if not is_new:
            with suppress(UploadLocked):
                await uploads.remove(upload)
    can_go_on = not (request.force or request.options.dry_run)
    is_old = job is not None and job.finished_at is not None
    return Begun(job_id=created.job_id, is_old=is_old, can_go_on=can_go_on)


class Load:
    """The import of a file, done to its end.

    Args:
        handlers: What does imports.
        stopping: When it is set, the import is handed back after its batch.
        progress: Is told the row of the import now and then, and at last.
        quiet_seconds: After how long without a sign who had the import counts as dead.
    """

    def __init__(
        self,
        database: Database,
        uploads: Uploads,
        handlers: Handlers,
        *,
        stopping: asyncio.Event,
        progress: Callable[[JobRow], None] = lambda _: None,
        quiet_seconds: float = 6.0,
    ) -> None:
        self._database = database
        self._uploads = uploads
        self._stopping = stopping
        self._progress = progress
        self._quiet_seconds = quiet_seconds
        self._writer = Writer(database, is_ending=stopping.is_set)
        self._runner = JobRunner(self._writer, handlers, is_stopping=stopping.is_set)

    async def finish(self, begun: Begun) -> Loaded:
        """What becomes of the file.

        Raises:
            Unavailable: PostgreSQL was away for too long; loading the file again goes on.
        """
        try:
            async with self._told(begun.job_id):
                await self._do(begun.job_id)
            job = await self._settle(begun)
        except Unavailable as error:
            raise Unavailable(f"{error.message} Loading the same file again goes on.") from error
        async with self._database.read() as session:
            stored = await find_reading(session, job.id)
            reasons = await load_reasons(session, job.id, most_lines=MAX_EXAMPLES)
        reading = None if stored is None else Reading.from_json(stored)
        return Loaded(job=job, reading=reading, reasons=reasons, is_old=begun.is_old)

    async def _do(self, job_id: int) -> None:
        """Do the import, or wait while somebody else does, until it has ended or is to stop."""
        taken = partial(withdraw, job_id=job_id, quiet_seconds=self._quiet_seconds)
        while not self._stopping.is_set() and (await self._look(job_id)).finished_at is None:
            is_ours = await self._writer.write(taken)
            pause = await self._attempt(job_id) if is_ours else _LOOK_SECONDS
            with suppress(TimeoutError):
                async with asyncio.timeout(pause):
                    await self._stopping.wait()

    async def _attempt(self, job_id: int) -> float:
        """How long to wait afterwards, in seconds."""
        try:
            await self._runner.run(job_id)
        except TryAgain as later:
            return later.seconds
        return 0.0

    async def _settle(self, begun: Begun) -> JobRow:
        """How the import stands at last; its file goes when nobody is to read it any more."""
        job = await self._look(begun.job_id)
        if job.finished_at is None and not begun.can_go_on:
            with suppress(Rejected):
                job = await self._writer.write(partial(cancel_job, job_id=job.id))
        if job.finished_at is not None:
            plan = await self._writer.write(partial(load_plan, job_id=job.id))
            with suppress(NotFound, UploadLocked):
                await self._uploads.remove(await self._uploads.find(plan.upload_uuid, owner=None))
        return job

    async def _look(self, job_id: int) -> JobRow:
        """The row of the import, also when PostgreSQL is away for a while."""
        (job,) = await self._writer.write(partial(load_jobs, job_ids=[job_id]))
        if job is None:
            raise NotFound("The import was deleted meanwhile. Load the file again.")
        return job

    @asynccontextmanager
    async def _told(self, job_id: int) -> AsyncIterator[None]:
        """In the block progress is told, and at its end how far the import has come."""
        async with beside(self._tell(job_id)):
            yield
        self._progress(await self._look(job_id))

    async def _tell(self, job_id: int) -> None:
        while True:
            with suppress(Unavailable):
                async with self._database.read() as session:
                    (job,) = await load_jobs(session, [job_id])
                if job is not None:
                    self._progress(job)
            await asyncio.sleep(_LOOK_SECONDS)


async def write_rejects(database: Database, loaded: Loaded, target: BinaryIO) -> None:
    """Write the rows that have errors, as a file that can be corrected and loaded.

    Raises:
        Unavailable: PostgreSQL did not answer.
    """
    dialect = loaded.reading.dialect if loaded.reading else None
    encoding = encoding_for(dialect, loaded.job.options)
    file = aiofiles.threadpool.wrap(target)
    try:
        async for chunk in stream_rejects(database, loaded.job.id, dialect, encoding):
            await file.write(chunk)
    except SpoolBroken as broken:
        raise broken.error from broken
    await file.flush()


def _check_size(path: Path, most: int) -> None:
    size = path.stat().st_size
    if size > most:
        raise PayloadTooLarge(
            f"{path.name} has {size} bytes; MAX_IMPORT_SIZE lets files have {most}.", limit=most
        )


async def _chunks(path: Path) -> AsyncIterator[bytes]:
    async with aiofiles.open(path, "rb") as file:
        while chunk := await file.read(_CHUNK_BYTES):
            yield chunk
