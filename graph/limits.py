"""How large and how deep a document may be: counted on its tree, before it is validated.

The one idea: a fragment is counted once, and what was counted is added wherever it is spread. So a
text that means a billion fields is counted as fast as it is read, and nothing here recurses.
Validation, which is quadratic in places, sees only what is within the limits.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Final, NamedTuple

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    OperationDefinitionNode,
    SelectionSetNode,
)

from domain.errors import LimitExceeded, QueryTooDeep
from graph.overlaps import pairs_of

MAX_INTROSPECTION_DEPTH: Final = 20
MAX_INTROSPECTION_LISTS: Final = 3
MAX_FRAGMENT_NESTING: Final = 60
MAX_PAIRS: Final = 2500
CHARS_A_TOKEN: Final = 50

_INTROSPECTION: Final = frozenset({"__schema", "__type"})
_LISTS: Final = frozenset(
    {"types", "directives", "fields", "args", "inputFields", "interfaces", "possibleTypes"}
)

# Beyond this nobody needs to know how many there are, and JSON could not say it.
_MOST: Final = 10**9

_STRANGERS_TOKENS: Final = 200
_STRANGERS_FIELDS: Final = 40

_LESS: Final = "Ask for less at once, or in several requests."


@dataclass(frozen=True, kw_only=True)
class DocumentLimits:
    """What a document may have at most.

    Attributes:
        tokens: Names, brackets and values of the text.
        directives: With those of fragments, as often as they are spread; so are aliases and fields.
        depth: Levels of fields; those of the schema have a bound of their own.
        introspection: The schema may be asked for.
    """

    tokens: int = 2000
    operations: int = 10
    directives: int = 20
    aliases: int = 30
    fields: int = 400
    depth: int = 10
    introspection: bool = True

    @property
    def characters(self) -> int:
        """How long a text may be: one of so many tokens that is longer is mostly white space."""
        return self.tokens * CHARS_A_TOKEN

    def of_stranger(self) -> "DocumentLimits":
        """What a document may have that comes without a token: enough to log in.

        Where the schema is open, anybody may ask for all of it.
        """
        if self.introspection:
            return self
        tokens, fields = min(self.tokens, _STRANGERS_TOKENS), min(self.fields, _STRANGERS_FIELDS)
        return replace(self, tokens=tokens, fields=fields)


@dataclass(slots=True)
class Extent:
    """What was counted.

    Attributes:
        depth: Levels of fields down to the deepest, leaving out what is below the schema.
        height: The same with nothing left out.
        lists: Lists of the schema's parts inside each other, wherever they stand.
        schema_depth: Levels below, and with, a field that leads to the schema.
        schema_lists: Lists inside each other there.
        nesting: Fragments that are spread inside each other.
    """

    directives: int = 0
    aliases: int = 0
    fields: int = 0
    depth: int = 0
    height: int = 0
    lists: int = 0
    schema_depth: int = 0
    schema_lists: int = 0
    nesting: int = 0

    @property
    def asks_for_schema(self) -> bool:
        """Whether the schema is asked for."""
        return self.schema_depth > 0

    def add(self, other: "Extent") -> None:
        """Have what stands beside it as well."""
        self.directives = min(_MOST, self.directives + other.directives)
        self.aliases = min(_MOST, self.aliases + other.aliases)
        self.fields = min(_MOST, self.fields + other.fields)
        self.depth = max(self.depth, other.depth)
        self.height = max(self.height, other.height)
        self.lists = max(self.lists, other.lists)
        self.schema_depth = max(self.schema_depth, other.schema_depth)
        self.schema_lists = max(self.schema_lists, other.schema_lists)
        self.nesting = max(self.nesting, other.nesting)


class _Place(NamedTuple):
    """How far down a selection stands; the names are those of `Extent`."""

    depth: int = 0
    height: int = 0
    lists: int = 0
    schema_depth: int = 0
    schema_lists: int = 0

    def below(self, name: str) -> "_Place":
        """The place of a field here."""
        one = int(name in _LISTS)
        height, lists = self.height + 1, self.lists + one
        if self.schema_depth or name in _INTROSPECTION:
            schema = self.schema_depth + 1, self.schema_lists + one
            return _Place(self.depth, height, lists, *schema)
        return _Place(self.depth + 1, height, lists)

    def extent(self, spread: Extent) -> Extent:
        """What a fragment adds that is spread here."""
        placed = Extent(
            spread.directives,
            spread.aliases,
            spread.fields,
            height=self.height + spread.height,
            lists=self.lists + spread.lists,
            nesting=spread.nesting + 1,
        )
        if self.schema_depth:
            placed.schema_depth = self.schema_depth + spread.height
            placed.schema_lists = self.schema_lists + spread.lists
        else:
            placed.depth = self.depth + spread.depth
            placed.schema_depth = spread.schema_depth
            placed.schema_lists = spread.schema_lists
        return placed


@dataclass
class _Part:
    """An operation or a fragment: what it has itself, and where it spreads what."""

    extent: Extent = field(default_factory=Extent)
    spreads: list[tuple[str, _Place]] = field(default_factory=list)


def check_length(text: str, limits: DocumentLimits) -> None:
    """Refuse a text that is too long to be read.

    Raises:
        LimitExceeded: It is.
    """
    _check("characters", len(text), limits.characters)


def check_limits(tree: DocumentNode, limits: DocumentLimits) -> Extent:
    """Refuse a document that is too large; gives what was counted.

    Raises:
        LimitExceeded: It has too many of something.
        QueryTooDeep: Its fields, or its fragments, are too deep in each other.
    """
    operations = sum(isinstance(node, OperationDefinitionNode) for node in tree.definitions)
    _check("operations", operations, limits.operations)
    extent = extent_of(tree)
    _check("directives", extent.directives, limits.directives)
    _check("aliases", extent.aliases, limits.aliases)
    _check("fields", extent.fields, limits.fields)
    _check_depth("Its fragments", extent.nesting, MAX_FRAGMENT_NESTING)
    pairs = pairs_of(tree, most=MAX_PAIRS)
    _check("pairs of fields or fragments at the same places", pairs, MAX_PAIRS)
    _check_depth("Its fields", extent.depth, limits.depth)
    _check_depth("What it asks of the schema", extent.schema_depth, MAX_INTROSPECTION_DEPTH)
    _check_depth("Lists of the schema", extent.schema_lists, MAX_INTROSPECTION_LISTS)
    return extent


def extent_of(tree: DocumentNode) -> Extent:
    """What there is in all operations of a document, and in fragments that none of them spreads."""
    fragments: dict[str, _Part] = {}
    operations, total = [], Extent()
    for node in tree.definitions:
        if isinstance(node, FragmentDefinitionNode):
            fragments[node.name.value] = _part(node)
        elif isinstance(node, OperationDefinitionNode):
            operations.append(_part(node))
    known: dict[str, Extent] = {}
    for operation in operations:
        _settle(operation, fragments, known)
        total.add(_whole(operation, known))
    for name, fragment in fragments.items():
        if name not in known:
            _settle(fragment, fragments, known)
            total.add(_whole(fragment, known))
    return total


def _settle(root: _Part, fragments: Mapping[str, _Part], known: dict[str, Extent]) -> None:
    """Count the fragments below, the innermost first; one inside itself adds nothing there."""
    left = [name for name, _ in root.spreads]
    begun: set[str] = set()
    while left:
        name = left[-1]
        part = fragments.get(name)
        if part is None or name in known:
            left.pop()
            continue
        begun.add(name)
        inner = {other: None for other, _ in part.spreads if other in fragments}
        open_ = [other for other in inner if other not in known and other not in begun]
        if open_:
            left += open_
        else:
            known[name] = _whole(part, known)


def _whole(part: _Part, known: Mapping[str, Extent]) -> Extent:
    whole = Extent()
    whole.add(part.extent)
    for name, place in part.spreads:
        whole.add(place.extent(known.get(name, Extent())))
    return whole


def _part(node: OperationDefinitionNode | FragmentDefinitionNode) -> _Part:
    part = _Part()
    part.extent.directives = sum(_directives(node))
    left = [(node.selection_set, _Place())]
    while left:
        selections, place = left.pop()
        left += _read(selections, place, part)
    return part


def _directives(node: OperationDefinitionNode | FragmentDefinitionNode) -> Iterator[int]:
    yield len(node.directives or ())
    for variable in node.variable_definitions or ():
        yield len(variable.directives or ())


def _read(
    selections: SelectionSetNode, place: _Place, part: _Part
) -> Iterator[tuple[SelectionSetNode, _Place]]:
    """Count what stands in a selection set; gives those in it, with their places."""
    for selection in selections.selections:
        part.extent.directives += len(selection.directives or ())
        if isinstance(selection, FragmentSpreadNode):
            part.spreads.append((selection.name.value, place))
            continue
        inner = place
        if isinstance(selection, FieldNode):
            inner = place.below(selection.name.value)
            part.extent.add(Extent(0, int(selection.alias is not None), 1, *inner))
        below: SelectionSetNode | None = getattr(selection, "selection_set", None)
        if below is not None:
            yield below, inner


def _check(what: str, actual: int, limit: int) -> None:
    if actual > limit:
        raise LimitExceeded(
            f"The document has {actual} {what}; at most {limit} are answered. {_LESS}",
            limit=limit,
            actual=actual,
        )


def _check_depth(what: str, actual: int, limit: int) -> None:
    if actual > limit:
        raise QueryTooDeep(
            f"The document is too deep. {what} are {actual} levels in each other; at most {limit}"
            " are answered.",
            limit=limit,
            actual=actual,
        )
