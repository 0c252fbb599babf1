"""Exports over real HTTP: whole, while they grow, when they fail, and when readers leave."""

import asyncio
import hashlib
from base64 import b64encode
from datetime import UTC, datetime

import httpx
import pytest
from starlette.requests import Request
from starlette.types import Message
from structlog.testing import capture_logs

from domain.errors import AppError, Unavailable
from domain.exports import ExportFormat, Foreseen, Written
from streaming.downloads import attachment
from streaming.spool import Sink
from tests.served import Served
from tests.streaming.shop import LINES, Counter, Shop, downloads, is_problem
from tests.streaming.spooling import MOMENT, about, everything, opened, until

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
