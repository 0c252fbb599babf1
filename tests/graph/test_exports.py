"""Export jobs through GraphQL: what they write, who follows them, and what is refused."""

import hashlib
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from sqlalchemy.engine import URL

from app.resources import Resources
from domain.enums import Role
from domain.exports import DEFAULT_COLUMNS, ExportEntity
from domain.records import NewLocation
from domain.scalars import write_datetime
from domain.tasks import ExportRecords
from domain.viewer import Viewer
from tests.apps import App, open_app
from tests.client import Client
from tests.factories import make_contact
from tests.graph.bulk import problems
from tests.graph.exports import (
    COMPANIES_URL,
    CONTACTS_URL,
    CREATE,
    EXPORT_JOB,
    ClientAs,
    create,
    exported,
    link,
    shown,
)
from tests.graph.jobs import set_job, uuid_of
from tests.graph.rows import execute, read_rows
from tests.graph.test_subscriptions import context_of, events

NAMED = "query ($id: ID!) { job(id: $id) { ...Export __typename kind } }" + EXPORT_JOB
LIST = "{ jobs { nodes { id __typename kind ...Export } } }" + EXPORT_JOB
FOLLOW = "subscription ($id: ID!) { jobProgress(id: $id) { ...Export } }" + EXPORT_JOB

BY_NAME = [{"field": "FIRST_NAME", "direction": "DESC"}]
IN_PARIS = {"city": {"eq": "Paris"}, "createdAt": {"gte": "2020-01-01T00:00:00Z"}}


@pytest.fixture
async def viewer(client_as: ClientAs) -> Client:
    """A client that may only read."""
    return await client_as(Role.VIEWER)


@pytest.fixture
async def contacts(resources: Resources) -> list[str]:
    """The UUIDs of those in Paris, by their names from Z to A; another one is elsewhere."""
    made = []
    for name, city in (("Carl", "Paris"), ("Berta", "Rome"), ("Ada", "Paris")):
        row = await make_contact(
            resources.database, first_name=name, location=NewLocation(city=city)
        )
        made += [str(row.uuid)] if city == "Paris" else []
    return made


async def test_job_shows_what_was_asked_for(viewer: Client) -> None:
    """Who may read may export; nothing is told of a file before there is one."""
    given = {"filter": IN_PARIS, "orderBy": BY_NAME}
    payload = await create(
        viewer, contacts=given, format="CSV", columns=["uuid", "email"], clientMutationId="m"
    )
    job = payload["job"]
    assert job == {
        "__typename": "ExportJob",
        "id": job["id"],
        "kind": "EXPORT_RECORDS",
        "status": "QUEUED",
        "progress": 0.0,
        "done": "0",
        "total": None,
        "owner": {"email": "viewer@example.com"},
        "entity": "CONTACTS",
        "format": "CSV",
        "columns": ["uuid", "email"],
        "filter": IN_PARIS,
        **dict.fromkeys(("rowCount", "byteSize", "sha256", "truncated", "snapshotAt")),
        "expiresAt": None,
    }
    assert (payload["userErrors"], payload["clientMutationId"]) == ([], "m")
    assert await shown(viewer, job["id"]) == job
    assert await link(viewer, job["id"]) is None


async def test_job_without_choices_exports_all_with_the_usual_columns(viewer: Client) -> None:
    """Null is as if left out."""
    nothing = dict.fromkeys(("format", "columns", "maxResults", "bom", "raw", "contacts"))
    job = (await create(viewer, companies={"filter": None, "orderBy": None}, **nothing))["job"]
    assert (job["entity"], job["format"], job["filter"]) == ("COMPANIES", "JSONL", None)
    assert job["columns"] == list(DEFAULT_COLUMNS[ExportEntity.COMPANIES])


