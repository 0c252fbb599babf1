"""An export while it grows and after: one writes it, many read it, from any byte on.

What is written waits in memory until there is enough of it for the disk; readers get it from there
too, so that none waits for the disk to see it.
"""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import Final, Protocol
from uuid import UUID

from domain.errors import AppError, NotFound
from domain.exports import Foreseen, Written
from streaming.manifests import About, Manifest
from streaming.spool_file import SteadyFile

# Readers that have caught up are woken no more often than this.
_TELL_SECONDS: Final = 0.05


class SpoolBroken(Exception):
    """An export ended before it was whole: what was read of it is worth nothing by itself.

    Attributes:
        error: What somebody is told who has read nothing of it.
    """

    def __init__(self, error: AppError) -> None:
        super().__init__(error.message)
        self.error = error


class Sink(Protocol):
    """Where a source puts its bytes."""

    def foresee(self, foreseen: Foreseen) -> None:
        """Tell what is known before the first byte."""

    async def write(self, data: bytes, *, rows: int = 0) -> None:
        """Put further bytes; waits for the disk now and then.

        Args:
            rows: About how many rows they hold, to show progress.

        Raises:
            InsufficientStorage: There is no room for them.
            OSError: The disk does not take them.
        """


Source = Callable[[Sink], Awaitable[Written]]
"""Writes an export, from its first byte each time it is called."""


