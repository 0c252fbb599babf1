"""The server processes that share an address, and ask each other how they do.

Whoever asks the server reaches one of them; what is told is about all. Each answers at a Unix
socket in a folder that they share, named by its number.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path
from typing import Final, NamedTuple

Answer = Callable[[], Awaitable[bytes]]

_PATIENCE_SECONDS: Final = 0.5
_MAX_QUESTION_BYTES: Final = 64
_SIZE_BYTES: Final = 8
"""Before each answer stands how long it is."""


class Place(NamedTuple):
    """Which of several processes this one is.

    Attributes:
        number: From 0.
        folder: Where the sockets are; for this user alone.
    """

    number: int
    folder: Path


class Siblings:
    """The processes that serve at one address, this one among them.

    Args:
        place: None when it is the only one.
    """

    def __init__(self, place: Place | None = None) -> None:
        self._place = place
        self._answers: dict[str, Answer] = {}

    @property
    def number(self) -> int:
        """Of this process."""
        return 0 if self._place is None else self._place.number

    def answer(self, question: str, by: Answer) -> None:
        """Have a question of the others, and of this process, answered so."""
        self._answers[question] = by

    async def ask(self, question: str) -> Mapping[int, bytes]:
        """What each process answers, by its number; who does not answer soon is left out."""
        others = [] if self._place is None else _others(self._place)
        asked = asyncio.gather(*(_ask(path, question) for path in others))
        own, told = await asyncio.gather(self._answers[question](), asked)
        answers = {
            int(path.stem): answer
            for path, answer in zip(others, told, strict=True)
            if answer is not None
        }
        return dict(sorted([(self.number, own), *answers.items()]))

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer one question of another process."""
        try:
            async with asyncio.timeout(_PATIENCE_SECONDS):
                question = (await reader.read(_MAX_QUESTION_BYTES)).decode().strip()
                if (answer := self._answers.get(question)) is not None:
                    told = await answer()
                    writer.write(len(told).to_bytes(_SIZE_BYTES) + told)
                    await writer.drain()
        except (OSError, TimeoutError):
            # Who asked sees that the answer is not whole.
            writer.transport.abort()
        finally:
            writer.close()


@asynccontextmanager
async def open_siblings(place: Place | None) -> AsyncIterator[Siblings]:
    """The processes beside this one; as long as the block lasts it answers them."""
    siblings = Siblings(place)
    async with AsyncExitStack() as stack:
        if place is not None:
            path = _socket(place.folder, place.number)
            # One that was killed has left it behind.
            path.unlink(missing_ok=True)
            stack.callback(path.unlink, missing_ok=True)
            server = await asyncio.start_unix_server(siblings.serve, path)
            await stack.enter_async_context(server)
        yield siblings


def _socket(folder: Path, number: int) -> Path:
    return folder / f"{number}.sock"


def _others(place: Place) -> list[Path]:
    own = _socket(place.folder, place.number)
    return sorted(path for path in place.folder.glob("*.sock") if path != own)


async def _ask(path: Path, question: str) -> bytes | None:
    """What a process answers; None when it does not, not in time, or not to the end."""
    with suppress(OSError, TimeoutError):
        async with asyncio.timeout(_PATIENCE_SECONDS):
            reader, writer = await asyncio.open_unix_connection(path)
            try:
                writer.write(question.encode())
                return _whole(await reader.read())
            finally:
                writer.close()
    return None


def _whole(told: bytes) -> bytes | None:
    """The answer in what was told; None when some of it is missing."""
    size, answer = told[:_SIZE_BYTES], told[_SIZE_BYTES:]
    is_whole = len(size) == _SIZE_BYTES and int.from_bytes(size) == len(answer)
    return answer if is_whole else None
