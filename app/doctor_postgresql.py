"""What the doctor sees of PostgreSQL: the server, the ways to it, the replica and the queue."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Final

from sqlalchemy.engine import URL

from app.embedded.binaries import EmbeddedServerError, binaries
from app.embedded.server import has_data
from app.engines import direct_url, replica_of
from app.findings import Finding, failure, note
from app.postgresql import open_postgresql
from app.settings import Settings
from app.start_checks import connections_of
from db.engine import normalize_database_url, open_engine
from db.inspection import ServerFacts, Way, look_along, read_facts
from db.job_health import read_job_health
from db.migrate import head_revision, knows_revision
from db.transaction import Database
from db.trigrams import missing_indexes
from domain.errors import AppError
from jobs.worker import WorkerSettings

_OLDEST: Final = 15
_SPARE_CONNECTIONS: Final = 10
_SKEW_SECONDS: Final = 2.0
_LARGE_SKEW_SECONDS: Final = 10.0
_LONG_WAIT_SECONDS: Final = 300.0
_REPLICA_SECONDS: Final = 0.5
_NAME: Final = "appointment360-doctor"


async def look_at_postgresql(settings: Settings, folder: Path) -> AsyncIterator[Finding]:
    """Everything there is to find; little when it cannot be reached.

    Args:
        folder: DATA_DIR.
    """
    try:
        yield _programs(settings)
        if settings.database_url is None and not has_data(folder):
            yield Finding("Database", "made at the first start")
            return
        async with open_postgresql(settings, folder) as (url, _):
            async for finding in _look(settings, url):
                yield finding
    except EmbeddedServerError as error:
        yield failure("Database", str(error), "Do as it says, and look again.")
    except (AppError, OSError) as error:
        yield await _unreachable(settings, getattr(error, "message", None) or str(error))


async def _unreachable(settings: Settings, words: str) -> Finding:
    """Why it may be that nothing answers at an address."""
    if settings.database_url is not None:
        url = normalize_database_url(settings.database_url.get_secret_value())
        with suppress(AppError, OSError):
            # A pooler refuses what we want at the start of a session.
            if (await look_along(direct_url(settings, url), per_transaction=True)).is_pooled:
                is_direct = settings.database_direct_url is not None
                return _direct_is_pooled() if is_direct else _needs_pooler()
    advice = "Start PostgreSQL, or correct DATABASE_URL: address, user, password, name."
    return failure("Database", words, advice)


async def _look(settings: Settings, url: URL) -> AsyncIterator[Finding]:
    direct = direct_url(settings, url)
    async with _open(direct) as database:
        facts = await read_facts(database)
        yield Finding("Database", "reachable")
        yield _version(facts)
        yield _tables(facts)
        yield _durability(facts)
        yield _clock(facts)
        yield _connections(settings, facts)
        async for finding in _ways(settings, url, direct):
            yield finding
        if facts.migration == head_revision():
            yield await _trigrams(database, facts)
            yield await _queue(database)
            async for finding in _replica(settings, direct, database):
                yield finding


def _programs(settings: Settings) -> Finding:
    programs = binaries()
    if settings.database_url is not None:
        return Finding("PostgreSQL", f"DATABASE_URL; programs for backups in {programs}")
    return Finding("PostgreSQL", f"embedded, {programs}")


def _version(facts: ServerFacts) -> Finding:
    words = f"PostgreSQL {facts.version}, at most {facts.max_connections} connections"
    if facts.major < _OLDEST:
        return failure("Server", words, f"Upgrade it: {_OLDEST} is the oldest that will do.")
    if facts.in_recovery:
        advice = "Let DATABASE_URL lead to the primary; a standby is for DATABASE_REPLICA_URL."
        return failure("Server", f"{words}; a standby, which takes no changes", advice)
    return Finding("Server", words)


def _tables(facts: ServerFacts) -> Finding:
    head = head_revision()
    if facts.migration == head:
        return Finding("Tables", f"migration {head}, the newest")
    if facts.migration is not None and not knows_revision(facts.migration):
        words = f"migration {facts.migration}, of a newer release than this one"
        return failure("Tables", words, "Use that release, or restore a backup from before.")
    words = "none of ours yet" if facts.migration is None else f"migration {facts.migration}"
    return failure("Tables", f"{words}, not {head}", "Run `appointment360 migrate`.")


def _durability(facts: ServerFacts) -> Finding:
    off = [
        name
        for name, is_on in (
            ("fsync", facts.fsync),
            ("full_page_writes", facts.full_page_writes),
            ("synchronous_commit", facts.synchronous_commit != "off"),
        )
        if not is_on
    ]
    if off:
        words = f"{', '.join(off)} off: what was answered as saved may be lost"
        return failure("Durability", words, "Switch them on in postgresql.conf.")
    return Finding("Durability", "a change is on the disk before it is answered")


def _clock(facts: ServerFacts) -> Finding:
    skew = abs(facts.skew_seconds)
    words = f"{skew:.1f} s apart from PostgreSQL's"
    advice = "Keep both by NTP: tokens and deadlines compare them."
    if skew > _LARGE_SKEW_SECONDS:
        return failure("Clock", words, advice)
    return note("Clock", words, advice) if skew > _SKEW_SECONDS else Finding("Clock", words)


def _connections(settings: Settings, facts: ServerFacts) -> Finding:
    wanted = connections_of(settings, processes=settings.workers, works=True)
    words = (
        f"up to {wanted} for a server with {settings.workers} WORKERS and its worker, of"
        f" {facts.max_connections}; {facts.others} are others'"
    )
    advice = "Lower DATABASE_POOL_SIZE, DATABASE_MAX_OVERFLOW or WORKERS, or raise max_connections."
    if wanted > facts.max_connections - _SPARE_CONNECTIONS:
        return failure("Connections", words, advice)
    if wanted + facts.others > facts.max_connections - _SPARE_CONNECTIONS:
        return note("Connections", words, advice)
    return Finding("Connections", words)


async def _ways(settings: Settings, url: URL, direct: URL) -> AsyncIterator[Finding]:
    """Whether the addresses are what the settings say: past a pooler, or by way of one."""
    is_pooled = settings.database_pooler != "none"
    usual = await look_along(url, per_transaction=is_pooled)
    yield _usual_way(usual, is_pooled=is_pooled)
    if is_pooled and usual.unset:
        yield note(
            "Role",
            f"its sessions begin without {', '.join(usual.unset)} of ours",
            "Run `appointment360 migrate`, then RECONNECT in the pooler.",
        )
    if settings.database_direct_url is None:
        return
    way = await look_along(direct, per_transaction=False)
    if way.server != usual.server:
        advice = "Let both addresses lead to one database of one server."
        yield failure("DATABASE_DIRECT_URL", "leads to another database", advice)
    elif way.is_shared:
        yield _direct_is_pooled()
    else:
        yield Finding("DATABASE_DIRECT_URL", "leads to the same database, past any pooler")


def _needs_pooler() -> Finding:
    return failure(
        "Pooler",
        "DATABASE_URL leads through one that gives each transaction another connection",
        "Set DATABASE_POOLER=transaction, and DATABASE_DIRECT_URL to PostgreSQL itself.",
    )


def _direct_is_pooled() -> Finding:
    advice = "Give the address of PostgreSQL itself: nobody can listen through a pooler."
    return failure("DATABASE_DIRECT_URL", "leads through a pooler as well", advice)


def _usual_way(way: Way, *, is_pooled: bool) -> Finding:
    if way.is_shared and not is_pooled:
        return _needs_pooler()
    if is_pooled and not way.is_pooled:
        return note(
            "Pooler",
            "DATABASE_POOLER is transaction, and DATABASE_URL leads to PostgreSQL itself",
            "Let DATABASE_URL lead to the pooler, or unset DATABASE_POOLER: statements are"
            " prepared anew each time.",
        )
    if not way.is_pooled:
        return Finding("Pooler", "none")
    kind = "transactions" if way.is_shared else "sessions"
    return Finding("Pooler", f"one that shares connections by {kind}")


async def _trigrams(database: Database, facts: ServerFacts) -> Finding:
    async with database.read() as session:
        missing = await missing_indexes(session)
    if not facts.offers_trigrams:
        return Finding("pg_trgm", "not there; searches scan")
    if missing:
        return note(
            "pg_trgm",
            f"offered, but its indexes are missing: {', '.join(missing)}",
            "Let the role create the extension, then run `appointment360 migrate`.",
        )
    return Finding("pg_trgm", "searches use it")


async def _queue(database: Database) -> Finding:
    async with database.read() as session:
        health = await read_job_health(session, quiet_seconds=WorkerSettings().quiet_seconds)
    waiting = health.waiting_seconds
    words = f"{health.workers} workers" + (
        "" if waiting is None else f", the oldest job waits for {waiting:.0f} s"
    )
    if waiting is not None and not health.workers:
        advice = "Start one: `appointment360 work`, or `serve` without --no-jobs."
        return failure("Jobs", words, advice)
    if waiting is not None and waiting > _LONG_WAIT_SECONDS:
        return note("Jobs", words, "Start more workers, or raise JOB_CONCURRENCY.")
    return Finding("Jobs", words)


async def _replica(settings: Settings, url: URL, database: Database) -> AsyncIterator[Finding]:
    async with replica_of(settings, url, database) as replica:
        if replica is None:
            return
        await replica.look()
        # A replica that keeps up has by now what the primary had at the first look.
        await asyncio.sleep(_REPLICA_SECONDS)
        problem = await replica.look()
        near = f"in use, at most {replica.lag_seconds():.1f} s behind"
    if problem is not None:
        yield failure("Replica", problem, "Queries read at the primary until it is mended.")
    else:
        yield Finding("Replica", near)


@asynccontextmanager
async def _open(url: URL) -> AsyncIterator[Database]:
    async with open_engine(url, pool_size=2, max_overflow=0, application_name=_NAME) as engine:
        yield Database(engine)
