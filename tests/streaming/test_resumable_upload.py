"""Promises of a file that arrives with breaks: what came stays, and goes on to the same bytes."""

import asyncio
import hashlib
import threading
from collections.abc import AsyncIterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import pytest

from domain.errors import NotFound, RequestTimeout, UploadLocked, UploadOffsetMismatch
from streaming.checksums import Checksum
from streaming.resumable_upload import ResumableUpload
from streaming.upload_files import RunningHashes
from tests.app.test_upload_faults import no_file_above

BYTES = bytes(range(256)) * 100
FORTY = len(BYTES) * 2 // 5


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """An empty file."""
    path = tmp_path / "file"
    path.touch()
    return path


async def sent(data: bytes, error: Exception | None = None) -> AsyncIterator[bytes]:
    """Bytes in small pieces, and perhaps a break."""
    for start in range(0, len(data), 999):
        yield data[start : start + 999]
    if error is not None:
        raise error


async def test_file_that_broke_off_is_resumed_by_another_process(path: Path) -> None:
    """Four tenths are there for good; the rest follows, and the digest is that of all."""
    digests: list[str] = []

    async def note(digest: str) -> None:
        digests.append(digest)

    first = ResumableUpload("one", path, len(BYTES), block_bytes=4096)
    with pytest.raises(RequestTimeout):
        await first.resume_upload(sent(BYTES[:FORTY], RequestTimeout("It broke.")), offset=0)

    second = ResumableUpload("one", path, len(BYTES), hashes=RunningHashes(), on_complete=note)
    status = await second.get_upload_status()
    assert status == {
        "upload_id": "one",
        "uploaded_bytes": FORTY,
        "total_size": len(BYTES),
        "can_resume": True,
        "is_complete": False,
    }
    assert await second.resume_upload(sent(BYTES[FORTY:]), offset=FORTY) == len(BYTES)
    after = await second.get_upload_status()
    assert (after["can_resume"], after["is_complete"]) == (False, True)
    assert digests == [hashlib.sha256(BYTES).hexdigest()]


async def test_file_goes_on_where_it_is_and_nowhere_else(path: Path) -> None:
    """Whoever is wrong is told the place."""
    upload = ResumableUpload("one", path, len(BYTES))
    with pytest.raises(UploadOffsetMismatch) as elsewhere:
        await upload.resume_upload(sent(BYTES), offset=1)
    assert elsewhere.value.details == {"offset": 0}
    assert (await upload.get_upload_status())["uploaded_bytes"] == 0


async def test_file_that_is_gone_cannot_be_resumed(tmp_path: Path) -> None:
    """There is no place to go on at."""
    upload = ResumableUpload("one", tmp_path / "gone", len(BYTES))
    status = await upload.get_upload_status()
    assert (status["uploaded_bytes"], status["can_resume"]) == (0, False)
    with pytest.raises(NotFound):
        await upload.resume_upload(sent(BYTES), offset=0)


async def test_writer_that_is_interrupted_keeps_what_it_has(path: Path) -> None:
    """It ends between two pieces, with the error it was given."""
    upload = ResumableUpload("one", path, len(BYTES), block_bytes=1)

    async def interrupted() -> AsyncIterator[bytes]:
        yield BYTES[:10]
        upload.interrupt(UploadLocked("Somebody else wants it."))
        yield BYTES[10:20]
        raise AssertionError("It was asked for more.")

    with pytest.raises(UploadLocked, match="Somebody else"):
        await upload.resume_upload(interrupted(), offset=0)
    await upload.ended()
    assert (await upload.get_upload_status())["uploaded_bytes"] == 20


@pytest.mark.parametrize("has_checksum", [False, True], ids=["plain", "checksum"])
async def test_nothing_is_written_behind_a_block_that_failed(
    path: Path, has_checksum: bool
) -> None:
    """Not even when its writer is cancelled before it hears of that, and there is room again."""
    upload = ResumableUpload("one", path, 1000, block_bytes=10)
    is_waiting, may_go_on = asyncio.Event(), threading.Event()
    limited = ExitStack()

    async def pieces() -> AsyncIterator[bytes]:
        yield BYTES[:10]
        upload._turns.start(may_go_on.wait)
        # Three bytes of this block find room, and all of the next one.
        upload._turns.start(partial(limited.enter_context, no_file_above(13)))
        yield BYTES[10:20]
        upload._turns.start(limited.close)
        is_waiting.set()
        yield BYTES[20:30]

    digest = hashlib.sha1(BYTES[:30], usedforsecurity=False).digest()
    checksum = Checksum("sha1", digest) if has_checksum else None
    writing = asyncio.create_task(upload.resume_upload(pieces(), offset=0, checksum=checksum))
    await is_waiting.wait()
    writing.cancel()
    may_go_on.set()
    with pytest.raises(asyncio.CancelledError):
        await writing
    stored = await asyncio.to_thread(path.read_bytes)
    assert stored == (b"" if has_checksum else BYTES[:10])
