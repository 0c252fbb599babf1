"""Promises of uploads beyond their routes: whole files, what is swept, what kills leave."""

import asyncio
import hashlib
import os
from collections.abc import AsyncIterator
from pathlib import Path
from uuid import UUID, uuid4

import pytest

from db.rows import UploadRow
from db.transaction import Database
from domain.errors import (
    InvalidInput,
    InvalidUpload,
    NotFound,
    PayloadTooLarge,
    UploadLocked,
    UploadOffsetMismatch,
)
from streaming.upload_limits import clean_filename
from streaming.uploads import Uploads, open_uploads
from tests.db.test_uploads import end, make_import
from tests.jobs.working import execute
from tests.streaming.receiving import (
    BYTES,
    SETTINGS,
    again,
    announced,
    files_in,
    pieces,
    read,
    receive,
)

SHA256 = hashlib.sha256(BYTES).hexdigest()


@pytest.fixture(params=["folder", "objects"])
async def uploads(request: pytest.FixtureRequest, database: Database, tmp_path: Path) -> Uploads:
    """Uploads that stay in the folder, and those that move to an object store."""
    url = None if request.param == "folder" else "memory:///"
    return await open_uploads(tmp_path, database, SETTINGS, store_url=url)


async def test_whole_file_can_be_read(uploads: Uploads) -> None:
    """Its digest is that of its bytes; before the last of them came it cannot."""
    row = await uploads.create(announced())
    assert await uploads.append(row, 0, pieces(BYTES[:7000])) == 7000
    row = await again(uploads, row)
    assert (row.sha256, await uploads.received_bytes(row)) == (None, 7000)
    with pytest.raises(InvalidUpload, match="not complete"):
        await read(uploads, row)
    assert await uploads.append(row, 7000, pieces(BYTES[7000:])) == len(BYTES)
    row = await again(uploads, row)
    assert row.sha256 == SHA256
    assert await uploads.received_bytes(row) == await uploads.offset(row) == len(BYTES)
    assert await read(uploads, row) == BYTES


async def test_complete_upload_takes_no_bytes(uploads: Uploads) -> None:
    """Nor another place to go on at."""
    row = await receive(uploads, BYTES)
    assert await uploads.append(row, len(BYTES), pieces()) == len(BYTES)
    with pytest.raises(UploadOffsetMismatch) as elsewhere:
        await uploads.append(row, 0, pieces(BYTES))
    assert elsewhere.value.details == {"offset": len(BYTES)}
    with pytest.raises(PayloadTooLarge):
        await uploads.append(row, len(BYTES), pieces(b"x"))


async def test_last_bytes_before_a_kill_complete_the_file(
    uploads: Uploads, database: Database, tmp_path: Path
) -> None:
    """Whoever asks for it next finds it whole: its client takes it for sent."""
    row = await uploads.create(announced())
    (tmp_path / row.uuid.hex).write_bytes(BYTES)
    found = await again(uploads, row)
    assert found.sha256 == SHA256
    assert await read(uploads, found) == BYTES


async def test_upload_belongs_to_who_began_it(uploads: Uploads) -> None:
    """For others there is none, and what is the server's own is no user's."""
    row = await uploads.create(announced())
    for stranger in (UUID(int=2), None):
        with pytest.raises(NotFound):
            await uploads.find(row.uuid, owner=stranger)


async def test_of_two_processes_one_writes(
    uploads: Uploads, database: Database, tmp_path: Path
) -> None:
    """The other one is told; it knows nothing of the first but the lock on the file."""
    other = await open_uploads(tmp_path, database, SETTINGS, store_url=None)
    row = await uploads.create(announced())

    async def meanwhile() -> AsyncIterator[bytes]:
        yield BYTES[:10]
        with pytest.raises(UploadLocked):
            await other.append(row, 0, pieces(BYTES))
        yield BYTES[10:]

    assert await uploads.append(row, 0, meanwhile()) == len(BYTES)
    assert (await again(other, row)).sha256 == SHA256


async def test_file_is_gone_with_its_upload(uploads: Uploads, tmp_path: Path) -> None:
    """Whole or not."""
    for row in (await receive(uploads, BYTES), await uploads.create(announced())):
        await uploads.remove(row)
        with pytest.raises(NotFound):
            await again(uploads, row)
        with pytest.raises(NotFound):
            await uploads.remove(row)
        if row.sha256:
            with pytest.raises(NotFound):
                await read(uploads, row)
    assert not files_in(tmp_path)


