"""What `@skip` and `@include` ask of the variables of a document."""

from collections.abc import Iterator
from typing import Any

from graphql import (
    BooleanValueNode,
    DocumentNode,
    FragmentDefinitionNode,
    OperationDefinitionNode,
    SelectionNode,
    SelectionSetNode,
    VariableNode,
)


def conditions_of(tree: DocumentNode) -> Iterator[str]:
    """The variables that are named, as often as they are."""
    left: list[SelectionSetNode | None] = [
        node.selection_set
        for node in tree.definitions
        if isinstance(node, OperationDefinitionNode | FragmentDefinitionNode)
    ]
    while left:
        selection_set = left.pop()
        for node in () if selection_set is None else selection_set.selections:
            yield from _condition(node)
            left.append(getattr(node, "selection_set", None))


def _condition(node: SelectionNode) -> Iterator[str]:
    for directive in node.directives or ():
        for argument in directive.arguments or ():
            if isinstance(argument.value, VariableNode):
                yield argument.value.name.value


def default_booleans(operation: OperationDefinitionNode) -> dict[str, Any]:
    """The booleans that variables have which are not given."""
    return {
        each.variable.name.value: each.default_value.value
        for each in operation.variable_definitions or ()
        if isinstance(each.default_value, BooleanValueNode)
    }
