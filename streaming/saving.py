"""Writes what a user sends into a file: whole, or not at all."""

import asyncio
import hashlib
import os
import secrets
from collections.abc import AsyncIterable, AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final, Protocol, TypedDict

import aiofiles
from aiofiles.threadpool.binary import AsyncBufferedIOBase

from domain.errors import InsufficientStorage, InvalidInput, PayloadTooLarge
from streaming.disk import is_disk_full, open_private

CHUNK_BYTES: Final = 2**20


class AsyncReader(Protocol):
    """A file that is sent, as frameworks have it."""

    async def read(self, size: int = -1, /) -> bytes:
        """The next bytes, at most this many; none at the end."""


class Saved(TypedDict):
    """What was written."""

    total_bytes: int
    sha256: str


async def save_upload_file_chunked(
    file: AsyncReader | AsyncIterable[bytes],
    dest: Path,
    chunk_size: int = CHUNK_BYTES,
    max_size: int | None = None,
) -> Saved:
    """Write a file to its place, where nobody sees it before it is whole; its size and SHA-256.

    One piece of it is in memory at a time. Whatever goes wrong, nothing of it stays.

    Args:
        file: What can be read, or gives its bytes by itself.
        dest: In a folder that is there; a file of this name is replaced.
        chunk_size: How many bytes are read at a time from what can be read.
        max_size: In bytes; None for any.

    Raises:
        InvalidInput: The size of chunks is not positive.
        PayloadTooLarge: The file is larger.
        InsufficientStorage: The disk is full.
    """
    if chunk_size < 1:
        raise InvalidInput("The size of chunks is a positive number of bytes.")
    digest, total = hashlib.sha256(), 0
    async with _becoming(dest) as written:
        async for chunk in _chunks(file, chunk_size):
            total += len(chunk)
            if max_size is not None and total > max_size:
                raise PayloadTooLarge(f"The file is larger than {max_size} bytes.", limit=max_size)
            await written.write(chunk)
            await asyncio.to_thread(digest.update, chunk)
    return {"total_bytes": total, "sha256": digest.hexdigest()}


async def _chunks(file: AsyncReader | AsyncIterable[bytes], size: int) -> AsyncIterator[bytes]:
    if isinstance(file, AsyncIterable):
        async for chunk in file:
            yield chunk
        return
    while chunk := await file.read(size):
        yield chunk


@asynccontextmanager
async def _becoming(dest: Path) -> AsyncIterator[AsyncBufferedIOBase]:
    """A file that takes its name when the block ends well, and is removed when it does not."""
    part = dest.with_name(f".{secrets.token_hex(8)}.part")
    try:
        async with aiofiles.open(part, "xb", opener=open_private) as written:
            yield written
            await written.flush()
            await asyncio.to_thread(os.fsync, written.fileno())
        await asyncio.to_thread(part.replace, dest)
    except BaseException as error:
        # Not awaited: whoever was cancelled once may be cancelled again.
        part.unlink(missing_ok=True)
        if is_disk_full(error):
            raise InsufficientStorage("The disk of the server is full.") from error
        raise
