"""Promises of the REST routes of exports: what is answered, and to whom."""

import asyncio
import hashlib
import json
import os
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final
from uuid import uuid4

import httpx
import pytest
from sqlalchemy.engine import URL

from app.asgi import create_app
from app.resources import Resources
from db.transaction import Database
from domain.exports import ExportFormat, Foreseen, Written
from streaming.manifests import About
from streaming.spool import Sink, Spool
from tests.app.export_requests import COMPANIES, CONTACTS, Rest, make_people, path_of, problem_of
from tests.apps import STRANGER, App, open_app
from tests.factories import make_contact
from tests.served import serving
from tests.statements import Statements

DOCS: Final = Path(__file__).parents[2] / "docs" / "exports.md"


@pytest.fixture
def rest(http: httpx.AsyncClient, resources: Resources) -> Rest:
    return Rest(http, resources)


@pytest.fixture
async def people(resources_database: Database) -> None:
    """The same in the test's own database."""
    await make_people(resources_database)


@pytest.mark.parametrize("slash", ["", "/"])
async def test_contacts_and_companies_are_streamed(reader: Rest, slash: str) -> None:
    """Each route has its records, with and without a slash at the end."""
    contacts = await reader.get(CONTACTS.rstrip("/") + slash, columns="firstName")
    companies = await reader.get(COMPANIES.rstrip("/") + slash, columns="name", order_by="NAME")

    assert {json.loads(line)["firstName"] for line in contacts.text.splitlines()} == {
        "ada",
        "bob",
        "cleo",
    }
    assert companies.text == '{"name":"Acme"}\n{"name":"Zebra"}\n'


async def test_a_body_asks_for_the_same_as_a_query(reader: Rest) -> None:
    """What a GET says in parameters a POST may say in JSON, or in both."""
    filter_ = {"company": {"domain": {"eq": "acme.com"}}}
    body: dict[str, object] = {
        "filter": filter_,
        "seniority": "VP",
        "columns": ["email", "company.name"],
    }
    body |= {"orderBy": [{"field": "EMAIL", "direction": "DESC"}], "maxResults": 5}
    posted = await reader.send(f"{CONTACTS}?format=csv", "POST", json=body)
    got = await reader.get(
        CONTACTS,
        filter=json.dumps(filter_),
        seniority="VP",
        columns="email,company.name",
        order_by="EMAIL:DESC",
        max_results=5,
        format="csv",
    )

    assert posted.text == got.text
    assert posted.text == "email,company.name\ncleo@acme.com,Acme\nada@acme.com,Acme\n"


async def test_an_export_has_what_graphql_counts(reader: Rest, exporting_app: App) -> None:
    """The same filter finds as many rows as `totalCount`, and the same ones."""
    filter_ = {"seniority": {"eq": "VP"}}
    query = "query ($f: ContactFilter) { contacts(filter: $f) { totalCount nodes { email } } }"
    listed = (await exporting_app.client().query(query, f=filter_))["contacts"]
    answer = await reader.get(CONTACTS, filter=json.dumps(filter_), max_results=100)

    assert answer.headers["x-total-count"] == str(listed["totalCount"])
    assert await reader.emails(filter=json.dumps(filter_)) == sorted(
        node["email"] for node in listed["nodes"]
    )


@pytest.mark.parametrize(
    ("accept", "given", "media_type", "suffix"),
    [
        ("*/*", {}, "application/x-ndjson", "jsonl"),
        ("application/jsonl", {}, "application/x-ndjson", "jsonl"),
        ("text/csv", {}, "text/csv; charset=utf-8", "csv"),
        ("application/json", {}, "application/json", "json"),
        ("text/csv", {"format": "json"}, "application/json", "json"),
    ],
)
async def test_the_format_is_told(
    reader: Rest, accept: str, given: dict[str, str], media_type: str, suffix: str
) -> None:
    """An answer says what it is and how it may be called, and HEAD says so without any work."""
    for method in ("GET", "HEAD"):
        answer = await reader.send(CONTACTS, method, params=given, headers={"Accept": accept})
        assert answer.status_code == 200
        assert answer.headers["content-type"] == media_type
        assert (
            f"contacts-{datetime.now(UTC):%Y-%m-%d}.{suffix}"
            in (answer.headers["content-disposition"])
        )
        assert {"Accept", "Authorization"} <= set(answer.headers["vary"].split(", "))
        assert answer.headers["cache-control"] == "private, no-cache"
        assert answer.headers["x-content-type-options"] == "nosniff"


