"""What is told of an operation, from all that is known of it once it has been answered."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from graphql import ExecutionResult

from domain.errors import AppError, ErrorCode
from graph.context import Context
from graph.document import Operation
from graph.documents import InvalidDocument
from graph.errors import code_of
from graph.observing import MAX_NAME_CHARS, OperationRun
from graph.prices import Cost

CANCELLED: Final = "CANCELLED"
"""Told as the code of what nobody waited for to its end."""


@dataclass(slots=True)
class Asked:
    """An operation that somebody asked for.

    Attributes:
        cost: None until it is known, and of events.
    """

    operation: Operation
    variables: Mapping[str, Any]
    context: Context
    cost: Cost | None = None


def run_of(asked: Asked, *, seconds: float, codes: Sequence[str], is_event: bool) -> OperationRun:
    """An operation that has been answered, or an event of one."""
    operation, context = asked.operation, asked.context
    kind, name, keys, fields = operation.about(asked.variables)
    execution = context.execution
    return OperationRun(
        kind=kind,
        name=None if name is None else name[:MAX_NAME_CHARS],
        sha256=operation.document.sha256,
        fields=fields,
        user=context.asker,
        seconds=seconds,
        cost=asked.cost,
        tier="" if execution is None else str(execution["tier"]),
        cache=context.fetches.worst,
        codes=codes,
        field_costs=() if context.cost is None else context.bill.of_each(keys),
        transport=context.transport,
        is_event=is_event,
    )


def codes_of(result: ExecutionResult) -> tuple[str, ...]:
    """The codes of the errors of an answer."""
    return tuple([code_of(error) for error in result.errors]) if result.errors else ()


def codes_of_refusal(error: BaseException) -> tuple[str, ...]:
    """The code of why there is no answer."""
    if isinstance(error, AppError | InvalidDocument):
        return (error.code,)
    is_left = isinstance(error, asyncio.CancelledError)
    return (CANCELLED if is_left else ErrorCode.INTERNAL_SERVER_ERROR,)
