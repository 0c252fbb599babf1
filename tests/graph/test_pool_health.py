"""Admins see how the connections do, and whoever gets none is told when to come back."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.engine import URL

from app.resources import Resources
from db.rows import Row
from db.statements import Statement
from db.transaction import Database
from domain.enums import Role
from tests.apps import open_app
from tests.client import Client
from tests.replication import until

POOL_HEALTH = """{
    poolHealth {
        status
        pool {
            size maxOverflow checkedOut idle overflow utilization waiting checkouts checkins
            timeouts invalidated leaked waits waitAverageSeconds waitMaxSeconds
            heldAverageSeconds longestHeldSeconds overdue wanted
        }
        advice { size words }
    }
}"""
NAMES = "{ contacts { nodes { firstName } } }"
CREATE = """{
    createContact(input: {firstName: "Ada"}) { contact { firstName } userErrors { message } }
}"""
LOCK = Statement(text("LOCK TABLE contacts IN SHARE MODE"), Row)
INSERTS = Statement(
    text(
        "SELECT query FROM pg_stat_activity WHERE query LIKE 'INSERT INTO contacts%'"
        " AND state = 'active' AND wait_event_type = 'Lock'"
        " AND datname = current_database()"
    ),
    Row,
)
LAST = Statement(text("SELECT query FROM pg_stat_activity WHERE pid = :pid"), Row)
OWN = Statement(text("SELECT pg_backend_pid()"), Row)

MakeClient = Callable[[Role], Awaitable[Client]]


@pytest.mark.one_executor
async def test_admin_sees_how_the_pool_does(client_as: MakeClient, resources: Resources) -> None:
    """All its numbers at that moment, what is to be thought of them, and advice."""
    admin = await client_as(Role.ADMIN)
    async with AsyncExitStack() as stack:
        for _ in range(6):
            await stack.enter_async_context(resources.database.read())
        found = (await admin.query(POOL_HEALTH))["poolHealth"]
    assert found["status"] == "DEGRADED"
    pool = found["pool"]
    assert (pool["size"], pool["maxOverflow"], pool["checkedOut"]) == (5, 20, 6)
    assert (pool["overflow"], pool["idle"], pool["utilization"]) == (1, 0, 0.24)
    assert (int(pool["checkouts"]), int(pool["checkins"]), pool["wanted"]) == (7, 1, 6)
    assert pool["longestHeldSeconds"] > 0
    assert found["advice"]["words"].startswith("In the last minute at most 6 wanted")
    again = (await admin.query(POOL_HEALTH))["poolHealth"]
    assert (again["status"], again["pool"]["checkedOut"]) == ("HEALTHY", 0)


@pytest.mark.parametrize("role", [Role.VIEWER, Role.EDITOR])
async def test_pool_is_for_admins_alone(client_as: MakeClient, role: Role) -> None:
    """Others are refused."""
    error = await (await client_as(role)).fail(POOL_HEALTH)
    assert error["extensions"]["code"] == "FORBIDDEN"


@pytest.mark.one_executor
@pytest.mark.parametrize("query", [NAMES, f"mutation {CREATE}"])
async def test_exhausted_pool_says_when_to_come_back(
    database_url: URL, tmp_path: Path, query: str
) -> None:
    """By code, and by a header although the status is 200: the error is that of a field.

    Somebody slow has all there is; once that one ends, the same is answered.
    """
    async with open_app(
        database_url, tmp_path, database_pool_size=1, database_max_overflow=0
    ) as app:
        client = app.client(Role.EDITOR)
        await client.query(NAMES)
        _wait_shortly(app.resources.database)
        async with app.resources.database.read():
            waiting = [
                asyncio.create_task(
                    client.http.post("/graphql", json={"query": query}, headers=client.headers)
                )
                for _ in range(2)
            ]
            answers = await asyncio.gather(*waiting)
        for answer in answers:
            (error,) = answer.json()["errors"]
            assert answer.status_code == 200
            assert answer.headers["retry-after"] == "1"
            assert error["extensions"]["code"] == "SERVICE_UNAVAILABLE"
            assert error["extensions"]["retryable"] is True
            assert error["message"].startswith("All database connections are in use.")
        assert app.resources.database.pool_statistics.snapshot().timeouts == 2
        again = await client.http.post("/graphql", json={"query": query}, headers=client.headers)
        assert "errors" not in again.json()
        assert "retry-after" not in again.headers


@pytest.mark.one_executor
@pytest.mark.parametrize("is_enabled", [True, False])
async def test_statements_bear_the_name_of_their_operation(
    database_url: URL, tmp_path: Path, *, is_enabled: bool
) -> None:
    """PostgreSQL shows it with ENABLE_SQL_COMMENTS, and nothing without."""
    async with open_app(
        database_url,
        tmp_path,
        database_pool_size=1,
        database_max_overflow=2,
        enable_sql_comments=is_enabled,
    ) as app:
        client = app.client(Role.EDITOR)
        database = app.resources.database
        await client.query(f"query NamesOfAll {NAMES}")
        assert await _ends(database, "/* operation='NamesOfAll' */") is is_enabled
        await client.query(NAMES)
        assert not await _ends(database, "*/")
        # The last statement of a mutation is COMMIT: its name is looked for while it waits.
        async with database.write() as blocking:
            await blocking.fetch(LOCK)
            writing = asyncio.create_task(client.query(f"mutation MakesOne {CREATE}"))

            async def texts() -> list[str]:
                async with database.read() as session:
                    return [row[0] for row in await session.fetch(INSERTS)]

            await until(texts)
            (running,) = await texts()
        assert running.endswith("/* operation='MakesOne' */") is is_enabled
        await writing


async def _ends(database: Database, comment: str) -> bool:
    """Whether the statement that ran last on the connection of the pool ends so."""
    async with database.read() as session:
        pid = await session.fetch_value(OWN)
        async with database.read() as other:
            query = await other.fetch_value(LAST, {"pid": pid})
    return bool(query.endswith(comment))


def _wait_shortly(database: Database) -> None:
    """Three seconds, as the server waits for a connection, are long for a test."""
    database.engine.sync_engine.pool._timeout = 0.3  # type: ignore[attr-defined]  # of its class