async def test_head_of_a_stream_reads_nothing(
    rest: Rest, people: None, statements: Statements
) -> None:
    """It is told what a GET would be refused for, and no file is written."""
    with statements.recorded() as ran:
        answer = await rest.send(CONTACTS, "HEAD")
        refused = await rest.send(CONTACTS, "HEAD", params={"columns": "emial"})

    assert (answer.status_code, answer.content) == (200, b"")
    assert refused.status_code == 400
    assert ran == []
    assert rest.resources.exporter.spools.statistics.begun == 0


async def test_each_stream_is_fresh(rest: Rest, people: None, resources_database: Database) -> None:
    """A new one shows what was written since, whatever range is asked for."""
    first = await rest.get(CONTACTS)
    await make_contact(resources_database, emails=("dora@acme.com",))
    second = await rest.get(CONTACTS, headers={"Range": "bytes=5-"})

    assert (first.text.count("\n"), second.text.count("\n")) == (3, 4)
    assert second.status_code == 200
    assert second.headers["etag"] != first.headers["etag"]


@pytest.mark.parametrize("condition", ["If-Range", "If-Match"])
async def test_a_stream_goes_on_with_the_file_it_names(
    rest: Rest, people: None, resources_database: Database, condition: str
) -> None:
    """By its tag the rest comes from the same state, though the records have changed."""
    first = await rest.get(CONTACTS, order_by="EMAIL")
    await make_contact(resources_database, emails=("aaa@acme.com",))
    named = {condition: first.headers["etag"], "Range": "bytes=20-"}
    rest_of_it = await rest.get(CONTACTS, order_by="EMAIL", headers=named)

    assert rest_of_it.status_code == 206
    assert first.content[:20] + rest_of_it.content == first.content
    assert rest_of_it.headers["content-range"] == (
        f"bytes 20-{len(first.content) - 1}/{len(first.content)}"
    )


async def test_a_file_that_was_asked_for_otherwise_is_never_spliced(reader: Rest) -> None:
    """A tag of another request, of another user or of nothing gets a new file, or an error."""
    mine = (await reader.get(CONTACTS, order_by="EMAIL")).headers["etag"]
    others = (await reader.other.get(CONTACTS)).headers["etag"]
    for tag in (mine, others, f'"{uuid4().hex}"', '"x"', f"W/{mine}"):
        named = {"If-Range": tag, "Range": "bytes=20-"}
        fresh = await reader.send(CONTACTS, headers=named)
        refused = await reader.send(CONTACTS, headers={"If-Match": tag})

        assert (fresh.status_code, fresh.text.count("\n")) == (200, 3)
        assert fresh.headers["etag"] not in tag
        assert problem_of(refused)[:2] == (412, "PRECONDITION_FAILED")


async def test_if_match_of_anything_is_no_condition(reader: Rest) -> None:
    """A star asks for a file, whichever it is."""
    answer = await reader.get(CONTACTS, headers={"If-Match": "*"})

    assert answer.text.count("\n") == 3


@pytest.mark.parametrize("slash", ["", "/"])
async def test_a_file_can_be_read_again(reader: Rest, slash: str) -> None:
    """Its own address has the same bytes and its parts, and its proof fits them."""
    first = await reader.get(CONTACTS, format="csv", seniority="VP")
    path = path_of(first) + slash
    again, part = await reader.get(path), await reader.get(path, headers={"Range": "bytes=-7"})
    head = await reader.send(path, "HEAD")
    proof = (await reader.get(f"{path_of(first)}/manifest{slash}")).json()

    assert again.content == first.content
    assert (part.status_code, part.content) == (206, first.content[-7:])
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["content-length"] == str(len(first.content))
    assert again.headers["etag"] == first.headers["etag"]
    assert again.headers["x-total-count"] == "2"
    assert proof.pop("snapshotAt").endswith("Z")
    assert proof == {
        "rows": 2,
        "bytes": len(first.content),
        "sha256": hashlib.sha256(first.content).hexdigest(),
        "truncated": False,
        "filter": {"seniority": {"in": ["VP"]}},
        "format": "CSV",
        "complete": True,
    }


