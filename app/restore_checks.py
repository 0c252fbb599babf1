"""What is looked at before a restore changes anything; each refusal says what to do."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from app.backup_file import BackupError, Manifest, fingerprint
from app.secret import KEY, find_secret, previous_secret
from app.settings import Settings
from db.migrate import knows_revision
from db.restoring import RECORDS, Target


@dataclass(frozen=True, kw_only=True)
class RestoreOptions:
    """What whoever restores has agreed to.

    Attributes:
        replace: The records that are there may go.
        other_secret: The server may have another secret than when the backup was taken.
    """

    replace: bool = False
    other_secret: bool = False


def require_known_migration(manifest: Manifest) -> None:
    """Refuse a backup of tables that this release does not have yet."""
    if not knows_revision(manifest.migration):
        raise BackupError(
            f"The backup has the tables of a newer release: migration {manifest.migration}, made by"
            f" {manifest.version}. Nothing was changed. Restore it with that release."
        )


def require_secret(
    settings: Settings, folder: Path, manifest: Manifest, options: RestoreOptions
) -> None:
    """Have the server be able to read what it has signed, or its operator know that it is not."""
    secret = find_secret(settings, folder)
    ours = (secret, previous_secret(settings))
    fits = manifest.secret in {fingerprint(each) for each in ours if each is not None}
    is_unset = secret is None and (manifest.has_secret or manifest.secret is None)
    if fits or is_unset or manifest.secret is None or options.other_secret:
        return
    remedy = (
        f"Move {folder / KEY} away to have the one of the backup"
        if manifest.has_secret and settings.secret_key is None
        else "Set SECRET_KEY to the one of then"
    )
    raise BackupError(
        "The server had another secret when the backup was taken: tokens, cursors and addresses of"
        f" downloads from then would not be taken. Nothing was changed. {remedy}, or say"
        " --other-secret to go on with the one of now; users log in again then."
    )


def require_nobody(connected: Sequence[str]) -> None:
    """Refuse to go on beside servers that have been started since the database was looked at."""
    if connected:
        raise BackupError(
            "servers, workers or commands have connected to the database:"
            f" {', '.join(connected)}. Stop all of them."
        )


def require_place(target: Target, manifest: Manifest, options: RestoreOptions) -> None:
    """Refuse a database that is in use, or has what must not be lost."""
    if target.connected:
        raise BackupError(
            "Servers, workers or commands are connected to the database:"
            f" {', '.join(target.connected)}. Nothing was changed. Stop all of them, then restore."
        )
    if target.schema != manifest.schema:
        raise BackupError(
            f"The backup has its tables in the schema {manifest.schema}, and here they would be in"
            f" {target.schema}. Nothing was changed. Set the search_path of the role to the former."
        )
    if target.records and not options.replace:
        raise BackupError(
            f"The database has records: {told_records(target.records)}. Nothing was changed."
            " Restore into an empty database, or say --replace to have all of it be gone."
        )
    # Tables that this release does not know may be ours when a newer one has made them.
    is_older = target.migration is None or knows_revision(target.migration)
    if target.strangers and is_older:
        raise BackupError(
            f"The schema {target.schema} has tables that are not ours, and a restore empties it:"
            f" {', '.join(target.strangers)}. Nothing was changed. Move them to another schema, or"
            " restore into another database."
        )


def told_records(rows: Mapping[str, int]) -> str:
    """How many records there are, in words: `contacts 10 000, users 3`."""
    told = [f"{table} {rows[table]:,}".replace(",", " ") for table in RECORDS if rows.get(table)]
    return ", ".join(told) or "no records"
