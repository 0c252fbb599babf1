"""Promises of `streaming.json_bodies` that a whole request does not show."""

from collections.abc import Iterator

import pytest
from starlette.requests import Request
from starlette.types import Message

from domain.errors import InvalidInput, PayloadTooLarge, RequestTimeout
from streaming.json_bodies import read_json_object


class Arriving:
    """A request whose body comes in these messages; remembers how many were taken."""

    def __init__(self, messages: Iterator[Message]) -> None:
        self._messages = messages
        self.taken = 0
        scope = {
            "type": "http",
            "method": "POST",
            "headers": [(b"content-type", b"application/json; charset=utf-8")],
        }
        self.request = Request(scope, self._receive)

    async def _receive(self) -> Message:
        self.taken += 1
        return next(self._messages)


def part(content: bytes, *, more: bool = True) -> Message:
    return {"type": "http.request", "body": content, "more_body": more}


async def test_a_body_may_come_in_parts() -> None:
    """However it is cut, it is read to its end."""
    parts = Arriving(iter([part(b'{"form'), part(b""), part(b'at": 1}', more=False)]))

    assert await read_json_object(parts.request, max_bytes=13) == {"format": 1}


async def test_a_client_that_leaves_has_no_body() -> None:
    """Half a body is no body, though it may look like one."""
    parts = Arriving(iter([part(b"{}"), {"type": "http.disconnect"}]))

    with pytest.raises(RequestTimeout):
        await read_json_object(parts.request, max_bytes=100)


async def test_a_large_body_is_read_past_its_limit_but_not_for_ever() -> None:
    """The client gets to read why it is refused, unless it never ends."""
    little = Arriving(iter([part(b"x" * 10), part(b"x" * 10, more=False)]))
    endless = Arriving(part(b"x" * 2**20) for _ in range(1000))
    for parts in (little, endless):
        with pytest.raises(PayloadTooLarge, match="larger than 15 bytes"):
            await read_json_object(parts.request, max_bytes=15)

    assert little.taken == 2
    assert endless.taken < 50


@pytest.mark.parametrize(
    ("body", "name"),
    [
        (b'{"filter": {"city": {"eq": "Berlin"}}, "filter": {}}', "filter"),
        (b'{"a": [{"b": {"c": 1, "d": 2, "c": 1}}]}', "c"),
        ('{"Ä": 1, "\\u00c4": 1}'.encode(), "Ä"),
    ],
)
async def test_a_name_that_stands_twice_is_refused(body: bytes, name: str) -> None:
    """At any depth and however it is written: taking the last would export everything."""
    parts = Arriving(iter([part(body, more=False)]))

    with pytest.raises(InvalidInput, match=f"The body has '{name}' twice"):
        await read_json_object(parts.request, max_bytes=100)


async def test_values_are_read_as_they_are() -> None:
    """The same name in two objects is no mistake."""
    body = b'{"a": {"b": 1}, "c": [{"b": 1.5}, {"b": null}]}'
    parts = Arriving(iter([part(body, more=False)]))

    read = await read_json_object(parts.request, max_bytes=100)
    assert read == {"a": {"b": 1}, "c": [{"b": 1.5}, {"b": None}]}
