"""Makes pictures anew in a process that has nothing to lose.

The process is kept for the next picture, so that none pays for the start of an interpreter. One
that takes too long, or that the system has ended for the memory it wanted, is replaced: its picture
is refused, and the next one finds another process.
"""

import asyncio
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final, cast

import structlog

from domain.errors import InvalidImage
from domain.pictures import Picture

_MEMORY_BYTES: Final = 512 * 2**20
_PICTURE_SECONDS: Final = 5.0
_MEDIA_TYPE: Final = "image/webp"
# By its file: what it imports would be imported here too.
_CHILD: Final = Path(__file__).with_name("image_child.py")

log = structlog.get_logger(__name__)


class Pictures:
    """Looks into one picture after another.

    Args:
        memory_bytes: What the process may have at most.
        picture_seconds: How long it may take for a picture.
    """

    def __init__(
        self, *, memory_bytes: int = _MEMORY_BYTES, picture_seconds: float = _PICTURE_SECONDS
    ) -> None:
        self._memory_bytes = memory_bytes
        self._picture_seconds = picture_seconds
        self._turn = asyncio.Lock()
        self._process: Process | None = None

    async def reencode(self, content: bytes) -> Picture:
        """The picture of these bytes, small and without anything that is no pixel.

        Raises:
            InvalidImage: They are none to use, or it took too much to find out.
        """
        async with self._turn:
            process = await self._started()
            try:
                async with asyncio.timeout(self._picture_seconds):
                    return await _answered(process, content)
            except (TimeoutError, asyncio.IncompleteReadError, ConnectionError) as error:
                await self.close()
                log.warning("picture_process_replaced", reason=type(error).__name__)
                raise InvalidImage("The picture takes too much to unpack.") from None
            except asyncio.CancelledError:
                # The answer that it still gives would be taken for that of the next picture.
                await self.close()
                raise

    async def close(self) -> None:
        """End the process, if there is one."""
        process, self._process = self._process, None
        if process is None:
            return
        if process.returncode is None:
            process.kill()
        await process.wait()

    async def _started(self) -> Process:
        if self._process is None or self._process.returncode is not None:
            command = (sys.executable, "-I", str(_CHILD), str(self._memory_bytes))
            # Windows starts nothing without its own variables.
            environment: dict[str, str] | None = None if sys.platform == "win32" else {}
            self._process = await asyncio.create_subprocess_exec(
                *command,
                stdin=PIPE,
                stdout=PIPE,
                env=environment,
                # What is pressed in the server's terminal is for the server alone.
                start_new_session=True,
            )
        return self._process


@asynccontextmanager
async def open_pictures() -> AsyncIterator[Pictures]:
    """Looks into pictures while the block runs."""
    pictures = Pictures()
    try:
        yield pictures
    finally:
        await pictures.close()


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
