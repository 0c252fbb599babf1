"""`appointment360 restore`: all answers are those of then, or nothing has changed."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from sqlalchemy.engine import URL

from app.backup_file import BackupError
from app.restore_script import _is_wanted
from db.cache_state import open_cache_state
from db.engine import open_engine
from db.migrate import current_revision, downgrade, head_revision
from domain.accounts import Client as Browser
from domain.jobs import JobStatus
from jobs.bulk import BULK_HANDLERS
from jobs.imports import ImportSettings, import_handlers
from tests.app.backing_up import (
    EMAIL,
    NOT_THE_SAME,
    PASSWORD,
    Full,
    a_database,
    all_rows,
    backed_up,
    fill,
    opened,
    restored,
    settings_of,
)
from tests.app.backing_up import LIST as LIST_ALL
from tests.apps import open_app
from tests.databases import Databases
from tests.factories import make_contact
from tests.graph.merges import undo
from tests.graph.privacy import SUPPRESSED
from tests.graph.retries import CREATE, NOTICES, ada, count
from tests.graph.rows import execute, read_rows
from tests.jobs.working import ended, read_job, worker


@dataclass(frozen=True)
class Source:
    """A database with one of everything, and a backup of it."""

    url: URL
    folder: Path
    full: Full
    backup: bytes
    rows: dict[str, list[str]]
    epoch: object


@pytest.fixture(scope="module")
async def source(
    databases: Databases, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Source]:
    """Made once; nobody writes to it afterwards."""
    url, folder = await databases.take(), tmp_path_factory.mktemp("source")
    async with open_app(url, folder) as app:
        full = await fill(app)
    backup, _ = await backed_up(settings_of(url, folder))
    yield Source(url, folder, full, backup, await all_rows(url), await epoch_of(url))
    databases.drop(url)


async def epoch_of(url: URL) -> object:
    """What all caches of a database go by."""
    async with open_cache_state(url, name="test") as state:
        return (await state.look()).epoch


async def test_all_is_as_it_was(source: Source, database_url: URL, tmp_path: Path) -> None:
    """Rows, answers, passwords, tokens, keys, pictures, files, merges and the suppression list."""
    told = await restored(settings_of(database_url, tmp_path), source.backup)
    assert (told.settled.jobs, told.settled.files) == (1, 1)
    rows, full = await all_rows(database_url), source.full
    unfinished = {"uploads", "procrastinate_jobs", "procrastinate_workers", "procrastinate_events"}
    for table in {*source.rows} - NOT_THE_SAME - unfinished:
        assert rows[table] == source.rows[table], table
    assert {*rows} == {*source.rows}
    # No server uses what it kept before.
    assert await epoch_of(database_url) != source.epoch

    async with opened(database_url, tmp_path, full) as (app, client):
        assert await client.query(LIST_ALL) == full.listed
        signing_in = app.resources.accounts.signing_in
        assert (await signing_in.login(EMAIL, PASSWORD, client=Browser())).user.email == EMAIL
        again = await client.send(CREATE, input=ada("key-1"))
        assert again == {"data": full.created, "extensions": NOTICES}
        refused = await client.query(CREATE, input={"emails": [{"address": "gone@example.com"}]})
        assert refused["createContact"]["userErrors"][0]["message"] == SUPPRESSED
        picture = await app.http.get(f"/api/v2/users/{full.user}/avatar", headers=client.headers)
        assert (picture.status_code, picture.content) == (200, b"RIFF picture")
        assert (await undo(client, full.merge))["userErrors"] == []


async def test_jobs_go_on_after_a_restore(
    source: Source, database_url: URL, tmp_path: Path
) -> None:
    """The import that waited finds its file; what a worker was at is begun again, at no cost."""
    await restored(settings_of(database_url, tmp_path), source.backup)
    full = source.full
    async with opened(database_url, tmp_path, full) as (app, _):
        database, resources = app.resources.database, app.resources
        before = await read_job(database, full.running)
        assert (before.status, before.attempts) == (JobStatus.QUEUED, before.max_attempts - 1)
        handlers = import_handlers(resources.uploads, ImportSettings(placeholder="_"))
        async with worker(database, database_url, {**BULK_HANDLERS, **handlers}):
            jobs = [await ended(database, job_id) for job_id in (full.waiting, full.running)]
        assert [job.status for job in jobs] == [JobStatus.COMPLETED, JobStatus.COMPLETED]
        assert jobs[0].counters["created"] == 2


async def test_restore_into_a_database_without_tables(
    source: Source, databases: Databases, server_url: URL, tmp_path: Path
) -> None:
    """A new server has none: they come with the backup."""
    url = await databases.take()
    async with a_database(url) as database:
        await execute(database, "DROP SCHEMA public CASCADE")
        await execute(database, "CREATE SCHEMA public")
    await restored(settings_of(url, tmp_path), source.backup)
    assert (await all_rows(url))["contacts"] == source.rows["contacts"]
    databases.drop(url)


async def test_backup_of_older_tables_is_brought_up_to_date(
    database_url: URL, databases: Databases, tmp_path: Path
) -> None:
    """It was taken before an upgrade, by either release; the one of now makes its own tables."""
    old = await databases.take()
    async with open_engine(old) as engine:
        await downgrade(engine, revision="0007")
    async with a_database(old) as database:
        await execute(database, "INSERT INTO contacts (first_name) VALUES ('Ada')")
    backup, taken = await backed_up(settings_of(old, tmp_path))
    assert taken.manifest.migration == "0007"
    await restored(settings_of(database_url, tmp_path), backup)
    async with open_engine(database_url) as engine:
        assert await current_revision(engine) == head_revision()
    assert len((await all_rows(database_url))["contacts"]) == 1
    databases.drop(old)


def test_what_a_server_may_not_offer_is_left_out_of_the_dump() -> None:
    """Trigram indexes are made anew where there is pg_trgm; the schema is there already."""
    entry = "3042; 1259 17310 {} postgres"
    for wanted in ("INDEX public ix_contacts_name", "TABLE DATA public contacts"):
        assert _is_wanted(entry.format(wanted))
    for other in (
        "INDEX public ix_contacts_search_text_trgm",
        "INDEX public ix_companies_search_text_trgm",
        "SCHEMA - public",
        "EXTENSION - pg_trgm",
    ):
        assert not _is_wanted(entry.format(other))
    assert not _is_wanted(";     dbname: app")


async def test_records_are_replaced_only_when_told(
    source: Source, database_url: URL, tmp_path: Path
) -> None:
    """Without --replace what is there stays; with it all of it is gone, newer tables too."""
    settings = settings_of(database_url, tmp_path)
    async with a_database(database_url) as database:
        await make_contact(database, first_name="Here")
        before = await all_rows(database_url)
        with pytest.raises(BackupError, match=r"has records: contacts 1\. Nothing was changed"):
            await restored(settings, source.backup)
        assert await all_rows(database_url) == before
        assert not (tmp_path / "secret.key").exists()
        # As a later release would have left them.
        await execute(database, "UPDATE alembic_version SET version_num = '9999'")
        await execute(database, "CREATE TYPE later AS ENUM ('a')")
        await execute(database, "CREATE TABLE later_table (id serial, kind later)")
        await execute(
            database,
            "CREATE FUNCTION later_one() RETURNS later LANGUAGE sql AS 'SELECT NULL::later'",
        )
    await restored(settings, source.backup, replace=True)
    assert {*await all_rows(database_url)} == {*source.rows}
    async with a_database(database_url) as database:
        assert await count(database) == len(source.rows["contacts"])
        assert (
            await read_rows(database, "SELECT typname FROM pg_type WHERE typname = 'later'") == []
        )


async def test_tables_of_others_are_not_dropped(
    source: Source, database_url: URL, tmp_path: Path
) -> None:
    """Whoever shares the schema is told of it, --replace or not."""
    async with a_database(database_url) as database:
        await execute(database, "CREATE TABLE invoices (id bigint)")
    with pytest.raises(BackupError, match=r"not ours, and a restore empties it: invoices\."):
        await restored(settings_of(database_url, tmp_path), source.backup, replace=True)
    assert "invoices" in await all_rows(database_url)


async def test_restore_is_refused_while_a_server_is_connected(
    source: Source, database_url: URL, tmp_path: Path
) -> None:
    """It would answer from both states; --replace does not help."""
    settings = settings_of(database_url, tmp_path)
    async with open_app(database_url, tmp_path) as app:
        await app.client().query("{ contacts { totalCount } }")
        with pytest.raises(
            BackupError, match=r"are connected to the database: appointment360.*Stop"
        ):
            await restored(settings, source.backup, replace=True, other_secret=True)
    await restored(settings, source.backup, other_secret=True)


async def test_another_secret_is_refused_unless_told(
    source: Source, database_url: URL, tmp_path: Path
) -> None:
    """Tokens and cursors of then would not be taken; who says so goes on."""
    (tmp_path / "secret.key").write_text("another " * 8)
    settings = settings_of(database_url, tmp_path)
    with pytest.raises(BackupError, match=r"another secret when .* Move .*secret\.key away"):
        await restored(settings, source.backup)
    assert (await all_rows(database_url))["contacts"] == []
    await restored(settings, source.backup, other_secret=True)
    assert (tmp_path / "secret.key").read_text() == "another " * 8


async def test_secret_of_the_environment_is_in_no_backup(
    source: Source, database_url: URL, tmp_path: Path
) -> None:
    """Its fingerprint is; who restores under another one is told to set the first."""
    mine = "the secret of a server in production"
    backup, taken = await backed_up(settings_of(source.url, source.folder, secret_key=mine))
    assert not taken.manifest.has_secret
    assert mine.encode() not in backup
    with pytest.raises(BackupError, match=r"Set SECRET_KEY to the one of then"):
        await restored(settings_of(database_url, tmp_path), backup)
    await restored(settings_of(database_url, tmp_path, secret_key=mine), backup)
    assert not (tmp_path / "secret.key").exists()
