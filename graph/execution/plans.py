"""The plans that are kept: a document is planned when it is first executed, and not again.

The one idea: what can make plans of one operation differ is which variables of `@skip` and
`@include` are true; everything else is either in the document or does not matter to the plan.
"""

from typing import Final

from graphql import (
    FieldNode,
    FragmentDefinitionNode,
    GraphQLError,
    GraphQLSchema,
    OperationDefinitionNode,
)
from graphql.execution.values import VariableValues

from cache.bounded import BoundedCache
from graph.document import Document, is_meta
from graph.execution.asked import TooLarge
from graph.execution.inputs import Variables
from graph.execution.plan import OperationPlan
from graph.execution.planner import plan_operation

_MAX_CACHED_BYTES: Final = 32 * 2**20
_MAX_PLANS: Final = 16

# A plan weighs about this many times the text of its document, measured 2026-11-22.
_PLAN_WEIGHT: Final = 50


class Plans:
    """The operations of a schema that were executed lately, with their plans."""

    def __init__(self, schema: GraphQLSchema) -> None:
        self._schema = schema
        self._kept: BoundedCache[int, PlannedOperation] = BoundedCache(
            max_bytes=_MAX_CACHED_BYTES, weigh=lambda planned: planned.weight_bytes
        )

    def get(self, document: Document, operation: OperationDefinitionNode) -> "PlannedOperation":
        """The plans of an operation of a document."""
        planned = self._kept.get(id(operation))
        if planned is None:
            planned = PlannedOperation(self._schema, document, operation)
            self._kept.put(id(operation), planned)
        return planned


class PlannedOperation:
    """The plans of one operation: one for each set of fields that `@skip` and `@include` leave."""

    def __init__(
        self, schema: GraphQLSchema, document: Document, operation: OperationDefinitionNode
    ) -> None:
        self._schema = schema
        # Held, so that the id that it is found under is no other document's.
        self.document = document
        self._operation = operation
        self._fragments = {
            node.name.value: node
            for node in document.tree.definitions
            if isinstance(node, FragmentDefinitionNode)
        }
        self.variables = Variables(schema, operation)
        self._reason = _why_not(operation)
        self._conditions = document.conditions
        self._plans: dict[tuple[object, ...], OperationPlan | str] = {}

    @property
    def weight_bytes(self) -> int:
        """What all its plans can weigh together."""
        plans: int = min(_MAX_PLANS, 2 ** len(self._conditions))
        return self.document.text_chars * _PLAN_WEIGHT * plans

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
            return plan_operation(self._schema, self._operation, self._fragments, conditions)
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
