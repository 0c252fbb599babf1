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
from app.engines import direct_url, open_engines
from app.links import Links
from app.log_lines import STDERR
from app.monitoring import slow_statement_log
from app.observing import Observers
from app.pool_monitor import monitoring_pools
from app.postgresql import open_postgresql
from app.secret import load_secret
from app.settings import Settings
from app.siblings import Place, Siblings, open_siblings
from app.slow_statements import SlowStatements, open_slow_statements
from app.stopping import StopClock
from app.tracing.opening import open_tracing
from app.tracing.spans import Tracer
from app.tracing.statements import statement_spans
from app.vitals import Sources, Vitals, open_vitals
from cache.buckets import Buckets, open_buckets
from cache.lease import LEASE_SECONDS
from db.announcing import announce
from db.cache_state import CacheState
from db.engine import STATEMENT_SECONDS, normalize_database_url
from db.listening import open_listener
from db.pool_statistics import PoolStatistics
from db.probe import DatabaseProbe
from db.replica import Replica, open_replica
from db.transaction import Database
from domain.beside import beside
from domain.paging import CursorCodec
from graph.asking import operation_name
from graph.feeds import Feeds, open_feeds
from jobs.background import BackgroundTasks, open_background
from jobs.images import Pictures, open_pictures
from jobs.parallel import ParallelSettings
from streaming.exporting import Exporter, ExportSettings
from streaming.spools import open_spools
from streaming.upload_limits import UploadSettings
from streaming.uploads import Uploads, open_uploads

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
    folder = data_folder(settings)
    name = connection_name(settings, serves=with_cache)
    stop_clock = StopClock()
    async with AsyncExitStack() as stack:
        stack.callback(STDERR.write)
        tracer = await stack.enter_async_context(open_tracing(stop_seconds=stop_clock.at_most))
        url, embedded = await stack.enter_async_context(
            open_postgresql(settings, folder, progress=progress)
        )
        engines = await stack.enter_async_context(
            open_engines(
                settings,
                url,
                application_name=name,
                statement_timeout_seconds=statement_timeout_seconds,
            )
        )
        pool_statistics = PoolStatistics(engines.work)
        secret = await asyncio.to_thread(load_secret, settings, folder)
        previous_key = settings.secret_key_previous
        previous = previous_key.get_secret_value().encode() if previous_key else None
        observers = (
            [slow_statement_log(settings.slow_query_threshold)]
            if settings.enable_query_monitoring
            else []
        )
        caching = await stack.enter_async_context(
            open_caching(
                settings,
                CacheState(name, Database(engines.work, pool_statistics=pool_statistics)),
                secret=secret,
                direct_url=direct_url(settings, url),
                serves=with_cache,
                lease_seconds=lease_seconds,
                tracer=tracer,
            )
        )
        database = Database(
            engines.work,
            observers=observers,
            before_commit=[announce],
            guard=caching.guard,
            pool_statistics=pool_statistics,
            comment=operation_name if settings.enable_sql_comments else None,
        )
        if tracer is not None:
            database.observers.append(statement_spans(tracer))
        stack.push_async_callback(database.shown)
        cursors = CursorCodec(secret)
        exporter = await stack.enter_async_context(
            open_exporter(settings, folder, database, cursors)
        )
        uploads = await open_uploads(
            folder / "uploads",
            database,
            upload_settings(settings),
            store_url=settings.file_store_url,
        )
        background = await stack.enter_async_context(
            open_background(
                max_concurrent=settings.max_concurrent_background_tasks,
                drain_seconds=lambda: stop_clock.at_most(settings.background_task_timeout),
            )
        )
        activity = Activity(background, database)
        stack.callback(activity.flush)
        stack.push_async_callback(database.settle)
        listener = await stack.enter_async_context(open_listener(direct_url(settings, url)))
        feeds = await stack.enter_async_context(
            open_feeds(
                listener, database, caught_up=caching.lease.caught_up if caching.lease else None
            )
        )
        replica = None
        if with_replica:
            replica = await stack.enter_async_context(replica_of(settings, url, database))
        if replica is not None:
            await stack.enter_async_context(beside(replica.watch()))
        if with_cache:
            await stack.enter_async_context(monitoring_pools(settings, database, replica))
        tokens = Tokens(secret, previous=previous)
        buckets = await stack.enter_async_context(open_buckets(_redis_url(settings)))
        access = await stack.enter_async_context(
            open_access(
                settings,
                database,
                tokens,
                buckets,
                reserved=Database(engines.revocations),
                refresh_seconds=revocation_seconds,
            )
        )
        slow_statements = await stack.enter_async_context(
            open_slow_statements(
                database,
                threshold_seconds=settings.slow_query_threshold,
                is_enabled=settings.enable_query_monitoring,
            )
        )
        heard = Observers()
        sources = Sources(
            pool=pool_statistics.snapshot,
            cache=caching.cache.counts if caching.cache else None,
            streams=lambda: feeds.seats.taken,
        )
        vitals = await stack.enter_async_context(open_vitals(sources, heard))
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
            pictures=await stack.enter_async_context(open_pictures()),
            embedded=embedded,
            stop_clock=stop_clock,
            buckets=buckets,
            accounts=access.accounts,
            authentication=access.authentication,
            observers=heard,
            siblings=await stack.enter_async_context(open_siblings(place)),
            tracer=tracer,
            slow_statements=slow_statements,
            vitals=vitals,
        )


def _redis_url(settings: Settings) -> str | None:
    """Where processes share what is neither stored nor lost with them; None where each is alone."""
    return settings.redis_url.get_secret_value() if settings.enable_redis_cache else None


@asynccontextmanager
async def open_exporter(
    settings: Settings, folder: Path, database: Database, cursors: CursorCodec
) -> AsyncIterator[Exporter]:
    """What makes exports, with the files it keeps."""
    async with open_spools(
        folder / "spool",
        ttl_seconds=settings.export_spool_ttl,
        quota_bytes=settings.export_spool_quota,
        most_of_one_owner=settings.max_concurrent_exports,
    ) as spools:
        exports = ExportSettings(
            is_enabled=settings.enable_streaming_queries,
            most_rows=settings.max_streaming_results,
            batch_rows=settings.streaming_batch_size,
            chunk_bytes=settings.streaming_chunk_size,
            ttl_seconds=settings.export_spool_ttl,
        )
        yield Exporter(database, spools, exports, cursors)


def upload_settings(settings: Settings) -> UploadSettings:
    """What operators decide about the files that users send."""
    return UploadSettings(
        max_import_bytes=settings.max_import_size,
        max_upload_bytes=settings.max_upload_size,
        chunk_bytes=settings.max_upload_chunk_size,
        ttl_seconds=settings.upload_ttl,
        quota_bytes=settings.upload_quota,
    )


def parallel_settings(settings: Settings) -> ParallelSettings:
    """How much of one task is done at the same time."""
    return ParallelSettings(
        workers=settings.parallel_processing_workers,
        max_workers=settings.parallel_processing_max_workers,
        is_enabled=settings.enable_parallel_processing,
    )


@asynccontextmanager
async def replica_of(
    settings: Settings, primary: URL, database: Database
) -> AsyncIterator[Replica | None]:
    """The replica that the settings name, which nobody looks at yet; None when they name none."""
    if settings.database_replica_url is None:
        yield None
        return
    async with open_replica(
        normalize_database_url(settings.database_replica_url.get_secret_value()),
        database,
        primary=direct_url(settings, primary),
        pool_size=settings.pool.size,
        max_overflow=settings.pool.overflow,
    ) as replica:
        yield replica
