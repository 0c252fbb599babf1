"""Attempts at jobs as spans; what they read and write is a part of them."""

import asyncio
from functools import partial
from typing import Any, Final

from app.tracing.spans import Kind, Tracer, Value
from db.job_runs import Cancelled, Fenced
from jobs.running import Handler, Handlers, Run, TryAgain

_NO_FAILURES: Final = (TryAgain, Cancelled, Fenced, asyncio.CancelledError)
"""They say that the job goes on elsewhere, or later, or is not wanted any more."""


def traced_handlers(handlers: Handlers, tracer: Tracer | None) -> Handlers:
    """The handlers with a span for each attempt; themselves when nobody wants to know."""
    if tracer is None:
        return handlers
    return {task: partial(_handle, handler, tracer) for task, handler in handlers.items()}


async def _handle(handler: Handler, tracer: Tracer, run: Run, task: Any) -> None:
    facts: dict[str, Value] = {
        "messaging.system": "procrastinate",
        "messaging.operation.type": "process",
        "messaging.destination.name": task.queue,
        "appointment360.job.id": run.job_id,
        "appointment360.job.kind": task.kind.value,
        "appointment360.job.attempt": run.attempt,
    }
    name = f"job {task.kind.value}"
    with tracer.root(name, Kind.CONSUMER, facts, expected=_NO_FAILURES) as span:
        try:
            await handler(run, task)
        except _NO_FAILURES as ended:
            span.tell({"appointment360.job.ended": type(ended).__name__})
            raise
