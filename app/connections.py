"""How many connections a process takes."""

import asyncio
from typing import Any, Final

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

_SENT_AWAY: Final = (
    b"HTTP/1.1 503 Service Unavailable\r\n"
    b"Retry-After: 1\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
)


class BoundedProtocol(HttpToolsProtocol):
    """uvicorn's HTTP, which sends new connections away once there are `limit_concurrency`.

    uvicorn itself would take them, and answer 503 to each request of every client as long as there
    are too many: whoever opens that many connections would have stopped the server. WebSockets are
    counted too; they begin here.
    """

    def __init__(self, config: uvicorn.Config, **more: Any) -> None:
        super().__init__(config, **more)
        self._max_connections = config.limit_concurrency
        self.limit_concurrency = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        """Take a connection, or send it away."""
        if self._max_connections is None or len(self.connections) < self._max_connections:
            super().connection_made(transport)
            return
        self.transport = transport
        transport.write(_SENT_AWAY)
        transport.close()
