"""The plans that are kept: a document is planned when it is first executed, and not again.

The one idea: what can make plans of one operation differ is which variables of `@skip` and
`@include` are true; everything else is either in the document or does not matter to the plan.
"""

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from graphql import (
    FieldNode,
    GraphQLError,
    OperationDefinitionNode,
)
from graphql.execution.values import VariableValues

from cache.bounded import BoundedCache
from graph.document import Operation, is_meta
from graph.execution.asked import TooLarge
from graph.execution.inputs import Variables
from graph.execution.plan import OperationPlan
from graph.execution.planner import plan_operation

_MAX_CACHED_BYTES: Final = 32 * 2**20
_MAX_PLANS: Final = 16

# A plan weighs about this many times the text of its document, measured 2026-11-22.
_PLAN_WEIGHT: Final = 50


class Planned(NamedTuple):
    """A plan, or why there is none, and the variables that it takes."""

    plan: OperationPlan | str
    variables: VariableValues


class Plans:
    """The operations of a schema that were executed lately, with their plans."""

    def __init__(self) -> None:
        self._kept: BoundedCache[Operation, PlannedOperation] = BoundedCache(
            max_bytes=_MAX_CACHED_BYTES, weigh=lambda planned: planned.weight_bytes
        )

    def plan(
        self, operation: Operation, variables: Mapping[str, Any]
    ) -> Planned | list[GraphQLError]:
        """The plan of an operation for the variables of a request, or what is wrong with these."""
        planned = self.get(operation)
        coerced = planned.variables.coerce(variables)
        return coerced if isinstance(coerced, list) else Planned(planned.plan(coerced), coerced)

    def get(self, operation: Operation) -> "PlannedOperation":
        """The plans of an operation."""
        planned = self._kept.get(operation)
        if planned is None:
            planned = PlannedOperation(operation)
            self._kept.put(operation, planned)
        return planned


class PlannedOperation:
    """The plans of one operation: one for each set of fields that `@skip` and `@include` leave."""

    def __init__(self, operation: Operation) -> None:
        self._operation = operation
        self.variables = Variables(operation.document.schema, operation.node)
        self._reason = _why_not(operation.node)
        self._conditions = operation.document.conditions
        self._plans: dict[tuple[object, ...], OperationPlan | str] = {}

    @property
    def weight_bytes(self) -> int:
        """What all its plans can weigh together."""
        plans: int = min(_MAX_PLANS, 2 ** len(self._conditions))
        return self._operation.document.text_chars * _PLAN_WEIGHT * plans

    def plan(self, variables: VariableValues) -> OperationPlan | str:
        """The plan for these values, or why there is none."""
        if self._reason:
            return self._reason
        key = tuple(variables.coerced.get(name) for name in self._conditions)
        if key not in self._plans:
            if len(self._plans) >= _MAX_PLANS:
                self._plans.pop(next(iter(self._plans)))
            self._plans[key] = self._plan(variables)
        return self._plans[key]

    def _plan(self, variables: VariableValues) -> OperationPlan | str:
        coerced = variables.coerced
        named = {name: coerced[name] for name in self._conditions if name in coerced}
        conditions = VariableValues(variables.sources, named)
        try:
            return plan_operation(self._operation, conditions)
        except TooLarge:
            return "too large"
        except GraphQLError:
            # Null for `@skip` or `@include`: where that is told is for graphql-core to say.
            return "condition without a value"


def _why_not(operation: OperationDefinitionNode) -> str:
    """Why an operation is not for a plan; empty when it is."""
    if operation.directives:
        return "directive of the operation"
    fields = [node for node in operation.selection_set.selections if isinstance(node, FieldNode)]
    if any(is_meta(field) and field.name.value != "__typename" for field in fields):
        return "introspection"
    return ""
