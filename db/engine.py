"""The connections to PostgreSQL: SQLAlchemy's engine and pool, tuned for short statements."""

from collections.abc import AsyncIterator, Generator
from contextlib import asynccontextmanager
from typing import Any, Final

import asyncpg
from psycopg.pq import Conninfo
from sqlalchemy.engine import URL, make_url
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from db.pooling import ROLE_SETTINGS, named_statements, through_pooler

STATEMENT_SECONDS: Final = 8.0
"""How long a statement may take, unless something else is said for it."""

_SESSION_SETTINGS: Final = ROLE_SETTINGS | {"timezone": "UTC"}


class _Connecting:
    """A connection that is opened once somebody waits for it.

    A coroutine would complain when nobody does: the pool finds only then that it cannot wait.
    """

    def __init__(self, *arguments: Any, **named: Any) -> None:
        self._arguments = arguments
        self._named = named

    def __await__(self) -> Generator[Any, None, asyncpg.Connection]:
        opening = asyncpg.connect(*self._arguments, **self._named)
        connection: asyncpg.Connection = yield from opening.__await__()
        return connection


def normalize_database_url(text: str) -> URL:
    """The address with the driver we speak; `postgres://` and `postgresql://` are taken too.

    Raises:
        ValueError: Not the address of a PostgreSQL database.
    """
    scheme, separator, rest = text.partition("://")
    if not separator or scheme not in {"postgres", "postgresql", "postgresql+asyncpg"}:
        raise ValueError("must look like postgresql://user:password@host:5432/database")
    url = make_url(f"postgresql+asyncpg://{rest}")
    named_statements(url)
    return url


@asynccontextmanager
async def open_engine(
    url: URL,
    *,
    pool_size: int = 25,
    max_overflow: int = 50,
    pool_timeout_seconds: float = 3.0,
    connect_timeout_seconds: float = 2.0,
    statement_timeout_seconds: float = STATEMENT_SECONDS,
    application_name: str = "appointment360",
    per_transaction: bool = False,
) -> AsyncIterator[AsyncEngine]:
    """An engine whose connections are closed at the end.

    No ping before use: `db.transaction` skips closed connections and repeats a read once, which
    costs nothing while all is well.

    Args:
        pool_timeout_seconds: How long a request waits for a connection before it is told to retry.
        connect_timeout_seconds: How long PostgreSQL may take to accept a connection.
        statement_timeout_seconds: PostgreSQL ends a statement after this; loads set their own.
        per_transaction: The address is that of a pooler that gives each transaction another
            connection; the usual timeouts are those of the role then (`db.pooling`).
    """
    settings = _SESSION_SETTINGS | {
        "statement_timeout": str(round(statement_timeout_seconds * 1000)),
        "application_name": application_name,
    }
    arguments: dict[str, Any] = {
        "timeout": connect_timeout_seconds,
        "command_timeout": statement_timeout_seconds + 2,
        "server_settings": settings,
        "async_creator_fn": _Connecting,
    }
    if (kept := named_statements(url)) is not None:
        arguments["statement_cache_size"] = kept
    if per_transaction:
        arguments |= through_pooler(url, settings)
    engine = create_async_engine(
        url,
        pool_size=pool_size,
        max_overflow=max_overflow,
        pool_timeout=pool_timeout_seconds,
        pool_recycle=1800,
        # The fewer connections are in use, the fewer of them prepare the same statements.
        pool_use_lifo=True,
        hide_parameters=True,
        connect_args=arguments,
    )
    try:
        yield engine
    finally:
        await engine.dispose()


def libpq_settings(url: URL, *, application_name: str) -> dict[str, str]:
    """The address and our session settings as libpq takes them, for what does not speak asyncpg."""
    query = {name: _joined(value) for name, value in url.query.items()}
    if "ssl" in query:
        query["sslmode"] = query.pop("ssl")
    if ":" in query.get("host", ""):
        # SQLAlchemy has hosts with their ports; libpq wants two lists.
        places = [place.rpartition(":") for place in query["host"].split(",")]
        query["host"] = ",".join(host for host, _, _ in places)
        query["port"] = ",".join(port for _, _, port in places)
    named = {
        "host": url.host,
        "port": url.port,
        "user": url.username,
        "password": url.password,
        "dbname": url.database,
        "connect_timeout": 2,
        "application_name": application_name,
        "options": " ".join(f"-c {name}={value}" for name, value in _SESSION_SETTINGS.items()),
    }
    told = {name: str(value) for name, value in named.items() if value is not None} | query
    # An address may have words that only the other driver knows.
    known = {option.keyword.decode() for option in Conninfo.get_defaults()}
    return {name: value for name, value in told.items() if name in known}


def _joined(value: str | tuple[str, ...]) -> str:
    return value if isinstance(value, str) else ",".join(value)
