"""Exports as tests of their jobs need them: with files of their own, and held in the middle."""

import asyncio
import hashlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.engine import URL

from db.engine import open_engine
from db.rows import JobRow, Row
from db.statements import Statement
from db.transaction import Database
from domain.export_json import export_to_json
from domain.exports import Export, ExportEntity
from domain.jobs import JobStatus
from domain.paging import CursorCodec
from domain.tasks import ExportRecords
from jobs.exports import export_handlers
from jobs.worker import Worker
from streaming.exporting import Exporter, ExportSettings
from streaming.spools import SpoolSettings, open_spools
from tests.jobs.working import make_job, worker
from tests.proxy import Proxy

OWNER = UUID("00000000-0000-4000-8000-00000000000e")
MANY = 2000
TTL_SECONDS = 600.0

_CHUNK_BYTES = 2**14
_CANCEL = (80877102).to_bytes(4)
_MAKE_MANY = Statement(
    text(
        "INSERT INTO contacts (first_name, last_name)"
        f" SELECT 'Ada ' || n, repeat('x', 100) FROM generate_series(1, {MANY}) AS n"
    ),
    Row,
)


class Valve(Proxy):
    """Passes on what PostgreSQL answers, of each connection no more than so much until it is open.

    It is enough for everything but an export of many. A client that has a statement cancelled opens
    it: that it was is told behind what is held.
    """

    def __init__(self, upstream: URL, *, most_bytes: int = 200_000) -> None:
        super().__init__(upstream)
        self._most_bytes = most_bytes
        self._opened = asyncio.Event()

    def open(self) -> None:
        """Hold nothing back any more."""
        self._opened.set()

    async def _pass_answers(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        passed = 0
        with suppress(OSError):
            while chunk := await reader.read(_CHUNK_BYTES):
                passed += len(chunk)
                if passed > self._most_bytes:
                    await self._opened.wait()
                writer.write(chunk)
                await writer.drain()
        writer.close()

    async def _allowed(self, chunk: bytes) -> bytes:
        if chunk[4:8] == _CANCEL:
            self.open()
        return chunk


async def make_many(database: Database) -> None:
    """More contacts than go through a valve."""
    async with database.write() as tx:
        await tx.fetch(_MAKE_MANY)


def export_of(**given: Any) -> Export:
    """An export of all contacts, unless it is said otherwise."""
    usual: dict[str, Any] = {"entity": ExportEntity.CONTACTS, "order": (), "columns": ("uuid",)}
    return Export(**{**usual, **given})


async def make_export(database: Database, owner: UUID | None = OWNER, **given: Any) -> JobRow:
    """A job that waits to write an export."""
    task = ExportRecords(export=export_to_json(export_of(**given)))
    return await make_job(database, task, owner=owner)


@asynccontextmanager
async def exporting(
    database: Database, folder: Path, *, most_of_one_owner: int = 4, **settings: Any
) -> AsyncIterator[Exporter]:
    """What makes exports, with its files in a folder."""
    kept = SpoolSettings(
        ttl_seconds=TTL_SECONDS, quota_bytes=2**30, most_of_one_owner=most_of_one_owner
    )
    async with open_spools(folder, kept) as spools:
        chosen = ExportSettings(**settings)
        yield Exporter(database, spools, chosen, CursorCodec(b"k" * 32))


@asynccontextmanager
async def at_work(
    database: Database, database_url: URL, folder: Path, **settings: Any
) -> AsyncIterator[Exporter]:
    """What makes exports, and a worker that does their jobs."""
    async with (
        exporting(database, folder, **settings) as exporter,
        worker(database, database_url, export_handlers(exporter)),
    ):
        yield exporter


@asynccontextmanager
async def held(
    database: Database, database_url: URL, folder: Path, *, tell_seconds: float = 0.01
) -> AsyncIterator[tuple[Valve, Worker]]:
    """A worker whose exports are behind a valve; it tells all the time how far they are."""
    async with (
        Valve(database_url).listening() as valve,
        open_engine(valve.url) as engine,
        exporting(Database(engine), folder) as exporter,
        worker(
            database, database_url, export_handlers(exporter, tell_seconds=tell_seconds)
        ) as working,
    ):
        yield valve, working


def files(folder: Path) -> list[str]:
    """The names of all files of exports; none where there is no folder yet."""
    return sorted(path.name for path in folder.glob("*"))


def is_under_way(row: JobRow) -> bool:
    """Whether rows have been written, and their number is known."""
    return row.done > 0 and row.total is not None


def assert_whole(folder: Path, row: JobRow, rows: int) -> bytes:
    """The file that a job gives, of which everything that is told is true; no other is there."""
    assert (row.status, row.progress, row.done, row.total) == (JobStatus.COMPLETED, 1, rows, rows)
    assert row.result is not None
    name = row.result["spool"]
    assert files(folder) == [f"{name}.data", f"{name}.json"]
    content = (folder / f"{name}.data").read_bytes()
    assert row.result["sha256"] == hashlib.sha256(content).hexdigest()
    assert (row.result["bytes"], row.result["rows"]) == (len(content), rows)
    return content
