"""Promises of uploads beyond their routes: whole files, what is swept, what kills leave."""

import asyncio
import hashlib
import os
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from sqlalchemy import text

from db.rows import Row, UploadRow
from db.statements import Statement
from db.transaction import Database
from domain.errors import (
    InsufficientStorage,
    InvalidInput,
    InvalidUpload,
    NotFound,
    PayloadTooLarge,
    RateLimited,
    RequestTimeout,
    UploadLocked,
    UploadOffsetMismatch,
)
from domain.uploads import NewUpload, UploadKind
from streaming.upload_limits import UploadSettings, clean_filename
from streaming.upload_room import UploadRoom
from streaming.uploads import Uploads, open_uploads
from tests.db.test_uploads import end, make_import
from tests.jobs.test_running import execute

OWNER = UUID(int=1)
BYTES = b"0123456789" * 1000
SHA256 = hashlib.sha256(BYTES).hexdigest()
SETTINGS = UploadSettings(max_import_bytes=20_000, quota_bytes=50_000, chunk_bytes=1000)


@pytest.fixture(params=["folder", "objects"])
async def uploads(request: pytest.FixtureRequest, database: Database, tmp_path: Path) -> Uploads:
    """Uploads that stay in the folder, and those that move to an object store."""
    url = None if request.param == "folder" else "memory:///"
    return await open_uploads(tmp_path, database, SETTINGS, store_url=url)


async def pieces(*given: bytes, error: Exception | None = None) -> AsyncIterator[bytes]:
    """What a client sends, and how it ends."""
    for piece in given:
        yield piece
    if error is not None:
        raise error


def announced(total_bytes: int = len(BYTES)) -> NewUpload:
    return NewUpload(
        uuid=uuid4(),
        owner=OWNER,
        kind=UploadKind.CONTACTS,
        filename="people.csv",
        media_type="text/csv",
        total_bytes=total_bytes,
    )


async def receive(uploads: Uploads, *given: bytes, most: int = 10**6, least: int = 0) -> UploadRow:
    """A whole file."""
    return await receive_all(uploads, pieces(*given), most=most, least=least)


async def receive_all(
    uploads: Uploads, chunks: AsyncIterator[bytes], *, most: int = 10**6, least: int = 0
) -> UploadRow:
    return await uploads.receive(
        chunks,
        owner=OWNER,
        kind=UploadKind.CONTACTS,
        filename="people.csv",
        media_type="text/csv",
        most=most,
        least=least,
    )


def files_in(folder: Path) -> set[str]:
    """The names of all files there."""
    return {path.name for path in folder.iterdir()}


async def again(uploads: Uploads, row: UploadRow) -> UploadRow:
    return await uploads.find(row.uuid, owner=OWNER)


async def read(uploads: Uploads, row: UploadRow) -> bytes:
    async with uploads.opened(row) as path:
        return path.read_bytes()


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


async def test_file_of_unknown_length_is_received(uploads: Uploads) -> None:
    """In one go, as long as it may be."""
    row = await receive(uploads, BYTES[:1], BYTES[1:], most=len(BYTES))
    assert (row.sha256, row.total_bytes) == (SHA256, len(BYTES))
    assert await again(uploads, row) == row
    assert await read(uploads, row) == BYTES


@pytest.mark.parametrize(
    ("given", "error", "refusal"),
    [
        (b"", None, InvalidUpload),
        (BYTES + b"x", None, PayloadTooLarge),
        (BYTES[:10], RequestTimeout("It broke."), RequestTimeout),
    ],
    ids=["empty", "too-long", "broken"],
)
async def test_file_that_is_not_received_leaves_nothing(
    uploads: Uploads,
    database: Database,
    tmp_path: Path,
    given: bytes,
    error: Exception | None,
    refusal: type[Exception],
) -> None:
    """No row and no byte."""
    with pytest.raises(refusal):
        await uploads.receive(
            pieces(given, error=error),
            owner=OWNER,
            kind=UploadKind.CONTACTS,
            filename="people.csv",
            media_type="",
            most=len(BYTES),
        )
    assert not files_in(tmp_path)
    async with database.read() as session:
        assert await session.fetch(Statement(text("SELECT id FROM uploads"), Row)) == []


