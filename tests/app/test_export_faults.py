"""Exports over real connections that are cut, by their readers and by the death of PostgreSQL."""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from random import Random

import httpx
import pytest
from sqlalchemy import text
from sqlalchemy.engine import URL
from sqlalchemy.ext.asyncio import AsyncEngine

from app.asgi import create_app
from db.engine import open_engine
from db.migrate import upgrade
from tests.apps import open_app
from tests.db.datasets import seeded
from tests.processes import PATIENCE_SECONDS
from tests.replication import Server, own_postgresql
from tests.served import serving

ROWS = 1000
TOGETHER = 3
DYING_CHARACTERS = 200_000
PATH = "/api/v1/contacts/stream/?format=csv&columns=uuid,notes,createdAt"
SETTLED_SECONDS = 5.0
_CHUNK_BYTES = 2**16


@dataclass(frozen=True)
class Exports:
    """A server whose exports are tens of megabytes."""

    http: httpx.AsyncClient
    folder: Path

    async def cut(self, size: int) -> tuple[bytes, str]:
        """As many bytes of a fresh export, and its tag; then the connection is closed."""
        found = bytearray()
        async with self.http.stream("GET", PATH) as answer:
            assert answer.status_code == 200
            async for chunk in answer.aiter_raw(_CHUNK_BYTES):
                found += chunk
                if len(found) >= size:
                    break
            # Over a connection of its own, which is closed rather than kept.
            await answer.aclose()
        return bytes(found[:size]), answer.headers["etag"]

    async def manifest(self, tag: str) -> dict[str, object]:
        """The proof of the export of a tag, once it is whole."""
        path = f"/api/v1/exports/{tag.strip(chr(34))}/manifest"
        async with asyncio.timeout(PATIENCE_SECONDS):
            while True:
                told: dict[str, object] = (await self.http.get(path)).json()
                if told["complete"]:
                    return told
                await asyncio.sleep(0.05)

    def open_files(self) -> list[str]:
        """What the process has open of the exports."""
        found = []
        for link in Path("/proc/self/fd").iterdir():
            with suppress(FileNotFoundError):
                found.append(str(link.readlink()))
        return [name for name in found if "/spool/" in name]

    def unfinished(self) -> list[Path]:
        """The files that are not whole."""
        return list(self.folder.glob("*.part"))


async def fill(engine: AsyncEngine, *, characters: int) -> None:
    """Contacts with notes that are long, and little on the disk."""
    async with engine.begin() as connection:
        for statement in (
            f"INSERT INTO contacts (first_name) SELECT 'n' || n FROM generate_series(1, {ROWS}) n",
            "INSERT INTO contact_metadata (contact_id, notes)"
            f" SELECT id, repeat('=\"{{note}}\n', {characters // 10}) FROM contacts",
        ):
            await connection.execute(text(statement))


@asynccontextmanager
async def serving_exports(url: URL, folder: Path) -> AsyncIterator[Exports]:
    """A server on a database, and a user of it."""
    async with (
        open_app(url, folder, max_concurrent_exports=100) as app,
        serving(create_app(app.resources)) as served,
    ):
        headers = {**app.client().headers, "Accept-Encoding": "identity"}
        limits = httpx.Limits(max_keepalive_connections=0)
        async with httpx.AsyncClient(
            base_url=served.http, headers=headers, limits=limits, timeout=PATIENCE_SECONDS
        ) as http:
            yield Exports(http, folder / "spool")


@pytest.fixture
async def exports(database_url: URL, engine: AsyncEngine, tmp_path: Path) -> AsyncIterator[Exports]:
    """A server with exports of about 8 MB."""
    await fill(engine, characters=8_000)
    async with serving_exports(database_url, tmp_path) as served:
        yield served


async def within(seconds: float, is_so: Callable[[], Awaitable[bool]]) -> bool:
    """Whether something comes to be so in time."""
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            while True:
                if await is_so():
                    return True
                await asyncio.sleep(0.05)
    return False


async def test_readers_that_leave_leave_nothing_behind(
    exports: Exports, engine: AsyncEngine, pytestconfig: pytest.Config
) -> None:
    """Thirty leave at random points; soon no transaction and no file is open, or half done."""
    random = seeded("leaving")
    _, tag = await exports.cut(1)
    size = int(str((await exports.manifest(tag))["bytes"]))
    for _ in range(pytestconfig.getoption("--cuts") // TOGETHER):
        cuts = (exports.cut(random.randrange(1, size)) for _ in range(TOGETHER))
        await asyncio.gather(*cuts)

    async def is_quiet() -> bool:
        async with engine.connect() as connection:
            busy = await connection.scalar(
                text(
                    "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
                    " AND pid <> pg_backend_pid() AND xact_start IS NOT NULL"
                )
            )
        return not (busy or exports.open_files() or exports.unfinished())

    assert await within(SETTLED_SECONDS, is_quiet), (exports.open_files(), exports.unfinished())


async def test_export_that_was_cut_goes_on_to_the_same_bytes(exports: Exports) -> None:
    """Cut at twenty random bytes and taken up again by its tag, it has the digest of its proof."""
    random: Random = seeded("cutting")
    _, tag = await exports.cut(1)
    whole = await exports.manifest(tag)
    for _ in range(20):
        at = random.randrange(1, int(str(whole["bytes"])))
        begun, tag = await exports.cut(at)
        goes_on = {"Range": f"bytes={at}-", "If-Range": tag}
        rest = await exports.http.get(PATH, headers=goes_on)
        assert rest.status_code == 206
        digest = hashlib.sha256(begun + rest.content).hexdigest()
        assert digest == (await exports.manifest(tag))["sha256"] == whole["sha256"]


@pytest.fixture
async def postgresql() -> AsyncIterator[Server]:
    """A server of this test alone, with exports that take a while."""
    with own_postgresql() as server:
        async with open_engine(server.url(), statement_timeout_seconds=60) as engine:
            await upgrade(engine)
            await fill(engine, characters=DYING_CHARACTERS)
        yield server


async def test_death_of_postgresql_breaks_the_stream(postgresql: Server, tmp_path: Path) -> None:
    """Its client sees a connection that broke, never a short file that looks whole."""
    async with serving_exports(postgresql.url(), tmp_path) as exports:
        read: list[int] = []
        with pytest.raises(httpx.RemoteProtocolError):
            await _read_while_it_dies(exports, postgresql, read)
        assert 0 < sum(read) < ROWS * DYING_CHARACTERS
        assert not exports.unfinished()
        await asyncio.to_thread(postgresql.start)
        again = await exports.http.get(PATH + "&max_results=1")
        assert again.status_code == 200


async def _read_while_it_dies(exports: Exports, postgresql: Server, read: list[int]) -> None:
    """Read an export to its end, whatever that is; PostgreSQL is killed at the first bytes."""
    async with exports.http.stream("GET", PATH) as answer:
        assert answer.status_code == 200
        async for chunk in answer.aiter_raw():
            if not read:
                await asyncio.to_thread(postgresql.kill)
            read.append(len(chunk))
