"""The server of HTTP: uvicorn, which leaves its beginning and its end to us."""

import asyncio
import signal
import socket
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from math import inf
from types import FrameType
from typing import Final

import uvicorn
from starlette.types import ASGIApp

from app.accepting import Accepting
from app.collecting import spare_the_collector
from app.connections import Connection
from app.shares import Share
from app.stopping import MAX_DRAIN_SECONDS, REQUEST_SECONDS, StopClock, Wishes
from domain.beside import beside

_PING_SECONDS: Final = 20.0
_MAX_MESSAGE_BYTES: Final = 2**20
# Longer than proxies keep a connection that nobody uses: they close it, not we under their hands.
_KEEP_ALIVE_SECONDS: Final = 75
_CLOSING_SECONDS: Final = 60.0
_STOPPING_SECONDS: Final = 5.0
# What was sent by the end of this is read, and then answered.
_ARRIVING_SECONDS: Final = 0.1


class Server(uvicorn.Server):
    """uvicorn, leaving the process to us after a signal: what we hold open is closed in order.

    SIGTERM is the wish to stop once all has been sent elsewhere, SIGINT to stop at once; whatever
    comes second is in a hurry, and what comes twice within half a second came once.

    Args:
        stop_clock: Runs from the signal on; has every answer close its connection.
        drain_seconds: How long requests are taken after SIGTERM.
        share: What this process has of the connections; None when no other takes from the socket.
        on_start: Called once it takes requests.
        on_stop: Called before it waits for what it answers to be done.
        closing_seconds: How long a connection that is closed waits for a client that reads nothing.
        stopping_seconds: How long each waits for one while the server stops.
    """

    def __init__(
        self,
        config: uvicorn.Config,
        *,
        stop_clock: StopClock | None = None,
        drain_seconds: float = 0.0,
        share: Share | None = None,
        on_start: Callable[[], None] = lambda: None,
        on_stop: Callable[[], None] = lambda: None,
        closing_seconds: float = _CLOSING_SECONDS,
        stopping_seconds: float = _STOPPING_SECONDS,
    ) -> None:
        super().__init__(config)
        self._stop_clock = stop_clock or StopClock()
        self._drain_seconds = min(drain_seconds, MAX_DRAIN_SECONDS)
        self._share = share
        self._on_start = on_start
        self._on_stop = on_stop
        self._closing_seconds = closing_seconds
        self._stopping_seconds = stopping_seconds
        self._is_stopping = False
        self._ends_at = inf
        self._wishes = Wishes()
        self._accepting: list[Accepting] = []

    async def answer(self, listening: socket.socket) -> None:
        """Answer what comes to a socket until a signal comes and what has begun is done."""
        spare_the_collector()
        await self.serve(sockets=[listening])

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Take requests."""
        await super().startup([])
        for listening in sockets or []:
            accepting = Accepting(
                listening,
                self._connection,
                count=lambda: len(self.server_state.connections),
                share=self._share,
            )
            accepting.start()
            self._accepting.append(accepting)
        self._on_start()

    async def main_loop(self) -> None:
        """Run until the process is to stop."""
        async with beside(self._break_off(self._closing_seconds)):
            await super().main_loop()

    async def on_tick(self, counter: int) -> bool:
        """Whether the time to take requests is over."""
        for accepting in self._accepting:
            accepting.tell_share()
        if self._stop_clock.is_draining:
            for connection in self.server_state.connections:
                if isinstance(connection, Connection):
                    connection.announce_close()
        return await super().on_tick(counter) or time.monotonic() >= self._ends_at

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:  # noqa: ARG002  # they are closed here
        """Take nothing more, and wait for what has begun or was sent."""
        self._stop_clock.begin()
        for accepting in self._accepting:
            await accepting.close()
        await asyncio.sleep(_ARRIVING_SECONDS)
        self._on_stop()
        self._is_stopping = True
        left = self._stop_clock.left_of(REQUEST_SECONDS)
        self.config.timeout_graceful_shutdown = left  # type: ignore[assignment]  # any number does
        async with beside(self._break_off(self._stopping_seconds)):
            await super().shutdown([])

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:  # noqa: ARG002  # signals come with it
        """Take a signal."""
        if not self._wishes.is_new(sig):
            return
        is_first = not self._stop_clock.is_draining
        self._stop_clock.begin()
        if is_first and sig == signal.SIGTERM and self._drain_seconds > 0:
            self._ends_at = time.monotonic() + self._drain_seconds
        else:
            # Theirs would answer nobody any more when it is sent twice.
            self.should_exit = True

    def _connection(self) -> Connection:
        return Connection(
            self.config,
            self._stop_clock,
            server_state=self.server_state,
            app_state=self.lifespan.state,
        )

    async def _break_off(self, seconds: float) -> None:
        """Break off the connections that should end, and whose clients read nothing for so long.

        Closing one waits until all is sent: without an end, for a client that has stopped to read.
        """
        unread: dict[asyncio.Transport, int] = {}
        while True:
            before, unread = unread, self._unread()
            for transport, size in unread.items():
                if size >= before.get(transport, inf):
                    transport.abort()
            await asyncio.sleep(seconds)

    def _unread(self) -> dict[asyncio.Transport, int]:
        """How many bytes wait on each connection that should end."""
        transports = (connection.transport for connection in self.server_state.connections)
        return {
            transport: size
            for transport in transports
            if self._is_stopping or transport.is_closing()
            if (size := transport.get_write_buffer_size())
        }

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Take SIGINT and SIGTERM as the wish to stop, without raising them again afterwards.

        Once one has come they stay with us: whoever closes what is open is not to be interrupted.
        """
        taken = {
            number: signal.signal(number, self.handle_exit)
            for number in (signal.SIGINT, signal.SIGTERM)
        }
        try:
            yield
        finally:
            if not self._wishes.have_come:
                for number, before in taken.items():
                    signal.signal(number, before)


def server_config(
    app: ASGIApp,
    *,
    max_message_bytes: int = _MAX_MESSAGE_BYTES,
    max_connections: int | None = None,
    proxies: Sequence[str] = (),
) -> uvicorn.Config:
    """How uvicorn serves an application.

    Args:
        max_message_bytes: What a client may send over a WebSocket at once.
        max_connections: How many are taken, WebSockets among them; None for any number.
        proxies: Addresses that are believed for whom they forward, and whether over https.
    """
    return uvicorn.Config(
        app,
        http="httptools",
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_keep_alive=_KEEP_ALIVE_SECONDS,
        limit_concurrency=max_connections,
        proxy_headers=bool(proxies),
        forwarded_allow_ips=list(proxies),
        ws="websockets-sansio",
        ws_max_size=max_message_bytes,
        # Compressing would keep a window for each socket, most of which have nothing to say.
        ws_per_message_deflate=False,
        ws_ping_interval=_PING_SECONDS,
        ws_ping_timeout=_PING_SECONDS,
    )


def listen(host: str, port: int) -> socket.socket:
    """A socket at this address, which takes nothing yet.

    Raises:
        OSError: The address is in use, or not of this machine.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.socket(family)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((host, port))
    except OSError as error:
        listening.close()
        raise OSError(
            f"Cannot listen at {host}:{port}: {error.strerror}. Choose another with --port."
        ) from error
    return listening
