"""DATABASE_POOLER=transaction: the whole application through PgBouncer, with few connections."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr
from sqlalchemy.engine import URL
from sqlalchemy.ext.asyncio import AsyncEngine

from app.resources import Resources
from app.working import at_work, build_worker
from db.pooling import ROLE_SETTINGS, keep_role_settings
from domain.accounts import NewUser
from domain.changes import ChangeEventKind
from domain.enums import Role
from domain.node_ids import NodeKind
from tests.apps import STRANGER, App, open_app
from tests.client import Client
from tests.graph.imports import create, row_of, sent, shown
from tests.jobs.working import ended
from tests.pgbouncer import Pooler, needs_pgbouncer, pgbouncer
from tests.processes import command
from tests.replication import ask

CONTACTS = 400
WRITES = 20

MADE = "mutation ($name: String!) { createContact(input: {firstName: $name}) { contact { id } } }"
READ = """
query ($search: String!) {
  contacts(first: 5, filter: {firstName: {startsWith: $search}}) { totalCount nodes { firstName } }
}
"""
PEOPLE = "first_name,email\n" + "".join(f"Imp{n},imp{n}@example.com\n" for n in range(300))

pytestmark = [
    needs_pgbouncer,
    pytest.mark.one_executor("Others write while it reads."),
]


@pytest.fixture(scope="module")
def pooler(server_url: URL) -> Iterator[Pooler]:
    """Has two connections for each database."""
    with pgbouncer(server_url, connections=2) as pooler:
        yield pooler


@pytest.fixture
async def app(
    pooler: Pooler, database_url: URL, engine: AsyncEngine, tmp_path: Path
) -> AsyncIterator[App]:
    """The application with a cache and a worker; what listens goes past the pooler."""
    await keep_role_settings(engine)
    direct = SecretStr(database_url.render_as_string(hide_password=False))
    async with open_app(
        pooler.url(database_url),
        tmp_path,
        with_cache=True,
        database_pooler="transaction",
        database_direct_url=direct,
    ) as app:
        worker = build_worker(app.resources)
        async with at_work(worker, app.resources.stop_clock):
            yield app


@pytest.fixture
async def editor(app: App) -> Client:
    """Somebody who may import."""
    new = NewUser(email="editor@example.com", role=Role.EDITOR, password=None)
    made = await app.resources.accounts.create_user(new)
    token = app.resources.tokens.issue(made.user.uuid, Role.EDITOR, ttl_seconds=600)
    return Client(app.http, token)


async def test_all_that_the_server_does_goes_through_two_connections(
    app: App, editor: Client, database_url: URL
) -> None:
    """Reads, changes, an export, an import and whoever follows them, all at the same time."""
    old = f"SELECT 'Old' || n FROM generate_series(0, {CONTACTS - 1}) AS n"
    await ask(database_url, f"INSERT INTO contacts (first_name) {old}")
    changes = app.resources.feeds.changes.watch(NodeKind.CONTACT, user=STRANGER)
    await anext(changes)
    load = asyncio.gather(
        *(_writes(editor, number) for number in range(WRITES)),
        *(_reads(app.client()) for _ in range(WRITES)),
    )
    exported, job, _ = await asyncio.gather(_exports(app), _imports(app.resources, editor), load)
    assert {name for name in exported if name.startswith("Old")} == {
        f"Old{n}" for n in range(CONTACTS)
    }
    assert (job["status"], job["createdCount"], job["failedCount"]) == ("COMPLETED", 300, 0)
    assert (await anext(changes)).kind is not ChangeEventKind.READY
    await changes.aclose()
    found = await editor.query(READ, search="New")
    assert found["contacts"]["totalCount"] == WRITES
    assert await ask(database_url, "SELECT count(*) FROM contacts") == CONTACTS + WRITES + 300


async def test_cache_knows_who_has_written_through_the_pooler(
    app: App, editor: Client, database_url: URL
) -> None:
    """Our own changes make out of date what they touch; those of strangers everything."""
    epoch = "SELECT epoch FROM cache_state"
    before = await ask(database_url, epoch)
    for number in range(WRITES):
        await _writes(editor, number)
    assert (await editor.query(READ, search="New"))["contacts"]["totalCount"] == WRITES
    assert await ask(database_url, epoch) == before
    await ask(database_url, "INSERT INTO contacts (first_name) VALUES ('NewStranger')")
    assert await ask(database_url, epoch) != before


async def test_migrate_goes_past_the_pooler_and_sets_what_it_does_not_pass_on(
    database_url: URL, tmp_path: Path
) -> None:
    """Here nobody answers at the address of the pooler."""
    nowhere = database_url.set(host="127.0.0.1", port=1, query={})
    async with command(
        "migrate",
        database_url=nowhere,
        folder=tmp_path,
        DATABASE_POOLER="transaction",
        DATABASE_DIRECT_URL=database_url.render_as_string(hide_password=False),
    ) as migrate:
        await migrate.says("newest migration")
        assert await migrate.ends() == 0
    kept = await ask(
        database_url,
        "SELECT array_to_string(setconfig, ',') FROM pg_db_role_setting JOIN pg_database"
        " ON setdatabase = pg_database.oid WHERE datname = current_database()",
    )
    assert sorted(str(kept).split(",")) == sorted(f"{k}={v}" for k, v in ROLE_SETTINGS.items())


async def test_pooler_without_settings_is_told_of_by_the_server(
    pooler: Pooler, database_url: URL, tmp_path: Path
) -> None:
    """The log of a worker names them, and what to do."""
    direct = database_url.render_as_string(hide_password=False)
    async with command(
        "work",
        database_url=pooler.url(database_url),
        folder=tmp_path,
        DATABASE_POOLER="transaction",
        DATABASE_DIRECT_URL=direct,
    ) as work:
        line = await work.says("pooler_settings_missing")
        assert "lock_timeout" in line
        assert "appointment360 migrate" in line


async def _writes(client: Client, number: int) -> None:
    await client.query(MADE, name=f"New{number}")


async def _reads(client: Client) -> None:
    for _ in range(5):
        found = (await client.query(READ, search="Old"))["contacts"]
        assert found["totalCount"] == CONTACTS
        assert len(found["nodes"]) == 5


async def _exports(app: App) -> list[str]:
    answer = await app.http.get(
        "/api/v1/contacts/stream/",
        params={"columns": "firstName"},
        headers=app.client().headers,
    )
    assert answer.status_code == 200
    return [json.loads(line)["firstName"] for line in answer.text.splitlines()]


async def _imports(resources: Resources, client: Client) -> dict[str, Any]:
    upload = await sent(resources, client, PEOPLE.encode())
    payload = await create(client, upload, entity="CONTACTS")
    job_id = payload["job"]["id"]
    await ended(resources.database, row_of(job_id))
    job: dict[str, Any] = await shown(client, job_id)
    return job
