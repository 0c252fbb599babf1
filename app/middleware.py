"""What surrounds every request: its id, headers for browsers, an answer even to bugs of ours."""

import os
import re
from typing import Final

import structlog
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.errors import answer_bug

_HEADER: Final = b"x-request-id"
_SAFE: Final = re.compile(rb"[A-Za-z0-9._-]{1,64}")

_SAFETY: Final = (
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    # For what is no page: a browser that is led to show it loads and runs nothing.
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
)
"""On every answer that does not say so itself."""

_HTTPS_ONLY: Final = (b"strict-transport-security", b"max-age=31536000")
_OVER_HTTPS: Final = (*_SAFETY, _HTTPS_ONLY)

log = structlog.get_logger(__name__)


class RequestMiddleware:
    """Gives each request an id, the client's own when it is safe, and answers bugs of ours."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, or all that come over one socket."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        request_id = _request_id(scope)
        header = (_HEADER, request_id.encode())
        scope.setdefault("state", {})["request_id"] = request_id
        # The server answers each request in a task, and so in a context, of its own.
        structlog.contextvars.bind_contextvars(request_id=request_id)
        safety = _OVER_HTTPS if scope.get("scheme") == "https" else _SAFETY
        started = False

        async def send_with_headers(message: Message) -> None:
            nonlocal started
            kind = message["type"]
            if kind == "http.response.start":
                started = True
                given = message.get("headers", ())
                own = dict(given)
                missing = [pair for pair in safety if pair[0] not in own]
                message["headers"] = [*given, *missing, header]
            elif kind == "websocket.accept":
                message["headers"] = [*message.get("headers", ()), header]
            await send(message)

        if scope["type"] == "websocket":
            await self._app(scope, receive, send_with_headers)
            return
        try:
            await self._app(scope, receive, send_with_headers)
        except Exception:
            # A response that has begun can only be broken off: the client must see that it is.
            if started:
                raise
            log.exception("request_failed")
            await answer_bug(request_id)(scope, receive, send_with_headers)


def _request_id(scope: Scope) -> str:
    for name, value in scope["headers"]:
        if name == _HEADER and _SAFE.fullmatch(value):
            return str(value, "ascii")
    return os.urandom(8).hex()
