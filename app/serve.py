"""Serving: a server from its start to its end, in one process or several."""

import asyncio
import os
import signal
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, nullcontext, suppress
from typing import Final

import structlog
import uvicorn
import uvloop

from app.asgi import Application, create_app
from app.collecting import spare_the_collector
from app.embedded.binaries import EmbeddedServerError
from app.first_start import Admin, ensure_admin, prepare
from app.resources import Resources, open_resources
from app.server import Server, listen, server_config
from app.settings import Settings
from app.shares import Share, Shares
from app.start_checks import CannotStart, check_connections, check_tables
from app.stopping import end_at_last
from app.supervisor import Child, supervise
from app.terminal import say
from app.warming import warming_at_start
from app.welcome import welcome
from app.working import at_work, build_worker
from domain.errors import AppError
from graph.schema import build_schema, core_schema
from graph.stored_documents import StoredDocumentsError

START_FAILURES: Final = (
    OSError,
    EmbeddedServerError,
    AppError,
    CannotStart,
    StoredDocumentsError,
)
"""What keeps a server from starting, and is told in words."""

log = structlog.get_logger(__name__)


def serve(settings: Settings, *, demo: bool, jobs: bool) -> None:
    """Serve until a signal comes.

    Args:
        jobs: Run a worker for durable jobs too, in one of the processes.

    Raises:
        OSError: The address is in use.
        CannotStart: Something has to be set otherwise.
        ProcessesFailed: One of several processes could not be kept running.
    """
    listening = listen(settings.host, settings.port)
    # Until uvicorn takes the signals over, a SIGTERM must close what is open as Ctrl-C does.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    if settings.workers == 1:
        uvloop.run(_serve(settings, listening, demo=demo, jobs=jobs))
    else:
        _serve_together(settings, listening, demo=demo, jobs=jobs)


def _serve_together(
    settings: Settings, listening: socket.socket, *, demo: bool, jobs: bool
) -> None:
    """Serve by several processes, which have in common what is made before they begin."""
    shared = _with_shared_cache_or_none(settings)
    build_schema(), core_schema()
    shares = Shares(settings.workers)
    spare_the_collector()

    def serve_one(child: Child) -> int:
        number = child.place.number
        served = _serve(
            shared,
            listening,
            demo=demo,
            jobs=jobs and number == 0,
            child=child,
            share=Share(shares, number),
        )
        try:
            uvloop.run(served)
        except START_FAILURES as error:
            say(str(error))
            return 1
        return 0

    supervise(settings.workers, serve_one, on_stop=listening.close, on_end=shares.leave)


def _with_shared_cache_or_none(settings: Settings) -> Settings:
    """The settings of several processes: a cache that only one of them knew would be wrong."""
    if settings.enable_redis_cache:
        return settings
    log.warning(
        "processes_share_no_redis",
        workers=settings.workers,
        reason="Answers are not cached, and limits are counted by each process on its own."
        " Set ENABLE_REDIS_CACHE and REDIS_URL.",
    )
    return settings.model_copy(update={"enable_query_caching": False})


async def _serve(
    settings: Settings,
    listening: socket.socket,
    *,
    demo: bool,
    jobs: bool,
    child: Child | None = None,
    share: Share | None = None,
) -> None:
    place = None if child is None else child.place
    is_head = place is None or place.number == 0
    async with (
        _tied_to_the_others(child),
        open_resources(
            settings, progress=say, with_replica=True, with_cache=True, place=place
        ) as resources,
    ):
        resources.stop_clock.on_begin(end_at_last)
        admin = await _prepared(resources, demo=demo, jobs=jobs, child=child)
        app = create_app(resources)
        worker = build_worker(resources) if jobs else None
        port = listening.getsockname()[1]

        def started() -> None:
            if admin is not None and (child is None or child.is_first):
                welcome(resources, admin, port=port)
            if child is not None and child.is_first:
                os.write(child.ready, b".")

        def stop() -> None:
            app.end_streams()
            if worker is not None:
                worker.stop()

        async with (
            nullcontext() if worker is None else at_work(worker, resources.stop_clock),
            warming_at_start(resources, app.warmers) if is_head else nullcontext(),
        ):
            server = Server(
                _config(app, settings),
                stop_clock=resources.stop_clock,
                drain_seconds=settings.drain_seconds,
                share=share,
                on_start=started,
                on_stop=stop,
            )
            await server.answer(listening)
            if is_head:
                say("Stopping")


def _config(app: Application, settings: Settings) -> uvicorn.Config:
    return server_config(
        app,
        max_message_bytes=settings.max_body_size,
        max_connections=settings.max_connections,
        proxies=settings.trusted_proxies,
    )


async def _prepared(
    resources: Resources, *, demo: bool, jobs: bool, child: Child | None
) -> Admin | None:
    """Have the database be ready; the admin whom the terminal is told of, unless by another one."""
    settings = resources.settings
    if child is not None and not child.is_first:
        # The first has prepared it, and one that is away at present will be back.
        await check_tables(resources, may_be_away=True)
        return None
    await check_connections(resources, processes=settings.workers, works=jobs)
    if not settings.is_production:
        return await prepare(resources, demo=demo, progress=say)
    await check_tables(resources)
    return await ensure_admin(resources)


@asynccontextmanager
async def _tied_to_the_others(child: Child | None) -> AsyncIterator[None]:
    """Stop as by a signal when the process that watches over this one has gone."""
    if child is None:
        yield
        return
    loop, is_left = asyncio.get_running_loop(), asyncio.Event()

    def stop() -> None:
        is_left.set()
        loop.remove_reader(child.tether)
        os.kill(os.getpid(), signal.SIGTERM)

    loop.add_reader(child.tether, stop)
    try:
        yield
    finally:
        loop.remove_reader(child.tether)
        if is_left.is_set():
            # Nobody else will; it is empty once the last of them goes.
            with suppress(OSError):
                child.place.folder.rmdir()
