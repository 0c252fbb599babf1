"""Exports over real HTTP: whole, in part, while they grow, and broken off when they fail."""

import asyncio
import gzip
import hashlib
import socket
from base64 import b64encode
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Message
from structlog.testing import capture_logs

from app.errors import answer_app_error
from app.middleware import RequestMiddleware
from domain.errors import AppError, Unavailable
from domain.exports import ExportFormat, Foreseen, Written
from streaming.downloads import Downloads, attachment
from streaming.spool import Sink, Spool
from streaming.spools import Spools
from tests.served import Served, serving
from tests.streaming.spooling import (
    MOMENT,
    Faucet,
    about,
    everything,
    file_of,
    opened,
    spools_in,
    until,
    written,
)

CHUNK_BYTES = 4096
LINES = b"".join(b'{"n": %d}\n' % number for number in range(3000))
PLAIN = {"Accept-Encoding": "identity"}
METHODS = ["GET", "HEAD", "POST"]


@dataclass(frozen=True)
class Shop:
    """A server that gives exports away, and a client of it.

    `/exports/{id}` is one export for ever, `/stream/{id}` would be another one each time.
    """

    spools: Spools
    served: Served
    http: httpx.AsyncClient
    folder: Path

    @property
    def tasks(self) -> int:
        """How many requests are under way."""
        return len(self.served.server.server_state.tasks)

    async def whole(self, data: bytes = LINES, **given: Any) -> tuple[str, Spool]:
        """A finished export and its path."""
        spool = await written(self.spools, data, **given)
        return f"/exports/{spool.id}", spool

    def growing(self, *given: bytes) -> tuple[str, Spool, Faucet]:
        """An export that grows as it is told to, and its path."""
        faucet = Faucet(*given)
        spool = self.spools.begin(about(), faucet)
        return f"/exports/{spool.id}", spool, faucet

    @asynccontextmanager
    async def raw(self, path: str, *lines: str, version: str = "1.1") -> AsyncIterator["Raw"]:
        """A request by a client that shows all bytes, and reads none by itself."""
        connection = socket.socket()
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.settimeout(0)
        loop = asyncio.get_running_loop()
        try:
            await loop.sock_connect(connection, ("127.0.0.1", self.served.port))
            text = "\r\n".join([f"GET {path} HTTP/{version}", "Host: x", *lines, "", ""])
            await loop.sock_sendall(connection, text.encode())
            yield Raw(connection)
        finally:
            connection.close()


@dataclass(frozen=True)
class Raw:
    """The end of a connection."""

    connection: socket.socket

    async def until(self, text: bytes) -> bytes:
        """What comes up to a text."""
        received = b""
        async with asyncio.timeout(10):
            while text not in received:
                received += await self._some()
        return received

    async def rest(self) -> bytes:
        """What comes until the server closes."""
        received = b""
        async with asyncio.timeout(10):
            while some := await self._some():
                received += some
        return received

    async def _some(self) -> bytes:
        return await asyncio.get_running_loop().sock_recv(self.connection, 65536)


class Counter:
    """What a server gives away for now: each test brings its own."""

    def __init__(self) -> None:
        self.spools: Spools
        self.downloads: Downloads
        self.on_found: Callable[[Spool], None]

    async def answer(self, request: Request) -> Response:
        spool = await self.spools.find(UUID(request.path_params["id"]))
        assert spool is not None
        self.on_found(spool)
        is_one = request.path_params["kind"] == "exports"
        return await self.downloads.answer(request, spool, takes_ranges=is_one)


@pytest.fixture(scope="module")
async def counter() -> AsyncIterator[tuple[Counter, Served]]:
    """One server for all tests here: each start and stop of one takes its time."""
    counter = Counter()
    app = Starlette(
        routes=[Route("/{kind}/{id}", counter.answer, methods=METHODS)],
        exception_handlers={AppError: answer_app_error},
        middleware=[Middleware(RequestMiddleware)],
    )
    async with serving(app, patience_seconds=0.2) as served:
        yield counter, served


