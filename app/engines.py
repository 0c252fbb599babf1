"""The pools of a process: for its work, at a replica, a connection each for what must not wait."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import NamedTuple

from sqlalchemy.engine import URL
from sqlalchemy.ext.asyncio import AsyncEngine

from app.settings import Settings
from db.engine import STATEMENT_SECONDS, normalize_database_url, open_engine
from db.pooling import warn_of_unset
from db.replica import Replica, open_replica
from db.transaction import Database


class Engines(NamedTuple):
    """Ways to PostgreSQL.

    Attributes:
        work: For everything but the others.
        probe: Tells whether PostgreSQL answers.
        revocations: A lock that this waits for says nothing about the database, so it is no probe.
    """

    work: AsyncEngine
    probe: AsyncEngine
    revocations: AsyncEngine


@asynccontextmanager
async def open_engines(
    settings: Settings, url: URL, *, application_name: str, statement_timeout_seconds: float
) -> AsyncIterator[Engines]:
    """The pools of a process, closed at the end.

    Args:
        application_name: Of connections for work.
        statement_timeout_seconds: For these too.
    """
    is_pooled = settings.database_pooler == "transaction"
    # The time limits behind a pooler are everybody's: what has others goes past it.
    is_direct = is_pooled and statement_timeout_seconds != STATEMENT_SECONDS
    async with AsyncExitStack() as stack:
        work = await stack.enter_async_context(
            open_engine(
                direct_url(settings, url) if is_direct else url,
                per_transaction=is_pooled and not is_direct,
                pool_size=settings.pool.size,
                max_overflow=settings.pool.overflow,
                statement_timeout_seconds=statement_timeout_seconds,
                application_name=application_name,
            )
        )
        if is_pooled and not is_direct:
            warn_of_unset(work)
        probe, revocations = [
            await stack.enter_async_context(
                open_engine(
                    url,
                    pool_size=1,
                    max_overflow=0,
                    application_name=name,
                    per_transaction=is_pooled,
                )
            )
            for name in ("appointment360-probe", "appointment360-revocations")
        ]
        yield Engines(work, probe, revocations)


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


def direct_url(settings: Settings, pooled: URL) -> URL:
    """Where PostgreSQL itself answers, for what listens; the usual address when none is set."""
    if settings.database_direct_url is None:
        return pooled
    return normalize_database_url(settings.database_direct_url.get_secret_value())
