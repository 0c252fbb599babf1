"""Exports over real HTTP that a client has already, or wants in another form."""

import gzip

from tests.streaming.shop import LINES, Shop, is_problem
from tests.streaming.spooling import until

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
