"""Logs: one line an event, readable at a terminal, JSON elsewhere. They go to stderr.

Every line begins with its time, its level, its event and the request that it is about. Whatever a
client wrote cannot begin a line of its own, nor tell a terminal what to do.
"""

import atexit
import json
import logging
import re
import sys
from collections.abc import MutableMapping
from contextvars import ContextVar
from io import StringIO
from typing import Any, Final, TextIO

import orjson
import structlog
from structlog.contextvars import STRUCTLOG_KEY_PREFIX

from app.log_lines import STDERR
from app.settings import Settings
from streaming.serialization import mask_secrets

# What logging itself hands on, for the renderer.
_NO_FACTS: Final = ("exc_info", "_record")
_BROKEN_OFF: Final = "ASGI callable returned without completing response."
_FIRST: Final = ("timestamp", "level", "event", "request_id")
_INDENT: Final = "    "

REQUEST_ID: Final[ContextVar[str]] = ContextVar(f"{STRUCTLOG_KEY_PREFIX}request_id", default="")
"""The request that is being answered; by its name, structlog knows it for a fact of each line."""

_OPTIONS: Final = orjson.OPT_UTC_Z | orjson.OPT_NON_STR_KEYS
# JSON may have these as they are, and some terminals obey them.
_CONTROLS_IN_JSON: Final = re.compile(b"\x7f|\xc2[\x80-\x9f]|\xe2\x80[\xa8\xa9]")
_CONTROLS: Final = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_CONTROLS_BUT_BREAKS: Final = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029]")


def configure_logging(settings: Settings) -> None:
    """Send every log of this process, uvicorn's too, through one form."""
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    renderer: Any = _as_text
    if is_console(settings):
        # The default shows the local variables of every frame, passwords and tokens among them.
        renderer = structlog.dev.ConsoleRenderer(
            pad_event_to=28, exception_formatter=_indented_traceback, sort_keys=False
        )
        shared += [_hide_secrets, _in_order, _without_controls]
    else:
        shared += [structlog.processors.format_exc_info, _hide_secrets, _in_order]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.stdlib.BoundLogger,
        logger_factory=structlog.stdlib.LoggerFactory(),
    )
    handler = _Handler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(settings.log_level.upper())
    for name in ("alembic", "procrastinate", "uvicorn"):
        logging.getLogger(name).setLevel("WARNING")
    logging.getLogger("uvicorn.error").addFilter(_is_not_told_already)
    atexit.register(STDERR.end)


def is_console(settings: Settings) -> bool:
    """Whether lines are for somebody who reads them at a terminal."""
    if settings.log_format == "auto":
        return sys.stderr.isatty() and not settings.is_production
    return settings.log_format == "console"


def as_json(event: object) -> bytes:
    """An event in one line."""
    try:
        line = orjson.dumps(event, default=repr, option=_OPTIONS)
    except orjson.JSONEncodeError:
        # A number of many digits, or a text that is none in UTF-8.
        line = json.dumps(event, default=repr).encode()
    return _CONTROLS_IN_JSON.sub(_escaped, line) + b"\n"


class _Handler(logging.StreamHandler[TextIO]):
    """Writes what is told at once, behind what was told before."""

    def emit(self, record: logging.LogRecord) -> None:
        """Write a line."""
        STDERR.write()
        super().emit(record)


def _as_text(_logger: object, _method: str, event: MutableMapping[str, Any]) -> str:
    return as_json(event).decode().rstrip("\n")


def _escaped(found: re.Match[bytes]) -> bytes:
    return f"\\u{ord(found[0].decode()):04x}".encode()


def _in_order(
    _logger: object, _method: str, event: MutableMapping[str, Any]
) -> MutableMapping[str, Any]:
    first = {name: event.pop(name) for name in _FIRST if name in event}
    return {**first, **event}


def _without_controls(
    _logger: object, _method: str, event: MutableMapping[str, Any]
) -> MutableMapping[str, Any]:
    """Have a text be one line, and nothing but that."""
    return {
        name: _shown(value, _CONTROLS) if isinstance(value, str) else value
        for name, value in event.items()
    }


def _shown(text: str, controls: re.Pattern[str]) -> str:
    return controls.sub(lambda found: ascii(found[0])[1:-1], text)


def _indented_traceback(stream: TextIO, exc_info: Any) -> None:
    """The lines of a traceback, each of which shows that it is no line of the log."""
    written = StringIO()
    structlog.dev.plain_traceback(written, exc_info)
    lines = _shown(written.getvalue(), _CONTROLS_BUT_BREAKS).splitlines()
    stream.write("\n" + "\n".join(_INDENT + line for line in lines if line))


def _hide_secrets(
    _logger: object, _method: str, event: MutableMapping[str, Any]
) -> MutableMapping[str, Any]:
    """Mask what is named as a secret, in the facts of the event and within them."""
    kept = {name: event.pop(name) for name in _NO_FACTS if name in event}
    masked: dict[str, Any] = mask_secrets(event)
    return {**masked, **kept}


def _is_not_told_already(record: logging.LogRecord) -> bool:
    """Whether it is more than uvicorn's line for an answer that we broke off, which has ours."""
    return record.msg != _BROKEN_OFF
