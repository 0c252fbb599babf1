"""Whole files that are received at once: what is kept of them, and when there is no room."""

import asyncio
import hashlib
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from uuid import UUID

import pytest
from sqlalchemy import text

from db.rows import Row
from db.statements import Statement
from db.transaction import Database
from domain.errors import (
    InsufficientStorage,
    InvalidUpload,
    PayloadTooLarge,
    RateLimited,
    RequestTimeout,
)
from domain.uploads import UploadKind
from streaming.upload_room import UploadRoom
from streaming.uploads import Uploads, open_uploads
from tests.streaming.receiving import (
    BYTES,
    OWNER,
    SETTINGS,
    again,
    announced,
    files_in,
    pieces,
    read,
    receive,
    receive_all,
)


@pytest.fixture(params=["folder", "objects"])
async def uploads(request: pytest.FixtureRequest, database: Database, tmp_path: Path) -> Uploads:
    """Uploads that stay in the folder, and those that move to an object store."""
    url = None if request.param == "folder" else "memory:///"
    return await open_uploads(tmp_path, database, SETTINGS, store_url=url)


async def test_file_of_unknown_length_is_received(uploads: Uploads) -> None:
    """In one go, as long as it may be."""
    whole = BYTES * 2
    row = await receive(uploads, whole[:1], whole[1:])
    assert (row.sha256, row.total_bytes) == (hashlib.sha256(whole).hexdigest(), len(whole))
    assert await again(uploads, row) == row
    assert await read(uploads, row) == whole


@pytest.mark.parametrize(
    ("given", "error", "refusal"),
    [
        (b"", None, InvalidUpload),
        (BYTES * 2 + b"x", None, PayloadTooLarge),
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
