"""gzip over HTTP: who gets it, and that nothing waits in the compressor."""

import gzip
import zlib
from collections.abc import AsyncGenerator
from contextlib import aclosing

import pytest

from streaming.compression import gzipped, takes_gzip


@pytest.mark.parametrize(
    ("header", "takes"),
    [
        ("gzip", True),
        ("gzip, deflate, br", True),
        ("GZIP", True),
        ("x-gzip", True),
        ("*", True),
        ("gzip;q=0.5", True),
        ("gzip; q=0.001", True),
        ("gzip;q=1.000", True),
        ("identity, gzip", True),
        ("identity;q=0.5, gzip;q=0.5", True),
        ("identity;q=0, *;q=0.1", True),
        ("", False),
        ("br, zstd", False),
        ("identity", False),
        ("gzip;q=0", False),
        ("gzip;q=0.000", False),
        ("gzip;q=0, *", False),
        ("*;q=0", False),
        ("identity, gzip;q=0.9", False),
        ("gzip;q=2", False),
        ("gzip;q=x", False),
    ],
)
def test_gzip_follows_the_weights(header: str, *, takes: bool) -> None:
    """It is sent to who takes it and would not rather have the bytes as they are."""
    assert takes_gzip(header) is takes


class Chunks:
    """Chunks that tell whether they were closed."""

    def __init__(self, *chunks: bytes) -> None:
        self.chunks = chunks
        self.is_closed = False

    async def read(self) -> AsyncGenerator[bytes, None]:
        try:
            for chunk in self.chunks:
                yield chunk
        finally:
            self.is_closed = True


async def test_what_was_compressed_is_what_came() -> None:
    """One gzip file, whatever the chunks; without any it is the file of nothing."""
    chunks = [b"a" * 100_000, b"b", b"\xff" * 9]
    packed = [chunk async for chunk in gzipped(Chunks(*chunks).read())]
    assert gzip.decompress(b"".join(packed)) == b"".join(chunks)
    assert gzip.decompress(b"".join([part async for part in gzipped(Chunks().read())])) == b""


async def test_each_chunk_can_be_read_at_once() -> None:
    """A spool that grows slowly is not held back."""
    unpack = zlib.decompressobj(wbits=31)
    async with aclosing(gzipped(Chunks(b"one", b"two").read())) as packed:
        assert unpack.decompress(await anext(packed)) == b"one"
        assert unpack.decompress(await anext(packed)) == b"two"


async def test_closing_closes_what_is_compressed() -> None:
    """A reader that leaves in the middle leaves nothing open."""
    chunks = Chunks(b"one", b"two")
    async with aclosing(gzipped(chunks.read())) as packed:
        await anext(packed)
        assert not chunks.is_closed
    assert chunks.is_closed
