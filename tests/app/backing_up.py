"""Databases worth a backup, and how tests take and restore one."""

import io
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

from pydantic import SecretStr
from sqlalchemy.engine import URL

from app.backup import Taken, take_backup
from app.restore import Restored, restore_backup
from app.restore_checks import RestoreOptions
from app.settings import Settings
from db.avatars import put_avatar
from db.engine import open_engine
from db.transaction import Database
from domain.accounts import NewUser
from domain.enums import Role
from domain.pictures import Picture
from domain.uploads import UploadKind
from tests.apps import App, open_app
from tests.client import Client
from tests.factories import make_company, make_contact
from tests.graph.ids import id_of
from tests.graph.imports import an_import, row_of, sent
from tests.graph.merges import merge, pair
from tests.graph.privacy import add, erase
from tests.graph.retries import CREATE, ada
from tests.graph.rows import execute, read_rows
from tests.jobs.working import make_job

PASSWORD = "correct horse battery staple"
EMAIL = "grace@example.com"
CSV = b"E-mail,First Name\ntim@example.com,Tim\nvint@example.com,Vint\n"
LIST = """{ contacts(first: 50, orderBy: [{field: CREATED_AT}]) { totalCount nodes {
    id uuid fullName title email version tags company { id name } emails { address } } }
    companies(first: 50) { totalCount nodes { id name domain } } }"""
# What a restore renews, or forgets: whoever was connected then is not any more.
NOT_THE_SAME = {"cache_state", "cache_changes", "jobs"}


@dataclass(frozen=True)
class Full:
    """What was made in a database.

    Attributes:
        merge: The id of a merge.
        waiting: The row of the job of an import that no worker has taken.
        running: That of a job that a worker had when the backup was taken.
        token: A signed token of the user `EMAIL`.
        created: The answer to a mutation under an idempotency key.
    """

    user: UUID
    merge: str
    waiting: int
    running: int
    token: str
    created: dict[str, Any]
    listed: Any


def settings_of(url: URL, folder: Path, **more: Any) -> Settings:
    """Settings of a process on a database."""
    return Settings(
        _env_file=None,
        database_url=SecretStr(url.render_as_string(hide_password=False)),
        data_dir=folder,
        **more,
    )


def names_in(folder: Path) -> list[str]:
    """What is in a folder."""
    return sorted(path.name for path in folder.iterdir())


def _silent(_message: str) -> None:
    """Nobody is at the terminal."""


async def backed_up(settings: Settings) -> tuple[bytes, Taken]:
    """A backup, and what is told of it."""
    file = io.BytesIO()
    taken = await take_backup(settings, file, progress=_silent)
    return file.getvalue(), taken


async def restored(settings: Settings, backup: bytes, **options: bool) -> Restored:
    """What is told of a backup that is back."""
    chosen = RestoreOptions(**options)
    return await restore_backup(
        settings, io.BytesIO(backup), "b.a360", options=chosen, progress=_silent
    )


async def fill(app: App) -> Full:
    """One of each of what a backup must not lose."""
    database, resources = app.resources.database, app.resources
    user = (
        await resources.accounts.create_user(
            NewUser(email=EMAIL, role=Role.ADMIN, password=PASSWORD)
        )
    ).user
    token = resources.accounts.signing_in.issue_token(user, ttl_seconds=3600)
    client = Client(app.http, token)
    await make_company(database, name="Acme", domain="acme.com")
    await make_contact(database, first_name="Zoë", emails=("zoe@acme.com",), title="Ünïcode\n\\.")
    merged = await merge(client, *await pair(database))
    gone = await make_contact(database, emails=("gone@example.com",))
    await erase(client, id_of(gone))
    await add(client, email="never@example.com")
    created = await client.query(CREATE, input=ada("key-1"))
    async with database.write() as tx:
        picture = Picture(content=b"RIFF picture", media_type="image/webp", width=1, height=1)
        await put_avatar(tx, user.uuid, picture)
    upload = await sent(resources, client, CSV)
    await sent(resources, client, CSV, kind=UploadKind.COMPANIES, up_to=10)
    waiting = await an_import(client, upload)
    return Full(
        user=user.uuid,
        merge=merged["merge"]["id"],
        waiting=row_of(waiting),
        running=await _running_job(database),
        token=token,
        created=created,
        listed=await client.query(LIST),
    )


async def _running_job(database: Database) -> int:
    """A job that a worker is at that never comes back, in its only attempt."""
    job = await make_job(database)
    await execute(
        database,
        "UPDATE jobs SET status = 'RUNNING', attempts = max_attempts, locked_by = gen_random_uuid()"
        " WHERE id = $1",
        job.id,
    )
    await execute(
        database,
        "WITH w AS (INSERT INTO procrastinate_workers DEFAULT VALUES RETURNING id)"
        " UPDATE procrastinate_jobs SET status = 'doing', worker_id = (SELECT id FROM w)"
        " WHERE lock = $1",
        f"job-{job.id}",
    )
    return job.id


@asynccontextmanager
async def a_database(url: URL) -> AsyncIterator[Database]:
    """A database that no process of ours is connected to."""
    async with open_engine(url, pool_size=1, max_overflow=0, application_name="test") as engine:
        yield Database(engine)


async def all_rows(url: URL) -> dict[str, list[str]]:
    """Every row of every table, as texts."""
    async with a_database(url) as database:
        tables = await read_rows(
            database,
            "SELECT relname FROM pg_class WHERE relkind = 'r'"
            " AND relnamespace = 'public'::regnamespace ORDER BY 1",
        )
        return {
            table: [
                row[0]
                for row in await read_rows(database, f"SELECT t::text FROM {table} t ORDER BY 1")
            ]
            for (table,) in tables
        }


@asynccontextmanager
async def opened(url: URL, folder: Path, full: Full) -> AsyncIterator[tuple[App, Client]]:
    """An application on a restored database, and a client with a token of before."""
    async with open_app(url, folder) as app:
        yield app, Client(app.http, full.token)
