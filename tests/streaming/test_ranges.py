"""Ranges and conditions of requests, by the rules of RFC 9110."""

from uuid import UUID

import pytest
from starlette.datastructures import Headers

from domain.errors import ErrorCode, PreconditionFailed, RangeNotSatisfiable
from streaming.ranges import (
    allows_range,
    named_spool,
    names_tag,
    read_range,
    require_match,
)

HEX = "0" * 31 + "1"
TAG = f'"{HEX}"'
ZIPPED = f'"{HEX}-gzip"'


def headers(**given: str) -> Headers:
    """Headers; `if_range` is `If-Range`."""
    return Headers({name.replace("_", "-"): value for name, value in given.items()})


@pytest.mark.parametrize(
    ("header", "size", "part"),
    [
        ("bytes=0-99", 1000, (0, 100)),
        ("bytes=100-", 1000, (100, 1000)),
        ("bytes=-100", 1000, (900, 1000)),
        ("bytes=0-0", 1000, (0, 1)),
        ("bytes=999-", 1000, (999, 1000)),
        ("bytes=900-5000", 1000, (900, 1000)),
        ("bytes=-5000", 1000, (0, 1000)),
        ("BYTES=1-2", 1000, (1, 3)),
        ("bytes= 1-2 ", 1000, (1, 3)),
        ("bytes=0-99999999999999999999", 1000, (0, 1000)),
    ],
)
def test_range_is_cut_from_the_file(header: str, size: int, part: tuple[int, int]) -> None:
    """From the first byte, to the last one; what goes beyond the end ends there."""
    asked = read_range(headers(range=header))
    assert asked is not None
    assert asked.of(size) == part


@pytest.mark.parametrize(
    "header",
    [
        "bytes=5-2",
        "bytes=-",
        "bytes=",
        "bytes",
        "bytes=a-b",
        "bytes=1",
        "bytes=+1-2",
        "bytes=1 -2",
        "bytes=0-1,5-6",
        "rows=0-1",
        "bytes=١-٢",
        f"bytes=0-{'9' * 5000}",
        "",
    ],
)
def test_range_that_cannot_be_served_asks_for_the_whole_file(header: str) -> None:
    """Malformed, of another unit, or several: it is as if it were not there."""
    raw = [(b"range", header.encode())]
    assert read_range(Headers(raw=raw)) is None


def test_two_headers_ask_for_the_whole_file() -> None:
    """They are as several ranges in one."""
    raw = [(b"range", b"bytes=0-1"), (b"range", b"bytes=5-6")]
    assert read_range(Headers(raw=raw)) is None


def test_no_header_asks_for_the_whole_file() -> None:
    """The usual request."""
    assert read_range(headers()) is None


@pytest.mark.parametrize(
    ("header", "size"), [("bytes=10-", 10), ("bytes=11-12", 10), ("bytes=-0", 10), ("bytes=0-", 0)]
)
def test_range_without_a_byte_is_refused_with_the_size(header: str, size: int) -> None:
    """Who asks behind the end is told where it is."""
    asked = read_range(headers(range=header))
    assert asked is not None
    with pytest.raises(RangeNotSatisfiable, match=f"has {size} bytes") as caught:
        asked.of(size)
    assert (caught.value.code, caught.value.details) == (
        ErrorCode.RANGE_NOT_SATISFIABLE,
        {"size": size},
    )


@pytest.mark.parametrize(
    ("condition", "is_allowed"),
    [
        (TAG, True),
        (f" {TAG} ", True),
        (f"W/{TAG}", False),
        (ZIPPED, False),
        ('"other"', False),
        ("Wed, 21 Oct 2026 07:28:00 GMT", False),
        (HEX, False),
        ("*", False),
    ],
)
def test_if_range_is_compared_strongly(condition: str, *, is_allowed: bool) -> None:
    """Only the very tag of the identity lets a range be served."""
    assert allows_range(headers(if_range=condition), TAG) is is_allowed


def test_range_needs_no_condition() -> None:
    """Under the address of one export there is one file."""
    assert allows_range(headers(), TAG)


@pytest.mark.parametrize("condition", ["*", TAG, f'"a", {TAG}', f' W/"b",{TAG}'])
def test_if_match_that_names_the_file_is_met(condition: str) -> None:
    """By itself, in a list, or by anything that is there."""
    require_match(headers(if_match=condition), TAG)


def test_no_condition_is_met() -> None:
    """The usual request."""
    require_match(headers(), TAG)


@pytest.mark.parametrize("condition", ['"other"', f"W/{TAG}", ZIPPED, "nothing"])
def test_if_match_that_names_another_file_is_refused(condition: str) -> None:
    """The error has the tag of what is there."""
    with pytest.raises(PreconditionFailed, match="without it") as caught:
        require_match(headers(if_match=condition), TAG)
    assert caught.value.details == {"etag": TAG}


@pytest.mark.parametrize("name", ["if_match", "if_none_match"])
def test_condition_names_the_form_it_is_about(name: str) -> None:
    """Who holds the identity asks about the identity."""
    assert names_tag(headers(**{name: TAG}), TAG)
    assert not names_tag(headers(**{name: ZIPPED}), TAG)
    assert not names_tag(headers(), TAG)


@pytest.mark.parametrize(
    ("given", "is_named"),
    [
        ({"if_match": TAG}, True),
        ({"if_match": f'"x", {ZIPPED}'}, True),
        ({"if_range": TAG, "range": "bytes=1-"}, True),
        ({"if_range": ZIPPED, "range": "bytes=1-"}, True),
        ({"if_range": TAG}, False),
        ({"if_none_match": TAG}, False),
        ({"if_match": f"W/{TAG}"}, False),
        ({"if_match": '"0123"'}, False),
        ({"if_match": "*"}, False),
        ({"range": "bytes=1-"}, False),
        ({}, False),
    ],
)
def test_spool_that_is_insisted_on_is_found(given: dict[str, str], *, is_named: bool) -> None:
    """By If-Match, or by If-Range beside a range; a cache that asks for news insists on nothing."""
    assert named_spool(headers(**given)) == (UUID(HEX) if is_named else None)
