"""Makes pictures anew in processes that have nothing to lose.

A process is kept for the next picture, so that none pays for the start of an interpreter; another
one is started when a picture comes while it is busy. One that takes too long, or that the system
has ended for what it wanted, is replaced: its picture is refused, and the next one finds another
process.
"""

import asyncio
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final, cast

import structlog

from domain.errors import InvalidImage, Unavailable
from domain.pictures import Picture

_MEMORY_BYTES: Final = 512 * 2**20
# The largest pictures that are honest take 2.2 s, measured 2026-11-23.
_BUSY_SECONDS: Final = 2.5
_PICTURE_SECONDS: Final = 5.0
_PROCESSES: Final = 2
_WAITING: Final = 8
_MEDIA_TYPE: Final = "image/webp"
# By its file: what it imports would be imported here too.
_CHILD: Final = Path(__file__).with_name("image_child.py")

log = structlog.get_logger(__name__)


class Pictures:
    """Looks into pictures, a few at a time.

    Args:
        memory_bytes: What a process may have at most.
        busy_seconds: How much of a processor it may take for a picture, where the system counts it.
        picture_seconds: How long it may take for a picture on a machine that has others to do.
        processes: How many there are at most.
        waiting: How many pictures may wait for one.
    """

    def __init__(
        self,
        *,
        memory_bytes: int = _MEMORY_BYTES,
        busy_seconds: float = _BUSY_SECONDS,
        picture_seconds: float = _PICTURE_SECONDS,
        processes: int = _PROCESSES,
        waiting: int = _WAITING,
    ) -> None:
        self._limits = (str(memory_bytes), str(busy_seconds))
        self._picture_seconds = picture_seconds
        self._room = asyncio.Semaphore(processes)
        self._most_waiting = waiting
        self._waiting = 0
        self._idle: list[Process] = []

    async def reencode(self, content: bytes) -> Picture:
        """The picture of these bytes, small and without anything that is no pixel.

        Raises:
            InvalidImage: They are none to use, or it took too much to find out.
            Unavailable: Too many others wait already.
        """
        async with self._turn(), self._process() as process:
            try:
                async with asyncio.timeout(self._picture_seconds):
                    return await _answered(process, content)
            except (TimeoutError, asyncio.IncompleteReadError, ConnectionError) as error:
                await _end(process)
                log.warning("picture_process_replaced", reason=type(error).__name__)
                raise InvalidImage("The picture takes too much to unpack.") from None
            except asyncio.CancelledError:
                # The answer that it still gives would be taken for that of the next picture.
                await _end(process)
                raise

    async def close(self) -> None:
        """End the processes; nobody waits for a picture any more."""
        while self._idle:
            await _end(self._idle.pop())

    @asynccontextmanager
    async def _turn(self) -> AsyncIterator[None]:
        if self._room.locked() and self._waiting >= self._most_waiting:
            message = "Many pictures are being sent. Send yours again in a moment."
            raise Unavailable(message, retryAfter=2)
        self._waiting += 1
        try:
            await self._room.acquire()
        finally:
            self._waiting -= 1
        try:
            yield
        finally:
            self._room.release()

    @asynccontextmanager
    async def _process(self) -> AsyncIterator[Process]:
        """One that nobody else has; it is kept unless it has ended in the block."""
        process = self._idle.pop() if self._idle else None
        if process is None or process.returncode is not None:
            process = await self._start()
        try:
            yield process
        finally:
            if process.returncode is None:
                self._idle.append(process)

    async def _start(self) -> Process:
        command = (sys.executable, "-I", str(_CHILD), *self._limits)
        # Windows starts nothing without its own variables.
        environment: dict[str, str] | None = None if sys.platform == "win32" else {}
        return await asyncio.create_subprocess_exec(
            *command,
            stdin=PIPE,
            stdout=PIPE,
            env=environment,
            # What is pressed in the server's terminal is for the server alone.
            start_new_session=True,
        )


@asynccontextmanager
async def open_pictures() -> AsyncIterator[Pictures]:
    """Looks into pictures while the block runs."""
    pictures = Pictures()
    try:
        yield pictures
    finally:
        await pictures.close()


async def _end(process: Process) -> None:
    if process.returncode is None:
        process.kill()
    await process.wait()


async def _answered(process: Process, content: bytes) -> Picture:
    """What a process makes of a picture.

    Raises:
        InvalidImage: It says that it is none to use.
    """
    source = cast("asyncio.StreamWriter", process.stdin)
    sink = cast("asyncio.StreamReader", process.stdout)
    source.write(b"%d\n" % len(content))
    source.write(content)
    await source.drain()
    length, width, height = map(int, (await sink.readuntil(b"\n")).split())
    told = await sink.readexactly(length)
    if not width:
        raise InvalidImage(told.decode())
    return Picture(content=told, media_type=_MEDIA_TYPE, width=width, height=height)
