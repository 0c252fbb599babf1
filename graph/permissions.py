"""What each root field asks of whoever uses it: declared beside the field, checked before any runs.

A request that has one field which its viewer may not use is refused whole, so that of several
mutations none is done. A field that `@skip` or `@include` leaves out asks for nothing.
"""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from graphql import (
    FieldNode,
    FragmentDefinitionNode,
    GraphQLError,
    GraphQLField,
    GraphQLObjectType,
    GraphQLSchema,
    OperationDefinitionNode,
    OperationType,
)
from graphql.execution.collect_fields import FragmentDetails, collect_fields
from graphql.execution.values import get_variable_values

from domain.viewer import Permission, Viewer
from graph.declare import field_of

Needed = tuple[Permission, ...]
"""Any of these is enough; none is needed where there is none, not even a token."""

_NEEDS: Final = "needs"

USUAL: Final[Mapping[OperationType, Needed]] = {
    OperationType.QUERY: (Permission.READ,),
    OperationType.MUTATION: (Permission.WRITE,),
    OperationType.SUBSCRIPTION: (Permission.READ,),
}
"""What fields need that do not say."""


def needs(*any_of: Permission) -> dict[str, object]:
    """The metadata of a root field that needs something else than is usual."""
    return {_NEEDS: any_of}


def needed(field: GraphQLField, kind: OperationType) -> Needed:
    """What a root field needs."""
    strawberry = field_of(field)
    metadata = {} if strawberry is None else strawberry.metadata
    found: Needed = metadata.get(_NEEDS, USUAL[kind])
    return found


def needed_of(
    schema: GraphQLSchema, kind: OperationType, fields: Iterable[FieldNode]
) -> frozenset[Needed]:
    """What the root fields of an operation need, each of its own; those of the schema nothing."""
    type_ = schema.get_root_type(kind)
    declared = {} if type_ is None else type_.fields
    names = {field.name.value for field in fields}
    return frozenset(needed(declared[name], kind) for name in names if name in declared)


def is_refused(viewer: Viewer, all_needed: Iterable[Needed]) -> bool:
    """Whether the viewer lacks what one of several fields needs."""
    return any(any_of and viewer.permissions.isdisjoint(any_of) for any_of in all_needed)


def require_permissions(
    schema: GraphQLSchema,
    operation: OperationDefinitionNode,
    fragments: Mapping[str, FragmentDefinitionNode],
    variables: Mapping[str, Any],
    viewer: Viewer,
    all_fields: Iterable[FieldNode],
) -> None:
    """Refuse an operation with a field, among those it really asks for, that is not for the viewer.

    With variables that do not tell which those are it asks for all of them.

    Args:
        all_fields: Those that stand in it, whether it asks for them or not.

    Raises:
        Forbidden: There is one; the message names it.
    """
    type_ = schema.get_root_type(operation.operation)
    if type_ is None:
        return
    asked = _asked_fields(schema, type_, operation, fragments, variables)
    for node in all_fields if asked is None else asked:
        name = node.name.value
        field = type_.fields.get(name)
        any_of = () if field is None else needed(field, operation.operation)
        if is_refused(viewer, [any_of]):
            raise viewer.forbidden(any_of[0], what=name)


def _asked_fields(
    schema: GraphQLSchema,
    type_: GraphQLObjectType,
    operation: OperationDefinitionNode,
    fragments: Mapping[str, FragmentDefinitionNode],
    variables: Mapping[str, Any],
) -> list[FieldNode] | None:
    """The root fields that no condition leaves out; None when the variables are not good."""
    known = get_variable_values(schema, operation.variable_definitions or (), dict(variables))
    if isinstance(known, list):
        return None
    details_of = {name: FragmentDetails(node) for name, node in fragments.items()}
    try:
        asked = collect_fields(schema, details_of, known, type_, operation).grouped_field_set
    except GraphQLError:
        # A condition with a default is null: the document is valid, and the variables are too.
        return None
    return [details[0].node for details in asked.values()]
