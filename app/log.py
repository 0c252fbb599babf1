"""Logs: one line an event, readable at a terminal, JSON elsewhere. They go to stderr."""

import logging
import sys
from collections.abc import MutableMapping
from typing import Any, Final

import structlog

from app.settings import Settings
from streaming.serialization import mask_secrets

# What logging itself hands on, for the renderer.
_NO_FACTS: Final = ("exc_info", "_record")
_BROKEN_OFF: Final = "ASGI callable returned without completing response."


def configure_logging(settings: Settings) -> None:
    """Send every log of this process, uvicorn's too, through one form."""
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    renderer: Any = structlog.processors.JSONRenderer()
    if _is_console(settings):
        # The default shows the local variables of every frame, passwords and tokens among them.
        renderer = structlog.dev.ConsoleRenderer(
            pad_event_to=28, exception_formatter=structlog.dev.plain_traceback
        )
    else:
        shared.append(structlog.processors.format_exc_info)
    shared.append(_hide_secrets)
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.stdlib.BoundLogger,
        logger_factory=structlog.stdlib.LoggerFactory(),
    )
    handler = logging.StreamHandler(sys.stderr)
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


def _is_console(settings: Settings) -> bool:
    if settings.log_format == "auto":
        return sys.stderr.isatty() and not settings.is_production
    return settings.log_format == "console"


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
