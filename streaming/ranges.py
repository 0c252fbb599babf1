"""What part of a file a request asks for, and on what condition.

Source: RFC 9110, sections 13 (conditions) and 14 (ranges), for one strong tag and one range.
"""

import re
from collections.abc import Iterator
from typing import Final, NamedTuple
from uuid import UUID

from starlette.datastructures import Headers

from domain.errors import PreconditionFailed, RangeNotSatisfiable

# More digits than a size could have are no number we would want to read.
_RANGE: Final = re.compile(r"bytes=[ \t]*([0-9]{0,20})-([0-9]{0,20})[ \t]*", re.IGNORECASE)
_TAG: Final = re.compile(r'(W/)?("[^"]*")')
_SPOOL: Final = re.compile(r'"([0-9a-f]{32})(?:-gzip)?"')


class ByteRange(NamedTuple):
    """Bytes of a file, from 0, the end not among them."""

    start: int
    end: int


class AskedRange(NamedTuple):
    """A header `Range`, before the size of the file is known.

    Attributes:
        first: None for the last bytes, as many as `last` says.
        last: It is among them; None for all that follow.
    """

    first: int | None
    last: int | None

    def of(self, size: int) -> ByteRange:
        """The bytes of a file of this size.

        Raises:
            RangeNotSatisfiable: There are none.
        """
        if self.first is None:
            start, end = max(size - (self.last or 0), 0), size
        else:
            start, end = self.first, size if self.last is None else min(self.last + 1, size)
        if start >= size:
            raise RangeNotSatisfiable(
                f"The range begins behind the last byte; the file has {size} bytes.", size=size
            )
        return ByteRange(start, end)


def read_range(headers: Headers) -> AskedRange | None:
    """The range that is asked for; None for the whole file.

    What is malformed, has another unit or names several ranges asks for the whole file.
    """
    found = _RANGE.fullmatch(_all(headers, "range") or "")
    if found is None:
        return None
    first, last = (int(digits) if digits else None for digits in found.groups())
    if first is None and last is None:
        return None
    if first is not None and last is not None and last < first:
        return None
    return AskedRange(first, last)


def allows_range(headers: Headers, tag: str) -> bool:
    """Whether If-Range lets a range be served: it is not there, or it names the file's tag.

    A weak tag and a date name none: they would not tell two files apart for certain.
    """
    condition = headers.get("if-range")
    return condition is None or condition.strip() == tag


def names_tag(headers: Headers, tag: str) -> bool:
    """Whether a condition of the request is about this very form of the file."""
    return any(
        tag in _strong_tags(_all(headers, name) or "") for name in ("if-match", "if-none-match")
    )


def require_match(headers: Headers, tag: str) -> None:
    """Check If-Match.

    Raises:
        PreconditionFailed: It names other tags only.
    """
    condition = _all(headers, "if-match")
    if condition is None or condition.strip() == "*" or tag in _strong_tags(condition):
        return
    raise PreconditionFailed(
        "What If-Match names is not what stands here. Ask again without it, from the beginning.",
        etag=tag,
    )


def named_spool(headers: Headers) -> UUID | None:
    """The spool whose tag the request insists on, by If-Match or, for a range, by If-Range."""
    conditions = ("if-match", "if-range") if "range" in headers else ("if-match",)
    for name in conditions:
        for tag in _strong_tags(_all(headers, name) or ""):
            if found := _SPOOL.fullmatch(tag):
                return UUID(found[1])
    return None


def _all(headers: Headers, name: str) -> str | None:
    return ", ".join(headers.getlist(name)) or None


def _strong_tags(condition: str) -> Iterator[str]:
    return (tag for weak, tag in _TAG.findall(condition) if not weak)