async def test_file_that_is_to_be_imported_stays(uploads: Uploads, database: Database) -> None:
    """Its user has to cancel the import first."""
    row = await receive(uploads, BYTES)
    job = await make_import(database, row)
    with pytest.raises(UploadLocked, match="Cancel the import"):
        await uploads.remove(row)
    assert await read(uploads, row) == BYTES
    await end(database, job)
    await uploads.remove(row)


async def expire(database: Database, row: UploadRow) -> None:
    await execute(
        database,
        "UPDATE uploads SET expires_at = now() - interval '1 second'"
        " WHERE id = CAST(:id AS bigint)",
        id=row.id,
    )


async def test_what_is_past_its_time_is_swept(
    uploads: Uploads, database: Database, tmp_path: Path
) -> None:
    """Rows and bytes; what still has time, or an import to come, stays."""
    young, whole, begun, imported = [
        await receive(uploads, BYTES),
        await receive(uploads, BYTES),
        await uploads.create(announced(20)),
        await receive(uploads, BYTES),
    ]
    await make_import(database, imported)
    for row in (whole, begun, imported):
        await expire(database, row)
    assert await uploads.sweep() == 2
    assert await uploads.sweep() == 0
    for row in (young, imported):
        assert await read(uploads, row) == BYTES
    with pytest.raises(NotFound):
        await read(uploads, whole)
    assert not (tmp_path / begun.uuid.hex).exists()


async def test_files_without_a_row_are_swept_when_they_are_old(
    uploads: Uploads, tmp_path: Path
) -> None:
    """A process that was killed left them; young ones may be about to get their row."""
    kept = await uploads.create(announced())
    stray, young = tmp_path / uuid4().hex, tmp_path / uuid4().hex
    for path in (stray, young):
        path.touch()
    for path in (stray, tmp_path / kept.uuid.hex):
        os.utime(path, (0, 0))
    assert await uploads.sweep() == 1
    assert files_in(tmp_path) == {young.name, kept.uuid.hex}


async def test_upload_that_goes_on_is_given_more_time(uploads: Uploads, database: Database) -> None:
    """It waits for its rest from its last bytes on; near its beginning that costs no write."""
    row = await uploads.create(announced())
    await uploads.append(row, 0, pieces(BYTES[:1]))
    assert (await again(uploads, row)).expires_at == row.expires_at
    await execute(database, "UPDATE uploads SET expires_at = now() + interval '1 minute'")
    late = await again(uploads, row)
    await uploads.append(late, 1, pieces(BYTES[1:2]))
    assert (await again(uploads, row)).expires_at >= row.expires_at


async def test_what_nobody_waits_for_is_kept_all_the_same(uploads: Uploads, tmp_path: Path) -> None:
    """A request that is cancelled while a thread writes leaves whole blocks, and no lock."""
    row = await uploads.create(announced())
    for offset in range(10):
        sending = asyncio.create_task(
            uploads.append(row, await uploads.offset(row), endless(BYTES[:1000]))
        )
        for _ in range(offset * 3):
            await asyncio.sleep(0)
        sending.cancel()
        await asyncio.wait([sending])
    size = await uploads.offset(row)
    assert size % 1000 == 0
    assert await uploads.append(row, size, pieces(BYTES[size:])) == len(BYTES)


async def endless(piece: bytes) -> AsyncIterator[bytes]:
    """A client that sends one piece and waits."""
    yield piece
    await asyncio.Event().wait()


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ("people.csv", "people.csv"),
        ("../../etc/passwd", "passwd"),
        ("C:\\Users\\me\\people.csv", "people.csv"),
        (" zoe\u0308.csv\x00\u202e\n", "zo\u00eb.csv"),
    ],
)
def test_file_name_is_the_last_part_of_what_is_given(given: str, shown: str) -> None:
    """Without folders, and without what nobody sees."""
    assert clean_filename(given) == shown


@pytest.mark.parametrize("given", ["", ".", "..", "folder/", "\x00", "a" * 256])
def test_file_needs_a_name_to_show(given: str) -> None:
    """One of a length that a page has room for."""
    with pytest.raises(InvalidInput, match="a name"):
        clean_filename(given)
