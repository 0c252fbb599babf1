"""How long things took, counted by ranges: any number in little room, and easily added up."""

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable
from typing import Final

Counted = list[tuple[int, int]]
"""How many fell into each range, by its number; ranges with none are left out."""

_FIRST_SECONDS: Final = 0.000_05
_WIDTH: Final = 1.1
_RANGES: Final = 160
_ENDS: Final = tuple(_FIRST_SECONDS * _WIDTH**number for number in range(_RANGES))
"""A range is a tenth wider than the one before; the last ends at three minutes."""


class Latencies:
    """Counts durations until they are taken."""

    __slots__ = ("_counts",)

    def __init__(self) -> None:
        self._counts: dict[int, int] = {}

    def add(self, seconds: float) -> None:
        """Count one."""
        number = bisect_left(_ENDS, seconds)
        self._counts[number] = self._counts.get(number, 0) + 1

    def take(self) -> Counted:
        """What was counted since the last time."""
        taken, self._counts = self._counts, {}
        return sorted(taken.items())


def added_up(counts: Iterable[Counted]) -> Counted:
    """The counts of several as one."""
    total: Counter[int] = Counter()
    for counted in counts:
        for number, count in counted:
            total[number] += count
    return sorted(total.items())


def percentile(counted: Counted, share: float) -> float | None:
    """What this share of them took at most, right to within five percent; None without any.

    Args:
        share: From 0 to 1.
    """
    left = share * sum(count for _, count in counted)
    for number, count in counted:
        left -= count
        if left <= 0:
            return _middle(number)
    return None


def _middle(number: int) -> float:
    """The value that is as far from both ends of a range, as a factor."""
    return float(_ENDS[min(number, _RANGES - 1)] / _WIDTH**0.5)
