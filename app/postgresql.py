"""The PostgreSQL of a process: DATABASE_URL, or the server that comes along, kept running."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from sqlalchemy.engine import URL

from app.embedded.keeping import keep_running
from app.embedded.server import EmbeddedServer, acquire
from app.settings import Settings
from db.engine import normalize_database_url
from domain.beside import beside


@asynccontextmanager
async def open_postgresql(
    settings: Settings,
    folder: Path,
    *,
    progress: Callable[[str], None] = lambda _message: None,
    for_restore: bool = False,
) -> AsyncIterator[tuple[URL, EmbeddedServer | None]]:
    """Its address, and the server of our own when there is one.

    Args:
        folder: Where that has its data.
        progress: As `acquire` has it.
        for_restore: As `acquire` has it.

    Raises:
        EmbeddedServerError: The embedded PostgreSQL cannot be had.
    """
    if settings.database_url is not None:
        yield normalize_database_url(settings.database_url.get_secret_value()), None
        return
    server = await asyncio.to_thread(acquire, folder, for_restore=for_restore, progress=progress)
    try:
        async with beside(keep_running(server)):
            yield normalize_database_url(server.dsn), server
    finally:
        await asyncio.to_thread(server.release)
