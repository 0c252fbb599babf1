"""What comes with a request: variables and arguments, coerced and checked as graphql-core does.

The one idea: what the document alone decides is worked out with the plan. A request that sends
what was declared takes the short way; one that does not is handed to graphql-core, so that its
errors have the words they always have.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from graphql import (
    FieldNode,
    GraphQLError,
    GraphQLField,
    GraphQLInputType,
    GraphQLSchema,
    ListValueNode,
    ObjectValueNode,
    OperationDefinitionNode,
    Undefined,
    ValueNode,
    VariableNode,
    coerce_input_value,
    get_argument_values,
    get_named_type,
    is_leaf_type,
    is_non_null_type,
)
from graphql.execution.get_variable_signature import (
    GraphQLVariableSignature,
    get_variable_signature,
)
from graphql.execution.values import VariableValues, VariableValueSource, get_variable_values

_MAX_ERRORS: Final = 50
NO_VARIABLES: Final = VariableValues({}, {})


@dataclass(frozen=True, eq=False, slots=True)
class _Variable:
    """A variable of an operation.

    Attributes:
        default: Coerced already; Undefined when there is none.
    """

    name: str
    type: GraphQLInputType
    signature: GraphQLVariableSignature
    default: Any


class Variables:
    """The variables that an operation declares."""

    def __init__(self, schema: GraphQLSchema, operation: OperationDefinitionNode) -> None:
        self._schema = schema
        self._nodes = operation.variable_definitions or ()
        self._known = _known_variables(schema, operation)

    def coerce(self, given: Mapping[str, Any]) -> VariableValues | list[GraphQLError]:
        """The values to execute with, or what is wrong with those that were given."""
        values = self._coerce(given)
        if values is not None:
            return values
        return get_variable_values(self._schema, self._nodes, dict(given), max_errors=_MAX_ERRORS)

    def _coerce(self, given: Mapping[str, Any]) -> VariableValues | None:
        """The values; None when something is out of the ordinary."""
        if self._known is None:
            return None
        sources: dict[str, VariableValueSource] = {}
        coerced: dict[str, Any] = {}
        for variable in self._known:
            name, value = variable.name, given.get(variable.name, Undefined)
            sources[name] = VariableValueSource(variable.signature, value)
            if value is not Undefined:
                coerced[name] = coerce_input_value(value, variable.type)
                if coerced[name] is Undefined:
                    return None
            elif variable.default is not Undefined:
                coerced[name] = variable.default
            elif is_non_null_type(variable.type):
                return None
        return VariableValues(sources, coerced)


def _known_variables(
    schema: GraphQLSchema, operation: OperationDefinitionNode
) -> list[_Variable] | None:
    """The variables that the short way takes; None when one of them is not for it.

    Values of input objects and lists can be nested too deeply, and their defaults must not be
    shared by requests.
    """
    known = []
    for node in operation.variable_definitions or ():
        signature = get_variable_signature(schema, node)
        if isinstance(signature, GraphQLError):
            return None
        default = Undefined
        if node.default_value is not None:
            values = get_variable_values(schema, [node], {})
            if isinstance(values, list) or not is_leaf_type(get_named_type(signature.type)):
                return None
            default = values.coerced[signature.name]
        known.append(_Variable(signature.name, signature.type, signature, default))
    return known


class Arguments:
    """The arguments of a field, as far as the document decides them."""

    def __init__(self, definition: GraphQLField, node: FieldNode) -> None:
        self._definition = definition
        self._node = node
        self._given = {each.name.value: each.value for each in node.arguments or ()}
        self._constants = self._constant()
        self._named = self._variables()

    @property
    def are_constant(self) -> bool:
        """Whether they are the same in every request."""
        return not any(map(_has_variable, self._given.values()))

    def coerce(self, variables: VariableValues) -> Mapping[str, Any]:
        """The values, by their names in the schema.

        Raises:
            GraphQLError: One of them cannot be.
        """
        values = self._coerce(variables.coerced)
        if values is not None:
            return values
        return get_argument_values(self._definition, self._node, variables)

    def _coerce(self, variables: Mapping[str, Any]) -> dict[str, Any] | None:
        """The values; None when something is out of the ordinary."""
        if self._constants is None or self._named is None:
            return None
        values = dict(self._constants)
        for name, variable, required in self._named:
            # Left out, it has a default or is missing; null may not be allowed here.
            value = variables.get(variable, Undefined)
            if value is Undefined or (required and value is None):
                return None
            values[name] = value
        return values

    def _constant(self) -> Mapping[str, Any] | None:
        """Those that are the same in every request."""
        plain = {
            name: argument
            for name, argument in self._definition.args.items()
            if name not in self._given or not _has_variable(self._given[name])
        }
        try:
            return get_argument_values(GraphQLField(self._definition.type, plain), self._node)
        except GraphQLError:
            return None

    def _variables(self) -> list[tuple[str, str, bool]] | None:
        """Those that are a variable: name, variable, and whether null is refused."""
        found = []
        for name, value in self._given.items():
            if isinstance(value, VariableNode):
                required = is_non_null_type(self._definition.args[name].type)
                found.append((name, value.name.value, required))
            elif _has_variable(value):
                return None
        return found


def _has_variable(value: ValueNode) -> bool:
    if isinstance(value, ListValueNode):
        return any(map(_has_variable, value.values))
    if isinstance(value, ObjectValueNode):
        return any(_has_variable(field.value) for field in value.fields)
    return isinstance(value, VariableNode)
