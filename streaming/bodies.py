"""The body of a request, a piece at a time: never more of it than may be, nor for ever."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from starlette.requests import ClientDisconnect, Request

from domain.errors import PayloadTooLarge, RequestTimeout, UnsupportedMediaType

_SILENT_SECONDS: Final = 30.0
_DISCARDED_BYTES: Final = 32 * 2**20
_DISCARDING_SECONDS: Final = 10.0


def media_type_of(request: Request) -> str:
    """What a request says that its body is, in small letters; empty when it does not."""
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


class Body:
    """What a client sends, of which no more than a piece is in memory.

    Args:
        max_bytes: Both what the client says it sends and what it does send are held against it.
        silent_seconds: How long nothing may come.

    Attributes:
        announced: How many bytes the client says it sends; 0 when it does not.

    Raises:
        UnsupportedMediaType: It is compressed.
    """

    def __init__(
        self, request: Request, *, max_bytes: int, silent_seconds: float = _SILENT_SECONDS
    ) -> None:
        if request.headers.get("content-encoding", "identity") != "identity":
            raise UnsupportedMediaType("Send the body without a content encoding.")
        length = request.headers.get("content-length", "")
        self.announced = int(length) if length.isdecimal() else 0
        self._left = max_bytes
        self._max_bytes = max_bytes
        self._is_announced_too_large = self.announced > max_bytes
        # Asking for the first piece tells the client to send it.
        self._is_held_back = request.headers.get("expect", "").lower() == "100-continue"
        self._silent_seconds = silent_seconds
        self._pieces = request.stream()
        self._is_over = False

    async def next(self) -> bytes | None:
        """The next piece; None at the end.

        Raises:
            PayloadTooLarge: More was announced, or sent, than may be.
            RequestTimeout: The client went away, or sent nothing for too long.
        """
        if self._is_announced_too_large:
            raise self._too_large()
        piece = await self._next()
        self._left -= len(piece or b"")
        if self._left < 0:
            raise self._too_large()
        return piece

    async def chunks(self) -> AsyncIterator[bytes]:
        """All pieces that have not been read yet; raises as `next` does."""
        while (piece := await self.next()) is not None:
            yield piece

    @asynccontextmanager
    async def answered(self) -> AsyncIterator[None]:
        """When the block fails, have the client get to read why."""
        try:
            yield
        except Exception:
            await self.discard()
            raise

    async def discard(self) -> None:
        """Read on for a while: the client would not read an answer while it still writes.

        One that waits to be asked for its body is not asked any more.
        """
        if self._is_held_back:
            return
        left = _DISCARDED_BYTES
        try:
            async with asyncio.timeout(_DISCARDING_SECONDS):
                while left >= 0 and (piece := await self._next()) is not None:
                    left -= len(piece)
        except (RequestTimeout, TimeoutError):
            return

    async def _next(self) -> bytes | None:
        self._is_held_back = False
        while not self._is_over:
            try:
                async with asyncio.timeout(self._silent_seconds):
                    piece = await anext(self._pieces, None)
            except TimeoutError:
                self._is_over = True
                raise RequestTimeout("The body did not arrive in time.") from None
            except ClientDisconnect:
                self._is_over = True
                raise RequestTimeout("The connection ended before the body did.") from None
            if piece:
                return piece
            self._is_over = piece is None
        return None

    def _too_large(self) -> PayloadTooLarge:
        limit = self._max_bytes
        return PayloadTooLarge(f"The body is larger than {limit} bytes.", limit=limit)