class Spool:
    """One export, growing or finished.

    Args:
        places: Where its file may lie; readers try them in this order.

    Attributes:
        foreseen: What is known of it so far.
        rows: Written so far, as the source counts them.
        bytes: Written so far.
        manifest: None until it is finished.
        is_shown: Somebody has relied on its bytes, so they stay what they are.
        is_left: Who waited for it or read it last has gone away before the end. What was just begun
            is not, nor while somebody is between two of these.
    """

    def __init__(
        self, spool_id: UUID, about: About, places: Sequence[Path], *, created_at: datetime
    ) -> None:
        self.id = spool_id
        self.about = about
        self.created_at = created_at
        self.foreseen = Foreseen()
        self.rows = 0
        self.bytes = 0
        self.manifest: Manifest | None = None
        self.is_shown = False
        self.is_left = False
        self._followers = 0
        self._places = places
        self._failure: AppError | None = None
        self._stored_bytes = 0
        self._told_bytes = 0
        self._waiting = bytearray()
        self._changed = asyncio.Event()
        self._telling: asyncio.TimerHandle | None = None

    @property
    def etag(self) -> str:
        """The strong entity tag of its bytes, of those that are not written yet as well."""
        return f'"{self.id.hex}"'

    @property
    def is_growing(self) -> bool:
        """Whether it is neither finished nor broken."""
        return self.manifest is None and self._failure is None

    async def begun(self, *, enough_bytes: int, seconds: float) -> None:
        """Wait until it is finished, or there are enough bytes, or any at all after some seconds.

        From then on it is not tried again when it fails.

        Raises:
            AppError: What it failed with.
        """
        with self._followed():
            with suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    await self._until(lambda: self.bytes >= enough_bytes)
            await self._until(lambda: self.bytes > 0)
            self._raise_failure()
        self.is_shown = True

    async def finished(self) -> Manifest:
        """Its proof, once it is whole.

        Raises:
            AppError: What it failed with.
        """
        with self._followed():
            while self.manifest is None:
                self._raise_failure()
                await self._changed.wait()
            return self.manifest

    async def read(
        self, start: int = 0, end: int | None = None, *, chunk_bytes: int
    ) -> AsyncGenerator[bytes, None]:
        """The bytes from `start` up to before `end`, as they come; all that follow without an end.

        What was opened is closed when the generator is. A file that is removed meanwhile is read
        to its end.

        Raises:
            SpoolBroken: It failed, or its time was over before the first byte was read.
        """
        self.is_shown = True
        with self._followed():
            if not await self._readable(start, end):
                return
            async with SteadyFile() as file:
                await self._open(file)
                while size := await self._readable(start, end):
                    data = await self._piece(file, start, min(size, chunk_bytes))
                    yield data
                    start += len(data)

    @contextmanager
    def _followed(self) -> Iterator[None]:
        """Somebody waits for it or reads it."""
        self.is_left = False
        self._followers += 1
        try:
            yield
        except BaseException:
            self.is_left = self._followers == 1
            raise
        finally:
            self._followers -= 1

    async def _readable(self, position: int, end: int | None) -> int:
        """How many bytes there are from here on; 0 at the end."""
        if end is not None and position >= end:
            return 0
        await self._until(lambda: self._told_bytes > position)
        self._require_unbroken()
        told = self._told_bytes if end is None else min(self._told_bytes, end)
        return max(0, told - position)

    async def _open(self, file: SteadyFile) -> None:
        for place in self._places:
            with suppress(FileNotFoundError):
                return await file.open(place)
        # The file of one that fails is gone before it is told why.
        await self._until(lambda: False)
        self._require_unbroken()
        raise SpoolBroken(NotFound("The export has expired. Ask for it again."))

    async def _piece(self, file: SteadyFile, position: int, size: int) -> bytes:
        """Some of the bytes from here on, of which so many are there."""
        if position >= self._stored_bytes:
            begin = position - self._stored_bytes
            with memoryview(self._waiting) as waiting:
                return bytes(waiting[begin : begin + size])
        data = await file.read_at(position, min(size, self._stored_bytes - position))
        if not data:
            raise SpoolBroken(NotFound("The file of the export was cut. Ask for it again."))
        return data

    async def _until(self, is_so: Callable[[], bool]) -> None:
        """Wait until something is so, or it does not grow any more."""
        while self.is_growing and not is_so():
            await self._changed.wait()

    def _require_unbroken(self) -> None:
        if self._failure is not None:
            raise SpoolBroken(self._failure) from self._failure

    def _raise_failure(self) -> None:
        if self._failure is not None:
            # Many may be told; each has a trace of its own.
            raise self._failure.with_traceback(None)

    # What follows is for its writer.

    @property
    def waiting(self) -> bytearray:
        """The bytes that are not on the disk yet."""
        return self._waiting

    def append(self, data: bytes, rows: int) -> None:
        """Take further bytes; readers are told soon."""
        self._waiting += data
        self.bytes += len(data)
        self.rows += rows
        if not self.is_shown:
            self._tell()
        elif self._telling is None:
            loop = asyncio.get_running_loop()
            self._telling = loop.call_later(_TELL_SECONDS, self._tell)

    def store(self) -> None:
        """The bytes that waited are on the disk now."""
        self._stored_bytes += len(self._waiting)
        self._waiting = bytearray()
        self._tell()

    def restart(self) -> None:
        """Forget all bytes, which nobody has been shown."""
        self.foreseen = Foreseen()
        self.rows = self.bytes = self._stored_bytes = 0
        self._waiting = bytearray()
        self._tell()

    def reach(self, manifest: Manifest) -> None:
        """Another process has written so much of it."""
        self.rows = manifest.rows
        self.bytes = self._stored_bytes = manifest.bytes
        self._tell()

    def finish(self, manifest: Manifest) -> None:
        """It is whole, and lies on the disk."""
        self.manifest = manifest
        self.foreseen = Foreseen(truncated=manifest.truncated, rows=manifest.rows)
        self.rows = manifest.rows
        self.bytes = self._stored_bytes = manifest.bytes
        self._tell()

    def fail(self, error: AppError) -> None:
        """It will never be whole."""
        self._failure = error
        self._waiting = bytearray()
        self._tell()

    def _tell(self) -> None:
        """Wake those who wait for something to change."""
        if self._telling is not None:
            self._telling.cancel()
            self._telling = None
        self._told_bytes = self.bytes
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()
