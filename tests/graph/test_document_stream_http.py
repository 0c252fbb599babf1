"""Streams of documents over HTTP, at both doors: who is answered, in what form, how to go on."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from typing import Any
from uuid import UUID

import httpx
import pytest

from app.asgi import graphql_view
from app.middleware import RequestMiddleware
from app.resources import Resources
from domain.enums import Role
from domain.exports import ExportFormat, Written
from graph.accept import EVENT_STREAM, LINES, negotiate
from streaming import downloads
from streaming.manifests import About
from streaming.spool import Sink
from tests.apps import STRANGER, App, OpenSharedApp
from tests.factories import make_company
from tests.graph.answers import JSON, NEW_TYPE, the_error
from tests.graph.document_streams import JSONL, ROUTE, Streaming, read_lines, streaming
from tests.graph.rows import execute

PLAIN = {"Accept-Encoding": "identity"}
DOORS = (ROUTE, "/graphql")
NAMES = "{ companies(orderBy: [{field: NAME}]) { nodes { name } } }"
REFUSED: dict[str, tuple[dict[str, Any], str, int, str]] = {
    "no list": ({"query": "{ viewer { id } }"}, "BAD_USER_INPUT", 400, "viewer is none."),
    "a mutation": (
        {"query": 'mutation { cancelJob(input: {id: "x"}) { clientMutationId } }'},
        "BAD_USER_INPUT",
        400,
        "this is a mutation.",
    ),
    "a subscription": (
        {"query": "subscription { contactChanged { __typename } }"},
        "BAD_USER_INPUT",
        400,
        "this is a subscription.",
    ),
    "no GraphQL": ({"query": "{ companies("}, "GRAPHQL_PARSE_FAILED", 400, "Syntax Error"),
    "an unknown field": (
        {"query": "{ companies { nodes { x } } }"},
        "GRAPHQL_VALIDATION_FAILED",
        400,
        "Cannot query field 'x'",
    ),
    "an unknown document": (
        {"documentId": "none"},
        "PERSISTED_QUERY_NOT_FOUND",
        400,
        "There is no stored document 'none'.",
    ),
    "no operation": ({}, "BAD_USER_INPUT", 400, "The request has no query"),
    "two operations": (
        {"query": "query A { jobs { nodes { id } } } query B { jobs { nodes { id } } }"},
        "BAD_USER_INPUT",
        400,
        "Name one operation of the document in operationName.",
    ),
    "a wrong variable": (
        {
            "query": "query ($n: Int) { jobs(first: $n) { nodes { id } } }",
            "variables": {"n": "x"},
        },
        "BAD_USER_INPUT",
        400,
        "Variable '$n' has invalid value",
    ),
    "a foreign cursor": (
        {"query": '{ jobs(after: "x") { nodes { id } } }'},
        "CURSOR_INVALID",
        400,
        "This is not a cursor of this server.",
    ),
    "an order without sense": (
        {"query": "{ companies(orderBy: []) { nodes { id } } }"},
        "BAD_USER_INPUT",
        400,
        "orderBy is empty.",
    ),
    "what others may see": (
        {"query": "{ suppressions { nodes { id } } }"},
        "FORBIDDEN",
        403,
        "suppressions needs the role",
    ),
}
ACCEPTED = {
    JSONL: LINES,
    LINES: LINES,
    "Application/JSONL; q=0.5": LINES,
    f"{JSONL}, */*": LINES,
    f"{JSONL}, {JSON};q=0.9": LINES,
    f"{JSONL};q=0.5, {LINES}": LINES,
    f"{EVENT_STREAM};q=0.3, {JSONL};q=0.4": LINES,
    f"{JSONL}, {JSON}": JSON,
    f"{NEW_TYPE}, {LINES}": NEW_TYPE,
    f"{EVENT_STREAM}, {JSONL}": EVENT_STREAM,
    f"{JSONL};q=0.5, */*": JSON,
    f"{JSONL};q=0": JSON,
    "*/*": JSON,
}


@pytest.fixture(scope="module")
async def streams(empty_app: App) -> AsyncIterator[Streaming]:
    """Streams of a database without rows."""
    async with streaming(empty_app.resources) as app:
        yield app


@asynccontextmanager
async def _seven(resources: Resources) -> AsyncIterator[Streaming]:
    for name in "ABCDEFG":
        await make_company(resources.database, name=name)
    async with streaming(resources) as app:
        yield app


@pytest.fixture(scope="module")
async def companies(open_shared_app: OpenSharedApp) -> AsyncIterator[Streaming]:
    """Streams of a database with seven companies, A to G, that is only read."""
    async with (
        open_shared_app("seven") as app,
        _seven(app.resources) as streams,
    ):
        yield streams


@pytest.fixture
async def changing(resources: Resources) -> AsyncIterator[Streaming]:
    """The same of a database that may be changed."""
    async with _seven(resources) as streams:
        yield streams


def error_of(response: httpx.Response) -> tuple[str, str, Any]:
    """The code, the message and the request of an answer that is an error, in the door's form."""
    if response.url.path == "/graphql":
        (error,) = response.json()["errors"]
        return error["extensions"]["code"], error["message"], error["extensions"]["requestId"]
    assert response.headers["content-type"] == "application/problem+json"
    problem = response.json()
    assert problem["status"] == response.status_code
    return problem["code"], problem["detail"], problem["requestId"]


