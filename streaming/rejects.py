"""The file of the rows that an import could not take: to be corrected, and imported again.

It is written as the file itself was, between the same separators, with every cell as it came. So it
can be read in the same way; what is told about the rows stands in columns behind theirs.
"""

import asyncio
import codecs
import csv
import io
from collections.abc import AsyncGenerator, Container, Sequence
from typing import Final

from db.import_rejects import Reject, load_rejects
from db.transaction import Database
from domain.errors import AppError
from streaming.dialects import CsvDialect
from streaming.spool import SpoolBroken

TOLD_COLUMNS: Final = ("_row", "_error_codes", "_error_messages")
"""The line of the file on which the row begins, and what is wrong with it."""

MARKED_UTF8: Final = "utf-8-sig"
"""What every reader finds out by itself."""

_ROWS: Final = 1000
_BYTES: Final = 2**18
"""Of a page, or a row more."""


def encoding_for(dialect: CsvDialect | None, options: Container[str]) -> str:
    """The encoding of the file: who named one for the import names it again for this one.

    Args:
        dialect: How the file of the import was written; None before it was opened.
        options: The names of those that the import was given.
    """
    return dialect.encoding if dialect is not None and "encoding" in options else MARKED_UTF8


async def stream_rejects(
    database: Database, job_id: int, dialect: CsvDialect | None, encoding: str = MARKED_UTF8
) -> AsyncGenerator[bytes, None]:
    """The bytes of the file, a page of rows at a time; no connection is held between them.

    Args:
        dialect: How the file was written; None before it was opened.
        encoding: As `encoding_for` has it.

    Raises:
        SpoolBroken: PostgreSQL did not answer.
    """
    header, delimiter = ((), ",") if dialect is None else (dialect.header, dialect.delimiter)
    # What was told about an earlier import of the same rows makes room for what is told now.
    own = [place for place, name in enumerate(header) if name not in TOLD_COLUMNS]
    encode = codecs.getincrementalencoder(encoding)("replace").encode
    yield encode(_lines([[*(header[place] for place in own), *TOLD_COLUMNS]], delimiter))
    line = -1
    while rejects := await _page(database, job_id, after_line=line):
        line = rejects[-1].line
        rows = [_row(each, own, len(header)) for each in rejects]
        yield encode(await asyncio.to_thread(_lines, rows, delimiter))


async def _page(database: Database, job_id: int, *, after_line: int) -> list[Reject]:
    try:
        async with database.read() as session:
            return await load_rejects(
                session, job_id, after_line=after_line, most=_ROWS, most_bytes=_BYTES
            )
    except AppError as error:
        raise SpoolBroken(error) from error


def _row(reject: Reject, own: Sequence[int], width: int) -> list[str]:
    """The cells under their headers; those that have none come behind what is told."""
    cells = reject.cells
    told = [str(reject.line), ";".join(dict.fromkeys(reject.codes)), "; ".join(reject.messages)]
    shown = [cells[place] if place < len(cells) else "" for place in own]
    return [*shown, *told, *cells[width:]]


def _lines(rows: Sequence[Sequence[str]], delimiter: str) -> str:
    text = io.StringIO()
    # Only what ends a line is quoted for it.
    writer = csv.writer(text, delimiter=delimiter, lineterminator="\r\n")
    for row in rows:
        writer.writerow(row)  # each by itself: other threads have to wait for a call to end
    return text.getvalue()