async def test_received_files_count_too(uploads: Uploads, tmp_path: Path) -> None:
    """A user has so much room, whatever door the files come through."""
    for _ in range(2):
        await receive(uploads, BYTES * 2)
    before = files_in(tmp_path)
    with pytest.raises(InsufficientStorage) as refused:
        await receive(uploads, BYTES, b"x")
    assert refused.value.details == {"left": 10_000}
    assert files_in(tmp_path) == before
    await receive(uploads, BYTES)


async def test_received_file_without_room_is_refused_before_its_first_byte(
    uploads: Uploads,
) -> None:
    """By what its client says of it, or when there is no room for anything."""
    asked = []

    async def untouched() -> AsyncIterator[bytes]:
        asked.append(1)
        yield b""

    for _ in range(2):
        await receive(uploads, BYTES * 2)
    with pytest.raises(InsufficientStorage) as refused:
        await receive_all(uploads, untouched(), least=10_001)
    assert refused.value.details == {"left": 10_000}
    await receive(uploads, BYTES)
    with pytest.raises(InsufficientStorage):
        await receive_all(uploads, untouched())
    assert not asked


async def test_received_files_share_the_room_while_they_come(
    uploads: Uploads, tmp_path: Path
) -> None:
    """What is too much of it is on the disk for no moment, and afterwards the room is free."""
    for _ in range(2):
        await receive(uploads, BYTES * 2)
    goes_on = asyncio.Event()
    before = files_in(tmp_path)

    async def slow() -> AsyncIterator[bytes]:
        yield BYTES[:6000]
        goes_on.set()
        await asyncio.Event().wait()

    first = asyncio.create_task(receive_all(uploads, slow()))
    await goes_on.wait()
    for least in (0, 5000):
        with pytest.raises(InsufficientStorage):
            await receive(uploads, BYTES[:2000], BYTES[2000:4001], least=least)
    await receive(uploads, BYTES[:4000])
    first.cancel()
    await asyncio.wait([first])
    assert len(files_in(tmp_path) - before) <= 1
    await receive(uploads, BYTES[:6000])


async def test_received_file_ends_when_the_disk_has_no_room_any_more(
    database: Database, tmp_path: Path
) -> None:
    """It is looked at again after so many bytes; what came of the file does not stay."""
    uploads = await open_uploads(tmp_path, database, SETTINGS, store_url=None)
    uploads.room = UploadRoom(database, tmp_path, SETTINGS, look_bytes=2000)

    async def chunks() -> AsyncIterator[bytes]:
        yield BYTES[:1999]
        # Somebody else fills the disk.
        uploads.room.reserved_bytes = 2**62
        yield BYTES[:1]
        raise AssertionError("It was asked for more.")

    with pytest.raises(InsufficientStorage, match="no room"):
        await receive_all(uploads, chunks())
    assert not files_in(tmp_path)


async def test_user_begins_a_few_files_at_a_time(database: Database, tmp_path: Path) -> None:
    """The next one when one of them is whole, or gone; others are not in the way."""
    settings = replace(SETTINGS, most_unfinished=2)
    uploads = await open_uploads(tmp_path, database, settings, store_url=None)
    first, second = [await uploads.create(announced(10)) for _ in range(2)]
    with pytest.raises(RateLimited, match="Finish or delete") as refused:
        await uploads.create(announced(10))
    assert refused.value.details == {"retryAfter": 60, "limit": 2}
    assert files_in(tmp_path) == {first.uuid.hex, second.uuid.hex}
    await uploads.create(replace(announced(10), owner=UUID(int=2)))
    await uploads.append(first, 0, pieces(BYTES[:10]))
    third = await uploads.create(announced(10))
    await uploads.remove(third)
    await uploads.create(announced(10))


async def test_disk_without_room_is_told_before_the_first_byte(
    database: Database, tmp_path: Path
) -> None:
    """A file that is as long as all disks together."""
    settings = replace(SETTINGS, max_import_bytes=2**62, quota_bytes=2**62)
    uploads = await open_uploads(tmp_path, database, settings, store_url=None)
    with pytest.raises(InsufficientStorage, match="no room"):
        await uploads.create(announced(2**61))
    assert not files_in(tmp_path)


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


async def test_of_two_processes_one_writes(uploads: Uploads, database: Database) -> None:
    """The other one is told; it knows nothing of the first but the lock on the file."""
    other = await open_uploads(uploads._files.path, database, SETTINGS, store_url=None)
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
