"""Fixtures of the whole suite: real PostgreSQL, the real application, nothing pretended.

Each test process starts a server of its own and migrates one template database; every test that
needs a database gets a copy, so it can commit, listen and race as the product does.
"""

import gc
import itertools
import os
import sys
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Generator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy.engine import URL
from sqlalchemy.ext.asyncio import AsyncEngine

import graph.documents
from app.embedded.server import lease
from app.resources import Resources, open_resources
from db.engine import normalize_database_url, open_engine
from db.migrate import upgrade
from db.transaction import Database
from db.users import create_user
from domain.enums import Role
from tests.apps import App, OpenSharedApp, open_app
from tests.both_executors import COMPARING, both_executors
from tests.chosen import settings_of
from tests.client import Client
from tests.databases import Databases, database_of_its_own, memory, open_databases
from tests.known_documents import validated
from tests.replication import Servers, streaming_replication
from tests.statements import Statements

_TEMPLATE = "template_360"
_LONG = (
    "tests/races",
    "tests/test_tutorial",
    "tests/clients",
    "tests/benchmarks",
    "tests/app",
    "tests/jobs",
)
_numbers = itertools.count()

# The modules of tests, with their asserts written out, are kept for all processes and the next run.
sys.dont_write_bytecode = False


def pytest_addoption(parser: pytest.Parser) -> None:
    """How much is tried where more of it finds more."""
    parser.addoption("--examples", type=int, default=100, help="How many examples each tries.")
    parser.addoption("--seed", type=int, help="Try one example again, by the seed it failed with.")
    parser.addoption("--kills", type=int, default=1, help="How many workers of a job are killed.")
    parser.addoption("--import-kills", type=int, default=3, help="The same of an import.")
    parser.addoption("--import-rows", type=int, default=6000, help="How many rows that has.")
    parser.addoption("--cuts", type=int, default=30, help="How many transactions are cut.")
    parser.addoption("--outages", type=int, default=2, help="How often a server is broken.")
    parser.addoption("--drains", type=int, default=2, help="How often a server is told to stop.")
    parser.addoption("--races", type=int, default=10_000, help="How many operations a race has.")
    parser.addoption("--slow", action="store_true", help="Also what has a make target of its own.")
    parser.addoption("--retries", type=int, default=20, help="How many lost answers are retried.")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """What takes longest comes first, then what needs a standby, which one process has then."""
    if not config.getoption("--slow"):
        items[:] = [item for item in items if item.get_closest_marker("slow") is None]
    items.sort(key=lambda item: "servers" not in getattr(item, "fixturenames", ()))
    items.sort(key=lambda item: [not item.nodeid.startswith(folder) for folder in _LONG])


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """What is collected stays: the garbage collector looks elsewhere, and less often."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.collect()
        gc.freeze()
        gc.set_threshold(10_000, 20, 20)  # a fifth of the time was its own, measured 2026-11-23
        gc.enable()


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int | None:
    """One process more than there are processors, for tests wait a good part of their time."""
    if os.environ.get("PYTEST_XDIST_AUTO_NUM_WORKERS"):
        return None
    return (os.cpu_count() or 1) + 1


@pytest.fixture(autouse=True)
def compared(request: pytest.FixtureRequest) -> Iterator[None]:
    """Queries are answered by both executors and compared, unless a test says why not."""
    is_for_one = request.node.get_closest_marker("one_executor") is not None
    with COMPARING.switched(on=not is_for_one):
        yield
    differences, COMPARING.differences = COMPARING.differences, []
    assert not differences


@pytest.fixture(scope="session", autouse=True)
def known_documents() -> Iterator[None]:
    """What graphql-core has found valid is valid for all applications of the process."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(graph.documents, "validate", validated)
        yield


@pytest.fixture(scope="session")
def server_url() -> Iterator[URL]:
    """A PostgreSQL server: TEST_DATABASE_URL, or one that ends with this process."""
    if given := os.environ.get("TEST_DATABASE_URL"):
        yield normalize_database_url(given)
        return
    with tempfile.TemporaryDirectory(prefix="a360-", dir=memory()) as folder:
        # PostgreSQL runs as another user when the tests run as root.
        Path(folder).chmod(0o755)
        with lease(Path(folder) / "data", durable=False, ephemeral=True) as server:
            yield normalize_database_url(server.dsn)


