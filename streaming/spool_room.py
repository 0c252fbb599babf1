"""Room in the folder of exports: who goes for the sake of one that grows, and when nobody does."""

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple
from uuid import UUID

import structlog

from domain.errors import InsufficientStorage
from streaming.manifests import About, read_stored_manifest
from streaming.spool import Spool
from streaming.spool_folder import DATA, MANIFEST, SpoolFolder
from streaming.spool_sweeping import sweep

log = structlog.get_logger(__name__)


class _Evictable(NamedTuple):
    """A whole export that can be asked for again; what goes first comes first."""

    is_of_others: bool
    expires_at: float
    bytes: int
    manifest: Path


def make_room(
    folder: SpoolFolder, spool: Spool, *, quota_bytes: int, promised_share: float
) -> None:
    """Have the folder take what waits of an export, for the price of what can be asked for again.

    What has expired goes first, then what the same owner has, then what others have; the oldest
    before the others. Nobody loses anything when all that would not do, and others lose nothing to
    one that takes more than half of the folder by itself.

    Args:
        promised_share: How much of the folder the jobs of one owner may hold.

    Raises:
        InsufficientStorage: What stays leaves no room, or the jobs of the owner hold their share.
    """
    if spool.about.is_promised:
        _require_share(folder, spool, quota_bytes * promised_share)
    most_bytes = quota_bytes - len(spool.waiting)
    if _used_bytes(folder) < most_bytes:
        return
    sweep(folder)
    excess = _used_bytes(folder) - most_bytes + 1
    takes_of_others = spool.bytes <= quota_bytes / 2
    evictable = [
        finished
        for finished in sorted(_evictable(folder, spool.about.owner))
        if takes_of_others or not finished.is_of_others
    ]
    if excess <= sum(finished.bytes for finished in evictable):
        excess = _evict(folder, evictable, excess)
    if excess > 0:
        raise InsufficientStorage(
            "The server has no room for more exports. Ask for fewer rows or columns, or try again"
            " when others have expired."
        )


def _require_share(folder: SpoolFolder, spool: Spool, most_bytes: float) -> None:
    """Nobody displaces what a job has promised, so nobody can promise all of the folder."""
    owner = spool.about.owner
    held = sum(
        _size(path.with_suffix(DATA))
        for path, about in _finished(folder)
        if about is not None and about.is_promised and about.owner == owner
    )
    if held + spool.bytes > most_bytes:
        raise InsufficientStorage(
            "The files of your export jobs take as much room as one user's may. Ask for fewer rows"
            " or columns, or try again when one of them has expired."
        )


def _evict(folder: SpoolFolder, evictable: list[_Evictable], excess: int) -> int:
    """Remove them until so many bytes are gone; how many are still missing."""
    for finished in evictable:
        if excess <= 0:
            break
        facts = {"id": str(UUID(finished.manifest.stem)), "bytes": finished.bytes}
        try:
            folder.remove(finished.manifest)
        except OSError:
            log.exception("export_not_evicted", **facts)
        else:
            log.info("export_evicted", **facts)
            excess -= finished.bytes
    return excess


def _used_bytes(folder: SpoolFolder) -> int:
    return sum(_size(path) for path in folder.files())


def _size(path: Path) -> int:
    with suppress(FileNotFoundError):
        return path.stat().st_size
    return 0


def _evictable(folder: SpoolFolder, owner: UUID) -> Iterator[_Evictable]:
    for path, about in _finished(folder):
        if about is None or not about.is_promised:
            with suppress(FileNotFoundError):
                is_of_others = about is not None and about.owner != owner
                size = _size(path) + _size(path.with_suffix(DATA))
                yield _Evictable(is_of_others, path.stat().st_mtime, size, path)


def _finished(folder: SpoolFolder) -> Iterator[tuple[Path, About | None]]:
    """The manifests of what is whole, and what each is of."""
    for path in folder.files():
        if path.suffix == MANIFEST:
            with suppress(FileNotFoundError):
                yield path, _about(path)


def _about(manifest: Path) -> About | None:
    """What an export is of; None when its manifest is broken, so that nobody finds it."""
    try:
        return read_stored_manifest(manifest.read_bytes()).about
    except ValueError:
        return None
