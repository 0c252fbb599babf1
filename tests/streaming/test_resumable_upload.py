"""Promises of a file that arrives with breaks: what came stays, and goes on to the same bytes."""

import hashlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from domain.errors import NotFound, RequestTimeout, UploadLocked, UploadOffsetMismatch
from streaming.resumable_upload import ResumableUpload
from streaming.upload_files import RunningHashes

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
