"""The file of a backup: a ZIP archive with a manifest that proves each part of it.

Owns the form: `database.dump` is what pg_dump wrote, `files/<id>` are files that users have sent,
`secret.key` is the secret if it goes with it, and `manifest.json` comes last. The comment of the
archive is the digest of the manifest, which has those of all parts: a byte that is another than was
written is found, wherever it stands.
"""

import hashlib
import os
import sys
import zipfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import IO, Any, BinaryIO, Final, Self, cast
from uuid import UUID

import orjson

from domain.errors import AppError

if sys.platform != "win32":
    import fcntl

FORMAT: Final = 1
"""Goes up when an older release could not read what a newer one writes."""

DUMP: Final = "database.dump"
_FILES: Final = "files/"
_MANIFEST: Final = "manifest.json"
_PRODUCT: Final = "appointment360"
_SEAL: Final = "appointment360 backup sha256:"
_BLOCK_BYTES: Final = 2**20
_MAX_MANIFEST_BYTES: Final = 16 * 2**20


class BackupError(AppError):
    """A backup cannot be taken, read or restored; the message says why and what to do."""


@dataclass(frozen=True)
class Part:
    """One file in the archive.

    Attributes:
        sha256: In hexadecimal digits.
    """

    name: str
    bytes: int
    sha256: str


@dataclass(frozen=True, kw_only=True)
class Manifest:
    """What a backup is of, and what proves it.

    Attributes:
        version: Of the product that took it.
        migration: The newest that the database had.
        postgresql: The version of the server.
        schema: Where the tables were.
        rows: How many each table had.
        missing: Uploads that were removed while it was taken; a part that one has is not its file.
        secret: A fingerprint of the secret of the server; None when nobody knew it.
        has_secret: Whether the secret itself is in it.
    """

    version: str
    migration: str
    postgresql: str
    schema: str
    taken_at: datetime
    rows: Mapping[str, int]
    missing: tuple[UUID, ...]
    secret: str | None
    has_secret: bool
    parts: tuple[Part, ...]

    def to_json(self) -> bytes:
        """As it stands in the archive."""
        told = {"product": _PRODUCT, "format": FORMAT, **vars(self)}
        return orjson.dumps(told, default=str, option=orjson.OPT_INDENT_2)


