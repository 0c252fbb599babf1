"""Taking a backup while servers run: all of it shows one state of the database."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import BinaryIO, Final
from uuid import UUID

from sqlalchemy.engine import URL

from app.backup_file import (
    DUMP,
    BackupError,
    BackupWriter,
    Manifest,
    fingerprint,
    name_of_file,
)
from app.client_programs import ProgramFailed, running
from app.embedded.binaries import VERSION
from app.engines import direct_url
from app.postgresql import open_postgresql
from app.resources import data_folder
from app.secret import KEY, find_secret
from app.settings import Settings
from db.backups import BACKUP_NAME, KeptFile, State, find_kept, open_state
from db.names import quoted
from streaming.file_store import FileStore, open_file_store
from streaming.upload_files import UploadFiles

_PRODUCT: Final = "appointment360"
_BLOCK_BYTES: Final = 2**20
_MOST_NAMED: Final = 5
_DUMP_WORDS: Final = (
    "--format=custom",
    "--compress=gzip:3",
    "--no-owner",
    "--no-privileges",
    "--no-comments",
    "--no-security-labels",
    "--no-publications",
    "--no-tablespaces",
    "--no-password",
)


@dataclass(frozen=True, kw_only=True)
class Taken:
    """A backup that was taken.

    Attributes:
        bytes: Of the whole file.
    """

    manifest: Manifest
    bytes: int


async def take_backup(
    settings: Settings, file: BinaryIO, *, progress: Callable[[str], None]
) -> Taken:
    """Write a backup.

    Args:
        file: Is written to from its beginning; may be a pipe.
        progress: Called with a sentence before each step that takes time.

    Raises:
        BackupError: There is nothing to back up, pg_dump cannot, or files of users are not here.
        DatabaseUnavailable: PostgreSQL does not answer.
        EmbeddedServerError: The embedded PostgreSQL cannot be had.
    """
    folder = data_folder(settings)
    with BackupWriter(file) as writer:
        async with open_postgresql(settings, folder, progress=progress) as (url, _):
            direct = direct_url(settings, url)
            progress("Reading the database")
            async with open_state(direct) as state:
                migration = _checked(state)
                await _write_dump(writer, direct, state)
                missing = await _write_files(writer, settings, folder, state)
            if missing:
                _require_removed(await find_kept(direct, missing))
        secret = find_secret(settings, folder)
        has_secret = secret is not None and settings.secret_key is None
        if secret is not None and has_secret:
            with writer.part(KEY) as write:
                write(secret)
        manifest = Manifest(
            version=version(_PRODUCT),
            migration=migration,
            postgresql=state.server,
            schema=state.schema,
            taken_at=state.taken_at,
            rows=state.rows,
            missing=missing,
            secret=None if secret is None else fingerprint(secret),
            has_secret=has_secret,
            parts=tuple(writer.parts),
        )
        writer.finish(manifest)
        return Taken(manifest=manifest, bytes=writer.size)


def _checked(state: State) -> str:
    """The migration of a state that can be backed up."""
    if state.migration is None:
        raise BackupError("The database has no tables of Appointment360: nothing to back up.")
    if int(state.server.partition(".")[0]) > int(VERSION):
        raise BackupError(
            f"The server is PostgreSQL {state.server}, and the programs that come with this release"
            f" speak with servers up to {VERSION}. Use pg_dump of the server's own version."
        )
    return state.migration


async def _write_dump(writer: BackupWriter, url: URL, state: State) -> None:
    words = [f"--snapshot={state.snapshot}", f"--schema={quoted(state.schema)}"]
    try:
        with writer.part(DUMP) as write:
            async with running(
                "pg_dump",
                *_DUMP_WORDS,
                *words,
                url=url,
                application_name=BACKUP_NAME,
                gives=True,
            ) as program:
                async for block in program.blocks():
                    write(block)
    except ProgramFailed as error:
        raise BackupError(f"The database could not be read.\n{error}") from error


async def _write_files(
    writer: BackupWriter, settings: Settings, folder: Path, state: State
) -> tuple[UUID, ...]:
    """Write the files of users; which of them are not there, or not as they were sent."""
    files = UploadFiles(folder / "uploads")
    store = open_file_store(settings.file_store_url, files)
    if not store.keeps_in_place:
        # They are laid there one after the other.
        files.make()
    return tuple([kept.uuid for kept in state.files if not await _wrote_file(writer, store, kept)])


async def _wrote_file(writer: BackupWriter, store: FileStore, kept: KeptFile) -> bool:
    """Whether a file is there as it was sent; it is in the backup then."""
    try:
        async with store.opened(kept.uuid) as path:
            _write_file(writer, path, name_of_file(kept.uuid))
    except FileNotFoundError:
        return False
    written = writer.parts[-1]
    return (written.bytes, written.sha256) == (kept.bytes, kept.sha256)


def _write_file(writer: BackupWriter, path: Path, name: str) -> None:
    with path.open("rb") as source, writer.part(name, compresses=True) as write:
        while block := source.read(_BLOCK_BYTES):
            write(block)


def _require_removed(kept: Sequence[UUID]) -> None:
    """Refuse a backup without files that are still to be there."""
    if not kept:
        return
    named = ", ".join(uuid.hex for uuid in kept[:_MOST_NAMED])
    more = f" and {len(kept) - _MOST_NAMED} more" if len(kept) > _MOST_NAMED else ""
    raise BackupError(
        f"Files that users have sent are not here, or not as they were sent: {named}{more}. No"
        " backup was made. Look at DATA_DIR and FILE_STORE_URL: they have to be those of the"
        " servers. Uploads whose files are lost are forgotten once UPLOAD_TTL is over."
    )