@pytest.mark.parametrize("path", DOORS)
@pytest.mark.parametrize(("body", "code", "status", "message"), REFUSED.values(), ids=REFUSED)
async def test_what_is_wrong_is_told_before_the_first_line(
    streams: Streaming, path: str, body: dict[str, Any], code: str, status: int, message: str
) -> None:
    """Each door tells it in its own form, with its status."""
    headers = {"Accept": JSONL, **streams.headers()}
    response = await streams.http.post(path, json=body, headers=headers)
    told = error_of(response)
    assert (response.status_code, told[0]) == (status, code)
    assert message in told[1]
    assert told[2] == response.headers["x-request-id"]


@pytest.mark.parametrize("path", DOORS)
@pytest.mark.parametrize("query", [NAMES, "{ __schema { types { name } } }"])
async def test_nobody_is_streamed_to_without_a_token(
    streams: Streaming, path: str, query: str
) -> None:
    """Who is not known is told so, whatever they ask for."""
    response = await streams.http.post(path, json={"query": query}, headers={"Accept": JSONL})
    assert (response.status_code, error_of(response)[0]) == (401, "UNAUTHENTICATED")


async def test_route_tells_strangers_nothing_of_the_schema(streams: Streaming) -> None:
    """What is wrong with a document is for those who may read it."""
    response = await streams.http.post(ROUTE, json={"query": "{ nothing }"})
    assert (response.status_code, error_of(response)[0]) == (401, "UNAUTHENTICATED")


@pytest.mark.parametrize(("accept", "form"), ACCEPTED.items(), ids=ACCEPTED)
async def test_lines_are_for_who_wants_them_most(
    streams: Streaming, accept: str, form: str
) -> None:
    """Who names another form as well, and does not like it less, has that one."""
    assert negotiate(accept) == form
    response = await streams.post(NAMES, "/graphql", headers={"Accept": accept})
    assert response.headers["content-type"].partition(";")[0] == form
    assert "Accept" in response.headers["vary"]


@pytest.mark.parametrize("accepted", [(JSON, JSONL), (f"{JSON};q=0.5", JSONL)])
async def test_all_lines_of_the_header_count(streams: Streaming, accepted: tuple[str, str]) -> None:
    """A header may come in pieces, in any order; together they are one."""
    form = negotiate(", ".join(accepted))
    for each in (accepted, accepted[::-1]):
        headers = [*streams.headers().items(), *(("Accept", line) for line in each)]
        response = await streams.http.post("/graphql", json={"query": NAMES}, headers=headers)
        assert response.headers["content-type"].partition(";")[0] == form


