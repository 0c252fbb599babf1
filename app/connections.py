"""The connections of clients: how many a process takes, and how they end: no request is lost."""

import asyncio
import select
from typing import Any, Final

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from app.stopping import StopClock

_SENT_AWAY: Final = (
    b"HTTP/1.1 503 Service Unavailable\r\n"
    b"Retry-After: 1\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
)
_LAST_REQUEST_SECONDS: Final = 5.0


class Connection(HttpToolsProtocol):
    """uvicorn's HTTP, with a bound for connections, and an end that loses nothing that was sent.

    New connections are sent away once there are `limit_concurrency`. uvicorn itself would take
    them, and answer 503 to each request of every client as long as there are too many: whoever
    opens that many connections would have stopped the server. WebSockets are counted too; they
    begin here.

    Once the process is to stop, every answer closes its connection and says so. uvicorn closes
    those at once that are between two requests; here a request that has come by then, or a part of
    it, is answered before.
    """

    def __init__(self, config: uvicorn.Config, stop_clock: StopClock, **more: Any) -> None:
        super().__init__(config, **more)
        self._stop_clock = stop_clock
        self._max_connections = config.limit_concurrency
        self._is_head_begun = False
        self.limit_concurrency = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        """Take a connection, or send it away."""
        if self._max_connections is None or len(self.connections) < self._max_connections:
            super().connection_made(transport)
            return
        self.transport = transport
        transport.write(_SENT_AWAY)
        transport.close()

    def on_message_begin(self) -> None:
        """The first bytes of a request have come."""
        self._is_head_begun = True
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """Answer it."""
        self._is_head_begun = False
        super().on_headers_complete()
        if self._stop_clock.is_draining:
            self.announce_close()

    def announce_close(self) -> None:
        """Have the answer under way be the last, if it can still say so."""
        if self._is_answering and not self.cycle.response_started:
            self.cycle.keep_alive = False

    def shutdown(self) -> None:
        """Close it; but one on which a request comes only behind its answer."""
        if self._is_answering or not (self._is_head_begun or self._has_unread_bytes()):
            super().shutdown()
        else:
            self.loop.call_later(_LAST_REQUEST_SECONDS, self._give_up)

    @property
    def _is_answering(self) -> bool:
        return self.cycle is not None and not self.cycle.response_complete

    def _has_unread_bytes(self) -> bool:
        """Whether something has come that the loop has not looked at."""
        if self.transport.is_closing():
            return False
        poll = select.poll()
        poll.register(self.transport.get_extra_info("socket").fileno(), select.POLLIN)
        return bool(poll.poll(0))

    def _give_up(self) -> None:
        """Close it if no whole request has come."""
        if not self._is_answering:
            self.transport.close()
