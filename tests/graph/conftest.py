"""Fixtures for tests of the GraphQL door."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sqlalchemy.engine import URL

from app.resources import Resources
from jobs.exports import export_handlers
from tests.apps import App, OpenSharedApp, open_app
from tests.graph.cached import CachedApp
from tests.graph.execution.materials import fill
from tests.graph.following import Following, following, token
from tests.graph.grouped import populate as populate_groups
from tests.graph.populated import populate
from tests.graph.sockets import Socket, opened
from tests.jobs.working import worker
from tests.statements import Statements


@pytest.fixture(scope="session")
async def empty_app(open_shared_app: OpenSharedApp) -> AsyncIterator[App]:
    """One application for all tests that write nothing: its database has tables and no rows."""
    async with open_shared_app("empty_app") as app:
        yield app


@pytest.fixture(scope="session")
async def full_app(open_shared_app: OpenSharedApp) -> AsyncIterator[App]:
    """One application on a database that is filled once and then only read."""
    async with open_shared_app(
        "full_app", enable_compiled_execution=True, log_format="json"
    ) as app:
        await fill(app)
        yield app


@pytest.fixture(scope="session")
async def accounts_app(open_shared_app: OpenSharedApp) -> AsyncIterator[App]:
    """One application for all tests of users, each of which makes users of its own."""
    async with open_shared_app("accounts_app") as app:
        yield app


@pytest.fixture(scope="session")
async def grouped(open_shared_app: OpenSharedApp) -> AsyncIterator[tuple[App, Statements]]:
    """Contacts of four companies and of none, in a few countries; nothing is written after."""
    statements = Statements()
    async with open_shared_app("groups") as app:
        await populate_groups(app.resources.database)
        app.resources.database.observers.append(statements.observe)
        yield app, statements


@pytest.fixture(scope="session")
async def cached_app(open_shared_app: OpenSharedApp) -> AsyncIterator[CachedApp]:
    """Twenty contacts of twenty companies, each with one of everything, before a cache."""
    async with open_shared_app("cached_app", with_cache=True) as app:
        await populate(app.resources.database)
        # New users are new eras for all that is kept.
        assert app.resources.caching.lease is not None
        await app.resources.caching.lease.caught_up()
        yield CachedApp(app)


@pytest.fixture
async def cached(cached_app: CachedApp) -> CachedApp:
    """The same with nothing in the cache."""
    await cached_app.forget()
    return cached_app


@pytest.fixture
async def writable(database_url: URL, tmp_path: Path) -> AsyncIterator[CachedApp]:
    """An application with a cache before a database of the test's own."""
    async with open_app(database_url, tmp_path, with_cache=True) as app:
        yield CachedApp(app)


@pytest.fixture
async def server(server_url: URL) -> AsyncIterator[Following]:
    """A server of the schema to follow."""
    async with following(server_url) as served:
        yield served


@pytest.fixture
async def socket(server: Following) -> AsyncIterator[Socket]:
    """A socket that has said nothing yet."""
    async with opened(server.served.socket) as opened_socket:
        yield opened_socket


@pytest.fixture
async def viewer(socket: Socket) -> Socket:
    """A socket of somebody who may read."""
    await socket.init(token())
    return socket


@pytest.fixture
async def working(resources: Resources, database_url: URL) -> AsyncIterator[None]:
    """A worker that does export jobs."""
    handlers = export_handlers(resources.exporter)
    async with worker(resources.database, database_url, handlers):
        yield
