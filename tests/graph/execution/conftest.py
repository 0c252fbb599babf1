"""What operations can be made of, and both executors of a small schema."""

import gc
from collections.abc import AsyncIterator, Iterator

import pytest
from sqlalchemy.engine import URL

from db.engine import open_engine
from db.transaction import Database
from db.users import create_user
from domain.enums import Role
from domain.paging import CursorCodec
from graph.lengths import PageSizes
from jobs.background import BackgroundTasks
from tests.apps import App
from tests.client import Client
from tests.graph.execution.materials import Rows, gather
from tests.graph.execution.pair import Pair
from tests.graph.execution.small import Recorded, small_schema


@pytest.fixture
def forgotten() -> Iterator[None]:
    """What graphql-core forgot goes where warnings of it are expected, and nowhere else."""
    gc.disable()
    yield
    gc.collect()
    gc.enable()


@pytest.fixture(scope="session")
async def admin(full_app: App) -> Client:
    """An admin who is in the database."""
    async with full_app.resources.database.write() as tx:
        user = await create_user(tx, email="admin@example.com", role=Role.ADMIN)
    assert user is not None
    return Client(
        full_app.http, full_app.resources.tokens.issue(user.uuid, Role.ADMIN, ttl_seconds=86_400)
    )


@pytest.fixture(scope="session")
async def rows(full_app: App, admin: Client) -> Rows:
    """What operations can be made of."""
    return await gather(full_app, admin)


@pytest.fixture(scope="session")
async def pair(server_url: URL) -> AsyncIterator[Pair]:
    """Both executors of the small schema."""
    # Nothing of it reads, so nothing connects.
    async with open_engine(server_url) as engine:

        def open_context() -> Recorded:
            return Recorded(
                database=Database(engine),
                cursors=CursorCodec(b"0" * 32),
                page_sizes=PageSizes(default=1, maximum=1),
                viewer=None,
                undo_seconds=0,
                background=BackgroundTasks(max_concurrent=1),
            )

        yield Pair(small_schema(), open_context)
