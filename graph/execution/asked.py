"""What an operation asks for, field by field, with fragments and conditions done.

The one idea: graphql-core itself collects the fields of a selection set, with the values of the
variables that `@skip` and `@include` name; so aliases, merged fields, fragments and interfaces mean
here exactly what they mean there.
"""

from copy import copy
from dataclasses import dataclass
from typing import Final, cast

from graphql import (
    FieldNode,
    GraphQLField,
    GraphQLObjectType,
    GraphQLOutputType,
)
from graphql.execution.collect_fields import (
    FieldDetails,
    FragmentDetails,
    GroupedFieldSet,
    collect_fields,
    collect_subfields,
)
from graphql.execution.values import VariableValues
from strawberry.types.field import StrawberryField

from graph.declare import Declaration, declaration_of, field_of
from graph.document import Operation
from graph.execution.selections import Reading, Rows

MAX_FIELDS: Final = 5000


class TooLarge(Exception):
    """An operation asks for more than `MAX_FIELDS` fields."""


@dataclass(frozen=True)
class Asked:
    """A field as an operation asks for it.

    Attributes:
        key: Its name in the answer.
        details: Where the document has it.
        declared: None when it has a resolver of its own and nothing more is known.
    """

    key: str
    details: list[FieldDetails]
    definition: GraphQLField
    parent: GraphQLObjectType
    strawberry: StrawberryField | None
    declared: Declaration | None

    @property
    def node(self) -> FieldNode:
        """The first of its nodes, whose arguments count."""
        return self.details[0].node

    @property
    def name(self) -> str:
        """Its name in the schema."""
        return self.node.name.value

    @property
    def type(self) -> GraphQLOutputType:
        """What it gives."""
        return self.definition.type

    @property
    def is_event(self) -> bool:
        """Whether it is the root field of a subscription, whose value is the event."""
        return self.strawberry is not None and self.strawberry.is_subscription

    @property
    def attribute(self) -> str:
        """Its name in Python."""
        return self.name if self.strawberry is None else self.strawberry.python_name


@dataclass(frozen=True)
class Sources:
    """What the objects of one place are made of.

    Attributes:
        rows: None when they are no rows; then fields are their attributes.
        reading: What is read of the rows somewhere below, when the objects lead to them.
        are_pairs: They are rows with their cursors.
    """

    rows: Rows | None = None
    reading: Reading | None = None
    are_pairs: bool = False

    @property
    def are_rows(self) -> bool:
        """Whether lists of them are the rows of a statement."""
        return self.reading is not None


class AskedFields:
    """The fields that one operation asks for.

    Args:
        conditions: The values of the variables that `@skip` and `@include` name.
    """

    def __init__(self, operation: Operation, conditions: VariableValues) -> None:
        document = operation.document
        self.schema = document.schema
        self.operation = operation
        self._fragments = {name: FragmentDetails(node) for name, node in document.fragments.items()}
        self._conditions = conditions
        self._left = MAX_FIELDS

    def again(self) -> "AskedFields":
        """The same fields for another walk, which counts them anew."""
        again = copy(self)
        again._left = MAX_FIELDS  # noqa: SLF001  # its own
        return again

    def of_root(self) -> tuple[GraphQLObjectType, list[Asked]]:
        """The root type and its fields.

        Raises:
            TooLarge: There are too many.
        """
        operation = self.operation
        type_ = cast("GraphQLObjectType", self.schema.get_root_type(operation.kind))
        found = collect_fields(
            self.schema, self._fragments, self._conditions, type_, operation.node
        )
        return type_, self._asked(type_, found.grouped_field_set)

    def below(self, asked: Asked, type_: GraphQLObjectType) -> list[Asked]:
        """What is asked of the objects in a field that are of a type.

        Raises:
            TooLarge: There are too many fields.
        """
        found = collect_subfields(
            self.schema,
            self._fragments,
            self._conditions,
            self.operation.node,
            type_,
            asked.details,
        )
        return self._asked(type_, found.grouped_field_set)

    def _asked(self, type_: GraphQLObjectType, fields: GroupedFieldSet) -> list[Asked]:
        self._left -= len(fields)
        if self._left < 0:
            raise TooLarge
        return [self._ask(type_, key, details) for key, details in fields.items()]

    def _ask(self, type_: GraphQLObjectType, key: str, details: list[FieldDetails]) -> Asked:
        name = details[0].node.name.value
        definition = cast("GraphQLField", self.schema.get_field(type_, name))
        strawberry = field_of(definition)
        declared = None if strawberry is None else declaration_of(strawberry)
        return Asked(key, details, definition, type_, strawberry, declared)
