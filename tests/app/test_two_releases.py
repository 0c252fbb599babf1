"""Two releases side by side, as during a deploy, share one database, one Redis and one queue."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from redis.asyncio import Redis
from sqlalchemy import text
from sqlalchemy.engine import URL

from app import caching
from app.asgi import create_app
from app.resources import open_resources
from db.engine import open_engine
from db.migrate import current_revision, downgrade, head_revision, upgrade
from db.rows import Row
from db.statements import Statement
from db.transaction import Database
from domain.enums import Role
from domain.jobs import JobErrorCode, JobStatus
from domain.node_ids import NodeKind, encode_node_id
from domain.tasks import TagContacts
from jobs.bulk import BULK_HANDLERS
from tests.apps import App, open_app
from tests.client import Client
from tests.factories import make_contact
from tests.graph.documents import MUTATIONS
from tests.jobs.working import ended, make_tagging, read_job, until, worker
from tests.processes import command
from tests.races.places import at_once, place_of
from tests.races.race import Race
from tests.races.test_race import seed_of
from tests.valkey import Valkey, valkey_server

LATER = "9999"
RACES = 1000
PAGE = """query ($after: String) {
    contacts(first: 1, after: $after) { nodes { firstName } pageInfo { endCursor } } }"""
JOBS = "{ jobs(first: 10) { nodes { id kind status error { code } } } }"

_SHIFT = Statement(text("UPDATE alembic_version SET version_num = CAST(:to AS text)"), Row)
_NOW = Statement(text("UPDATE procrastinate_jobs SET scheduled_at = now()"), Row)


@pytest.fixture
def valkey() -> Iterator[Valkey]:
    """The Redis of both."""
    with valkey_server() as server:
        yield server


@asynccontextmanager
async def both(database_url: URL, folder: Path, valkey: Valkey) -> AsyncIterator[tuple[App, App]]:
    """Two applications that keep what they cache apart, and agree on what is out of date."""
    shared: dict[str, Any] = {"enable_redis_cache": True, "redis_url": valkey.url}
    async with (
        open_app(database_url, folder, with_cache=True, lease_seconds=1.0, **shared) as old,
        open_app(
            database_url, folder, with_cache=True, lease_seconds=1.0, max_page_size=999, **shared
        ) as new,
    ):
        yield old, new


async def test_servers_of_two_releases_answer_as_one(
    database_url: URL, valkey: Valkey, tmp_path: Path, pytestconfig: pytest.Config
) -> None:
    """What is written through one is seen through the other at once, though each keeps its own."""
    settings = {"ENABLE_REDIS_CACHE": "true", "REDIS_URL": valkey.url}
    async with at_once(
        command(
            *("serve", "--port=0", "--no-jobs"),
            database_url=database_url,
            folder=tmp_path,
            MAX_PAGE_SIZE=most,
            **settings,
        )
        for most in ("1000", "999")
    ) as processes:
        places = [await place_of(process) for process in processes]
        race = Race(places, seed=seed_of(pytestconfig))
        await race.run(lambda: race.operations >= RACES)
        race.tell()
    assert not race.verdicts, "\n".join(race.verdicts.examples)
    assert race.statuses["HIT"] > 0
    async with Redis.from_url(valkey.url) as client:
        names = [name async for name in client.scan_iter("query_cache:*")]
    assert len({name.rpartition(b":")[0].split(b":")[-3] for name in names}) == 2


async def test_releases_that_invalidate_otherwise_do_without_a_cache(
    database_url: URL, valkey: Valkey, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody relies on the word of a release that tells of other tags; no answer is out of date."""
    async with open_app(
        database_url,
        tmp_path,
        with_cache=True,
        lease_seconds=1.0,
        enable_redis_cache=True,
        redis_url=valkey.url,
    ) as old:
        contact = await make_contact(old.resources.database)
        monkeypatch.setattr(caching, "_RULES", caching._RULES + 1)
        settings = old.resources.settings
        async with open_resources(settings, with_cache=True) as resources:
            transport = httpx.ASGITransport(create_app(resources))
            async with httpx.AsyncClient(transport=transport, base_url="http://test") as http:
                new = App(resources, http)
                for number in range(10):
                    for writer, reader in ((old, new), (new, old)):
                        title = f"{number} {writer is old}"
                        await rename(writer, contact.id, title)
                        for app in (writer, reader):
                            assert await title_of(app, contact.id) == title
                assert new.resources.caching.lease is not None
                assert new.resources.caching.lease.era() is None


