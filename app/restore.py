"""Bringing a backup back: all of it or nothing.

Everything is looked at before anything is changed. Files of users are laid where they belong first,
for nobody looks at one without its row; then one transaction drops what is there and makes what the
backup has. Whatever ends this process before its COMMIT leaves the database as it was.
"""

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, Final

from sqlalchemy.engine import URL

from app.backup_file import BackupError, BackupReader, Manifest
from app.embedded.server import restored
from app.engines import direct_url
from app.laying import lay_files, lay_secret
from app.postgresql import open_postgresql
from app.resources import data_folder
from app.restore_checks import (
    RestoreOptions,
    require_known_migration,
    require_nobody,
    require_place,
    require_secret,
)
from app.restore_script import restore_database
from app.secret import KEY
from app.settings import Settings
from db.engine import open_engine
from db.migrate import upgrade
from db.pooling import keep_role_settings
from db.restoring import RESTORE_NAME, Settled, find_connected, look_at, settle
from db.transaction import Database
from db.trigrams import make_missing_indexes

_STATEMENT_SECONDS: Final = 3600.0

Progress = Callable[[str], None]


@dataclass(frozen=True, kw_only=True)
class Restored:
    """A backup that is back.

    Attributes:
        missing_indexes: Those that make searches quick and that the server refuses.
    """

    manifest: Manifest
    settled: Settled
    missing_indexes: list[str]


async def restore_backup(
    settings: Settings,
    file: BinaryIO,
    name: str,
    *,
    options: RestoreOptions,
    progress: Progress,
) -> Restored:
    """Have the database and the files of users be those of a backup.

    Args:
        name: Of the file, for people.
        progress: Called with a sentence before each step that takes time.

    Raises:
        BackupError: The file is no good, or the database is not to be restored into; nothing was
            changed. Or what is restored could not be brought to the newest tables.
        DatabaseUnavailable: PostgreSQL does not answer.
        EmbeddedServerError: The embedded PostgreSQL cannot be had.
    """
    folder = data_folder(settings)
    progress(f"Checking {name}")
    reader = BackupReader(file, name)
    manifest = reader.manifest
    require_known_migration(manifest)
    reader.check()
    require_secret(settings, folder, manifest, options)
    async with open_postgresql(settings, folder, progress=progress, for_restore=True) as (
        usual,
        own,
    ):
        url = direct_url(settings, usual)
        async with _open_database(url) as database:
            target = await look_at(database)
            require_place(target, manifest, options)
            with _undone_by_failure() as laid:
                await lay_files(settings, folder, reader, laid.paths)
                if manifest.has_secret and settings.secret_key is None:
                    lay_secret(folder, reader.read(KEY), laid.paths)
                progress("Restoring the database")
                await restore_database(url, reader, replace=options.replace, committing=laid.keep)
            if own is not None:
                restored(folder)
            progress("Bringing the tables up to date")
            return await _finish(settings, database, manifest)


@asynccontextmanager
async def _open_database(url: URL) -> AsyncIterator[Database]:
    async with open_engine(
        url,
        pool_size=1,
        max_overflow=0,
        statement_timeout_seconds=_STATEMENT_SECONDS,
        application_name=RESTORE_NAME,
    ) as engine:
        yield Database(engine)


@dataclass
class _Laid:
    """Files that were laid for records that come."""

    paths: list[Path] = field(default_factory=list)
    stay: bool = False

    def keep(self) -> None:
        """From now on the records may be there: their files must be too."""
        self.stay = True


@contextmanager
def _undone_by_failure() -> Iterator[_Laid]:
    """Files that are removed again when the block fails before they have to stay."""
    laid = _Laid()
    try:
        yield laid
    except BaseException:
        if not laid.stay:
            for path in laid.paths:
                with suppress(OSError):
                    path.unlink()
        raise


async def _finish(settings: Settings, database: Database, manifest: Manifest) -> Restored:
    """What follows once the records are back: they stay, whatever becomes of this."""
    try:
        await upgrade(database.engine)
        if settings.database_pooler == "transaction":
            await keep_role_settings(database.engine)
        # What a worker has begun since would be taken from it.
        require_nobody(await find_connected(database))
        async with database.write() as tx:
            settled = await settle(tx, missing=manifest.missing)
        indexes = await make_missing_indexes(database, seconds=_STATEMENT_SECONDS)
        async with database.read() as session:
            await session.driver.execute("ANALYZE", timeout=_STATEMENT_SECONDS)
    except Exception as error:
        raise BackupError(
            f"The records are back, but what follows has failed: {error} Remove the cause, say"
            " `appointment360 migrate`, and start the servers: they do the rest."
        ) from error
    return Restored(manifest=manifest, settled=settled, missing_indexes=indexes)
