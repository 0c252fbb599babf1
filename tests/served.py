"""An application served over real connections, as `appointment360 serve` serves it."""

import asyncio
import signal
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

from starlette.types import ASGIApp

from app.server import Server, listen, server_config

MAX_MESSAGE_BYTES = 10_000


@dataclass(frozen=True)
class Served:
    """A server in this process.

    Attributes:
        port: At 127.0.0.1.
    """

    port: int
    server: Server
    task: asyncio.Task[None]

    @property
    def http(self) -> str:
        """Where requests go."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def connections(self) -> int:
        """How many there are, those that wait for their end among them."""
        return len(self.server.server_state.connections)

    @property
    def socket(self) -> str:
        """Where sockets are opened."""
        return f"ws://127.0.0.1:{self.port}/graphql"

    async def stop(self) -> None:
        """Have it end as a signal does, and wait for that."""
        self.server.should_exit = True
        await self.task


@asynccontextmanager
async def serving(
    app: ASGIApp,
    *,
    on_stop: Callable[[], None] = lambda: None,
    patience_seconds: float = 5,
    max_connections: int | None = None,
    proxies: Sequence[str] = (),
    drain_seconds: float = 0,
) -> AsyncIterator[Served]:
    """Serve an application as long as the block lasts.

    Args:
        patience_seconds: How long a client that reads nothing may hold up its end.
        drain_seconds: How long it goes on answering after SIGTERM.
    """
    numbers = (signal.SIGINT, signal.SIGTERM)
    handlers = {number: signal.getsignal(number) for number in numbers}
    listening = listen("127.0.0.1", 0)
    started = asyncio.Event()
    config = server_config(
        app,
        max_message_bytes=MAX_MESSAGE_BYTES,
        max_connections=max_connections,
        proxies=proxies,
    )
    server = Server(
        config,
        on_start=started.set,
        drain_seconds=drain_seconds,
        on_stop=on_stop,
        closing_seconds=patience_seconds,
        stopping_seconds=patience_seconds,
    )
    task = asyncio.create_task(server.serve(sockets=[listening]))
    served = Served(listening.getsockname()[1], server, task)
    await started.wait()
    try:
        yield served
    finally:
        await served.stop()
        # A server that was told to stop keeps them.
        for number, handler in handlers.items():
            signal.signal(number, handler)
