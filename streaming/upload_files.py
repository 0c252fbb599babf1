"""The folder of files that are on their way here, each named by the id of its upload.

How far one is, is its size: no counter could say otherwise. Whoever writes holds a lock on it,
which a process that is killed lets go of. These functions wait for the disk: they are for threads.
"""

import fcntl
import hashlib
import os
import re
import time
from collections import OrderedDict, deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from itertools import islice
from pathlib import Path
from tempfile import TemporaryFile
from typing import TYPE_CHECKING, Final, NamedTuple
from uuid import UUID

from domain.errors import ChecksumMismatch
from streaming.checksums import Checksum, hasher
from streaming.disk import make_private_folder, open_private

if TYPE_CHECKING:
    from _hashlib import HASH

_BLOCK_BYTES: Final = 2**20
_BEGUN_BYTES: Final = 8 * 2**20
_MOST_HASHES: Final = 1000
# What Linux and macOS take at once.
_MOST_BUFFERS: Final = 1024
_OURS: Final = re.compile(r"[0-9a-f]{32}")


class _Hashed(NamedTuple):
    """The digest of the first bytes of a file, which can go on."""

    bytes: int
    hash: "HASH"


class RunningHashes:
    """Digests of files that this process has seen grow, so that their ends need no second look."""

    def __init__(self) -> None:
        self._hashed: OrderedDict[str, _Hashed] = OrderedDict()

    def keep(self, name: str, size: int, running: "HASH") -> None:
        """Remember how far the digest of a file is."""
        self._hashed[name] = _Hashed(size, running)
        if len(self._hashed) > _MOST_HASHES:
            self._hashed.popitem(last=False)

    def take(self, name: str, size: int) -> "HASH | None":
        """The digest of a file of this size; None when others have written to it."""
        known = self._hashed.pop(name, None)
        if size == 0:
            return hashlib.sha256()
        return known.hash if known is not None and known.bytes == size else None


class PartialFile:
    """A file that grows, for one writer at a time.

    Attributes:
        start: The bytes it had when it was opened: those that somebody was told of.
        size: The bytes it has now.
    """

    def __init__(self, path: Path, hashes: RunningHashes) -> None:
        self._path = path
        self._hashes = hashes
        self._descriptor: int | None = None
        self._hash: HASH | None = None
        self.start = self.size = self._begun = 0

    def open(self) -> None:
        """Be the one who writes to it, until it is closed.

        Raises:
            FileNotFoundError: There is none.
            BlockingIOError: Another one is writing to it.
        """
        self._descriptor = os.open(self._path, os.O_RDWR | os.O_APPEND | os.O_CLOEXEC)
        fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        status = os.fstat(self._descriptor)
        if not status.st_nlink:
            raise FileNotFoundError("It was removed before it was locked.")
        self.start = self.size = self._begun = status.st_size
        self._hash = self._hashes.take(self._path.name, self.size)
        self._hash_at_start = None if self._hash is None else self._hash.copy()

    def append(self, chunks: Sequence[bytes]) -> None:
        """Write them at the end, all or none.

        Raises:
            OSError: There is no room, for instance.
        """
        try:
            _write_all(self._opened, chunks)
        except OSError:
            # What came next would follow a part of them.
            os.ftruncate(self._opened, self.size)
            raise
        running, self._hash = self._hash, None
        self.size += sum(map(len, chunks))
        if running is not None:
            _update(running, chunks)
        self._hash = running
        if self.size - self._begun >= _BEGUN_BYTES:
            self._begin_storing()

    def _begin_storing(self) -> None:
        """Have the disk begin with what is written, so that the end does not wait for all of it."""
        if hasattr(os, "posix_fadvise"):
            # Linux takes it for a reason to store: a third less time, measured 2026-11-23.
            begun, size = self._begun, self.size - self._begun
            os.posix_fadvise(self._opened, begun, size, os.POSIX_FADV_DONTNEED)
        self._begun = self.size

    def commit(self) -> None:
        """Have all that is written since it was opened outlast the machine, or be taken back.

        Raises:
            OSError: There is no room, for instance.
        """
        try:
            os.fsync(self._opened)
        except OSError:
            self.restore()
            raise

    def restore(self) -> None:
        """Take back what was written since it was opened."""
        os.ftruncate(self._opened, self.start)
        os.fsync(self._opened)
        self.size, self._begun, self._hash = self.start, self.start, self._hash_at_start

    def sha256(self) -> str:
        """The digest of all its bytes, in hexadecimal digits."""
        if self._hash is None:
            with self._path.open("rb") as file:
                self._hash = hashlib.file_digest(file, "sha256")
        return self._hash.hexdigest()

    def aside(self, checksum: Checksum) -> "CheckedBytes":
        """Where bytes are written first that have to come to a checksum."""
        return CheckedBytes(self, self._path.parent, checksum)

    def close(self) -> None:
        """Let others write to it; also when it could not be opened."""
        if self._hash is not None:
            self._hashes.keep(self._path.name, self.size, self._hash)
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    @property
    def _opened(self) -> int:
        if self._descriptor is None:
            raise ValueError("The file is not open.")
        return self._descriptor


