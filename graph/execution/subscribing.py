"""The answers to a subscription, one for each event of its root field.

The one idea: where events come from is graphql-core's to find, and what becomes of one is an
execution like any other, with the event as the value of the root field. Nothing that was read,
noticed or hinted at for one event is left for the next.
"""

import asyncio
from collections.abc import AsyncIterable, Awaitable, Callable
from math import inf
from time import perf_counter
from typing import Any, cast

from graphql import ExecutionResult, located_error
from graphql.execution import Executor as CoreExecutor
from graphql.execution import create_source_event_stream
from graphql.execution.collect_fields import collect_fields
from graphql.pyutils import Path

from domain.errors import OperationTimeout
from graph.context import Context
from graph.deadlines import TimeLimit

Tell = Callable[[ExecutionResult, float], None]


def _nobody(_result: ExecutionResult, _seconds: float) -> None:
    """Is told, and does nothing."""


class Results:
    """Waits for events without an end in time; each is answered within one.

    A source that fails gives one result with its error, and is over. Close it to have the source
    closed; that is done once, however often it is asked for.

    Args:
        execute: Gives the answer to an event.
    """

    def __init__(
        self,
        source: AsyncIterable[Any],
        core: CoreExecutor[Any],
        context: Context,
        *,
        time: TimeLimit,
        execute: Callable[[Any], Awaitable[ExecutionResult]],
    ) -> None:
        self._source = aiter(source)
        self._core = core
        self._context = context
        self._time = time
        self._execute = execute
        self._tell: Tell = _nobody
        self._is_over = False

    def __aiter__(self) -> "Results":
        return self

    async def __anext__(self) -> ExecutionResult:
        """The answer to the next event."""
        if self._is_over:
            raise StopAsyncIteration
        self._begin_anew()
        try:
            event = await anext(self._source)
        except StopAsyncIteration:
            self._is_over = True
            raise
        except Exception as error:  # noqa: BLE001  # becomes an error of the answer
            self._is_over = True
            return failed(self._core, error)
        # A source that always has something to tell would let nobody else have a turn, not even
        # who finds out that the client has left.
        await asyncio.sleep(0)
        return await self._answer(event)

    def tell(self, tell: Tell) -> None:
        """Have somebody told each answer, with the seconds that it took."""
        self._tell = tell

    async def aclose(self) -> None:
        """Have no more answers."""
        self._is_over = True
        # An iterator need not be one that can be closed.
        close = getattr(self._source, "aclose", None)
        if close is not None:
            await close()

    def _begin_anew(self) -> None:
        context = self._context
        context.forget_what_was_read()
        context.notices, context.hints, context.deadline = [], [], inf

    async def _answer(self, event: Any) -> ExecutionResult:
        started = perf_counter()
        try:
            with self._time.start() as deadline:
                self._context.deadline = deadline.when
                result = await self._execute(event)
        except TimeoutError:
            error = OperationTimeout("The event took too long. Ask for less of it.")
            result = failed(self._core, error)
        self._tell(result, perf_counter() - started)
        return result


async def source_of(core: CoreExecutor[Any]) -> AsyncIterable[Any] | ExecutionResult:
    """Where the events come from, or the error of the resolver that should have told."""
    found = create_source_event_stream(core)
    return await found if isinstance(found, Awaitable) else found


def failed(core: CoreExecutor[Any], error: Exception) -> ExecutionResult:
    """The answer when the root field cannot be had."""
    type_ = core.schema.subscription_type
    found = collect_fields(
        core.schema, core.fragments, core.variable_values, cast("Any", type_), core.operation
    )
    # A valid subscription has one.
    ((key, details),) = found.grouped_field_set.items()
    nodes = [each.node for each in details]
    return ExecutionResult(None, [located_error(error, nodes, Path(None, key, None).as_list())])
