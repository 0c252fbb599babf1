"""Executing operations: by plan where there is one, by graphql-core where there is none.

The one idea: a plan may give up, graphql-core never has to. Introspection is graphql-core's; so is
a query whose answer turned out to depend on more than the plan knows. A mutation is never executed
a second time.
"""

from collections import Counter
from collections.abc import Awaitable
from enum import StrEnum
from typing import Any, NamedTuple

import strawberry
from graphql import (
    ExecutionResult,
    GraphQLError,
    OperationDefinitionNode,
    OperationType,
    execute,
)
from graphql.execution import Executor as CoreExecutor
from graphql.execution import execute_subscription_event
from graphql.execution.values import VariableValues

from domain.asker import asked_by
from graph.context import Context
from graph.deadlines import TimeLimit
from graph.document import Document
from graph.execution.environment import Environment
from graph.execution.plan import OperationPlan
from graph.execution.plans import Plans
from graph.execution.running import Run
from graph.execution.subscribing import Results, source_of
from graph.prices import PageSizes
from graph.request import GraphQLRequest


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
        self._plans = Plans(self._environment.schema)
        self._compiled = compiled
        self.counts: Counter[Way] = Counter()

    async def execute(
        self, document: Document, wanted: GraphQLRequest, context: Context
    ) -> ExecutionResult:
        """The answer to the operation that is wanted of a document.

        The errors stand in the order of their fields in the document, and of lists within; notices
        and hints in the order of their places.
        """
        operation = document.operation(wanted.operation_name)
        if operation is not None:
            sizes = PageSizes(context.page_limits.default, context.page_limits.maximum)
            variables = wanted.variables or {}
            context.bill = document.prices(operation, variables).bill(variables, sizes)
            if operation.operation is OperationType.MUTATION:
                context.reads.use_primary()
        with asked_by(context.asker, sees_all=context.sees_all):
            result = await self._execute(document, operation, wanted, context)
        _put_in_order(result, context)
        return result

    async def subscribe(
        self, document: Document, wanted: GraphQLRequest, context: Context, *, time: TimeLimit
    ) -> ExecutionResult | Results:
        """The answers to the subscription that is wanted of a document, or why there are none.

        It reads at the primary: what an event tells of may not have come to the replica.

        Args:
            time: For each event; waiting for one takes as long as it takes.
        """
        context.reads.use_primary()
        core = CoreExecutor.build(
            self._environment.schema,
            document.tree,
            context_value=context,
            raw_variable_values=wanted.variables,
            operation_name=wanted.operation_name,
        )
        if isinstance(core, list):
            return ExecutionResult(None, core)
        source = await source_of(core)
        if isinstance(source, ExecutionResult):
            return source
        plan, variables = self._plan_events(document, wanted, core)

        async def execute_event(event: Any) -> ExecutionResult:
            with asked_by(context.asker, sees_all=context.sees_all):
                result = await self._execute_event(event, plan, variables, core)
            _put_in_order(result, context)
            return result

        return Results(source, core, context, time=time, execute=execute_event)

    async def _execute(
        self,
        document: Document,
        operation: OperationDefinitionNode | None,
        wanted: GraphQLRequest,
        context: Context,
    ) -> ExecutionResult:
        reason = "switched off"
        if self._compiled and operation is not None:
            planned = self._plans.get(document, operation)
            variables = planned.variables.coerce(wanted.variables or {})
            if isinstance(variables, list):
                return ExecutionResult(None, variables)
            plan = planned.plan(variables)
            if isinstance(plan, OperationPlan):
                return await self._run(plan, variables, document, wanted, context)
            reason = plan
        self._count(context, Way(Tier.FALLBACK, reason))
        return await self._fall_back(document, wanted, context)

    async def _run(
        self,
        plan: OperationPlan,
        variables: VariableValues,
        document: Document,
        wanted: GraphQLRequest,
        context: Context,
    ) -> ExecutionResult:
        run = Run(self._environment, plan, variables, context)
        is_mutation = plan.operation.operation is OperationType.MUTATION
        data = await run.answer(serially=is_mutation)
        if run.is_doubtful and not is_mutation:
            self._count(context, Way(Tier.FALLBACK, "doubtful"))
            context.forget_what_was_read()
            context.fetches.forget()
            context.bill.forget()
            return await self._fall_back(document, wanted, context)
        self._count(context, Way(Tier.PLANNED if plan.is_planned else Tier.GENERAL))
        return ExecutionResult(data, run.errors or None)

    async def _fall_back(
        self, document: Document, wanted: GraphQLRequest, context: Context
    ) -> ExecutionResult:
        result = execute(
            self._environment.schema,
            document.tree,
            context_value=context,
            variable_values=wanted.variables,
            operation_name=wanted.operation_name,
        )
        return await result if isinstance(result, Awaitable) else result

    def _plan_events(
        self, document: Document, wanted: GraphQLRequest, core: CoreExecutor[Any]
    ) -> tuple[OperationPlan | str, VariableValues]:
        """The plan for each event, or why there is none, and the variables that it takes."""
        if self._compiled:
            planned = self._plans.get(document, core.operation)
            variables = planned.variables.coerce(wanted.variables or {})
            # graphql-core has found that they can be coerced.
            if not isinstance(variables, list):
                return planned.plan(variables), variables
        return "switched off", core.variable_values

    async def _execute_event(
        self,
        event: Any,
        plan: OperationPlan | str,
        variables: VariableValues,
        core: CoreExecutor[Any],
    ) -> ExecutionResult:
        context: Context = core.context_value
        if isinstance(plan, OperationPlan):
            run = Run(self._environment, plan, variables, context)
            data = await run.answer(serially=False, source=event)
            if not run.is_doubtful:
                self._count(context, Way(Tier.PLANNED if plan.is_planned else Tier.GENERAL))
                return ExecutionResult(data, run.errors or None)
            plan = "doubtful"
            context.forget_what_was_read()
        self._count(context, Way(Tier.FALLBACK, plan))
        result = execute_subscription_event(core.build_per_event_executor(event))
        return await result if isinstance(result, Awaitable) else result

    def _count(self, context: Context, way: Way) -> None:
        self.counts[way] += 1
        context.execution = {"tier": way.tier, **({"reason": way.reason} if way.reason else {})}

    def code_of(self, document: Document, wanted: GraphQLRequest) -> str:
        """The generated functions of an operation, or why there are none."""
        operation = document.operation(wanted.operation_name)
        if operation is None:
            return "# no operation of this name"
        planned = self._plans.get(document, operation)
        variables = planned.variables.coerce(wanted.variables or {})
        if isinstance(variables, list):
            return f"# {variables[0].message}"
        plan = planned.plan(variables)
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
