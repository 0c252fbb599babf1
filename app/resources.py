"""Everything a process holds open: server, CLI and tests open it the same way."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy.engine import URL

from access.accounts import Accounts
from access.authentication import Authentication
from access.revocations import REFRESH_SECONDS
from access.tokens import Tokens
from app.access import open_access
from app.activity import Activity
from app.caching import Caching, connection_name, open_caching
from app.embedded.server import EmbeddedServer, default_folder
from app.engines import direct_url, open_engines, replica_of
from app.files import open_files
from app.links import Links
from app.log_lines import STDERR
from app.monitoring import slow_statement_log
from app.observing import Observers
from app.pool_monitor import monitoring_pools
from app.postgresql import open_postgresql
from app.secret import load_secret, previous_secret
from app.settings import Settings
from app.siblings import Place, Siblings, open_siblings
from app.slow_statements import SlowStatements, open_slow_statements
from app.stopping import StopClock
from app.tracing.opening import open_tracing
from app.tracing.spans import Tracer
from app.tracing.statements import statement_spans
from app.vitals import Sources, Vitals
from cache.buckets import Buckets, open_buckets
from cache.lease import LEASE_SECONDS
from db.announcing import announce
from db.cache_state import CacheState
from db.engine import STATEMENT_SECONDS
from db.listening import open_listener
from db.probe import DatabaseProbe
from db.replica import Replica
from db.transaction import CommitGuard, Database, StatementObserver
from domain.beside import beside
from domain.paging import CursorCodec
from graph.asking import operation_name
from graph.feeds import Feeds, open_feeds
from jobs.background import BackgroundTasks, open_background
from jobs.images import Pictures, open_pictures
from jobs.parallel import ParallelSettings
from streaming.exporting import Exporter
from streaming.uploads import Uploads

Progress = Callable[[str], None]


@dataclass(frozen=True, kw_only=True)
class Resources:
    """What the parts of the application are made from.

    Attributes:
        replica: Where queries are read; None when there is none, or nothing is served.
        caching: Keeps answers of queries; of what is not served it only says what is out of date.
        embedded: The server of our own; None when DATABASE_URL names another.
        buckets: How much users have left of what they may ask for.
        accounts: Lets users in, and keeps them.
        authentication: Tells who sends a request.
        observers: Are told of requests and operations.
        siblings: The server processes at the same address.
        tracer: Makes spans; None when nobody has asked for traces.
        slow_statements: Those of late, with what is wrong with them.
        vitals: How the process does, second by second.
    """

    settings: Settings
    data_folder: Path
    database_url: URL
    database: Database
    replica: Replica | None
    caching: Caching
    background: BackgroundTasks
    activity: Activity
    parallel: ParallelSettings
    feeds: Feeds
    probe: DatabaseProbe
    tokens: Tokens
    links: Links
    cursors: CursorCodec
    exporter: Exporter
    uploads: Uploads
    pictures: Pictures
    embedded: EmbeddedServer | None
    stop_clock: StopClock
    buckets: Buckets
    accounts: Accounts
    authentication: Authentication
    observers: Observers
    siblings: Siblings
    tracer: Tracer | None
    slow_statements: SlowStatements
    vitals: Vitals


def data_folder(settings: Settings) -> Path:
    """Where the server keeps its own database and secret."""
    return settings.data_dir or default_folder()


@asynccontextmanager
async def open_resources(
    settings: Settings,
    *,
    progress: Progress = lambda _message: None,
    statement_timeout_seconds: float = STATEMENT_SECONDS,
    with_replica: bool = False,
    with_cache: bool = False,
    lease_seconds: float = LEASE_SECONDS,
    revocation_seconds: float = REFRESH_SECONDS,
    place: Place | None = None,
) -> AsyncIterator[Resources]:
    """Open everything, and close it in the opposite order.

    Args:
        progress: Called with a sentence before each step that takes time.
        statement_timeout_seconds: More than the default is for loads and migrations.
        with_replica: For serving: everything else is about the primary alone.
        with_cache: For serving: everything else reads what is stored.
        lease_seconds: How long the cache is trusted without a look at who else writes.
        revocation_seconds: How long a token is taken that another process has revoked.
        place: Which of the processes at one address this is; None when it is alone.

    Raises:
        EmbeddedServerError: The embedded PostgreSQL cannot be had.
        FileStoreError: FILE_STORE_URL cannot be used.
        TracingUnavailable: Traces are asked for and cannot be had.
    """
    folder, stop_clock, observers = data_folder(settings), StopClock(), Observers()
    async with AsyncExitStack() as stack:
        enter = stack.enter_async_context
        stack.callback(STDERR.write)
        tracer = await enter(open_tracing(stop_seconds=stop_clock.at_most))
        url, embedded = await enter(open_postgresql(settings, folder, progress=progress))
        name = connection_name(settings, serves=with_cache)
        engines = await enter(
            open_engines(
                settings,
                url,
                application_name=name,
                statement_timeout_seconds=statement_timeout_seconds,
            )
        )
        plain = Database(engines.work)
        secret = await asyncio.to_thread(load_secret, settings, folder)
        caching = await enter(
            open_caching(
                settings,
                CacheState(name, plain),
                secret=secret,
                direct_url=direct_url(settings, url),
                serves=with_cache,
                lease_seconds=lease_seconds,
                tracer=tracer,
            )
        )
        database = _database(plain, settings, guard=caching.guard, tracer=tracer)
        stack.push_async_callback(database.shown)
        cursors = CursorCodec(secret)
        exporter, uploads = await enter(open_files(settings, folder, database, cursors=cursors))
        background = await enter(
            open_background(
                max_concurrent=settings.max_concurrent_background_tasks,
                drain_seconds=lambda: stop_clock.at_most(settings.background_task_timeout),
            )
        )
        activity = Activity(background, database)
        stack.callback(activity.flush)
        stack.push_async_callback(database.settle)
        listener = await enter(open_listener(direct_url(settings, url)))
        caught_up = caching.lease.caught_up if caching.lease else None
        feeds = await enter(open_feeds(listener, database, caught_up=caught_up))
        replica = await enter(_open_replica(settings, url, database)) if with_replica else None
        previous = previous_secret(settings)
        tokens = Tokens(secret, previous=previous)
        buckets = await enter(open_buckets(settings.shared_redis))
        access = await enter(
            open_access(
                settings,
                database,
                tokens,
                buckets,
                reserved=Database(engines.revocations),
                refresh_seconds=revocation_seconds,
            )
        )
        slow_statements = await enter(
            open_slow_statements(
                database,
                threshold_seconds=settings.slow_query_threshold,
                is_enabled=settings.enable_query_monitoring,
            )
        )
        vitals = _vitals(database, caching, feeds)
        vitals.hear(observers)
        if with_cache:
            await enter(monitoring_pools(settings, database, replica))
            await enter(beside(vitals.watch()))
        yield Resources(
            settings=settings,
            data_folder=folder,
            database_url=url,
            database=database,
            replica=replica,
            caching=caching,
            background=background,
            activity=activity,
            parallel=parallel_settings(settings),
            feeds=feeds,
            probe=DatabaseProbe(Database(engines.probe)),
            tokens=tokens,
            links=Links(secret, previous=previous),
            cursors=cursors,
            exporter=exporter,
            uploads=uploads,
            pictures=await enter(open_pictures()),
            embedded=embedded,
            stop_clock=stop_clock,
            buckets=buckets,
            accounts=access.accounts,
            authentication=access.authentication,
            observers=observers,
            siblings=await enter(open_siblings(place)),
            tracer=tracer,
            slow_statements=slow_statements,
            vitals=vitals,
        )


def _database(
    plain: Database, settings: Settings, *, guard: CommitGuard, tracer: Tracer | None
) -> Database:
    """The same database, with all that is to hear of its statements and changes."""
    observers: list[StatementObserver] = []
    if settings.enable_query_monitoring:
        observers.append(slow_statement_log(settings.slow_query_threshold))
    if tracer is not None:
        observers.append(statement_spans(tracer))
    return Database(
        plain.engine,
        observers=observers,
        before_commit=[announce],
        guard=guard,
        pool_statistics=plain.pool_statistics,
        comment=operation_name if settings.enable_sql_comments else None,
    )


@asynccontextmanager
async def _open_replica(
    settings: Settings, primary: URL, database: Database
) -> AsyncIterator[Replica | None]:
    """The replica that the settings name, looked at while the block runs."""
    async with replica_of(settings, primary, database) as replica:
        if replica is None:
            yield None
            return
        async with beside(replica.watch()):
            yield replica


def _vitals(database: Database, caching: Caching, feeds: Feeds) -> Vitals:
    return Vitals(
        Sources(
            pool=database.pool_statistics.snapshot,
            cache=caching.cache.counts if caching.cache else None,
            streams=lambda: feeds.seats.taken,
        )
    )


def parallel_settings(settings: Settings) -> ParallelSettings:
    """How much of one task is done at the same time."""
    return ParallelSettings(
        workers=settings.parallel_processing_workers,
        max_workers=settings.parallel_processing_max_workers,
        is_enabled=settings.enable_parallel_processing,
    )
