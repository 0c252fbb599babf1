"""What never changes while a process lives: made when it is first asked for, then kept."""

from collections.abc import Callable
from functools import lru_cache, update_wrapper
from threading import Lock
from typing import Generic, TypeVar

T = TypeVar("T")


class MadeOnce(Generic[T]):
    """Decorates a function that makes something: every call gives the same object.

    Threads that ask for it at the same time wait for the one that makes it; `lru_cache` alone would
    let each of them make its own. An error is not kept.
    """

    def __init__(self, make: Callable[[], T]) -> None:
        self._made = lru_cache(maxsize=1)(make)
        self._making = Lock()
        update_wrapper(self, make)

    def __call__(self) -> T:
        """The object."""
        with self._making:
            return self._made()

    def cache_clear(self) -> None:
        """Forget it: the next call makes a new one."""
        self._made.cache_clear()
