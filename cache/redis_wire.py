"""The protocol of Redis, RESP2: a command in one piece, and its answer from what has arrived.

The reader of the library waits for each line of an answer, and its writer asks of each word what it
is: that takes longer than the server does.
"""

from asyncio import IncompleteReadError, StreamReader, StreamWriter
from typing import Any, Final, cast

from redis._parsers import _AsyncRESP2Parser
from redis.exceptions import ConnectionError as ConnectionLost
from redis.exceptions import InvalidResponse, ResponseError

Word = bytes | str | int

_GONE: Final = "The server has closed the connection."


def packed(*words: Word) -> bytes:
    """A command as it is sent."""
    parts = [b"*%d\r\n" % len(words)]
    for word in words:
        content = word if isinstance(word, bytes) else str(word).encode()
        parts += (b"$%d\r\n" % len(content), content, b"\r\n")
    return b"".join(parts)


class Wire(_AsyncRESP2Parser):
    """Reads answers for a connection of the library, and asks on it without the rest of that."""

    _stream: StreamReader
    _writer: StreamWriter

    def on_connect(self, connection: Any) -> None:
        """Called by the connection when it is one."""
        super().on_connect(connection)  # type: ignore[no-untyped-call]  # the library's
        self._writer = connection._writer  # noqa: SLF001  # parsers of the library read so as well

    async def ask(self, *words: Word) -> Any:
        """The answer to a command, once there is a connection and nobody else uses it.

        It may be cut off only if the connection is let go then.

        Raises:
            RedisError, OSError: The server refuses, or has gone.
        """
        self._writer.write(packed(*words))
        answer = await self.read_response()
        if isinstance(answer, ResponseError):
            raise answer
        return answer

    async def read_response(self, disable_decoding: bool = False) -> Any:  # noqa: ARG002  # the library's
        """The next answer; an error of the server is given, not raised.

        Raises:
            ConnectionLost: The server has gone, or takes no commands yet.
        """
        while True:
            try:
                answer, end = self._parse(self._buffer, 0)
            except _Cut as cut:
                self._buffer += await self._read_more(cut.missing)
            else:
                self._buffer = self._buffer[end:]
                if isinstance(answer, ConnectionLost):
                    raise answer
                return answer

    async def _read_more(self, missing: int) -> bytes:
        if not self._connected:
            raise ConnectionLost(_GONE)
        chunk = await self._stream.read(self._read_size)
        if not chunk:
            raise ConnectionLost(_GONE)
        if len(chunk) >= missing:
            return chunk
        try:
            return chunk + await self._stream.readexactly(missing - len(chunk))
        except IncompleteReadError:
            raise ConnectionLost(_GONE) from None

    def _parse(self, buffer: bytes, start: int) -> tuple[Any, int]:
        """The answer that begins there, and where it ends."""
        line_end = buffer.find(b"\r\n", start)
        if line_end < 0:
            raise _Cut(1)
        kind, told, end = buffer[start : start + 1], buffer[start + 1 : line_end], line_end + 2
        if kind == b"$":
            return _text(buffer, end, int(told))
        if kind == b":":
            return int(told), end
        if kind == b"*":
            return self._several(buffer, end, int(told))
        if kind == b"+":
            return told, end
        if kind == b"-":
            return _refusal(told.decode(errors="replace")), end
        raise InvalidResponse(f"An answer begins with {kind!r}.")

    def _several(self, buffer: bytes, end: int, count: int) -> tuple[Any, int]:
        answers = []
        for _ in range(count):
            answer, end = self._parse(buffer, end)
            answers.append(answer)
        return answers, end


class _Cut(Exception):
    """An answer has not arrived as a whole; at least so many bytes are missing."""

    def __init__(self, missing: int) -> None:
        super().__init__(missing)
        self.missing = missing


def _refusal(told: str) -> Exception:
    return cast("Exception", _AsyncRESP2Parser.parse_error(told))  # type: ignore[no-untyped-call]  # the library's


def _text(buffer: bytes, start: int, size: int) -> tuple[bytes | None, int]:
    if size < 0:
        return None, start
    end = start + size
    if len(buffer) < end + 2:
        raise _Cut(end + 2 - len(buffer))
    return buffer[start:end], end + 2
