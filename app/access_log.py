"""A line for each request, and for each operation that comes over a WebSocket.

It says who asked for what and what became of it; never variables, tokens, addresses of people, or
what stands in a path or behind it.
"""

from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from time import time
from typing import Any, Final

import orjson
import structlog

from app.log import REQUEST_ID, is_console
from app.log_lines import STDERR
from app.observing import Observers, RequestRun
from app.settings import Settings
from graph.observing import OperationRun

Facts = dict[str, Any]
Tell = Callable[[Any, str], Facts]
"""Gives the facts of a line, which begin with its level and its event."""
Write = Callable[[Tell, Any, str], None]
"""Writes the line of a run, sooner or later."""

_DEBUG: Final = "debug"
_INFO: Final = "info"
_HASH: Final = "hash"
_SHOWN_HASH_CHARS: Final = 16
_NOT_TOLD: Final = frozenset({"level", "event", _HASH})
"""At a terminal."""

_WEBSOCKET: Final = "websocket"
_POLLED: Final = frozenset({"/health", "/health/live", "/health/ready", "/metrics"})
"""Asked every few seconds by programs."""

log = structlog.get_logger(__name__)


def observe_access(settings: Settings, observers: Observers) -> None:
    """Have requests logged from now on, if the settings say so."""
    if not settings.enable_access_log or settings.log_level not in {_DEBUG, _INFO}:
        return
    access = AccessLog(
        _write_text if is_console(settings) else _write_json,
        is_debugging=settings.log_level == _DEBUG,
    )
    observers.requests.append(access.request)
    observers.operations.append(access.operation)


class AccessLog:
    """Tells of requests.

    Args:
        is_debugging: What is asked all the time is told too.
    """

    def __init__(self, write: Write, *, is_debugging: bool) -> None:
        self._write = write
        self._is_debugging = is_debugging

    def request(self, run: RequestRun) -> None:
        """Write the line of a request."""
        if self._is_debugging or run.route not in _POLLED:
            self._write(_of_request, run, run.id)

    def operation(self, run: OperationRun) -> None:
        """Write the line of an operation that no request is told for."""
        if run.transport == _WEBSOCKET and (self._is_debugging or not run.is_event):
            self._write(_of_operation, run, REQUEST_ID.get())


def _of_request(run: RequestRun, request_id: str) -> Facts:
    facts: Facts = {
        "level": _DEBUG if run.route in _POLLED else _INFO,
        "event": "request",
        "request_id": request_id,
        "method": run.method,
        "route": run.route,
        "status": run.status,
        "ms": round(run.seconds * 1e3, 2),
        "bytes": run.sent_bytes,
    }
    if run.user is not None:
        facts["user"] = run.user
    if run.operation is not None:
        _add(facts, run.operation)
    if run.codes:
        facts["codes"] = run.codes
    if run.is_broken_off:
        facts["broken_off"] = True
    if run.trace is not None:
        facts["trace_id"] = run.trace
    return facts


def _of_operation(run: OperationRun, request_id: str) -> Facts:
    facts: Facts = {
        "level": _DEBUG if run.is_event else _INFO,
        "event": "event" if run.is_event else "operation",
        "request_id": request_id,
        "transport": run.transport,
        "ms": round(run.seconds * 1e3, 2),
        "user": run.user,
    }
    _add(facts, run)
    if run.codes:
        facts["codes"] = run.codes
    return facts


def _add(facts: Facts, run: OperationRun) -> None:
    """What is told of an operation."""
    facts["operation"] = run.name
    facts["kind"] = run.kind
    facts[_HASH] = run.sha256[:_SHOWN_HASH_CHARS]
    if run.cost is not None:
        facts["cost"] = run.cost.requested
        facts["rows"] = run.cost.actual
    if run.cache is not None:
        facts["cache"] = run.cache


def _write_json(tell: Tell, run: Any, request_id: str) -> None:
    STDERR.add(partial(_json, time(), tell, run, request_id))


def _json(at: float, tell: Tell, run: Any, request_id: str) -> bytes:
    # Past structlog, which would cost eight times what forming the line does. There is nothing in
    # it that would have to be hidden or escaped: a name of GraphQL has letters, digits and `_`.
    line = {"timestamp": datetime.fromtimestamp(at, UTC), **tell(run, request_id)}
    return orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE | orjson.OPT_UTC_Z)


def _write_text(tell: Tell, run: Any, request_id: str) -> None:
    facts = tell(run, request_id)
    told = {
        name: _short(value)
        for name, value in facts.items()
        if value is not None and name not in _NOT_TOLD
    }
    write = log.debug if facts["level"] == _DEBUG else log.info
    write(facts["event"], **told)


def _short(value: object) -> str:
    return " ".join(value) if isinstance(value, tuple) else str(value)
