"""Promises of file stores: the same of each, in the folder and as objects."""

import os
from pathlib import Path
from uuid import UUID

import pytest

from streaming.file_store import FileStore, FileStoreError, open_file_store
from streaming.upload_files import UploadFiles

ONE, TWO = UUID(int=1), UUID(int=2)
BYTES = b"0123456789" * 1000


@pytest.fixture
def files(tmp_path: Path) -> UploadFiles:
    """A folder with a file that is whole."""
    files = UploadFiles(tmp_path / "uploads")
    files.make()
    files.create(ONE)
    files.file(ONE).write_bytes(BYTES)
    return files


@pytest.fixture(params=["folder", "memory", "file"])
def store(request: pytest.FixtureRequest, files: UploadFiles, tmp_path: Path) -> FileStore:
    """A store that holds no file yet."""
    objects = tmp_path / "objects"
    objects.mkdir()
    urls = {"folder": None, "memory": "memory:///", "file": objects.as_uri()}
    return open_file_store(urls[request.param], files)


async def read(store: FileStore, uuid: UUID) -> bytes:
    """What a file has."""
    async with store.opened(uuid) as path:
        return path.read_bytes()


async def test_file_is_read_as_it_was_kept(store: FileStore, files: UploadFiles) -> None:
    """Also when where it arrived is empty; nothing is left of the reading."""
    await store.keep(ONE, files.file(ONE))
    await store.keep(ONE, files.file(ONE))
    if not store.keeps_in_place:
        files.remove(ONE)
    before = list(files.path.iterdir())
    assert await read(store, ONE) == BYTES
    assert list(files.path.iterdir()) == before


async def test_file_that_is_removed_is_gone(store: FileStore, files: UploadFiles) -> None:
    """One that is not there is no error to remove, and one to read."""
    await store.keep(ONE, files.file(ONE))
    await store.remove(ONE)
    await store.remove(ONE)
    for absent in (ONE, TWO):
        with pytest.raises(FileNotFoundError):
            await read(store, absent)


async def test_old_files_are_found(store: FileStore, files: UploadFiles) -> None:
    """By the ids of their uploads."""
    await store.keep(ONE, files.file(ONE))
    assert await store.older_than(3600) == []
    assert await store.older_than(-3600) == [ONE]


async def test_reading_leaves_no_file_when_it_fails(files: UploadFiles) -> None:
    """Nor when whoever reads does."""
    store = open_file_store("memory:///", files)
    await store.keep(ONE, files.file(ONE))
    modes = []

    async def fail() -> None:
        async with store.opened(ONE) as path:
            modes.append(path.stat().st_mode & 0o777)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await fail()
    assert modes == [0o600]
    assert os.listdir(files.path) == [ONE.hex]  # noqa: PTH208  # all there is


@pytest.mark.parametrize("url", ["nothing://user:secret@host", "bucket"])
def test_address_of_no_store_is_refused(files: UploadFiles, url: str) -> None:
    """Without telling what stands in it."""
    with pytest.raises(FileStoreError, match="s3://bucket/path") as refused:
        open_file_store(url, files)
    assert "secret" not in str(refused.value)