class CheckedBytes:
    """Bytes that become a part of a file once all of them are found to be right.

    They lie in a file without a name, so that nothing of them is left when the process is killed.

    Args:
        folder: On the disk of the file.
    """

    def __init__(self, partial: PartialFile, folder: Path, checksum: Checksum) -> None:
        self._partial = partial
        self._checksum = checksum
        self._hash = hasher(checksum.algorithm)
        self._file = TemporaryFile(buffering=0, dir=folder)  # noqa: SIM115  # `close` closes it

    def append(self, chunks: Sequence[bytes]) -> None:
        """Write them at the end.

        Raises:
            OSError: There is no room, for instance.
        """
        _write_all(self._file.fileno(), chunks)
        _update(self._hash, chunks)

    def commit(self) -> None:
        """Have all of them be a part of the file and outlast the machine, or none.

        Raises:
            ChecksumMismatch: They come to something else.
            OSError: There is no room, for instance.
        """
        if self._hash.digest() != self._checksum.digest:
            raise ChecksumMismatch(
                f"The bytes do not have the {self._checksum.algorithm} of Upload-Checksum. Send"
                " them again from the same offset.",
                offset=self._partial.start,
            )
        self._file.seek(0)
        try:
            while block := self._file.read(_BLOCK_BYTES):
                self._partial.append([block])
        except OSError:
            self._partial.restore()
            raise
        self._partial.commit()

    def close(self) -> None:
        """Forget them."""
        self._file.close()


class UploadFiles:
    """The files of uploads, by their ids.

    Attributes:
        hashes: What this process knows of those it writes to.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.hashes = RunningHashes()

    def make(self) -> None:
        """Have the folder be there, for our user alone."""
        make_private_folder(self.path)

    def file(self, uuid: UUID) -> Path:
        """Where the bytes of an upload lie."""
        return self.path / uuid.hex

    def create(self, uuid: UUID) -> None:
        """A file without bytes, for our user alone."""
        os.close(open_private(str(self.file(uuid)), os.O_CREAT | os.O_EXCL))
        with _opened(self.path) as descriptor:
            os.fsync(descriptor)

    def kept_size(self, uuid: UUID) -> int:
        """How many bytes are there for good.

        Raises:
            FileNotFoundError: There is no file.
        """
        with _opened(self.file(uuid)) as descriptor:
            # A process that was killed may have written without waiting for the disk.
            os.fsync(descriptor)
            return os.fstat(descriptor).st_size

    def remove(self, uuid: UUID) -> None:
        """Forget the bytes of an upload."""
        self.file(uuid).unlink(missing_ok=True)

    def older_than(self, seconds: float) -> list[UUID]:
        """The uploads whose files nobody has written to for so long."""
        limit = time.time() - seconds
        with os.scandir(self.path) as entries:
            return [UUID(entry.name) for entry in entries if _is_older(entry, limit)]


def _is_older(entry: os.DirEntry[str], limit: float) -> bool:
    with suppress(FileNotFoundError):
        return bool(_OURS.fullmatch(entry.name)) and entry.stat().st_mtime < limit
    return False


def _update(running: "HASH", chunks: Sequence[bytes]) -> None:
    for chunk in chunks:
        running.update(chunk)


def _write_all(descriptor: int, chunks: Sequence[bytes]) -> None:
    """Write them as they are: to join them would cost as much as a third of writing them."""
    waiting = deque(memoryview(chunk) for chunk in chunks if chunk)
    while waiting:
        written = os.writev(descriptor, list(islice(waiting, _MOST_BUFFERS)))
        while written:
            first = waiting.popleft()
            if written < len(first):
                waiting.appendleft(first[written:])
            written -= min(written, len(first))


@contextmanager
def _opened(path: Path) -> Iterator[int]:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        yield descriptor
    finally:
        os.close(descriptor)
