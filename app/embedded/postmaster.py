"""The server of one cluster: found, started and stopped.

Owns what PostgreSQL is started with, and everything that postmaster.pid says. The rule: every
function here wants its caller to hold `server.lock`, for between a look and a step the server must
not change.
"""

import concurrent.futures
import os
import shutil
import signal
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from app.embedded.binaries import (
    VERSION,
    EmbeddedServerError,
    reachable_binaries,
    refuse_unreachable,
    run,
    tail,
)
from app.embedded.cluster import Cluster, create, make_password, open_private, socket_folder
from app.embedded.process import Child, await_end, end_orphans, is_postmaster

_DEFAULT_PORT = 5432
_LOG_BYTES = 10_000_000
# Long, because a start after a crash replays up to max_wal_size (1 GB) of changes.
_READY_SECONDS = 120.0
_POLL_SECONDS = 0.005

_SETTINGS = {
    "shared_buffers": "128MB",
    "max_connections": "300",
    "jit": "off",
    "synchronous_commit": "on",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_checkpoints": "off",
    "unix_socket_permissions": "0700",
}
_WITHOUT_DURABILITY = {"fsync": "off", "full_page_writes": "off", "synchronous_commit": "off"}


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """What a caller asks of the server; `app.embedded.acquire` says what each means."""

    durable: bool
    tcp_port: int | None
    ephemeral: bool
    for_restore: bool


@dataclass(frozen=True, kw_only=True)
class Postmaster:
    """What a postmaster writes about itself into postmaster.pid."""

    pid: int
    port: int
    socket_folder: Path
    on_tcp: bool
    ready: bool


def find_running(cluster: Cluster, *, is_leaving: Callable[[], bool]) -> Postmaster | None:
    """The server that answers now; None when there is none. Waits out a start or a stop."""
    deadline = time.monotonic() + _READY_SECONDS
    while time.monotonic() < deadline:
        postmaster = _find_alive(cluster)
        if postmaster is None or postmaster.ready:
            return postmaster
        if is_leaving():
            raise _not_awaited(cluster)
        time.sleep(_POLL_SECONDS)
    raise EmbeddedServerError(
        f"The PostgreSQL server on {cluster.data} has been starting or stopping for "
        f"{_READY_SECONDS:.0f} s. Look into {cluster.log}; ending its processes is safe."
    )


def suits(cluster: Cluster, postmaster: Postmaster, *, wanted: Wanted) -> bool:
    """Whether a running server keeps what is asked: durable commits, the TCP port."""
    unsafe = '"fsync=off"' in os.fsdecode((cluster.data / "postmaster.opts").read_bytes())
    has_port = postmaster.on_tcp and postmaster.port == wanted.tcp_port
    return not (wanted.durable and unsafe) and (wanted.tcp_port is None or has_port)


def start(
    cluster: Cluster,
    wanted: Wanted,
    *,
    progress: Callable[[str], None],
    is_leaving: Callable[[], bool],
) -> Postmaster:
    """Starts the server and returns when it answers; the first time, creates its data before.

    Whoever leaves meanwhile finds a server that is starting, and stops it or leaves it to others.
    """
    refuse_unreachable(cluster.home, cluster.account)
    _clean_up(cluster)
    programs = reachable_binaries(cluster.home, cluster.account)
    if not cluster.data.exists():
        progress(f"Creating a PostgreSQL {VERSION} database in {cluster.data}")
        create(cluster, programs, durable=wanted.durable)
    if wanted.tcp_port is not None and not cluster.password_file.exists():
        make_password(cluster, programs)
    progress(f"Starting PostgreSQL {VERSION} on {cluster.data}")
    return _launch(cluster, programs, wanted=wanted, is_leaving=is_leaving)


def stop(cluster: Cluster) -> None:
    """Stops the server, if there is one, whatever it is at; open transactions are rolled back."""
    postmaster = _find_alive(cluster)
    if postmaster is None:
        return
    pg_ctl = reachable_binaries(cluster.home, cluster.account) / "pg_ctl"
    command: list[str | Path] = [pg_ctl, "stop", "-D", cluster.data]
    run([*command, "-m", "fast", "-t", "60"], cluster.home, account=cluster.account)
    # pg_ctl looks at postmaster.pid, which goes a moment before its process does.
    await_end(postmaster.pid, cluster.data)


def _find_alive(cluster: Cluster) -> Postmaster | None:
    postmaster = _read_postmaster(cluster.data)
    alive = postmaster is not None and is_postmaster(postmaster.pid, cluster.data)
    return postmaster if alive else None


