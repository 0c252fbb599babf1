"""One application for all tests that look at uploads of their own alone."""

from collections.abc import AsyncIterator

import httpx
import pytest
from sqlalchemy.engine import URL

from app.asgi import create_app
from tests.apps import open_app
from tests.conftest import _database_of_its_own
from tests.served import serving
from tests.streaming.tus import BLOCK, LARGEST, Tus


@pytest.fixture(scope="package")
async def uploading(
    server_url: URL, template: str, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Tus]:
    """One application for all tests that look at uploads of their own alone."""
    name = f"{template}_tus"
    async with (
        _database_of_its_own(server_url, name=name, template=template) as url,
        open_app(
            url,
            tmp_path_factory.mktemp("tus"),
            max_import_size=LARGEST,
            max_upload_chunk_size=BLOCK,
        ) as app,
        serving(create_app(app.resources)) as served,
        httpx.AsyncClient(base_url=served.http, timeout=30) as http,
    ):
        yield Tus(http, app.resources)


@pytest.fixture
def tus(uploading: Tus) -> Tus:
    """Its client, as an editor."""
    return uploading
