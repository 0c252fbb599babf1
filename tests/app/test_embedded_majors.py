"""The embedded PostgreSQL when its major version is another, and when somebody ends it.

A folder of another version is one with its files in it: what matters is that they are never passed
over in silence.
"""

import asyncio
import os
import re
import signal
import stat
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest
from sqlalchemy.engine import URL
from structlog.testing import capture_logs

from app.embedded import postmaster
from app.embedded.binaries import EmbeddedServerError
from app.embedded.server import acquire, lease, restored
from app.postgresql import open_postgresql
from app.settings import Settings
from tests.app import backing_up
from tests.app.backing_up import a_database, backed_up, settings_of
from tests.app.clusters import kill_postmaster, open_parent, psql
from tests.factories import make_contact
from tests.processes import command
from tests.replication import ask

RECOVERY_SECONDS = 10.0


@pytest.fixture
def old_folder() -> Iterator[Path]:
    """A folder in which an older release has left its records."""
    with open_parent() as parent:
        folder = parent / "data"
        data = folder / "pg17" / "data"
        data.mkdir(parents=True)
        (data / "PG_VERSION").write_text("17\n")
        folder.chmod(0o755)
        yield folder


@pytest.fixture(scope="module")
def used_folder() -> Iterator[Path]:
    """A folder in which a server has been, because a first start takes most of a test's time."""
    with open_parent() as parent:
        with lease(parent / "data", durable=False):
            pass
        yield parent / "data"


def test_records_of_another_version_are_not_passed_over(old_folder: Path) -> None:
    """A start would show an empty database: it is refused, in words that lead to the records."""
    with pytest.raises(EmbeddedServerError) as refused:
        acquire(old_folder, durable=False)
    told = str(refused.value)
    assert f"The records are in {old_folder / 'pg17'}, in files of PostgreSQL 17." in told
    assert "appointment360 backup FILE" in told
    assert "appointment360 restore FILE" in told
    assert not (old_folder / "pg18" / "data").exists()


def test_upgrade_that_was_not_finished_is_used_by_nobody(old_folder: Path) -> None:
    """From its beginning until the backup is restored, also when that is cut short by a kill."""
    for is_finished in (False, True):
        restoring = acquire(old_folder, durable=False, for_restore=True)
        refuse(old_folder)
        if is_finished:
            restored(old_folder)
            with lease(old_folder, durable=False) as server:
                assert not server.started
        restoring.release()
        if not is_finished:
            refuse(old_folder)
    with lease(old_folder, durable=False) as server:
        assert server.started
    assert (old_folder / "pg17" / "data" / "PG_VERSION").read_text() == "17\n"


def refuse(folder: Path) -> None:
    """Nobody is given the database of a folder."""
    with pytest.raises(EmbeddedServerError, match=r"The records are in .*pg17"):
        acquire(folder, durable=False)


async def test_upgrade_brings_the_records_along(
    old_folder: Path, database_url: URL, tmp_path: Path
) -> None:
    """The backup of the release before is restored, and the server starts on what it had."""
    async with a_database(database_url) as database:
        await make_contact(database, first_name="Ada")
    backup, _ = await backed_up(settings_of(database_url, tmp_path))
    settings = Settings(_env_file=None, data_dir=old_folder)
    with pytest.raises(EmbeddedServerError, match="The records are in"):
        await backed_up(settings)
    await backing_up.restored(settings, backup)
    async with open_postgresql(settings, old_folder, progress=lambda _: None) as (url, server):
        assert server is not None
        assert await ask(url, "SELECT first_name FROM contacts") == "Ada"


def test_killed_server_is_started_again_once_for_all_leases(used_folder: Path) -> None:
    """Whoever comes first starts it, the next finds it; the address is the same."""
    with lease(used_folder, durable=False) as first, lease(used_folder, durable=False) as second:
        assert first.is_alive()
        kill_postmaster(first)
        assert not first.is_alive()
        assert not second.is_alive()
        first.start_again()
        started = pid_in(used_folder)
        second.start_again()
        assert first.is_alive()
        assert second.is_alive()
        assert pid_in(used_folder) == started != first.pid
        assert psql(second.dsn, "SELECT 1") == "1"
    first.start_again()
    assert pid_in(used_folder) == 0


