"""Promises of the rows of uploads: how long they are kept, for whom, and what still needs them."""

import asyncio
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

from sqlalchemy import text

from db.rows import JobRow, Row, UploadRow
from db.statements import Statement
from db.transaction import Database
from db.uploads import (
    bytes_of_owner,
    delete_upload,
    expired_uploads,
    extend_upload,
    find_upload,
    finish_upload,
    hold_uploads,
    insert_upload,
    known_uploads,
    load_uploads,
    unfinished_of_owner,
)
from domain.uploads import NewUpload, UploadKind
from tests.jobs.working import execute, make_job

OWNER, OTHER = UUID(int=1), UUID(int=2)
AN_HOUR = 3600.0


async def make_upload(
    database: Database,
    *,
    owner: UUID | None = OWNER,
    total_bytes: int = 100,
    ttl_seconds: float = AN_HOUR,
) -> UploadRow:
    """An upload that was announced."""
    new = NewUpload(
        uuid=uuid4(),
        owner=owner,
        kind=UploadKind.CONTACTS,
        filename="people.csv",
        media_type="text/csv",
        total_bytes=total_bytes,
    )
    async with database.write() as tx:
        return await insert_upload(tx, new, ttl_seconds=ttl_seconds)


async def find(database: Database, uuid: UUID) -> UploadRow | None:
    async with database.read() as session:
        return await find_upload(session, uuid)


async def make_import(database: Database, upload: UploadRow) -> JobRow:
    """An import of an upload, whose job is to be done."""
    job = await make_job(database)
    await execute(
        database,
        "INSERT INTO imports (job_id, upload_uuid, entity, filename, sha256, request_hash,"
        " is_standing) VALUES (CAST(:job AS bigint), CAST(:upload AS uuid), 'CONTACTS', '', '',"
        " '', false)",
        job=job.id,
        upload=upload.uuid,
    )
    return job


async def end(database: Database, job: JobRow) -> None:
    """The job ends."""
    await execute(
        database,
        "UPDATE jobs SET status = 'COMPLETED', finished_at = now() WHERE id = CAST(:id AS bigint)",
        id=job.id,
    )


async def test_upload_is_found_as_it_was_announced(database: Database) -> None:
    """By its uuid and, with others, by its id; it waits as long as it was said."""
    row = await make_upload(database)
    assert await find(database, row.uuid) == row
    async with database.read() as session:
        assert await load_uploads(session, [row.id + 1, row.id]) == [None, row]
        assert await known_uploads(session, [row.uuid, OTHER]) == {row.uuid}
    assert (row.user_uuid, row.kind, row.total_bytes) == (OWNER, "contacts", 100)
    assert (row.sha256, row.finished_at) == (None, None)
    assert row.expires_at - row.created_at == timedelta(seconds=AN_HOUR)


async def test_finished_upload_waits_anew_for_its_use(database: Database) -> None:
    """Finished twice it keeps the time of the first; when it is gone there is nothing to finish."""
    row = await make_upload(database, ttl_seconds=1)
    finished = []
    for uuid in (row.uuid, row.uuid, uuid4()):
        async with database.write() as tx:
            finished.append(await finish_upload(tx, uuid, "digest", ttl_seconds=AN_HOUR))
    first, second, gone = finished
    assert first is not None
    assert second is not None
    assert gone is None
    assert (first.sha256, first.finished_at) == ("digest", second.finished_at)
    assert first.expires_at > datetime.now(UTC) + timedelta(seconds=AN_HOUR / 2)


async def test_upload_whose_time_is_over_is_not_there(database: Database) -> None:
    """Unless it was given more of it before."""
    row, extended = [await make_upload(database, ttl_seconds=-1) for _ in range(2)]
    assert await find(database, row.uuid) is None
    async with database.read() as session:
        assert await load_uploads(session, [row.id]) == [None]
    async with database.write() as tx:
        await extend_upload(tx, extended.uuid, ttl_seconds=AN_HOUR)
    assert await find(database, extended.uuid) is not None
    async with database.read() as session:
        assert await expired_uploads(session, most=10) == [row]


async def test_import_keeps_its_upload_until_it_has_ended(database: Database) -> None:
    """However long it waits for its turn; nobody can delete the file under it."""
    row = await make_upload(database, ttl_seconds=-1)
    job = await make_import(database, row)
    for is_over in (False, True):
        async with database.read() as session:
            assert await expired_uploads(session, most=10) == [row] * is_over
        assert (await find(database, row.uuid) is None) is is_over
        async with database.write() as tx:
            assert await delete_upload(tx, row.uuid) is is_over
        if not is_over:
            await end(database, job)
    async with database.write() as tx:
        assert await delete_upload(tx, row.uuid) is False


async def test_bytes_of_an_owner_are_those_announced(database: Database) -> None:
    """Those that have not come yet too; others and the server itself do not count."""
    for owner in (OWNER, OWNER, OTHER, None):
        await make_upload(database, owner=owner)
    async with database.read() as session:
        assert await bytes_of_owner(session, OWNER) == 200
        assert await bytes_of_owner(session, UUID(int=3)) == 0


async def test_unfinished_uploads_of_an_owner_are_counted(database: Database) -> None:
    """Not those that are whole, nor those whose time is over, nor those of others."""
    whole, _ = [await make_upload(database) for _ in range(2)]
    await make_upload(database, owner=OTHER)
    await make_upload(database, ttl_seconds=-1)
    async with database.write() as tx:
        await finish_upload(tx, whole.uuid, "digest", ttl_seconds=AN_HOUR)
        assert await unfinished_of_owner(tx, OWNER) == 1


async def waits(database: Database) -> bool:
    """Whether somebody waits for a lock."""
    waiting = text("SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND NOT granted")
    async with database.read() as session:
        return await session.fetch_one(Statement(waiting, Row)) is not None


async def test_one_transaction_at_a_time_counts_what_a_user_has(database: Database) -> None:
    """Those of other users do not wait for it."""
    counted = asyncio.Event()

    async def count() -> None:
        async with database.write() as tx:
            await hold_uploads(tx, OWNER)
            counted.set()

    async with database.write() as tx:
        await hold_uploads(tx, OWNER)
        waiting = asyncio.create_task(count())
        async with database.write() as other:
            await hold_uploads(other, OTHER)
        while not await waits(database):  # noqa: ASYNC110  # PostgreSQL tells nobody
            await asyncio.sleep(0.005)
        assert not counted.is_set()
    await waiting
    assert counted.is_set()
