"""Lays what a backup has beside the database where it belongs: files of users, the secret."""

import asyncio
import os
from collections.abc import Iterable
from pathlib import Path
from uuid import uuid4

from app.backup_file import BackupReader
from app.secret import KEY
from app.settings import Settings
from streaming.file_store import open_file_store
from streaming.upload_files import UploadFiles


async def lay_files(
    settings: Settings, folder: Path, reader: BackupReader, laid: list[Path]
) -> None:
    """Have all files of users be where uploads are kept.

    Args:
        folder: DATA_DIR.
        laid: Is added what was not there before.
    """
    files = UploadFiles(folder / "uploads")
    store = open_file_store(settings.file_store_url, files)
    wanted = reader.files()
    for uuid in {*wanted} - {*reader.manifest.missing}:
        files.make()
        path = files.file(uuid)
        if not path.exists():
            laid.append(path)
        # Until it is whole it is named like an upload that nobody knows: one that is left is swept.
        draft = files.file(uuid4())
        await asyncio.to_thread(_write, draft, reader.blocks(wanted[uuid]))
        draft.replace(path)
        await store.keep(uuid, path)
        if not store.keeps_in_place:
            path.unlink()


def lay_secret(folder: Path, secret: bytes, laid: list[Path]) -> None:
    """Have the secret be in its folder, where there was none or the same."""
    path = folder / KEY
    if path.exists():
        return
    folder.mkdir(parents=True, exist_ok=True)
    draft = folder / f"{KEY}.restored"
    draft.unlink(missing_ok=True)
    _write(draft, [secret])
    laid.append(path)
    draft.replace(path)


def _write(path: Path, blocks: Iterable[bytes]) -> None:
    """A file for our user alone that outlasts the machine."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        for block in blocks:
            file.write(block)
        file.flush()
        os.fsync(descriptor)
