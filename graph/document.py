"""A document: its operations, and what is known of each without executing it.

What is worked out of an operation is worked out once, when it is first asked for: a document never
changes, and requests share it.
"""

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Final, NamedTuple

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLSchema,
    InlineFragmentNode,
    OperationDefinitionNode,
    OperationType,
    SelectionSetNode,
    print_ast,
)

from domain.errors import InvalidInput
from domain.viewer import Viewer
from graph.conditions import conditions_of, default_booleans
from graph.permissions import Needed, is_refused, needed_of, require_permissions
from graph.prices import Prices
from graph.pricing import prices_of
from graph.variable_limits import VariableLimits

_MAX_PRICES: Final = 16
_ONE_LOGIN: Final = "Send one login or refreshToken in a request."


@dataclass(frozen=True)
class Document:
    """A valid document with its operations by name."""

    schema: GraphQLSchema
    tree: DocumentNode
    text_chars: int
    operations: tuple[OperationDefinitionNode, ...]
    _known: dict[int, "_Operation"] = field(default_factory=dict, compare=False, repr=False)

    def operation(self, name: str | None) -> OperationDefinitionNode | None:
        """The operation that a request means; None when that is not one."""
        if name is None:
            return self.operations[0] if len(self.operations) == 1 else None
        named = [
            operation
            for operation in self.operations
            if operation.name is not None and operation.name.value == name
        ]
        return named[0] if len(named) == 1 else None

    def count_mutations(self, operation: OperationDefinitionNode) -> int:
        """How many root fields a mutation has, those in fragments included; else 0."""
        if operation.operation is not OperationType.MUTATION:
            return 0
        return _count(each for each in self._of(operation).fields if not is_meta(each))

    def is_public(self, operation: OperationDefinitionNode) -> bool:
        """Whether there are root fields beside those of the schema, and none needs a token."""
        needed = self._of(operation).needed
        return bool(needed) and not any(needed)

    def is_all_public(self) -> bool:
        """Whether all operations are public."""
        return all(map(self.is_public, self.operations))

    def require_permissions(
        self, operation: OperationDefinitionNode, variables: Mapping[str, Any], viewer: Viewer
    ) -> None:
        """Refuse an operation that is not for the viewer.

        Raises:
            Forbidden: It asks for a field that the viewer may not use.
        """
        known = self._of(operation)
        if is_refused(viewer, known.needed):
            require_permissions(
                self.schema,
                operation,
                self.fragments,
                variables,
                viewer,
                all_fields=known.fields,
            )

    def require_one_login(self, operation: OperationDefinitionNode) -> None:
        """Refuse an operation that comes in more than once: each time is as much work as a request.

        Raises:
            InvalidInput: It has several fields that need no token.
        """
        if self._of(operation).public_fields > 1:
            raise InvalidInput(_ONE_LOGIN)

    def check_variables(
        self, operation: OperationDefinitionNode, variables: Mapping[str, Any]
    ) -> None:
        """Refuse variables that are too large, before anything is made of them.

        Raises:
            InvalidInput: They are.
        """
        self._of(operation).variable_limits.check(variables)

    def prices(self, operation: OperationDefinitionNode, variables: Mapping[str, Any]) -> Prices:
        """What the fields of an operation cost that these variables leave of it."""
        return self._of(operation).prices(variables)

    def about(self, operation: OperationDefinitionNode, variables: Mapping[str, Any]) -> "About":
        """What is told of an operation of which these variables leave a part."""
        return self._of(operation).about(variables)

    @cached_property
    def sha256(self) -> str:
        """Of its text, in hexadecimal."""
        place = self.tree.loc
        # Those that we make have no text of their own.
        text = print_ast(self.tree) if place is None else place.source.body
        return hashlib.sha256(text.encode()).hexdigest()

    @cached_property
    def conditions(self) -> tuple[str, ...]:
        """The variables that `@skip` and `@include` name anywhere in it."""
        return tuple(sorted(set(conditions_of(self.tree))))

    @cached_property
    def fragments(self) -> list[FragmentDefinitionNode]:
        """What operations can spread."""
        definitions = self.tree.definitions
        return [node for node in definitions if isinstance(node, FragmentDefinitionNode)]

    def _of(self, operation: OperationDefinitionNode) -> "_Operation":
        known = self._known.get(id(operation))
        if known is None:
            known = self._known[id(operation)] = _Operation(self, operation)
        return known