async def test_log_of_a_long_life_does_not_grow_without_end(
    used_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The one before is kept, for its owner alone, and the server goes on with an empty one."""
    monkeypatch.setattr(postmaster, "_LOG_BYTES", 5000)
    settings = Settings(_env_file=None, data_dir=used_folder)
    async with open_postgresql(settings, used_folder, progress=lambda _: None) as (_, server):
        assert server is not None
        log = used_folder / "pg18" / "server.log"
        before = log.with_suffix(".log.1")
        while not before.exists():
            psql(server.dsn, f"SELECT '{'x' * 500}'::int")
            await asyncio.sleep(0.05)
        assert b"invalid input syntax" in before.read_bytes()
        assert stat.S_IMODE(before.stat().st_mode) == 0o600
        assert log.stat().st_size < 5000
        psql(server.dsn, "SELECT 'last'::int")
        assert b"last" in log.read_bytes()
        assert b"\0" not in log.read_bytes()


async def holds(condition: Callable[[], bool]) -> None:
    """Wait until something is so, without a thread."""
    async with asyncio.timeout(20):
        while True:
            if condition():
                return
            await asyncio.sleep(0.02)


def pid_in(folder: Path) -> int:
    """The process of the server of a folder; 0 while there is none."""
    try:
        words = (folder / "pg18" / "data" / "postmaster.pid").read_text().split()
    except FileNotFoundError:
        return 0
    return int(words[0]) if words else 0


async def test_keeper_outlives_a_machine_without_threads(
    used_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What no thread could be had for is tried again, and the end stops the server."""

    def refused(_thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    settings = Settings(_env_file=None, data_dir=used_folder)
    async with open_postgresql(settings, used_folder, progress=lambda _: None) as (_, server):
        assert server is not None
        with monkeypatch.context() as patch, capture_logs() as logs:
            patch.setattr(threading.Thread, "start", refused)
            os.kill(server.pid, signal.SIGKILL)
            await holds(lambda: any(line["event"] == "postgresql_not_kept" for line in logs))
        await holds(server.is_alive)
    assert pid_in(used_folder) == 0


async def test_server_outlives_its_postgresql(used_folder: Path, database_url: URL) -> None:
    """Kill -9 of the embedded postmaster under `serve`: requests are answered again by themselves.

    It takes about a second; the limit here is one for a busy machine.
    """
    async with command(
        "serve",
        "--port=0",
        "--no-jobs",
        database_url=database_url,
        folder=used_folder.parent,
        DATABASE_URL="",
        DATA_DIR=str(used_folder),
    ) as process:
        address, token = _where(await process.says("#token="))
        async with httpx.AsyncClient(base_url=address) as http:
            assert await _answers(http, token)
            for _ in range(2):
                killed = pid_in(used_folder)
                os.kill(killed, signal.SIGKILL)
                begun = time.monotonic()
                while pid_in(used_folder) in {0, killed} or not await _answers(http, token):
                    assert time.monotonic() < begun + RECOVERY_SECONDS
                    await asyncio.sleep(0.1)
        await process.says("postgresql_started_again")
        process.signal(signal.SIGTERM)
        assert await process.ends() == 0
    assert pid_in(used_folder) == 0


def _where(line: str) -> tuple[str, str]:
    match = re.search(r"(http://\S+)/#token=(\S+)", line)
    assert match is not None
    return match[1], match[2]


async def _answers(http: httpx.AsyncClient, token: str) -> bool:
    """Whether a query is answered that has to ask PostgreSQL."""
    response = await http.post(
        "/graphql",
        json={"query": "{ contacts { totalCount } companies { totalCount } }"},
        headers={"Authorization": f"Bearer {token}", "Cache-Control": "no-cache"},
    )
    return "errors" not in response.json()


async def test_lease_is_left_while_its_server_starts_for_long(used_folder: Path) -> None:
    """A recovery may take minutes: whoever leaves does not wait for it; the last one stops it."""
    server = acquire(used_folder, durable=False)
    data, killed = used_folder / "pg18" / "data", server.pid
    kill_postmaster(server)
    with (data / "postgresql.auto.conf").open("a") as file:
        file.write("restore_command = 'sleep 60'\n")
    (data / "recovery.signal").touch()
    starting = asyncio.create_task(asyncio.to_thread(server.start_again))
    await holds(lambda: pid_in(used_folder) not in {0, killed})
    begun = time.monotonic()
    await asyncio.to_thread(server.release)
    with pytest.raises(EmbeddedServerError, match="when this process left"):
        await starting
    assert time.monotonic() < begun + 30
    assert pid_in(used_folder) == 0
