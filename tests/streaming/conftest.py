"""Servers that several files of tests here ask: of uploads, of exports."""

from collections.abc import AsyncIterator, Callable
from pathlib import Path

import httpx
import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.routing import Route

from app.asgi import create_app
from app.errors import answer_app_error
from app.middleware import RequestMiddleware
from domain.errors import AppError
from streaming.spools import Spools
from tests.apps import OpenSharedApp
from tests.served import Served, serving
from tests.streaming.shop import CHUNK_BYTES, METHODS, PLAIN, Counter, Shop, downloads
from tests.streaming.spooling import Pauses, spools_in, until
from tests.streaming.tus import BLOCK, LARGEST, Tus


@pytest.fixture(scope="package")
async def uploading(open_shared_app: OpenSharedApp) -> AsyncIterator[Tus]:
    """One application for all tests that look at uploads of their own alone."""
    async with (
        open_shared_app("tus", max_import_size=LARGEST, max_upload_chunk_size=BLOCK) as app,
        serving(create_app(app.resources)) as served,
        httpx.AsyncClient(base_url=served.http, timeout=30) as http,
    ):
        yield Tus(http, app.resources)


@pytest.fixture
def tus(uploading: Tus) -> Tus:
    """Its client, as an editor."""
    return uploading


@pytest.fixture(scope="module")
async def counter() -> AsyncIterator[tuple[Counter, Served]]:
    """One server for all tests here: each start and stop of one takes its time."""
    counter = Counter()
    app = Starlette(
        routes=[Route("/{kind}/{id}", counter.answer, methods=METHODS)],
        exception_handlers={AppError: answer_app_error},
        middleware=[Middleware(RequestMiddleware)],
    )
    async with serving(app, patience_seconds=0.2) as served:
        yield counter, served


@pytest.fixture
async def shop(counter: tuple[Counter, Served], tmp_path: Path) -> AsyncIterator[Shop]:
    """A server with small chunks, and exports of its own."""
    desk, served = counter
    desk.downloads = downloads(CHUNK_BYTES)
    desk.on_found = lambda _spool: None
    async with (
        httpx.AsyncClient(base_url=served.http, trust_env=False, headers=PLAIN) as http,
        spools_in(tmp_path) as desk.spools,
    ):
        shop = Shop(desk.spools, served, http, tmp_path)
        yield shop
        await until(lambda: shop.tasks == 0)


@pytest.fixture
def write(tmp_path: Path) -> Callable[[bytes], Path]:
    def written(content: bytes) -> Path:
        path = tmp_path / "file.csv"
        path.write_bytes(content)
        return path

    return written


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where the exports of a test lie."""
    return tmp_path / "spool"


@pytest.fixture
def pauses() -> Pauses:
    """How long sources were left alone before they were tried again; nobody waits for that."""
    return Pauses()


@pytest.fixture
async def spools(folder: Path, pauses: Pauses) -> AsyncIterator[Spools]:
    """The exports of a process that does not wait before it tries again."""
    async with spools_in(folder, sleep=pauses) as opened_spools:
        yield opened_spools