@pytest.mark.parametrize("path", DOORS)
async def test_stream_says_what_it_is(
    companies: Streaming, path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It has one form, the name of its list, its proof and its tag, as every export."""
    monkeypatch.setattr(downloads, "_BEGINNING_SECONDS", 10)  # until then its end is waited for
    response = await companies.post(NAMES, path, headers=PLAIN)
    headers = response.headers
    assert [line["name"] for line in read_lines(response.content)] == [*"ABCDEFG"]
    assert headers["content-type"] == LINES
    assert 'filename="companies-' in headers["content-disposition"]
    assert headers["x-content-type-options"] == "nosniff"
    assert (headers["x-total-count"], headers["x-result-truncated"]) == ("7", "false")
    assert headers["etag"].strip('"') in headers["link"].replace("-", "")


async def test_route_has_a_form_of_its_own(companies: Streaming) -> None:
    """At the route of streams the header Accept decides nothing."""
    response = await companies.post(NAMES, headers={"Accept": JSON})
    assert response.headers["content-type"] == LINES
    assert len(read_lines(response.content)) == 7


async def test_field_that_cannot_be_had_is_no_null(companies: Streaming) -> None:
    """A row with an error in it is no row: the stream has not begun, and tells the error."""
    query = "{ companies { nodes { name contacts(first: 0) { nodes { id } } } } }"
    response = await companies.post(query)
    assert (response.status_code, error_of(response)[0]) == (400, "BAD_USER_INPUT")
    assert error_of(response)[1] == "A page has at least 1 row, 0 were asked for."


async def test_row_is_a_line_whatever_is_in_it(changing: Streaming) -> None:
    """Texts come back as they are, and no reader of lines takes a part of one for its end."""
    name = 'a\nb\r\nc\u2028d\u2029e\x85f\x0b\x0c\x1c"\\\U0001f600'
    await execute(changing.resources.database, "UPDATE companies SET name = $1", name)
    response = await changing.post("{ companies(first: 2) { nodes { name } } }")
    assert [json.loads(line) for line in response.text.splitlines()] == [{"name": name}] * 2


async def test_stream_may_be_asked_by_get(companies: Streaming) -> None:
    """A query is one however it comes; who asks for the head of it alone is refused."""
    headers = {"Accept": JSONL, **companies.headers()}
    response = await companies.http.get("/graphql", params={"query": NAMES}, headers=headers)
    assert len(read_lines(response.content)) == 7
    head = await companies.http.head("/graphql", params={"query": NAMES}, headers=headers)
    assert (head.status_code, head.headers["allow"]) == (405, "GET, POST")


async def test_route_ends_with_a_slash_or_without(streams: Streaming) -> None:
    """Both are the same, and neither sends the client to the other."""
    response = await streams.post(NAMES, ROUTE.rstrip("/"))
    assert (response.status_code, response.content) == (200, b"")


async def test_route_is_for_posts(streams: Streaming) -> None:
    """Any other method is refused."""
    response = await streams.http.get(ROUTE, headers=streams.headers())
    assert response.status_code == 405


async def test_one_operation_of_several_is_streamed(companies: Streaming) -> None:
    """The one that the request names."""
    query = f"query A {NAMES} query B {{ contacts {{ nodes {{ id }} }} }}"
    response = await companies.post(query, operationName="A")
    assert len(read_lines(response.content)) == 7


async def test_stream_is_taken_up_where_it_broke_off(changing: Streaming) -> None:
    """The same query with If-Range gets the rest of the same bytes, whatever changed since."""
    headers = {"Accept": JSONL, "Accept-Encoding": "identity", **changing.headers()}
    get = partial(changing.http.get, "/graphql", params={"query": NAMES})
    whole = await get(headers=headers)
    await make_company(changing.resources.database, name="AA")
    size, tag = len(whole.content), whole.headers["etag"]
    rest = await get(headers={**headers, "Range": "bytes=20-", "If-Range": tag})
    assert (rest.status_code, rest.content) == (206, whole.content[20:])
    assert rest.headers["content-range"] == f"bytes 20-{size - 1}/{size}"
    beyond = await get(headers={**headers, "Range": "bytes=5000-", "If-Range": tag})
    assert (beyond.status_code, error_of(beyond)[0]) == (416, "RANGE_NOT_SATISFIABLE")
    assert beyond.headers["content-range"] == f"bytes */{size}"


@pytest.mark.parametrize("path", DOORS)
async def test_same_post_gets_the_same_file(changing: Streaming, path: str) -> None:
    """Who names what a POST was answered with is not made to wait for it to be written again."""
    whole = await changing.post(NAMES, path, headers=PLAIN)
    await make_company(changing.resources.database, name="AA")
    tag = whole.headers["etag"]
    for condition in ({"If-Match": tag}, {"If-Range": tag, "Range": "bytes=20-"}):
        # Ranges are for GET; a POST has the whole file.
        again = await changing.post(NAMES, path, headers=PLAIN | condition)
        assert (again.status_code, again.content) == (200, whole.content)
        assert again.headers["etag"] == tag
    gone = await changing.post(NAMES, path, headers={"If-Match": f'"{"0" * 32}"'})
    assert (gone.status_code, error_of(gone)[0]) == (412, "PRECONDITION_FAILED")


@pytest.mark.parametrize("path", DOORS)
async def test_stream_of_something_else_is_not_taken_up(companies: Streaming, path: str) -> None:
    """Another document, other variables or another user begin anew, from the first byte."""
    query = "query ($n: Int) { companies(first: $n) { nodes { name } } }"
    whole = await companies.post(query, path, headers=PLAIN, variables={"n": 5})
    asked = {**PLAIN, "Range": "bytes=20-", "If-Range": whole.headers["etag"]}
    stranger = companies.headers(user=UUID(int=2))
    for other in (
        await companies.post(NAMES, path, headers=asked),
        await companies.post(query, path, headers=asked, variables={"n": 4}),
        await companies.post(query, path, headers=asked | stranger, variables={"n": 5}),
    ):
        assert other.status_code == 200
        assert other.headers["etag"] != whole.headers["etag"]
        assert read_lines(other.content)


async def test_stream_of_a_role_is_for_nobody_below_it(companies: Streaming) -> None:
    """What an admin was shown, the same user reads as an admin only."""
    admin = companies.headers(Role.ADMIN)
    whole = await companies.post(NAMES, headers=admin | PLAIN)
    file = whole.links["describedby"]["url"].removesuffix("/manifest")
    signed = companies.resources.links.sign(file, STRANGER, ttl_seconds=60)
    get = companies.http.get
    for refused in (
        await get(file, headers=companies.headers()),
        await get(f"{file}/manifest", headers=companies.headers(Role.EDITOR)),
        await get(signed),
    ):
        assert (refused.status_code, error_of(refused)[0]) == (404, "NOT_FOUND")
    again = await get(file, headers=admin | PLAIN)
    assert again.content == whole.content
    named = {"If-Match": whole.headers["etag"], **PLAIN}
    gone = await companies.post(NAMES, headers=named)
    assert (gone.status_code, error_of(gone)[0]) == (412, "PRECONDITION_FAILED")
    assert (await companies.post(NAMES, headers=admin | named)).content == whole.content


async def test_proof_tells_how_the_rows_were_read(companies: Streaming) -> None:
    """Which rows were asked for, that no one moment is shown, and what was cut below them."""
    query = """query ($f: CompanyFilter) { companies(filter: $f) { nodes { name
        contacts(first: 5000) { nodes { id } } } } }"""
    wanted = {"not": {"name": {"in": ["A", "B"]}}}
    response = await companies.post(query, variables={"f": wanted})
    manifest = await companies.http.get(
        response.links["describedby"]["url"], headers=companies.headers()
    )
    told = manifest.json()
    place = ["companies", "nodes", "contacts"]
    notice = {"code": "PAGE_SIZE_CAPPED", "path": place, "requested": 5000, "applied": 1000}
    assert response.headers["x-result-truncated"] == "true"
    assert (told["rows"], told["truncated"], told["notices"]) == (5, True, [notice])
    assert (told["snapshotAt"], told["filter"]) == (None, wanted)


@pytest.mark.parametrize("path", DOORS)
async def test_streams_can_be_switched_off(empty_app: App, path: str) -> None:
    """By ENABLE_STREAMING_QUERIES, for all of a server."""
    async with streaming(empty_app.resources, is_enabled=False) as app:
        response = await app.post(NAMES, path)
    assert (response.status_code, error_of(response)[0]) == (501, "FEATURE_DISABLED")


async def test_view_without_streams_says_so(empty_app: App) -> None:
    """Where an application has the view alone, there is nothing that could write a stream."""
    resources = empty_app.resources
    view = RequestMiddleware(graphql_view(resources, authenticate=resources.authentication))
    transport = httpx.ASGITransport(view)
    headers = {**empty_app.client().headers, "Accept": JSONL}
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as http:
        response = await http.post("/graphql", json={"query": NAMES}, headers=headers)
    the_error(response, 501, "FEATURE_DISABLED")


@pytest.mark.parametrize("path", DOORS)
async def test_user_with_too_many_exports_has_to_wait(empty_app: App, path: str) -> None:
    """Streams count among the exports of their user, and the answer says when to come again."""
    settings, spools = empty_app.resources.settings, empty_app.resources.exporter.spools
    ended = asyncio.Event()

    async def wait(_sink: Sink) -> Written:
        await ended.wait()
        return Written(rows=0, truncated=False, snapshot_at=None)

    about = About(owner=STRANGER, entity="jobs", format=ExportFormat.JSONL, request="")
    growing = [spools.begin(about, wait) for _ in range(settings.max_concurrent_exports)]
    async with streaming(empty_app.resources) as app:
        response = await app.post(NAMES, path)
        ended.set()
        for spool in growing:
            await spool.finished()
    assert (response.status_code, error_of(response)[0]) == (429, "RATE_LIMITED")
    assert int(response.headers["retry-after"]) > 0
