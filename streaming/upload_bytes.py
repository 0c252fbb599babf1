"""The bytes of uploads: while they come, where they stay, and until nobody may use them any more.

No row is known here. Who writes to an upload in this process can be made to end; who does so in
another one holds a lock on the file.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

from domain.errors import AppError, NotFound
from streaming.checksums import Checksum
from streaming.file_store import FileStore
from streaming.resumable_upload import OnComplete, ResumableUpload, UploadStatus, locked
from streaming.upload_files import UploadFiles


@dataclass
class UploadStatistics:
    """What became of the files that were sent to this process.

    Attributes:
        bytes: Of the parts that came whole.
    """

    begun: int = 0
    finished: int = 0
    bytes: int = 0


class UploadBytes:
    """The bytes of all uploads, by their ids.

    Args:
        files: Where they arrive.
        store: Where they stay once an upload has all of them.
        block_bytes: What is written at a time.
    """

    def __init__(self, files: UploadFiles, store: FileStore, *, block_bytes: int) -> None:
        self._files = files
        self._store = store
        self._block_bytes = block_bytes
        self.statistics = UploadStatistics()
        self._writing: dict[UUID, ResumableUpload] = {}

    @property
    def writing(self) -> int:
        """How many uploads are being written to now."""
        return len(self._writing)

    @asynccontextmanager
    async def made(self, uuid: UUID) -> AsyncIterator[None]:
        """There is a file in the block, and afterwards too unless the block fails."""
        await asyncio.to_thread(self._files.create, uuid)
        self.statistics.begun += 1
        try:
            yield
        except BaseException:
            await asyncio.to_thread(self._files.remove, uuid)
            raise

    async def status(self, uuid: UUID, total_bytes: int) -> UploadStatus:
        """How far one is, while others may be writing to it."""
        return await self._resumable(uuid, total_bytes).get_upload_status()

    async def kept_size(self, uuid: UUID) -> int:
        """How many bytes are here for good.

        Raises:
            NotFound: The file is gone.
        """
        try:
            return await asyncio.to_thread(self._files.kept_size, uuid)
        except FileNotFoundError:
            raise absent() from None

    async def write(
        self,
        uuid: UUID,
        chunks: AsyncIterator[bytes],
        *,
        offset: int,
        total_bytes: int,
        checksum: Checksum | None = None,
        on_complete: OnComplete | None = None,
    ) -> int:
        """Go on with one, as `ResumableUpload` has it; how many bytes are here then, for good."""
        if uuid in self._writing:
            raise locked()
        self._writing[uuid] = writing = self._resumable(uuid, total_bytes, on_complete)
        try:
            size = await writing.resume_upload(chunks, offset=offset, checksum=checksum)
            self.statistics.bytes += size - offset
            return size
        finally:
            del self._writing[uuid]

    async def interrupt(self, uuid: UUID, error: AppError) -> None:
        """Have who writes to one here end with an error; what has come stays."""
        writing = self._writing.get(uuid)
        if writing is not None:
            writing.interrupt(error)
            await writing.ended()

    def interrupt_all(self, error: AppError) -> None:
        """Have all who write here end with an error; what has come stays."""
        for writing in self._writing.values():
            writing.interrupt(error)

    async def keep(self, uuid: UUID) -> None:
        """Have the file, which is whole, be where whole files are."""
        await self._store.keep(uuid, self._files.file(uuid))

    async def forget_arrival(self, uuid: UUID) -> None:
        """Remove the file from where it arrived, unless that is where it stays."""
        if not self._store.keeps_in_place:
            await asyncio.to_thread(self._files.remove, uuid)

    @asynccontextmanager
    async def opened(self, uuid: UUID) -> AsyncIterator[Path]:
        """A whole file on the local disk, as long as the block lasts.

        Raises:
            NotFound: It is gone.
        """
        async with AsyncExitStack() as stack:
            try:
                path = await stack.enter_async_context(self._store.opened(uuid))
            except FileNotFoundError:
                raise absent() from None
            yield path

    async def erase(self, uuid: UUID) -> None:
        """Forget a file, wherever it is."""
        await asyncio.to_thread(self._files.remove, uuid)
        await self._store.remove(uuid)

    async def older_than(self, seconds: float) -> set[UUID]:
        """The uploads whose files nobody has written to for so long."""
        arrived = await asyncio.to_thread(self._files.older_than, seconds)
        return {*arrived, *await self._store.older_than(seconds)}

    def _resumable(
        self, uuid: UUID, total_bytes: int, on_complete: OnComplete | None = None
    ) -> ResumableUpload:
        return ResumableUpload(
            uuid.hex,
            self._files.file(uuid),
            total_bytes,
            hashes=self._files.hashes,
            block_bytes=self._block_bytes,
            on_complete=on_complete,
        )


def absent() -> NotFound:
    """The error of who asks for an upload that is not there."""
    return NotFound("You have no such upload. It may have expired: begin a new one.")
