"""Clients of tus as people use them upload files, break off, and go on."""

import asyncio
import hashlib
import json
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

import pytest
from sqlalchemy.engine import URL
from tusclient.client import TusClient

from app.asgi import create_app
from app.resources import Resources
from domain.enums import Role
from tests.apps import STRANGER, open_app
from tests.clients.node import INSTALLED, NODE, copied, needs_node
from tests.db.datasets import seeded
from tests.served import serving

ENDPOINT = "/api/v1/uploads/"
METADATA = {"filename": "people.csv", "filetype": "text/csv", "kind": "contacts"}
ABORTS = 4

sizes = pytest.mark.parametrize(
    "megabytes", [2, pytest.param(100, marks=pytest.mark.slow)], ids=["2-MB", "100-MB"]
)
needs_tus_js = pytest.mark.skipif(
    not (INSTALLED / "node_modules" / "tus-js-client").is_dir(),
    reason="tus-js-client is not installed: run `make clients`",
)


@dataclass(frozen=True)
class Server:
    """A server that takes files, and an editor of it."""

    endpoint: str
    authorization: str
    resources: Resources

    async def digest(self, url: str) -> str | None:
        """What the server says of a file that it takes for whole."""
        upload_id = UUID(url.rpartition("/")[2])
        row = await self.resources.uploads.find(upload_id, owner=STRANGER)
        digest: str | None = row.sha256
        return digest


@pytest.fixture
async def server(database_url: URL, tmp_path: Path) -> AsyncIterator[Server]:
    async with (
        open_app(database_url, tmp_path / "data") as app,
        serving(create_app(app.resources)) as served,
    ):
        token = app.resources.tokens.issue(STRANGER, Role.EDITOR, ttl_seconds=600)
        yield Server(f"{served.http}{ENDPOINT}", f"Bearer {token}", app.resources)


def make_file(path: Path, megabytes: int) -> str:
    """A file of random bytes; its digest."""
    block, digest = seeded("clients").randbytes(1_000_000), hashlib.sha256()
    with path.open("wb") as file:
        for number in range(megabytes):
            part = number.to_bytes(8) + block
            file.write(part)
            digest.update(part)
    return digest.hexdigest()


def send_by_tuspy(server: Server, path: Path, *, checksum: bool) -> str:
    """Upload a file with a new client for each part, as after each restart; where it is."""
    url: str | None = None
    size = path.stat().st_size
    for part in range(1, ABORTS + 1):
        client = TusClient(server.endpoint, headers={"Authorization": server.authorization})
        with path.open("rb") as file:
            uploader = client.uploader(
                file_stream=file,
                url=url,
                chunk_size=size // 10,
                metadata=METADATA,
                upload_checksum=checksum,
            )
            uploader.upload(stop_at=size * part // ABORTS)
        url = uploader.url
    assert url is not None
    return url


@sizes
@pytest.mark.parametrize("checksum", [False, True], ids=["plain", "checksum"])
async def test_tuspy_uploads_a_file_in_parts(
    server: Server, tmp_path: Path, megabytes: int, checksum: bool
) -> None:
    """Each client goes on where the one before has stopped."""
    digest = make_file(tmp_path / "file", megabytes)
    url = await asyncio.to_thread(send_by_tuspy, server, tmp_path / "file", checksum=checksum)
    assert await server.digest(url) == digest


@needs_node
@needs_tus_js
@sizes
async def test_tus_js_client_uploads_a_file_that_it_breaks_off(
    server: Server, tmp_path: Path, megabytes: int
) -> None:
    """In the middle of requests, and goes on by itself."""
    digest = make_file(tmp_path / "file", megabytes)
    words = [server.endpoint, server.authorization, str(tmp_path / "file"), str(ABORTS)]
    with copied() as folder:
        process = await asyncio.create_subprocess_exec(
            str(NODE), "upload.js", *words, json.dumps(METADATA), cwd=folder, stdout=PIPE
        )
        try:
            async with asyncio.timeout(60):
                told, _ = await process.communicate()
        finally:
            if process.returncode is None:
                process.kill()
    answer = json.loads(told)
    assert answer["aborts"] == ABORTS
    assert await server.digest(answer["url"]) == digest
