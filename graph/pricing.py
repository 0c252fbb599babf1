"""The prices of an operation, from its document: fragments, merged fields and conditions are done.

An object costs 1, and so do a page and each row of it; lists multiply. What has to be counted or
grouped costs more. Edges, a part of a row that has a name of its own, and a list that belongs to
its object cost nothing themselves.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

from graphql import (
    BooleanValueNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLField,
    GraphQLObjectType,
    GraphQLSchema,
    ListValueNode,
    ObjectValueNode,
    OperationDefinitionNode,
    SelectionNode,
    SelectionSetNode,
    ValueNode,
    VariableNode,
    get_named_type,
    get_nullable_type,
    is_abstract_type,
    is_list_type,
    value_from_ast_untyped,
)

from domain.bulk import MAX_BULK_ROWS
from graph.declare import Batched, SameRow, declaration_of, field_of
from graph.lengths import Argument, IdsLength, KnownLength, Length, PageLength, RecordsLength
from graph.prices import Dearest, Many, Objects, Price, Prices, Unshown
from graph.types.connections import is_connection

_NODES: Final = "nodes"
_EDGES: Final = "edges"
_PAGE_INFO: Final = "pageInfo"
_TOTAL: Final = "totalCount"
_ITEMS: Final = frozenset({_EDGES, _NODES})
# What reads many rows to tell few.
_COUNTED: Final = 10
_COUNT_TYPE: Final = "Count"
_GROUPED_BY: Final = frozenset({"groupBy", "matchOn"})
_RESULTS: Final = "results"
# A list that belongs to a row has no declared end; most are shorter.
_USUAL_LENGTH: Final = 10
_LENGTHS: Final = {
    ("DuplicateGroup", "contacts"): _USUAL_LENGTH,
    ("CompanyDuplicateGroup", "companies"): _USUAL_LENGTH,
}
_UNLESS: Final = {"skip": True, "include": False}
_NOT_GIVEN: Final = Argument()

_Collected = dict[str, list[FieldNode]]


def prices_of(
    schema: GraphQLSchema,
    operation: OperationDefinitionNode,
    fragments: Mapping[str, FragmentDefinitionNode],
    conditions: Mapping[str, Any],
) -> Prices:
    """The prices of an operation that fits the schema.

    Args:
        conditions: The values of the variables that `@skip` and `@include` name. Where one is no
            boolean, which whoever executes will tell, the field counts as asked for.
    """
    pricing = _Pricing(schema, fragments, conditions)
    type_ = schema.get_root_type(operation.operation)
    found = [] if type_ is None else pricing.fields(type_, [operation.selection_set])
    defaults = {
        each.variable.name.value: value_from_ast_untyped(each.default_value)
        for each in operation.variable_definitions or ()
        if each.default_value is not None
    }
    names = {} if type_ is None else pricing.names(type_, operation.selection_set)
    return Prices({key: price for key, price in found if price.fixed != 0}, defaults, names)


class _Pricing:
    """Prices one operation."""

    def __init__(
        self,
        schema: GraphQLSchema,
        fragments: Mapping[str, FragmentDefinitionNode],
        conditions: Mapping[str, Any],
    ) -> None:
        self._schema = schema
        self._fragments = fragments
        self._conditions = conditions

    def names(self, type_: GraphQLObjectType, selected: SelectionSetNode) -> dict[str, str]:
        """The fields that are selected of an object, by their names in the answer."""
        return {
            key: f"{type_.name}.{nodes[0].name.value}"
            for key, nodes in self._collect(type_, [selected]).items()
            if nodes[0].name.value in type_.fields
        }

    def fields(
        self,
        type_: GraphQLObjectType,
        sets: Sequence[SelectionSetNode],
        records: Length | None = None,
    ) -> Iterator[tuple[str, Price]]:
        """The prices of what is selected of an object, by its names in the answer.

        Args:
            records: How many results a payload has, where it has some.
        """
        for key, nodes in self._collect(type_, sets).items():
            name = nodes[0].name.value
            definition = type_.fields.get(name)
            below = _below(nodes)
            # What has no definition asks for the schema, or for the name of a type.
            if definition is None:
                continue
            if not below:
                if _is_counted(name, definition):
                    yield key, Objects(_COUNTED)
            elif is_list_type(get_nullable_type(definition.type)):
                known = records if name == _RESULTS else _known_length(type_, name)
                yield key, self._list(definition, nodes[0], below, known)
            else:
                yield key, self._field(definition, nodes[0], below)

    def _field(
        self, definition: GraphQLField, node: FieldNode, below: Sequence[SelectionSetNode]
    ) -> Price:
        type_: Any = get_named_type(definition.type)
        if is_connection(definition):
            length = PageLength(_argument(node, "first"), _argument(node, "last"))
            own = 1 if _GROUPED_BY.isdisjoint(definition.args) else _COUNTED
            return _folded(own, self._page(type_, below, length))
        records = _records(node) if "input" in definition.args else None
        return self._object(_own_cost(type_, definition), type_, below, records)

    def _list(
        self,
        definition: GraphQLField,
        node: FieldNode,
        below: Sequence[SelectionSetNode],
        known: Length | None,
    ) -> Price:
        """A list that is no page."""
        type_: Any = get_named_type(definition.type)
        if "ids" in definition.args:
            return Many(_ids(node), self._object(1, type_, below))
        if isinstance(known, KnownLength):
            return Many(known, self._object(1, type_, below))
        item = self._object(0, type_, below)
        if known is not None and item.fixed != 0:
            return Many(known, item)
        # The list belongs to its object: only pages below it make a difference.
        return item if item.fixed is not None else Many(KnownLength(_USUAL_LENGTH), item)

    def _page(
        self, connection: GraphQLObjectType, sets: Sequence[SelectionSetNode], length: Length
    ) -> Iterator[tuple[str, Price]]:
        """What is selected of a page: whoever asks for both nodes and edges is given both."""
        about: str | None = None
        are_shown = False
        for key, nodes in self._collect(connection, sets).items():
            name = nodes[0].name.value
            type_: Any = get_named_type(connection.fields[name].type) if name in _ITEMS else None
            if name == _NODES:
                yield key, Many(length, self._object(1, type_, _below(nodes)))
            elif name == _EDGES:
                yield key, Many(length, self._edge(type_, _below(nodes)))
            elif name == _PAGE_INFO:
                about = key
            elif name == _TOTAL:
                yield key, Objects(_COUNTED)
            are_shown |= name in _ITEMS
        if about is not None and not are_shown:
            yield about, Unshown(length)

    def _edge(self, type_: Any, sets: Sequence[SelectionSetNode]) -> Price:
        """One edge: its row costs, as often as it is shown; and once where it is not."""
        nodes = list(self.fields(type_, sets))
        return _folded(0, nodes) if nodes else Objects(1)

    def _object(
        self,
        own: int,
        type_: Any,
        sets: Sequence[SelectionSetNode],
        records: Length | None = None,
    ) -> Price:
        """An object with what it costs itself."""
        if is_abstract_type(type_):
            types = self._schema.get_possible_types(type_)
            return Dearest([_folded(own, self.fields(each, sets)) for each in types])
        return _folded(own, self.fields(type_, sets, records))

    def _collect(self, type_: GraphQLObjectType, sets: Sequence[SelectionSetNode]) -> _Collected:
        """The fields of selection sets by their names in the answer, fragments dissolved."""
        found: _Collected = {}
        spread: set[str] = set()
        left = list(reversed(sets))
        while left:
            for selection in left.pop().selections:
                if not self._is_asked(selection):
                    continue
                if isinstance(selection, FieldNode):
                    found.setdefault((selection.alias or selection.name).value, []).append(
                        selection
                    )
                elif (inner := self._inner(selection, type_, spread)) is not None:
                    left.append(inner)
        return found

    def _inner(
        self, selection: Any, type_: GraphQLObjectType, spread: set[str]
    ) -> SelectionSetNode | None:
        """What a fragment adds to objects of a type; one that is spread again adds nothing."""
        fragment = selection
        if isinstance(selection, FragmentSpreadNode):
            name = selection.name.value
            if name in spread:
                return None
            spread.add(name)
            fragment = self._fragments[name]
        condition = fragment.type_condition
        if condition is not None and not self._is_of(type_, condition.name.value):
            return None
        selected: SelectionSetNode = fragment.selection_set
        return selected

    def _is_of(self, type_: GraphQLObjectType, name: str) -> bool:
        if type_.name == name:
            return True
        other: Any = self._schema.get_type(name)
        return is_abstract_type(other) and self._schema.is_sub_type(other, type_)

    def _is_asked(self, selection: SelectionNode) -> bool:
        for directive in selection.directives or ():
            unless = _UNLESS.get(directive.name.value)
            arguments = directive.arguments or ()
            if unless is not None and self._condition(arguments[0].value) is unless:
                return False
        return True

    def _condition(self, node: ValueNode) -> Any:
        if isinstance(node, VariableNode):
            return self._conditions.get(node.name.value)
        return node.value if isinstance(node, BooleanValueNode) else None


def _folded(own: int, fields: Iterable[tuple[str, Price]]) -> Objects:
    """An object with its fields, those whose cost never changes as one number."""
    each, parts = own, []
    for key, price in fields:
        if price.fixed is None:
            parts.append((key, price))
        else:
            each += price.fixed
    return Objects(each, parts)


def _below(nodes: Iterable[FieldNode]) -> list[SelectionSetNode]:
    return [node.selection_set for node in nodes if node.selection_set is not None]


def _own_cost(type_: GraphQLObjectType, definition: GraphQLField) -> int:
    """What an object costs without what is below it; a part of a row is none."""
    if type_.name == _COUNT_TYPE:
        return _COUNTED
    return 0 if _is_declared(definition, SameRow) else 1


def _is_counted(name: str, definition: GraphQLField) -> bool:
    """Whether a number is counted for whoever asks; many others stand in the row."""
    return name.endswith("Count") and _is_declared(definition, Batched)


def _is_declared(definition: GraphQLField, kind: type[object]) -> bool:
    strawberry = field_of(definition)
    return strawberry is not None and isinstance(declaration_of(strawberry), kind)


def _known_length(type_: GraphQLObjectType, name: str) -> KnownLength | None:
    rows = _LENGTHS.get((type_.name, name))
    return None if rows is None else KnownLength(rows)


def _argument(node: FieldNode, name: str) -> Argument:
    for argument in node.arguments or ():
        if argument.name.value == name:
            return _given(argument.value)
    return _NOT_GIVEN


def _given(value: ValueNode) -> Argument:
    if isinstance(value, VariableNode):
        return Argument(variable=value.name.value)
    return Argument(value_from_ast_untyped(value))


def _given_list(value: ValueNode) -> Argument:
    """A list of which the length counts; what stands in it may be variables."""
    if isinstance(value, ListValueNode):
        return Argument((None,) * len(value.values))
    return _given(value)


def _ids(node: FieldNode) -> Length:
    """The length of a list of ids."""
    for argument in node.arguments or ():
        if argument.name.value == "ids":
            return IdsLength(_given_list(argument.value))
    return IdsLength(_NOT_GIVEN)


def _records(node: FieldNode) -> Length:
    """How many records the input of a mutation names."""
    value = next(each.value for each in node.arguments or () if each.name.value == "input")
    if isinstance(value, ObjectValueNode):
        fields = {each.name.value: _given_list(each.value) for each in value.fields}
        return RecordsLength(_NOT_GIVEN, fields, MAX_BULK_ROWS)
    return RecordsLength(_given(value), {}, MAX_BULK_ROWS)
