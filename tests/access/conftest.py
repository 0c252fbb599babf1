"""Fixtures for tests of who may come in."""

from collections.abc import AsyncIterator

import pytest
from sqlalchemy.engine import URL

from db.engine import open_engine
from db.transaction import Database
from tests.access.doors import Doors, open_doors
from tests.databases import database_of_its_own


@pytest.fixture(scope="session")
async def shared_database(server_url: URL, template: str) -> AsyncIterator[Database]:
    """One database for all tests that look at nobody but their own users."""
    name = f"{template}_access"
    async with (
        database_of_its_own(server_url, name=name, template=template) as url,
        open_engine(url, pool_size=5, max_overflow=20) as engine,
    ):
        yield Database(engine)


@pytest.fixture
async def doors(shared_database: Database) -> AsyncIterator[Doors]:
    """A process that lets users in, and knows of other processes' decisions after an hour."""
    async with open_doors(shared_database) as opened:
        yield opened
