"""Promises of the REST routes of jobs: who sees which, and rows that an import could not take."""

import csv
import json
from dataclasses import replace
from typing import Final
from urllib.parse import urlsplit
from uuid import uuid4

import httpx
import pytest

from app.resources import Resources
from db.job_queue import enqueue
from domain.enums import Role
from domain.tasks import ExportRecords
from streaming.rejects import stream_rejects
from tests.apps import STRANGER
from tests.graph.rows import execute, read_rows
from tests.streaming.importing import Rest, problem_of, rows_of


@pytest.fixture
async def rest(http: httpx.AsyncClient, resources: Resources) -> Rest:
    return Rest(http, resources)


async def test_jobs_and_rejects_are_for_the_owner_and_admins(rest: Rest) -> None:
    """Of others' nobody learns that they are there; who has a signed address needs no token."""
    job = (await rest.post()).json()["job"]["uuid"]
    async with rest.resources.database.write() as tx:
        other = await enqueue(tx, ExportRecords(export={"entity": "CONTACTS"}), owner=STRANGER)
    rejects = f"/api/v1/imports/{job}/rejects"
    admin = Rest(rest.http, rest.resources, Role.ADMIN, uuid4())
    stranger = Rest(rest.http, rest.resources, Role.EDITOR, uuid4())
    signed = rest.resources.links.sign(rejects, STRANGER, ttl_seconds=60)
    forged = urlsplit(signed)._replace(path=f"/api/v1/imports/{other.uuid}/rejects").geturl()

    for path in (f"/api/v1/jobs/{job}", rejects):
        assert (await rest.send(path)).status_code == 200
        assert (await replace(rest, role=Role.VIEWER).send(f"{path}/")).status_code == 200
        assert (await admin.send(path)).status_code == 200
        assert problem_of(await stranger.send(path)) == (404, "NOT_FOUND")
        assert problem_of(await rest.http.get(path)) == (401, "UNAUTHENTICATED")
    for path in (f"/api/v1/imports/{other.uuid}/rejects", f"/api/v1/jobs/{uuid4()}"):
        assert problem_of(await rest.send(path)) == (404, "NOT_FOUND")
    assert problem_of(await rest.send("/api/v1/jobs/passwd")) == (404, "NOT_FOUND")
    assert (await rest.send(f"/api/v1/jobs/{other.uuid}")).json()["kind"] == "EXPORT_RECORDS"
    assert (await rest.http.get(signed)).status_code == 200
    assert problem_of(await rest.http.get(forged)) == (401, "UNAUTHENTICATED")


REJECT: Final = "INSERT INTO import_rejects (job_id, line, cells, person_keys)"


async def test_rejects_are_all_there_as_the_file_had_them(rest: Rest) -> None:
    """Page by page, in its encoding if that was named, and without what was told before."""
    job = (await rest.post(options='{"encoding": "cp1252"}')).json()["job"]["uuid"]
    database = rest.resources.database
    ((job_id,),) = await read_rows(database, "SELECT id FROM jobs WHERE uuid = $1", job)
    path = f"/api/v1/imports/{job}/rejects"
    assert (await rest.send(path)).text.lstrip("\ufeff") == (
        "_row,_error_codes,_error_messages\r\n"
    )

    reading = {
        "encoding": "cp1252",
        "delimiter": ";",
        "header": ["Größe", "_row", "a.b", "a.b"],
        "header_line": 1,
        "vendor": None,
        "columns": [],
        "start": [0, 2],
    }
    for statement, value in (
        ("UPDATE imports SET reading = $2 WHERE job_id = $1", json.dumps(reading)),
        (f"{REJECT} VALUES ($1, 2, $2, '{{}}')", ["=1;2", "7", "x"]),
        (f"{REJECT} VALUES ($1, 3, $2, '{{}}')", ['a"b\r\nc…']),
        (f"{REJECT} VALUES ($1, 4, $2, '{{}}')", list("abcdef")),
        (
            f"{REJECT} SELECT $1, 10 + n, ARRAY[n::text], '{{}}' FROM generate_series(1, $2) n",
            2500,
        ),
    ):
        await execute(database, statement, job_id, value)
    for code, severity, column, suggestion in (
        ("INVALID_URL", "ERROR", "Größe", "Did you mean a.io?"),
        ("INVALID_URL", "ERROR", "", ""),
        ("NAME_DIFFERS", "WARNING", "", ""),
    ):
        await execute(
            database,
            'INSERT INTO import_errors (job_id, line, code, severity, message, "column", field,'
            " raw, suggestion) VALUES ($1, 2, $2, $3, 'No 中.', $4, '', '', $5)",
            job_id,
            code,
            severity,
            column,
            suggestion,
        )
    answer = await rest.send(path)
    header, *rows = rows_of(answer, ";", "cp1252")

    assert answer.headers["content-type"] == "text/csv; charset=cp1252"
    assert header == ["Größe", "a.b", "a.b", "_row", "_error_codes", "_error_messages"]
    assert rows[:3] == [
        ["=1;2", "x", "", "2", "INVALID_URL", "Größe: No ?. Did you mean a.io?; No ?."],
        ['a"b\r\nc…', "", "", "3", "", ""],
        ["a", "c", "d", "4", "", "", "e", "f"],
    ]
    assert [row[0] for row in rows[3:]] == [str(number) for number in range(1, 2501)]


async def test_large_rejects_come_a_few_at_a_time(rest: Rest) -> None:
    """What is in memory depends neither on how large the rows are nor on how many."""
    job = (await rest.post()).json()["job"]["uuid"]
    database = rest.resources.database
    ((job_id,),) = await read_rows(database, "SELECT id FROM jobs WHERE uuid = $1", job)
    cell = "x" * 100_000
    await execute(
        database,
        f"{REJECT} SELECT $1, n, ARRAY[$2::text], '{{}}' FROM generate_series(2, 17) n",
        job_id,
        cell,
    )
    chunks = [chunk async for chunk in stream_rejects(database, job_id, None)]
    assert max(map(len, chunks)) < 4 * len(cell)
    rows = list(csv.reader(b"".join(chunks).decode("utf-8-sig").splitlines()))
    assert [(row[0], row[-1]) for row in rows[1:]] == [(str(line), cell) for line in range(2, 18)]
