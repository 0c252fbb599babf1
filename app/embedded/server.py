"""The PostgreSQL server that comes with the application, for when `DATABASE_URL` is not set.

Owns the lease: any number of processes may hold the same data folder, the first one starts the
server and the last one out stops it. Two locks per folder carry this, and the kernel frees both
when a process is killed, so nobody is ever counted who is gone:

- `lease.lock`, shared, is held as long as a lease is;
- `server.lock`, exclusive, is held around every start and stop.

The rule: nothing may look for, start or stop the server without holding `server.lock`. The layout
of the folder, and who may connect, stand in `app/embedded/cluster.py`.
"""

import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

import platformdirs

from app.embedded.binaries import EmbeddedServerError
from app.embedded.cluster import (
    DATABASE,
    Cluster,
    await_restore,
    open_cluster,
    open_private,
    refuse_unrestored,
)
from app.embedded.postmaster import (
    Postmaster,
    Wanted,
    begin_log,
    find_running,
    has_long_log,
    start,
    stop,
    suits,
)
from app.embedded.process import is_postmaster

if sys.platform != "win32":
    import fcntl


# Longer than every start and stop that another process may be in the middle of.
_LOCK_SECONDS = 600.0


def _say_nothing(message: str) -> None:
    """Drops a progress message."""


class _Lease:
    """A hold on a cluster: the two locks, and what entering and leaving do under them."""

    def __init__(self, cluster: Cluster, wanted: Wanted) -> None:
        self._cluster = cluster
        self._wanted = wanted
        self._postmaster: Postmaster | None = None
        # Opened once, so that leaving works even after the folder has been deleted.
        self._lease = open_private(cluster.home / "lease.lock", os.O_RDWR)
        self._server = open_private(cluster.home / "server.lock", os.O_RDWR)
        self._open = True
        self._busy = threading.Lock()
        self._leaving = threading.Event()

    def enter(self, *, progress: Callable[[str], None]) -> tuple[Postmaster, bool]:
        """Takes the lease; the running server, and whether it was started for it."""
        try:
            with self._exclusive():
                try:
                    return self._attach_or_start(progress=progress)
                except BaseException:
                    with suppress(EmbeddedServerError):
                        self._give_up()
                    raise
        except BaseException:
            self._close()
            raise

    def is_alive(self) -> bool:
        """Whether the server that was found last has not ended."""
        found = self._postmaster
        return found is not None and is_postmaster(found.pid, self._cluster.data)

    def enter_again(self) -> None:
        """Starts a server that has ended, unless somebody has; nothing once the lease is left."""
        with self._busy:
            if self._open and not self._leaving.is_set():
                with self._exclusive():
                    self._attach_or_start(progress=_say_nothing)

    def has_long_log(self) -> bool:
        """Whether it is time to begin a new log."""
        return has_long_log(self._cluster)

    def begin_log(self) -> None:
        """Begins a new log, unless somebody has; nothing once the lease is left."""
        with self._busy:
            if self._open:
                with self._exclusive():
                    begin_log(self._cluster)

    def leave(self) -> None:
        """Gives the lease up and, as the last, stops the server. Later calls do nothing."""
        # Whoever starts the server again for this lease now waits for it no longer.
        self._leaving.set()
        with self._busy:
            if not self._open:
                return
            try:
                with self._exclusive():
                    self._give_up()
            finally:
                self._close()

    @contextmanager
    def _exclusive(self) -> Iterator[None]:
        deadline = time.monotonic() + _LOCK_SECONDS
        while not _try_lock(self._server, fcntl.LOCK_EX):
            if time.monotonic() > deadline:
                raise EmbeddedServerError(
                    f"Another process has been starting or stopping PostgreSQL in "
                    f"{self._cluster.home} for {_LOCK_SECONDS:.0f} s. End it and start again."
                )
            time.sleep(0.005)
        try:
            yield
        finally:
            fcntl.flock(self._server, fcntl.LOCK_UN)

    def _attach_or_start(self, *, progress: Callable[[str], None]) -> tuple[Postmaster, bool]:
        wanted = self._wanted
        alone = _try_lock(self._lease, fcntl.LOCK_EX)
        fcntl.flock(self._lease, fcntl.LOCK_SH)
        if wanted.for_restore:
            await_restore(self._cluster)
        else:
            refuse_unrestored(self._cluster)
        running = find_running(self._cluster, is_leaving=self._leaving.is_set)
        if running is not None and not suits(self._cluster, running, wanted=wanted):
            if not alone:
                raise EmbeddedServerError(
                    f"Other processes use the PostgreSQL server in {self._cluster.home} with other "
                    f"settings than {wanted}. End them first, or give all of them the same."
                )
            stop(self._cluster)
            running = None
        is_started = running is None
        if running is None:
            running = start(
                self._cluster, wanted, progress=progress, is_leaving=self._leaving.is_set
            )
        self._postmaster = running
        return running, is_started

    def _give_up(self) -> None:
        try:
            if _try_lock(self._lease, fcntl.LOCK_EX):
                stop(self._cluster)
        finally:
            # Not left to close(): a forked child may hold the same open file.
            fcntl.flock(self._lease, fcntl.LOCK_UN)

    def _close(self) -> None:
        self._open = False
        os.close(self._lease)
        os.close(self._server)


