"""Headers that keep browsers careful: on every answer, whatever answers, and each of them once."""

import re
from pathlib import Path

import httpx
import pytest
from sqlalchemy.engine import URL
from starlette.responses import JSONResponse
from starlette.types import Receive, Scope, Send
from structlog.testing import capture_logs

from app.middleware import RequestMiddleware
from app.pages import CONTENT_SECURITY_POLICY
from tests.apps import open_app
from tests.graph.answers import JSON, TYPENAME
from tests.graph.following import following, token
from tests.graph.sockets import opened, until
from tests.processes import command
from tests.served import serving

NO_PAGE = "default-src 'none'; frame-ancestors 'none'"
HSTS = "strict-transport-security"


def assert_careful(headers: httpx.Headers, *, policy: str = NO_PAGE) -> None:
    """Each header is there once."""
    assert headers.get_list("x-content-type-options") == ["nosniff"]
    assert headers.get_list("referrer-policy") == ["no-referrer"]
    assert headers.get_list("content-security-policy") == [policy]


async def test_every_answer_keeps_browsers_careful(database_url: URL, tmp_path: Path) -> None:
    """GraphQL, REST, files, errors and what is not there; cookies are set by none."""
    async with open_app(database_url, tmp_path) as app:
        token = app.client().headers["Authorization"]
        signed_in = {"Authorization": token}
        answers = [
            await app.post(TYPENAME),
            await app.post("{"),
            await app.get({"query": "{ __typename }"}),
            await app.http.post("/graphql", content=TYPENAME),
            await app.http.put("/graphql"),
            await app.http.get("/health"),
            await app.http.get("/nothing"),
            await app.http.delete("/health"),
            await app.http.get("/api/v1/contacts/stream/", headers=signed_in),
            await app.http.get("/api/v1/contacts/stream/"),
            await app.http.options("/api/v1/uploads/"),
            await app.http.post("/api/v1/uploads/"),
            await app.http.get("/api/v2/users/profile/avatar/", headers=signed_in),
            await app.http.get("/explorer/assets/0/nothing.js"),
        ]
        etag = answers[2].headers["etag"]
        kept = await app.get({"query": "{ __typename }"}, **{"If-None-Match": etag})
        page = await app.http.get("/explorer")
    assert kept.status_code == 304
    for answer in (*answers, kept):
        assert_careful(answer.headers)
        assert HSTS not in answer.headers
        assert "set-cookie" not in answer.headers
    assert_careful(page.headers, policy=CONTENT_SECURITY_POLICY)


async def test_bug_is_answered_as_carefully() -> None:
    """An answer of the last resort has what all have."""

    async def broken(_scope: Scope, _receive: Receive, _send: Send) -> None:
        raise LookupError("secret")

    transport = httpx.ASGITransport(RequestMiddleware(broken))
    async with httpx.AsyncClient(transport=transport, base_url="https://test") as http:
        with capture_logs():
            answer = await http.get("/")
    assert answer.status_code == 500
    assert_careful(answer.headers)
    assert answer.headers[HSTS] == "max-age=31536000"


async def test_stream_of_events_is_as_careful(server_url: URL) -> None:
    """What is sent piece by piece has the headers before its first piece."""
    async with following(server_url) as server, httpx.AsyncClient() as http:
        headers = {"Authorization": token(), "Accept": "text/event-stream"}
        content = '{"query": "subscription { numbers(upto: 1) { number } }"}'
        answer = await http.post(
            f"{server.served.http}/graphql",
            content=content,
            headers={**headers, "Content-Type": JSON},
        )
    assert answer.headers["content-type"].startswith("text/event-stream")
    assert_careful(answer.headers)


async def answer_scheme(scope: Scope, receive: Receive, send: Send) -> None:
    """Tell what the server takes the request for."""
    told = {"scheme": scope["scheme"], "client": scope["client"][0]}
    await JSONResponse(told)(scope, receive, send)


@pytest.mark.parametrize(
    ("proxies", "is_believed"),
    [
        (["127.0.0.1"], True),
        (["10.0.0.0/8", "127.0.0.0/8"], True),
        (["*"], True),
        (["10.0.0.1"], False),
        ([], False),
    ],
)
async def test_only_proxies_of_ours_are_believed(proxies: list[str], *, is_believed: bool) -> None:
    """Whom a request is from and how it came is what a proxy says, if it is one that we know."""
    forwarded = {"X-Forwarded-Proto": "https", "X-Forwarded-For": "203.0.113.7"}
    async with (
        serving(RequestMiddleware(answer_scheme), proxies=proxies) as served,
        httpx.AsyncClient() as http,
    ):
        answer = await http.get(served.http, headers=forwarded)
        plain = await http.get(served.http)
    assert answer.json()["scheme"] == ("https" if is_believed else "http")
    assert answer.json()["client"] == ("203.0.113.7" if is_believed else "127.0.0.1")
    assert (HSTS in answer.headers) is is_believed
    assert HSTS not in plain.headers


async def test_served_over_https_by_a_proxy_browsers_stay_there(
    database_url: URL, tmp_path: Path
) -> None:
    """The settings of a server reach it: its own machine's proxies are believed without any."""
    arguments = ("serve", "--port=0", "--no-jobs")
    async with command(*arguments, database_url=database_url, folder=tmp_path) as server:
        (address,) = re.findall(r"http://[\d.:]+", await server.says("GraphQL"))
        async with httpx.AsyncClient(base_url=address) as http:
            secure = await http.get("/health/live", headers={"X-Forwarded-Proto": "https"})
            plain = await http.get("/health/live")
    assert secure.headers[HSTS] == "max-age=31536000"
    assert HSTS not in plain.headers
    assert_careful(secure.headers)


async def test_connections_beyond_the_limit_are_sent_away() -> None:
    """Those that are there go on being answered, sockets among them; room is given back."""
    app = RequestMiddleware(answer_scheme)
    async with (
        serving(app, max_connections=1) as served,
        httpx.AsyncClient() as first,
        httpx.AsyncClient() as second,
    ):
        assert (await first.get(served.http)).status_code == 200
        refused = await second.get(served.http)
        assert (refused.status_code, refused.headers["retry-after"]) == (503, "1")
        assert (await first.get(served.http)).status_code == 200
        await first.aclose()
        await until(lambda: not served.connections)
        assert (await second.get(served.http)).status_code == 200


async def test_sockets_are_among_the_connections(server_url: URL) -> None:
    """One that is open goes on; whoever comes while there is no room is sent away."""
    async with (
        following(server_url, max_connections=1) as server,
        opened(server.served.socket) as socket,
        httpx.AsyncClient() as http,
    ):
        await socket.init(token())
        assert (await http.get(f"{server.served.http}/graphql")).status_code == 503
        await socket.subscribe("{ role }")
        assert (await socket.next())["data"] == {"role": "viewer"}
