"""The folder of exports: what lies in it, for all processes that share it.

`<hex>.part` grows, and whoever writes it holds a lock on it; `<hex>.head` says what it is of, for
other processes that are asked for it. `<hex>.data` is whole once `<hex>.json` lies beside it. What
lies beside appears at once, and the latter last; until then it is `<hex>.tmp`. The time of that
file is when its export expires, so all processes see the end that was promised. The name is the id,
and never a user's text. These functions wait for the disk: they are for threads.
"""

import fcntl
import os
import re
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Final
from uuid import UUID

from streaming.disk import make_private_folder, open_private
from streaming.manifests import StoredManifest, read_stored_manifest

PART: Final = ".part"
HEAD: Final = ".head"
DATA: Final = ".data"
MANIFEST: Final = ".json"
TEMPORARY: Final = ".tmp"

_SUFFIXES: Final = "|".join(map(re.escape, (PART, HEAD, DATA, MANIFEST, TEMPORARY)))
_OURS: Final = re.compile(rf"[0-9a-f]{{32}}({_SUFFIXES})")


class SpoolFolder:
    """The files of exports, by their ids.

    Args:
        ttl_seconds: How long one that is finished here is found, from its finish on.
    """

    def __init__(self, path: Path, *, ttl_seconds: float) -> None:
        self._path = path
        self._ttl_seconds = ttl_seconds

    def make(self) -> None:
        """Have the folder be there, for our user alone."""
        make_private_folder(self._path)

    def file(self, spool_id: UUID, suffix: str) -> Path:
        """Where a part of an export lies."""
        return self._path / f"{spool_id.hex}{suffix}"

    def places(self, spool_id: UUID) -> list[Path]:
        """Where the bytes of an export lie: while it grows, and once it is whole."""
        return [self.file(spool_id, suffix) for suffix in (PART, DATA)]

    def files(self) -> Iterator[Path]:
        """All that is ours here; some may be gone by now."""
        with os.scandir(self._path) as entries:
            names = [entry.name for entry in entries]
        return (self._path / name for name in names if _OURS.fullmatch(name))

    def tell(self, head: StoredManifest) -> None:
        """Have other processes know what grows.

        Raises:
            OSError: There is no room, for instance.
        """
        beside = self._write_temporary(head).rename(self.file(head.id, HEAD))
        if not self.file(head.id, PART).exists():
            # It was given up while this thread was at it.
            beside.unlink(missing_ok=True)

    def keep(self, stored: StoredManifest) -> None:
        """Have what grew be whole.

        Raises:
            RuntimeError: The file does not have the bytes that its manifest tells of.
            OSError: There is no room, for instance.
        """
        part = self.file(stored.id, PART)
        if (size := part.stat().st_size) != stored.manifest.bytes:
            raise RuntimeError(f"The file has {size} bytes, not {stored.manifest.bytes}.")
        temporary = self._write_temporary(stored)
        expires_at = time.time() + self._ttl_seconds
        os.utime(temporary, (expires_at, expires_at))
        part.rename(self.file(stored.id, DATA))
        temporary.rename(self.file(stored.id, MANIFEST))
        self.file(stored.id, HEAD).unlink(missing_ok=True)

    def look(self, spool_id: UUID) -> StoredManifest | None:
        """What is told of one that is whole, or that grows in a process that lives.

        Of the latter the manifest tells the bytes that can be read by now.
        """
        # It may become whole between two looks.
        return self.find(spool_id) or self._find_growing(spool_id) or self.find(spool_id)

    def find(self, spool_id: UUID) -> StoredManifest | None:
        """A whole one whose time is not over; None when there is none that can be trusted."""
        manifest = self.file(spool_id, MANIFEST)
        try:
            if self.is_expired(manifest):
                return None
            stored = read_stored_manifest(manifest.read_bytes())
            size = self.file(spool_id, DATA).stat().st_size
        except (FileNotFoundError, ValueError):
            return None
        # A machine that lost its power may have lost the end of a file, too.
        return stored if size == stored.manifest.bytes else None

    def is_expired(self, manifest: Path) -> bool:
        """Whether the time of a whole one is over.

        Raises:
            FileNotFoundError: It is gone already.
        """
        return age_seconds(manifest) >= 0

    def discard(self, spool_id: UUID) -> None:
        """Forget what does not grow any more, and is not whole."""
        for suffix in (PART, TEMPORARY, HEAD):
            self.file(spool_id, suffix).unlink(missing_ok=True)

    def remove(self, manifest: Path) -> None:
        """Forget a whole one: first that it is whole, then its data."""
        manifest.unlink(missing_ok=True)
        manifest.with_suffix(DATA).unlink(missing_ok=True)

    def _find_growing(self, spool_id: UUID) -> StoredManifest | None:
        try:
            head = read_stored_manifest(self.file(spool_id, HEAD).read_bytes())
            path = next(path for path in self.places(spool_id) if _is_locked(path))
            size = path.stat().st_size
        except (FileNotFoundError, StopIteration, ValueError):
            return None
        return replace(head, manifest=replace(head.manifest, bytes=size))

    def _write_temporary(self, stored: StoredManifest) -> Path:
        temporary = self.file(stored.id, TEMPORARY)
        with open(temporary, "xb", opener=open_private) as file:
            file.write(stored.to_bytes())
        return temporary


def age_seconds(path: Path) -> float:
    """How long ago a file was written to.

    Raises:
        FileNotFoundError: It is gone already.
    """
    return time.time() - path.stat().st_mtime


def create_locked(path: str, flags: int) -> int:
    """A new file for one writer, as `open` takes it for its opener.

    The lock lasts as long as the file is open, also under another name; a process that is killed
    lets go of it.
    """
    while True:
        descriptor = open_private(path, flags)
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        # Before it was locked, it looked like one whose writer is dead.
        if os.fstat(descriptor).st_nlink:
            return descriptor
        os.close(descriptor)


def _is_locked(path: Path) -> bool:
    """Whether it has a writer that lives."""
    with suppress(FileNotFoundError), path.open("rb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


def remove_abandoned(path: Path) -> bool:
    """Remove a file that is not whole, unless its writer lives; whether it was removed."""
    with suppress(FileNotFoundError, BlockingIOError), path.open("rb+") as file:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        # Its writer may have ended well since the folder was listed.
        if not path.with_suffix(MANIFEST).exists():
            path.unlink()
            path.with_suffix(HEAD).unlink(missing_ok=True)
            return True
    return False
