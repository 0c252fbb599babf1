"""`/health/cache` and `/health/jobs` tell what an operator has to know about either."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import text
from sqlalchemy.engine import URL

from app.asgi import create_app
from app.resources import open_resources
from app.working import at_work, build_worker
from db.job_queue import enqueue
from db.rows import Row
from db.statements import Statement
from domain.tasks import HOUSEKEEPING, DeleteContacts, TagContacts
from jobs.worker import WorkerSettings
from tests.apps import App, open_app
from tests.replication import until

AGE = Statement(
    text("UPDATE jobs SET created_at = now() - interval '90 s' WHERE kind = :kind"), Row
)
END = Statement(
    text(
        "UPDATE jobs SET status = 'FAILED', finished_at = now() - make_interval(hours => :hours)"
        " WHERE kind = :kind"
    ),
    Row,
)
LATER = Statement(
    text("UPDATE jobs SET run_at = now() + interval '1 hour' WHERE finished_at IS NULL"), Row
)
BACKEND = "in-memory (cachetools.TLRUCache)"
TAG = TagContacts(added=("a",), removed=())


@pytest.fixture
async def app(database_url: URL, tmp_path: Path) -> AsyncIterator[App]:
    """A server that nobody works for."""
    async with open_app(database_url, tmp_path) as opened:
        yield opened


async def jobs(app: App) -> dict[str, Any]:
    """What is told of jobs."""
    response = await app.http.get("/health/jobs")
    assert response.status_code == 200
    found: dict[str, Any] = response.json()
    return found


async def test_jobs_that_nobody_takes_are_told(app: App) -> None:
    """As degraded, with what to do; with a worker that is alive all is well."""
    assert await jobs(app) == {
        "status": "healthy",
        "workers": 0,
        "oldestWaitingSeconds": None,
        "kinds": [],
        "advice": None,
    }
    async with app.resources.database.write() as tx:
        await enqueue(tx, TAG, owner=None)
        await enqueue(tx, TAG, owner=None)
        await tx.fetch(AGE, {"kind": "TAG_CONTACTS"})
    found = await jobs(app)
    assert (found["status"], found["workers"]) == ("degraded", 0)
    assert "appointment360 work" in found["advice"]
    assert 90 <= found["oldestWaitingSeconds"] < 200
    (kind,) = found["kinds"]
    assert (kind["kind"], kind["queued"], kind["running"], kind["failed"]) == (
        "TAG_CONTACTS",
        2,
        0,
        0,
    )
    elsewhere = WorkerSettings(queues=(HOUSEKEEPING,))
    async with at_work(build_worker(app.resources, elsewhere), app.resources.stop_clock):

        async def is_well() -> bool:
            found = await jobs(app)
            return (found["status"], found["workers"]) == ("healthy", 1)

        await until(is_well)


async def test_jobs_are_counted_by_kind(app: App) -> None:
    """Those that failed within a day, and those that wait; what shall begin later does not yet."""
    async with app.resources.database.write() as tx:
        await enqueue(tx, TAG, owner=None)
        await tx.fetch(END, {"kind": "TAG_CONTACTS", "hours": 25})
        await enqueue(tx, DeleteContacts(), owner=None)
        await tx.fetch(END, {"kind": "DELETE_CONTACTS", "hours": 23})
    failed = {"queued": 0, "running": 0, "failed": 1, "waitingSeconds": None}
    assert (await jobs(app))["kinds"] == [{"kind": "DELETE_CONTACTS", **failed}]
    async with app.resources.database.write() as tx:
        await enqueue(tx, TAG, owner=None)
        await tx.fetch(LATER)
    found = await jobs(app)
    assert (found["status"], found["oldestWaitingSeconds"]) == ("healthy", None)
    queued = {"queued": 1, "running": 0, "failed": 0, "waitingSeconds": None}
    assert found["kinds"][1] == {"kind": "TAG_CONTACTS", **queued}


async def test_jobs_are_told_when_the_pool_is_full(database_url: URL, tmp_path: Path) -> None:
    """They are asked for on the connection that is kept for such questions."""
    async with (
        open_app(database_url, tmp_path, database_pool_size=1, database_max_overflow=0) as app,
        app.resources.database.read(),
    ):
        assert (await jobs(app))["status"] == "healthy"


async def test_server_without_a_cache_says_so(app: App) -> None:
    """It is none that does badly."""
    response = await app.http.get("/health/cache")
    assert (response.status_code, response.json()) == (
        200,
        {"status": "healthy", "enabled": False},
    )


@pytest.mark.one_executor
async def test_use_of_the_cache_is_told(database_url: URL, tmp_path: Path) -> None:
    """Its backend, what was asked of it, and what that means."""
    async with open_app(database_url, tmp_path, with_cache=True) as app:
        for _ in range(4):
            await app.client().query("{ contacts { nodes { firstName } } }")
        response = await app.http.get("/health/cache")
        assert (response.status_code, response.headers["cache-control"]) == (200, "no-store")
        found = response.json()
        assert (found["status"], found["problem"], found["isUp"]) == ("healthy", None, True)
        assert (found["enabled"], found["backend"], found["isTrusted"]) == (True, BACKEND, True)
        assert (found["hits"], found["misses"], found["bypasses"]) == (3, 1, 0)
        assert (found["hitRatio"], found["downSeconds"]) == (0.75, 0.0)
        assert found["advice"].startswith("Between 50 and 80 of 100")


async def test_cache_that_may_not_be_used_is_told(database_url: URL, tmp_path: Path) -> None:
    """Another process has a cache of its own, and they share none."""
    async with (
        open_app(database_url, tmp_path, with_cache=True) as first,
        open_resources(first.resources.settings, with_cache=True) as second,
    ):
        transport = httpx.ASGITransport(create_app(second))
        async with httpx.AsyncClient(transport=transport, base_url="http://test") as http:
            response = await http.get("/health/cache")
        found = response.json()
        assert response.status_code == 200
        assert (found["status"], found["isTrusted"], found["isUp"]) == ("degraded", False, True)
        assert found["problem"].startswith("The processes have not agreed on the cache yet")
