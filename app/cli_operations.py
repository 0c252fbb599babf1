"""The commands of who runs the servers: `appointment360 backup`, `restore` and `doctor`."""

import json
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, BinaryIO, Final

import typer

from app.backup import Taken, take_backup
from app.backup_file import whole_file
from app.doctor import examine
from app.findings import as_json as findings_as_json
from app.findings import as_lines
from app.restore import Restored, restore_backup
from app.restore_checks import RestoreOptions, told_records
from app.terminal import fail, run, say, settings_of_process, wrong_use

_STANDARD: Final = Path("-")


def backup(
    file: Annotated[Path, typer.Argument(help="Where the backup goes; - is stdout.")],
) -> None:
    """Write all records, and the files that users have sent, into one file. Servers may run."""
    settings = settings_of_process()
    with _output(file) as output:
        taken = run(take_backup(settings, output, progress=say))
    say(_told_backup(file, taken))


def restore(
    file: Annotated[Path, typer.Argument(help="A file that backup has written; - is stdin.")],
    replace: Annotated[
        bool, typer.Option("--replace", help="Have the records that are there be gone for good.")
    ] = False,
    other_secret: Annotated[
        bool,
        typer.Option("--other-secret", help="Keep a secret that is another than it was then."),
    ] = False,
) -> None:
    """Have the database and the files of users be those of a backup: all of it, or nothing."""
    settings = settings_of_process()
    options = RestoreOptions(replace=replace, other_secret=other_secret)
    with _input(file) as (source, name):
        restored = run(restore_backup(settings, source, name, options=options, progress=say))
    say(_told_restore(restored))


def doctor(
    as_json: Annotated[bool, typer.Option("--json", help="Answer JSON, for programs.")] = False,
) -> None:
    """Say what is configured, what can be reached and what is missing. Nothing is changed."""
    findings = run(examine())
    typer.echo(json.dumps(findings_as_json(findings), indent=2) if as_json else as_lines(findings))
    if not all(finding.ok for finding in findings):
        raise SystemExit(1)


@contextmanager
def _output(file: Path) -> Iterator[BinaryIO]:
    if file == _STANDARD:
        if sys.stdout.isatty():
            wrong_use("A backup is no text for a terminal. Name a file, or pipe it.")
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
        return
    if file.is_dir():
        wrong_use(f"{file} is a folder. Name a file in it.")
    try:
        with whole_file(file) as output:
            yield output
    except OSError as error:
        fail(f"{file} cannot be written: {error.strerror}.")


@contextmanager
def _input(file: Path) -> Iterator[tuple[BinaryIO, str]]:
    if file == _STANDARD:
        with tempfile.TemporaryFile() as whole:
            shutil.copyfileobj(sys.stdin.buffer, whole)
            yield whole, "What came over stdin"
        return
    try:
        source = file.open("rb")
    except OSError as error:
        fail(f"{file} cannot be read: {error.strerror}.")
    with source:
        yield source, str(file)


def _told_backup(file: Path, taken: Taken) -> str:
    manifest = taken.manifest
    lines = [
        f"Backed up to {'stdout' if file == _STANDARD else file}: {taken.bytes / 1e6:.1f} MB,"
        f" {told_records(manifest.rows)};"
        f" PostgreSQL {manifest.postgresql}, migration {manifest.migration}.",
        "It has all personal data of the database: keep it where nobody else can read it."
        if not manifest.has_secret
        else "It has all personal data of the database and the secret that signs tokens: keep it"
        " where nobody else can read it.",
    ]
    if manifest.secret is None:
        lines.append(
            "No secret is in it: SECRET_KEY is not set, and DATA_DIR has no secret.key. If the"
            " servers have one, give this command their settings, or keep it elsewhere."
        )
    elif not manifest.has_secret:
        lines.append("SECRET_KEY is not in it: keep that one too, elsewhere.")
    return "\n".join(lines)


def _told_restore(restored: Restored) -> str:
    manifest, settled = restored.manifest, restored.settled
    lines = [
        f"Restored the state of {manifest.taken_at:%Y-%m-%d %H:%M:%S} UTC:"
        f" {told_records(manifest.rows)}."
    ]
    if settled.jobs:
        lines.append(f"Jobs that were running wait for a worker again: {settled.jobs}.")
    if settled.files:
        lines.append(f"Uploads that were not whole are forgotten: {settled.files}.")
    if restored.missing_indexes:
        lines.append(
            "Searches scan: PostgreSQL lets us not create the extension pg_trgm. Have its"
            " administrator say CREATE EXTENSION pg_trgm, then say `appointment360 migrate`."
        )
    lines.append("Whoever was erased since then is back: erase them again. See docs/backup.md.")
    return "\n".join(lines)
