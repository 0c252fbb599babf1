"""The protocol of Redis: what is sent, and what is made of answers however they arrive."""

import asyncio
from typing import Any

import pytest
from redis.asyncio.connection import Connection
from redis.exceptions import BusyLoadingError, InvalidResponse, NoScriptError
from redis.exceptions import ConnectionError as ConnectionLost

from cache.redis_wire import Wire, packed

ANSWERS: list[tuple[bytes, Any]] = [
    (b"+OK\r\n", b"OK"),
    (b":-7\r\n", -7),
    (b"$2\r\n\r\n\r\n", b"\r\n"),
    (b"$0\r\n\r\n", b""),
    (b"$-1\r\n", None),
    (b"*0\r\n", []),
    (b"*3\r\n:1\r\n$5\r\nvalue\r\n*1\r\n$-1\r\n", [1, b"value", [None]]),
]


def make_wire() -> tuple[Wire, asyncio.StreamReader]:
    """A wire, and where its answers arrive."""
    wire, connection, arrived = Wire(2**16), Connection(), asyncio.StreamReader()
    connection._reader = arrived
    wire.on_connect(connection)
    return wire, arrived


def test_command_is_sent_in_one_piece() -> None:
    """Lengths are of bytes, whatever the words are."""
    assert packed("SET", "é", b"\r\n", 12) == (
        b"*4\r\n$3\r\nSET\r\n$2\r\n\xc3\xa9\r\n$2\r\n\r\n\r\n$2\r\n12\r\n"
    )


@pytest.mark.parametrize(("sent", "answer"), ANSWERS)
async def test_answer_is_the_same_wherever_it_is_cut(sent: bytes, answer: object) -> None:
    """In two parts, or byte by byte; what comes after it is the next answer's."""
    for cut in range(1, len(sent)):
        for parts in ([sent[:cut], sent[cut:] + b"+next\r\n"], [bytes([byte]) for byte in sent]):
            wire, arrived = make_wire()
            reading = asyncio.create_task(wire.read_response())
            for part in parts:
                arrived.feed_data(part)
                await asyncio.sleep(0)
            assert await reading == answer


async def test_answers_that_arrive_together_are_read_one_by_one() -> None:
    """And a connection with one that nobody asked for is seen to have it."""
    wire, arrived = make_wire()
    arrived.feed_data(b"+first\r\n+second\r\n")
    assert await wire.read_response() == b"first"
    assert await wire.can_read()
    assert await wire.read_response() == b"second"
    assert not await wire.can_read()


@pytest.mark.parametrize("sent", [b"", b"$5", b"$5\r\nva", b"*2\r\n:1\r\n"])
async def test_answer_that_ends_too_early_is_none(sent: bytes) -> None:
    """The connection is lost, whatever had arrived."""
    wire, arrived = make_wire()
    arrived.feed_data(sent)
    arrived.feed_eof()
    with pytest.raises(ConnectionLost):
        await wire.read_response()


async def test_refusal_of_a_command_is_its_answer() -> None:
    """A server that is starting takes none: that is as good as no server."""
    wire, arrived = make_wire()
    arrived.feed_data(b"-NOSCRIPT No matching script.\r\n-LOADING soon\r\n?\r\n")
    assert isinstance(await wire.read_response(), NoScriptError)
    with pytest.raises(BusyLoadingError):
        await wire.read_response()
    with pytest.raises(InvalidResponse):
        await wire.read_response()
