"""Serving: the process from its first line on the terminal to its last connection."""

import asyncio
import signal
import socket
import sys
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager, nullcontext
from functools import partial
from math import inf
from typing import Final

import uvicorn
import uvloop
from starlette.types import ASGIApp

from app.asgi import create_app
from app.collecting import spare_the_collector
from app.connections import BoundedProtocol
from app.first_start import Admin, ensure_admin, prepare
from app.resources import Resources, open_resources
from app.settings import Settings
from app.stopping import REQUEST_SECONDS
from app.warming import warming_at_start
from app.working import at_work, build_worker
from jobs.queue import CONNECTIONS

_SPARE_CONNECTIONS: Final = 10
_DEMO_TOKEN_SECONDS: Final = 24 * 3600
_PING_SECONDS: Final = 20.0
_MAX_MESSAGE_BYTES: Final = 2**20
_CLOSING_SECONDS: Final = 60.0
_STOPPING_SECONDS: Final = 5.0


class PoolTooLarge(Exception):
    """More connections are configured than PostgreSQL takes."""


class _Server(uvicorn.Server):
    """uvicorn, leaving the process to us after a signal: what we hold open is closed in order.

    Args:
        on_start: Called once it takes requests.
        on_stop: Called before it waits for what it answers to be done.
        closing_seconds: How long a connection that is closed waits for a client that reads nothing.
        stopping_seconds: How long each waits for one while the server stops.
    """

    def __init__(
        self,
        config: uvicorn.Config,
        *,
        on_start: Callable[[], None],
        on_stop: Callable[[], None],
        closing_seconds: float = _CLOSING_SECONDS,
        stopping_seconds: float = _STOPPING_SECONDS,
    ) -> None:
        super().__init__(config)
        self._on_start = on_start
        self._on_stop = on_stop
        self._closing_seconds = closing_seconds
        self._stopping_seconds = stopping_seconds
        self._is_stopping = False

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Take requests."""
        await super().startup(sockets)
        self._on_start()

    async def main_loop(self) -> None:
        """Run until the process is to stop."""
        async with self._breaking_off(self._closing_seconds):
            await super().main_loop()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Take nothing more, and wait for what has begun."""
        self._on_stop()
        self._is_stopping = True
        async with self._breaking_off(self._stopping_seconds):
            await super().shutdown(sockets)

    @asynccontextmanager
    async def _breaking_off(self, seconds: float) -> AsyncIterator[None]:
        task = asyncio.create_task(self._break_off(seconds))
        try:
            yield
        finally:
            task.cancel()

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
        """Take SIGINT and SIGTERM as the wish to stop, without raising them again afterwards."""
        taken = {
            number: signal.signal(number, self.handle_exit)
            for number in (signal.SIGINT, signal.SIGTERM)
        }
        try:
            yield
        finally:
            for number, before in taken.items():
                signal.signal(number, before)


def serve(settings: Settings, *, demo: bool, jobs: bool) -> None:
    """Serve until a signal comes.

    Args:
        jobs: Run a worker for durable jobs in this process too.

    Raises:
        OSError: The address is in use.
    """
    listening = listen(settings.host, settings.port)
    # Until uvicorn takes the signals over, a SIGTERM must close what is open as Ctrl-C does.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    uvloop.run(_serve(settings, listening, demo=demo, jobs=jobs))


async def _serve(settings: Settings, listening: socket.socket, *, demo: bool, jobs: bool) -> None:
    async with open_resources(
        settings, progress=_say, with_replica=True, with_cache=True
    ) as resources:
        await _check_pool(resources, jobs=jobs)
        admin = await _prepared(resources, demo=demo)
        app = create_app(resources)
        worker = build_worker(resources) if jobs else None

        def stop() -> None:
            resources.stop_clock.begin()
            app.end_streams()
            if worker is not None:
                worker.stop()

        async with (
            nullcontext() if worker is None else at_work(worker, resources.stop_clock),
            warming_at_start(resources, app.warmers),
        ):
            port = listening.getsockname()[1]
            await answer_requests(
                app,
                listening,
                on_start=partial(_welcome, resources, admin, port=port),
                max_message_bytes=settings.max_body_size,
                max_connections=settings.max_connections,
                proxies=settings.trusted_proxies,
                on_stop=stop,
            )
            _say("Stopping")