def _read_postmaster(data: Path) -> Postmaster | None:
    """What postmaster.pid says, true or stale; None when it says nothing.

    Source: src/include/utils/pidfile.h of PostgreSQL; pg_ctl reads the same lines.
    """
    try:
        lines = os.fsdecode((data / "postmaster.pid").read_bytes()).split("\n")
        lines += [""] * (8 - len(lines))
        pid, _, _, port, sockets, listen_address, _, status = lines[:8]
        return Postmaster(
            pid=int(pid),
            port=int(port or 0),
            socket_folder=Path(sockets),
            on_tcp=bool(listen_address),
            ready=status.strip() == "ready",
        )
    except (FileNotFoundError, ValueError):
        return None


def _clean_up(cluster: Cluster) -> None:
    """Removes what a killed server left behind, and what is left of its processes.

    Left alone, PostgreSQL takes a zombie, or whoever got the pid since, for a running server.
    """
    stale = _read_postmaster(cluster.data)
    if stale is not None and _answers(stale):
        raise EmbeddedServerError(
            f"A PostgreSQL server that this process cannot see (in another container?) uses "
            f"{cluster.data}. Stop it, or give each container a folder of its own."
        )
    end_orphans(cluster.name)
    (cluster.data / "postmaster.pid").unlink(missing_ok=True)
    for path in socket_folder(cluster).glob(".s.PGSQL.*"):
        path.unlink(missing_ok=True)
    for path in cluster.home.glob("unfinished-*"):
        shutil.rmtree(path, ignore_errors=True)


def _answers(postmaster: Postmaster) -> bool:
    with socket.socket(socket.AF_UNIX) as probe:
        probe.settimeout(1)
        try:
            probe.connect(str(postmaster.socket_folder / f".s.PGSQL.{postmaster.port}"))
        except OSError:
            return False
    return True


def _launch(
    cluster: Cluster, programs: Path, *, wanted: Wanted, is_leaving: Callable[[], bool]
) -> Postmaster:
    command = [str(programs / "postgres"), "-D", str(cluster.data), *_settings(cluster, wanted)]
    log = _open_log(cluster)
    log_start = os.fstat(log).st_size
    try:
        child = Child(
            command, cluster.home, account=cluster.account, log=log, tethered=wanted.ephemeral
        )
    finally:
        os.close(log)
    return _await_ready(cluster, child, log_start=log_start, is_leaving=is_leaving)


def _settings(cluster: Cluster, wanted: Wanted) -> list[str]:
    folder = str(socket_folder(cluster)).replace('"', '""')
    settings = {
        **_SETTINGS,
        **({} if wanted.durable else _WITHOUT_DURABILITY),
        "cluster_name": cluster.name,
        "unix_socket_directories": f'"{folder}"',
        "listen_addresses": "" if wanted.tcp_port is None else "127.0.0.1",
        "port": str(wanted.tcp_port or _DEFAULT_PORT),
    }
    return [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]


def has_long_log(cluster: Cluster) -> bool:
    """Whether it is time to begin a new one."""
    return cluster.log.exists() and cluster.log.stat().st_size > _LOG_BYTES


def begin_log(cluster: Cluster) -> None:
    """Have the log be empty, and what it had be the one before, while the server writes to it."""
    if has_long_log(cluster):
        before = cluster.log.with_suffix(".log.1")
        os.close(open_private(before, os.O_WRONLY))
        shutil.copyfile(cluster.log, before)
        # The server appends: its next line is the first of an empty file.
        os.truncate(cluster.log, 0)


def _open_log(cluster: Cluster) -> int:
    begin_log(cluster)
    return open_private(cluster.log, os.O_WRONLY | os.O_APPEND)


def _await_ready(
    cluster: Cluster, child: Child, *, log_start: int, is_leaving: Callable[[], bool]
) -> Postmaster:
    deadline = time.monotonic() + _READY_SECONDS
    while time.monotonic() < deadline:
        postmaster = _read_postmaster(cluster.data)
        # Before it has written its id nobody could stop it.
        if postmaster is not None and postmaster.pid == child.pid:
            if postmaster.ready:
                return postmaster
            if is_leaving():
                raise _not_awaited(cluster)
        if concurrent.futures.wait([child.exit], timeout=_POLL_SECONDS).done:
            raise _failure(cluster, f"exit status {child.exit.result()}", log_start=log_start)
    os.kill(child.pid, signal.SIGQUIT)
    raise _failure(cluster, f"not ready after {_READY_SECONDS:.0f} s", log_start=log_start)


def _not_awaited(cluster: Cluster) -> EmbeddedServerError:
    return EmbeddedServerError(
        f"The PostgreSQL server on {cluster.data} was starting or stopping when this process left."
    )


def _failure(cluster: Cluster, reason: str, *, log_start: int) -> EmbeddedServerError:
    said = tail(cluster.log.read_bytes()[log_start:].decode(errors="replace"))
    return EmbeddedServerError(
        f"PostgreSQL did not start on {cluster.data} ({reason}). Remove the cause named below and "
        f"start again, or set DATABASE_URL to a server of yours. End of {cluster.log}:\n{said}"
    )
