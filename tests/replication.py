"""A primary and a standby in streaming replication, of the programs that come with the application.

Both are reached over Unix sockets alone, and end with this process. The standby can be stopped in
the middle of its work, as a broken machine would stop it.
"""

import asyncio
import os
import signal
import tempfile
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import text
from sqlalchemy.engine import URL

from app.embedded.binaries import reachable_binaries, run
from app.embedded.cluster import open_cluster
from app.embedded.process import _orphans, await_end
from app.embedded.server import EmbeddedServer, acquire, lease
from db.engine import normalize_database_url, open_engine
from db.replica import Replica
from tests.databases import memory

_PATIENCE_SECONDS = 60


@dataclass
class Server:
    """A server that can be broken in the ways that servers break.

    Attributes:
        folder: Where its data stand.
        durable: It keeps what is committed, as servers of real life do.
    """

    folder: Path
    server: EmbeddedServer
    durable: bool = False

    def url(self, database: str | None = "postgres") -> URL:
        """One of its databases."""
        return normalize_database_url(self.server.dsn).set(database=database)

    def kill(self) -> None:
        """End all its processes at once."""
        self._signal(signal.SIGKILL)
        await_end(self.server.pid, open_cluster(self.folder).data)

    def start(self) -> None:
        """Start it after it was killed."""
        self.server.release()
        self.server = acquire(self.folder, durable=self.durable, ephemeral=True)

    def freeze(self) -> None:
        """Let it keep its connections and answer nothing."""
        self._signal(signal.SIGSTOP)

    def shut_the_door(self) -> None:
        """Let it serve the connections it has and take no other."""
        self._send(self.server.pid, signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it go on as if nothing had been."""
        self._signal(signal.SIGCONT)

    def _signal(self, number: signal.Signals) -> None:
        # The postmaster first: once it is stopped there are no new processes.
        self._send(self.server.pid, number)
        for pid in _orphans(open_cluster(self.folder).name):
            self._send(pid, number)

    @staticmethod
    def _send(pid: int, number: signal.Signals) -> None:
        with suppress(ProcessLookupError):
            os.kill(pid, number)


@contextmanager
def own_postgresql(*, durable: bool = False) -> Iterator[Server]:
    """A server that can be killed."""
    with tempfile.TemporaryDirectory(prefix="a360-", dir=None if durable else memory()) as name:
        # PostgreSQL runs as another user when the tests run as root.
        Path(name).chmod(0o755)
        folder = Path(name) / "data"
        server = Server(folder, acquire(folder, durable=durable, ephemeral=True), durable=durable)
        try:
            yield server
        finally:
            server.kill()
            server.server.release()


class Standby(Server):
    """A server that repeats what the primary does."""

    async def pause(self) -> None:
        """Let it receive what the primary does, and not repeat it."""
        await ask(self.url(), "SELECT pg_wal_replay_pause()")
        await until(lambda: ask(self.url(), "SELECT pg_get_wal_replay_pause_state() = 'paused'"))

    async def resume(self) -> None:
        """Let it repeat again."""
        await ask(self.url(), "SELECT pg_wal_replay_resume()")


@dataclass(frozen=True)
class Servers:
    """Both servers.

    Attributes:
        primary: Its database `postgres`.
    """

    primary: URL
    standby: Standby

    async def kill_standby(self) -> None:
        """End all processes of the standby at once, as a power cut does."""
        # So that it has little to repeat when it starts again.
        await ask(self.primary, "CHECKPOINT")
        await self.catch_up()
        await ask(self.standby.url(), "CHECKPOINT")
        self.standby.kill()

    async def catch_up(self) -> None:
        """Return when the standby has all that is committed by now."""
        position = await ask(self.primary, "SELECT pg_current_wal_flush_lsn()::text")
        reached = f"SELECT pg_last_wal_replay_lsn() >= '{position}'"
        await until(lambda: ask(self.standby.url(), reached))


@contextmanager
def streaming_replication() -> Iterator[Servers]:
    """Both servers, running."""
    with tempfile.TemporaryDirectory(prefix="a360-", dir=memory()) as name:
        folder = Path(name)
        # PostgreSQL runs as another user when the tests run as root.
        folder.chmod(0o755)
        with lease(folder / "primary", durable=False, ephemeral=True) as primary:
            _prepare(primary)
            _copy(primary, folder / "standby")
            server = acquire(folder / "standby", durable=False, ephemeral=True)
            standby = Standby(folder / "standby", server)
            try:
                url = normalize_database_url(primary.dsn).set(database="postgres")
                yield Servers(url, standby)
            finally:
                # Nobody needs its data: a clean end would write them all.
                standby.kill()
                standby.server.release()


def _prepare(primary: EmbeddedServer) -> None:
    """Have COMMIT wait for the log, as servers of real life do: the standby gets no more than that.

    The server is started without, and what belongs to the role goes before.
    """
    cluster = open_cluster(primary.folder)
    psql = reachable_binaries(cluster.home, cluster.account) / "psql"
    command: list[str | Path] = [psql, "-h", primary.socket_folder, "-U", "postgres"]
    command += ["-c", "ALTER ROLE postgres SET synchronous_commit = on"]
    run(command, cluster.home, account=cluster.account)


def _copy(primary: EmbeddedServer, folder: Path) -> None:
    cluster = open_cluster(folder)
    cluster.data.mkdir(mode=0o700)
    if cluster.account:
        os.chown(cluster.data, cluster.account.uid, cluster.account.gid)
    program = reachable_binaries(cluster.home, cluster.account) / "pg_basebackup"
    command: list[str | Path] = [program, "-D", cluster.data, "--write-recovery-conf", "--no-sync"]
    command += ["-h", primary.socket_folder, "-U", "postgres", "--checkpoint=fast"]
    run(command, cluster.home, account=cluster.account)
    # What the primary does goes before what is read: readers are ended at once.
    with (cluster.data / "postgresql.auto.conf").open("a") as file:
        file.write("max_standby_streaming_delay = 0\n")


async def in_use(replica: Replica) -> None:
    """Return when the replica can be read from."""

    async def is_fit() -> bool:
        return await replica.look() is None

    await until(is_fit)


async def until(condition: Callable[[], Awaitable[object]]) -> None:
    """Return when the condition holds."""
    async with asyncio.timeout(_PATIENCE_SECONDS):
        while not await condition():  # noqa: ASYNC110  # PostgreSQL tells nobody
            await asyncio.sleep(0.01)


async def ask(url: URL, question: str) -> object:
    """What a statement gives on a connection of its own, if anything: one value."""
    async with (
        open_engine(url, application_name="test") as engine,
        engine.execution_options(isolation_level="AUTOCOMMIT").connect() as connection,
    ):
        result = await connection.execute(text(question))
        return result.scalar() if result.returns_rows else None
