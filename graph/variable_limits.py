"""How large variables may be: counted along their types, before anything is made of them.

The one idea: what an input object costs is given by its type, as every field that the type has is
looked for in it, whether it is there or not. So those are counted, as often as the document uses
the variable; nothing here recurses, and counting ends where there is too much.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from graphql import (
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLInputObjectType,
    GraphQLInputType,
    GraphQLList,
    GraphQLNonNull,
    GraphQLSchema,
    ListValueNode,
    ObjectValueNode,
    OperationDefinitionNode,
    SelectionSetNode,
    ValueNode,
    VariableNode,
    get_named_type,
    get_nullable_type,
    is_input_type,
    is_leaf_type,
    type_from_ast,
)

from domain.errors import InvalidInput

MAX_WORK: Final = 200_000
MAX_OBJECTS: Final = 2500
MAX_VALUES: Final = 10_000
MAX_FILTERS: Final = 400

# Making an object takes as long as looking for so many fields, 1.7 µs each; what becomes SQL is
# gone through again for its keys and its rules. Measured 2026-11-23.
_OBJECT_WORK: Final = 15
_SQL_WORK: Final = 3

# The scalar that takes lists and objects too.
_ANYTHING: Final = "JSON"
_MOST_SHOWN: Final = 100
_FILTER: Final = "Filter"
_SQL: Final = (_FILTER, "Order")


class _Variable(NamedTuple):
    """A variable that holds lists or objects.

    Attributes:
        uses: How often it is made into an argument.
    """

    name: str
    type: GraphQLInputType
    uses: int


@dataclass(slots=True)
class _Size:
    """What was counted of a variable.

    Attributes:
        work: Fields that are looked for, values of lists, and what objects take beside these.
        filters: Objects of filters.
    """

    work: int = 0
    filters: int = 0


class VariableLimits:
    """What the variables of an operation may hold.

    Args:
        fragments: Those of its document.
    """

    def __init__(
        self,
        schema: GraphQLSchema,
        operation: OperationDefinitionNode,
        fragments: Mapping[str, FragmentDefinitionNode],
    ) -> None:
        self._variables = tuple(_variables(schema, operation, fragments))

    def check(self, given: Mapping[str, Any]) -> None:
        """Refuse variables that are too large.

        Raises:
            InvalidInput: They are.
        """
        work = 0
        for variable in self._variables:
            value = given.get(variable.name)
            if value is not None:
                work += _check(variable, value, most=MAX_WORK - work)


def _check(variable: _Variable, value: Any, *, most: int) -> int:
    """The work of a variable."""
    size = _Size()
    left = [(variable.type, value)]
    while left:
        type_, value = left.pop()
        if isinstance(type_, GraphQLNonNull):
            type_ = type_.of_type
        if isinstance(type_, GraphQLList):
            left += _items(variable, type_.of_type, value, size)
        elif isinstance(type_, GraphQLInputObjectType) and isinstance(value, dict):
            left += _fields(variable, type_, value, size)
        elif is_leaf_type(type_) and type_.name != _ANYTHING and len(value) > _MOST_SHOWN:
            # It is none of its type, and saying so would look at all of it.
            raise _too_large(variable, "has a list or an object where a single value belongs")
        if size.work * variable.uses > most:
            raise _too_large(variable, "has too many objects and values")
    return size.work * variable.uses


def _items(
    variable: _Variable, type_: GraphQLInputType, value: Any, size: _Size
) -> list[tuple[GraphQLInputType, Any]]:
    """The items of a list that have to be looked at; a value without one is a list of it."""
    items = value if isinstance(value, list) else [value]
    is_of_values = is_leaf_type(get_named_type(type_))
    most, what = (MAX_VALUES, "values") if is_of_values else (MAX_OBJECTS, "objects")
    if len(items) > most:
        raise _too_large(variable, f"has a list of {len(items)} {what}, of at most {most}")
    size.work += 1 + len(items)
    return [(type_, item) for item in items if isinstance(item, dict | list)]


def _fields(
    variable: _Variable, type_: GraphQLInputObjectType, value: dict[str, Any], size: _Size
) -> Iterator[tuple[GraphQLInputType, Any]]:
    """The fields of an object that have to be looked at."""
    known = type_.fields
    if len(value) > len(known):
        raise _too_large(variable, f"has an object with {len(value)} fields, more than there are")
    size.work += (_OBJECT_WORK + len(known)) * (_SQL_WORK if type_.name.endswith(_SQL) else 1)
    size.filters += type_.name.endswith(_FILTER)
    if size.filters > MAX_FILTERS:
        raise _too_large(variable, f"has a filter of more than {MAX_FILTERS} objects")
    for name, inner in value.items():
        if isinstance(inner, dict | list) and name in known:
            yield known[name].type, inner


def _too_large(variable: _Variable, why: str) -> InvalidInput:
    return InvalidInput(
        f"The variable ${variable.name} is too large: it {why}. Send less, or in several requests."
    )


def _variables(
    schema: GraphQLSchema,
    operation: OperationDefinitionNode,
    fragments: Mapping[str, FragmentDefinitionNode],
) -> Iterator[_Variable]:
    uses = Counter(_uses(operation, fragments))
    for node in operation.variable_definitions or ():
        name, type_ = node.variable.name.value, type_from_ast(schema, node.type)
        if is_input_type(type_) and not is_leaf_type(get_nullable_type(type_)):
            yield _Variable(name, type_, uses[name])


def _uses(
    operation: OperationDefinitionNode, fragments: Mapping[str, FragmentDefinitionNode]
) -> Iterator[str]:
    """The names of variables in arguments, in fragments as often as these are spread."""
    left: list[SelectionSetNode | None] = [operation.selection_set]
    while left:
        selection_set = left.pop()
        for selection in () if selection_set is None else selection_set.selections:
            if isinstance(selection, FragmentSpreadNode):
                left.append(fragments[selection.name.value].selection_set)
                continue
            if isinstance(selection, FieldNode):
                for argument in selection.arguments or ():
                    yield from _named(argument.value)
            left.append(getattr(selection, "selection_set", None))


def _named(value: ValueNode) -> Iterator[str]:
    left = [value]
    while left:
        node = left.pop()
        if isinstance(node, VariableNode):
            yield node.name.value
        elif isinstance(node, ListValueNode):
            left += node.values
        elif isinstance(node, ObjectValueNode):
            left += (field.value for field in node.fields)
