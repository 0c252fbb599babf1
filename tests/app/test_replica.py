"""What an operator sets, starts and is told about a replica."""

from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr
from sqlalchemy.engine import URL

from app.doctor import look_over
from app.findings import Finding
from app.resources import open_resources
from app.settings import Settings, SettingsError, load_settings
from app.start_checks import CannotStart, check_connections
from tests.apps import open_app
from tests.replication import Servers

NOWHERE = URL.create("postgresql+asyncpg", host="127.0.0.1", port=1, database="none")
SILENT = "The replica does not answer."


def settings_of(database: URL, replica: URL, folder: Path, **more: Any) -> Settings:
    """Settings that name both servers."""
    return Settings(
        _env_file=None,
        database_url=secret(database),
        database_replica_url=secret(replica),
        data_dir=folder,
        **more,
    )


async def examined(settings: Settings) -> dict[str, Finding]:
    """What the doctor finds, by subject."""
    return {finding.subject: finding async for finding in look_over(settings)}


def secret(url: URL) -> SecretStr:
    """An address as a setting."""
    return SecretStr(url.render_as_string(hide_password=False))


@pytest.fixture(autouse=True)
def _nothing_is_set(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No variable and no `.env` of the machine reaches a test."""
    for name in Settings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)
    monkeypatch.chdir(tmp_path)


def test_replica_is_refused_without_its_primary(monkeypatch: pytest.MonkeyPatch) -> None:
    """The server's own PostgreSQL has no standby, so the address can only be a mistake."""
    monkeypatch.setenv("DATABASE_REPLICA_URL", "postgresql://h/d")
    with pytest.raises(SettingsError) as refused:
        load_settings()
    words = "DATABASE_REPLICA_URL: needs DATABASE_URL, the primary that it is a standby of."
    assert str(refused.value) == words
    monkeypatch.setenv("DATABASE_URL", "postgresql://p/d")
    assert load_settings().database_replica_url is not None


def test_replica_of_another_kind_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """The message does not quote the address, which may hold a password."""
    monkeypatch.setenv("DATABASE_URL", "postgresql://h/d")
    monkeypatch.setenv("DATABASE_REPLICA_URL", "mysql://me:secret@h/d")
    with pytest.raises(SettingsError) as refused:
        load_settings()
    assert str(refused.value).startswith("DATABASE_REPLICA_URL: must look like postgresql://")
    assert "secret" not in str(refused.value)


async def test_only_serving_opens_the_replica(
    replicated: URL, servers: Servers, tmp_path: Path
) -> None:
    """Migrations, loads and every other command are about the primary alone."""
    settings = settings_of(replicated, servers.standby.url(replicated.database), tmp_path)
    async with open_resources(settings) as resources:
        assert resources.replica is None
    async with open_resources(settings, with_replica=True) as resources:
        assert resources.replica is not None


async def test_readiness_is_about_the_primary_alone(replicated: URL, tmp_path: Path) -> None:
    """A server whose replica is gone can answer everything, and says what it lacks."""
    async with open_app(replicated, tmp_path, database_replica_url=secret(NOWHERE)) as app:
        assert app.resources.replica is not None
        assert await app.resources.replica.look() == SILENT
        ready = await app.http.get("/health/ready")
    assert (ready.status_code, ready.json()) == (
        200,
        {"status": "degraded", "checks": {"database": "ok", "replica": SILENT}},
    )


async def test_pools_of_both_servers_are_counted_apart(
    replicated: URL, servers: Servers, tmp_path: Path
) -> None:
    """Each server takes 300 connections: one pool of 286 fits beside ours, one of 287 does not."""
    url = servers.standby.url(replicated.database)
    for overflow, fits in ((86, True), (87, False)):
        settings = settings_of(
            replicated, url, tmp_path, database_pool_size=200, database_max_overflow=overflow
        )
        async with open_resources(settings, with_replica=True) as resources:
            if fits:
                await check_connections(resources, processes=1, works=False)
            else:
                with pytest.raises(CannotStart, match=r"up to 291 connections .* takes 300,"):
                    await check_connections(resources, processes=1, works=False)


async def test_doctor_tells_how_the_replica_does(
    replicated: URL, servers: Servers, tmp_path: Path
) -> None:
    """One that keeps up is told with its lag; one that does not, with what is wrong."""
    standby = servers.standby.url(replicated.database)
    good = await examined(settings_of(replicated, standby, tmp_path))
    assert good["Replica"].words.startswith("in use, at most ")
    assert good["Replica"].ok
    bad = await examined(settings_of(replicated, NOWHERE, tmp_path))
    assert (bad["Replica"].words, bad["Replica"].ok) == (SILENT, False)
    wrong = await examined(
        Settings(_env_file=None, database_url=secret(standby), data_dir=tmp_path)
    )
    assert "a standby, which takes no changes" in wrong["Server"].words
    assert not wrong["Server"].ok


async def test_doctor_says_nothing_about_a_replica_that_is_not_set(
    replicated: URL, tmp_path: Path
) -> None:
    """Most have none."""
    settings = Settings(_env_file=None, database_url=secret(replicated), data_dir=tmp_path)
    assert "Replica" not in await examined(settings)
