"""Parts of exports over real HTTP: ranges, downloads that go on, and files that are no more."""

import asyncio
import hashlib

import pytest

from streaming.spool import Spool
from tests.served import Served
from tests.streaming.shop import LINES, Counter, Shop, is_problem
from tests.streaming.spooling import file_of, opened, until

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