async def answer_requests(
    app: ASGIApp,
    listening: socket.socket,
    *,
    max_message_bytes: int = _MAX_MESSAGE_BYTES,
    max_connections: int | None = None,
    proxies: Sequence[str] = (),
    on_start: Callable[[], None] = lambda: None,
    on_stop: Callable[[], None] = lambda: None,
) -> None:
    """Answer what comes to a socket until a signal comes and what has begun is done.

    Args:
        max_message_bytes: What a client may send over a WebSocket at once.
        max_connections: How many are taken, WebSockets among them; None for any number.
        proxies: Addresses that are believed for whom they forward, and whether over https.
        on_start: Is told that requests are taken.
        on_stop: Ends what would not be done by itself.
    """
    config = server_config(
        app, max_message_bytes=max_message_bytes, max_connections=max_connections, proxies=proxies
    )
    server = _Server(config, on_start=on_start, on_stop=on_stop)
    spare_the_collector()
    await server.serve(sockets=[listening])


def server_config(
    app: ASGIApp,
    *,
    max_message_bytes: int,
    max_connections: int | None = None,
    proxies: Sequence[str] = (),
) -> uvicorn.Config:
    """How uvicorn serves an application."""
    return uvicorn.Config(
        app,
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=REQUEST_SECONDS,
        http=BoundedProtocol,
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


async def _prepared(resources: Resources, *, demo: bool) -> Admin:
    if not resources.settings.is_production:
        return await prepare(resources, demo=demo, progress=_say)
    if problem := await resources.probe.problem():
        raise SystemExit(f"{problem} Run `appointment360 migrate`.")
    return await ensure_admin(resources)


async def _check_pool(resources: Resources, *, jobs: bool) -> None:
    """Refuse a pool that PostgreSQL could not fill: requests would fail only under load.

    A replica has a pool of the same size on its own server; that takes as many as the primary at
    least, or PostgreSQL would not let it be a standby.
    """
    settings = resources.settings
    wanted = settings.pool.most
    if jobs:
        wanted += CONNECTIONS
    limit = await resources.probe.max_connections()
    if wanted > limit - _SPARE_CONNECTIONS:
        raise PoolTooLarge(
            f"DATABASE_POOL_SIZE and DATABASE_MAX_OVERFLOW make {wanted} connections"
            f"{' with those of the worker' if jobs else ''}; PostgreSQL "
            f"takes {limit}, and {_SPARE_CONNECTIONS} have to stay free."
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
    listening.set_inheritable(True)
    return listening


def _welcome(resources: Resources, admin: Admin, *, port: int) -> None:
    """Tell a newcomer what there is. In production no token is written anywhere.

    The password of an admin that has just been made is: nobody could come in otherwise.
    """
    host = resources.settings.host
    address = f"http://{f'[{host}]' if ':' in host else host}:{port}"
    if resources.settings.is_production:
        _say("\n".join([f"Serving {address}/graphql", *_first_login(admin)]))
        return
    token = resources.accounts.signing_in.issue_token(admin.user, ttl_seconds=_DEMO_TOKEN_SECONDS)
    query = "{ contacts(first: 3) { nodes { fullName title company { name } } totalCount } }"
    lines = [
        "",
        "Appointment360 is ready.",
        "",
        f"  Explorer   {address}/#token={token}",
        f"  GraphQL    {address}/graphql",
        f"  Data       {_where(resources)}",
        "  Stop       Ctrl-C",
        "",
        *_first_login(admin),
        "Try it (the token is an admin's and lasts a day):",
        "",
        f"  curl {address}/graphql \\",
        f"    -H 'Authorization: Bearer {token}' \\",
        "    -H 'Content-Type: application/json' \\",
        f"""    -d '{{"query": "{query}"}}'""",
        "",
    ]
    _say("\n".join(lines))


def _first_login(admin: Admin) -> list[str]:
    """How to come in for the first time; nothing when somebody has."""
    if admin.password is None:
        return []
    return [
        "The first admin was made; this password is shown once:",
        "",
        f"  E-mail     {admin.user.email}",
        f"  Password   {admin.password}",
        "",
    ]


def _where(resources: Resources) -> str:
    if resources.embedded is not None:
        return str(resources.embedded.folder)
    return resources.database_url.render_as_string(hide_password=True)


def _say(message: str) -> None:
    print(message, file=sys.stderr, flush=True)  # noqa: T201  # this is the program's terminal
