"""One file that arrives in pieces, with breaks between them: what came before a break stays."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Final, Protocol, TypedDict

from domain.errors import (
    AppError,
    InsufficientStorage,
    NotFound,
    PayloadTooLarge,
    UploadLocked,
    UploadOffsetMismatch,
)
from streaming.checksums import Checksum
from streaming.disk import is_disk_full
from streaming.turns import Turns
from streaming.upload_files import PartialFile, RunningHashes

BLOCK_BYTES: Final = 2**20

OnComplete = Callable[[str], Awaitable[None]]
"""Is awaited with the SHA-256 of a file that is whole, before anybody else can write to it."""


class UploadStatus(TypedDict):
    """How far a file is.

    Attributes:
        can_resume: Bytes are missing, and there is a file for them to go on with.
    """

    upload_id: str
    uploaded_bytes: int
    total_size: int
    can_resume: bool
    is_complete: bool


class _Sink(Protocol):
    """Where blocks go: to the file, or aside until their checksum is found to be right."""

    def append(self, chunks: Sequence[bytes]) -> None: ...

    def commit(self) -> None: ...

    def close(self) -> None: ...


class ResumableUpload:
    """A file that grows to a length that is known, by one writer at a time.

    Args:
        upload_id: What the file is called in answers.
        destination: Where its bytes lie: an empty file at first.
        total_size: How many bytes it is going to have.
        hashes: What this process knows of the files it writes to.
        block_bytes: What is gathered before it is written.
        on_complete: Is told the digest of the whole file.
    """

    def __init__(
        self,
        upload_id: str,
        destination: Path,
        total_size: int,
        *,
        hashes: RunningHashes | None = None,
        block_bytes: int = BLOCK_BYTES,
        on_complete: OnComplete | None = None,
    ) -> None:
        self.upload_id = upload_id
        self._destination = destination
        self._total_size = total_size
        self._hashes = hashes or RunningHashes()
        self._block_bytes = block_bytes
        self._on_complete = on_complete
        self._turns = Turns()
        self._waiting: asyncio.Timeout | None = None
        self._interruption: AppError | None = None
        self._ended = asyncio.Event()

    async def get_upload_status(self) -> UploadStatus:
        """How far it is, whoever is writing to it."""
        size = await asyncio.to_thread(_size, self._destination)
        return UploadStatus(
            upload_id=self.upload_id,
            uploaded_bytes=size or 0,
            total_size=self._total_size,
            can_resume=size is not None and size < self._total_size,
            is_complete=size == self._total_size,
        )

    async def resume_upload(
        self, file: AsyncIterator[bytes], *, offset: int, checksum: Checksum | None = None
    ) -> int:
        """Go on with what follows an offset; how far the file is then, for good.

        When `file` raises, what it has given before stays, unless it has a checksum.

        Raises:
            NotFound: The file is gone.
            UploadLocked: Another one is writing to it, or wants to know how far it is.
            UploadOffsetMismatch: It does not go on there; `offset` says where. Nothing is written.
            PayloadTooLarge, ChecksumMismatch, InsufficientStorage: Nothing of it is kept.
        """
        try:
            async with self._opened() as opened:
                if offset != opened.size:
                    raise _elsewhere(opened.size)
                await self._continue_upload(file, opened, checksum)
                if self._on_complete is not None and opened.size == self._total_size:
                    await self._on_complete(await self._turns.do(opened.sha256))
                return opened.size
        finally:
            self._ended.set()

    def interrupt(self, error: AppError) -> None:
        """Have its writer end with an error; what it has received stays."""
        self._interruption = error
        if self._waiting is not None:
            self._waiting.reschedule(asyncio.get_running_loop().time())

    async def ended(self) -> None:
        """Wait until its writer has ended."""
        await self._ended.wait()

    @asynccontextmanager
    async def _opened(self) -> AsyncIterator[PartialFile]:
        opened = PartialFile(self._destination, self._hashes)
        try:
            await self._lock(opened)
            yield opened
        finally:
            await self._turns.do(opened.close)

    async def _lock(self, opened: PartialFile) -> None:
        try:
            await self._turns.do(opened.open)
        except FileNotFoundError:
            raise NotFound("This upload is gone. Begin a new one.") from None
        except BlockingIOError:
            raise locked() from None

    async def _continue_upload(
        self, file: AsyncIterator[bytes], opened: PartialFile, checksum: Checksum | None
    ) -> None:
        try:
            if checksum is None:
                await self._take(file, opened, opened)
            else:
                await self._take_checked(file, opened, opened.aside(checksum))
        except (OSError, PayloadTooLarge) as error:
            await self._turns.do(opened.restore)
            if is_disk_full(error):
                raise _full(opened.start) from error
            raise

    async def _take(self, file: AsyncIterator[bytes], opened: PartialFile, sink: _Sink) -> None:
        """Keep all that comes, until it ends in whatever way."""
        async with _ending_with(partial(self._turns.do, sink.commit)):
            await self._write(file, opened, sink)

    async def _take_checked(
        self, file: AsyncIterator[bytes], opened: PartialFile, sink: _Sink
    ) -> None:
        """Keep all that comes, when all of it comes and is right."""
        try:
            await self._write(file, opened, sink)
            await self._turns.do(sink.commit)
        finally:
            await self._turns.do(sink.close)

    async def _write(self, file: AsyncIterator[bytes], opened: PartialFile, sink: _Sink) -> None:
        room = self._total_size - opened.start
        blocks = _Blocks(self._turns, sink, self._block_bytes)
        async with _ending_with(blocks.flush):
            while (chunk := await self._next(file)) is not None:
                room -= len(chunk)
                if room < 0:
                    raise _too_long(self._total_size)
                await blocks.add(chunk)

    async def _next(self, file: AsyncIterator[bytes]) -> bytes | None:
        """The next bytes; None at the end. An interruption comes between two of them."""
        if self._interruption is not None:
            raise self._interruption
        try:
            async with asyncio.timeout(None) as self._waiting:
                return await anext(file, None)
        except TimeoutError:
            if self._interruption is None:
                raise
            raise self._interruption from None
        finally:
            self._waiting = None


class _Blocks:
    """Gathers what comes into blocks, and has one written while the next one is gathered.

    Nothing is written behind a block that failed, whoever is there to be told of it.
    """

    def __init__(self, turns: Turns, sink: _Sink, block_bytes: int) -> None:
        self._turns = turns
        self._sink = sink
        self._block_bytes = block_bytes
        self._chunks: list[bytes] = []
        self._size = 0
        self._writing: asyncio.Task[None] | None = None
        self._failure: OSError | None = None

    async def add(self, chunk: bytes) -> None:
        """Take a chunk; waits for the disk when a block is full and the one before not written.

        Raises:
            OSError: A block could not be written.
        """
        self._chunks.append(chunk)
        self._size += len(chunk)
        if self._size >= self._block_bytes:
            await self._settle()
            self._begin()

    async def flush(self) -> None:
        """Have all of it be written; raises as `add` does."""
        await self._settle()
        if self._chunks:
            self._begin()
            await self._settle()

    def _begin(self) -> None:
        self._writing = self._turns.start(partial(self._append, self._chunks))
        self._chunks, self._size = [], 0

    def _append(self, chunks: Sequence[bytes]) -> None:
        """Runs in a thread, perhaps when nobody waits for it any more."""
        if self._failure is not None:
            return
        try:
            self._sink.append(chunks)
        except OSError as error:
            self._failure = error

    async def _settle(self) -> None:
        if self._writing is not None:
            await asyncio.shield(self._writing)
        if self._failure is not None:
            raise self._failure


@asynccontextmanager
async def _ending_with(keep: Callable[[], Awaitable[None]]) -> AsyncIterator[None]:
    """Have what came in the block be kept, however the block ends."""
    try:
        yield
    except BaseException:
        # It is told why; what the disk does not take now is taken back by whoever writes it.
        with suppress(OSError):
            await keep()
        raise
    await keep()


def locked() -> UploadLocked:
    """The error of who would write to what is being written."""
    return UploadLocked(
        "Another request is writing to this upload. Wait for it, ask with HEAD where it goes on,"
        " and send the rest from there."
    )


def _size(path: Path) -> int | None:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return None


def _elsewhere(size: int) -> UploadOffsetMismatch:
    return UploadOffsetMismatch(
        f"This upload goes on at byte {size}. Send what follows it.", offset=size
    )


def _too_long(total: int) -> PayloadTooLarge:
    return PayloadTooLarge(f"The file has more than {total} bytes.", limit=total)


def _full(offset: int) -> InsufficientStorage:
    return InsufficientStorage(
        "The disk of the server is full; nothing of what was sent is kept. Try again later from"
        " the same offset.",
        offset=offset,
    )
