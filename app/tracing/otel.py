"""Spans by OpenTelemetry, sent to a collector by OTLP over HTTP. Read only when asked for.

The one idea: a trace is never worth a request. Spans wait in memory and are dropped when they are
too many; a collector that is away costs a line in the log a minute, and two seconds of the end.
"""

import asyncio
import logging
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import AbstractContextManager, asynccontextmanager, contextmanager, suppress
from importlib.metadata import version
from typing import Final

import structlog
from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import OTELResourceDetector, Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from app.tracing.spans import Headers, Kind, Value

_PRODUCT: Final = "appointment360"
_STOP_SECONDS: Final = 1.5
_QUIET_SECONDS: Final = 60.0
_SHOWN_CHARS: Final = 300
_LIBRARIES: Final = ("opentelemetry", "urllib3")
_PROPAGATOR: Final = TraceContextTextMapPropagator()
_PROPAGATED: Final = frozenset({b"traceparent", b"tracestate"})
_KINDS: Final = {
    Kind.SERVER: trace.SpanKind.SERVER,
    Kind.CONSUMER: trace.SpanKind.CONSUMER,
    Kind.CLIENT: trace.SpanKind.CLIENT,
    Kind.INTERNAL: trace.SpanKind.INTERNAL,
}

log = structlog.get_logger(__name__)


class _Span:
    """A span of OpenTelemetry as `app.tracing.spans.Span` has it."""

    __slots__ = ("_span",)

    def __init__(self, span: trace.Span) -> None:
        self._span = span

    def tell(self, facts: Mapping[str, Value]) -> None:
        """As `Span` has it."""
        self._span.set_attributes(facts)

    def rename(self, name: str) -> None:
        """As `Span` has it."""
        self._span.update_name(name)

    @property
    def trace_id(self) -> str:
        """As `Span` has it."""
        return trace.format_trace_id(self._span.get_span_context().trace_id)

    def fail(self, kind: str) -> None:
        """As `Span` has it."""
        self._span.set_attribute("error.type", kind)
        self._span.set_status(trace.StatusCode.ERROR)


_NOTHING: Final = _Span(trace.INVALID_SPAN)


class OpenTelemetry:
    """Makes spans as `app.tracing.spans.Tracer` has it."""

    def __init__(self, tracer: trace.Tracer) -> None:
        self._tracer = tracer

    @contextmanager
    def root(
        self,
        name: str,
        kind: Kind,
        facts: Mapping[str, Value],
        *,
        headers: Headers = (),
        expected: tuple[type[BaseException], ...] = (),
    ) -> Iterator[_Span]:
        """As `Tracer` has it."""
        context = _PROPAGATOR.extract(_carried(headers), Context())
        with (
            self._begun(name, kind, facts, context=context, expected=expected) as span,
            _logged(span),
        ):
            yield span

    @contextmanager
    def span(self, name: str, facts: Mapping[str, Value]) -> Iterator[_Span]:
        """As `Tracer` has it."""
        with self._begun(name, Kind.INTERNAL, facts) as span, _logged(span):
            yield span

    @contextmanager
    def part(self, name: str, facts: Mapping[str, Value]) -> Iterator[_Span]:
        """As `Tracer` has it."""
        if not self.is_recording():
            yield _NOTHING
            return
        with self._begun(name, Kind.CLIENT, facts) as span:
            yield span

    def is_recording(self) -> bool:
        """As `Tracer` has it."""
        return trace.get_current_span().is_recording()

    def past(
        self, name: str, facts: Mapping[str, Value], *, seconds: float, failure: str | None = None
    ) -> None:
        """As `Tracer` has it."""
        now = time.time_ns()
        span = self._tracer.start_span(
            name,
            kind=trace.SpanKind.CLIENT,
            attributes=facts,
            start_time=now - round(seconds * 1e9),
        )
        if failure is not None:
            _Span(span).fail(failure)
        span.end(now)

    @contextmanager
    def _begun(
        self,
        name: str,
        kind: Kind,
        facts: Mapping[str, Value],
        *,
        context: Context | None = None,
        expected: tuple[type[BaseException], ...] = (),
    ) -> Iterator[_Span]:
        span = self._tracer.start_span(name, context=context, kind=_KINDS[kind], attributes=facts)
        told = _Span(span)
        # What an exception says, and where it was, may quote what belongs to users.
        with trace.use_span(
            span, end_on_exit=True, record_exception=False, set_status_on_exception=False
        ):
            try:
                yield told
            except BaseException as error:
                if not isinstance(error, expected):
                    told.fail(type(error).__name__)
                raise


class _Quiet(logging.Handler):
    """Tells what OpenTelemetry has to say, a line a minute: a collector may be away for days."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self._told_at = -_QUIET_SECONDS

    def emit(self, record: logging.LogRecord) -> None:
        """Tell it, or leave it."""
        now = time.monotonic()
        if now - self._told_at >= _QUIET_SECONDS:
            self._told_at = now
            log.warning("traces_not_sent", problem=record.getMessage()[:_SHOWN_CHARS])


@asynccontextmanager
async def open_tracer(*, stop_seconds: Callable[[float], float]) -> AsyncIterator[OpenTelemetry]:
    """What makes spans, which are sent while the block runs and for a moment after it.

    Args:
        stop_seconds: How much of some seconds may pass at the end.
    """
    _quieten()
    exporter = OTLPSpanExporter()
    provider = TracerProvider(resource=_resource(), shutdown_on_exit=False)
    provider.add_span_processor(BatchSpanProcessor(exporter))
    try:
        yield OpenTelemetry(provider.get_tracer(_PRODUCT, version(_PRODUCT)))
    finally:
        await _close(provider, exporter, seconds=stop_seconds(_STOP_SECONDS))


async def _close(provider: TracerProvider, exporter: OTLPSpanExporter, *, seconds: float) -> None:
    """Send what waits, if it can be sent in time.

    The thread is one that nobody waits for: neither the loop, as for those of its own, nor Python
    at its end.
    """
    loop, closed = asyncio.get_running_loop(), asyncio.Event()

    def close() -> None:
        provider.shutdown()
        # The loop may be over by now.
        with suppress(RuntimeError):
            loop.call_soon_threadsafe(closed.set)

    threading.Thread(target=close, name="traces-close", daemon=True).start()
    try:
        async with asyncio.timeout(seconds):
            await closed.wait()
    except TimeoutError:
        # Who waits for the time to try again stops to.
        exporter.shutdown()  # type: ignore[no-untyped-call]  # theirs says no types
        log.warning("traces_lost", reason="The collector did not take them in time.")


def _logged(span: _Span) -> AbstractContextManager[object]:
    """Have lines of the log name the trace that is under way."""
    return structlog.contextvars.bound_contextvars(trace_id=span.trace_id)


def _carried(headers: Headers) -> dict[str, str]:
    return {
        str(name, "latin-1"): str(value, "latin-1")
        for name, value in headers
        if name in _PROPAGATED
    }


def _resource() -> Resource:
    """What tells this process from others; OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES win."""
    ours = {"service.name": _PRODUCT, "service.version": version(_PRODUCT)}
    return Resource.create({**ours, **OTELResourceDetector().detect().attributes})


def _quieten() -> None:
    quiet = _Quiet()
    for name in _LIBRARIES:
        logger = logging.getLogger(name)
        logger.handlers = [quiet]
        logger.propagate = False
        logger.setLevel(logging.WARNING)