@pytest.fixture
async def shop(counter: tuple[Counter, Served], tmp_path: Path) -> AsyncIterator[Shop]:
    """A server with small chunks, and exports of its own."""
    desk, served = counter
    desk.downloads = downloads(CHUNK_BYTES)
    desk.on_found = lambda _spool: None
    async with (
        httpx.AsyncClient(base_url=served.http, trust_env=False, headers=PLAIN) as http,
        spools_in(tmp_path) as desk.spools,
    ):
        shop = Shop(desk.spools, served, http, tmp_path)
        yield shop
        await until(lambda: shop.tasks == 0)


def downloads(chunk_bytes: int, **options: Any) -> Downloads:
    """What answers."""
    return Downloads(
        chunk_bytes=chunk_bytes, manifest_path=lambda id_: f"/exports/{id_}/manifest", **options
    )


def is_problem(answer: httpx.Response, status: int, code: str) -> bool:
    """Whether an answer is this error."""
    return (answer.status_code, answer.json()["code"]) == (status, code)


# Whole files.


async def test_finished_export_says_all_about_itself(shop: Shop) -> None:
    """Length, count, digests, name, tag and manifest stand in the headers."""
    path, spool = await shop.whole()
    answer = await shop.http.get(path)
    digest = b64encode(hashlib.sha256(LINES).digest()).decode()
    told = dict(answer.headers)
    assert (answer.status_code, answer.content) == (200, LINES)
    assert told.pop("x-request-id")
    assert told.pop("date")
    assert told.pop("content-disposition") == attachment(
        "contacts", ExportFormat.JSONL, spool.created_at
    )
    assert told == {
        "content-type": "application/x-ndjson",
        "content-length": str(len(LINES)),
        "accept-ranges": "bytes",
        "etag": f'"{spool.id.hex}"',
        "link": f'</exports/{spool.id}/manifest>; rel="describedby"',
        "digest": f"sha-256={digest}",
        "repr-digest": f"sha-256=:{digest}:",
        "x-total-count": "3000",
        "x-result-truncated": "false",
        "x-content-type-options": "nosniff",
        "referrer-policy": "no-referrer",
        "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
        "cache-control": "private, no-cache",
        "vary": "Accept-Encoding, Authorization",
    }


def test_file_is_named_for_what_it_holds() -> None:
    """What a header cannot hold is not in the plain name."""
    day = datetime(2026, 11, 22, tzinfo=UTC)
    assert attachment("contacts", ExportFormat.CSV, day) == (
        "attachment; filename=\"contacts-2026-11-22.csv\"; filename*=UTF-8''contacts-2026-11-22.csv"
    )
    assert attachment('ü"\r\n', ExportFormat.JSON, day) == (
        'attachment; filename="____-2026-11-22.json"; '
        "filename*=UTF-8''%C3%BC%22%0D%0A-2026-11-22.json"
    )


async def test_export_without_rows_is_whole_too(shop: Shop) -> None:
    """No bytes, and a length that says so."""
    path, _ = await shop.whole(b"")
    answer = await shop.http.get(path)
    assert (answer.status_code, answer.content) == (200, b"")
    assert (answer.headers["content-length"], answer.headers["x-total-count"]) == ("0", "0")


async def test_head_is_told_what_get_would_be(shop: Shop) -> None:
    """The same headers, and nothing behind them."""
    path, _ = await shop.whole()
    get, head = await shop.http.get(path), await shop.http.head(path)
    changing = {"date", "x-request-id"}
    assert head.content == b""
    assert {name: head.headers[name] for name in head.headers if name not in changing} == {
        name: get.headers[name] for name in get.headers if name not in changing
    }


# While it grows.


