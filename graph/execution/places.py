"""Where an error stands: worked out when there is one, and not before.

The one idea: lists are completed flat, all items of all lists at once. A place remembers how one
flat list came out of another, which is enough to find the way back from an item to the root.
"""

from bisect import bisect_right
from collections.abc import Sequence
from itertools import accumulate
from typing import Any, Protocol

Key = str | int


class Place(Protocol):
    """The places of the items of a flat list."""

    def path(self, at: int) -> list[Key]:
        """The place of an item in the answer."""


class Root:
    """The one object that is not in another."""

    def path(self, _at: int) -> list[Key]:
        """Nothing stands before a root field."""
        return []


class InField:
    """The values of a field, one for each object."""

    def __init__(self, objects: Place, key: str) -> None:
        self._objects = objects
        self._key = key

    def path(self, at: int) -> list[Key]:
        """The place of the object, and the field's name."""
        return [*self._objects.path(at), self._key]


class Picked:
    """Some of the items of a flat list."""

    def __init__(self, all_: Place, positions: Sequence[int]) -> None:
        self._all = all_
        self._positions = positions

    def path(self, at: int) -> list[Key]:
        """The place that the item has among all."""
        return self._all.path(self._positions[at])


class InList:
    """The items of lists, one list after the other."""

    def __init__(self, lists: Place, items: Sequence[Sequence[Any]]) -> None:
        self._lists = lists
        self._items = items

    def path(self, at: int) -> list[Key]:
        """The place of the list, and the position in it."""
        ends = list(accumulate(map(len, self._items)))
        which = bisect_right(ends, at)
        start = ends[which] - len(self._items[which])
        return [*self._lists.path(which), at - start]
