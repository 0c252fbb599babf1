"""Answers of REST routes that browsers and proxies may keep, and those that they may not.

What is asked with a token or a cookie, or gives a cookie, is private whatever a route says, and
every answer that may be kept names both among what it depends on: a proxy never gives one user what
another one was answered.
"""

from collections.abc import Callable
from functools import wraps
from typing import Final

import orjson
from starlette.requests import Request
from starlette.responses import Response

from cache.http import NO_STORE, PRIVATE, Freshness, entity_tag, is_current, is_private
from streaming.routing import Endpoint

_JSON: Final = "application/json"
_READS: Final = frozenset({"GET", "HEAD"})
_WHO_ASKS: Final = ("Authorization", "Cookie")
_OF_THE_CONTENT: Final = frozenset(
    {
        b"content-length",
        b"content-type",
        b"content-encoding",
        b"content-language",
        b"content-range",
    }
)


def cache_response(
    *,
    max_age: int | None,
    public: bool = True,
    must_revalidate: bool = False,
    immutable: bool = False,
) -> Callable[[Endpoint], Endpoint]:
    """Decorates an endpoint whose answers may be kept: those to GET and HEAD with status 200.

    Who has an answer already is told so by 304. An answer that is sent in parts has no tag but one
    of its own.

    Args:
        max_age: Seconds; None: they are true for this moment alone, and nobody keeps them.
        public: Proxies may keep them too.
        must_revalidate: Older copies are not used even when we cannot be reached.
        immutable: They never change under their address.
    """
    freshness = _freshness(
        max_age, is_public=public, must_revalidate=must_revalidate, is_immutable=immutable
    )

    def decorate(endpoint: Endpoint) -> Endpoint:
        @wraps(endpoint)
        async def answer(request: Request) -> Response:
            return _kept(await endpoint(request), request, freshness)

        return answer

    return decorate


def create_cached_response(
    data: object,
    request: Request,
    *,
    max_age: int | None,
    public: bool = True,
    must_revalidate: bool = False,
    media_type: str = _JSON,
) -> Response:
    """An answer that may be kept, or 304 when the client has it.

    Args:
        data: Bytes as they are; anything else as JSON.
        max_age: Seconds; None: nobody keeps it.
        public: Proxies may keep it too.
        must_revalidate: An older copy is not used even when we cannot be reached.
    """
    content = data if isinstance(data, bytes) else orjson.dumps(data)
    freshness = _freshness(max_age, is_public=public, must_revalidate=must_revalidate)
    return _kept(Response(content, media_type=media_type), request, freshness)


def has_current(request: Request, tag: str) -> bool:
    """Whether the client of a GET or HEAD says that it has what this tag stands for."""
    condition = ", ".join(request.headers.getlist("if-none-match"))
    return request.method in _READS and is_current(condition, tag)


def add_cache_headers(response: Response, request: Request, freshness: Freshness) -> None:
    """Say for how long an answer may be kept, and by whom.

    What it says itself stays, unless it would let proxies keep what is for one user.
    """
    is_personal = _is_personal(response, request)
    control = PRIVATE if is_personal else freshness.cache_control
    response.headers.setdefault("Cache-Control", control)
    _protect(response, is_personal=is_personal)
    for name in _WHO_ASKS:
        response.headers.add_vary_header(name)


def _is_personal(response: Response, request: Request) -> bool:
    return "set-cookie" in response.headers or any(name in request.headers for name in _WHO_ASKS)


def _protect(response: Response, *, is_personal: bool) -> None:
    told = ", ".join(response.headers.getlist("cache-control"))
    if is_personal and not is_private(told):
        response.headers["Cache-Control"] = PRIVATE


def _freshness(
    max_age: int | None, *, is_public: bool, must_revalidate: bool, is_immutable: bool = False
) -> Freshness | None:
    if max_age is None:
        return None
    return Freshness(
        max_age_seconds=max_age,
        is_public=is_public,
        must_revalidate=must_revalidate,
        is_immutable=is_immutable,
    )


def _kept(response: Response, request: Request, freshness: Freshness | None) -> Response:
    """An answer with its tag, or nothing but the tag when the client has it already."""
    if freshness is None or response.status_code != 200 or request.method not in _READS:
        response.headers.setdefault("Cache-Control", NO_STORE)
        _protect(response, is_personal=_is_personal(response, request))
        return response
    add_cache_headers(response, request, freshness)
    tag = _tagged(response)
    return response if tag is None or not has_current(request, tag) else _not_modified(response)


def _tagged(response: Response) -> str | None:
    """The tag of an answer, which it is given if it has none and is there as a whole."""
    headers = response.headers
    if (content := getattr(response, "body", None)) is not None:
        headers.setdefault("ETag", entity_tag(bytes(content), headers.get("content-type", "")))
    return headers.get("etag")


def _not_modified(response: Response) -> Response:
    """What is told instead of an answer: all but its content."""
    told = Response(status_code=304, background=response.background)
    # A mapping would lose all cookies but one.
    told.raw_headers = [
        header for header in response.raw_headers if header[0].lower() not in _OF_THE_CONTENT
    ]
    return told
