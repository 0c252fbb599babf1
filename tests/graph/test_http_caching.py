"""What a GET of GraphQL is told about keeping its answer, and when 304 is enough."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy.engine import URL

from domain.enums import Role
from tests.apps import App, open_app
from tests.factories import make_contact
from tests.graph.answers import JSON, NEW_TYPE, TYPENAME, as_body

COUNT = {"query": "{ contacts { totalCount } }"}
SCHEMA = {"query": "{ __schema { queryType { name } } }"}
PRIVATE = "private, no-cache"
VARY = "Accept, Authorization"


@pytest.fixture
async def app(database_url: URL, tmp_path: Path) -> AsyncIterator[App]:
    """An application on a database of its own."""
    async with open_app(database_url, tmp_path) as opened:
        yield opened


async def schema_of(app: App, method: str = "GET", **headers: str) -> httpx.Response:
    """The answer to somebody without a token."""
    return await app.http.request(method, "/graphql", params=SCHEMA, headers=headers)


async def test_client_that_has_the_answer_is_told_so(empty_app: App) -> None:
    """304 has no body, the same tag and policy, and says nothing of a content that is not there."""
    first = await empty_app.get(COUNT)
    assert first.status_code == 200
    assert first.headers["cache-control"] == PRIVATE
    assert first.headers["vary"] == VARY
    assert first.headers["etag"].startswith('"')
    told = await empty_app.get(COUNT, **{"If-None-Match": first.headers["etag"]})
    assert (told.status_code, told.content) == (304, b"")
    for name in ("etag", "cache-control", "vary"):
        assert told.headers[name] == first.headers[name]
    assert "content-type" not in told.headers
    assert "content-length" not in told.headers
    assert told.headers["x-request-id"] != first.headers["x-request-id"]


@pytest.mark.parametrize("form", ["W/{}", '"a, b", {}', "*", '"other",W/{} , "third"'])
async def test_tag_is_found_in_every_form(empty_app: App, form: str) -> None:
    """A proxy may have weakened it, a client may name several, or any at all."""
    tag = (await empty_app.get(COUNT)).headers["etag"]
    told = await empty_app.get(COUNT, **{"If-None-Match": form.format(tag)})
    assert told.status_code == 304


async def test_tag_is_found_in_every_line(empty_app: App) -> None:
    """Source: RFC 9110, 5.3: a list may come in several lines of one header."""
    tag = (await empty_app.get(COUNT)).headers["etag"]
    token = ("Authorization", empty_app.client().headers["Authorization"])
    lines = [("If-None-Match", '"other"'), ("If-None-Match", tag)]
    told = await empty_app.http.get("/graphql", params=COUNT, headers=[token, *lines])
    assert told.status_code == 304


async def test_answer_that_has_changed_is_sent(app: App) -> None:
    """The tag is of the answer, not of the question."""
    before = await app.get(COUNT)
    await make_contact(app.resources.database)
    after = await app.get(COUNT, **{"If-None-Match": before.headers["etag"]})
    assert (after.status_code, after.json()["data"]) == (200, {"contacts": {"totalCount": 1}})
    assert after.headers["etag"] != before.headers["etag"]


async def test_tag_of_another_media_type_is_another(empty_app: App) -> None:
    """The two forms of an answer have the same bytes and are not the same."""
    json = await empty_app.get(COUNT, Accept=JSON)
    new = await empty_app.get(COUNT, Accept=NEW_TYPE, **{"If-None-Match": json.headers["etag"]})
    assert new.status_code == 200
    assert new.content == json.content
    assert new.headers["etag"] != json.headers["etag"]


async def test_head_is_answered_as_get_is(empty_app: App) -> None:
    """The same headers, and 304 too."""
    get = await empty_app.get(COUNT)
    token = {"Authorization": empty_app.client().headers["Authorization"]}
    head = await empty_app.http.head("/graphql", params=COUNT, headers=token)
    changing = {"x-request-id", "server-timing"}
    assert head.status_code == 200
    assert {k: v for k, v in head.headers.items() if k not in changing} == {
        k: v for k, v in get.headers.items() if k not in changing
    }
    token["If-None-Match"] = get.headers["etag"]
    assert (await empty_app.http.head("/graphql", params=COUNT, headers=token)).status_code == 304


async def test_post_has_no_tag(empty_app: App) -> None:
    """Its answer cannot be asked for again by an address."""
    answer = await empty_app.post(TYPENAME, **{"If-None-Match": "*"})
    assert answer.status_code == 200
    assert answer.headers["cache-control"] == PRIVATE
    assert answer.headers["vary"] == "Accept"
    assert "etag" not in answer.headers


@pytest.mark.parametrize(
    ("settings", "header"),
    [
        ({}, "public, max-age=300"),
        ({"http_cache_max_age": 60}, "public, max-age=60"),
        ({"http_cache_public": False}, "private, max-age=300"),
        ({"http_cache_must_revalidate": True}, "public, max-age=300, must-revalidate"),
    ],
)
async def test_what_needs_no_token_may_be_kept_as_the_settings_say(
    database_url: URL, tmp_path: Path, settings: dict[str, Any], header: str
) -> None:
    """The schema of a development server is everybody's; with a token it is private again."""
    async with open_app(database_url, tmp_path, **settings) as app:
        public = await schema_of(app)
        assert public.headers["cache-control"] == header
        assert public.headers["vary"] == VARY
        told = await schema_of(app, **{"If-None-Match": public.headers["etag"]})
        assert (told.status_code, told.headers["cache-control"]) == (304, header)
        private = await app.get(SCHEMA)
        assert private.headers["cache-control"] == PRIVATE
        assert private.headers["vary"] == VARY


