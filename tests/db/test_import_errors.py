"""Promises of `db.import_errors`: what a job told, by line, both ways, and of no other job."""

from typing import Final

import pytest

from db.filter_shapes import split_filter
from db.filters import name_values
from db.import_errors import (
    IMPORT_ERRORS,
    count_import_errors,
    errors_of,
    import_errors_behind,
    list_import_errors,
    load_import_errors,
)
from db.keyset import PageShape, page_statement
from db.transaction import Database
from domain.import_errors import BY_LINE
from domain.imports import ImportErrorCode, Severity
from domain.paging import Cursor, PageRequest
from tests.graph.rows import execute, read_rows
from tests.imported import stored_import, tell

EMAIL: Final = ImportErrorCode.INVALID_EMAIL
PHONE: Final = ImportErrorCode.INVALID_PHONE
TOLD: Final = [
    (7, "INVALID_PHONE", "WARNING"),
    (2, "INVALID_EMAIL", "ERROR"),
    (7, "INVALID_EMAIL", "ERROR"),
    (0, "UNMAPPED_COLUMN", "WARNING"),
]
BY_PLACE: Final = [TOLD[3], TOLD[1], TOLD[0], TOLD[2]]


@pytest.fixture
async def job_id(database: Database) -> int:
    """An import that told of rows out of their order, beside another one."""
    other = await stored_import(database, None)
    job_id = await stored_import(database, None)
    await tell(database, other, (1, "INVALID_EMAIL", "ERROR"))
    await tell(database, job_id, *TOLD)
    return job_id


async def test_errors_stand_in_the_order_of_the_lines(database: Database, job_id: int) -> None:
    """Those of one line as they were found; nothing of another job is among them."""
    async with database.read() as session:
        page = await list_import_errors(session, PageRequest(order=BY_LINE), errors_of(job_id))
        count = await count_import_errors(session, errors_of(job_id))
    assert [(row.line, row.code, row.severity) for row in page.rows] == BY_PLACE
    assert {(row.job_id, row.column, row.field, row.raw) for row in page.rows} == {
        (job_id, "E-mail", "email", "x@")
    }
    assert (page.has_more, count) == (False, 4)


async def test_errors_are_walked_both_ways(database: Database, job_id: int) -> None:
    """A page ends within a line and the next one goes on there."""
    filter_ = errors_of(job_id)
    async with database.read() as session:
        first = await list_import_errors(session, PageRequest(order=BY_LINE, size=3), filter_)
        last = first.rows[-1]
        cursor = Cursor((last.line,), last.id)
        behind = PageRequest(order=BY_LINE, cursor=cursor)
        rest = await list_import_errors(session, behind, filter_)
        back = PageRequest(order=BY_LINE, size=1, cursor=cursor, backward=True)
        before = await list_import_errors(session, back, filter_)
        assert await import_errors_behind(session, behind, filter_)
        assert await import_errors_behind(session, back, filter_)
    told = [[row.code for row in page.rows] for page in (first, rest, before)]
    codes = [code for _, code, _ in BY_PLACE]
    assert told == [codes[:3], codes[3:], codes[1:2]]
    assert (first.has_more, rest.has_more, before.has_more) == (True, False, True)


async def test_codes_and_severity_choose(database: Database, job_id: int) -> None:
    """Both hold when both are given; no codes match nothing."""
    for codes, severity, expected in (
        ([EMAIL], None, [1, 3]),
        ([EMAIL, PHONE], None, [1, 2, 3]),
        (None, Severity.WARNING, [0, 2]),
        ([EMAIL], Severity.WARNING, []),
        ([], None, []),
    ):
        filter_ = errors_of(job_id, codes=codes, severity=severity)
        async with database.read() as session:
            page = await list_import_errors(session, PageRequest(order=BY_LINE), filter_)
            count = await count_import_errors(session, filter_)
        told = [(row.line, row.code, row.severity) for row in page.rows]
        assert told == [BY_PLACE[at] for at in expected]
        assert count == len(expected)


async def test_errors_are_loaded_in_the_order_of_their_ids(database: Database, job_id: int) -> None:
    """None stands for one that is not there."""
    (ids,) = await read_rows(
        database, "SELECT min(id), max(id) FROM import_errors WHERE job_id = $1", job_id
    )
    async with database.read() as session:
        rows = await load_import_errors(session, [ids[1], 10**9, ids[0]])
    assert [row and row.id for row in rows] == [ids[1], None, ids[0]]


async def test_page_of_many_errors_is_a_range_of_the_index(database: Database, job_id: int) -> None:
    """It neither reads the other errors of the job nor sorts them."""
    await execute(
        database,
        'INSERT INTO import_errors (job_id, line, code, severity, message, "column", field, raw,'
        " suggestion) SELECT $1, n, 'INVALID_EMAIL', 'ERROR', '', '', '', '', ''"
        " FROM generate_series(1, 20000) AS n",
        job_id,
    )
    shape, values = split_filter(errors_of(job_id))
    statement = page_statement(PageShape(IMPORT_ERRORS, shape, BY_LINE, cursor=(False,)))
    given = name_values(values) | {"size": 11, "k0": 10_000, "k_id": 5}
    async with database.read() as session:
        await session.driver.execute("ANALYZE import_errors")
        plan = await session.driver.fetch(f"EXPLAIN {statement.sql}", *statement.arguments(given))
    text = "\n".join(row[0] for row in plan)
    assert "Index Scan using ix_import_errors_job_id" in text
    assert "(ROW(line, id) > ROW(10000" in text
    assert "Sort" not in text
