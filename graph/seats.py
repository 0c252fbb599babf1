"""How many subscriptions a process has at most."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from domain.errors import Unavailable

MAX_SUBSCRIPTIONS: Final = 10_000


class Seats:
    """Places for subscribers, each given back when its subscriber leaves."""

    def __init__(self, count: int = MAX_SUBSCRIPTIONS) -> None:
        self._count = count
        self.taken = 0

    def require_one(self) -> None:
        """Refuse a subscriber for whom there is no place.

        Raises:
            Unavailable: All are taken.
        """
        if self.taken >= self._count:
            raise Unavailable(
                f"All {self._count} subscriptions that this server can hold are taken. Close those"
                " you do not need, or try again in a moment."
            )

    @contextmanager
    def take(self) -> Iterator[None]:
        """A place during the block.

        Raises:
            Unavailable: All are taken.
        """
        self.require_one()
        self.taken += 1
        try:
            yield
        finally:
            self.taken -= 1
