"""The plan of an operation: what is left of a document once everything that can be known is known.

The one idea: fragments, aliases, merged fields and `@skip`/`@include` are gone. A plan is a tree of
objects; each has a generated function that writes the fields it can read off its sources, for a
whole list at once, and slots for the fields that have to be asked for. Nothing in it changes after
it is made, and nothing in it belongs to a request, so requests share it.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol

from graphql import (
    FieldNode,
    FragmentDefinitionNode,
    GraphQLAbstractType,
    GraphQLField,
    GraphQLObjectType,
    OperationDefinitionNode,
)
from graphql.pyutils import Path
from strawberry.types.field import StrawberryField

from domain.selection import Selection
from graph.context import Info
from graph.execution.inputs import Arguments
from graph.execution.keys import KeptField


class Asker(Protocol):
    """What a field is asked with in one request."""

    def info(self, field: "FieldPlan") -> Info:
        """What the resolver of a field is told; the same for all objects of the field."""

    def resolver(self, field: "FieldPlan") -> Callable[..., Any]:
        """What graphql-core would call for a field."""

    def arguments(self, field: "FieldPlan") -> Mapping[str, Any]:
        """The coerced arguments of a field.

        Raises:
            GraphQLError: One of them cannot be.
        """

    def converted_arguments(self, field: "FieldPlan") -> dict[str, Any]:
        """The arguments as the Python function behind the field takes them, by name.

        Raises:
            GraphQLError: One of them cannot be.
        """


Obtain = Callable[[Asker, "FieldPlan", Sequence[Any]], Awaitable[Sequence[Any]]]
"""The values of a field for all sources; an exception stands for a value that cannot be had."""

Build = Callable[[Sequence[Any]], list[dict[str, Any]]]
"""An object for each source, with what can be read off it and None in the slots."""


class Nulled:
    """Stands where a null must not be, so that what holds it becomes null."""

    __slots__ = ()


NULLED: Final = Nulled()


@dataclass(frozen=True, eq=False, slots=True)
class LeafValue:
    """A scalar or an enum.

    Attributes:
        write: Turns a value that is not None into what the answer has.
    """

    required: bool
    write: Callable[[Any], Any]


@dataclass(frozen=True, eq=False, slots=True)
class ListValue:
    """A list of values of one kind.

    Attributes:
        is_sure: They are rows of a statement, so none is missing and none is an error.
    """

    required: bool
    item: "Value"
    is_sure: bool


@dataclass(frozen=True, eq=False, slots=True)
class ObjectValue:
    """An object of one type."""

    required: bool
    plan: "ObjectPlan"


@dataclass(frozen=True, eq=False, slots=True)
class AbstractValue:
    """An object of a type that only the value tells; there is a plan for each it can be."""

    required: bool
    type: GraphQLAbstractType
    plans: Mapping[str, "ObjectPlan"]


Value = LeafValue | ListValue | ObjectValue | AbstractValue


@dataclass(frozen=True, eq=False, slots=True, kw_only=True)
class FieldPlan:
    """A field that is asked for.

    Attributes:
        key: Its name in the answer.
        nodes: Where the document has it.
        path: Where the answer has it, without positions in lists.
        arguments: As far as the document decides them.
        selection: The part that is wanted of the rows it gives, when it heeds that.
        kept: How its answers are kept, where they are: only of root fields.
        waits: It, or something below it, may have to wait for something.
        is_checked: What its resolver gives may be no object of its type.
    """

    key: str
    nodes: list[FieldNode]
    definition: GraphQLField
    parent: GraphQLObjectType
    path: Path
    strawberry: StrawberryField | None
    obtain: Obtain
    value: Value
    arguments: Arguments
    selection: Selection | None
    kept: KeptField | None
    waits: bool
    is_checked: bool

    @property
    def name(self) -> str:
        """The name of the field in the schema."""
        return self.nodes[0].name.value


@dataclass(frozen=True, eq=False, slots=True, kw_only=True)
class ObjectPlan:
    """The objects of one type at one place of the answer.

    Attributes:
        slots: The fields that `build` leaves open.
        fields: All fields, when the operation must not be executed again; else the slots.
        has_cursor: Its sources are rows with their cursors, and the cursors are asked for.
    """

    type: GraphQLObjectType
    slots: tuple[FieldPlan, ...]
    fields: tuple[FieldPlan, ...]
    build: Build
    has_cursor: bool


@dataclass(frozen=True, eq=False, slots=True, kw_only=True)
class OperationPlan:
    """An operation.

    Attributes:
        is_planned: A selection reaches a statement, so that only the wanted columns are read.
        codes: The generated functions, with the place and the type that each is for.
    """

    operation: OperationDefinitionNode
    fragments: dict[str, FragmentDefinitionNode]
    root: ObjectPlan
    is_planned: bool
    codes: Sequence[tuple[str, str]]
