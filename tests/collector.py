"""A collector of traces: takes what OpenTelemetry sends by OTLP over HTTP, and keeps it."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span as Sent

_PATIENCE_SECONDS = 20
_TAKEN = b"HTTP/1.1 200 OK\r\nContent-Type: application/x-protobuf\r\nContent-Length: 0\r\n\r\n"


@dataclass(frozen=True)
class Span:
    """A span that was sent.

    Attributes:
        parent_id: Empty when it is a part of nothing.
    """

    name: str
    kind: str
    trace_id: str
    id: str
    parent_id: str
    facts: Mapping[str, Any]
    has_failed: bool
    nanoseconds: int


@dataclass
class Collector:
    """What was sent until now.

    Attributes:
        port: At 127.0.0.1.
        bodies: As they came.
        resources: What is told of who sent them.
    """

    port: int
    spans: list[Span] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)
    resources: list[Mapping[str, Any]] = field(default_factory=list)
    _writers: list[asyncio.StreamWriter] = field(default_factory=list)

    @property
    def environment(self) -> dict[str, str]:
        """What has traces sent here, and soon."""
        return {
            "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{self.port}",
            "OTEL_BSP_SCHEDULE_DELAY": "50",
        }

    async def first(self, is_wanted: Callable[[Span], bool]) -> Span:
        """The first span of a kind, once it has come."""
        async with asyncio.timeout(_PATIENCE_SECONDS):
            while not any(map(is_wanted, self.spans)):  # noqa: ASYNC110  # nobody is told
                await asyncio.sleep(0.01)
        return next(filter(is_wanted, self.spans))

    def within(self, span: Span) -> list[Span]:
        """Those that are a direct part of a span."""
        return [part for part in self.spans if part.parent_id == span.id]

    async def take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Take what one connection sends."""
        self._writers.append(writer)
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).lower()
                length = int(head.partition(b"content-length:")[2].partition(b"\r\n")[0])
                self._keep(await reader.readexactly(length))
                writer.write(_TAKEN)
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    def close(self) -> None:
        """End all connections."""
        for writer in self._writers:
            writer.close()

    def _keep(self, body: bytes) -> None:
        self.bodies.append(body)
        for sender in ExportTraceServiceRequest.FromString(body).resource_spans:
            self.resources.append(_facts(sender.resource.attributes))
            for scope in sender.scope_spans:
                self.spans += map(_span, scope.spans)


@asynccontextmanager
async def collecting() -> AsyncIterator[Collector]:
    """A collector, as long as the block lasts."""
    collector = Collector(0)
    async with await asyncio.start_server(collector.take, "127.0.0.1", 0) as server:
        collector.port = server.sockets[0].getsockname()[1]
        yield collector
        collector.close()


def _span(sent: Sent) -> Span:
    return Span(
        name=sent.name,
        kind=Sent.SpanKind.Name(sent.kind).removeprefix("SPAN_KIND_"),
        trace_id=sent.trace_id.hex(),
        id=sent.span_id.hex(),
        parent_id=sent.parent_span_id.hex(),
        facts=_facts(sent.attributes),
        has_failed=sent.status.code == sent.status.STATUS_CODE_ERROR,
        nanoseconds=sent.end_time_unix_nano - sent.start_time_unix_nano,
    )


def _facts(attributes: Any) -> dict[str, Any]:
    pairs: list[KeyValue] = list(attributes)
    return {pair.key: _value(pair.value) for pair in pairs}


def _value(value: AnyValue) -> Any:
    kind = value.WhichOneof("value")
    if kind == "array_value":
        return [_value(each) for each in value.array_value.values]
    return getattr(value, str(kind))
