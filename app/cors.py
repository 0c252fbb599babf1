"""Which scripts of other web sites may call this server, and what of its answers they see.

No cookie says who asks, so no site can ask in the name of somebody who merely visits it: the list
is for browsers whose users gave a token to that site.
"""

from collections.abc import Callable, Sequence
from typing import Final

from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp

_METHODS: Final = ("GET", "HEAD", "POST", "PATCH", "DELETE")
_TAKEN: Final = (
    "Authorization",
    "Cache-Control",
    "Idempotency-Key",
    "If-Match",
    "If-None-Match",
    "If-Range",
    "Range",
    "Traceparent",
    "Tracestate",
    "Tus-Resumable",
    "Upload-Checksum",
    "Upload-Length",
    "Upload-Metadata",
    "Upload-Offset",
    "X-Debug",
    "X-HTTP-Method-Override",
    "X-Request-ID",
)
_SHOWN: Final = (
    "Accept-Ranges",
    "Allow",
    "Content-Disposition",
    "Content-Range",
    "Digest",
    "ETag",
    "Link",
    "Location",
    "Repr-Digest",
    "Retry-After",
    "Server-Timing",
    "Tus-Checksum-Algorithm",
    "Tus-Extension",
    "Tus-Max-Size",
    "Tus-Resumable",
    "Tus-Version",
    "Upload-Expires",
    "Upload-Length",
    "Upload-Metadata",
    "Upload-Offset",
    "WWW-Authenticate",
    "X-Request-ID",
    "X-Result-Truncated",
    "X-Total-Count",
)


def cross_origin(origins: Sequence[str]) -> Callable[[ASGIApp], ASGIApp]:
    """Opens an application to the scripts of these sites; to no other's when there is none.

    Args:
        origins: As in `https://app.example.com`; `*` for all sites.
    """
    if not origins:
        return _as_it_is

    def opened(app: ASGIApp) -> ASGIApp:
        return CORSMiddleware(
            app,
            allow_origins=origins,
            allow_methods=_METHODS,
            allow_headers=_TAKEN,
            expose_headers=_SHOWN,
        )

    return opened


def _as_it_is(app: ASGIApp) -> ASGIApp:
    return app
