"""`appointment360 backup`: one state, whole or not there, and nobody else may read it."""

import asyncio
import hashlib
import os
import signal
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO
from uuid import UUID

import pytest
from pydantic import SecretStr
from sqlalchemy.engine import URL

from app.backup_file import BackupError, BackupReader, whole_file
from app.cli_operations import _told_backup
from app.embedded.binaries import binaries, run, server_account
from db.client_environment import client_environment
from db.engine import normalize_database_url, open_engine
from db.migrate import upgrade
from tests.app.backing_up import (
    a_database,
    all_rows,
    backed_up,
    names_in,
    restored,
    settings_of,
)
from tests.databases import Databases
from tests.factories import make_company, make_contact
from tests.graph.rows import execute
from tests.processes import command
from tests.replication import ask, until

# Of the wheel that our own server comes with, beside it.
OLDER = "pginstall"
WRITERS = "SELECT count(*) > 20 FROM contacts"


async def test_backup_is_of_one_state_while_others_write(
    database_url: URL, tmp_path: Path, databases: Databases
) -> None:
    """Contacts and their companies are made two by two: no backup has one without the other."""
    writing = asyncio.create_task(_write_pairs(database_url))
    try:
        await until(lambda: ask(database_url, WRITERS))
        backup, taken = await backed_up(settings_of(database_url, tmp_path))
    finally:
        writing.cancel()
        await asyncio.wait([writing])
    rows = taken.manifest.rows
    assert rows["contacts"] == rows["companies"] > 20
    url = await databases.take()
    await restored(settings_of(url, tmp_path), backup)
    copy = await all_rows(url)
    assert len(copy["contacts"]) == len(copy["companies"]) == rows["contacts"]
    databases.drop(url)


async def _write_pairs(url: URL) -> None:
    async with a_database(url) as database:
        while True:
            await execute(
                database,
                "WITH c AS (INSERT INTO companies (name) VALUES ('Acme') RETURNING id)"
                " INSERT INTO contacts (first_name, company_id) SELECT 'Ada', id FROM c",
            )


async def test_command_writes_a_file_for_its_owner_alone(database_url: URL, tmp_path: Path) -> None:
    """It says what is in it, and that it is to be kept away from others."""
    async with a_database(database_url) as database:
        await make_contact(database)
    file = tmp_path / "b.a360"
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "secret.key").write_text("s" * 64)
    async with command("backup", str(file), database_url=database_url, folder=tmp_path) as process:
        told = await process.says("Backed up to")
        assert await process.ends() == 0
    assert "contacts 1; PostgreSQL" in told
    assert "the secret that signs tokens: keep it where nobody else" in process.said[-1]
    assert names_in(tmp_path) == ["b.a360", "data"]
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    with file.open("rb") as opened:
        BackupReader(opened, "b").check()


async def test_killed_backup_leaves_no_file_and_the_next_succeeds(
    database_url: URL, tmp_path: Path
) -> None:
    """Kill -9 while pg_dump waits: what has the name is the whole one of before, or nothing."""
    file = tmp_path / "b.a360"
    async with a_database(database_url) as database, database.write() as tx:
        await tx.driver.execute("LOCK TABLE contacts")
        waiting = (
            "SELECT count(*) > 0 FROM pg_stat_activity WHERE datname = current_database()"
            " AND application_name = 'appointment360-backup' AND wait_event_type = 'Lock'"
        )
        async with command(
            "backup", str(file), database_url=database_url, folder=tmp_path
        ) as process:
            await until(lambda: ask(database_url, waiting))
            process.signal(signal.SIGKILL)
            await process.ends()
    assert not file.exists()
    with whole_file(file) as output:
        output.write((await backed_up(settings_of(database_url, tmp_path)))[0])
    with file.open("rb") as opened:
        BackupReader(opened, "b").check()
    assert not file.with_name("b.a360.unfinished").exists()


def test_failed_or_second_backup_keeps_the_one_before(tmp_path: Path) -> None:
    """A disk that is full, or two that write to one name: the file of before stays."""
    file = tmp_path / "b.a360"
    file.write_bytes(b"before")
    with pytest.raises(OSError, match="full"), whole_file(file) as output:
        _write_two(file, output)
    assert file.read_bytes() == b"before"
    assert [path.name for path in tmp_path.iterdir()] == ["b.a360"]


