"""The embedded PostgreSQL server, with real processes that are really killed."""

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from app.embedded.binaries import EmbeddedServerError
from app.embedded.server import EmbeddedServer, acquire, lease
from tests.app.clusters import (
    Holder,
    data_of,
    eventually,
    is_alive,
    kill_postmaster,
    process_column,
    psql,
)

needs_linux = pytest.mark.skipif(sys.platform != "linux", reason="only Linux ties a child so")


def shown(server: EmbeddedServer, *settings: str) -> str:
    """The values of settings, with | between."""
    columns = ", ".join(f"current_setting('{name}')" for name in settings)
    return psql(server.dsn, f"select {columns}")


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
