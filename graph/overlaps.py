"""How many pairs validation has to compare: whether what stands at one place can be one field.

The one idea: fields of one place in the answer are compared with each other, and so are the
fragments that are spread there, each pair for 30 µs or so. A hundred that are the same are five
thousand pairs, with everything below them; so pairs are what has to be bounded, besides fields.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    OperationDefinitionNode,
    SelectionSetNode,
)


class _Level(NamedTuple):
    """A selection set to be looked at.

    Attributes:
        place: The number of its place in the answer.
        inside: The fragments around it; one of them again adds nothing.
    """

    selections: SelectionSetNode
    place: int
    inside: frozenset[str]


@dataclass
class _Operation:
    """What was seen of one operation.

    Attributes:
        places: The number of each place, by that of the one above and its name in the answer.
        seen: How often there was a field at each place.
        spread: How often there was a fragment at each place.
    """

    places: dict[tuple[int, str], int] = field(default_factory=dict)
    seen: Counter[int] = field(default_factory=Counter)
    spread: Counter[int] = field(default_factory=Counter)


def pairs_of(tree: DocumentNode, *, most: int) -> int:
    """The pairs in all operations of a document; `most` and more when counting stopped there."""
    fragments = {
        node.name.value: node.selection_set
        for node in tree.definitions
        if isinstance(node, FragmentDefinitionNode)
    }
    pairs = 0
    for node in tree.definitions:
        if isinstance(node, OperationDefinitionNode):
            seen = _Operation()
            left = [_Level(node.selection_set, 0, frozenset())]
            # As fragments can unfold without end, nothing is looked at beyond what is allowed.
            while left and pairs <= most:
                level = left.pop()
                pairs += _count(level, seen)
                left += _below(level, seen, fragments)
    return pairs


def _count(level: _Level, operation: _Operation) -> int:
    """The pairs that come with a selection set: each with what was at its place before."""
    pairs = 0
    for selection in level.selections.selections:
        if isinstance(selection, FieldNode):
            place = _place(level, selection, operation)
            pairs += operation.seen[place]
            operation.seen[place] += 1
        elif isinstance(selection, FragmentSpreadNode):
            pairs += operation.spread[level.place]
            operation.spread[level.place] += 1
    return pairs


def _below(
    level: _Level, operation: _Operation, fragments: dict[str, SelectionSetNode]
) -> Iterator[_Level]:
    for selection in level.selections.selections:
        if isinstance(selection, FragmentSpreadNode):
            name = selection.name.value
            if name in fragments and name not in level.inside:
                yield _Level(fragments[name], level.place, level.inside | {name})
            continue
        selections: SelectionSetNode | None = getattr(selection, "selection_set", None)
        if selections is not None:
            place = level.place
            if isinstance(selection, FieldNode):
                place = _place(level, selection, operation)
            yield _Level(selections, place, level.inside)


def _place(level: _Level, node: FieldNode, operation: _Operation) -> int:
    key = level.place, (node.alias or node.name).value
    return operation.places.setdefault(key, len(operation.places) + 1)