@pytest.fixture(scope="session")
async def template(server_url: URL) -> AsyncIterator[str]:
    """The name of a database with all tables and no rows, made for copying."""
    name = f"{_TEMPLATE}_{os.getpid()}"
    async with database_of_its_own(server_url, name=name) as url, open_engine(url) as engine:
        await upgrade(engine)
        await engine.dispose()
        yield name


@pytest.fixture(scope="session")
def open_shared_app(
    server_url: URL, template: str, tmp_path_factory: pytest.TempPathFactory
) -> OpenSharedApp:
    """Opens an application for many tests, on a database of its own: its name and its settings."""

    @asynccontextmanager
    async def open_(name: str, **settings: Any) -> AsyncIterator[App]:
        database = f"{template}_{name}"
        async with (
            database_of_its_own(server_url, name=database, template=template) as url,
            open_app(url, tmp_path_factory.mktemp(name), **settings) as app,
        ):
            yield app

    return open_


@pytest.fixture(scope="session")
def databases(server_url: URL, template: str) -> Iterator[Databases]:
    """Copies of the template."""
    with open_databases(server_url, template) as databases:
        yield databases


@pytest.fixture
async def database_url(databases: Databases) -> AsyncIterator[URL]:
    """An empty database with all tables, for this test alone."""
    url = await databases.take()
    yield url
    databases.drop(url)


@pytest.fixture
async def engine(database_url: URL) -> AsyncIterator[AsyncEngine]:
    """An engine on the test's own database."""
    # Twenty-five that connect at once, beside other tests, have waited for more than two seconds.
    async with open_engine(
        database_url, pool_size=5, max_overflow=20, connect_timeout_seconds=20.0
    ) as engine:
        yield engine


@pytest.fixture
def statements() -> Statements:
    """The SQL that ran."""
    return Statements()


@pytest.fixture
async def database(engine: AsyncEngine, statements: Statements) -> Database:
    """The test's own database, with real commits."""
    return Database(engine, observers=[statements.observe])


@pytest.fixture
async def resources(
    database_url: URL, statements: Statements, tmp_path: Path
) -> AsyncIterator[Resources]:
    """Everything a server process holds, on the test's own database."""
    async with open_resources(settings_of(database_url, tmp_path)) as opened:
        opened.database.observers.append(statements.observe)
        yield opened


@pytest.fixture
def resources_database(resources: Resources) -> Database:
    """The database of the application that `http` and `client` talk to."""
    return resources.database


@pytest.fixture
async def http(resources: Resources) -> AsyncIterator[httpx.AsyncClient]:
    """HTTP to the application in this process."""
    transport = httpx.ASGITransport(both_executors(resources))
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        yield client


@pytest.fixture
async def client_as(
    http: httpx.AsyncClient, resources: Resources
) -> Callable[[Role], Awaitable[Client]]:
    """Makes a GraphQL client with the token of a new user of a role."""

    async def make(role: Role) -> Client:
        async with resources.database.write() as tx:
            user = await create_user(tx, email=f"{role}@example.com", role=role)
        assert user is not None
        token = resources.tokens.issue(user.uuid, role, ttl_seconds=600)
        return Client(http, token)

    return make


@pytest.fixture
async def client(client_as: Callable[[Role], Awaitable[Client]]) -> Client:
    """A GraphQL client that may read and write."""
    return await client_as(Role.EDITOR)


@pytest.fixture(scope="session")
def servers() -> Iterator[Servers]:
    """A primary and its standby, for the tests that need both."""
    with streaming_replication() as both:
        yield both


@pytest.fixture(scope="session")
async def replicated_template(servers: Servers) -> AsyncIterator[str]:
    """As `template`, at the primary that has a standby."""
    async with database_of_its_own(servers.primary, name=_TEMPLATE) as url:
        async with open_engine(url) as engine:
            await upgrade(engine)
        yield _TEMPLATE


@pytest.fixture
async def replicated(servers: Servers, replicated_template: str) -> AsyncIterator[URL]:
    """An empty database with all tables at the primary, which the standby has too."""
    name = f"replicated_{next(_numbers)}"
    async with database_of_its_own(servers.primary, name=name, template=replicated_template) as url:
        await servers.catch_up()
        yield url
        await servers.standby.resume()
