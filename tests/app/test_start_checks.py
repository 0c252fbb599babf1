"""What keeps a process from starting, before it would be trouble under load."""

import secrets
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr
from sqlalchemy import text
from sqlalchemy.engine import URL

from app.settings import Settings
from app.start_checks import CannotStart, check_connections, check_tables, connections_of
from db.engine import normalize_database_url
from db.rows import Row
from db.statements import Statement
from db.transaction import Database
from jobs.queue import CONNECTIONS
from tests.apps import open_app
from tests.processes import command

NOWHERE = "postgresql://127.0.0.1:1/none"
POOLED = {
    "database_url": SecretStr("postgresql://a/b"),
    "database_direct_url": SecretStr("postgresql://a/b"),
    "database_pooler": "transaction",
}


@pytest.mark.parametrize(
    ("given", "processes", "works", "wanted"),
    [
        # The pool, the probe, tokens that were revoked, what listens, the lease of the cache.
        ({}, 1, False, 75 + 4),
        ({"enable_query_caching": False}, 1, False, 75 + 3),
        ({}, 1, True, 75 + 4 + CONNECTIONS),
        ({"workers": 4}, 4, True, 4 * (10 + 4 + 4) + CONNECTIONS),
        ({"workers": 4, "database_pool_size": 20}, 4, False, 4 * (20 + 4 + 4)),
        # What goes through a pooler are connections of the pooler.
        (POOLED, 3, True, 3 * 2 + CONNECTIONS),
    ],
)
def test_connections_of_all_processes_are_counted(
    given: dict[str, Any], processes: int, works: bool, wanted: int
) -> None:
    """Each has a pool and some of its own; one of them runs the jobs."""
    settings = Settings(_env_file=None, **given)
    assert connections_of(settings, processes=processes, works=works) == wanted


async def test_pools_that_postgresql_cannot_fill_are_refused(
    database_url: URL, tmp_path: Path
) -> None:
    """The message tells both numbers and what to change."""
    async with open_app(database_url, tmp_path, database_pool_size=80) as app:
        limit = await app.resources.probe.max_connections()
        most = (limit - 10) // (80 + 20 + 4)
        await check_connections(app.resources, processes=most, works=False)
        with pytest.raises(CannotStart) as refused:
            await check_connections(app.resources, processes=most + 1, works=False)
        told = str(refused.value)
        assert f"up to {(most + 1) * 104} connections ({most + 1} × 100 for requests" in told
        assert f"PostgreSQL takes {limit}, of which 10 have to stay free." in told


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["serve", "--port=0"], "Lower DATABASE_POOL_SIZE or DATABASE_MAX_OVERFLOW, or raise"),
        (["serve", "--port=0", "--workers=2"], "OVERFLOW, or WORKERS, or raise max_connections"),
        (["work"], "Lower DATABASE_POOL_SIZE or DATABASE_MAX_OVERFLOW, or raise"),
    ],
)
async def test_process_that_could_not_be_served_does_not_start(
    database_url: URL, tmp_path: Path, words: list[str], says: str
) -> None:
    """Status 1 and one message, whether one process serves, several do, or it works."""
    async with command(
        *words, database_url=database_url, folder=tmp_path, DATABASE_POOL_SIZE="999"
    ) as process:
        assert await process.ends() == 1
    said = "\n".join(process.said)
    assert said.count("This would open up to") == 1
    assert says in said
    assert "Traceback" not in said


async def test_production_does_not_serve_other_tables(
    database: Database, database_url: URL, tmp_path: Path
) -> None:
    """It does not migrate by itself; the message says how to."""
    async with database.write() as tx:
        await tx.fetch(Statement(text("UPDATE alembic_version SET version_num = '0001'"), Row))
    async with open_app(database_url, tmp_path) as app:
        for may_be_away in (False, True):
            with pytest.raises(CannotStart, match="Run `appointment360 migrate`"):
                await check_tables(app.resources, may_be_away=may_be_away)
    async with command(
        "serve",
        "--port=0",
        database_url=database_url,
        folder=tmp_path,
        ENVIRONMENT="production",
        SECRET_KEY=secrets.token_urlsafe(48),
    ) as process:
        assert await process.ends() == 1
    assert "Run `appointment360 migrate`." in process.said[-1]


async def test_process_without_its_database_is_not_told_to_migrate(tmp_path: Path) -> None:
    """It would do nothing for it. Whoever stands in for another one starts all the same."""
    async with open_app(normalize_database_url(NOWHERE), tmp_path) as app:
        with pytest.raises(CannotStart) as refused:
            await check_tables(app.resources)
        assert str(refused.value) == "The database cannot be reached."
        await check_tables(app.resources, may_be_away=True)


async def test_production_does_not_serve_with_a_weak_secret(
    database_url: URL, tmp_path: Path
) -> None:
    """Wrong use, status 2, before anything is opened."""
    async with command(
        "serve",
        "--port=0",
        database_url=database_url,
        folder=tmp_path,
        ENVIRONMENT="production",
        SECRET_KEY="changeme" * 5,
    ) as process:
        assert await process.ends() == 2
    assert "SECRET_KEY: can be guessed" in process.said[-1]
