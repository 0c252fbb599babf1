"""What surrounds every request: its id, headers for browsers, an answer even to bugs of ours.

Whoever observes requests is told of each one once it is over.
"""

import re
from collections.abc import Sequence
from random import getrandbits
from time import perf_counter
from typing import Final

import structlog
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.errors import answer_bug
from app.log import REQUEST_ID
from app.observing import TRACE, Observers, RequestRun
from app.timing import SERVER_TIMING, Statements, count_into, server_timing
from domain.errors import ErrorCode
from graph.observing import REFUSAL, STAGES, STATE, USER

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
_SAFETY_NAMES: Final = frozenset(name for name, _ in _OVER_HTTPS)

_METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_OTHER: Final = "OTHER"

log = structlog.get_logger(__name__)


class RequestMiddleware:
    """Gives each request an id, the client's own when it is safe, and answers bugs of ours.

    Args:
        route: Of everything behind it; without one, that which Starlette's router finds.
    """

    def __init__(
        self, app: ASGIApp, observers: Observers | None = None, *, route: str | None = None
    ) -> None:
        self._app = app
        self._observers = observers or Observers()
        self._under_way = self._observers.under_way
        self._route = route

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, or all that come over one socket."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        request_id = _request_id(scope)
        scope.setdefault("state", {})["request_id"] = request_id
        # The server answers each request in a task, and so in a context, of its own.
        REQUEST_ID.set(request_id)
        if scope["type"] == "websocket":
            await self._serve(scope, receive, send, request_id)
            return
        exchange = _Exchange(scope, request_id, send)
        self._under_way.requests += 1
        try:
            await self._app(scope, receive, exchange.send)
        except Exception:
            scope["state"][REFUSAL] = ErrorCode.INTERNAL_SERVER_ERROR
            # A response that has begun can only be broken off: the client must see that it is.
            if exchange.status:
                raise
            log.exception("request_failed")
            await answer_bug(request_id)(scope, receive, exchange.send)
        finally:
            self._under_way.requests -= 1
            if self._observers.requests:
                self._observers.request(exchange.told(self._route))

    async def _serve(self, scope: Scope, receive: Receive, send: Send, request_id: str) -> None:
        """All operations of one socket."""
        header = (_HEADER, request_id.encode())

        async def send_with_id(message: Message) -> None:
            if message["type"] == "websocket.accept":
                message["headers"] = [*message.get("headers", ()), header]
            await send(message)

        self._under_way.sockets += 1
        try:
            await self._app(scope, receive, send_with_id)
        finally:
            self._under_way.sockets -= 1


class _Exchange(Statements):
    """A request with its statements, and its answer.

    Attributes:
        status: 0 as long as nothing was sent.
    """

    __slots__ = (
        "_is_whole",
        "_send",
        "_sent_bytes",
        "_started",
        "id",
        "scope",
        "status",
    )

    def __init__(self, scope: Scope, request_id: str, send: Send) -> None:
        super().__init__()
        self.scope = scope
        self.id = request_id
        self.status = 0
        self._send = send
        self._sent_bytes = 0
        self._is_whole = False
        self._started = perf_counter()
        count_into(self)

    async def send(self, message: Message) -> None:
        """Send a part of the answer."""
        kind = message["type"]
        if kind == "http.response.body":
            self._sent_bytes += len(message.get("body", b""))
            self._is_whole = not message.get("more_body", False)
        elif kind == "http.response.start":
            self.status = message["status"]
            message["headers"] = self._with_own(message.get("headers", ()))
        await self._send(message)

    def told(self, route: str | None) -> RequestRun:
        """What observers are told."""
        scope = self.scope
        state, method = scope["state"], scope["method"]
        operation, refusal = state.get(STATE), state.get(REFUSAL)
        codes: Sequence[str] = () if operation is None else operation.codes
        return RequestRun(
            id=self.id,
            method=method if method in _METHODS else _OTHER,
            route=_route(scope) if route is None else route,
            status=self.status,
            seconds=perf_counter() - self._started,
            sent_bytes=self._sent_bytes,
            is_broken_off=not self._is_whole,
            user=state.get(USER),
            operation=operation,
            codes=codes if codes or refusal is None else (refusal,),
            trace=state.get(TRACE),
        )

    def _with_own(self, given: Sequence[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
        """The headers of an answer with ours."""
        is_secure = self.scope.get("scheme") == "https"
        safety: Sequence[tuple[bytes, bytes]] = _OVER_HTTPS if is_secure else _SAFETY
        own = {name for name, _ in given}
        if not own.isdisjoint(_SAFETY_NAMES):
            safety = [pair for pair in safety if pair[0] not in own]
        headers = [*given, *safety, (_HEADER, self.id.encode())]
        state = self.scope["state"]
        if USER in state:
            seconds = perf_counter() - self._started
            timing = server_timing(seconds, state.get(STAGES, {}), self)
            headers.append((SERVER_TIMING, timing))
        return headers


def _route(scope: Scope) -> str:
    """The pattern of the path, with no slash at its end."""
    pattern: str = getattr(scope.get("route"), "path_format", "")
    return pattern.rstrip("/") or pattern


def _request_id(scope: Scope) -> str:
    for name, value in scope["headers"]:
        if name == _HEADER and _SAFE.fullmatch(value):
            return str(value, "ascii")
    # To ask the system for it would take four times as long, and there is nothing to guess.
    return f"{getrandbits(64):016x}"
