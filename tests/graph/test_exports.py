"""Exports through GraphQL: jobs that write files, addresses of files and streams, and whose."""

import hashlib
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import jwt
import pytest
from sqlalchemy.engine import URL

from app.resources import Resources
from domain.enums import Role
from domain.exports import DEFAULT_COLUMNS, ExportEntity
from domain.records import NewLocation
from domain.scalars import write_datetime
from domain.tasks import ExportRecords
from domain.viewer import MAKE_JOBS, Permission, Viewer
from graph.exports import MAX_URL_CHARS
from jobs.exports import export_handlers
from tests.apps import App, open_app
from tests.client import Client
from tests.factories import make_company, make_contact
from tests.graph.bulk import problems
from tests.graph.jobs import set_job, uuid_of
from tests.graph.rows import execute, read_rows
from tests.graph.test_subscriptions import context_of, events
from tests.jobs.working import ended, worker

_JOB = """
fragment Export on ExportJob {
  __typename id kind status progress done total owner { email } entity format columns filter
  rowCount byteSize sha256 truncated snapshotAt expiresAt }
"""
CREATE = (
    "mutation ($input: CreateExportInput!) { createExport(input: $input) {"
    " job { ...Export } userErrors { code message path } clientMutationId } }" + _JOB
)
ONE = "query ($id: ID!) { job(id: $id) { ...Export } node(id: $id) { ...Export } }" + _JOB
NAMED = "query ($id: ID!) { job(id: $id) { ...Export __typename kind } }" + _JOB
LIST = "{ jobs { nodes { id __typename kind ...Export } } }" + _JOB
FOLLOW = "subscription ($id: ID!) { jobProgress(id: $id) { ...Export } }" + _JOB
LINK = "query ($id: ID!) { job(id: $id) { ... on ExportJob { downloadUrl } } }"
CONTACTS_URL = """
query ($filter: ContactFilter, $orderBy: [ContactOrder!], $format: ExportFormat! = JSONL,
  $columns: [String!], $maxResults: Int, $bom: Boolean! = false, $raw: Boolean! = false) {
  exportContactsStreamUrl(filter: $filter, orderBy: $orderBy, format: $format, columns: $columns,
    maxResults: $maxResults, bom: $bom, raw: $raw) }
"""
COMPANIES_URL = CONTACTS_URL.replace("Contact", "Company").replace(
    "exportCompanysStreamUrl", "exportCompaniesStreamUrl"
)

BY_NAME = [{"field": "FIRST_NAME", "direction": "DESC"}]
IN_PARIS = {"city": {"eq": "Paris"}, "createdAt": {"gte": "2020-01-01T00:00:00Z"}}

ClientAs = Callable[[Role], Awaitable[Client]]


@pytest.fixture
async def viewer(client_as: ClientAs) -> Client:
    """A client that may only read."""
    return await client_as(Role.VIEWER)


@pytest.fixture
async def working(resources: Resources, database_url: URL) -> AsyncIterator[None]:
    """A worker that does export jobs."""
    handlers = export_handlers(resources.exporter)
    async with worker(resources.database, database_url, handlers):
        yield


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


async def create(client: Client, **given: Any) -> dict[str, Any]:
    """The payload of `createExport`, of all contacts unless it is said otherwise."""
    wanted = given if "companies" in given else {"contacts": {}, **given}
    payload: dict[str, Any] = (await client.query(CREATE, input=wanted))["createExport"]
    return payload


async def exported(client: Client, resources: Resources, **given: Any) -> str:
    """The id of an export job that is completed."""
    id_: str = (await create(client, **given))["job"]["id"]
    (row_id,) = (await read_rows(resources.database, "SELECT max(id) FROM jobs"))[0]
    await ended(resources.database, row_id)
    return id_


async def shown(client: Client, id_: str) -> Any:
    """The job as it is, which `job` and `node` show alike."""
    data = await client.query(ONE, id=id_)
    assert data["job"] == data["node"]
    return data["job"]


async def link(client: Client, id_: str) -> Any:
    """The address of a job's file."""
    return (await client.query(LINK, id=id_))["job"]["downloadUrl"]


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
async def test_link_is_good_for_its_file_and_for_a_while(
    viewer: Client, resources: Resources, http: httpx.AsyncClient
) -> None:
    """Not for another file, not when it is changed, and not without its token."""
    first, second = [await exported(viewer, resources) for _ in range(2)]
    url, other = await link(viewer, first), await link(viewer, second)
    assert (await http.get(url)).status_code == 200
    path, _, token = url.partition("?token=")
    forged = [
        path,
        f"{other.partition('?')[0]}?token={token}",
        f"{path}?token={token[:-4]}AAAA",
        f"{path}?token={viewer.headers['Authorization'].removeprefix('Bearer ')}",
    ]
    for address in forged:
        answer = await http.get(address)
        assert (answer.status_code, answer.json()["code"]) == (401, "UNAUTHENTICATED")
    assert seconds_of(resources, url) <= 900


