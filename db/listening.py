"""Hearing what PostgreSQL tells by NOTIFY, on one connection a process that nothing else uses.

PostgreSQL keeps nothing for a listener that is away. So whoever hears is told whenever listening
begins: from then on it hears everything, and it may have missed what was before.
"""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from typing import Final

import asyncpg
import structlog
from sqlalchemy import column, func, select
from sqlalchemy.engine import URL

from db.engine import open_engine
from db.rows import Row
from db.statements import Statement
from db.transaction import Database
from domain.beside import beside
from domain.errors import AppError, DatabaseUnavailable

_CONNECT_SECONDS: Final = 2.0
_FIRST_PAUSE_SECONDS: Final = 0.1
_LONGEST_PAUSE_SECONDS: Final = 2.0

# For the server's side: it ends the connection of a listener that vanished.
_KEEPALIVE: Final = (
    "SET tcp_keepalives_idle = 5; SET tcp_keepalives_interval = 2; SET tcp_keepalives_count = 3"
)
_CHANNELS: Final = Statement(
    select(column("channel")).select_from(func.pg_listening_channels().alias("channel")), Row
)

Hearer = Callable[[str], None]
"""Is called with each payload, in the event loop: it must not wait."""

log = structlog.get_logger(__name__)


class Listener:
    """Connects when it is first needed, and again for ever whenever the connection is lost.

    Args:
        database: Has one connection, to PostgreSQL itself: a pooler in between that gives each
            transaction another connection would let nothing be heard.
        probe_seconds: How often the connection is tried, for it can be dead without a sign.
        patience_seconds: How long that may take.

    Attributes:
        is_listening: What is told from now on is heard.
    """

    def __init__(
        self, database: Database, *, probe_seconds: float, patience_seconds: float
    ) -> None:
        self.is_listening = False
        self._database = database
        self._probe_seconds = probe_seconds
        self._patience_seconds = patience_seconds
        self._hearers: defaultdict[str, list[Hearer]] = defaultdict(list)
        self._beginnings: list[Callable[[], None]] = []
        self._is_needed = asyncio.Event()
        self._is_missed = False

    def hear(self, channel: str, hearer: Hearer, *, on_begin: Callable[[], None]) -> None:
        """Have a function called with what is told over a channel. Before `start`.

        Args:
            on_begin: Called each time everything is heard from then on; what was told since the
                connection before was lost was not.
        """
        self._hearers[channel].append(hearer)
        self._beginnings.append(on_begin)

    def start(self) -> None:
        """Connect, unless that was begun before."""
        self._is_needed.set()

    async def run(self) -> None:
        """Listen for ever, once it is needed."""
        await self._is_needed.wait()
        pause = _FIRST_PAUSE_SECONDS
        while True:
            has_listened = await self._listen_once()
            pause = _FIRST_PAUSE_SECONDS if has_listened else pause
            await asyncio.sleep(pause)
            pause = min(2 * pause, _LONGEST_PAUSE_SECONDS)

    async def _listen_once(self) -> bool:
        """Listen until the connection is lost; whether there was any listening."""
        try:
            async with self._database.read() as session:
                await self._listen(session.driver)
        except (AppError, asyncpg.PostgresError) as error:
            self._tell_of_loss(type(error.__cause__ or error).__name__)
        except Exception:  # a bug of ours: the next connection may fare better
            log.exception("listener_failed")
        has_listened, self.is_listening = self.is_listening, False
        return has_listened

    async def _listen(self, driver: asyncpg.Connection) -> None:
        is_over = asyncio.Event()
        driver.add_termination_listener(lambda _driver: is_over.set())
        try:
            await driver.execute(_KEEPALIVE)
            for channel in self._hearers:
                await driver.add_listener(channel, self._heard)
            self._begin()
            while True:
                # `wait_for` of Python 3.11 forgets a cancellation that comes with the loss.
                with suppress(TimeoutError):
                    async with asyncio.timeout(self._probe_seconds):
                        await is_over.wait()
                await self._probe(driver)
        finally:
            # Ended, not only cancelled: a server that is frozen would never answer to that.
            driver.terminate()

    async def _probe(self, driver: asyncpg.Connection) -> None:
        """Raises unless the server is there and this connection still listens."""
        found = await driver.fetch(_CHANNELS.sql, timeout=self._patience_seconds)
        channels = {row[0] for row in found}
        if not channels >= self._hearers.keys():
            raise DatabaseUnavailable("The connection to PostgreSQL does not listen any more.")

    def _begin(self) -> None:
        self.is_listening = True
        if self._is_missed:
            self._is_missed = False
            log.info("listener_back")
        for begin in self._beginnings:
            begin()

    def _heard(self, _driver: object, _pid: int, channel: str, payload: str) -> None:
        for hearer in self._hearers[channel]:
            try:
                hearer(payload)
            except Exception:  # a bug of ours: the others shall hear it
                log.exception("hearer_failed", channel=channel)

    def _tell_of_loss(self, reason: str) -> None:
        if not self._is_missed:
            self._is_missed = True
            log.warning("listener_lost", reason=reason)


@asynccontextmanager
async def open_listener(
    url: URL, *, probe_seconds: float = 5.0, patience_seconds: float = 2.0
) -> AsyncIterator[Listener]:
    """A listener that connects to this address when it is started.

    Args:
        url: Leads to PostgreSQL without a pooler in between.
        probe_seconds: As `patience_seconds`, those of `Listener`.
    """
    async with open_engine(
        url,
        pool_size=1,
        max_overflow=0,
        connect_timeout_seconds=_CONNECT_SECONDS,
        application_name="appointment360-listener",
    ) as engine:
        listener = Listener(
            Database(engine), probe_seconds=probe_seconds, patience_seconds=patience_seconds
        )
        async with beside(listener.run()):
            yield listener
