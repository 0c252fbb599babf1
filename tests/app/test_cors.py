"""Scripts of other web sites: which may call, what they may send, and what they see."""

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from sqlalchemy.engine import URL

from tests.apps import App, open_app
from tests.graph.answers import TYPENAME

OURS = "https://app.example.com"
OTHERS = "https://evil.example"
ALLOWED = "access-control-allow-origin"
TUS = "authorization,content-type,tus-resumable,upload-checksum,upload-offset"


@pytest.fixture
async def app(database_url: URL, tmp_path: Path) -> AsyncIterator[App]:
    """A server that two sites may call."""
    origins = f"{OURS}, http://localhost:3000"
    async with open_app(database_url, tmp_path, cors_allow_origins=origins) as opened:
        yield opened


async def preflight(
    app: App, path: str, method: str, headers: str = "", *, origin: str = OURS
) -> httpx.Response:
    """The answer to what a browser asks before a request."""
    asked = {"Origin": origin, "Access-Control-Request-Method": method}
    if headers:
        asked["Access-Control-Request-Headers"] = headers
    return await app.http.options(path, headers=asked)


def listed(response: httpx.Response, name: str) -> set[str]:
    """What stands in a header, in small letters."""
    return {each.strip().lower() for each in response.headers[name].split(",")}


ASKED = (
    ("/graphql", "POST", "authorization,content-type,idempotency-key,x-request-id"),
    ("/graphql", "GET", "authorization,cache-control,if-none-match"),
    ("/api/v1/uploads/", "POST", "authorization,tus-resumable,upload-length,upload-metadata"),
    ("/api/v1/uploads/0", "PATCH", TUS),
    ("/api/v1/uploads/0", "HEAD", "authorization,tus-resumable"),
    ("/api/v1/uploads/0", "DELETE", "authorization,tus-resumable,x-http-method-override"),
    ("/api/v1/contacts/stream/", "GET", "authorization,range,if-range"),
    ("/api/v2/users/profile/avatar/", "DELETE", "authorization"),
)


async def test_browser_may_send_what_the_routes_take(app: App) -> None:
    """The question before a request is answered without a token, wherever it goes."""
    for path, method, headers in ASKED:
        answer = await preflight(app, path, method, headers)
        assert answer.status_code == 200
        assert answer.headers[ALLOWED] == OURS
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["x-request-id"]
        assert method.lower() in listed(answer, "access-control-allow-methods")
        assert set(headers.split(",")) <= listed(answer, "access-control-allow-headers")
        assert "origin" in listed(answer, "vary")
        assert answer.headers["x-content-type-options"] == "nosniff"


async def test_other_sites_may_not_call(app: App) -> None:
    """Neither the question before a request nor the answer to one names them."""
    for origin in (OTHERS, "null", OURS.upper(), f"{OURS}.evil.example", f"{OURS}:8443"):
        asked = await preflight(app, "/graphql", "POST", "authorization", origin=origin)
        answer = await app.post(TYPENAME, Origin=origin)
        assert asked.status_code == 400
        for response in (asked, answer):
            assert ALLOWED not in response.headers
            assert "origin" in listed(response, "vary")


async def test_answers_show_what_scripts_need(app: App) -> None:
    """Results and errors of every door; which site it was is part of what caches go by."""
    answers = [
        await app.post(TYPENAME, Origin=OURS),
        await app.post("{", Origin=OURS),
        await app.get({"query": "{ __typename }"}, Origin=OURS),
        await app.http.get("/api/v1/contacts/stream/", headers={"Origin": OURS}),
        await app.http.get("/nothing", headers={"Origin": OURS}),
    ]
    for answer in answers:
        assert answer.headers[ALLOWED] == OURS
        shown = listed(answer, "access-control-expose-headers")
        assert {"location", "upload-offset", "tus-resumable", "x-request-id", "etag"} <= shown
        assert {"content-disposition", "content-range", "retry-after", "x-total-count"} <= shown
        assert "origin" in listed(answer, "vary")
        assert "access-control-allow-credentials" not in answer.headers
    assert listed(answers[2], "vary") == {"accept", "authorization", "origin"}


async def test_what_is_not_taken_is_not_allowed(app: App) -> None:
    """A method or a header that no route knows is refused before it is sent."""
    for method, headers in (("PUT", ""), ("POST", "cookie"), ("POST", "x-anything")):
        assert (await preflight(app, "/graphql", method, headers)).status_code == 400


async def test_all_sites_may_call_when_all_are_allowed(database_url: URL, tmp_path: Path) -> None:
    """With `*` any site may, and still no browser sends who its user is by itself."""
    async with open_app(database_url, tmp_path, cors_allow_origins="*") as app:
        asked = await preflight(app, "/graphql", "POST", "authorization", origin=OTHERS)
        answer = await app.post(TYPENAME, Origin=OTHERS)
    for response in (asked, answer):
        assert response.headers[ALLOWED] == "*"
        assert "access-control-allow-credentials" not in response.headers


async def test_no_site_may_call_unless_it_is_said(database_url: URL, tmp_path: Path) -> None:
    """By itself a server answers its own pages, and its headers say nothing of other sites."""
    async with open_app(database_url, tmp_path) as app:
        asked = await preflight(app, "/graphql", "POST", "authorization")
        answer = await app.post(TYPENAME, Origin=OURS)
    assert asked.status_code == 405
    for response in (asked, answer):
        assert not [name for name in response.headers if name.startswith("access-control-")]
