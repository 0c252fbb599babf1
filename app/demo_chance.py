"""Chance that repeats: everything random about demo records, from one seed and fixed dates."""

import math
import unicodedata
from bisect import bisect
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from itertools import accumulate
from random import Random
from typing import Final, Generic, TypeVar

T = TypeVar("T")

FIRST_DAY: Final = datetime(2023, 1, 2, tzinfo=UTC)
LAST_DAY: Final = datetime(2026, 6, 30, tzinfo=UTC)

_LATIN: Final = str.maketrans(
    {"ß": "ss", "ł": "l", "ø": "o", "đ": "d", "æ": "ae", "ä": "ae", "ö": "oe", "ü": "ue"}
)


class Weighted(Generic[T]):
    """Items of which some are chosen more often than others.

    Args:
        weights: Each item and how often it is chosen, compared with the others.
    """

    def __init__(self, weights: Iterable[tuple[T, float]]) -> None:
        pairs = list(weights)
        self.items = [item for item, _ in pairs]
        self.cumulated = list(accumulate(weight for _, weight in pairs))


class Chance:
    """A source of chance; the same seed gives the same every time."""

    def __init__(self, seed: str) -> None:
        self._random = Random(seed)  # noqa: S311  # invented records, no secret

    def happens(self, probability: float) -> bool:
        """True as often as asked for."""
        return self._random.random() < probability

    def pick(self, items: Sequence[T]) -> T:
        """One of the items, each as likely."""
        return items[int(self._random.random() * len(items))]

    def some(self, items: Sequence[T], most: int) -> list[T]:
        """None to `most` different items."""
        return self._random.sample(items, self.number(0, most))

    def one_of(self, choice: Weighted[T]) -> T:
        """One of the items, by weight."""
        drawn = self._random.random() * choice.cumulated[-1]
        return choice.items[bisect(choice.cumulated, drawn)]

    def number(self, least: int, most: int) -> int:
        """A whole number; both ends count."""
        return least + int(self._random.random() * (most - least + 1))

    def long_tailed(self, median: float, spread: float) -> float:
        """A positive number with many small and a few very large ones."""
        return median * math.exp(self._random.gauss(0.0, spread))

    def moment(self, earliest: datetime = FIRST_DAY, latest: datetime = LAST_DAY) -> datetime:
        """A moment between two."""
        seconds = int((latest - earliest).total_seconds())
        return earliest + timedelta(seconds=self.number(0, max(seconds, 0)))


@lru_cache(maxsize=4096)
def slug(text: str, *, between: str = "") -> str:
    """The text in small Latin letters and digits, as it stands in addresses."""
    plain = unicodedata.normalize("NFKD", text.lower().translate(_LATIN))
    letters = "".join(sign if sign.isalnum() else " " for sign in plain if sign.isascii())
    return between.join(letters.split())
