"""`/health/db` tells of the pools of all processes, and takes a connection of none."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import fields
from pathlib import Path
from typing import Any

import httpx
import pytest
from pydantic import SecretStr
from sqlalchemy.engine import URL

from app.asgi import create_app
from app.resources import open_resources
from app.settings import Settings
from app.siblings import Place
from db.transaction import Database
from domain.names import spelled
from domain.pool import PoolSnapshot
from tests.apps import App, open_app

SMALL: dict[str, Any] = {"database_pool_size": 1, "database_max_overflow": 1}


@asynccontextmanager
async def holding(database: Database, count: int) -> AsyncIterator[None]:
    """So many connections are in use during the block."""
    async with AsyncExitStack() as stack:
        for _ in range(count):
            await stack.enter_async_context(database.read())
        yield


async def told(app: App) -> tuple[int, dict[str, Any]]:
    """The status and what is told."""
    response = await app.http.get("/health/db")
    assert response.headers["cache-control"] == "no-store"
    return response.status_code, response.json()


async def test_status_is_that_of_the_pool(database_url: URL, tmp_path: Path) -> None:
    """Room enough: 200 healthy; beyond the size: 200 degraded; none left: 503 critical."""
    async with open_app(
        database_url, tmp_path, database_pool_size=4, database_max_overflow=1
    ) as app:
        for held, status, word in ((0, 200, "healthy"), (3, 200, "healthy"), (4, 200, "degraded")):
            async with holding(app.resources.database, held):
                assert ((await told(app))[0], (await told(app))[1]["status"]) == (status, word)
        async with holding(app.resources.database, 5):
            status, found = await told(app)
            assert (status, found["status"]) == (503, "critical")
            pool = found["pool"]
            assert (pool["utilizationPercent"], pool["overflow"]) == (100.0, 1)
            assert (pool["checkedOut"], pool["idle"], pool["size"], pool["maxOverflow"]) == (
                5,
                0,
                4,
                1,
            )


async def test_numbers_are_those_of_the_pool(database_url: URL, tmp_path: Path) -> None:
    """All of them, with the part in use in percent and advice in words."""
    async with open_app(database_url, tmp_path) as app:
        async with holding(app.resources.database, 2):
            pass
        _, found = await told(app)
        assert set(found) == {"status", "pool", "advice", "replica", "processes"}
        names = {spelled(each.name) for each in fields(PoolSnapshot)}
        assert set(found["pool"]) == {"utilizationPercent", *names}
        assert (found["pool"]["checkouts"], found["pool"]["checkins"]) == (2, 2)
        assert (found["pool"]["waits"], found["pool"]["wanted"]) == (2, 2)
        assert found["pool"]["waitMaxSeconds"] >= found["pool"]["waitAverageSeconds"] > 0
        assert found["advice"]["words"].endswith("The pool is large enough.")
        assert found["replica"] is None
        (process,) = found["processes"]
        assert process == {name: found[name] for name in process if name != "process"} | {
            "process": 0
        }


async def test_no_connection_is_taken(database_url: URL, tmp_path: Path) -> None:
    """It is told when none is left, and asking leaves the counts as they were."""
    async with (
        open_app(database_url, tmp_path, **SMALL) as app,
        holding(app.resources.database, 2),
    ):
        before = app.resources.database.pool_statistics.snapshot()
        assert (await told(app))[0] == 503
        after = app.resources.database.pool_statistics.snapshot()
        assert (after.checkouts, after.waits, after.timeouts) == (
            before.checkouts,
            before.waits,
            before.timeouts,
        )


@pytest.mark.parametrize("path", ["/health/db", "/health/cache", "/health/jobs", "/health/ready"])
async def test_nothing_tells_where_the_database_is(
    database_url: URL, tmp_path: Path, path: str
) -> None:
    """Neither its address, nor its name, nor a password."""
    secrets = {"hunter2-replica"}
    replica = database_url.set(password="hunter2-replica", query={}, host="127.0.0.1", port=1)
    address = SecretStr(replica.render_as_string(hide_password=False))
    async with open_app(database_url, tmp_path, database_replica_url=address) as app:
        text = (await app.http.get(path)).text
        assert database_url.database is not None
        for secret in {*secrets, database_url.database, "127.0.0.1", "postgresql:", "asyncpg"}:
            assert secret not in text


async def test_worst_process_decides(database_url: URL, tmp_path: Path) -> None:
    """Whoever of two processes is asked tells of both; one without connections makes it 503."""
    (tmp_path / "siblings").mkdir()
    settings = Settings(
        _env_file=None,
        database_url=SecretStr(database_url.render_as_string(hide_password=False)),
        data_dir=tmp_path,
        database_pool_size=1,
        database_max_overflow=1,
    )
    async with AsyncExitStack() as stack:
        opened = [
            await stack.enter_async_context(
                open_resources(settings, place=Place(number, tmp_path / "siblings"))
            )
            for number in (0, 1)
        ]
        clients = [
            await stack.enter_async_context(
                httpx.AsyncClient(
                    transport=httpx.ASGITransport(create_app(resources)), base_url="http://test"
                )
            )
            for resources in opened
        ]
        await stack.enter_async_context(holding(opened[1].database, 2))
        for number, client in enumerate(clients):
            response = await client.get("/health/db")
            found = response.json()
            assert (response.status_code, found["status"]) == (503, "critical")
            assert [(each["process"], each["status"]) for each in found["processes"]] == [
                (0, "healthy"),
                (1, "critical"),
            ]
            assert found["pool"]["checkedOut"] == 2 * number