@pytest.mark.usefixtures("working")
async def test_file_has_the_rows_of_the_stream_and_what_the_job_tells(
    viewer: Client, resources: Resources, http: httpx.AsyncClient, contacts: list[str]
) -> None:
    """The same filter, order and columns give the same bytes by both ways."""
    given = {"filter": IN_PARIS, "orderBy": BY_NAME}
    how = {"format": "CSV", "columns": ["uuid", "firstName"], "bom": True}
    id_ = await exported(viewer, resources, contacts=given, **how)
    file = await http.get(await link(viewer, id_))
    url = (await viewer.query(CONTACTS_URL, **given, **how))["exportContactsStreamUrl"]
    stream = await http.get(url)
    rows = f"uuid,firstName\n{contacts[0]},Carl\n{contacts[1]},Ada\n"
    assert file.content == stream.content == b"\xef\xbb\xbf" + rows.encode()
    job = await shown(viewer, id_)
    assert (job["status"], job["progress"], job["done"], job["total"]) == ("COMPLETED", 1, "2", "2")
    assert (job["rowCount"], job["byteSize"]) == ("2", str(len(file.content)))
    assert (job["sha256"], job["truncated"]) == (hashlib.sha256(file.content).hexdigest(), False)
    assert job["snapshotAt"] < write_datetime(datetime.now(UTC)) < job["expiresAt"]


@pytest.mark.usefixtures("working")
async def test_job_tells_that_it_left_records_out(
    viewer: Client, resources: Resources, contacts: list[str]
) -> None:
    """More match than were wanted."""
    job = await shown(viewer, await exported(viewer, resources, maxResults=2))
    assert (job["rowCount"], job["truncated"]) == ("2", True)
    assert len(contacts) == 2


@pytest.mark.usefixtures("working")
async def test_export_of_another_user_is_nobodys_to_see(
    viewer: Client, client: Client, client_as: ClientAs, resources: Resources
) -> None:
    """An admin sees the job, but the file is the owner's alone."""
    id_ = await exported(viewer, resources)
    url = await link(viewer, id_)
    assert await shown(client, id_) is None
    admin = await client_as(Role.ADMIN)
    assert (await shown(admin, id_))["rowCount"] == "0"
    assert await link(admin, id_) is None
    path = urlsplit(url).path
    for stranger in (client, admin):
        answer = await stranger.http.get(path, headers=stranger.headers)
        assert (answer.status_code, answer.json()["code"]) == (404, "NOT_FOUND")
    assert (await viewer.http.get(path, headers=viewer.headers)).status_code == 200


async def test_result_of_an_attempt_that_could_not_end_is_not_shown(
    viewer: Client, resources: Resources
) -> None:
    """Its file is gone; the next attempt gives another."""
    id_ = (await create(viewer))["job"]["id"]
    (row,) = await read_rows(resources.database, "SELECT id FROM jobs")
    await set_job(resources.database, row[0], status="RUNNING", result={"rows": 1, "spool": "0"})
    job = await shown(viewer, id_)
    assert (job["rowCount"], job["sha256"], await link(viewer, id_)) == (None, None, None)


async def test_words_of_a_newer_release_are_null(viewer: Client, resources: Resources) -> None:
    """Its kind is known here; how its file is written is not."""
    id_ = (await create(viewer))["job"]["id"]
    newer = '{"format": "PARQUET", "entity": "DEALS"}'
    await execute(
        resources.database,
        "UPDATE jobs SET payload = jsonb_set(payload, '{export}', payload->'export' || $1::jsonb)",
        newer,
    )
    job = await shown(viewer, id_)
    assert (job["__typename"], job["entity"], job["format"]) == ("ExportJob", None, None)


async def test_job_of_a_newer_release_hides_no_other(viewer: Client, resources: Resources) -> None:
    """What it asks for is written in a form that is not known here; the rest is shown."""
    newer, known = [(await create(viewer))["job"]["id"] for _ in range(2)]
    await execute(
        resources.database,
        "UPDATE jobs SET version = $1, payload = '{\"exports\": []}'"
        " WHERE id = (SELECT min(id) FROM jobs)",
        ExportRecords.version + 1,
    )
    jobs = (await viewer.query(LIST))["jobs"]
    assert [(job["id"], job["__typename"]) for job in jobs["nodes"]] == [
        (known, "ExportJob"),
        (newer, "OtherJob"),
    ]
    job = (await viewer.query(NAMED, id=newer))["job"]
    assert (job["__typename"], job["kind"]) == ("OtherJob", "EXPORT_RECORDS")


