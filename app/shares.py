"""Which of several processes takes the next connection: whoever has few of them."""

import mmap
from typing import Final, NamedTuple

_BYTES: Final = 8
_NOT_TAKING: Final = 2**62


class Shares:
    """How many connections each process has; made before they are forked, and seen by all."""

    def __init__(self, count: int) -> None:
        # Each number is written by one process, and by who watches over it once it has gone. It is
        # read whole: no lock is needed.
        self._counts = memoryview(mmap.mmap(-1, count * _BYTES)).cast("q")
        for number in range(count):
            self.leave(number)

    def tell(self, number: int, connections: int) -> None:
        """So many has one of them now."""
        self._counts[number] = connections

    def leave(self, number: int) -> None:
        """One of them takes no more."""
        self.tell(number, _NOT_TAKING)

    def is_turn_of(self, number: int) -> bool:
        """Whether it has hardly more than who has fewest."""
        least = min(self._counts)
        return self._counts[number] <= least + least // 8 + 1


class Share(NamedTuple):
    """What one process has of the connections."""

    shares: Shares
    number: int

    def tell(self, connections: int) -> None:
        """So many are there now."""
        self.shares.tell(self.number, connections)

    def leave(self) -> None:
        """No more are taken here."""
        self.shares.leave(self.number)

    def is_next(self) -> bool:
        """Whether this process should take the next one."""
        return self.shares.is_turn_of(self.number)
