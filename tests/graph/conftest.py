"""Fixtures for tests of the GraphQL door."""

from collections.abc import AsyncIterator

import pytest
from sqlalchemy.engine import URL

from tests.apps import App, open_app
from tests.conftest import _database_of_its_own
from tests.graph.execution.materials import fill
from tests.graph.following import Following, following, token
from tests.graph.sockets import Socket, opened


@pytest.fixture(scope="session")
async def empty_app(
    server_url: URL, template: str, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[App]:
    """One application for all tests that write nothing: its database has tables and no rows."""
    name = f"{template}_empty"
    async with (
        _database_of_its_own(server_url, name=name, template=template) as url,
        open_app(url, tmp_path_factory.mktemp("empty_app")) as app,
    ):
        yield app


@pytest.fixture(scope="session")
async def full_app(
    server_url: URL, template: str, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[App]:
    """One application on a database that is filled once and then only read."""
    name = f"{template}_full"
    async with (
        _database_of_its_own(server_url, name=name, template=template) as url,
        open_app(
            url,
            tmp_path_factory.mktemp("full_app"),
            enable_compiled_execution=True,
            log_format="json",
        ) as app,
    ):
        await fill(app)
        yield app


@pytest.fixture(scope="session")
async def accounts_app(
    server_url: URL, template: str, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[App]:
    """One application for all tests of users, each of which makes users of its own."""
    name = f"{template}_accounts"
    async with (
        _database_of_its_own(server_url, name=name, template=template) as url,
        open_app(url, tmp_path_factory.mktemp("accounts_app")) as app,
    ):
        yield app


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
