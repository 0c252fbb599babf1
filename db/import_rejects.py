"""The rows of a file that have errors, as the file has them; read a page at a time."""

from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

from db.statements import sql
from db.transaction import ReadSession
from domain.imports import Severity

# One line after another, so that no more is looked at than the page has room for: to know the size
# of a row takes as long as to read it.
_PAGE: Final = sql(
    "WITH RECURSIVE page(line, row_number, total_bytes) AS ("
    " SELECT CAST(:after_line AS integer), CAST(0 AS bigint), CAST(0 AS bigint) UNION ALL"
    " SELECT next.line, p.row_number + 1, p.total_bytes + next.bytes"
    " FROM page p CROSS JOIN LATERAL (SELECT r.line, octet_length(CAST(r.cells AS text))"
    ' + (SELECT coalesce(sum(octet_length(f.message) + octet_length(f."column")'
    " + octet_length(f.suggestion)), 0)"
    " FROM import_errors f WHERE f.job_id = r.job_id AND f.line = r.line) AS bytes"
    " FROM import_rejects r WHERE r.job_id = CAST(:job_id AS bigint) AND r.line > p.line"
    " ORDER BY r.line LIMIT 1) AS next"
    " WHERE p.row_number < CAST(:most AS bigint)"
    " AND p.total_bytes < CAST(:most_bytes AS bigint))"
    " SELECT r.line, r.cells, coalesce(e.codes, '{}'), coalesce(e.messages, '{}')"
    " FROM page p JOIN import_rejects r ON r.job_id = CAST(:job_id AS bigint)"
    " AND r.line = p.line"
    " LEFT JOIN LATERAL (SELECT array_agg(f.code ORDER BY f.id) AS codes,"
    " array_agg(concat_ws(' ', nullif(f.\"column\", '') || ':', f.message,"
    " nullif(f.suggestion, '')) ORDER BY f.id) AS messages"
    " FROM import_errors f WHERE f.job_id = CAST(:job_id AS bigint) AND f.line = r.line"
    f" AND f.severity = '{Severity.ERROR.value}') e ON true"
    " WHERE p.row_number > 0 ORDER BY r.line"
)
_READING: Final = sql("SELECT reading FROM imports WHERE job_id = CAST(:job_id AS bigint)")


class Reject(NamedTuple):
    """A row that has errors.

    Attributes:
        line: Where it begins in the file, from 1.
        cells: As the file has them; of a row that could not be taken apart its text alone.
        codes: Of its errors, in the order in which they were found.
        messages: Theirs, each behind the name of its column and before what could be written
            instead.
    """

    line: int
    cells: Sequence[str]
    codes: Sequence[str]
    messages: Sequence[str]


async def load_rejects(
    session: ReadSession, job_id: int, *, after_line: int, most: int, most_bytes: int
) -> list[Reject]:
    """The rows of an import that have errors, behind a line, in the order of the file.

    Args:
        most_bytes: No row follows those that have as many; there is one, however large it is.
    """
    values = {
        "job_id": job_id,
        "after_line": after_line,
        "most": most,
        "most_bytes": most_bytes,
    }
    return [Reject(*row) for row in await session.fetch(_PAGE, values)]


async def find_reading(session: ReadSession, job_id: int) -> Mapping[str, Any] | None:
    """How the file of an import is read; None before it was opened."""
    reading: Mapping[str, Any] | None = await session.fetch_value(_READING, {"job_id": job_id})
    return reading
