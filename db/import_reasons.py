"""What was told about the rows of a file, in short: how often each code, and where first."""

from collections.abc import Sequence
from typing import Final, NamedTuple

from db.statements import sql
from db.transaction import ReadSession

_REASONS: Final = sql(
    "SELECT counted.code, counted.times, first.lines, first.message FROM"
    " (SELECT code, count(*) AS times FROM import_errors"
    " WHERE job_id = CAST(:job_id AS bigint) GROUP BY code) counted"
    " CROSS JOIN LATERAL (SELECT array_agg(e.line ORDER BY e.line) AS lines,"
    " (array_agg(CASE e.\"column\" WHEN '' THEN e.message"
    " ELSE e.\"column\" || ': ' || e.message END ORDER BY e.line))[1] AS message"
    ' FROM (SELECT DISTINCT ON (line) line, "column", message FROM import_errors'
    " WHERE job_id = CAST(:job_id AS bigint) AND code = counted.code"
    " ORDER BY line, id LIMIT CAST(:most AS bigint)) e) first ORDER BY counted.code"
)


class Reason(NamedTuple):
    """Something that was told about rows.

    Attributes:
        times: How often; of a row more than once, where it was told about several of its cells.
        lines: Where the first few of the rows begin, each once.
        message: What was told about the first of them, behind the name of the column.
    """

    code: str
    times: int
    lines: Sequence[int]
    message: str


async def load_reasons(session: ReadSession, job_id: int, *, most_lines: int) -> list[Reason]:
    """What an import has told about its rows, by code."""
    values = {"job_id": job_id, "most": most_lines}
    return [Reason(*row) for row in await session.fetch(_REASONS, values)]