@pytest.mark.parametrize("public", [True, False])
@pytest.mark.parametrize("role", list(Role))
async def test_answer_to_a_token_is_private_whatever_the_settings_say(
    database_url: URL,
    tmp_path: Path,
    public: bool,
    role: Role,
) -> None:
    """No proxy may keep it, and none may take it for somebody else's."""
    async with open_app(database_url, tmp_path, http_cache_public=public) as app:
        token = {"Authorization": app.client(role).headers["Authorization"]}
        for asked in (COUNT, SCHEMA, {"query": "{ __typename }"}):
            answer = await app.http.get("/graphql", params=asked, headers=token)
            assert answer.status_code == 200
            assert answer.headers["cache-control"] == PRIVATE
            assert answer.headers["vary"] == VARY


FAILING: dict[str, tuple[dict[str, str], dict[str, str], int]] = {
    "no token": (COUNT, {}, 401),
    "a wrong token": (SCHEMA, {"Authorization": "Bearer x"}, 401),
    "no query": ({}, {}, 400),
    "a document that does not fit": ({"query": "{ nothing }"}, {"Accept": NEW_TYPE}, 400),
    "the same as JSON": ({"query": "{ nothing }"}, {}, 200),
    "a mutation": (
        {"query": 'mutation { deleteContact(input: {id: "x"}) { __typename } }'},
        {},
        405,
    ),
}


@pytest.mark.parametrize(("asked", "headers", "status"), FAILING.values(), ids=FAILING.keys())
async def test_error_is_nobodys_to_keep(
    empty_app: App, asked: dict[str, str], headers: dict[str, str], status: int
) -> None:
    """Neither the browser nor a proxy keeps what may be right the next time."""
    sent = {"If-None-Match": "*", **headers}
    answer = await empty_app.http.get("/graphql", params=asked, headers=sent)
    assert answer.status_code == status
    assert answer.json()["errors"]
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["vary"] == VARY
    assert "etag" not in answer.headers


async def test_answer_that_is_not_whole_is_not_kept(empty_app: App) -> None:
    """One field that failed makes an answer an error, also where others have their data."""
    partial = {"query": '{ a: contact(id: "x") { id } b: __typename }'}
    answer = await empty_app.get(partial, **{"If-None-Match": "*"})
    assert (answer.status_code, answer.json()["data"]) == (200, {"a": None, "b": "Query"})
    assert answer.headers["cache-control"] == "no-store"
    assert "etag" not in answer.headers


async def test_stream_of_events_has_no_tag(empty_app: App) -> None:
    """What is read once as it comes is not asked for again."""
    answer = await empty_app.get(COUNT, Accept="text/event-stream", **{"If-None-Match": "*"})
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/event-stream")
    assert "etag" not in answer.headers


async def test_without_http_caching_a_get_is_answered_as_a_post(
    database_url: URL, tmp_path: Path
) -> None:
    """No tag, no 304, and nothing that others may keep."""
    async with open_app(database_url, tmp_path, enable_http_cache=False) as app:
        for answer in (
            await app.get(COUNT, **{"If-None-Match": "*"}),
            await schema_of(app, **{"If-None-Match": "*"}),
        ):
            assert answer.status_code == 200
            assert answer.headers["cache-control"] == PRIVATE
            assert answer.headers["vary"] == "Accept"
            assert "etag" not in answer.headers


async def test_stored_document_is_kept_by_its_address(database_url: URL, tmp_path: Path) -> None:
    """A short link names it, and its answer has a tag as every other."""
    (tmp_path / "count.graphql").write_text(COUNT["query"])
    async with open_app(database_url, tmp_path, documents_dir=tmp_path) as app:
        first = await app.get({"documentId": "count"})
        again = await app.get({"documentId": "count"}, **{"If-None-Match": first.headers["etag"]})
    assert first.json()["data"] == {"contacts": {"totalCount": 0}}
    assert again.status_code == 304


async def test_body_of_a_post_is_no_address(empty_app: App) -> None:
    """Two questions to the same address have their own answers, whatever header asks."""
    first = await empty_app.post(as_body("{ a: __typename }"), **{"If-None-Match": "*"})
    second = await empty_app.post(as_body("{ b: __typename }"), **{"If-None-Match": "*"})
    assert (first.status_code, second.status_code) == (200, 200)