async def test_what_is_not_there_and_what_is_not_yours_look_alike(
    rest: Rest, people: None, tmp_path: Path
) -> None:
    """Of a foreign file nobody learns that there is one, or was one."""
    expired = path_of(await rest.get(CONTACTS))
    for file in (tmp_path / "spool").iterdir():
        os.utime(file, (0, 0))
    foreign = path_of(await rest.other.get(CONTACTS))
    told = []
    for path in (expired, foreign, f"/api/v1/exports/{uuid4().hex}", "/api/v1/exports/passwd"):
        for suffix in ("", "/manifest"):
            answer = await rest.send(path + suffix)
            assert problem_of(answer)[:2] == (404, "NOT_FOUND")
            told.append(answer.text.replace(answer.headers["x-request-id"], ""))

    assert len(set(told)) == 1
    assert (await rest.other.send(foreign)).status_code == 200


class Halves:
    """Writes an export of which the second half waits until it is wanted."""

    def __init__(self) -> None:
        self.go_on = asyncio.Event()

    async def __call__(self, sink: Sink) -> Written:
        sink.foresee(Foreseen(truncated=True, rows=2))
        await sink.write(b"1\n", rows=1)
        await self.go_on.wait()
        await sink.write(b"2\n", rows=1)
        return Written(rows=2, truncated=True, snapshot_at=datetime(2026, 1, 31, tzinfo=UTC))


async def test_the_proof_of_a_growing_file_says_how_far_it_is(reader: Rest) -> None:
    """It does not wait, and is complete when the file is."""
    source = Halves()
    about = About(
        owner=STRANGER, entity="contacts", format=ExportFormat.JSONL, request="", filter={"a": 1}
    )
    spool: Spool = reader.resources.exporter.spools.begin(about, source)
    await spool.begun(enough_bytes=1, seconds=5)
    growing = (await reader.get(f"/api/v1/exports/{spool.id}/manifest")).json()
    source.go_on.set()
    await spool.finished()
    whole = (await reader.get(f"/api/v1/exports/{spool.id}/manifest")).json()

    assert growing == {
        "rows": 1,
        "bytes": 2,
        "sha256": None,
        "truncated": True,
        "snapshotAt": None,
        "filter": {"a": 1},
        "format": "JSONL",
        "complete": False,
    }
    assert growing.keys() == whole.keys()
    assert (whole["rows"], whole["bytes"], whole["complete"]) == (2, 4, True)


async def test_what_is_cut_off_is_told(database_url: URL, tmp_path: Path) -> None:
    """Before the first byte and in the proof, whether the client or the operator has a limit."""
    async with open_app(database_url, tmp_path, max_streaming_results=2) as app:
        rest = Rest(app.http, app.resources)
        for name in ("ada", "bob", "cleo"):
            await make_contact(app.resources.database, first_name=name)
        capped = await rest.get(CONTACTS, max_results=100)
        chosen = await rest.get(CONTACTS, max_results=1)
        proof = (await rest.get(f"{path_of(capped)}/manifest")).json()

    for answer, rows in ((capped, 2), (chosen, 1)):
        assert answer.headers["x-result-truncated"] == "true"
        assert answer.headers["x-total-count"] == str(rows) == str(answer.text.count("\n"))
    assert (proof["rows"], proof["truncated"]) == (2, True)


async def test_a_signed_address_needs_no_header(reader: Rest) -> None:
    """It is good for its parameters and for no others."""
    address = f"{CONTACTS}?columns=email&seniority=VP"
    signed = reader.resources.links.sign(address, STRANGER, ttl_seconds=60)
    answer = await reader.http.get(signed)
    refused = await reader.http.get(signed.replace("seniority=VP", "seniority=SENIOR"))

    assert answer.text.count("\n") == 2
    assert problem_of(refused)[:2] == (401, "UNAUTHENTICATED")


async def test_the_example_of_the_paper_reads_a_live_server(
    reader: Rest, exporting_app: App
) -> None:
    """The Python of docs/exports.md, as it stands there, has all contacts and their proof."""
    (code,) = re.findall(r"```python\n(.*?)```", DOCS.read_text("utf-8"), re.DOTALL)
    async with serving(create_app(exporting_app.resources)) as served:
        example: dict[str, Any] = {}
        exec(code.replace("http://127.0.0.1:8000", served.http), example)  # noqa: S102  # our paper
        token = reader.headers["Authorization"].removeprefix("Bearer ")
        contacts = await example["read_contacts"](token)

    assert sorted(contact["email"] for contact in contacts) == ["ada@acme.com", "cleo@acme.com"]
    assert {contact["company"]["name"] for contact in contacts} == {"Acme"}
