"""Lines on their way to the log: those that come close together are formed and written in one go.

To write one costs what forming ten does, and forming many in a row costs half of what it does in
between requests.
"""

import asyncio
import select
import sys
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from contextvars import Context
from threading import Lock
from typing import Final, TextIO

EVERY_SECONDS: Final = 0.05
"""How long a line waits for others at most; so much is lost by a process that is killed."""

_MOST_LINES: Final = 256
"""About 64 KiB."""

_WHOLE_BYTES: Final[int] = getattr(select, "PIPE_BUF", 512)
"""So much a pipe takes in one go; other processes write to the same stderr."""

_PATIENCE_SECONDS: Final = 1.0
"""How long the end of the process waits for another thread that writes."""

Form = Callable[[], bytes]
"""Gives a line with its end; it raises nothing."""


class Lines:
    """Gathers lines for a stream.

    The event loop adds lines; any thread may have them written.

    Args:
        stream: Tells where they go to, each time anew.
        every_seconds: How long one waits for others.
        most: So many are not gathered any longer.
    """

    def __init__(
        self,
        stream: Callable[[], TextIO],
        *,
        every_seconds: float = EVERY_SECONDS,
        most: int = _MOST_LINES,
    ) -> None:
        self._stream = stream
        self._every_seconds = every_seconds
        self._most = most
        self._waiting: deque[Form] = deque()
        self._writing = Lock()
        self._loop: asyncio.AbstractEventLoop | None = None

    def add(self, form: Form) -> None:
        """Have a line written soon; at once where there is no event loop."""
        self._waiting.append(form)
        if len(self._waiting) >= self._most:
            self.write()
            return
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            self.write()
            return
        # A timer of a loop that has ended never rings.
        if self._loop is not loop:
            self._loop = loop
            loop.call_later(self._every_seconds, self._ring, context=Context())

    def write(self) -> None:
        """Write all that have been added; who writes already takes those that come meanwhile.

        It waits for nobody: a finalizer may log while its own thread is writing.
        """
        # Looked at again after each time: who came in between has left his lines here.
        while self._waiting and self._writing.acquire(blocking=False):
            try:
                self._write_waiting()
            finally:
                self._writing.release()

    def end(self) -> None:
        """Write all at the end of the process, which takes along threads that write."""
        if self._writing.acquire(timeout=_PATIENCE_SECONDS):
            self._writing.release()
        self.write()

    def _write_waiting(self) -> None:
        lines = []
        while self._waiting:
            lines.append(self._waiting.popleft()())
        for piece in _pieces(lines):
            self._send(piece.decode())

    def _send(self, text: str) -> None:
        # Who cannot write has nowhere to tell it.
        with suppress(OSError, ValueError):
            stream = self._stream()
            stream.write(text)
            stream.flush()

    def _ring(self) -> None:
        self._loop = None
        self.write()


def _pieces(lines: Sequence[bytes]) -> Iterator[bytes]:
    """The lines in pieces that a pipe takes whole; a line that is longer stands alone."""
    piece: list[bytes] = []
    size = 0
    for line in lines:
        if piece and size + len(line) > _WHOLE_BYTES:
            yield b"".join(piece)
            piece, size = [], 0
        piece.append(line)
        size += len(line)
    if piece:
        yield b"".join(piece)


STDERR: Final = Lines(lambda: sys.stderr)
"""The lines of this process."""