@dataclass(frozen=True, kw_only=True)
class EmbeddedServer:
    """A held lease on a running server.

    Attributes:
        dsn: The database `app`, as the superuser `postgres` over the Unix socket.
        folder: The data folder that was acquired.
        socket_folder: Where the Unix socket stands; only root and the server's account may enter.
        pid: The postmaster's process id, as long as nobody has ended that.
        started: Whether this lease started the server; False: it was running.
    """

    dsn: str
    folder: Path
    socket_folder: Path
    pid: int
    started: bool
    _lease: _Lease = field(repr=False, compare=False)

    def is_alive(self) -> bool:
        """Whether the server has not ended. Cheap; looks at its process alone."""
        return self._lease.is_alive()

    def has_long_log(self) -> bool:
        """Whether it is time to begin a new log."""
        return self._lease.has_long_log()

    def begin_log(self) -> None:
        """Makes the log of the server the one before, and has it write to an empty one."""
        self._lease.begin_log()

    def start_again(self) -> None:
        """Starts the server, at the same address, after it has ended. Blocks as `acquire` does.

        Raises:
            EmbeddedServerError: As with `acquire`.
        """
        self._lease.enter_again()

    def release(self) -> None:
        """Gives the lease up; the last holder stops the server. May be called again."""
        self._lease.leave()


def acquire(
    folder: Path,
    *,
    durable: bool = True,
    tcp_port: int | None = None,
    ephemeral: bool = False,
    for_restore: bool = False,
    progress: Callable[[str], None] = _say_nothing,
) -> EmbeddedServer:
    """A lease on the server of this data folder, which answers when this returns.

    Blocks for up to two seconds on the very first start, which creates the database.

    Args:
        folder: Where everything stands; created when missing, and kept.
        durable: False is for tests: commits may be lost, and a crash may spoil the data.
        tcp_port: Also listen on this port of 127.0.0.1, for psql and other clients.
        ephemeral: For tests: the server ends with this process, however that ends (on Linux),
            even when other processes still hold leases.
        for_restore: A backup is about to be restored: the data may be made anew beside those of
            another major version. Nobody else gets them before `restored`.
        progress: Called with a sentence before each step that takes time.

    Raises:
        EmbeddedServerError: The server cannot be had; the message says why and what to do.
    """
    if sys.platform == "win32":
        raise EmbeddedServerError(
            "The embedded PostgreSQL needs Linux or macOS. Set DATABASE_URL to a server of yours."
        )
    wanted = Wanted(
        durable=durable, tcp_port=tcp_port, ephemeral=ephemeral, for_restore=for_restore
    )
    try:
        hold = _Lease(open_cluster(folder), wanted)
        postmaster, started = hold.enter(progress=progress)
    except OSError as error:
        raise EmbeddedServerError(
            f"The folder {folder} cannot be used for the embedded PostgreSQL: {error}. "
            "Choose another folder, or set DATABASE_URL."
        ) from error
    return EmbeddedServer(
        dsn=_dsn(postmaster),
        folder=folder,
        socket_folder=postmaster.socket_folder,
        pid=postmaster.pid,
        started=started,
        _lease=hold,
    )


@contextmanager
def lease(
    folder: Path,
    *,
    durable: bool = True,
    tcp_port: int | None = None,
    ephemeral: bool = False,
    progress: Callable[[str], None] = _say_nothing,
) -> Iterator[EmbeddedServer]:
    """`acquire` for the length of a with block."""
    server = acquire(
        folder, durable=durable, tcp_port=tcp_port, ephemeral=ephemeral, progress=progress
    )
    try:
        yield server
    finally:
        server.release()


def has_data(folder: Path) -> bool:
    """Whether a server has been on this folder, of whichever version; looks, and makes nothing."""
    return any(folder.expanduser().glob("pg*/data/PG_VERSION"))


def restored(folder: Path) -> None:
    """Lets everybody use data that were made for a restore."""
    open_cluster(folder).awaits_restore.unlink(missing_ok=True)


def default_folder() -> Path:
    """Where the data stand when nobody chooses: the user's own data folder.

    Root's would be below a home that the account PostgreSQL runs as cannot enter.
    """
    if sys.platform != "win32" and os.geteuid() == 0:
        return Path("/var/lib/appointment360")
    return platformdirs.user_data_path("appointment360", appauthor=False)


def _dsn(postmaster: Postmaster) -> str:
    # The port names the socket's file. Unsaid, clients take it from PGPORT.
    socket_folder = quote(str(postmaster.socket_folder))
    return f"postgresql+asyncpg://postgres@/{DATABASE}?host={socket_folder}&port={postmaster.port}"


def _try_lock(lock: int, kind: int) -> bool:
    try:
        fcntl.flock(lock, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
