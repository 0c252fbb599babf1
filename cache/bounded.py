"""Values that never change, kept in this process up to a weight: the least used go first."""

from collections.abc import Callable
from typing import Generic, TypeVar

from cachetools import LRUCache

K = TypeVar("K")
V = TypeVar("V")


class BoundedCache(Generic[K, V]):
    """A cache for immutable values. Not for threads: the event loop alone uses it.

    Args:
        max_bytes: What all kept values may weigh together.
        weigh: The bytes of a value; one heavier than the bound is simply not kept.
    """

    def __init__(self, *, max_bytes: int, weigh: Callable[[V], int]) -> None:
        self._kept: LRUCache[K, V] = LRUCache(max_bytes, getsizeof=weigh)

    def get(self, key: K) -> V | None:
        """The value kept under the key."""
        return self._kept.get(key)

    def put(self, key: K, value: V) -> None:
        """Keep a value as long as there is room."""
        if self._kept.getsizeof(value) <= self._kept.maxsize:
            self._kept[key] = value

    def __len__(self) -> int:
        return len(self._kept)