def _write_two(file: Path, output: BinaryIO) -> None:
    output.write(b"half")
    with pytest.raises(BackupError, match="Another backup is being written"), whole_file(file):
        pass
    raise OSError("The disk is full.")


async def test_database_without_tables_has_no_backup(
    server_url: URL, databases: Databases, tmp_path: Path
) -> None:
    """An address that is wrong is found now, not on the day of the restore."""
    url = await databases.take()
    async with a_database(url) as database:
        await execute(database, "DROP SCHEMA public CASCADE")
        await execute(database, "CREATE SCHEMA public")
    with pytest.raises(BackupError, match="nothing to back up"):
        await backed_up(settings_of(url, tmp_path))
    databases.drop(url)


def test_address_goes_by_the_environment() -> None:
    """Password, hosts and TLS: each in the variable that libpq reads, none in the words."""
    url = normalize_database_url("postgresql://ada:p%40ss@db.example.com:6432/crm?ssl=require")
    told = client_environment(url, application_name="appointment360-backup")
    expected = {
        "PGHOST": "db.example.com",
        "PGPORT": "6432",
        "PGUSER": "ada",
        "PGPASSWORD": "p@ss",
        "PGDATABASE": "crm",
        "PGSSLMODE": "require",
        "PGAPPNAME": "appointment360-backup",
    }
    assert {name: told[name] for name in expected} == expected


async def test_files_of_an_object_store_go_with_the_backup(
    database_url: URL, databases: Databases, tmp_path: Path
) -> None:
    """They are taken from the store, and put into the one of then."""
    stores = [tmp_path / "there", tmp_path / "here"]
    for store in stores:
        (store / "uploads").mkdir(parents=True)
    content = b"E-mail\nada@example.com\n"
    upload = UUID("0123456789abcdef0123456789abcdef").hex
    (stores[0] / "uploads" / upload).write_bytes(content)
    async with a_database(database_url) as database:
        await execute(
            database,
            "INSERT INTO uploads (uuid, kind, filename, media_type, total_bytes, sha256,"
            " expires_at) VALUES ($1, 'contacts', 'a.csv', 'text/csv', 23, $2, now())",
            UUID(upload),
            hashlib.sha256(content).hexdigest(),
        )
    there, here = (
        {"file_store_url": f"file://{store}", "secret_key": SecretStr("s" * 40)} for store in stores
    )
    backup, _ = await backed_up(settings_of(database_url, tmp_path / "a", **there))
    url = await databases.take()
    await restored(settings_of(url, tmp_path / "b", **here), backup)
    assert (stores[1] / "uploads" / upload).read_bytes() == content
    assert names_in(tmp_path / "b" / "uploads") == []
    databases.drop(url)


async def an_upload(url: URL, folder: Path, number: int) -> Path:
    """The file of an upload that is whole."""
    file = folder / "uploads" / UUID(int=number).hex
    file.parent.mkdir(exist_ok=True, parents=True)
    file.write_bytes(b"E-mail")
    async with a_database(url) as database:
        await execute(
            database,
            "INSERT INTO uploads (uuid, kind, filename, media_type, total_bytes, sha256,"
            " expires_at) VALUES ($1, 'contacts', 'a.csv', 'text/csv', 6, $2, now())",
            UUID(int=number),
            hashlib.sha256(b"E-mail").hexdigest(),
        )
    return file


async def test_backup_without_its_files_is_none(database_url: URL, tmp_path: Path) -> None:
    """A wrong DATA_DIR, or a file that is cut short: it fails, and leaves nothing."""
    file = await an_upload(database_url, tmp_path / "data", 1)
    target, elsewhere = tmp_path / "b.a360", tmp_path / "elsewhere"
    async with command(
        "backup",
        str(target),
        database_url=database_url,
        folder=tmp_path,
        DATA_DIR=str(elsewhere),
    ) as process:
        told = await process.says(file.name)
        assert await process.ends() == 1
    assert "Look at DATA_DIR and FILE_STORE_URL" in told
    assert names_in(tmp_path) == ["data"]
    file.write_bytes(b"E-mai")
    with pytest.raises(BackupError, match=f"not as they were sent: {file.name}"):
        await backed_up(settings_of(database_url, tmp_path / "data"))


