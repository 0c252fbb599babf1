"""Executing operations: by plan where there is one, by graphql-core where there is none.

The one idea: a plan may give up, graphql-core never has to. Introspection is graphql-core's; so is
a query whose answer turned out to depend on more than the plan knows. A mutation is never executed
a second time.
"""

from collections import Counter
from collections.abc import Awaitable, Mapping
from enum import StrEnum
from typing import Any, Final, NamedTuple

import strawberry
from graphql import (
    ExecutionResult,
    GraphQLError,
    OperationType,
    execute,
)
from graphql.execution import Executor as CoreExecutor
from graphql.execution import execute_subscription_event
from graphql.execution.values import VariableValues

from domain.asker import asked_by
from graph.context import Context
from graph.deadlines import TimeLimit
from graph.document import Operation
from graph.execution.environment import Environment
from graph.execution.plan import OperationPlan
from graph.execution.plans import Planned, Plans
from graph.execution.running import Run
from graph.execution.subscribing import Results, source_of

_SWITCHED_OFF: Final = "switched off"


class Tier(StrEnum):
    """How an operation is executed."""

    PLANNED = "planned"
    GENERAL = "general"
    FALLBACK = "fallback"


class Way(NamedTuple):
    """How an operation is executed, and why by graphql-core when it is.

    Attributes:
        reason: Empty unless graphql-core executes it.
    """

    tier: Tier
    reason: str = ""


class Executor:
    """Executes the operations of a schema.

    Args:
        compiled: Without it graphql-core executes everything.

    Attributes:
        counts: How many operations were executed in which way.
    """

    def __init__(self, schema: strawberry.Schema, *, compiled: bool = True) -> None:
        self._environment = Environment(schema)
        self._plans = Plans()
        self._compiled = compiled
        self.counts: Counter[Way] = Counter()

    async def execute(
        self, operation: Operation, variables: Mapping[str, Any], context: Context
    ) -> ExecutionResult:
        """The answer to a query or mutation.

        The errors stand in the order of their fields in the document, and of lists within; notices
        and hints in the order of their places.
        """
        context.bill = operation.prices(variables).bill(variables, context.page_sizes)
        if operation.kind is OperationType.MUTATION:
            context.reads.use_primary()
        with asked_by(context.asker, sees_all=context.sees_all):
            result = await self._execute(operation, variables, context)
        _put_in_order(result, context)
        return result

    async def subscribe(
        self,
        operation: Operation,
        variables: Mapping[str, Any],
        context: Context,
        *,
        time: TimeLimit,
    ) -> ExecutionResult | Results:
        """The answers to a subscription, or why there are none.

        It reads at the primary: what an event tells of may not have come to the replica.

        Args:
            time: For each event; waiting for one takes as long as it takes.
        """
        context.reads.use_primary()
        core = CoreExecutor.build(
            self._environment.schema,
            operation.document.tree,
            context_value=context,
            raw_variable_values=dict(variables),
            operation_name=operation.name,
        )
        if isinstance(core, list):
            return ExecutionResult(None, core)
        source = await source_of(core)
        if isinstance(source, ExecutionResult):
            return source
        planned = self._plan_events(operation, variables, core)

        async def execute_event(event: Any) -> ExecutionResult:
            with asked_by(context.asker, sees_all=context.sees_all):
                result = await self._execute_event(event, planned, core)
            _put_in_order(result, context)
            return result

        return Results(source, core, context, time=time, execute=execute_event)

    async def _execute(
        self, operation: Operation, variables: Mapping[str, Any], context: Context
    ) -> ExecutionResult:
        answer: ExecutionResult | str = _SWITCHED_OFF
        if self._compiled:
            planned = self._plans.plan(operation, variables)
            if isinstance(planned, list):
                return ExecutionResult(None, planned)
            is_mutation = operation.kind is OperationType.MUTATION
            answer = await self._run(*planned, context, serially=is_mutation)
        if isinstance(answer, ExecutionResult):
            return answer
        self._count(context, Way(Tier.FALLBACK, answer))
        result = execute(
            self._environment.schema,
            operation.document.tree,
            context_value=context,
            variable_values=dict(variables),
            operation_name=operation.name,
        )
        return await result if isinstance(result, Awaitable) else result

    async def _run(
        self,
        plan: OperationPlan | str,
        variables: VariableValues,
        context: Context,
        *,
        serially: bool = False,
        source: Any = None,
    ) -> ExecutionResult | str:
        """The answer by a plan, or why it has to be graphql-core's.

        Args:
            serially: As mutations are, which are never executed a second time.
            source: The event of a subscription.
        """
        if isinstance(plan, str):
            return plan
        run = Run(self._environment, plan, variables, context)
        data = await run.answer(serially=serially, source=source)
        if run.is_doubtful and not serially:
            context.forget_what_was_read()
            context.fetches.forget()
            context.bill.forget()
            return "doubtful"
        self._count(context, Way(Tier.PLANNED if plan.is_planned else Tier.GENERAL))
        return ExecutionResult(data, run.errors or None)

    def _plan_events(
        self, operation: Operation, variables: Mapping[str, Any], core: CoreExecutor[Any]
    ) -> Planned:
        """The plan for each event, or why there is none, and the variables that it takes."""
        if self._compiled:
            planned = self._plans.plan(operation, variables)
            # graphql-core has found that the variables can be coerced.
            if not isinstance(planned, list):
                return planned
        return Planned(_SWITCHED_OFF, core.variable_values)

    async def _execute_event(
        self, event: Any, planned: Planned, core: CoreExecutor[Any]
    ) -> ExecutionResult:
        context: Context = core.context_value
        answer = await self._run(*planned, context, source=event)
        if isinstance(answer, ExecutionResult):
            return answer
        self._count(context, Way(Tier.FALLBACK, answer))
        result = execute_subscription_event(core.build_per_event_executor(event))
        return await result if isinstance(result, Awaitable) else result

    def _count(self, context: Context, way: Way) -> None:
        self.counts[way] += 1
        context.execution = {"tier": way.tier, **({"reason": way.reason} if way.reason else {})}

    def code_of(self, operation: Operation, variables: Mapping[str, Any]) -> str:
        """The generated functions of an operation, or why there are none."""
        planned = self._plans.plan(operation, variables)
        if isinstance(planned, list):
            return f"# {planned[0].message}"
        plan, _ = planned
        if isinstance(plan, str):
            return f"# executed by graphql-core: {plan}"
        return "\n\n".join(f"# {place}\n{text}" for place, text in plan.codes)


def _put_in_order(result: ExecutionResult, context: Context) -> None:
    if result.errors:
        result.errors.sort(key=_position)
    for told in (context.notices, context.hints):
        told.sort(key=_place)


def _position(error: GraphQLError) -> tuple[object, ...]:
    """Where an error stands; those of the request stand as they were found, before all others."""
    if error.path is None or not error.locations:
        return ((0, 0), ())
    place = error.locations[0]
    return ((place.line, place.column), [key for key in error.path if isinstance(key, int)])


def _place(told: dict[str, object]) -> tuple[str, str]:
    return (str(told["path"]), str(told["code"]))
