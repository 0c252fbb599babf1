"""Promises of forms with a file: what they have, in whatever pieces they come; what is refused."""

import asyncio
import random
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from starlette.requests import Request
from starlette.types import Message

from domain.errors import (
    AppError,
    InvalidInput,
    PayloadTooLarge,
    RequestTimeout,
    UnsupportedMediaType,
)
from streaming.bodies import Body
from streaming.multipart import open_form

BOUNDARY = "-----x9"
FIELDS = ("mapping", "options")


def part(name: str, content: bytes, *, filename: str | None = None, more: str = "") -> bytes:
    named = "" if filename is None else f'; filename="{filename}"'
    head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"{named}\r\n{more}\r\n'
    return head.encode() + content + b"\r\n"


END = f"--{BOUNDARY}--\r\n".encode()
FILE = part("file", b"a,b\r\n1,2\r\n", filename="c.csv", more="Content-Type: text/csv; x=y\r\n")


@dataclass
class Sent:
    """A request whose body comes in these pieces; counts the bytes that were taken."""

    pieces: Sequence[bytes]
    content_type: str = f"multipart/form-data; boundary={BOUNDARY}"
    headers: dict[str, str] = field(default_factory=dict)
    ends: bool = True
    taken: int = 0

    @property
    def request(self) -> Request:
        given = {"content-type": self.content_type, **self.headers}
        raw = [(name.encode(), value.encode()) for name, value in given.items()]
        messages = self._messages()

        async def receive() -> Message:
            return next(messages)

        return Request({"type": "http", "method": "POST", "headers": raw}, receive)

    def _messages(self) -> Iterator[Message]:
        for piece in self.pieces:
            self.taken += len(piece)
            yield {"type": "http.request", "body": piece, "more_body": True}
        yield {"type": "http.request"} if self.ends else {"type": "http.disconnect"}


async def read(sent: Sent, *, most: int = 10_000) -> tuple[bytes, str, str, dict[str, str]]:
    """The file of a form, its name and type, and the other fields."""
    async with open_form(sent.request, fields=FIELDS, max_file_bytes=most) as form:
        content = b"".join([chunk async for chunk in form.chunks()])
    return content, form.filename, form.media_type, form.fields


async def test_a_form_has_one_file_and_fields_around_it() -> None:
    """Before it and behind it; a boundary is one only as a line of its own."""
    content = f"x--{BOUNDARY}\r\n--{BOUNDARY[:-1]}\r\n\r\r\n".encode()
    before, behind = part("mapping", '{"ä": 1}'.encode()), part("options", b"")
    file = part("file", content, filename="Kontakte ü.csv")
    form = await read(Sent([before + file + behind + END + b"epilogue"]))

    assert form == (content, "Kontakte ü.csv", "", {"mapping": '{"ä": 1}', "options": ""})


@settings(max_examples=40, deadline=None)
@given(
    content=st.lists(
        st.sampled_from([b"\r", b"\n", b"-", b"--", b"\r\n--", BOUNDARY.encode()[:-1], b"\0ab"])
    ).map(b"".join),
    field=st.text(max_size=20),
    seed=st.integers(0, 2**32),
)
async def test_cuts_do_not_matter(content: bytes, field: str, seed: int) -> None:
    """However a body is cut, down to single bytes, the same form is read."""
    body = part("mapping", field.encode()) + part("file", content, filename="f") + END
    chance = random.Random(seed)  # noqa: S311  # no secret
    cuts = sorted(
        {0, len(body), *(chance.randrange(len(body)) for _ in range(chance.randrange(40)))}
    )
    whole, single = Sent([body]), Sent([body[at : at + 1] for at in range(len(body))])
    cut = Sent([body[start:end] for start, end in pairwise(cuts)])

    assert await read(whole) == await read(cut) == await read(single)
    assert (await read(cut))[::3] == (content, {"mapping": field})


async def test_what_stands_before_a_form_is_passed_over() -> None:
    """As mail has it, also when it looks like a boundary; a little of it, in whatever pieces."""
    preamble = f"This is a form.\r\nx--{BOUNDARY}\r\n--{BOUNDARY}x\r\n--\r\n".encode()
    body = preamble + FILE + END
    for pieces in ([body], [body[at : at + 1] for at in range(len(body))]):
        assert (await read(Sent(pieces)))[:2] == (b"a,b\r\n1,2\r\n", "c.csv")
    endless = Sent([bytes(1000)] * 100 + [b"\r\n" + FILE + END])
    with pytest.raises(InvalidInput, match="not a form"):
        await read(endless)


async def test_a_file_is_handed_on_while_it_arrives() -> None:
    """Its first bytes are there before its last ones were sent."""
    pieces = [FILE[:-2], *([bytes(1000)] * 50), b"\r\n" + END]
    sent = Sent(pieces)
    async with open_form(sent.request, max_file_bytes=100_000) as form:
        chunks = form.chunks()
        await anext(chunks)
        taken = sent.taken
        rest = [len(chunk) async for chunk in chunks]

    assert taken < 2 * len(FILE)
    assert sum(rest) > 49_000
    assert max(rest) <= 1000 + len(BOUNDARY) + 6


