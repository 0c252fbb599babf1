"""Where whole files are kept: where they arrived, or in an object store that all servers see."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final, Protocol
from uuid import UUID, uuid4

import aiofiles

from domain.errors import AppError
from streaming.disk import open_private
from streaming.upload_files import UploadFiles

if TYPE_CHECKING:
    from obstore.store import ObjectStore

_PREFIX: Final = "uploads"
_READ_BYTES: Final = 8 * 2**20


class FileStoreError(AppError):
    """FILE_STORE_URL cannot be used; the message says why."""


class FileStore(Protocol):
    """Keeps whole files by the ids of their uploads.

    Attributes:
        keeps_in_place: Files stay where they arrived; else they are copied, and can go from there.
    """

    keeps_in_place: bool

    async def keep(self, uuid: UUID, path: Path) -> None:
        """Have a whole file, which it may replace."""

    def opened(self, uuid: UUID) -> AbstractAsyncContextManager[Path]:
        """A file on the local disk, as long as the block lasts.

        Raises:
            FileNotFoundError: It is not there.
        """

    async def remove(self, uuid: UUID) -> None:
        """Forget a file, if it is there."""

    async def older_than(self, seconds: float) -> list[UUID]:
        """The files that have been here for so long."""


class LocalFileStore:
    """Leaves files in the folder in which they arrived."""

    keeps_in_place = True

    def __init__(self, files: UploadFiles) -> None:
        self._files = files

    async def keep(self, uuid: UUID, path: Path) -> None:
        """As `FileStore` has it: it is there already."""

    @asynccontextmanager
    async def opened(self, uuid: UUID) -> AsyncIterator[Path]:
        """As `FileStore` has it."""
        path = self._files.file(uuid)
        await asyncio.to_thread(path.stat)
        yield path

    async def remove(self, uuid: UUID) -> None:
        """As `FileStore` has it."""
        await asyncio.to_thread(self._files.remove, uuid)

    async def older_than(self, seconds: float) -> list[UUID]:
        """As `FileStore` has it."""
        return await asyncio.to_thread(self._files.older_than, seconds)


class ObjectFileStore:
    """Keeps files as objects `uploads/<id>`.

    Args:
        files: The folder in which they are laid for those who read them.
    """

    keeps_in_place = False

    def __init__(self, store: "ObjectStore", files: UploadFiles) -> None:
        self._store = store
        self._files = files

    async def keep(self, uuid: UUID, path: Path) -> None:
        """As `FileStore` has it."""
        await self._store.put_async(_name(uuid), path)

    @asynccontextmanager
    async def opened(self, uuid: UUID) -> AsyncIterator[Path]:
        """As `FileStore` has it."""
        # Named like an upload that nobody knows, so that it is swept when this process is killed.
        path = self._files.file(uuid4())
        try:
            await self._fetch(uuid, path)
            yield path
        finally:
            await asyncio.to_thread(path.unlink, missing_ok=True)

    async def _fetch(self, uuid: UUID, path: Path) -> None:
        found = await self._store.get_async(_name(uuid))
        async with aiofiles.open(path, "xb", buffering=0, opener=open_private) as file:
            async for chunk in found.stream(min_chunk_size=_READ_BYTES):
                await file.write(chunk)

    async def remove(self, uuid: UUID) -> None:
        """As `FileStore` has it."""
        with suppress(FileNotFoundError):
            await self._store.delete_async(_name(uuid))

    async def older_than(self, seconds: float) -> list[UUID]:
        """As `FileStore` has it."""
        limit = datetime.fromtimestamp(time.time() - seconds, UTC)
        found = []
        async for objects in self._store.list(_PREFIX):
            found += [
                UUID(each["path"].rpartition("/")[2])
                for each in objects
                if each["last_modified"] < limit
            ]
        return found


def open_file_store(url: str | None, files: UploadFiles) -> FileStore:
    """The store that an address names; None: the files stay where they arrive.

    Raises:
        FileStoreError: The address names none, or what it needs is not installed.
    """
    if url is None:
        return LocalFileStore(files)
    try:
        from obstore.store import from_url  # noqa: PLC0415  # an extra that few need
    except ImportError:
        raise FileStoreError(
            "FILE_STORE_URL needs the extra object-store:"
            " pip install 'appointment360[object-store]'."
        ) from None
    try:
        return ObjectFileStore(from_url(url), files)
    except Exception:  # noqa: BLE001  # each store has errors of its own
        # What it says may quote a part of the address: a secret.
        raise FileStoreError(
            "FILE_STORE_URL must look like s3://bucket/path, gs://…, az://… or file:///path."
        ) from None


def _name(uuid: UUID) -> str:
    return f"{_PREFIX}/{uuid.hex}"
