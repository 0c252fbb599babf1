"""Where there is room for files: on the disk, and in what one user may have."""

import asyncio
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from uuid import UUID

from db.transaction import Database, Transaction
from db.uploads import bytes_of_owner, hold_uploads, unfinished_of_owner
from domain.errors import InsufficientStorage, RateLimited
from streaming.upload_limits import UploadSettings

# What else the server writes has to have room, too.
_RESERVED_BYTES: Final = 64 * 2**20
_LOOK_BYTES: Final = 64 * 2**20
_RETRY_SECONDS: Final = 60


@dataclass(eq=False)
class _Coming:
    """A file that has no row before it is whole.

    Attributes:
        bound: What all that come for its owner may have together; None for the server's own.
        size: How much of it has come.
    """

    owner: UUID | None
    bound: int | None
    size: int = 0


class UploadRoom:
    """What room is left, for files that are announced and for those that simply come.

    Args:
        folder: Where the bytes go.
        reserved_bytes: What has to stay free on the disk.
        look_bytes: After how many bytes of a file the disk is looked at again.
    """

    def __init__(
        self,
        database: Database,
        folder: Path,
        settings: UploadSettings,
        *,
        reserved_bytes: int = _RESERVED_BYTES,
        look_bytes: int = _LOOK_BYTES,
    ) -> None:
        self.reserved_bytes = reserved_bytes
        self._database = database
        self._folder = folder
        self._settings = settings
        self._look_bytes = look_bytes
        self._coming: set[_Coming] = set()

    async def require_disk(self, size: int) -> None:
        """Refuse a file that the disk has no room for.

        Raises:
            InsufficientStorage: It has none.
        """
        usage = await asyncio.to_thread(shutil.disk_usage, self._folder)
        if usage.free < size + self.reserved_bytes:
            raise InsufficientStorage("The disk of the server has no room for it. Try again later.")

    async def require_quota(self, tx: Transaction, owner: UUID | None, size: int) -> None:
        """Refuse a file that its owner has no room for; nobody else counts until `tx` ends.

        Raises:
            InsufficientStorage: There is none.
        """
        if owner is not None:
            left = await self._left(tx, owner)
            if size > left:
                raise self._no_quota(left)

    async def require_turn(self, tx: Transaction, owner: UUID | None) -> None:
        """Take back a file that was just begun when its owner has begun so many.

        Raises:
            RateLimited: Others have to be finished first.
        """
        most = self._settings.most_unfinished
        if owner is not None and await unfinished_of_owner(tx, owner) > most:
            raise RateLimited(
                f"You have begun {most} uploads and not finished them. Finish or delete some"
                " of them first.",
                retry_after_seconds=_RETRY_SECONDS,
                limit=most,
            )

    @asynccontextmanager
    async def metered(
        self, chunks: AsyncIterator[bytes], *, owner: UUID | None, least: int
    ) -> AsyncIterator[AsyncIterator[bytes]]:
        """The chunks of a file that simply comes, as long as there is room for them.

        They count, with all others that come for its owner, until the block ends.

        Args:
            least: How long the file is at least.

        Raises:
            InsufficientStorage: There is no room for so much, or while it comes: not for more.
        """
        await self.require_disk(least)
        coming = _Coming(owner, None if owner is None else await self._bound(owner, least))
        self._coming.add(coming)
        try:
            yield self._pass_on(chunks, coming)
        finally:
            self._coming.discard(coming)

    async def _bound(self, owner: UUID, least: int) -> int:
        async with self._database.write() as tx:
            bound = await self._left(tx, owner)
        if self._coming_to(owner) + max(least, 1) > bound:
            raise self._no_quota(bound)
        return bound

    async def _pass_on(
        self, chunks: AsyncIterator[bytes], coming: "_Coming"
    ) -> AsyncIterator[bytes]:
        looked = 0
        async for chunk in chunks:
            coming.size += len(chunk)
            if coming.bound is not None and self._coming_to(coming.owner) > coming.bound:
                raise self._no_quota(coming.bound)
            if coming.size - looked >= self._look_bytes:
                looked = coming.size
                await self.require_disk(0)
            yield chunk

    def _coming_to(self, owner: UUID | None) -> int:
        return sum(coming.size for coming in self._coming if coming.owner == owner)

    async def _left(self, tx: Transaction, owner: UUID) -> int:
        # Two that count at the same time would both find room.
        await hold_uploads(tx, owner)
        return self._settings.quota_bytes - await bytes_of_owner(tx, owner)

    def _no_quota(self, left: int) -> InsufficientStorage:
        return InsufficientStorage(
            f"Your files may have {self._settings.quota_bytes} bytes together; {max(left, 0)}"
            " are left. Delete uploads that you do not need, or wait until they expire.",
            left=max(left, 0),
        )
