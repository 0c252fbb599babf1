"""What a GET is told about keeping its answer, and 304 when it has the answer already."""

from dataclasses import dataclass
from typing import Final

from cache.http import NO_STORE, PRIVATE, Freshness, entity_tag, is_current
from graph.request import HTTPRequest

Headers = list[tuple[bytes, bytes]]

_VARY: Final = (b"vary", b"Accept, Authorization")


@dataclass(frozen=True)
class Reply:
    """An answer as it is sent."""

    status: int
    headers: Headers
    content: bytes


class AnswerCaching:
    """Says what becomes of the answers to a GET.

    Args:
        public: How long others may keep what is asked without a token.
    """

    def __init__(self, public: Freshness) -> None:
        self._public = public.cache_control

    def whole(self, request: HTTPRequest, content: bytes, media_type: str) -> Reply:
        """The answer to a query that nothing was wrong with."""
        tag = entity_tag(content, media_type)
        # The header itself decides: a proxy knows nothing of what it means to us.
        is_private = request.header(b"authorization") is not None
        control = PRIVATE if is_private else self._public
        headers = [_VARY, (b"cache-control", control.encode()), (b"etag", tag.encode())]
        if is_current(request.list_header(b"if-none-match"), tag):
            return Reply(304, headers, b"")
        return Reply(200, headers + _of_the_content(content, media_type), content)

    def failed(self, status: int, content: bytes, media_type: str) -> Reply:
        """An answer that tells of errors: it is nobody's to keep."""
        headers = [_VARY, (b"cache-control", NO_STORE.encode())]
        return Reply(status, headers + _of_the_content(content, media_type), content)


def _of_the_content(content: bytes, media_type: str) -> Headers:
    return [
        (b"content-type", f"{media_type}; charset=utf-8".encode()),
        (b"content-length", b"%d" % len(content)),
    ]
