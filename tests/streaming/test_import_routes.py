"""Promises of the REST routes of imports: what is taken, what is answered, what comes back."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, Final
from uuid import UUID, uuid4

import httpx
import pytest
from sqlalchemy.engine import URL

from app.asgi import create_app
from app.resources import Resources
from domain.enums import Role
from domain.node_ids import NodeKind, decode_node_id
from tests.apps import STRANGER, open_app
from tests.graph.rows import read_rows
from tests.jobs.importing import at_work
from tests.jobs.working import PATIENCE, ended
from tests.served import serving
from tests.streaming.importing import CONTACTS, PEOPLE, Rest, count, problem_of, rows_of


@pytest.fixture
async def rest(http: httpx.AsyncClient, resources: Resources) -> Rest:
    return Rest(http, resources)


async def done(rest: Rest, url: URL, folder: Path, job: dict[str, Any]) -> dict[str, Any]:
    """A job after a worker has ended it."""
    database = rest.resources.database
    async with at_work(database, url, folder):
        await ended(database, decode_node_id(job["id"], expected=NodeKind.JOB)[1])
    told: dict[str, Any] = (await rest.send(f"/api/v1/jobs/{job['uuid']}/")).json()
    return told


async def test_a_file_becomes_a_job_whose_rejects_can_be_imported_again(
    rest: Rest, database_url: URL, tmp_path: Path
) -> None:
    """Corrected they are taken, read as the file was."""
    mapping = {"Notes": None}
    sent = await rest.post(mapping=json.dumps(mapping), options='{"tag": "fair"}')
    told = sent.json()
    job = told["job"]
    before = await rest.send(sent.headers["location"])

    assert sent.status_code == 202
    assert sent.headers["location"] == f"/api/v1/jobs/{UUID(job['uuid']).hex}"
    assert decode_node_id(job["id"])[0] is NodeKind.JOB
    assert (job["kind"], job["status"]) == ("IMPORT_RECORDS", "QUEUED")
    assert (job["done"], job["total"], job["error"]) == (0, len(PEOPLE), None)
    assert job["counters"]["created"] == 0
    assert before.json() == job | {"import": told["import"]}
    assert before.headers["cache-control"] == "private, no-cache"
    assert {name: told["import"][name] for name in ("entity", "filename", "mapping")} == {
        "entity": "contacts",
        "filename": "p.csv",
        "mapping": mapping,
    }
    assert told["import"]["options"]["tag"] == "fair"
    assert told["import"]["options"]["onConflict"] == "FILL_EMPTY"
    assert told["import"]["rejects"] is None

    after = await done(rest, database_url, tmp_path, job)
    rejects = await rest.send(after["import"]["rejects"])
    header, *rows = rows_of(rejects, ";")

    assert after["status"] == "COMPLETED_WITH_ERRORS"
    assert after["progress"] == 1
    assert after["counters"]["rows"] == 3
    assert header == ["First Name", "E-mail", "Notes", "_row", "_error_codes", "_error_messages"]
    assert [row[:5] for row in rows] == [
        ["Bob", "bob@", 'says "hi";\r\nand more', "3", "MISSING_REQUIRED;INVALID_EMAIL"],
        ["Eve", "eve@acme.com", "", "5", "WRONG_COLUMN_COUNT"],
    ]
    assert "E-mail: " in rows[0][5]
    assert rejects.headers["content-type"] == "text/csv; charset=utf-8"
    assert 'filename="p-rejects.csv"' in rejects.headers["content-disposition"]
    assert rejects.headers["x-content-type-options"] == "nosniff"

    corrected = rejects.content.replace(b"bob@;", b"bob@acme.com;")
    again = await rest.post(corrected, mapping=json.dumps(mapping))
    last = await done(rest, database_url, tmp_path, again.json()["job"])
    found = await read_rows(rest.resources.database, "SELECT email FROM contacts ORDER BY 1")

    assert last["status"] == "COMPLETED"
    assert last["counters"]["failed"] == 0
    assert found == [("ada@acme.com",), ("bob@acme.com",), ("eve@acme.com",)]


async def test_the_same_import_is_one_job(rest: Rest) -> None:
    """Unless it is asked for anyway; nothing stays of a file that was sent in vain."""
    first = await rest.post(options='{"matchOn": ["EMAIL"]}')
    same = await rest.post(options='{"match_on": ["EMAIL"], "tag": null}', name="other.csv")
    plain = await rest.plain(options='{"matchOn": ["EMAIL"]}')
    others = [
        await rest.post(options='{"matchOn": ["EMAIL"]}', force="true"),
        await rest.post(),
        await rest.post(PEOPLE + "x;x@acme.com;\n"),
        await rest.post(path="/api/v1/companies/import"),
        await replace(rest, user=uuid4()).post(options='{"matchOn": ["EMAIL"]}'),
    ]
    uuids = {answer.json()["job"]["uuid"] for answer in (first, *others)}

    for answer in (same, plain):
        assert answer.status_code == 200
        assert answer.json() == first.json()
        assert answer.headers["location"] == first.headers["location"]
    assert [answer.status_code for answer in (first, *others)] == [202] * 6
    assert len(uuids) == await count(rest.resources.database, "uploads") == 6


async def test_a_file_may_be_the_body_itself(rest: Rest, database_url: URL, tmp_path: Path) -> None:
    """What a form has in fields stands in the address then."""
    sent = await rest.plain(
        PEOPLE.replace(";", "|"), mapping='{"Notes": null}', filename="../ü.csv", force="false"
    )
    after = await done(rest, database_url, tmp_path, sent.json()["job"])

    assert sent.status_code == 202
    assert sent.json()["import"]["filename"] == "ü.csv"
    assert after["counters"]["created"] == 1


REFUSED: Final[dict[str, tuple[dict[str, Any], int, str]]] = {
    "nobody": ({"headers": {"Authorization": "Basic x"}}, 401, "UNAUTHENTICATED"),
    "json": ({"json": {"file": "x"}}, 415, "UNSUPPORTED_MEDIA_TYPE"),
    "nothing": ({}, 415, "UNSUPPORTED_MEDIA_TYPE"),
    "gzip": (
        {"content": b"x", "headers": {"Content-Type": "text/csv", "Content-Encoding": "gzip"}},
        415,
        "UNSUPPORTED_MEDIA_TYPE",
    ),
    "no file": ({"files": {"mapping": (None, "{}")}}, 400, "BAD_USER_INPUT"),
    "two files": (
        {"files": [("file", ("a.csv", "a,b")), ("file", ("b.csv", "a,b"))]},
        400,
        "BAD_USER_INPUT",
    ),
    "empty": ({"files": {"file": ("a.csv", b"")}}, 422, "INVALID_FILE"),
    "a program": ({"files": {"file": ("a.csv", b"MZ" + bytes(9000))}}, 422, "INVALID_FILE"),
    "a workbook": (
        {"content": b"PK\x03\x04" + bytes(9), "headers": {"Content-Type": "text/csv"}},
        422,
        "INVALID_FILE",
    ),
    "a name of another kind": ({"files": {"file": ("a.exe", b"a,b\n")}}, 422, "INVALID_FILE"),
    "a long name": ({"files": {"file": ("a" * 300 + ".csv", b"a,b\n")}}, 400, "BAD_USER_INPUT"),
}
FIELDS: Final = {
    "mapping": [
        "{",
        "[]",
        '{"\\u0000": null}',
        '{"\\ud800": null}',
        '{"a": 1}',
        '{"a": "nmae"}',
        '{"a": null, "a": "email"}',
    ],
    "options": [
        "x",
        '{"tag": "\\u0000"}',
        "[]",
        '{"mod": 1}',
        '{"mode": "X"}',
        '{"emptyCell": "CLEAR"}',
        "{" * 9000,
    ],
    "force": ["yes", ""],
    "other": ["1"],
}


async def test_what_cannot_be_imported_is_refused_and_does_not_stay(
    rest: Rest, tmp_path: Path
) -> None:
    """Neither a row nor a file is left of it."""
    viewer = await replace(rest, role=Role.VIEWER).post()
    assert problem_of(viewer) == (403, "FORBIDDEN")
    for more, status, code in REFUSED.values():
        assert problem_of(await rest.send(CONTACTS, "POST", **more)) == (status, code)
    for name, values in FIELDS.items():
        for value in values:
            for answer in (await rest.post(**{name: value}), await rest.plain(**{name: value})):
                assert problem_of(answer) == (400, "BAD_USER_INPUT")
    twice = await rest.send(
        f"{CONTACTS}?force=true&force=true", "POST", headers={"Content-Type": "text/csv"}
    )
    assert problem_of(twice) == (400, "BAD_USER_INPUT")

    assert await count(rest.resources.database, "uploads") == 0
    assert await count(rest.resources.database, "jobs") == 0
    assert files_in(tmp_path / "uploads") == []


def files_in(folder: Path) -> list[str]:
    return [path.name for path in folder.rglob("*") if path.is_file()]


async def test_options_that_are_wrong_are_told_by_name(rest: Rest) -> None:
    """With what they take, and with what goes together."""
    mode = (await rest.post(options='{"mode": "INSERT"}')).json()
    clash = (await rest.post(options='{"emptyCell": "CLEAR"}')).json()
    field = (await rest.post(mapping='{"E-mail": "mail"}')).json()

    assert (mode["path"], mode["allowed"]) == (
        "options.mode",
        ["CREATE_ONLY", "UPDATE_ONLY", "UPSERT"],
    )
    assert [problem["path"] for problem in clash["problems"]] == [["options", "emptyCell"]]
    assert "'mail'" in field["detail"]
    assert "email" in field["allowed"]


async def test_a_large_file_is_refused(database_url: URL, tmp_path: Path) -> None:
    """By what the client says, and by what it sends whatever it says."""
    async with open_app(database_url, tmp_path, max_import_size=10_000) as app:
        rest = Rest(app.http, app.resources)

        async def endless() -> AsyncIterator[bytes]:
            yield b"a,b\n"
            for _ in range(100):
                yield b"1,2\n" * 100

        answers = [
            await rest.post(b"a,b\n" * 2501),
            await rest.plain(b"a,b\n" * 2501),
            await rest.plain(endless()),
            await rest.send(
                CONTACTS,
                "POST",
                content=endless(),
                headers={"Content-Type": "text/csv", "Content-Length": "10"},
            ),
        ]
        taken = [await rest.post(b"a,b\n" * 2500), await rest.plain(b"a;b\n" * 2500)]

        assert [problem_of(answer) for answer in answers] == [(413, "PAYLOAD_TOO_LARGE")] * 4
        assert [answer.status_code for answer in taken] == [202] * 2
        assert len(files_in(tmp_path / "uploads")) == 2


async def test_a_large_form_takes_no_memory(rest: Rest) -> None:
    """Fifty megabytes go through while hardly more is held than before."""
    head = b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.csv"\r\n\r\na,b\n'
    seen: list[int] = []

    async def body() -> AsyncIterator[bytes]:
        yield head
        for _ in range(50 * 16):
            yield b"1,2\n" * (2**14)
            seen.append(_memory_bytes())
        yield b"\r\n--x--\r\n"

    headers = {"Content-Type": "multipart/form-data; boundary=x"}
    before = _memory_bytes()
    answer = await rest.send(CONTACTS, "POST", content=body(), headers=headers)

    assert answer.status_code == 202
    assert answer.json()["job"]["total"] == 50 * 2**20 + 4
    assert max(seen) - before < 8 * 2**20


def _memory_bytes() -> int:
    with open("/proc/self/statm") as file:  # noqa: PTH123  # no file that lies anywhere
        return int(file.read().split()[1]) * 4096


async def test_nothing_stays_of_a_file_whose_sender_leaves(rest: Rest, tmp_path: Path) -> None:
    """And who asks first whether a file may be sent is told at once that it may not."""
    token = rest.resources.tokens.issue(STRANGER, Role.EDITOR, ttl_seconds=600)
    start = (
        f"POST {CONTACTS} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\n"
        "Content-Type: text/csv\r\n"
    )
    async with serving(create_app(rest.resources)) as served:
        reader, writer = await asyncio.open_connection("127.0.0.1", served.port)
        writer.write(f"{start}Content-Length: 99999\r\n\r\n".encode() + b"a,b\n" * 5000)
        await until(lambda: files_in(tmp_path / "uploads") != [])
        writer.close()
        await until(lambda: files_in(tmp_path / "uploads") == [])

        reader, writer = await asyncio.open_connection("127.0.0.1", served.port)
        length = rest.resources.settings.max_import_size + 1
        asked = f"{start}Content-Length: {length}\r\nExpect: 100-continue\r\n\r\n"
        writer.write(asked.encode())
        status = await asyncio.wait_for(reader.readline(), PATIENCE)
        writer.close()

    assert status.startswith(b"HTTP/1.1 413")
    assert await count(rest.resources.database, "uploads") == 0


async def until(is_so: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE):
        while True:
            if is_so():
                return
            await asyncio.sleep(0.01)
