"""Whether traces are asked for, by the variables that all of OpenTelemetry goes by.

They are read from the environment alone, as its own libraries read them: not from `.env`.
"""

import os
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from importlib import import_module
from typing import Final

from app.tracing.spans import Tracer
from domain.errors import AppError

_ENDPOINTS: Final = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
_EXPORTER: Final = "OTEL_TRACES_EXPORTER"
_PROTOCOLS: Final = ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL")
_SPOKEN: Final = "http/protobuf"


class TracingUnavailable(AppError):
    """Traces are asked for and cannot be had; the message says why."""


def is_asked_for(environment: Mapping[str, str]) -> bool:
    """Whether traces are to be sent.

    Raises:
        TracingUnavailable: In a way that is not ours.
    """
    if environment.get("OTEL_SDK_DISABLED", "").strip().lower() == "true":
        return False
    exporter = environment.get(_EXPORTER, "").strip().lower()
    if exporter == "none" or not (exporter or any(map(environment.get, _ENDPOINTS))):
        return False
    if exporter not in ("", "otlp"):
        raise TracingUnavailable(f"{_EXPORTER} is {exporter}; traces are sent by otlp, or none.")
    for name in _PROTOCOLS:
        if (protocol := environment.get(name) or _SPOKEN) != _SPOKEN:
            raise TracingUnavailable(
                f"{name} is {protocol}; traces are sent by {_SPOKEN}. Set that, and the"
                " port at which the collector takes it, usually 4318."
            )
    return True


@asynccontextmanager
async def open_tracing(*, stop_seconds: Callable[[float], float]) -> AsyncIterator[Tracer | None]:
    """What makes spans while the block runs; None when nobody has asked for traces.

    Args:
        stop_seconds: How much of some seconds may pass at the end.

    Raises:
        TracingUnavailable: The extra is not installed, or it is asked for what is not ours.
    """
    if not is_asked_for(os.environ):
        yield None
        return
    try:
        otel = import_module("app.tracing.otel")
    except ModuleNotFoundError as error:
        raise TracingUnavailable(
            "Traces are asked for by OTEL_… variables, and need the extra tracing: pip install"
            " 'appointment360[tracing]'. OTEL_SDK_DISABLED=true does without."
        ) from error
    async with otel.open_tracer(stop_seconds=stop_seconds) as tracer:
        yield tracer
