"""How often the cache was asked, and what it knew."""

from collections import Counter, defaultdict
from collections.abc import Mapping
from enum import StrEnum
from typing import Final

from domain.enums import DescribedEnum

_GOOD_ABOVE: Final = 0.8
_POOR_BELOW: Final = 0.5


class Status(StrEnum):
    """Where an answer came from."""

    HIT = "HIT"  # the cache had it
    MISS = "MISS"  # it was loaded
    BYPASS = "BYPASS"  # it was loaded past the cache, which could not be used


class Advice(DescribedEnum):
    """What a hit ratio means for who runs the server."""

    GOOD = "GOOD", "More than 80 of 100 questions are answered by the cache."
    FINE = "FINE", "Between 50 and 80 of 100 questions are answered by the cache."
    RECONSIDER = (
        "RECONSIDER",
        "Fewer than 50 of 100 questions are answered by the cache. Longer times to live may help; "
        "if the same things are seldom asked twice, it may not be worth its memory.",
    )


def advice(hit_ratio: float | None) -> Advice | None:
    """What a ratio between 0 and 1 means; nothing before anything was asked."""
    if hit_ratio is None:
        return None
    if hit_ratio > _GOOD_ABOVE:
        return Advice.GOOD
    return Advice.RECONSIDER if hit_ratio < _POOR_BELOW else Advice.FINE


class Counts:
    """What became of all questions to one cache, by the kind of value."""

    def __init__(self) -> None:
        self._by_kind: defaultdict[str, Counter[Status]] = defaultdict(Counter)

    def add(self, kind: str, status: Status) -> None:
        """Count one question."""
        self._by_kind[kind][status] += 1

    def by_kind(self) -> Mapping[str, Mapping[Status, int]]:
        """The numbers of each kind that was asked for."""
        return {
            kind: {status: counted[status] for status in Status}
            for kind, counted in sorted(self._by_kind.items())
        }

    def of(self, status: Status) -> int:
        """How many questions ended so."""
        return sum(counted[status] for counted in self._by_kind.values())

    @property
    def hit_ratio(self) -> float | None:
        """How many of the questions that the cache took were hits, between 0 and 1."""
        hits = self.of(Status.HIT)
        asked = hits + self.of(Status.MISS)
        return hits / asked if asked else None
