"""From a document that asks for a list to one that asks for a page of it.

The one idea: the root field keeps everything but where its page begins and how long it is; these
become variables, and what the next page needs is asked for beside its rows. Whatever cannot be
told line by line is refused by name, before anything is read.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import Any, Final, cast

import orjson
from graphql import (
    ArgumentNode,
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLError,
    GraphQLField,
    GraphQLObjectType,
    GraphQLSchema,
    InlineFragmentNode,
    NameNode,
    Node,
    OperationDefinitionNode,
    OperationType,
    SelectionSetNode,
    VariableDefinitionNode,
    VariableNode,
    parse_type,
    print_ast,
)

from cache.bounded import BoundedCache
from domain.enums import DescribedEnum, Role
from domain.errors import ErrorCode, InvalidInput
from domain.paging import CompanyOrderField, ContactOrderField
from graph.document import Document, Operation, is_meta
from graph.documents import InvalidDocument
from graph.execution.inputs import Arguments, Variables
from graph.stream_filters import filter_as_json
from graph.types.connections import is_connection

_ITEMS: Final = frozenset({"nodes", "edges"})
_WALKED_BY: Final = frozenset({"first", "after"})
_NOT_WALKED_BY: Final = ("last", "before", "offset")
_CUT_BY: Final = frozenset({"first", "last", "orderBy"})
_CAPPED: Final = "RELEVANCE_CAPPED"
_CUTS: Final = frozenset({_CAPPED, "PAGE_SIZE_CAPPED"})
_SHORT: Final[frozenset[DescribedEnum]] = frozenset(
    {ContactOrderField.RELEVANCE, CompanyOrderField.RELEVANCE}
)
_INT: Final = parse_type("Int!")
_STRING: Final = parse_type("String")
_MAX_CACHED_BYTES: Final = 4 * 2**20

# Most of the tree is the original's, which weighs about this many times its text.
_TREE_WEIGHT: Final = 40

_WHAT_FITS: Final = "A stream is a query with one list, such as `{ contacts { nodes { id } } }`"


@dataclass(frozen=True, kw_only=True)
class Walk:
    """Which part of a list is wanted.

    Attributes:
        most: No more rows than these; None for all.
        after: The cursor to begin behind.
        is_short: The order may end before the last row that matches, or a list below the rows may
            be cut.
        filter: Which rows match, as JSON; None for all.
    """

    most: int | None
    after: str | None
    is_short: bool
    filter: object = None

    @property
    def may_end_early(self) -> bool:
        """Whether rows that match may be left out."""
        return self.is_short or self.most is not None

    def at_most(self, rows: int | None) -> "Walk":
        """The same with no more rows than these; None for all."""
        if rows is None or (self.most is not None and self.most <= rows):
            return self
        return replace(self, most=rows)


@dataclass(frozen=True, kw_only=True)
class PageData:
    """A page as it was answered.

    Attributes:
        items: Its nodes or edges as the answer has them.
        has_next: The walk goes on.
        end_cursor: None when it has no rows.
        is_capped: More rows match, but the order ends here.
        notices: What was told of the fields below the rows.
    """

    items: list[dict[str, Any]]
    has_next: bool
    end_cursor: str | None
    is_capped: bool
    notices: list[Mapping[str, object]]

    @property
    def has_more(self) -> bool:
        """Whether more rows match than these and those before."""
        return self.has_next or self.is_capped

    @property
    def is_cut(self) -> bool:
        """Whether a list in a row may have fewer rows than were asked for."""
        return any(notice["code"] in _CUTS for notice in self.notices)


class PagedDocument:
    """One operation of a document, page by page.

    Attributes:
        entity: The name of the root field.
        key: The name of the root field in the answer.
        operation: Asks for a page.

    Raises:
        InvalidInput: It is nothing that can be told line by line.
    """

    def __init__(self, original: Operation) -> None:
        document = original.document
        self._fields = _Flattened(document.fragments)
        root = self._root(original)
        self.entity, self.key = root.name.value, _key(root)
        definition = _connection(document.schema, root)
        items = self._items(root)
        self._items_key = _key(items[0])
        self._field = definition
        self._may_be_cut_below = any(map(_asks_for_lists, (*items, *document.fragments.values())))
        self._page_key = f"{self._items_key}_page"
        self._variables = Variables(document.schema, original.node)
        self._arguments = Arguments(definition, root)
        self._first, self._after = _free_names(original.node, "first", "after")
        self.operation = self._paged(original, root, items)
        self._text = print_ast(self.operation.document.tree)

    @property
    def weight_bytes(self) -> int:
        """What keeping it takes, roughly."""
        return self.operation.document.text_chars * _TREE_WEIGHT

    def walk(self, variables: Mapping[str, Any]) -> Walk:
        """What is wanted with the variables of a request.

        Raises:
            InvalidDocument: A variable or argument has a value that is not of its type.
            InvalidInput: A list is streamed from its beginning to its end only.
        """
        arguments = self._coerce(variables)
        for name in _NOT_WALKED_BY:
            if arguments.get(name):
                raise InvalidInput(f"A stream goes forward from its beginning. Leave {name} out.")
        most = arguments.get("first")
        if most is not None and most < 1:
            raise InvalidInput(f"first is {most}; leave it out for all rows, or name 1 or more.")
        orders = arguments.get("orderBy") or ()
        return Walk(
            most=most,
            after=arguments.get("after"),
            is_short=self._may_be_cut_below or any(each["field"] in _SHORT for each in orders),
            filter=filter_as_json(self._field, arguments.get("filter")),
        )

    def page_variables(
        self, given: Mapping[str, Any], first: int, *, after: str | None = None
    ) -> dict[str, Any]:
        """What asks for one page, with the variables of the stream."""
        return {**given, self._first: first, self._after: after}

    def page(self, data: Mapping[str, Any], notices: Sequence[Mapping[str, object]]) -> PageData:
        """The page of an answer that has no errors.

        Args:
            notices: What was told with it.
        """
        connection = data[self.key]
        info = connection[self._page_key]
        return PageData(
            items=connection[self._items_key],
            has_next=info["hasNextPage"],
            end_cursor=info["endCursor"],
            is_capped=any(map(self._is_of_the_end, notices)),
            # The size of the page itself is ours.
            notices=[notice for notice in notices if notice["path"] != [self.key]],
        )

    def digest(self, variables: Mapping[str, Any], role: Role) -> str:
        """The same for what asks the same: what a field shows can depend on the role."""
        content = orjson.dumps([self._text, variables, role], option=orjson.OPT_SORT_KEYS)
        return sha256(content).hexdigest()

    def _is_of_the_end(self, notice: Mapping[str, object]) -> bool:
        return notice["code"] == _CAPPED and notice["path"] == [self.key]

    def _root(self, operation: Operation) -> FieldNode:
        if operation.kind is not OperationType.QUERY:
            kind = operation.kind.value
            raise InvalidInput(f"{_WHAT_FITS}; this is a {kind}. Send it to /graphql as JSON.")
        fields = list(self._fields.of(operation.node.selection_set))
        if len({_key(field) for field in fields}) != 1 or is_meta(fields[0]):
            raise InvalidInput(f"{_WHAT_FITS}. Ask for other root fields in requests of their own.")
        sets = tuple(field.selection_set for field in fields if field.selection_set)
        selections = tuple(selection for each in sets for selection in each.selections)
        # What is selected twice has the same arguments: it is one field.
        return replace(fields[0], selection_set=SelectionSetNode(selections=selections))

    def _items(self, root: FieldNode) -> list[FieldNode]:
        items = [] if root.selection_set is None else list(self._fields.of(root.selection_set))
        if len({_key(field) for field in items}) != 1 or items[0].name.value not in _ITEMS:
            raise InvalidInput(
                f"{_WHAT_FITS}: of {root.name.value} either nodes or edges, once and nothing"
                " beside it."
            )
        return items

    def _coerce(self, given: Mapping[str, Any]) -> Mapping[str, Any]:
        variables = self._variables.coerce(given)
        if isinstance(variables, list):
            raise InvalidDocument(ErrorCode.BAD_USER_INPUT, variables)
        try:
            return self._arguments.coerce(variables)
        except GraphQLError as error:
            raise InvalidDocument(ErrorCode.BAD_USER_INPUT, [error]) from error

    def _paged(self, original: Operation, root: FieldNode, items: Iterable[FieldNode]) -> Operation:
        """What asks for a page: the operation with another root field, beside all fragments."""
        kept = (each for each in root.arguments or () if each.name.value not in _WALKED_BY)
        page = replace(
            root,
            arguments=(*kept, _argument("first", self._first), _argument("after", self._after)),
            selection_set=SelectionSetNode(selections=(*items, _page_info(self._page_key))),
        )
        asking = replace(
            original.node,
            variable_definitions=(
                *(original.node.variable_definitions or ()),
                VariableDefinitionNode(variable=_variable(self._first), type=_INT),
                VariableDefinitionNode(variable=_variable(self._after), type=_STRING),
            ),
            selection_set=SelectionSetNode(selections=(page,)),
        )
        document = original.document
        tree = DocumentNode(definitions=(asking, *document.fragments.values()))
        (operation,) = Document(document.schema, tree, text_chars=document.text_chars).operations
        return operation


class PagedDocuments:
    """The operations that were streamed lately, page by page."""

    def __init__(self) -> None:
        self._kept: BoundedCache[Operation, PagedDocument] = BoundedCache(
            max_bytes=_MAX_CACHED_BYTES, weigh=lambda paged: paged.weight_bytes
        )

    def get(self, operation: Operation) -> PagedDocument:
        """An operation, page by page.

        Raises:
            InvalidInput: It is nothing that can be told line by line.
        """
        paged = self._kept.get(operation)
        if paged is None:
            paged = PagedDocument(operation)
            self._kept.put(operation, paged)
        return paged


class _Flattened:
    """Selection sets without the fragments around their fields; each fragment counts once."""

    def __init__(self, fragments: Mapping[str, FragmentDefinitionNode]) -> None:
        self._left = dict(fragments)

    def of(self, selection_set: SelectionSetNode) -> Iterator[FieldNode]:
        """The fields of a selection set.

        Raises:
            InvalidInput: A directive decides which.
        """
        for selection in selection_set.selections:
            if selection.directives:
                name = selection.directives[0].name.value
                raise InvalidInput(
                    f"A stream has one list in every case. Leave @{name} out around it and its"
                    " nodes or edges; below them it may stand."
                )
            if isinstance(selection, FieldNode):
                yield selection
            elif isinstance(selection, InlineFragmentNode):
                yield from self.of(selection.selection_set)
            elif isinstance(selection, FragmentSpreadNode) and (
                spread := self._left.pop(selection.name.value, None)
            ):
                yield from self.of(spread.selection_set)


def _connection(schema: GraphQLSchema, root: FieldNode) -> GraphQLField:
    """The definition of a root field that gives a list in pages.

    Raises:
        InvalidInput: It gives something else.
    """
    query_type = cast("GraphQLObjectType", schema.query_type)
    definition: GraphQLField = query_type.fields[root.name.value]
    if not is_connection(definition) or not definition.args.keys() >= _WALKED_BY:
        raise InvalidInput(f"{_WHAT_FITS}; {root.name.value} is none. Send it to /graphql as JSON.")
    return definition


def _asks_for_lists(node: Node) -> bool:
    """Whether the length or the order of a list is asked for, which can be cut then."""
    if isinstance(node, FieldNode) and any(
        each.name.value in _CUT_BY for each in node.arguments or ()
    ):
        return True
    below: SelectionSetNode | None = getattr(node, "selection_set", None)
    return below is not None and any(map(_asks_for_lists, below.selections))


def _free_names(operation: OperationDefinitionNode, *names: str) -> Iterator[str]:
    """Names of variables that the operation does not have."""
    taken = {each.variable.name.value for each in operation.variable_definitions or ()}
    for name in names:
        free = f"page_{name}"
        while free in taken:
            free += "_"
        yield free


def _key(field: FieldNode) -> str:
    """The name of a field in the answer."""
    return (field.alias or field.name).value


def _variable(name: str) -> VariableNode:
    return VariableNode(name=NameNode(value=name))


def _argument(name: str, variable: str) -> ArgumentNode:
    return ArgumentNode(name=NameNode(value=name), value=_variable(variable))


def _page_info(alias: str) -> FieldNode:
    fields = (FieldNode(name=NameNode(value=name)) for name in ("hasNextPage", "endCursor"))
    return FieldNode(
        alias=NameNode(value=alias),
        name=NameNode(value="pageInfo"),
        selection_set=SelectionSetNode(selections=tuple(fields)),
    )