async def test_growing_export_is_read_as_it_comes(shop: Shop) -> None:
    """The first bytes come before the last ones are there; the end is that of the export."""
    path, _, faucet = shop.growing(b"one\n")
    async with shop.http.stream("GET", path) as answer:
        assert "content-length" not in answer.headers
        assert "digest" not in answer.headers
        assert "x-total-count" not in answer.headers
        assert answer.headers["transfer-encoding"] == "chunked"
        chunks = answer.aiter_raw()
        assert await anext(chunks) == b"one\n"
        faucet.give(b"two\n")
        assert await anext(chunks) == b"two\n"
        faucet.end()
        assert [chunk async for chunk in chunks] == []


async def test_what_is_foreseen_is_told_before_the_first_byte(shop: Shop) -> None:
    """Whether rows are missing is never found out at the end only."""
    may_end = asyncio.Event()

    async def source(sink: Sink) -> Written:
        sink.foresee(Foreseen(rows=7, truncated=True))
        await sink.write(b"one\n", rows=1)
        await may_end.wait()
        return Written(rows=7, truncated=True, snapshot_at=MOMENT)

    spool = shop.spools.begin(about(), source)
    async with shop.http.stream("GET", f"/stream/{spool.id}") as answer:
        assert answer.headers["x-total-count"] == "7"
        assert answer.headers["x-result-truncated"] == "true"
        may_end.set()
        assert await answer.aread() == b"one\n"


async def test_export_that_fails_before_its_first_byte_is_a_coded_error(shop: Shop) -> None:
    """Nothing has begun, so there is an answer of its own."""
    path, _, faucet = shop.growing()
    asking = asyncio.create_task(shop.http.get(path))
    await until(lambda: shop.tasks == 1)
    faucet.give(AppError("It failed."))
    answer = await asking
    assert is_problem(answer, 500, "INTERNAL_SERVER_ERROR")
    assert answer.json()["detail"] == "It failed."


@pytest.mark.parametrize("encoding", ["identity", "gzip"])
async def test_export_that_fails_later_breaks_the_connection(shop: Shop, encoding: str) -> None:
    """No client takes it for whole: the last chunk is not sent, and the log has one line."""
    path, _, faucet = shop.growing(b"one\n")
    with capture_logs() as logs:
        async with shop.raw(path, f"Accept-Encoding: {encoding}") as client:
            begin = await client.until(b"\x1f\x8b" if encoding == "gzip" else b"one")
            faucet.give(Unavailable("PostgreSQL has gone."))
            received = begin + await client.rest()
    assert received.startswith(b"HTTP/1.1 200")
    assert not received.endswith(b"0\r\n\r\n")
    broken = [entry for entry in logs if entry["event"] == "download_broken_off"]
    assert [entry["reason"] for entry in broken] == ["PostgreSQL has gone."]


async def test_broken_export_is_an_error_in_a_client(
    shop: Shop, caplog: pytest.LogCaptureFixture
) -> None:
    """It raises; no traceback of ours or of the server is logged."""
    path, _, faucet = shop.growing(b"one\n")
    async with shop.http.stream("GET", path) as answer:
        chunks = answer.aiter_raw()
        assert await anext(chunks) == b"one\n"
        faucet.give(Unavailable("PostgreSQL has gone."))
        with pytest.raises(httpx.RemoteProtocolError, match="incomplete"):
            await anext(chunks)
    await until(lambda: shop.tasks == 0)
    assert [record for record in caplog.records if record.exc_info] == []


# Ranges.


@pytest.mark.parametrize(
    ("header", "start", "end"),
    [("bytes=0-99", 0, 100), ("bytes=100-", 100, None), ("bytes=-100", len(LINES) - 100, None)],
)
async def test_range_is_a_part_of_the_file(
    shop: Shop, header: str, start: int, end: int | None
) -> None:
    """It says where it is cut from, and has the digest of the whole."""
    path, spool = await shop.whole()
    answer = await shop.http.get(path, headers={"Range": header})
    expected = LINES[start:end]
    assert (answer.status_code, answer.content) == (206, expected)
    size = len(LINES)
    assert answer.headers["content-range"] == f"bytes {start}-{start + len(expected) - 1}/{size}"
    assert answer.headers["content-length"] == str(len(expected))
    assert answer.headers["etag"] == spool.etag
    whole = await shop.http.get(path)
    assert answer.headers["repr-digest"] == whole.headers["repr-digest"]