@pytest.mark.usefixtures("working")
async def test_link_is_for_tokens_that_could_download_without(
    client_as: ClientAs, resources: Resources, http: httpx.AsyncClient
) -> None:
    """A token of the owner with another scope sees the job, and reads no record by it."""
    admin = await client_as(Role.ADMIN)
    id_ = await exported(admin, resources)
    token = admin.headers["Authorization"].removeprefix("Bearer ")
    for scope in MAKE_JOBS:
        made = await resources.accounts.api_tokens.create(
            resources.tokens.read(token), name=scope.value, scopes=[scope], expires_at=None
        )
        url = await link(Client(http, made.secret), id_)
        assert (url is not None) is (scope is Permission.EXPORT), scope
    assert (await http.get(await link(admin, id_))).status_code == 200


def seconds_of(resources: Resources, url: str) -> float:
    """How long an address is good yet."""
    (token,) = parse_qs(urlsplit(url).query)["token"]
    claims = jwt.decode(token, options={"verify_signature": False})
    assert resources.links.read(token, url)
    left: float = claims["exp"] - datetime.now(UTC).timestamp()
    return left


@pytest.mark.usefixtures("working")
async def test_link_is_never_good_beyond_the_file(viewer: Client, resources: Resources) -> None:
    """The last of them is shorter, and then there is none."""
    id_ = await exported(viewer, resources)
    for left, is_there in ((60, True), (-1, False)):
        at = write_datetime(datetime.now(UTC) + timedelta(seconds=left))
        await let_expire(resources, at)
        assert (await shown(viewer, id_))["expiresAt"] == at
        url = await link(viewer, id_)
        assert (url is not None) is is_there
        assert url is None or 50 < seconds_of(resources, url) <= 60


async def let_expire(resources: Resources, at: str) -> None:
    """Have the files of all jobs stay until then, as those that ended say."""
    await execute(resources.database, "ALTER TABLE jobs DISABLE TRIGGER guard_job")
    await execute(
        resources.database,
        "UPDATE jobs SET result = jsonb_set(result, '{expiresAt}', to_jsonb($1::text))",
        at,
    )


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


async def test_stream_address_holds_what_was_asked_for(
    viewer: Client, resources: Resources, http: httpx.AsyncClient
) -> None:
    """It is followed without a token, and another question is not signed by it."""
    for name in ("Acme", "Base & Söhne"):
        await make_company(resources.database, name=name)
    given = {"filter": {"name": {"in": ["Base & Söhne"]}}, "columns": ["name"], "maxResults": 5}
    order = [{"field": "NAME", "nulls": "FIRST"}]
    url = (await viewer.query(COMPANIES_URL, **given, orderBy=order))["exportCompaniesStreamUrl"]
    assert url.startswith("/api/v1/companies/stream/?")
    answer = await http.get(url)
    assert answer.headers["content-type"].startswith("application/x-ndjson")
    assert answer.json() == {"name": "Base & Söhne"}
    assert 240 < seconds_of(resources, url) <= 300
    for one, other in (("max_results=5", "max_results=6"), ("/companies/", "/contacts/")):
        assert (await http.get(url.replace(one, other))).status_code == 401


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"columns": ["uuid", "shoeSize"]}, "contacts have no column shoeSize."),
        ({"columns": []}, "columns is empty."),
        ({"columns": ["uuid,email"]}, "contacts have no column uuid,email."),
        ({"maxResults": 0}, "max_results is"),
        ({"bom": True}, "bom goes with format=csv only."),
        ({"filter": {"city": {"eq": None}}}, "filter.city.eq is null"),
        ({"filter": {"and": None}}, "filter.and is null"),
        ({"orderBy": []}, "orderBy is empty."),
        ({"orderBy": [{"field": "RELEVANCE"}]}, "RELEVANCE"),
        ({"filter": {"city": {"in": ["x" * MAX_URL_CHARS]}}}, "The address would have"),
    ],
)
async def test_stream_address_is_refused_for_what_the_stream_would_refuse(
    empty_app: App, given: dict[str, Any], words: str
) -> None:
    """Whoever follows an address has nobody to ask what is wrong."""
    failed = await empty_app.client().fail(CONTACTS_URL, **given)
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
