"""What leaves the folder of exports: what nobody needs any more, and what must make room."""

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final, NamedTuple
from uuid import UUID

import structlog

from domain.errors import InsufficientStorage
from streaming.manifests import read_stored_manifest
from streaming.spool_folder import (
    DATA,
    MANIFEST,
    SpoolFolder,
    age_seconds,
    remove_abandoned,
)

_STRAY_SECONDS: Final = 60.0

log = structlog.get_logger(__name__)


class _Finished(NamedTuple):
    """A whole export; the oldest comes first."""

    finished_at: float
    bytes: int
    manifest: Path


def sweep(folder: SpoolFolder) -> None:
    """Remove whole ones whose time is over, and what dead writers left."""
    for path in folder.files():
        # Others sweep too.
        with suppress(FileNotFoundError):
            _sweep(folder, path)


def make_room(folder: SpoolFolder, most_bytes: int) -> None:
    """Have the folder hold less than that, for the price of what can be asked for again.

    Raises:
        InsufficientStorage: What is left is promised, or grows.
    """
    if _used_bytes(folder) < most_bytes:
        return
    sweep(folder)
    used_bytes = _used_bytes(folder)
    for finished in sorted(_finished(folder)):
        if used_bytes < most_bytes:
            break
        if not _is_promised(finished.manifest):
            folder.remove(finished.manifest)
            used_bytes -= finished.bytes
            log.info("export_evicted", id=str(UUID(finished.manifest.stem)), bytes=finished.bytes)
    if used_bytes >= most_bytes:
        raise InsufficientStorage(
            "The server has no room for more exports. Ask for fewer rows or columns, or try again"
            " when others have expired."
        )


def _sweep(folder: SpoolFolder, path: Path) -> None:
    match path.suffix:
        case ".json" if folder.is_expired(path):
            folder.remove(path)
        case ".part":
            _sweep_abandoned(path)
        case ".data" if age_seconds(path) > _STRAY_SECONDS and not _is_whole(path):
            _sweep_abandoned(path)
        case ".tmp" if age_seconds(path) > _STRAY_SECONDS:
            path.unlink()


def _sweep_abandoned(path: Path) -> None:
    if remove_abandoned(path):
        log.info("export_swept", id=str(UUID(path.stem)))


def _is_whole(data: Path) -> bool:
    return data.with_suffix(MANIFEST).exists()


def _used_bytes(folder: SpoolFolder) -> int:
    return sum(_size(path) for path in folder.files())


def _size(path: Path) -> int:
    with suppress(FileNotFoundError):
        return path.stat().st_size
    return 0


def _finished(folder: SpoolFolder) -> Iterator[_Finished]:
    for path in folder.files():
        if path.suffix == MANIFEST:
            with suppress(FileNotFoundError):
                size = _size(path) + _size(path.with_suffix(DATA))
                yield _Finished(path.stat().st_mtime, size, path)


def _is_promised(manifest: Path) -> bool:
    with suppress(FileNotFoundError, ValueError):
        return read_stored_manifest(manifest.read_bytes()).about.is_promised
    return False