async def test_upload_that_is_removed_meanwhile_is_in_no_backup(
    database_url: URL, databases: Databases, tmp_path: Path
) -> None:
    """Whether its file is gone or spoilt by then; the backup is good, and forgets both."""
    files = [await an_upload(database_url, tmp_path, number) for number in (1, 2, 3)]
    waiting = (
        "SELECT count(*) > 0 FROM pg_stat_activity WHERE datname = current_database()"
        " AND application_name = 'appointment360-backup' AND wait_event_type = 'Lock'"
    )
    async with a_database(database_url) as database, database.write() as tx:
        await tx.driver.execute("LOCK TABLE contacts")
        taking = asyncio.create_task(backed_up(settings_of(database_url, tmp_path)))
        await until(lambda: ask(database_url, waiting))
        await tx.driver.execute("DELETE FROM uploads WHERE filename = 'a.csv' AND id <> 1")
        files[1].unlink()
        files[2].write_bytes(b"other")
    backup, taken = await taking
    assert taken.manifest.missing == (UUID(int=2), UUID(int=3))
    url = await databases.take()
    here = tmp_path / "here"
    assert (await restored(settings_of(url, here), backup)).settled.files == 2
    assert names_in(here / "uploads") == [files[0].name]
    databases.drop(url)


async def test_backup_says_which_secret_it_lacks(database_url: URL, tmp_path: Path) -> None:
    """One that was set is elsewhere; where none was found, none is asserted to be."""
    mine = {"secret_key": SecretStr("s" * 40)}
    _, with_key = await backed_up(settings_of(database_url, tmp_path, **mine))
    assert "SECRET_KEY is not in it: keep" in _told_backup(Path("b"), with_key)
    _, without = await backed_up(settings_of(database_url, tmp_path))
    told = _told_backup(Path("b"), without)
    assert "No secret is in it: SECRET_KEY is not set" in told
    assert "SECRET_KEY is not in it" not in told


@contextmanager
def older_server() -> Iterator[URL]:
    """A PostgreSQL of another major version, as somebody else would run it."""
    programs = binaries().parents[1] / OLDER / "bin"
    if not programs.exists():
        pytest.skip("the wheel has no second version of PostgreSQL")
    with tempfile.TemporaryDirectory(prefix="a360-") as name:
        home = Path(name)
        account = server_account(home / "data")
        home.chmod(0o755)
        if account:
            os.chown(home, account.uid, account.gid)
        data = home / "data"
        initdb: list[str | Path] = [
            programs / "initdb",
            "-D",
            data,
            "-U",
            "postgres",
            "-A",
            "trust",
            "--no-sync",
        ]
        run([*initdb, "-E", "UTF8", "--locale=C"], home, account=account)
        options = f"-c fsync=off -c listen_addresses= -c unix_socket_directories={home}"
        pg_ctl: list[str | Path] = [programs / "pg_ctl", "-D", data, "-w", "-l", home / "log"]
        run([*pg_ctl, "start", "-o", options], home, account=account)
        try:
            yield normalize_database_url(f"postgresql://postgres@/postgres?host={home}&port=5432")
        finally:
            run([*pg_ctl, "stop", "-m", "immediate"], home, account=account)


async def test_backup_goes_to_a_server_of_another_version_and_back(
    server_url: URL, databases: Databases, tmp_path: Path
) -> None:
    """The programs are those of our own server; a server of somebody else is older."""
    here = await databases.take()
    async with a_database(here) as database:
        await make_company(database)
        await make_contact(database, emails=("ada@example.com",))
    with older_server() as older:
        assert not str(await ask(older, "SHOW server_version")).startswith("18")
        async with open_engine(older) as engine:
            await upgrade(engine)
        key = {"secret_key": SecretStr("s" * 40)}
        backup, _ = await backed_up(settings_of(here, tmp_path, **key))
        await restored(settings_of(older, tmp_path, **key), backup)
        there = await all_rows(older)
        again, taken = await backed_up(settings_of(older, tmp_path, **key))
    assert there["contact_emails"] == (await all_rows(here))["contact_emails"]
    assert taken.manifest.rows["companies"] == 1
    await restored(settings_of(here, tmp_path, **key), again, replace=True)
    assert (await all_rows(here))["contacts"] == there["contacts"]
    databases.drop(here)