async def test_what_one_release_gave_is_good_for_the_other(
    database_url: URL, valkey: Valkey, tmp_path: Path
) -> None:
    """Tokens, cursors, idempotency keys, and the outcome that is kept under one."""
    async with both(database_url, tmp_path, valkey) as (old, new):
        editor = old.client(Role.EDITOR)
        same = Client(new.http, editor.headers["Authorization"].removeprefix("Bearer "))
        for name in ("Ada", "Grace"):
            given = {"firstName": name, "idempotencyKey": name}
            first = await editor.query(MUTATIONS["createContact"], input=given)
            again = await same.send(MUTATIONS["createContact"], input=given)
            assert again["data"] == first
            assert again["extensions"]["notices"][0]["code"] == "IDEMPOTENT_REPLAY"
        page = (await editor.query(PAGE))["contacts"]
        rest = (await same.query(PAGE, after=page["pageInfo"]["endCursor"]))["contacts"]
        names = {node["firstName"] for node in (*page["nodes"], *rest["nodes"])}
        assert names == {"Ada", "Grace"}


async def test_job_of_the_later_release_waits_for_a_worker_of_it(
    database: Database, database_url: URL, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A worker of the older one gives it back, untouched and uncounted; users see that it waits."""
    contact = await make_contact(database)
    monkeypatch.setattr(TagContacts, "version", TagContacts.version + 1)
    job = await make_tagging(database, [contact.id])
    async with command("work", database_url=database_url, folder=tmp_path) as older:
        await older.says("Working on")
        waiting = await until(database, job.id, lambda row: row.error_code is not None)
        assert (waiting.status, waiting.attempts, waiting.done) == (JobStatus.QUEUED, 0, 0)
        assert waiting.error_code == JobErrorCode.UNKNOWN_PAYLOAD
        async with worker(database, database_url, BULK_HANDLERS):
            while (await read_job(database, job.id)).finished_at is None:
                async with database.write() as tx:
                    await tx.fetch(_NOW)
                await asyncio.sleep(0.2)
    assert (await read_job(database, job.id)).status == JobStatus.COMPLETED


async def test_job_of_the_older_release_is_done_by_the_later_one(
    database: Database, database_url: URL, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What waited before a deploy is not lost by it."""
    contact = await make_contact(database)
    job = await make_tagging(database, [contact.id])
    monkeypatch.setattr(TagContacts, "version", TagContacts.version + 1)
    async with worker(database, database_url, BULK_HANDLERS):
        assert (await ended(database, job.id)).status == JobStatus.COMPLETED


async def test_job_of_a_kind_of_the_later_release_is_listed(
    database: Database, database_url: URL, tmp_path: Path
) -> None:
    """The older one shows that there is something, and not what."""
    await make_tagging(database, [(await make_contact(database)).id])
    async with database.write() as tx:
        await tx.fetch(Statement(text("UPDATE jobs SET kind = 'PAINT_CONTACTS'"), Row))
    async with open_app(database_url, tmp_path) as app:
        (node,) = (await app.client(Role.ADMIN).query(JOBS))["jobs"]["nodes"]
    assert (node["kind"], node["status"]) == (None, "QUEUED")


async def test_database_that_is_ahead_is_served_and_one_that_is_behind_is_not(
    database_url: URL, tmp_path: Path
) -> None:
    """The older release goes on, and starts again, while the later one is rolled out."""
    async with open_engine(database_url) as engine:
        database = Database(engine)
        await shift(database, LATER)
        async with open_app(database_url, tmp_path) as app:
            ready = await app.http.get("/health/ready")
            assert (ready.status_code, ready.json()["status"]) == (200, "ok")
        await shift(database, head_revision())
        await downgrade(engine, revision="-1")
        async with open_app(database_url, tmp_path) as app:
            ready = await app.http.get("/health/ready")
            assert (ready.status_code, ready.json()["status"]) == (503, "unavailable")
            await upgrade(engine)
            assert (await app.http.get("/health/ready")).status_code == 200


async def test_older_release_starts_on_a_database_that_is_ahead(
    database: Database, database_url: URL, tmp_path: Path
) -> None:
    """A process that is started again in the middle of a deploy takes nothing back."""
    await shift(database, LATER)
    async with command(
        *("serve", "--port=0"), database_url=database_url, folder=tmp_path
    ) as process:
        await place_of(process)
    async with command("migrate", database_url=database_url, folder=tmp_path) as process:
        assert await process.ends() == 0
    assert await current_revision(database.engine) == LATER


async def rename(app: App, contact_id: int, title: str) -> None:
    """Change a contact through an application."""
    given = {"id": encode_node_id(NodeKind.CONTACT, contact_id), "title": title}
    payload = await app.client(Role.EDITOR).query(MUTATIONS["updateContact"], input=given)
    assert payload["updateContact"]["userErrors"] == []


async def title_of(app: App, contact_id: int) -> str:
    """What an application shows of a contact."""
    query = "query ($id: ID!) { contact(id: $id) { title } }"
    data = await app.client().query(query, id=encode_node_id(NodeKind.CONTACT, contact_id))
    return str(data["contact"]["title"])


async def shift(database: Database, revision: str) -> None:
    """Have the database be at another migration, as far as it says."""
    async with database.write() as tx:
        await tx.fetch(_SHIFT, {"to": revision})