class About(NamedTuple):
    """What is told of an operation.

    Attributes:
        keys: Its root fields by their names in the answer.
        fields: The same as the schema names them, `Query.contacts`.
    """

    kind: str
    name: str | None
    keys: tuple[str, ...]
    fields: tuple[str, ...]


class _Operation:
    """What is known of one operation."""

    def __init__(self, document: Document, node: OperationDefinitionNode) -> None:
        self._document = document
        self._node = node
        self._prices: dict[tuple[bool | None, ...], Prices] = {}
        self._about: dict[tuple[bool | None, ...], About] = {}

    @cached_property
    def fields(self) -> tuple[FieldNode, ...]:
        """Its root fields, those in fragments included."""
        return tuple(_root_fields(self._node, self._document.fragments))

    @cached_property
    def needed(self) -> frozenset[Needed]:
        """What the root fields need."""
        return self._needed_of(self.fields)

    @cached_property
    def public_fields(self) -> int:
        """How many root fields need no token."""
        return _count(each for each in self.fields if self._needed_of([each]) == {()})

    @cached_property
    def variable_limits(self) -> VariableLimits:
        """What its variables may hold."""
        return VariableLimits(self._document.schema, self._node, self._document.fragments)

    def prices(self, variables: Mapping[str, Any]) -> Prices:
        """What its fields cost that these variables leave of it."""
        conditions = self._document.conditions
        values = self._values(variables) if conditions else ()
        found = self._prices.get(values)
        if found is None:
            if len(self._prices) >= _MAX_PRICES:
                self._prices.pop(next(iter(self._prices)))
            left = dict(zip(conditions, values, strict=True))
            schema, fragments = self._document.schema, self._document.fragments
            found = self._prices[values] = prices_of(schema, self._node, fragments, left)
        return found

    def about(self, variables: Mapping[str, Any]) -> "About":
        """What is told of it."""
        values = self._values(variables) if self._document.conditions else ()
        found = self._about.get(values)
        if found is None:
            if len(self._about) >= _MAX_PRICES:
                self._about.clear()
            names, name = self.prices(variables).names, self._node.name
            found = self._about[values] = About(
                self._node.operation.value,
                None if name is None else name.value,
                tuple(names),
                tuple(names.values()),
            )
        return found

    def _needed_of(self, fields: Sequence[FieldNode]) -> frozenset[Needed]:
        return needed_of(self._document.schema, self._node.operation, fields)

    def _values(self, variables: Mapping[str, Any]) -> tuple[bool | None, ...]:
        """What the conditions are; None for what is no boolean, and could not even be a key."""
        defaults = default_booleans(self._node)
        asked = (variables.get(name, defaults.get(name)) for name in self._document.conditions)
        return tuple(value if isinstance(value, bool) else None for value in asked)


def is_introspection(operation: OperationDefinitionNode) -> bool:
    """Whether an operation reads nothing but the schema."""
    # Only fields: a fragment may have a name like that too, and hold anything.
    return operation.operation is OperationType.QUERY and all(
        isinstance(selection, FieldNode) and is_meta(selection)
        for selection in operation.selection_set.selections
    )


def is_meta(field: FieldNode) -> bool:
    """Whether a field is of the schema rather than of the data."""
    return field.name.value.startswith("__")


def _count(fields: Iterable[FieldNode]) -> int:
    """How many names fields have in the answer."""
    return len({(each.alias or each.name).value for each in fields})


def _root_fields(
    operation: OperationDefinitionNode, fragments: Sequence[FragmentDefinitionNode]
) -> Iterator[FieldNode]:
    spreadable = {node.name.value: node.selection_set for node in fragments}
    left: list[SelectionSetNode] = [operation.selection_set]
    while left:
        for selection in left.pop().selections:
            if isinstance(selection, FieldNode):
                yield selection
            elif isinstance(selection, InlineFragmentNode):
                left.append(selection.selection_set)
            # Taken out: a fragment counts once, however often it is spread.
            elif isinstance(selection, FragmentSpreadNode) and (
                spread := spreadable.pop(selection.name.value, None)
            ):
                left.append(spread)
