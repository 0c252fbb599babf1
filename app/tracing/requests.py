"""Requests as spans: by their route and status, never by what stands in them."""

from functools import partial
from typing import Final

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.observing import TRACE
from app.tracing.spans import Kind, Span, Tracer, Value

_UNTRACED: Final = ("/health", "/metrics")
_METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


def traced_app(app: ASGIApp, tracer: Tracer | None) -> ASGIApp:
    """The application with a span for each request; itself when nobody wants to know."""
    return app if tracer is None else TracedApp(app, tracer)


class TracedApp:
    """Has a span for each request, but for those of probes and of what gathers metrics.

    A socket has none, for it may last for days; the operations that come over it have.
    """

    def __init__(self, app: ASGIApp, tracer: Tracer) -> None:
        self._app = app
        self._tracer = tracer

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http" or scope["path"].startswith(_UNTRACED):
            await self._app(scope, receive, send)
            return
        method = scope["method"] if scope["method"] in _METHODS else "_OTHER"
        facts: dict[str, Value] = {
            "http.request.method": method,
            "url.scheme": scope.get("scheme", "http"),
        }
        with self._tracer.root(method, Kind.SERVER, facts, headers=scope["headers"]) as span:
            scope.setdefault("state", {})[TRACE] = span.trace_id
            try:
                await self._app(scope, receive, partial(_sent, span, send))
            finally:
                _name(span, scope, method)


async def _sent(span: Span, send: Send, message: Message) -> None:
    if message["type"] == "http.response.start":
        status = message["status"]
        span.tell({"http.response.status_code": status})
        if status >= 500:
            span.fail(str(status))
    await send(message)


def _name(span: Span, scope: Scope, method: str) -> None:
    """Name it by the route, which is known only now."""
    if request_id := scope.get("state", {}).get("request_id"):
        span.tell({"appointment360.request_id": request_id})
    if route := _route(scope):
        span.rename(f"{method} {route}")
        span.tell({"http.route": route})


def _route(scope: Scope) -> str:
    """The path with its parameters unfilled; empty when no route has it."""
    if scope["path"] in ("/graphql", "/graphql/"):
        return "/graphql"
    return getattr(scope.get("route"), "path", "")
