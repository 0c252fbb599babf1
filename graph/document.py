"""A document: its operations, and what is known of each without executing it.

What is worked out of an operation is worked out once, when it is first asked for: a document never
changes, and requests share it.
"""

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
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


class Document:
    """A valid document.

    Attributes:
        operations: In their order.
    """

    def __init__(self, schema: GraphQLSchema, tree: DocumentNode, *, text_chars: int) -> None:
        self.schema = schema
        self.tree = tree
        self.text_chars = text_chars
        self.operations = tuple(
            Operation(self, node)
            for node in tree.definitions
            if isinstance(node, OperationDefinitionNode)
        )

    def operation(self, name: str | None) -> "Operation | None":
        """The operation that a request means; None when that is not one."""
        if name is None:
            return self.operations[0] if len(self.operations) == 1 else None
        return next((each for each in self.operations if each.name == name), None)

    def is_all_public(self) -> bool:
        """Whether all operations are public."""
        return all(operation.is_public for operation in self.operations)

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
    def fragments(self) -> Mapping[str, FragmentDefinitionNode]:
        """What operations can spread, by name."""
        definitions = self.tree.definitions
        return {
            node.name.value: node
            for node in definitions
            if isinstance(node, FragmentDefinitionNode)
        }


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


class Operation:
    """One operation of a document: all that is executed, counted and told of is asked of this.

    Attributes:
        name: None when it has none, and so is alone in its document.
    """

    def __init__(self, document: Document, node: OperationDefinitionNode) -> None:
        self.document = document
        self.node = node
        self.kind = node.operation
        self.name = None if node.name is None else node.name.value
        self._prices: dict[tuple[bool | None, ...], Prices] = {}
        self._about: dict[tuple[bool | None, ...], About] = {}

    def count_mutations(self) -> int:
        """How many root fields a mutation has, those in fragments included; else 0."""
        if self.kind is not OperationType.MUTATION:
            return 0
        return _count(each for each in self._fields if not is_meta(each))

    @property
    def is_public(self) -> bool:
        """Whether there are root fields beside those of the schema, and none needs a token."""
        return bool(self._needed) and not any(self._needed)

    @property
    def is_introspection(self) -> bool:
        """Whether it reads nothing but the schema."""
        # Only fields: a fragment may have a name like that too, and hold anything.
        return self.kind is OperationType.QUERY and all(
            isinstance(selection, FieldNode) and is_meta(selection)
            for selection in self.node.selection_set.selections
        )

    def require_permissions(self, variables: Mapping[str, Any], viewer: Viewer) -> None:
        """Refuse an operation that is not for the viewer.

        Raises:
            Forbidden: It asks for a field that the viewer may not use.
        """
        if is_refused(viewer, self._needed):
            document = self.document
            require_permissions(
                document.schema,
                self.node,
                document.fragments,
                variables,
                viewer,
                all_fields=self._fields,
            )

    def require_one_login(self) -> None:
        """Refuse an operation that comes in more than once: each time is as much work as a request.

        Raises:
            InvalidInput: It has several fields that need no token.
        """
        if self._public_fields > 1:
            raise InvalidInput(_ONE_LOGIN)

    def check_variables(self, variables: Mapping[str, Any]) -> None:
        """Refuse variables that are too large, before anything is made of them.

        Raises:
            InvalidInput: They are.
        """
        self._variable_limits.check(variables)

    def prices(self, variables: Mapping[str, Any]) -> Prices:
        """What its fields cost that these variables leave of it."""
        document = self.document
        values = self._values(variables) if document.conditions else ()
        found = self._prices.get(values)
        if found is None:
            if len(self._prices) >= _MAX_PRICES:
                self._prices.pop(next(iter(self._prices)))
            left = dict(zip(document.conditions, values, strict=True))
            found = prices_of(document.schema, self.node, document.fragments, left)
            self._prices[values] = found
        return found

    def about(self, variables: Mapping[str, Any]) -> About:
        """What is told of it, of which these variables leave a part."""
        values = self._values(variables) if self.document.conditions else ()
        found = self._about.get(values)
        if found is None:
            if len(self._about) >= _MAX_PRICES:
                self._about.clear()
            names = self.prices(variables).names
            found = About(self.kind.value, self.name, tuple(names), tuple(names.values()))
            self._about[values] = found
        return found

    @cached_property
    def _fields(self) -> tuple[FieldNode, ...]:
        """Its root fields, those in fragments included."""
        return tuple(_root_fields(self.node, self.document.fragments))

    @cached_property
    def _needed(self) -> frozenset[Needed]:
        """What the root fields need."""
        return self._needed_of(self._fields)

    @cached_property
    def _public_fields(self) -> int:
        """How many root fields need no token."""
        return _count(each for each in self._fields if self._needed_of([each]) == {()})

    @cached_property
    def _variable_limits(self) -> VariableLimits:
        """What its variables may hold."""
        return VariableLimits(self.document.schema, self.node, self.document.fragments)

    def _needed_of(self, fields: Sequence[FieldNode]) -> frozenset[Needed]:
        return needed_of(self.document.schema, self.kind, fields)

    def _values(self, variables: Mapping[str, Any]) -> tuple[bool | None, ...]:
        """What the conditions are; None for what is no boolean, and could not even be a key."""
        defaults = default_booleans(self.node)
        asked = (variables.get(name, defaults.get(name)) for name in self.document.conditions)
        return tuple(value if isinstance(value, bool) else None for value in asked)


def is_meta(field: FieldNode) -> bool:
    """Whether a field is of the schema rather than of the data."""
    return field.name.value.startswith("__")


def _count(fields: Iterable[FieldNode]) -> int:
    """How many names fields have in the answer."""
    return len({(each.alias or each.name).value for each in fields})


def _root_fields(
    operation: OperationDefinitionNode, fragments: Mapping[str, FragmentDefinitionNode]
) -> Iterator[FieldNode]:
    spreadable = dict(fragments)
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
                left.append(spread.selection_set)