@pytest.mark.parametrize("cut", [1, 4095, 4096, 4097, len(LINES) - 1])
async def test_download_that_was_cut_goes_on(shop: Shop, cut: int) -> None:
    """While it grew, at any byte: the parts make the file of the manifest."""
    path, spool, faucet = shop.growing(LINES)
    async with shop.http.stream("GET", path) as answer:
        tag = answer.headers["etag"]
        got = b""
        async for chunk in answer.aiter_raw():
            got += chunk
            if len(got) >= cut:
                break
    got = got[:cut]
    faucet.end()
    headers = {"Range": f"bytes={cut}-", "If-Range": tag}
    rest = await shop.http.get(path, headers=headers)
    assert rest.status_code == 206
    manifest = await spool.finished()
    assert hashlib.sha256(got + rest.content).hexdigest() == manifest.sha256


async def test_range_of_a_growing_export_waits_for_its_end(shop: Shop) -> None:
    """It has to say how long the whole is."""
    path, spool, faucet = shop.growing(b"one\n")
    asking = asyncio.create_task(shop.http.get(path, headers={"Range": "bytes=1-2"}))
    await until(lambda: shop.tasks == 1 and spool.bytes == 4)
    faucet.give(b"two\n")
    faucet.end()
    answer = await asking
    assert (answer.status_code, answer.content) == (206, b"ne")
    assert answer.headers["content-range"] == "bytes 1-2/8"


async def test_range_behind_the_end_is_refused_with_the_size(shop: Shop) -> None:
    """By a header, as HTTP asks for, and in the problem."""
    path, _ = await shop.whole()
    answer = await shop.http.get(path, headers={"Range": f"bytes={len(LINES)}-"})
    assert is_problem(answer, 416, "RANGE_NOT_SATISFIABLE")
    assert answer.headers["content-range"] == f"bytes */{len(LINES)}"


@pytest.mark.parametrize(
    ("method", "kind", "headers"),
    [
        ("GET", "exports", {"Range": "bytes=0-1,4-5"}),
        ("GET", "exports", {"Range": "bytes=x"}),
        ("GET", "exports", {"Range": "bytes=0-1", "If-Range": '"another"'}),
        ("GET", "exports", {"Range": "bytes=0-1", "If-Range": "Sun, 22 Nov 2026 10:00:00 GMT"}),
        ("GET", "stream", {"Range": "bytes=0-1"}),
        ("POST", "exports", {"Range": "bytes=0-1"}),
    ],
)
async def test_range_that_does_not_hold_gives_the_whole_file(
    shop: Shop, method: str, kind: str, headers: dict[str, str]
) -> None:
    """Several, malformed, of another file, or where each request makes a file of its own."""
    _, spool = await shop.whole()
    answer = await shop.http.request(method, f"/{kind}/{spool.id}", headers=headers)
    assert (answer.status_code, answer.content) == (200, LINES)
    assert "content-range" not in answer.headers


@pytest.mark.parametrize(
    "headers",
    [{}, {"Accept-Encoding": "gzip"}, {"Range": "bytes=5-"}],
    ids=["whole", "gzip", "range"],
)
async def test_file_that_goes_before_its_first_byte_is_not_found(
    counter: tuple[Counter, Served], shop: Shop, headers: dict[str, str]
) -> None:
    """Though it was there a moment ago: nothing has been sent, so there is an answer of its own."""

    def remove(spool: Spool) -> None:
        for suffix in (".json", ".data"):
            file_of(shop.folder, spool.id, suffix).unlink()

    counter[0].on_found = remove
    path, _ = await shop.whole()
    answer = await shop.http.get(path, headers=headers)
    assert is_problem(answer, 404, "NOT_FOUND")
    assert "expired" in answer.json()["detail"]
    assert opened(shop.folder) == []


