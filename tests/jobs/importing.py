"""Imports as tests of their jobs need them: real files, a real worker, what came of it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any
from uuid import UUID

from sqlalchemy.engine import URL, make_url

from db.engine import open_engine
from db.imports import create_import, undo_import
from db.rows import UploadRow
from db.statements import sql
from db.transaction import Database
from domain.imports import ImportEntity, ImportOptions, ImportRequest
from domain.uploads import UploadKind
from jobs.imports import ImportSettings, import_handlers
from jobs.undoing import UNDO_HANDLERS
from jobs.worker import Worker
from streaming.upload_limits import UploadSettings
from streaming.uploads import Uploads, open_uploads
from tests.jobs.working import worker
from tests.processes import FORKED

OWNER = UUID("00000000-0000-4000-8000-000000000007")

_ENDS = ("created", "updated", "unchanged", "skipped", "failed")
_CENSUS = sql(
    "SELECT (SELECT count(*) FROM contacts WHERE deleted_at IS NULL) AS contacts,"
    " (SELECT count(DISTINCT email_key) FROM contacts WHERE deleted_at IS NULL) AS addresses,"
    " (SELECT count(*) FROM contact_emails) AS emails,"
    " (SELECT coalesce(max(version), 1) FROM contacts) AS version"
)


async def uploads_of(database: Database, folder: Path) -> Uploads:
    """Uploads whose files lie in a folder."""
    settings = UploadSettings(
        max_import_bytes=2**30,
        max_upload_bytes=2**20,
        chunk_bytes=2**20,
        ttl_seconds=600,
        quota_bytes=2**34,
    )
    return await open_uploads(folder / "uploads", database, settings, store_url=None)


@asynccontextmanager
async def at_work(
    database: Database, url: URL, folder: Path, *, batch_rows: int = 1000
) -> AsyncIterator[Worker]:
    """A worker that imports, until the end of the block."""
    uploads = await uploads_of(database, folder)
    handlers = {**import_handlers(uploads, ImportSettings(batch_rows=batch_rows)), **UNDO_HANDLERS}
    async with worker(database, url, handlers) as working:
        yield working


@asynccontextmanager
async def worker_process(url: URL, folder: Path) -> AsyncIterator[BaseProcess]:
    """The same in a process of its own, which is killed at the end of the block."""
    address = url.render_as_string(hide_password=False)
    process = FORKED.Process(target=_work_for_ever, args=(address, folder))
    process.start()
    try:
        yield process
    finally:
        process.kill()
        await asyncio.to_thread(process.join)


def _work_for_ever(address: str, folder: Path) -> None:
    async def work() -> None:
        url = make_url(address)
        async with open_engine(url) as engine, at_work(Database(engine), url, folder):
            await asyncio.Event().wait()

    asyncio.run(work())


async def send(
    uploads: Uploads,
    content: bytes,
    *,
    entity: ImportEntity = ImportEntity.CONTACTS,
    owner: UUID = OWNER,
) -> UploadRow:
    """A file that is here."""

    async def chunks() -> AsyncIterator[bytes]:
        yield content

    return await uploads.receive(
        chunks(),
        owner=owner,
        kind=UploadKind(entity.value),
        filename="people.csv",
        media_type="text/csv",
    )


async def begin_import(
    database: Database,
    folder: Path,
    content: bytes | str,
    *,
    entity: ImportEntity = ImportEntity.CONTACTS,
    mapping: dict[str, str | None] | None = None,
    **options: Any,
) -> int:
    """The job of a file that waits to be imported."""
    data = content.encode() if isinstance(content, str) else content
    upload = await send(await uploads_of(database, folder), data, entity=entity)
    request = ImportRequest(entity=entity, mapping=mapping or {}, options=ImportOptions(**options))
    async with database.write() as tx:
        return (await create_import(tx, request, upload, owner=OWNER)).job_id


async def begin_undo(database: Database, job_id: int) -> int:
    """The job that takes back what another has imported."""
    async with database.write() as tx:
        return await undo_import(tx, job_id, owner=OWNER, undo_seconds=600)


def people(rows: int, *, first: int = 0) -> str:
    """A clean file of so many contacts."""
    lines = (
        f"Ada{number},King{number},p{number}@example{number % 50}.com,Company {number % 50}\n"
        for number in range(first, first + rows)
    )
    return "First Name,Last Name,Email,Company\n" + "".join(lines)


def assert_adds_up(counters: dict[str, int], rows: int) -> None:
    """Every row of a file has come to one end."""
    assert counters["rows"] == rows
    assert sum(counters.get(end, 0) for end in _ENDS) == rows


async def census(database: Database) -> dict[str, int]:
    """How many contacts there are, how many addresses, and how often one was changed."""
    async with database.read() as session:
        row = await session.fetch_one(_CENSUS)
    assert row is not None
    return dict(row.items())
