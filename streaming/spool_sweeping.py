"""What leaves the folder of exports by itself: what nobody needs any more."""

from pathlib import Path
from typing import Final
from uuid import UUID

import structlog

from streaming.spool_folder import (
    DATA,
    HEAD,
    MANIFEST,
    PART,
    TEMPORARY,
    SpoolFolder,
    age_seconds,
    remove_abandoned,
)

_STRAY_SECONDS: Final = 60.0

log = structlog.get_logger(__name__)


def sweep(folder: SpoolFolder) -> None:
    """Remove whole ones whose time is over, and what dead writers left.

    What cannot be removed stays, and is told to the log in one line.

    Raises:
        OSError: The folder cannot be listed.
    """
    errors = []
    for path in folder.files():
        try:
            _sweep(folder, path)
        except FileNotFoundError:
            # Others sweep too.
            continue
        except OSError as error:
            errors.append(error)
    if errors:
        log.error("exports_not_swept", files=len(errors), exc_info=errors[0])


def _sweep(folder: SpoolFolder, path: Path) -> None:
    suffix = path.suffix
    if suffix == MANIFEST and folder.is_expired(path):
        folder.remove(path)
    elif suffix == PART or (suffix == DATA and _is_stray(path) and not _is_whole(path)):
        _sweep_abandoned(path)
    elif suffix in {TEMPORARY, HEAD} and _is_stray(path) and not path.with_suffix(PART).exists():
        path.unlink()


def _sweep_abandoned(path: Path) -> None:
    if remove_abandoned(path):
        log.info("export_swept", id=str(UUID(path.stem)))


def _is_stray(path: Path) -> bool:
    """Whether it is too old to be on its way to become whole."""
    return age_seconds(path) > _STRAY_SECONDS


def _is_whole(data: Path) -> bool:
    return data.with_suffix(MANIFEST).exists()
