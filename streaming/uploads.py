"""Uploads: files that users send, from the first word of them to the end of their time.

A row says what is to come, a file has what has come (`streaming.upload_bytes`); an upload is
complete once the file is as long as the row says and the row has the digest of the file.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, suppress
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Final
from uuid import UUID, uuid4

import structlog

from db.rows import UploadRow
from db.transaction import Database, Transaction
from db.uploads import (
    delete_upload,
    expired_uploads,
    extend_upload,
    find_upload,
    finish_upload,
    insert_upload,
    known_uploads,
)
from domain.errors import (
    AppError,
    InvalidUpload,
    NotFound,
    PayloadTooLarge,
    Unavailable,
    UploadLocked,
    UploadOffsetMismatch,
)
from domain.uploads import NewUpload, UploadKind
from streaming.checksums import Checksum
from streaming.file_store import open_file_store
from streaming.resumable_upload import UploadStatus, locked
from streaming.upload_bytes import UploadBytes, absent
from streaming.upload_files import UploadFiles
from streaming.upload_limits import UploadSettings, cleaned
from streaming.upload_room import UploadRoom

_SWEPT_AT_ONCE: Final = 10_000

log = structlog.get_logger(__name__)


class Uploads:
    """The uploads of a database, and their bytes.

    Args:
        room: Where there is room for the bytes.
    """

    def __init__(
        self, database: Database, content: UploadBytes, room: UploadRoom, settings: UploadSettings
    ) -> None:
        self.settings = settings
        self.statistics = content.statistics
        self.room = room
        self._database = database
        self._content = content

    async def create(self, new: NewUpload) -> UploadRow:
        """Begin an upload, of which no byte is here.

        Raises:
            InvalidInput: Its name, type or length cannot be used.
            PayloadTooLarge: It is longer than its kind may be.
            InsufficientStorage: The disk, or what one user may have, has no room for it.
            RateLimited: Its owner has begun too many.
        """
        taken = cleaned(new, self.settings)
        await self.room.require_disk(taken.total_bytes)
        async with self._content.made(taken.uuid), self._database.write() as tx:
            row = await self._insert(tx, taken)
            await self.room.require_turn(tx, taken.owner)
            return row

    async def find(self, uuid: UUID, *, owner: UUID | None) -> UploadRow:
        """An upload of a user, or of the server's own; one that has all its bytes is complete.

        Raises:
            NotFound: There is none, its time is over, or it is somebody else's.
        """
        async with self._database.read() as session:
            row = await find_upload(session, uuid)
        if row is None or row.user_uuid != owner:
            raise absent()
        if row.sha256 is None and (await self._status(row))["is_complete"]:
            # Whoever wrote the last of them was killed before the digest was stored.
            with suppress(UploadLocked):
                return await self._complete(row)
        return row

    async def received_bytes(self, row: UploadRow) -> int:
        """How many bytes are here, while others may be writing."""
        if row.sha256 is not None:
            return row.total_bytes
        return (await self._status(row))["uploaded_bytes"]

    async def offset(self, row: UploadRow) -> int:
        """Where an upload goes on; who is writing to it here has to end first.

        It would otherwise be told to a client whose connection broke unseen, and be wrong a moment
        later.

        Raises:
            NotFound: Its file is gone.
        """
        if row.sha256 is not None:
            return row.total_bytes
        await self._content.interrupt(row.uuid, locked())
        return await self._content.kept_size(row.uuid)

    async def append(
        self,
        row: UploadRow,
        offset: int,
        chunks: AsyncIterator[bytes],
        *,
        checksum: Checksum | None = None,
    ) -> int:
        """Go on with an upload; how many bytes are here then, for good.

        When the chunks end in an error, what came before stays, unless it has a checksum.

        Raises:
            NotFound: It is gone.
            UploadOffsetMismatch: It does not go on there; `offset` says where.
            UploadLocked: Another request is writing to it, or wants to.
            ChecksumMismatch: What came is not what was sent. Nothing of it is kept.
            PayloadTooLarge: More came than the upload is long. Nothing of it is kept.
            InsufficientStorage: The disk is full; `offset` says where to go on.
        """
        if row.sha256 is not None and offset != row.total_bytes:
            raise UploadOffsetMismatch("This upload is complete.", offset=row.total_bytes)
        if row.sha256 is not None:
            return await _require_nothing(row, chunks)
        await self._extend(row)
        return await self._resume(row, offset, chunks, checksum)

    async def receive(
        self,
        chunks: AsyncIterator[bytes],
        *,
        owner: UUID | None,
        kind: UploadKind,
        filename: str,
        media_type: str,
        least: int = 0,
    ) -> UploadRow:
        """A whole file whose length nobody has said; when it fails, nothing of it stays.

        Args:
            least: How long it is at least, by the word of who sends it.

        Raises:
            InvalidInput: Its name or type cannot be used.
            InvalidUpload: It is empty.
            PayloadTooLarge: It is too long.
            InsufficientStorage: The disk, or what one user may have, has no room for it.
        """
        most = self.settings.most_bytes(kind)
        new = NewUpload(
            uuid=uuid4(),
            owner=owner,
            kind=kind,
            filename=filename,
            media_type=media_type,
            total_bytes=most,
        )
        taken = cleaned(new, self.settings)
        room = self.room.metered(chunks, owner=owner, least=least)
        async with room as metered, self._content.made(new.uuid):
            size = await self._content.write(new.uuid, metered, offset=0, total_bytes=most)
            return await self._keep(replace(taken, total_bytes=size))

    async def remove(self, row: UploadRow) -> None:
        """Have an upload be gone, whole or not.

        Raises:
            NotFound: It is gone already.
            UploadLocked: An import is still to read it.
        """
        await self._content.interrupt(row.uuid, absent())
        async with self._database.write() as tx:
            if not await delete_upload(tx, row.uuid):
                raise await _not_deleted(tx, row)
        await self._content.erase(row.uuid)

    def opened(self, row: UploadRow) -> AbstractAsyncContextManager[Path]:
        """A complete file on the local disk, to be read as long as the block lasts.

        Raises:
            InvalidUpload: It is not complete.
            NotFound: It is gone.
        """
        if row.sha256 is None:
            raise InvalidUpload("This upload is not complete. Send the rest of it first.")
        return self._content.opened(row.uuid)

    async def sweep(self) -> int:
        """Have what nobody may use any more be gone; how many uploads that were."""
        swept = 0
        async with self._database.read() as session:
            rows = await expired_uploads(session, most=_SWEPT_AT_ONCE)
        for row in rows:
            # Somebody else may remove it, or begin to import it, this very moment.
            with suppress(NotFound, UploadLocked):
                await self.remove(row)
                swept += 1
        return swept + await self._sweep_strays()

    @property
    def writing(self) -> int:
        """How many are being written to now."""
        return self._content.writing

    def stop(self) -> None:
        """Have all that are being written end; what they have received stays."""
        self._content.interrupt_all(
            Unavailable("The server is stopping. Ask with HEAD where to go on, in a moment.")
        )

    async def _insert(self, tx: Transaction, new: NewUpload) -> UploadRow:
        await self.room.require_quota(tx, new.owner, new.total_bytes)
        return await insert_upload(tx, new, ttl_seconds=self.settings.ttl_seconds)

    async def _extend(self, row: UploadRow) -> None:
        """Let it wait for its rest from now on; not worth a write when it has most of its time."""
        left = row.expires_at - datetime.now(UTC)
        if left.total_seconds() < self.settings.ttl_seconds / 2:
            async with self._database.write() as tx:
                await extend_upload(tx, row.uuid, ttl_seconds=self.settings.ttl_seconds)

    async def _status(self, row: UploadRow) -> UploadStatus:
        return await self._content.status(row.uuid, row.total_bytes)

    async def _resume(
        self,
        row: UploadRow,
        offset: int,
        chunks: AsyncIterator[bytes],
        checksum: Checksum | None = None,
    ) -> int:
        return await self._content.write(
            row.uuid,
            chunks,
            offset=offset,
            total_bytes=row.total_bytes,
            checksum=checksum,
            on_complete=partial(self._finish, row.uuid),
        )

    async def _complete(self, row: UploadRow) -> UploadRow:
        """Finish one that has all its bytes."""
        await self._resume(row, row.total_bytes, _nothing())
        async with self._database.read() as session:
            finished = await find_upload(session, row.uuid)
        if finished is None:
            raise absent()
        return finished

    async def _keep(self, new: NewUpload) -> UploadRow:
        """The row of a file that is here as a whole."""
        if not new.total_bytes:
            raise InvalidUpload("The file is empty. Send one that has bytes.")
        async with self._database.write() as tx:
            row = await self._insert(tx, new)
        return await self._complete(row)

    async def _finish(self, uuid: UUID, sha256: str) -> None:
        await self._content.keep(uuid)
        ttl_seconds = self.settings.ttl_seconds
        async with self._database.write() as tx:
            finished = await finish_upload(tx, uuid, sha256, ttl_seconds=ttl_seconds)
        if finished is None:
            await self._content.erase(uuid)
            raise absent()
        self.statistics.finished += 1
        await self._content.forget_arrival(uuid)

    async def _sweep_strays(self) -> int:
        """Remove files that no row tells of: what processes left that were killed."""
        old = await self._content.older_than(self.settings.ttl_seconds)
        async with self._database.read() as session:
            strays = old - await known_uploads(session, list(old))
        for uuid in strays:
            await self._content.erase(uuid)
        return len(strays)


async def open_uploads(
    folder: Path, database: Database, settings: UploadSettings, *, store_url: str | None
) -> Uploads:
    """The uploads of a database.

    Args:
        folder: Made if it is not there; may be shared with other processes.
        store_url: Where whole files are kept; None: in the folder.

    Raises:
        FileStoreError: The address names no store.
    """
    files = UploadFiles(folder)
    await asyncio.to_thread(files.make)
    store = open_file_store(store_url, files)
    content = UploadBytes(files, store, block_bytes=settings.chunk_bytes)
    return Uploads(database, content, UploadRoom(database, folder, settings), settings)


async def _not_deleted(tx: Transaction, row: UploadRow) -> AppError:
    """Why a row could not be deleted."""
    if await find_upload(tx, row.uuid) is None:
        return absent()
    return UploadLocked("An import is still to read this file. Cancel the import first.")


async def _require_nothing(row: UploadRow, chunks: AsyncIterator[bytes]) -> int:
    """Refuse bytes for an upload that has all of its own."""
    async for chunk in chunks:
        if chunk:
            raise PayloadTooLarge("This upload is complete.", limit=row.total_bytes)
    return row.total_bytes


async def _nothing() -> AsyncIterator[bytes]:
    chunks: tuple[bytes, ...] = ()
    for chunk in chunks:
        yield chunk
