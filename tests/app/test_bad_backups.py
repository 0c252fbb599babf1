"""Files that are no backup, or not a whole one: each is refused, and nothing has changed."""

import asyncio
import hashlib
import io
import json
import random
import signal
import zipfile
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.engine import URL

from app.backup_file import BackupError, BackupReader
from app.restore import _finish, _open_database
from app.restore_script import restore_database
from tests.app.backing_up import a_database, all_rows, backed_up, names_in, restored, settings_of
from tests.apps import open_app
from tests.databases import Databases
from tests.factories import make_company, make_contact
from tests.graph.rows import execute
from tests.processes import command
from tests.replication import ask, until

FLIPS = 60
CONNECTED = (
    "SELECT pid FROM pg_stat_activity WHERE datname = current_database()"
    " AND application_name = 'appointment360-restore'"
)
WAITING = f"{CONNECTED} AND wait_event_type = 'Lock'"


@pytest.fixture(scope="module")
async def backup(
    databases: Databases, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[bytes]:
    """A good one, of a contact and a company."""
    url = await databases.take()
    async with a_database(url) as database:
        await make_company(database)
        await make_contact(database, emails=("ada@example.com",))
    yield (await backed_up(settings_of(url, tmp_path_factory.mktemp("data"))))[0]
    databases.drop(url)


def rewritten(backup: bytes, change: Callable[[dict[str, Any]], None], **parts: bytes) -> bytes:
    """The archive with another manifest, sealed as it should be, or other parts."""
    with zipfile.ZipFile(io.BytesIO(backup)) as archive:
        contents = {name: archive.read(name) for name in archive.namelist()} | parts
    manifest = json.loads(contents["manifest.json"])
    change(manifest)
    told = contents["manifest.json"] = json.dumps(manifest).encode()
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name, content in contents.items():
            archive.writestr(name, content)
        seal = hashlib.sha256(told).hexdigest()
        archive.comment = f"appointment360 backup sha256:{seal}".encode()
    return file.getvalue()


async def refusal(url: URL, folder: Path, backup: bytes) -> str:
    """Why a file is refused; the database is as it was, and no file was made."""
    before = await all_rows(url)
    with pytest.raises(BackupError) as refused:
        await restored(settings_of(url, folder), backup)
    assert await all_rows(url) == before
    assert names_in(folder) == []
    return refused.value.message


async def test_file_that_is_no_backup_is_refused(
    backup: bytes, database_url: URL, tmp_path: Path
) -> None:
    """A text, nothing at all, an archive of somebody else."""
    foreign = io.BytesIO()
    with zipfile.ZipFile(foreign, "w") as archive:
        archive.writestr("manifest.json", "{}")
    for content in (b"PGDMP\x01", b"", foreign.getvalue()):
        assert "is no backup of Appointment360" in await refusal(database_url, tmp_path, content)
    other = rewritten(backup, lambda manifest: manifest.update(product="another"))
    assert "is no backup of Appointment360" in await refusal(database_url, tmp_path, other)


async def test_file_that_is_cut_short_is_refused(
    backup: bytes, database_url: URL, tmp_path: Path
) -> None:
    """However much of it is there."""
    for size in (10, len(backup) // 2, len(backup) - 1):
        told = await refusal(database_url, tmp_path, backup[:size])
        assert "is damaged" in told
        assert "Take another copy of it" in told


def test_no_changed_byte_is_overlooked(backup: bytes) -> None:
    """Either the file is refused, or what is read of it is what was written."""
    good = BackupReader(io.BytesIO(backup), "b")
    parts = {part.name: good.read(part.name) for part in good.manifest.parts}
    chance, refused = random.Random(3), 0  # noqa: S311  # the same ones in every run
    # The ends of the file, where the archive says what is in it, as well as its middle.
    tail = range(len(backup) - 700, len(backup))
    for place in (*chance.sample(range(len(backup)), FLIPS), *chance.sample(tail, FLIPS)):
        changed = bytearray(backup)
        changed[place] ^= 1 << chance.randrange(8)
        try:
            reader = BackupReader(io.BytesIO(bytes(changed)), "b")
            reader.check()
        except BackupError:
            refused += 1
        else:
            assert reader.manifest == good.manifest
            assert {name: reader.read(name) for name in parts} == parts
    assert refused > FLIPS


async def test_part_that_is_another_is_refused(
    backup: bytes, database_url: URL, tmp_path: Path
) -> None:
    """Also where the archive itself is in order; and one too many or too few."""
    told = await refusal(
        database_url,
        tmp_path,
        rewritten(backup, lambda _manifest: None, **{"database.dump": b"PGDMP"}),
    )
    assert "database.dump is not what was written" in told
    more = rewritten(backup, lambda _manifest: None, more=b"x")
    assert "parts are missing or do not belong" in await refusal(database_url, tmp_path, more)


async def test_backup_of_a_newer_release_is_refused(
    backup: bytes, database_url: URL, tmp_path: Path
) -> None:
    """Its tables, or its form, are not known here; the message names the release."""
    tables = rewritten(backup, lambda manifest: manifest.update(migration="9999", version="9.9"))
    told = await refusal(database_url, tmp_path, tables)
    assert "migration 9999, made by 9.9" in told
    form = rewritten(backup, lambda manifest: manifest.update(format=99, version="9.9"))
    assert "made by a newer release, 9.9" in await refusal(database_url, tmp_path, form)


async def test_restore_that_finds_other_rows_takes_all_back(
    backup: bytes, database_url: URL, tmp_path: Path
) -> None:
    """The manifest tells how many rows each table has: one that has others is not committed."""
    wrong = rewritten(backup, lambda manifest: manifest["rows"].update(contacts=2))
    told = await refusal(database_url, tmp_path, wrong)
    assert "nothing was changed" in told
    assert "contacts has not the 2 rows" in told


async def test_restore_waits_for_nobody_for_long(
    backup: bytes, database_url: URL, tmp_path: Path
) -> None:
    """Somebody else who holds a table keeps it from being dropped: it fails, and says so."""
    async with a_database(database_url) as database, database.write() as tx:
        await tx.driver.execute("LOCK TABLE contacts")
        reader = BackupReader(io.BytesIO(backup), "b")
        with pytest.raises(BackupError, match="lock timeout"):
            await restore_database(database_url, reader, replace=True, patience_seconds=0.2)


@pytest.mark.parametrize("victim", ["command", "connection"])
async def test_killed_restore_leaves_what_was_there(
    backup: bytes, database_url: URL, tmp_path: Path, victim: str
) -> None:
    """Kill -9 in the middle, or PostgreSQL ends the connection: the records of before are there."""
    async with a_database(database_url) as database:
        await make_contact(database, first_name="Here")
        await execute(database, "CREATE FUNCTION held() RETURNS int LANGUAGE sql AS 'SELECT 1'")
    before, file = await all_rows(database_url), tmp_path / "b.a360"
    file.write_bytes(backup)
    async with a_database(database_url) as database, database.write() as tx:
        # It has dropped all tables by the time that it comes to this one.
        await tx.driver.execute("COMMENT ON FUNCTION held() IS 'held'")
        words = ("restore", "--replace", str(file))
        async with command(*words, database_url=database_url, folder=tmp_path) as process:
            await until(lambda: ask(database_url, f"SELECT EXISTS ({WAITING})"))
            if victim == "connection":
                await ask(database_url, f"SELECT pg_terminate_backend(pid) FROM ({WAITING}) w")
                assert await process.ends() == 1
            else:
                process.signal(signal.SIGKILL)
                await process.ends()
    await until(lambda: ask(database_url, f"SELECT NOT EXISTS ({CONNECTED})"))
    assert await all_rows(database_url) == before


async def test_transaction_refuses_who_came_after_the_look(
    backup: bytes, database_url: URL, tmp_path: Path
) -> None:
    """A server, or records, that were not there yet: nothing is dropped."""
    reader = BackupReader(io.BytesIO(backup), "b")
    async with open_app(database_url, tmp_path) as app:
        await app.client().query("{ contacts { totalCount } }")
        with pytest.raises(BackupError, match=r"connected to the database: appointment360"):
            await restore_database(database_url, reader, replace=True)
        with pytest.raises(BackupError, match=r"have connected to the database: appointment360"):
            await _finish_on(database_url, tmp_path, reader)
    async with a_database(database_url) as database:
        await execute(database, "DELETE FROM users")
        await make_contact(database, first_name="Here")
    before = await all_rows(database_url)
    with pytest.raises(BackupError, match=r"has records by now, in contacts\..*say --replace"):
        await restore_database(database_url, reader, replace=False)
    assert await all_rows(database_url) == before


async def _finish_on(url: URL, folder: Path, reader: BackupReader) -> None:
    async with _open_database(url) as database:
        await _finish(settings_of(url, folder), database, reader.manifest)


async def test_restore_that_is_interrupted_at_its_end_keeps_the_files(
    databases: Databases, database_url: URL, tmp_path: Path
) -> None:
    """Ctrl-C while PostgreSQL stores: the records are there, so the secret must be too."""
    url, folder = await databases.take(), tmp_path / "source"
    folder.mkdir()
    (folder / "secret.key").write_text("s" * 64)
    async with a_database(url) as database:
        await make_contact(database)
        await execute(
            database,
            "CREATE FUNCTION waits() RETURNS trigger LANGUAGE plpgsql AS"
            " 'BEGIN PERFORM pg_advisory_xact_lock(42); RETURN NULL; END'",
        )
        await execute(
            database,
            "CREATE CONSTRAINT TRIGGER waits AFTER UPDATE ON cache_state"
            " DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION waits()",
        )
    backup, _ = await backed_up(settings_of(url, folder))
    databases.drop(url)
    here = tmp_path / "here"
    async with a_database(database_url) as database, database.write() as tx:
        await tx.driver.execute("SELECT pg_advisory_xact_lock(42)")
        restoring = asyncio.create_task(restored(settings_of(database_url, here), backup))
        await until(lambda: ask(database_url, f"SELECT EXISTS ({WAITING})"))
        restoring.cancel()
        await asyncio.wait([restoring], timeout=0.2)
        assert not restoring.done()
    with pytest.raises(BackupError, match=r"interrupted while .* may have been\. .*--replace"):
        await restoring
    assert await ask(database_url, "SELECT count(*) FROM contacts") == 1
    assert (here / "secret.key").read_text() == "s" * 64
