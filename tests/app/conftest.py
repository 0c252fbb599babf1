"""What several files of tests share: folders for the embedded PostgreSQL, and who reads exports.

To the folders its account may enter, and nothing is left running there.
"""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from app.embedded.server import lease
from tests.app.clusters import open_parent, stop_leftovers
from tests.app.export_requests import Rest, make_people
from tests.apps import App, OpenSharedApp


@pytest.fixture
def fresh_folder() -> Iterator[Path]:
    """A folder that does not exist yet, where every user may enter."""
    with open_parent() as parent:
        yield parent / "data"


@pytest.fixture(scope="module")
def used_folder() -> Iterator[Path]:
    """A folder in which a server has been, because a first start takes most of a test's time."""
    with open_parent() as parent:
        with lease(parent / "data", durable=False):
            pass
        yield parent / "data"


@pytest.fixture
def folder(used_folder: Path) -> Iterator[Path]:
    """The used folder, with nothing running on it."""
    yield used_folder
    stop_leftovers(used_folder)


@pytest.fixture(scope="session")
async def exporting_app(open_shared_app: OpenSharedApp) -> AsyncIterator[App]:
    """An application on a database with three contacts of two companies, that is only read."""
    async with open_shared_app("export_routes") as app:
        await make_people(app.resources.database)
        yield app


@pytest.fixture
def reader(exporting_app: App) -> Rest:
    """Asks it for exports, as one user."""
    return Rest(exporting_app.http, exporting_app.resources)
