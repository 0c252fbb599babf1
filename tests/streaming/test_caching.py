"""REST answers that may be kept: exact headers, 304, and nothing for others of what is for one."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from streaming.caching import cache_response, create_cached_response
from streaming.routing import Endpoint

TOKEN = {"Authorization": "Bearer a.b.c"}
COOKIE = {"Cookie": "session=abc"}
METHODS = ["GET", "HEAD", "POST", "DELETE"]
Kept = Callable[[dict[str, str]], Response]


@asynccontextmanager
async def serving(endpoint: Endpoint) -> AsyncIterator[httpx.AsyncClient]:
    """HTTP to one route."""
    transport = httpx.ASGITransport(Starlette(routes=[Route("/", endpoint, methods=METHODS)]))
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        yield client


def decorated(status: int = 200, headers: dict[str, str] | None = None, **policy: Any) -> Endpoint:
    """A route whose answers are kept by a policy."""

    @cache_response(**policy)
    async def answer(_request: Request) -> Response:
        return JSONResponse({"id": 1}, status, headers)

    return answer


def created(data: object = None, **policy: Any) -> Endpoint:
    """A route that makes its own answer to be kept."""

    async def answer(request: Request) -> Response:
        return create_cached_response({"id": 1} if data is None else data, request, **policy)

    return answer


POLICIES: list[tuple[dict[str, Any], str]] = [
    ({"max_age": 300}, "public, max-age=300"),
    ({"max_age": 0}, "public, max-age=0"),
    ({"max_age": 60, "public": False}, "private, max-age=60"),
    ({"max_age": 60, "must_revalidate": True}, "public, max-age=60, must-revalidate"),
    (
        {"max_age": 60, "public": False, "must_revalidate": True},
        "private, max-age=60, must-revalidate",
    ),
    ({"max_age": None}, "no-store"),
]


@pytest.mark.parametrize(("policy", "header"), POLICIES)
@pytest.mark.parametrize("route", [decorated, created])
async def test_policy_becomes_the_header(
    route: Callable[..., Endpoint], policy: dict[str, Any], header: str
) -> None:
    """Word for word, by the decorator and by the function."""
    async with serving(route(**policy)) as client:
        answer = await client.get("/")
    assert answer.json() == {"id": 1}
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["cache-control"] == header
    assert ("etag" in answer.headers) == (policy["max_age"] is not None)


async def test_what_never_changes_is_immutable() -> None:
    """Reloading does not ask for it either."""
    async with serving(decorated(max_age=31_536_000, immutable=True)) as client:
        answer = await client.get("/")
    assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"


@pytest.mark.parametrize("route", [decorated, created])
@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_client_that_has_the_answer_is_told_so(
    route: Callable[..., Endpoint], method: str
) -> None:
    """304 has no body, and everything that a cache needs to go on keeping its copy."""
    async with serving(route(max_age=300)) as client:
        first = await client.get("/")
        told = await client.request(
            method, "/", headers={"If-None-Match": f'"other", W/{first.headers["etag"]}'}
        )
    assert (told.status_code, told.content) == (304, b"")
    for name in ("etag", "cache-control", "vary"):
        assert told.headers[name] == first.headers[name]
    assert "content-type" not in told.headers
    assert "content-length" not in told.headers


async def test_answer_that_a_client_has_keeps_all_headers_but_those_of_its_content() -> None:
    """Several of one name stay several."""

    @cache_response(max_age=300)
    async def endpoint(_request: Request) -> Response:
        answer = JSONResponse({"id": 1}, headers={"Content-Language": "en", "ETag": '"v1"'})
        answer.headers["Content-Security-Policy"] = "default-src 'none'"
        answer.set_cookie("first", "1")
        answer.set_cookie("second", "2")
        return answer

    async with serving(endpoint) as client:
        told = await client.get("/", headers={"If-None-Match": '"v1"'})
    assert told.status_code == 304
    cookies = told.headers.get_list("set-cookie")
    assert [cookie.partition(";")[0] for cookie in cookies] == ["first=1", "second=2"]
    others = {name: value for name, value in told.headers.items() if name != "set-cookie"}
    assert others == {
        "etag": '"v1"',
        "cache-control": "private, no-cache",
        "vary": "Authorization, Cookie",
        "content-security-policy": "default-src 'none'",
    }


async def test_tags_on_several_lines_are_one_list() -> None:
    """A client may send each in a header of its own."""
    async with serving(decorated(headers={"ETag": '"v2"'}, max_age=300)) as client:
        lines = [("If-None-Match", '"v1"'), ("If-None-Match", '"v2"')]
        told = await client.get("/", headers=lines)
    assert told.status_code == 304


async def test_weak_tag_of_an_answer_is_recognised() -> None:
    """An endpoint may know no more than that its answer means the same."""
    async with serving(decorated(headers={"ETag": 'W/"v1"'}, max_age=300)) as client:
        told = await client.get("/", headers={"If-None-Match": 'W/"v1"'})
    assert (told.status_code, told.headers["etag"]) == (304, 'W/"v1"')


@pytest.mark.parametrize("method", ["POST", "DELETE"])
@pytest.mark.parametrize("route", [decorated, created])
async def test_answer_to_a_change_is_not_kept(route: Callable[..., Endpoint], method: str) -> None:
    """It is sent as it is, whatever the client has."""
    async with serving(route(max_age=300)) as client:
        answer = await client.request(method, "/", headers={"If-None-Match": "*"})
    assert (answer.status_code, answer.json()) == (200, {"id": 1})
    assert answer.headers["cache-control"] == "no-store"
    assert "etag" not in answer.headers


async def test_endpoint_may_say_that_the_answer_to_a_change_is_kept() -> None:
    """What it says of itself stays."""
    explicit = {"Cache-Control": "max-age=7"}
    async with serving(decorated(headers=explicit, max_age=300)) as client:
        answer = await client.post("/")
    assert answer.headers["cache-control"] == "max-age=7"


async def test_answer_in_parts_has_headers_and_no_tag() -> None:
    """Its content is not known before it is sent; a tag of its own is as good as any."""

    @cache_response(max_age=300)
    async def endpoint(request: Request) -> Response:
        return StreamingResponse(iter([b"a", b"b"]), headers=dict(request.query_params))

    async with serving(endpoint) as client:
        answer = await client.get("/")
        tagged = await client.get("/?etag=%22v1%22", headers={"If-None-Match": '"v1"'})
    assert (answer.status_code, answer.content) == (200, b"ab")
    assert answer.headers["cache-control"] == "public, max-age=300"
    assert "etag" not in answer.headers
    assert (tagged.status_code, tagged.content) == (304, b"")


async def test_file_has_headers(tmp_path: Path) -> None:
    """It is sent from disk, with what is known of it there."""
    path = tmp_path / "page.txt"
    path.write_bytes(b"text")

    @cache_response(max_age=300)
    async def endpoint(_request: Request) -> Response:
        return FileResponse(path)

    async with serving(endpoint) as client:
        answer = await client.get("/")
    assert (answer.status_code, answer.content) == (200, b"text")
    assert answer.headers["cache-control"] == "public, max-age=300"


async def test_client_that_has_another_answer_gets_this_one() -> None:
    """A tag of before is no reason for 304."""
    async with serving(created({"version": 2}, max_age=300)) as client:
        answer = await client.get("/", headers={"If-None-Match": '"version-1"'})
    assert (answer.status_code, answer.json()) == (200, {"version": 2})


@pytest.mark.parametrize("route", [decorated, created])
@pytest.mark.parametrize("policy", [{"max_age": 300}, {"max_age": 300, "public": False}])
@pytest.mark.parametrize("who", [TOKEN, COOKIE])
async def test_answer_to_a_user_is_private(
    route: Callable[..., Endpoint], policy: dict[str, Any], who: dict[str, str]
) -> None:
    """Whatever the route says; and every answer says that it makes a difference who asks."""
    async with serving(route(**policy)) as client:
        told = await client.get("/", headers=who)
        without = await client.get("/")
        again = await client.get("/", headers={**who, "If-None-Match": told.headers["etag"]})
    assert told.headers["cache-control"] == "private, no-cache"
    assert told.headers["vary"] == without.headers["vary"] == "Authorization, Cookie"
    assert (again.status_code, again.headers["cache-control"]) == (304, "private, no-cache")


async def test_explicit_header_stays() -> None:
    """What an answer says of itself goes before what its route says."""
    explicit = {"Cache-Control": "public, max-age=7", "Vary": "Accept", "ETag": '"v7"'}
    async with serving(decorated(headers=explicit, max_age=300)) as client:
        answer = await client.get("/")
        told = await client.get("/", headers={"If-None-Match": '"v7"'})
    assert answer.headers["cache-control"] == "public, max-age=7"
    assert answer.headers["vary"] == "Accept, Authorization, Cookie"
    assert answer.headers["etag"] == '"v7"'
    assert told.status_code == 304


@pytest.mark.parametrize(
    ("explicit", "told"),
    [
        ("public, max-age=7", "private, no-cache"),
        ("s-maxage=7", "private, no-cache"),
        ("private, max-age=7", "private, max-age=7"),
        ("no-store", "no-store"),
    ],
)
@pytest.mark.parametrize("status", [200, 404])
@pytest.mark.parametrize("who", [TOKEN, COOKIE])
async def test_explicit_header_does_not_give_the_answer_to_a_user_away(
    explicit: str, told: str, status: int, who: dict[str, str]
) -> None:
    """It stays only where it keeps proxies out."""
    route = decorated(status, headers={"Cache-Control": explicit}, max_age=300)
    async with serving(route) as client:
        answer = await client.get("/", headers=who)
    assert answer.headers["cache-control"] == told


@pytest.mark.parametrize("explicit", [None, "public, max-age=7"])
@pytest.mark.parametrize("max_age", [300, None])
async def test_answer_that_gives_a_cookie_is_private(
    explicit: str | None, max_age: int | None
) -> None:
    """Nobody else is given the same cookie, whatever the route and the answer say."""
    headers = {"Set-Cookie": "session=abc"}
    if explicit is not None:
        headers["Cache-Control"] = explicit
    async with serving(decorated(headers=headers, max_age=max_age)) as client:
        answer = await client.get("/")
    nobodys = max_age is None and explicit is None
    assert answer.headers["cache-control"] == ("no-store" if nobodys else "private, no-cache")


@pytest.mark.parametrize("lines", [["private", "max-age=7"], ["max-age=7", "private"]])
async def test_explicit_header_on_several_lines_is_one(lines: list[str]) -> None:
    """Whichever of the lines keeps proxies out."""

    @cache_response(max_age=300)
    async def endpoint(_request: Request) -> Response:
        answer = JSONResponse({"id": 1})
        for line in lines:
            answer.headers.append("Cache-Control", line)
        return answer

    async with serving(endpoint) as client:
        answer = await client.get("/", headers=TOKEN)
    assert answer.headers.get_list("cache-control") == lines


@pytest.mark.parametrize("status", [201, 404, 500])
async def test_what_is_no_plain_answer_is_not_kept(status: int) -> None:
    """An error is nobody's to keep, however its route is declared."""
    async with serving(decorated(status, max_age=300)) as client:
        answer = await client.get("/", headers={"If-None-Match": "*"})
    assert (answer.status_code, answer.headers["cache-control"]) == (status, "no-store")
    assert "etag" not in answer.headers


async def test_bytes_are_sent_as_they_are() -> None:
    """With the media type that they have."""
    async with serving(created(b"<p>", max_age=1, media_type="text/html")) as client:
        answer = await client.get("/")
    assert answer.content == b"<p>"
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
