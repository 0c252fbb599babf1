"""The one transaction of a restore: what pg_restore writes, between our beginning and our end.

psql is given COMMIT only once pg_restore has ended well, every table has its rows, and psql has
done all of it. When this process is killed its input ends without one, and PostgreSQL takes all of
it back.
"""

import asyncio
import tempfile
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from typing import Final

from sqlalchemy.engine import URL

from app.backup_file import DUMP, BackupError, BackupReader
from app.client_programs import Program, ProgramFailed, running
from db.restoring import COMMIT, READY, RESTORE_NAME, script_after, script_before
from db.trigrams import INDEXES

_PSQL_WORDS: Final = (
    "--no-psqlrc",
    "--quiet",
    "--no-password",
    "--set=ON_ERROR_STOP=1",
    # Without the rows that it is about: they are of people.
    "--set=VERBOSITY=terse",
    # What statements answer; all that it says otherwise is that it is ready.
    "--output=/dev/null",
    "--file=-",
)
# What servers before 17 do not know, and all others have at that anyway.
_TOO_NEW: Final = b"SET transaction_timeout = 0;\n"
_HEAD_BYTES: Final = 2048
# Of psql, when a statement has failed and ended the transaction.
_SCRIPT_ERROR: Final = 3

_MAY_BE_STORED: Final = " while the restore was being stored; it may have been."
_ONCE_MORE: Final = "Restore it once more, with --replace if there are records."


def _ignore() -> None:
    """Nobody asks."""


async def restore_database(
    url: URL,
    reader: BackupReader,
    *,
    replace: bool,
    patience_seconds: float = 10.0,
    committing: Callable[[], None] = _ignore,
) -> None:
    """Replace all that is in the schema by what the backup has.

    Args:
        replace: The records that are there may go.
        patience_seconds: How long it waits for others to let go of a table.
        committing: Called right before all of it is stored: whatever comes then, it may have been.

    Raises:
        BackupError: It failed; the message says whether the records of before are there.
    """
    manifest = reader.manifest
    before = script_before(manifest.schema, patience_seconds=patience_seconds, replace=replace)
    is_committing = False
    try:
        with tempfile.NamedTemporaryFile("w", suffix=".list") as listed:
            listed.write("\n".join(await _wanted_entries(reader)))
            listed.flush()
            async with (
                running(
                    "psql",
                    *_PSQL_WORDS,
                    url=url,
                    application_name=RESTORE_NAME,
                    takes=True,
                    gives=True,
                ) as psql,
                running(
                    "pg_restore",
                    "--no-owner",
                    "--no-privileges",
                    f"--use-list={listed.name}",
                    "--file=-",
                    takes=True,
                    gives=True,
                ) as program,
            ):
                await psql.write(before.encode())
                feeding = asyncio.create_task(_feed(program, reader))
                try:
                    async for block in _without_too_new(program):
                        await psql.write(block)
                    await feeding
                finally:
                    feeding.cancel()
                await psql.write(script_after(manifest.schema, manifest.rows).encode())
                await psql.write(READY.encode())
                await anext(psql.blocks())
                is_committing = True
                committing()
                await _commit(psql)
    except ProgramFailed as error:
        raise _failure(error, is_committing=is_committing) from error
    except asyncio.CancelledError as error:
        if not is_committing:
            raise
        raise BackupError(f"The command was interrupted{_MAY_BE_STORED} {_ONCE_MORE}") from error


async def _commit(psql: Program) -> None:
    """Have all of it stored; a first interruption waits until that has ended."""
    storing = asyncio.create_task(_store(psql))
    try:
        await asyncio.shield(storing)
    except asyncio.CancelledError:
        await asyncio.wait([storing])
        storing.result()
        raise


async def _store(psql: Program) -> None:
    await psql.write(COMMIT.encode())
    psql.close()
    await psql.ends()


async def _wanted_entries(reader: BackupReader) -> list[str]:
    """What is in the dump, but for what the server has already or may not offer."""
    async with running("pg_restore", "--list", takes=True, gives=True) as program:
        feeding = asyncio.create_task(_feed(program, reader))
        try:
            listed = b"".join([block async for block in program.blocks()]).decode()
        finally:
            feeding.cancel()
            # It reads no more than it needs.
            with suppress(asyncio.CancelledError, ProgramFailed):
                await feeding
    return [line for line in listed.splitlines() if _is_wanted(line)]


def _is_wanted(line: str) -> bool:
    # `3042; 1259 17310 INDEX public ix_contacts_search_text_trgm postgres`
    words = line.split()
    if line.startswith(";") or len(words) < 6 or words[3] in {"SCHEMA", "EXTENSION"}:
        return False
    return words[3] != "INDEX" or words[5] not in INDEXES


async def _feed(program: Program, reader: BackupReader) -> None:
    for block in reader.blocks(DUMP):
        await program.write(block)
    program.close()


async def _without_too_new(program: Program) -> AsyncIterator[bytes]:
    """What it writes, but for a setting of its first lines."""
    head: bytes | None = b""
    async for block in program.blocks():
        if head is None:
            yield block
        elif len(head := head + block) >= _HEAD_BYTES:
            yield head.replace(_TOO_NEW, b"", 1)
            head = None
    yield (head or b"").replace(_TOO_NEW, b"", 1)


def _failure(error: ProgramFailed, *, is_committing: bool) -> BackupError:
    if is_committing and error.status != _SCRIPT_ERROR:
        return BackupError(f"PostgreSQL went away{_MAY_BE_STORED}\n{error}\n{_ONCE_MORE}")
    if is_committing:
        return BackupError(f"The restore failed, and no record was changed.\n{error}")
    return BackupError(f"The restore failed, and nothing was changed.\n{error}")
