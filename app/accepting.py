"""Taking the connections that come to a socket, which other processes may take from as well."""

import asyncio
import socket
from collections.abc import Callable
from typing import Final

import structlog

from app.shares import Share

_BACKLOG: Final = 2048
_AT_ONCE: Final = 64
_PAUSE_SECONDS: Final = 1.0
_DEFERENCE_SECONDS: Final = 0.005

log = structlog.get_logger(__name__)


class Accepting:
    """Takes connections from a socket until it is closed, those that have come by then among them.

    uvloop would take all that wait at one go, so that one of several processes had most of them;
    and what waits when it closes the socket is reset by the kernel.

    Args:
        make_protocol: Speaks with the client of a connection.
        count: How many connections there are.
        share: None when no other process takes from the socket. Else each takes one at a time, and
            who has more than others leaves them a moment to take it.
    """

    def __init__(
        self,
        listening: socket.socket,
        make_protocol: Callable[[], asyncio.Protocol],
        *,
        count: Callable[[], int],
        share: Share | None,
    ) -> None:
        self._listening = listening
        self._make_protocol = make_protocol
        self._count = count
        self._share = share
        self._loop = asyncio.get_running_loop()
        self._opening: set[asyncio.Task[None]] = set()
        self._resuming: asyncio.TimerHandle | None = None
        self._has_deferred = False
        self._is_closing = False

    def start(self) -> None:
        """Take them from now on."""
        self._listening.settimeout(0)
        self._listening.listen(_BACKLOG)
        self._resume()

    def tell_share(self) -> None:
        """Have the other processes know how many connections there are here."""
        if self._share is not None:
            self._share.tell(self._count() + len(self._opening))

    async def close(self) -> None:
        """Take those that wait, and none after."""
        if self._share is not None:
            self._share.leave()
        self._is_closing = True
        self._pause()
        # What comes between the last of these and the next line is lost: some microseconds.
        while self._take_one():
            pass
        self._listening.close()
        if self._opening:
            await asyncio.wait(self._opening)

    def _resume(self) -> None:
        self._resuming = None
        self._loop.add_reader(self._listening, self._take)

    def _pause(self, seconds: float | None = None) -> None:
        """Leave those that wait where they are, for so long or for ever."""
        self._loop.remove_reader(self._listening)
        if self._resuming is not None:
            self._resuming.cancel()
            self._resuming = None
        if seconds is not None and not self._is_closing:
            self._resuming = self._loop.call_later(seconds, self._resume)

    def _take(self) -> None:
        if self._share is None:
            for _ in range(_AT_ONCE):
                if not self._take_one():
                    return
            return
        self.tell_share()
        if self._share.is_next() or self._has_deferred:
            self._has_deferred = False
            self._take_one()
        else:
            self._has_deferred = True
            self._pause(_DEFERENCE_SECONDS)

    def _take_one(self) -> bool:
        """Take a connection that waits; whether there may be more."""
        try:
            connection, _ = self._listening.accept()
        except (BlockingIOError, InterruptedError):
            return False
        except ConnectionAbortedError:
            return True
        except OSError as error:
            # No more files can be open, as a rule. It waits on, and would wake the loop for ever.
            log.warning("connections_not_taken", reason=error.strerror)
            self._pause(_PAUSE_SECONDS)
            return False
        opening = self._loop.create_task(self._open(connection))
        self._opening.add(opening)
        opening.add_done_callback(self._opening.discard)
        return True

    async def _open(self, connection: socket.socket) -> None:
        try:
            connection.settimeout(0)
            if connection.family != socket.AF_UNIX:
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            await self._loop.connect_accepted_socket(self._make_protocol, connection)
        except OSError:
            # The client has left meanwhile.
            connection.close()
