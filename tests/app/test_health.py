"""Health: the process lives whatever the database does; ready says whether it can serve."""

import asyncio
from pathlib import Path

import httpx
import pytest
from pydantic import SecretStr
from sqlalchemy import text
from sqlalchemy.engine import URL

from db.engine import open_engine
from db.migrate import head_revision, upgrade
from db.rows import Row
from db.statements import Statement
from db.transaction import Database
from tests.apps import open_app
from tests.databases import database_of_its_own
from tests.replication import until
from tests.valkey import valkey_server

NOWHERE = "postgresql://127.0.0.1:1/none"
READY = {"status": "ok", "checks": {"database": "ok"}}


async def as_server(server: URL, *statements: str) -> None:
    """Run statements outside the test's own database."""
    async with open_engine(server) as engine:
        automatic = engine.execution_options(isolation_level="AUTOCOMMIT")
        async with automatic.connect() as connection:
            for statement in statements:
                await connection.execute(text(statement))


async def test_server_that_can_answer_is_live_and_ready(http: httpx.AsyncClient) -> None:
    """All three routes answer 200 without a token, with and without a slash at the end."""
    for slash in ("", "/"):
        for path in ("/health", "/health/ready"):
            ready = await http.get(path + slash)
            assert (ready.status_code, ready.json()) == (200, READY)
        live = await http.get("/health/live" + slash)
        assert (live.status_code, live.json()) == (200, {"status": "ok"})


async def test_health_is_never_what_it_was(http: httpx.AsyncClient) -> None:
    """No browser and no proxy keeps how things stood."""
    for path in ("/health", "/health/live", "/health/ready"):
        assert (await http.get(path)).headers["cache-control"] == "no-store"


async def test_server_without_a_database_lives_but_is_not_ready(
    http: httpx.AsyncClient, database_url: URL, server_url: URL
) -> None:
    """When the database goes, ready turns 503 and back; live does not ask it."""
    name = database_url.database
    assert (await http.get("/health/ready")).status_code == 200
    await as_server(
        server_url,
        f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS false',
        f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'",
    )
    for _ in range(2):
        ready = await http.get("/health/ready")
        assert ready.status_code == 503
        assert ready.json() == {
            "status": "unavailable",
            "checks": {"database": "The database cannot be reached."},
        }
        assert (await http.get("/health/live")).status_code == 200
    await as_server(server_url, f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS true')
    assert (await http.get("/health/ready")).json() == READY


@pytest.mark.one_executor("the second would ask once the lock is gone")
async def test_lock_on_users_is_no_trouble_of_the_database(
    database: Database, database_url: URL, tmp_path: Path
) -> None:
    """The server is ready; who asks before it knows whom to refuse is told to try again."""
    async with open_app(database_url, tmp_path) as app, database.write() as tx:
        await tx.fetch(Statement(text("LOCK TABLE users IN ACCESS EXCLUSIVE MODE"), Row))
        asked = asyncio.create_task(app.client().fail("{ contacts(first: 1) { totalCount } }"))
        await asyncio.sleep(0.2)
        assert (await app.http.get("/health/ready")).json() == READY
        refused = await asked
        assert refused["extensions"]["code"] == "SERVICE_UNAVAILABLE"
        assert refused["message"] == "The database does not answer. Try again in a moment."


async def test_server_before_its_migrations_is_not_ready(
    server_url: URL, template: str, tmp_path: Path
) -> None:
    """A database without the newest tables is told by its migration; once there, it is ready."""
    async with (
        database_of_its_own(server_url, name=f"{template}_bare") as url,
        open_app(url, tmp_path) as app,
    ):
        ready = await app.http.get("/health/ready")
        assert ready.status_code == 503
        problem = f"The database is at migration None, not {head_revision()}."
        assert ready.json() == {"status": "unavailable", "checks": {"database": problem}}
        assert (await app.http.get("/health/live")).status_code == 200
        await upgrade(app.resources.database.engine)
        ready = await app.http.get("/health/ready")
        assert (ready.status_code, ready.json()) == (200, READY)


async def test_server_with_a_full_pool_is_ready(database_url: URL, tmp_path: Path) -> None:
    """A busy server is no broken server: the probe has a connection of its own."""
    async with (
        open_app(database_url, tmp_path, database_pool_size=1, database_max_overflow=0) as app,
        app.resources.database.read(),
    ):
        ready = await app.http.get("/health/ready")
        assert (ready.status_code, ready.json()) == (200, READY)


async def test_server_that_is_about_to_stop_is_not_ready(database_url: URL, tmp_path: Path) -> None:
    """It is `draining` from the first word of it on, and lives and answers meanwhile."""
    async with open_app(database_url, tmp_path) as app:
        assert (await app.http.get("/health/ready")).json() == READY
        app.resources.stop_clock.begin()
        for path in ("/health", "/health/ready"):
            ready = await app.http.get(path)
            assert (ready.status_code, ready.json()["status"]) == (503, "draining")
        assert (await app.http.get("/health/live")).status_code == 200
        assert (await app.client().send("{ __typename }"))["data"] == {"__typename": "Query"}


async def test_server_without_redis_is_ready_and_degraded(
    database_url: URL, tmp_path: Path
) -> None:
    """Whatever becomes of the cache, answers come from PostgreSQL; once it is back all is well."""
    with valkey_server() as redis:
        url = SecretStr(redis.url)
        async with open_app(
            database_url, tmp_path, with_cache=True, enable_redis_cache=True, redis_url=url
        ) as app:

            async def told(status: str) -> bool:
                ready = await app.http.get("/health/ready")
                assert ready.status_code == 200
                found = ready.json()
                words = {"ok": "ok", "degraded": "Redis does not answer."}[found["status"]]
                assert found["checks"] == {"database": "ok", "cache": words}
                return bool(found["status"] == status)

            assert await told("ok")
            redis.kill()
            await until(lambda: told("degraded"))
            cache = (await app.http.get("/health/cache")).json()
            assert (cache["status"], cache["isUp"]) == ("degraded", False)
            assert cache["downSeconds"] > 0
            assert cache["problem"] == "The cache does not answer."
            redis.start()
            await until(lambda: told("ok"))


async def test_server_without_its_replica_is_ready_and_degraded(
    database_url: URL, tmp_path: Path
) -> None:
    """Reads go to the primary; the word for it is what the replica's own log has."""
    async with open_app(database_url, tmp_path, database_replica_url=SecretStr(NOWHERE)) as app:
        assert app.resources.replica is not None
        await app.resources.replica.look()
        ready = await app.http.get("/health/ready")
        assert (ready.status_code, ready.json()["status"]) == (200, "degraded")
        assert ready.json()["checks"]["replica"] == "The replica does not answer."
        told = (await app.http.get("/health/db")).json()
        assert told["replica"]["problem"] == "The replica does not answer."
        assert told["replica"]["pool"]["size"] == 5