class _Output:
    """A file that is written to from its beginning to its end, which may be a pipe."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.size = 0

    def write(self, data: bytes | memoryview) -> int:
        """Write all of it."""
        self._file.write(data)
        self.size += len(data)
        return len(data)

    def flush(self) -> None:
        """Hand on what is held back."""
        self._file.flush()


class BackupWriter:
    """Writes an archive, part by part."""

    def __init__(self, file: BinaryIO) -> None:
        self._output = _Output(file)
        self._archive = zipfile.ZipFile(cast("IO[bytes]", self._output), "w")
        self.parts: list[Part] = []

    @property
    def size(self) -> int:
        """How long the archive is by now."""
        return self._output.size

    @contextmanager
    def part(self, name: str, *, compresses: bool = False) -> Iterator[Callable[[bytes], None]]:
        """Takes the bytes of a part as long as the block lasts."""
        entry = zipfile.ZipInfo(name)
        entry.external_attr = 0o600 << 16
        if compresses:
            entry.compress_type = zipfile.ZIP_DEFLATED
        digest, size = hashlib.sha256(), 0

        def write(data: bytes) -> None:
            nonlocal size
            target.write(data)
            digest.update(data)
            size += len(data)

        with self._archive.open(entry, "w", force_zip64=True) as target:
            yield write
        self.parts.append(Part(name, size, digest.hexdigest()))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        if error is not None:
            # It would write an end to what is cut short.
            self._archive.fp = None

    def finish(self, manifest: Manifest) -> None:
        """Write what proves all the rest."""
        told = manifest.to_json()
        self._archive.writestr(zipfile.ZipInfo(_MANIFEST), told)
        self._archive.comment = f"{_SEAL}{hashlib.sha256(told).hexdigest()}".encode()
        self._archive.close()


class BackupReader:
    """Reads an archive.

    Raises:
        BackupError: It is none of ours, is damaged, or of a form that only later releases know.
    """

    def __init__(self, file: BinaryIO, name: str) -> None:
        self._name = name
        self._file = file
        with self._readable():
            self._archive = zipfile.ZipFile(file)
            told = self._read_manifest()
            self.manifest = _manifest_of(told)
            if {*self._archive.namelist()} != {part.name for part in self.manifest.parts} | {
                _MANIFEST
            }:
                raise self._damaged("parts are missing or do not belong to it")

    def check(self, progress: Callable[[int], None] = lambda _bytes: None) -> None:
        """Read all of it, and see that each part is what the manifest says.

        Args:
            progress: Is told how many bytes were read.

        Raises:
            BackupError: One is not.
        """
        for part in self.manifest.parts:
            digest, size = hashlib.sha256(), 0
            for block in self.blocks(part.name):
                digest.update(block)
                size += len(block)
                progress(len(block))
            if (size, digest.hexdigest()) != (part.bytes, part.sha256):
                raise self._damaged(f"{part.name} is not what was written")

    def blocks(self, name: str) -> Iterator[bytes]:
        """The bytes of a part.

        Raises:
            BackupError: They cannot be read.
        """
        with self._readable(), self._opened(name) as part:
            while block := part.read(_BLOCK_BYTES):
                yield block

    def read(self, name: str) -> bytes:
        """All bytes of a small part."""
        return b"".join(self.blocks(name))

    def files(self) -> dict[UUID, str]:
        """The parts that are files of users, by the ids of their uploads."""
        names = (part.name for part in self.manifest.parts)
        return {UUID(name.removeprefix(_FILES)): name for name in names if name.startswith(_FILES)}

    @contextmanager
    def _readable(self) -> Iterator[None]:
        try:
            yield
        except (AppError, GeneratorExit):
            raise
        except Exception as error:
            # A damaged archive may lead zipfile to raise anything.
            if self._looks_like_archive():
                raise self._damaged("it is cut short, or bytes of it were changed") from error
            raise self._foreign() from error

    def _looks_like_archive(self) -> bool:
        self._file.seek(0)
        return self._file.read(4) == b"PK\x03\x04"

    def _read_manifest(self) -> Any:
        seal = self._archive.comment.decode("ascii", "replace")
        if _MANIFEST not in self._archive.namelist() or not seal.startswith(_SEAL):
            raise self._foreign()
        if self._archive.getinfo(_MANIFEST).file_size > _MAX_MANIFEST_BYTES:
            raise self._damaged("its manifest is too long")
        text = self._archive.read(_MANIFEST)
        if seal != f"{_SEAL}{hashlib.sha256(text).hexdigest()}":
            raise self._damaged("its manifest was changed")
        told = orjson.loads(text)
        if told["product"] != _PRODUCT:
            raise self._foreign()
        if told["format"] > FORMAT:
            raise BackupError(
                f"{self._name} was made by a newer release, {told['version']}. Restore it with that"
                " one."
            )
        return told

    def _opened(self, name: str) -> IO[bytes]:
        return self._archive.open(name)

    def _damaged(self, what: str) -> BackupError:
        return BackupError(
            f"{self._name} is damaged: {what}. Nothing was changed. Take another copy of it, or an"
            " older backup."
        )

    def _foreign(self) -> BackupError:
        return BackupError(
            f"{self._name} is no backup of Appointment360. Nothing was changed. Name a file that"
            " `appointment360 backup` has written."
        )


def name_of_file(uuid: UUID) -> str:
    """The part that a file of a user is."""
    return f"{_FILES}{uuid.hex}"


def fingerprint(secret: bytes) -> str:
    """What tells a secret from others, and does not tell the secret."""
    return hashlib.sha256(b"appointment360 backup" + secret).hexdigest()[:16]


@contextmanager
def whole_file(target: Path) -> Iterator[BinaryIO]:
    """What is written to, for our user alone; the file has its name once all of it is stored.

    Raises:
        BackupError: Another process is writing to it.
    """
    unfinished = target.with_name(f"{target.name}.unfinished")
    descriptor = os.open(unfinished, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
    with os.fdopen(descriptor, "w+b") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            is_ours = os.path.samestat(os.fstat(descriptor), unfinished.stat())
        except (BlockingIOError, FileNotFoundError):
            is_ours = False
        if not is_ours:
            # Nor is one that got its name this very moment to be written to.
            raise BackupError(f"Another backup is being written to {target}. Wait for its end.")
        try:
            # What is left of one that was killed.
            file.truncate()
            os.fchmod(descriptor, 0o600)
            yield file
            file.flush()
            os.fsync(descriptor)
            unfinished.replace(target)
            _sync_folder(target.parent)
        except BaseException:
            unfinished.unlink(missing_ok=True)
            raise


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _manifest_of(told: Any) -> Manifest:
    return Manifest(
        version=str(told["version"]),
        migration=str(told["migration"]),
        postgresql=str(told["postgresql"]),
        schema=str(told["schema"]),
        taken_at=datetime.fromisoformat(told["taken_at"]),
        rows={str(table): int(rows) for table, rows in told["rows"].items()},
        missing=tuple(UUID(each) for each in told["missing"]),
        secret=told["secret"],
        has_secret=bool(told["has_secret"]),
        parts=tuple(Part(**part) for part in told["parts"]),
    )
