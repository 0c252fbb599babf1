"""Promises of `streaming.saving`: a file is there as a whole, or not at all."""

import asyncio
import errno
import hashlib
import io
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from starlette.datastructures import UploadFile

from domain.errors import InsufficientStorage, InvalidInput, PayloadTooLarge
from streaming.saving import save_upload_file_chunked

CONTENT = bytes(range(256)) * 100


def names(folder: Path) -> list[str]:
    """Of what lies in a folder."""
    return [path.name for path in folder.iterdir()]


async def chunks(*, end: BaseException | None = None) -> AsyncIterator[bytes]:
    """The content, and then an error."""
    for start in range(0, len(CONTENT), 1000):
        yield CONTENT[start : start + 1000]
    if end is not None:
        raise end


async def test_a_file_is_saved_with_its_size_and_digest(tmp_path: Path) -> None:
    """From a form or as it comes, in any pieces, and instead of what was there."""
    wanted = {"total_bytes": len(CONTENT), "sha256": hashlib.sha256(CONTENT).hexdigest()}
    dest = tmp_path / "file"
    for size in (1, 999, len(CONTENT), 2**20):
        content = CONTENT if size > 1 else CONTENT[:50]
        saved = await save_upload_file_chunked(UploadFile(io.BytesIO(content)), dest, size)
        assert saved["total_bytes"] == len(content)
        assert dest.read_bytes() == content
    assert await save_upload_file_chunked(chunks(), dest, max_size=len(CONTENT)) == wanted
    assert dest.stat().st_mode & 0o777 == 0o600
    assert names(tmp_path) == ["file"]


async def test_a_file_that_is_empty_is_saved(tmp_path: Path) -> None:
    """It has no bytes, and their digest."""
    saved = await save_upload_file_chunked(UploadFile(io.BytesIO()), tmp_path / "file", max_size=0)

    assert saved == {"total_bytes": 0, "sha256": hashlib.sha256().hexdigest()}
    assert (tmp_path / "file").read_bytes() == b""


async def test_nothing_stays_of_a_file_that_is_too_large(tmp_path: Path) -> None:
    """No part of it, and what was there under its name is as it was."""
    dest = tmp_path / "file"
    dest.write_bytes(b"before")
    with pytest.raises(PayloadTooLarge) as refused:
        await save_upload_file_chunked(chunks(), dest, max_size=len(CONTENT) - 1)

    assert refused.value.details == {"limit": len(CONTENT) - 1}
    assert names(tmp_path) == ["file"]
    assert dest.read_bytes() == b"before"


@pytest.mark.parametrize(
    ("end", "told"),
    [
        (ConnectionResetError(), ConnectionResetError),
        (asyncio.CancelledError(), asyncio.CancelledError),
        (OSError(errno.ENOSPC, "full"), InsufficientStorage),
        (OSError(errno.EIO, "broken"), OSError),
    ],
    ids=["left", "cancelled", "full", "broken"],
)
async def test_nothing_stays_of_a_file_that_breaks_off(
    tmp_path: Path, end: BaseException, told: type[BaseException]
) -> None:
    """Whatever ended it."""
    with pytest.raises(told):
        await save_upload_file_chunked(chunks(end=end), tmp_path / "file")

    assert names(tmp_path) == []


async def test_chunks_have_a_size(tmp_path: Path) -> None:
    """Nothing would ever be read otherwise."""
    with pytest.raises(InvalidInput):
        await save_upload_file_chunked(chunks(), tmp_path / "file", chunk_size=0)
