"""`appointment360 doctor`: what is wrong is found on real servers, with what to do about it."""

import asyncio
import json
import os
import resource
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr
from sqlalchemy.engine import URL
from typer.testing import CliRunner

from app.cli import app
from app.doctor import look_over
from app.doctor_machine import look_at_machine
from app.doctor_postgresql import _clock, _connections, _durability, _version
from app.findings import Finding, Verdict
from app.settings import Settings
from db.inspection import ServerFacts
from tests.app.backing_up import a_database, names_in, settings_of
from tests.databases import Databases
from tests.graph.rows import execute
from tests.jobs.working import make_job
from tests.pgbouncer import needs_pgbouncer, pgbouncer
from tests.valkey import valkey_server

WELL = ServerFacts(
    major=18,
    version="18.4",
    max_connections=300,
    others=0,
    fsync=True,
    full_page_writes=True,
    synchronous_commit="on",
    in_recovery=False,
    offers_trigrams=False,
    skew_seconds=0.0,
    migration=None,
)
GOOD_SECRET = "8sQ2vT-1kZp0WmR_yB4nXc7LdF9aHgJe3uOi6"


@pytest.fixture(autouse=True)
def _nothing_is_set(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No variable and no `.env` of the machine reaches a test."""
    for name in Settings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)
    monkeypatch.chdir(tmp_path)


async def found(settings: Settings) -> dict[str, Finding]:
    """What is found, by subject."""
    return {finding.subject: finding async for finding in look_over(settings)}


async def test_a_good_set_up_is_found_good(database_url: URL, tmp_path: Path) -> None:
    """All is well but for the durability of this test's own server; nothing is changed."""
    told = await found(settings_of(database_url, tmp_path))
    assert [subject for subject, finding in told.items() if not finding.ok] == ["Durability"]
    assert told["Tables"].words.endswith(", the newest")
    assert told["Connections"].words.startswith("up to 84 for a server with 1 WORKERS")
    assert told["Pooler"].words == "none"
    assert told["Jobs"].words == "0 workers"
    assert names_in(tmp_path) == []


async def test_database_that_is_not_there_is_found(tmp_path: Path) -> None:
    """With the advice to look at its address; the password is not shown."""
    nowhere = URL.create("postgresql+asyncpg", "ada", "hunter2", "127.0.0.1", 1, "none")
    told = (await found(settings_of(nowhere, tmp_path)))["Database"]
    assert told.verdict is Verdict.FAIL
    assert "correct DATABASE_URL" in str(told.advice)
    assert "hunter2" not in f"{told}"


async def test_embedded_server_that_never_was_is_not_made(tmp_path: Path) -> None:
    """Whoever only looks has no database afterwards."""
    told = await found(Settings(_env_file=None, data_dir=tmp_path / "data"))
    assert told["Database"] == Finding("Database", "made at the first start")
    assert names_in(tmp_path) == []


async def test_tables_of_another_release_are_found(database_url: URL, tmp_path: Path) -> None:
    """Older ones want `migrate`, newer ones another release; none at all is like older."""
    settings = settings_of(database_url, tmp_path)
    async with a_database(database_url) as database:
        for revision, advice in (("0001", "migrate"), ("9999", "Use that release")):
            await execute(database, f"UPDATE alembic_version SET version_num = '{revision}'")
            told = (await found(settings))["Tables"]
            assert told.verdict is Verdict.FAIL
            assert advice in str(told.advice)
        await execute(database, "DROP TABLE alembic_version")
        assert (await found(settings))["Tables"].words.startswith("none of ours yet")


async def test_jobs_without_a_worker_are_found(database_url: URL, tmp_path: Path) -> None:
    """One that waits and nobody is there to take it."""
    async with a_database(database_url) as database:
        await make_job(database)
        told = (await found(settings_of(database_url, tmp_path)))["Jobs"]
        assert not told.ok
        assert "appointment360 work" in str(told.advice)
        await execute(database, "INSERT INTO procrastinate_workers DEFAULT VALUES")
        assert (await found(settings_of(database_url, tmp_path)))["Jobs"].ok


async def test_direct_address_to_another_database_is_found(
    database_url: URL, databases: Databases, tmp_path: Path
) -> None:
    """What listens there would hear nothing."""
    other = await databases.take()
    for direct, ok in ((database_url, True), (other, False)):
        text = SecretStr(direct.render_as_string(hide_password=False))
        settings = settings_of(database_url, tmp_path, database_direct_url=text)
        assert (await found(settings))["DATABASE_DIRECT_URL"].ok is ok
    databases.drop(other)


@needs_pgbouncer
async def test_pooler_is_found_where_it_is_not_expected(database_url: URL, tmp_path: Path) -> None:
    """By the ways that connections behave; where all is set as it should be, it is well."""
    direct = SecretStr(database_url.render_as_string(hide_password=False))
    with pgbouncer(database_url) as pooler:
        through = pooler.url(database_url)
        pooled = SecretStr(through.render_as_string(hide_password=False))
        unset = await found(settings_of(through, tmp_path))
        assert not unset["Pooler"].ok
        assert "Set DATABASE_POOLER=transaction" in str(unset["Pooler"].advice)
        both: dict[str, Any] = {"database_pooler": "transaction"}
        set_ = await found(settings_of(through, tmp_path, database_direct_url=direct, **both))
        assert set_["Pooler"].words == "one that shares connections by transactions"
        assert set_["DATABASE_DIRECT_URL"].ok
        assert "migrate" in str(set_["Role"].advice)
        twice = await found(settings_of(through, tmp_path, database_direct_url=pooled, **both))
        assert "leads through a pooler as well" in twice["DATABASE_DIRECT_URL"].words
    none = await found(settings_of(database_url, tmp_path, database_direct_url=direct, **both))
    assert none["Pooler"].verdict is Verdict.NOTE


def test_server_that_would_lose_changes_or_is_too_old_is_found() -> None:
    """Each by what the server says of itself."""
    assert _durability(WELL).ok
    assert "fsync off" in _durability(replace(WELL, fsync=False)).words
    assert not _durability(replace(WELL, synchronous_commit="off")).ok
    assert _durability(replace(WELL, synchronous_commit="remote_apply")).ok
    assert not _version(replace(WELL, major=14)).ok
    assert [_clock(replace(WELL, skew_seconds=skew)).verdict for skew in (-0.5, 3.0, -11.0)] == [
        Verdict.OK,
        Verdict.NOTE,
        Verdict.FAIL,
    ]


def test_pools_larger_than_the_server_are_found(tmp_path: Path) -> None:
    """Of all processes together, beside what others have open."""
    four = Settings(_env_file=None, workers=4, data_dir=tmp_path)
    assert _connections(four, WELL).ok
    assert not _connections(four, replace(WELL, max_connections=50)).ok
    assert _connections(four, replace(WELL, others=250)).verdict is Verdict.NOTE


@pytest.fixture(scope="module")
def redis_url() -> Iterator[Any]:
    """A Valkey server."""
    with valkey_server() as server:
        yield server


async def test_redis_is_looked_at(redis_url: Any, tmp_path: Path) -> None:
    """Its bound and what it does beyond it; and whether it is there at all."""
    settings = Settings(
        _env_file=None, data_dir=tmp_path, enable_redis_cache=True, redis_url=redis_url.url
    )
    told = (await found(settings))["Redis"]
    assert told.verdict is Verdict.NOTE
    assert told.words.startswith("Valkey ")
    assert "without a bound" in told.words
    redis_url.ask("CONFIG", "SET", "maxmemory", str(64 * 2**20))
    assert "allkeys-lru" in str((await found(settings))["Redis"].advice)
    redis_url.ask("CONFIG", "SET", "maxmemory-policy", "allkeys-lru")
    good = (await found(settings))["Redis"]
    assert (good.verdict, good.words.partition(", ")[2]) == (Verdict.OK, "64 MiB, allkeys-lru")
    nobody = settings.model_copy(update={"redis_url": SecretStr("redis://127.0.0.1:1/0")})
    assert not (await found(nobody))["Redis"].ok


def machine(tmp_path: Path, **settings: Any) -> dict[str, Finding]:
    """What is found of the machine."""
    given = Settings(_env_file=None, data_dir=tmp_path, **settings)
    return {finding.subject: finding for finding in look_at_machine(given, tmp_path, {})}


def test_secrets_that_can_be_guessed_or_read_are_found(tmp_path: Path) -> None:
    """In production they keep the server from starting; a file is for its owner alone."""
    weak, good = SecretStr("changeme" * 5), SecretStr(GOOD_SECRET)
    assert not machine(tmp_path, secret_key=weak, environment="production")["Secret"].ok
    assert machine(tmp_path, secret_key=weak)["Secret"].verdict is Verdict.NOTE
    assert machine(tmp_path, secret_key=good)["Secret"].verdict is Verdict.OK
    (tmp_path / "secret.key").touch(mode=0o600)
    assert machine(tmp_path)["Secret"].ok
    (tmp_path / "secret.key").chmod(0o644)
    assert "chmod 600" in str(machine(tmp_path)["Secret"].advice)


def test_limits_of_the_machine_are_found(tmp_path: Path) -> None:
    """More processes than cores, and more connections than files that may be open."""
    many = machine(tmp_path, workers=64, max_connections=1_000_000)
    cores = os.cpu_count() or 1
    assert many["Processes"].verdict is (Verdict.NOTE if cores < 64 else Verdict.OK)
    is_bounded = resource.getrlimit(resource.RLIMIT_NOFILE)[0] < 1_000_000
    assert many["Open files"].verdict is (Verdict.NOTE if is_bounded else Verdict.OK)


def test_traces_that_cannot_be_sent_are_found(tmp_path: Path) -> None:
    """Asked for by the variables that all of OpenTelemetry goes by."""
    settings = Settings(_env_file=None, data_dir=tmp_path)
    look = partial(look_at_machine, settings, tmp_path)
    asked = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://collector:4318"}
    assert "Traces" not in {finding.subject for finding in look({})}
    assert {finding.subject: finding.ok for finding in look(asked)}["Traces"]
    wrong = {**asked, "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}
    assert not {finding.subject: finding.ok for finding in look(wrong)}["Traces"]


async def test_command_answers_lines_or_json_and_its_status(
    database_url: URL, tmp_path: Path
) -> None:
    """1 when something is wrong; each finding has what to do."""
    environment = {
        "DATABASE_URL": database_url.render_as_string(hide_password=False),
        "DATA_DIR": str(tmp_path),
    }
    run = partial(CliRunner().invoke, app, env=environment)
    lines = await asyncio.to_thread(run, ["doctor"])
    assert lines.exit_code == 1  # this test's own server has fsync off
    assert "ok    Database: reachable\n" in lines.stdout
    assert "FAIL  Durability: " in lines.stdout
    assert "      → Switch them on in postgresql.conf.\n" in lines.stdout
    told = json.loads((await asyncio.to_thread(run, ["doctor", "--json"])).stdout)
    assert told["ok"] is False
    assert {finding["verdict"] for finding in told["findings"]} <= {"ok", "note", "fail"}
    assert all(
        (finding["advice"] is None) == (finding["verdict"] == "ok") for finding in told["findings"]
    )
    broken = await asyncio.to_thread(run, ["doctor"], env={**environment, "PORT": "many"})
    assert broken.exit_code == 1
    assert broken.stdout.startswith("FAIL  Settings: PORT: ")