# Conditions.


async def test_client_that_has_the_file_is_told_so(shop: Shop) -> None:
    """304 with its tag, and no word of content; for each form its own."""
    path, spool = await shop.whole()
    for tag, encoding in (
        (spool.etag, "identity"),
        (spool.etag, "gzip"),
        (f"W/{spool.etag}", "identity"),
        (f'"{spool.id.hex}-gzip"', "gzip"),
    ):
        headers = {"If-None-Match": tag, "Accept-Encoding": encoding}
        answer = await shop.http.get(path, headers=headers)
        assert (answer.status_code, answer.content) == (304, b"")
        assert answer.headers["etag"] == tag.removeprefix("W/")
        assert answer.headers["vary"] == "Accept-Encoding, Authorization"
        assert "content-type" not in answer.headers
    answer = await shop.http.get(path, headers={"If-None-Match": '"another"'})
    assert answer.status_code == 200


async def test_fresh_export_is_never_what_the_client_has(shop: Shop) -> None:
    """It was begun for this request; `*` is for what stood there before."""
    path, spool = await shop.whole()
    anything = {"If-None-Match": "*"}
    assert (await shop.http.get(path, headers=anything)).status_code == 304
    answer = await shop.http.get(f"/stream/{spool.id}", headers=anything)
    assert (answer.status_code, answer.content) == (200, LINES)


async def test_client_that_insists_on_another_file_is_refused(shop: Shop) -> None:
    """What it has and what is here would not fit together."""
    path, spool = await shop.whole()
    headers = {"If-Match": '"another"', "Range": "bytes=5-"}
    answer = await shop.http.get(path, headers=headers)
    assert is_problem(answer, 412, "PRECONDITION_FAILED")
    answer = await shop.http.get(path, headers=headers | {"If-Match": spool.etag})
    assert (answer.status_code, answer.content) == (206, LINES[5:])


# gzip.


async def test_gzip_is_another_form_with_a_tag_of_its_own(shop: Shop) -> None:
    """Without the length and the digest, which are those of the identity."""
    path, spool = await shop.whole()
    async with shop.http.stream("GET", path, headers={"Accept-Encoding": "gzip"}) as answer:
        packed = b"".join([chunk async for chunk in answer.aiter_raw()])
    assert gzip.decompress(packed) == LINES
    assert len(packed) < len(LINES) / 2
    assert answer.headers["content-encoding"] == "gzip"
    assert answer.headers["etag"] == f'"{spool.id.hex}-gzip"'
    assert answer.headers["x-total-count"] == "3000"
    assert not {"content-length", "digest", "repr-digest"} & answer.headers.keys()


async def test_gzip_of_a_growing_export_is_read_as_it_comes(shop: Shop) -> None:
    """Nothing waits in the compressor."""
    path, _, faucet = shop.growing(b"one\n")
    async with shop.http.stream("GET", path, headers={"Accept-Encoding": "gzip"}) as answer:
        chunks = answer.aiter_bytes()
        assert await anext(chunks) == b"one\n"
        faucet.give(b"two\n")
        faucet.end()
        assert b"".join([chunk async for chunk in chunks]) == b"two\n"


async def test_ranges_are_those_of_the_identity(shop: Shop) -> None:
    """A range is never compressed, and the tag of gzip never gives one."""
    path, spool = await shop.whole()
    headers = {"Accept-Encoding": "gzip", "Range": "bytes=1-"}
    answer = await shop.http.get(path, headers=headers)
    assert (answer.status_code, answer.content) == (206, LINES[1:])
    assert "content-encoding" not in answer.headers
    zipped = headers | {"If-Range": f'"{spool.id.hex}-gzip"'}
    answer = await shop.http.get(path, headers=zipped)
    assert (answer.status_code, answer.content) == (200, LINES)
    assert answer.headers["content-encoding"] == "gzip"
    insisting = {"Accept-Encoding": "gzip", "If-Match": spool.etag}
    answer = await shop.http.get(path, headers=insisting)
    assert (answer.status_code, answer.content) == (200, LINES)
    assert "content-encoding" not in answer.headers


