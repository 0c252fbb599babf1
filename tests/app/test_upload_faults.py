"""Uploads to servers that are killed, and to disks that are full."""

import asyncio
import hashlib
import re
import resource
import signal
from base64 import b64encode
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from random import Random
from uuid import UUID

import httpx
import pytest
from sqlalchemy.engine import URL

from db.transaction import Database
from db.uploads import find_upload
from domain.enums import Role
from tests.apps import open_app
from tests.db.datasets import seeded
from tests.processes import PATIENCE_SECONDS, Process, command
from tests.streaming.tus import BINARY, ROOT, Tus, metadata, problem_of

SIZE = 2**18
TOGETHER = 3
PIECE = 10_000


@dataclass
class Server:
    """A server process, and a client of its admin."""

    process: Process
    http: httpx.AsyncClient


@asynccontextmanager
async def serving(database_url: URL, folder: Path) -> AsyncIterator[Server]:
    """`appointment360 serve`, which writes small blocks, so that there are many moments to kill."""
    async with command(
        "serve",
        "--port=0",
        "--no-jobs",
        database_url=database_url,
        folder=folder,
        MAX_UPLOAD_CHUNK_SIZE="4KiB",
        SECRET_KEY="the same for all of them, and long enough",
    ) as process:
        found = re.search(r"(http://\S+?)/#token=(\S+)", await process.says("#token="))
        assert found is not None
        headers = {"Authorization": f"Bearer {found[2]}", "Tus-Resumable": "1.0.0"}
        async with httpx.AsyncClient(
            base_url=found[1], headers=headers, timeout=PATIENCE_SECONDS
        ) as http:
            yield Server(process, http)


@dataclass
class Upload:
    """A file on its way.

    Attributes:
        told: The offset that its client was told last.
    """

    path: str
    file: Path
    content: bytes
    told: int = 0

    async def send(self, http: httpx.AsyncClient, end: int | None = None) -> None:
        """Send what follows the last offset."""

        async def pieces() -> AsyncIterator[bytes]:
            for start in range(self.told, end or SIZE, PIECE):
                yield self.content[start : min(start + PIECE, end or SIZE)]

        headers = {"Upload-Offset": str(self.told), "Content-Type": BINARY}
        answer = await http.patch(self.path, content=pieces(), headers=headers)
        assert answer.status_code == 204, answer.text
        self.told = int(answer.headers["upload-offset"])

    async def ask(self, http: httpx.AsyncClient) -> int:
        """Where it goes on."""
        answer = await http.head(self.path)
        assert answer.status_code == 200
        return int(answer.headers["upload-offset"])


async def begin(server: Server, folder: Path, random: Random) -> Upload:
    """An upload of which a part is acknowledged."""
    told = metadata(filename="people.csv", kind="contacts")
    headers = {"Upload-Length": str(SIZE), "Upload-Metadata": told}
    path = (await server.http.post(ROOT, headers=headers)).headers["location"]
    file = folder / "data" / "uploads" / path.rpartition("/")[2]
    upload = Upload(path, file, random.randbytes(SIZE))
    await upload.send(server.http, random.randrange(1, SIZE // 4))
    return upload


async def kill_in_the_middle(server: Server, uploads: list[Upload], random: Random) -> None:
    """Kill -9 when one of them has reached a random byte; the others are wherever they are."""
    sending = [asyncio.create_task(upload.send(server.http)) for upload in uploads]
    first = random.choice(uploads)
    at = random.randrange(first.told, SIZE)
    while first.file.stat().st_size < at:  # noqa: ASYNC110  # the server must not wait for us
        await asyncio.sleep(0)
    server.process.signal(signal.SIGKILL)
    await server.process.ends()
    for task in sending:
        with suppress(httpx.TransportError):
            await task


async def test_upload_outlasts_kills_of_its_server(
    database: Database, database_url: URL, tmp_path: Path, pytestconfig: pytest.Config
) -> None:
    """Nothing that was acknowledged is lost; resumed, each file is what was sent."""
    random = seeded("kills")
    for _ in range(pytestconfig.getoption("--kills")):
        async with serving(database_url, tmp_path) as server:
            uploads = [await begin(server, tmp_path, random) for _ in range(TOGETHER)]
            await kill_in_the_middle(server, uploads, random)
        async with serving(database_url, tmp_path) as server:
            await asyncio.gather(*(resume(database, server, upload) for upload in uploads))


async def resume(database: Database, server: Server, upload: Upload) -> None:
    """Go on where the server says, which is behind all that it said before."""
    offset = await upload.ask(server.http)
    assert upload.told <= offset <= SIZE
    upload.told = offset
    await upload.send(server.http)
    assert await is_whole(database, upload)


async def is_whole(database: Database, upload: Upload) -> bool:
    """Whether the file and the digest that is stored are those of what was sent."""
    digest = hashlib.sha256(upload.content).hexdigest()
    async with database.read() as session:
        row = await find_upload(session, UUID(upload.file.name))
    assert row is not None
    stored = await asyncio.to_thread(upload.file.read_bytes)
    return row.sha256 == hashlib.sha256(stored).hexdigest() == digest


@contextmanager
def no_file_above(size: int) -> Iterator[None]:
    """The disk takes no more bytes of any file of this process."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.parametrize("has_checksum", [False, True], ids=["plain", "checksum"])
async def test_disk_that_is_full_keeps_what_was_acknowledged(
    database_url: URL, tmp_path: Path, has_checksum: bool
) -> None:
    """The client is told the place where it can go on when there is room again."""
    content = seeded("full").randbytes(3_000_000)
    digest = hashlib.sha1(content[1_000_000:], usedforsecurity=False).digest()
    async with open_app(database_url, tmp_path) as app:
        tus = Tus(app.http, app.resources, role=Role.EDITOR)
        path = await tus.created(len(content))
        await tus.patch(path, 0, content[:1_000_000])
        checksum = {"upload_checksum": f"sha1 {b64encode(digest).decode()}"} if has_checksum else {}
        with no_file_above(1_500_000):
            refused = await tus.patch(path, 1_000_000, content[1_000_000:], **checksum)
        assert problem_of(refused) == (507, "INSUFFICIENT_STORAGE")
        assert refused.json()["offset"] == 1_000_000
        assert refused.headers["upload-offset"] == "1000000"
        assert await tus.offset(path) == tus.file(path).stat().st_size == 1_000_000
        rest = await tus.patch(path, 1_000_000, content[1_000_000:], **checksum)
        assert rest.status_code == 204
        row = await app.resources.uploads.find(UUID(path.rpartition("/")[2]), owner=tus.user)
        assert row.sha256 == hashlib.sha256(content).hexdigest()