HUGE = part("mapping", bytes(70_000))
MALFORMED: dict[str, tuple[bytes, str]] = {
    "nothing": (b"", "no file|ends before"),
    "no boundary": (b"hello", "not a form"),
    "no end": (FILE, "ends before"),
    "cut in the file": (FILE[:-5], "ends before"),
    "cut in a header": (FILE[:40], "ends before"),
    "no file": (part("mapping", b"{}") + END, "no file"),
    "only the end": (END, "no file"),
    "two files": (FILE + FILE + END, "two files"),
    "a file that was not chosen": (part("file", b"", filename="") + END, "no file"),
    "a field instead of a file": (part("file", b"a,b") + END, "no file"),
    "a file of another name": (part("mapping", b"{}", filename="m.json") + FILE + END, "`file`"),
    "an unknown field": (part("mode", b"x") + FILE + END, "There is no field 'mode'"),
    "a field twice": (part("options", b"") * 2 + FILE + END, "twice"),
    "a field behind that is unknown": (FILE + part("mode", b"x") + END, "There is no field 'mode'"),
    "a field that is no text": (part("options", b"\xff") + FILE + END, "not UTF-8"),
    "base64": (
        part("file", b"YSxi", filename="f", more="Content-Transfer-Encoding: base64\r\n") + END,
        "Content-Transfer-Encoding",
    ),
    "no name": (f"--{BOUNDARY}\r\nContent-Type: text/csv\r\n\r\na\r\n".encode() + END, "name="),
    "bad header": (f"--{BOUNDARY}\r\nContent\x00Type: x\r\n\r\na\r\n".encode() + END, "not a form"),
    "long header": (part("file", b"", filename="f" * 5000) + END, "header size"),
    "many headers": (part("file", b"", filename="f", more="A: b\r\n" * 50) + END, "header count"),
}


@pytest.mark.parametrize("name", MALFORMED)
async def test_what_is_no_such_form_is_refused(name: str) -> None:
    """With what is wrong, and without a server's error, in one piece or in many."""
    body, says = MALFORMED[name]
    for pieces in ([body], [body[at : at + 1] for at in range(len(body))]):
        with pytest.raises(InvalidInput, match=says):
            await read(Sent(pieces))


async def test_damaged_forms_are_refused_or_read() -> None:
    """Whatever bytes are changed, nothing worse comes of it than an error that is told."""
    body = part("mapping", b"{}") + FILE + END
    chance = random.Random(7)  # noqa: S311  # no secret
    for _ in range(300):
        damaged = bytearray(body)
        for _ in range(chance.randrange(1, 4)):
            damaged[chance.randrange(len(body))] = chance.randrange(256)
        with suppress(InvalidInput):
            await read(Sent([bytes(damaged)]))


@pytest.mark.parametrize(
    ("content_type", "headers", "error"),
    [
        ("application/json", {}, UnsupportedMediaType),
        ("", {}, UnsupportedMediaType),
        (f"multipart/mixed; boundary={BOUNDARY}", {}, UnsupportedMediaType),
        ("multipart/form-data", {}, InvalidInput),
        ("multipart/form-data; boundary=", {}, InvalidInput),
        (f"multipart/form-data; boundary={'x' * 300}", {}, InvalidInput),
        (
            f"multipart/form-data; boundary={BOUNDARY}",
            {"content-encoding": "gzip"},
            UnsupportedMediaType,
        ),
    ],
)
async def test_headers_that_name_no_form_are_refused(
    content_type: str, headers: dict[str, str], error: type[AppError]
) -> None:
    """By what the request says of its body."""
    with pytest.raises(error):
        await read(Sent([FILE + END], content_type, headers))


@pytest.mark.parametrize(
    ("body", "length"),
    [
        (FILE, str(2 * 2**20)),
        (part("file", bytes(200), filename="f") + END, None),
        (part("file", bytes(200), filename="f") + END, "20"),
        (HUGE + FILE + END, None),
        (FILE + END + bytes(2 * 2**20), None),
    ],
    ids=["as it says", "without saying", "with a lie", "in a field", "behind the end"],
)
async def test_what_is_too_large_is_refused(body: bytes, length: str | None) -> None:
    """By the word of the client, and by what it sends whatever its word."""
    headers = {} if length is None else {"content-length": length}
    with pytest.raises(PayloadTooLarge):
        await read(Sent([body], headers=headers), most=100)


async def test_a_file_may_be_exactly_as_large_as_is_allowed() -> None:
    """One byte more is one too many."""
    for size, error in ((100, None), (101, PayloadTooLarge)):
        sent = Sent([part("file", bytes(size), filename="f") + END])
        try:
            assert len((await read(sent, most=100))[0]) == size
            assert error is None
        except PayloadTooLarge:
            assert error is not None


async def test_a_client_that_leaves_has_sent_no_file() -> None:
    """It is not taken for one that has sent all of it."""
    with pytest.raises(RequestTimeout):
        await read(Sent([FILE], ends=False))


async def test_a_client_that_falls_silent_is_not_waited_for() -> None:
    """Nor is one that is to be told something while it stays silent."""

    async def receive() -> Any:
        if first:
            return {"type": "http.request", "body": first.pop(), "more_body": True}
        return await never

    never = asyncio.get_running_loop().create_future()
    first = [b"a"]
    request = Request({"type": "http", "method": "POST", "headers": []}, receive)
    body = Body(request, max_bytes=9, silent_seconds=0.01)

    assert await body.next() == b"a"
    with pytest.raises(RequestTimeout):
        await body.next()
    await body.discard()
    assert await body.next() is None


async def test_the_rest_of_a_refused_body_is_read_but_not_for_ever() -> None:
    """The client gets to read why it is refused, unless it never ends."""
    little = Sent([FILE[:30], b"\0\0", *([bytes(1000)] * 5)])
    endless = Sent([bytes(2**20)] * 100)
    for sent in (little, endless):
        with pytest.raises(InvalidInput):
            await read(sent, most=2**30)

    assert little.taken == 30 + 2 + 5000
    assert endless.taken < 40 * 2**20