# Clients that are old, slow, or gone.


async def test_reader_of_http_1_0_is_told_the_length(shop: Shop) -> None:
    """It knows no chunks, and would take any end for the end."""
    path, _, faucet = shop.growing(b"one\n")
    async with shop.raw(path, "Accept-Encoding: gzip", version="1.0") as client:
        await until(lambda: shop.tasks == 1)
        faucet.give(b"two\n")
        faucet.end()
        head, _, body = (await client.rest()).partition(b"\r\n\r\n")
    assert b"content-length: 8" in head
    assert b"transfer-encoding" not in head
    assert body == b"one\ntwo\n"


async def test_reader_that_is_too_slow_is_let_go(
    counter: tuple[Counter, Served], shop: Shop
) -> None:
    """It holds neither a file nor the connection; the log says why."""
    counter[0].downloads = downloads(2**20, patience_seconds=0.05)
    path, _ = await shop.whole(b"x" * 2**23)
    with capture_logs() as logs:
        async with shop.raw(path) as client:
            await client.until(b"\r\n\r\n")
            await until(lambda: shop.tasks == 0)
            assert opened(shop.folder) == []
            await until(lambda: shop.served.connections == 0)
    (entry,) = (entry for entry in logs if entry["event"] == "download_broken_off")
    assert entry["reason"] == "The client reads too slowly."
    assert entry["sent_bytes"] < 2**23


async def test_reader_that_leaves_leaves_nothing_open(shop: Shop) -> None:
    """In the middle of the bytes, with more to come; the export itself goes on."""
    path, spool, faucet = shop.growing(LINES)
    async with shop.raw(path) as client:
        await client.until(b"\r\n\r\n")
    await until(lambda: shop.tasks == 0)
    faucet.give(b"more\n")
    faucet.end()
    await spool.finished()
    assert opened(shop.folder) == []
    assert await everything(spool) == LINES + b"more\n"


@pytest.mark.parametrize("given", [(), (b"one\n",)], ids=["no byte yet", "some bytes"])
@pytest.mark.parametrize("range_", ["", "Range: bytes=1-"], ids=["whole", "range"])
async def test_client_that_leaves_while_nothing_comes_is_noticed(
    shop: Shop, given: tuple[bytes, ...], range_: str
) -> None:
    """Nobody waits for what nobody will read."""
    path, spool, _ = shop.growing(*given)
    async with shop.raw(path, *filter(None, [range_])) as client:
        if given and not range_:
            await client.until(b"one")
        await until(lambda: shop.tasks == 1)
    await until(lambda: shop.tasks == 0)
    assert (spool.is_growing, spool.is_left) == (True, True)


async def test_reader_is_closed_however_its_request_ends(shop: Shop) -> None:
    """Also when its task is cancelled, and again while it closes; a piece is never too large."""
    _, spool = await shop.whole()
    sent: list[Message] = []
    is_full = asyncio.Event()

    async def receive() -> Message:
        return await asyncio.Future()

    async def send(message: Message) -> None:
        sent.append(message)
        if len(sent) == 4:
            is_full.set()
            await asyncio.Future()

    scope = {"type": "http", "method": "GET", "headers": [], "http_version": "1.1"}
    response = await downloads(1000).answer(Request(scope, receive), spool, takes_ranges=True)
    answering = asyncio.create_task(response(scope, receive, send))
    await is_full.wait()
    assert opened(shop.folder) != []
    answering.cancel()
    await asyncio.sleep(0)
    answering.cancel()
    with pytest.raises(asyncio.CancelledError):
        await answering
    await until(lambda: opened(shop.folder) == [])
    assert [len(message.get("body", b"")) for message in sent] == [0, 1000, 0, 1000]
