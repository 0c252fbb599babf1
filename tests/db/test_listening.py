"""Promises of `db.listening`: what is told is heard, and a loss is never silent."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import asyncpg
import pytest
from sqlalchemy import text
from sqlalchemy.engine import URL
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlalchemy.pool import PoolProxiedConnection
from structlog.testing import capture_logs

from db.listening import Listener, open_listener
from db.transaction import Database
from tests.proxy import CommitProxy
from tests.replication import until

BACKENDS = "FROM pg_stat_activity WHERE application_name = 'appointment360-listener'"


class Ear:
    """What is heard over a channel, and how often the hearing began."""

    def __init__(self, listener: Listener, channel: str = "news") -> None:
        self.heard: list[str] = []
        self.beginnings = 0
        listener.hear(channel, self.heard.append, on_begin=self._begin)

    async def hears(self, payload: str) -> None:
        """Return when the payload was heard."""

        async def is_heard() -> bool:
            return payload in self.heard

        await until(is_heard)

    async def begins(self, times: int) -> None:
        """Return when the hearing has begun so many times."""

        async def has_begun() -> bool:
            return self.beginnings >= times

        await until(has_begun)

    def _begin(self) -> None:
        self.beginnings += 1


class Wire(CommitProxy):
    """A way to PostgreSQL that can go dead without a sign, or be closed.

    Attributes:
        is_open: Whether it takes further connections.
        refused: How many it did not take.
    """

    is_open = True
    refused = 0

    def __init__(self, upstream: URL) -> None:
        super().__init__(upstream)
        self._passing: set[asyncio.Task[None]] = set()

    def go_dead(self) -> None:
        """Pass nothing on any more over the connections that there are."""
        for task in self._passing:
            task.cancel()

    async def _serve(
        self, from_client: asyncio.StreamReader, to_client: asyncio.StreamWriter
    ) -> None:
        if not self.is_open:
            self.refused += 1
            to_client.close()
            return
        from_server, to_server = await self._connect()
        self._passing = {
            asyncio.create_task(_pass(from_client, to_server)),
            asyncio.create_task(_pass(from_server, to_client)),
        }
        await asyncio.wait(self._passing)
        with suppress(OSError):
            await from_client.read()
        to_client.close()
        to_server.close()


async def _pass(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while chunk := await reader.read(2**16):
        writer.write(chunk)
    writer.close()


class Opened(Database):
    """A database that shows the connection it gave last."""

    driver: asyncpg.Connection

    async def acquire(self) -> PoolProxiedConnection:
        """As `Database`."""
        held = await super().acquire()
        self.driver = held.driver_connection
        return held


@pytest.fixture
async def listener(database_url: URL) -> AsyncIterator[Listener]:
    """A listener that was not started."""
    async with open_listener(database_url) as opened:
        yield opened


async def tell(engine: AsyncEngine, payload: str, channel: str = "news") -> None:
    """Notify, and commit."""
    async with engine.begin() as connection:
        await connection.execute(text(f"NOTIFY {channel}, '{payload}'"))


async def backends(engine: AsyncEngine) -> int:
    """How many connections the listeners of this database have."""
    async with engine.connect() as connection:
        counted = f"SELECT count(*) {BACKENDS} AND datname = current_database()"
        return int(await connection.scalar(text(counted)) or 0)


async def end_backends(engine: AsyncEngine) -> None:
    """Terminate those connections."""
    async with engine.connect() as connection:
        ended = f"SELECT pg_terminate_backend(pid, 5000) {BACKENDS}"
        await connection.execute(text(f"{ended} AND datname = current_database()"))


@asynccontextmanager
async def running(listener: Listener) -> AsyncIterator[None]:
    """Have a listener that nobody opened run."""
    task = asyncio.create_task(listener.run())
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def test_what_is_told_over_a_channel_is_heard(
    listener: Listener, engine: AsyncEngine
) -> None:
    """In the order it is told in, by everybody who hears the channel, and by nobody else."""
    one, other, stranger = Ear(listener), Ear(listener), Ear(listener, "weather")
    listener.start()
    await one.begins(1)
    for payload in ("first", "second"):
        await tell(engine, payload)
    await tell(engine, "rain", "weather")
    await stranger.hears("rain")
    assert one.heard == other.heard == ["first", "second"]
    assert stranger.heard == ["rain"]


async def test_nothing_is_connected_before_somebody_needs_it(
    listener: Listener, engine: AsyncEngine
) -> None:
    """A process that follows nothing costs PostgreSQL nothing; then it is one connection."""
    ear = Ear(listener)
    assert (await backends(engine), listener.is_listening) == (0, False)
    listener.start()
    listener.start()
    await ear.begins(1)
    assert (await backends(engine), listener.is_listening) == (1, True)


async def test_connection_that_is_ended_is_opened_again(
    listener: Listener, engine: AsyncEngine
) -> None:
    """Each time, and whoever hears is told that the hearing has begun anew."""
    ear = Ear(listener)
    listener.start()
    await ear.begins(1)
    for times in (2, 3):
        await end_backends(engine)
        await ear.begins(times)
    await tell(engine, "after")
    await ear.hears("after")


async def test_connection_that_is_dead_without_a_sign_is_replaced(
    database_url: URL, engine: AsyncEngine
) -> None:
    """Nobody closes it and nothing comes over it: only a question without an answer shows that."""
    async with (
        Wire(database_url).listening() as wire,
        open_listener(wire.url, probe_seconds=0.1, patience_seconds=0.2) as listener,
    ):
        assert isinstance(wire, Wire)
        ear = Ear(listener)
        listener.start()
        await ear.begins(1)
        wire.go_dead()
        await ear.begins(2)
        await tell(engine, "after")
        await ear.hears("after")


async def test_server_that_is_away_is_waited_for(database_url: URL) -> None:
    """However long that is; nobody is told that anything is heard meanwhile."""
    async with Wire(database_url).listening() as wire, open_listener(wire.url) as listener:
        assert isinstance(wire, Wire)
        wire.is_open = False
        ear = Ear(listener)
        listener.start()

        async def has_tried() -> bool:
            return wire.refused >= 2

        await until(has_tried)
        assert (ear.beginnings, listener.is_listening) == (0, False)
        wire.is_open = True
        await ear.begins(1)


async def test_connection_that_does_not_listen_any_more_is_replaced(engine: AsyncEngine) -> None:
    """As when something in between has reset it."""
    database = Opened(engine)
    listener = Listener(database, probe_seconds=0.05, patience_seconds=2)
    ear = Ear(listener)
    listener.start()
    async with running(listener):
        await ear.begins(1)
        await database.driver.execute("UNLISTEN *")
        await ear.begins(2)
        await tell(engine, "after")
        await ear.hears("after")


async def test_hearer_that_fails_takes_nothing_from_the_others(
    listener: Listener, engine: AsyncEngine
) -> None:
    """They hear the same payload, and all hear the next."""
    numbers: list[int] = []
    listener.hear("news", lambda payload: numbers.append(int(payload)), on_begin=lambda: None)
    ear = Ear(listener)
    listener.start()
    await ear.begins(1)
    for payload in ("no number", "7"):
        await tell(engine, payload)
        await ear.hears(payload)
    assert numbers == [7]


async def test_bug_does_not_end_the_listening(listener: Listener) -> None:
    """Whoever fails when the hearing begins is asked again by the next connection."""
    begun: list[str] = []

    def begin() -> None:
        begun.append("once more")
        if len(begun) == 1:
            raise ValueError

    listener.hear("news", begun.append, on_begin=begin)
    ear = Ear(listener)
    with capture_logs() as logs:
        listener.start()
        await ear.begins(1)
    assert [each["event"] for each in logs] == ["listener_failed"]
    assert len(begun) == 2


async def test_loss_is_logged_once_and_so_is_the_return(
    database_url: URL, engine: AsyncEngine
) -> None:
    """However often it is tried meanwhile."""
    async with Wire(database_url).listening() as wire, open_listener(wire.url) as listener:
        assert isinstance(wire, Wire)
        ear = Ear(listener)
        listener.start()
        await ear.begins(1)

        async def has_tried() -> bool:
            return wire.refused >= 2

        with capture_logs() as logs:
            wire.is_open = False
            await end_backends(engine)
            await until(has_tried)
            wire.is_open = True
            await ear.begins(2)
        assert [each["event"] for each in logs] == ["listener_lost", "listener_back"]


async def test_closing_ends_the_connection(database_url: URL, engine: AsyncEngine) -> None:
    """Nothing of a listener is left at the server."""
    async with open_listener(database_url) as listener:
        ear = Ear(listener)
        listener.start()
        await ear.begins(1)

    async def is_gone() -> bool:
        return await backends(engine) == 0

    await until(is_gone)


async def test_stop_that_comes_with_the_loss_ends_it(engine: AsyncEngine) -> None:
    """Both at the same turn, whichever is first noticed: no further connection is opened."""
    for turns in range(4):
        database = Opened(engine)
        listener = Listener(database, probe_seconds=60, patience_seconds=2)
        ear = Ear(listener)
        listener.start()
        task = asyncio.create_task(listener.run())
        await ear.begins(1)
        database.driver.terminate()
        for _ in range(turns):
            await asyncio.sleep(0)
        task.cancel()
        ended, _ = await asyncio.wait([task], timeout=10)
        task.cancel()
        assert ended
        assert ear.beginnings == 1
