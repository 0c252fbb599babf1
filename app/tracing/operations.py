"""Operations as spans: by name, kind and hash, never by their text or variables."""

from collections.abc import Mapping
from typing import Any

from graphql import ExecutionResult

from app.tracing.spans import Span, Tracer, Value
from graph.context import Context
from graph.deadlines import TimeLimit
from graph.document import Operation
from graph.endpoint import Executor
from graph.execution.subscribing import Results
from graph.observing import MAX_NAME_CHARS
from graph.telling import codes_of


def traced_executor(executor: Executor, tracer: Tracer | None) -> Executor:
    """The executor with a span for each operation; itself when nobody wants to know."""
    return executor if tracer is None else TracedExecutor(executor, tracer)


class TracedExecutor:
    """Has a span for each query and mutation, and for the beginning of each subscription."""

    def __init__(self, executor: Executor, tracer: Tracer) -> None:
        self._executor = executor
        self._tracer = tracer

    async def execute(
        self, operation: Operation, variables: Mapping[str, Any], context: Context
    ) -> ExecutionResult:
        """As `Executor` has it."""
        name, facts = _told(operation)
        with self._tracer.span(name, facts) as span:
            result = await self._executor.execute(operation, variables, context)
            _tell_errors(span, result)
            return result

    async def subscribe(
        self,
        operation: Operation,
        variables: Mapping[str, Any],
        context: Context,
        *,
        time: TimeLimit,
    ) -> ExecutionResult | Results:
        """As `Executor` has it."""
        name, facts = _told(operation)
        with self._tracer.span(name, facts) as span:
            results = await self._executor.subscribe(operation, variables, context, time=time)
            if isinstance(results, ExecutionResult):
                _tell_errors(span, results)
            return results


def _told(operation: Operation) -> tuple[str, dict[str, Value]]:
    """What a span of the operation is called, and what is known of it."""
    kind = operation.kind.value
    facts: dict[str, Value] = {
        "graphql.document.hash": operation.document.sha256,
        "graphql.operation.type": kind,
    }
    if operation.name is None:
        return kind, facts
    facts["graphql.operation.name"] = name = operation.name[:MAX_NAME_CHARS]
    return f"{kind} {name}", facts


def _tell_errors(span: Span, result: ExecutionResult) -> None:
    if codes := sorted(set(codes_of(result))):
        span.tell({"graphql.error.codes": codes})
        span.fail(codes[0])