@pytest.mark.usefixtures("working")
async def test_job_is_followed_to_its_end(viewer: Client, resources: Resources) -> None:
    """The last event has what the file is proved by."""
    id_ = (await create(viewer))["job"]["id"]
    context = context_of(resources, Viewer(await uuid_of(viewer), Role.VIEWER))
    told = [job async for job in events(FOLLOW, context, id=id_)]
    assert [job["__typename"] for job in told] == ["ExportJob"] * len(told)
    assert (told[-1]["status"], told[-1]["rowCount"]) == ("COMPLETED", "0")
    assert [job["progress"] for job in told] == sorted(job["progress"] for job in told)


async def test_job_is_made_once_under_its_key(viewer: Client, resources: Resources) -> None:
    """Sent again the mutation answers the same job."""
    given = {"contacts": {"filter": IN_PARIS}, "idempotencyKey": "k"}
    first, again = await create(viewer, **given), await create(viewer, **given)
    assert first == again
    assert len(await read_rows(resources.database, "SELECT FROM jobs")) == 1


@pytest.mark.parametrize(
    ("given", "paths"),
    [
        ({"contacts": None}, ["contacts"]),
        ({"contacts": {}, "companies": {}}, ["contacts"]),
        ({"columns": ["uuid", "shoeSize"]}, ["columns.1"]),
        ({"columns": []}, ["columns"]),
        ({"columns": ["uuid", "uuid"]}, ["columns.0"]),
        ({"maxResults": 0}, ["maxResults"]),
        ({"bom": True}, ["bom"]),
        ({"raw": True, "format": "JSON"}, ["raw"]),
        ({"maxResults": -1, "bom": True, "columns": ["x"]}, ["maxResults", "bom", "columns.0"]),
    ],
)
async def test_mistakes_are_told_where_they_stand(
    empty_app: App, given: dict[str, Any], paths: list[str]
) -> None:
    """All of them at once; there is no job then."""
    payload = await create(empty_app.client(), **given)
    assert payload["job"] is None
    assert problems(payload) == [("INVALID_VALUE", path) for path in paths]


@pytest.mark.parametrize(
    ("contacts", "words"),
    [
        ({"filter": {"city": {"eq": None}}}, "contacts.filter.city.eq is null."),
        ({"filter": {"and": [{"or": None}]}}, "contacts.filter.and[0].or is null."),
        ({"orderBy": []}, "orderBy is empty."),
        ({"orderBy": BY_NAME * 2}, "orderBy names a field twice."),
        ({"orderBy": [{"field": "RELEVANCE"}], "filter": {"search": "x"}}, "RELEVANCE ends"),
    ],
)
async def test_filter_and_order_are_checked_when_the_job_is_made(
    empty_app: App, contacts: dict[str, Any], words: str
) -> None:
    """Not only by the worker, who has nobody to tell."""
    failed = await empty_app.client().fail(CREATE, input={"contacts": contacts})
    assert failed["extensions"]["code"] == "BAD_USER_INPUT"
    assert failed["message"].startswith(words)


async def test_nothing_is_exported_where_it_is_switched_off(
    database_url: URL, tmp_path: Path
) -> None:
    """Neither by a job nor by an address."""
    async with open_app(database_url, tmp_path, enable_streaming_queries=False) as app:
        client = app.client()
        for failed in (
            await client.fail(CREATE, input={"contacts": {}}),
            await client.fail(CONTACTS_URL),
            await client.fail(COMPANIES_URL),
        ):
            assert failed["extensions"]["code"] == "FEATURE_DISABLED"
            assert "ENABLE_STREAMING_QUERIES" in failed["message"]


async def test_nothing_is_exported_without_a_token(empty_app: App) -> None:
    """Addresses are signed for somebody."""
    nobody = Client(empty_app.http, "")
    del nobody.headers["Authorization"]
    for failed in (
        await nobody.fail(CREATE, input={"contacts": {}}),
        await nobody.fail(CONTACTS_URL),
        await nobody.fail(COMPANIES_URL),
    ):
        assert failed["extensions"]["code"] == "UNAUTHENTICATED"
