"""What an answer costs: asked for before it is executed, counted when it is there.

The one idea: a document becomes a small tree once, in which everything that is the same in every
request is one number. Both sums walk only where lists are: what is asked for takes the lengths of
lists from the arguments, what was answered takes those that they have.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Final, Protocol

from graph.lengths import Asking, Length, PageSizes

MINUTE_SECONDS: Final = 60.0
LEAST: Final = 1
"""What an operation costs that asks for no object."""

_NO_PRICES: Final[Mapping[str, "Price"]] = {}
_NOTHING_ASKED: Final = Asking({}, PageSizes(0, 0))


class Price(Protocol):
    """What an object, a list of some, or a number that has to be counted costs."""

    @property
    def fixed(self) -> int | None:
        """The cost where it is the same in every answer; else None."""

    def asked(self, asking: Asking) -> int:
        """The cost of what is asked for."""

    def answered(self, value: Any, asking: Asking) -> int:
        """The cost of what is there; where there is nothing, None."""


class Objects:
    """One object.

    Args:
        each: What it costs itself, with all in it whose cost is the same in every answer. An object
            that is null costs that too.
        parts: What else it has, by the names in the answer.
    """

    __slots__ = ("_each", "_parts", "fixed")

    def __init__(self, each: int = 0, parts: Sequence[tuple[str, Price]] = ()) -> None:
        self._each = each
        self._parts = tuple(parts)
        self.fixed = None if parts else each

    def asked(self, asking: Asking) -> int:
        """As `Price` has it."""
        total = self._each
        for _, price in self._parts:
            total += price.asked(asking)
        return total

    def answered(self, value: Mapping[str, Any] | None, asking: Asking) -> int:
        """As `Price` has it."""
        total = self._each
        for key, price in self._parts:
            total += price.answered(None if value is None else value.get(key), asking)
        return total


class Dearest:
    """An object that can be of several types: the dearest counts, whichever it is."""

    __slots__ = ("_types", "fixed")

    def __init__(self, types: Sequence[Objects]) -> None:
        self._types = tuple(types)
        known = [price.fixed for price in types if price.fixed is not None]
        self.fixed = max(known, default=0) if len(known) == len(types) else None

    def asked(self, asking: Asking) -> int:
        """As `Price` has it."""
        return max(price.asked(asking) for price in self._types)

    def answered(self, value: Mapping[str, Any] | None, asking: Asking) -> int:
        """As `Price` has it."""
        return max(price.answered(value, asking) for price in self._types)


class Many:
    """A list of objects, as long as is asked for."""

    __slots__ = ("_item", "_length")
    fixed: Final = None

    def __init__(self, length: Length, item: Price) -> None:
        self._length = length
        self._item = item

    def asked(self, asking: Asking) -> int:
        """As `Price` has it."""
        item = self._item
        cost = item.asked(asking) if item.fixed is None else item.fixed
        return self._length.of(asking) * cost

    def answered(self, value: Sequence[Mapping[str, Any] | None] | None, asking: Asking) -> int:
        """As `Price` has it."""
        if not value:
            return 0
        item = self._item
        if item.fixed is not None:
            return len(value) * item.fixed
        return sum([item.answered(each, asking) for each in value])


class Unshown:
    """The rows of a page that are read and not shown: they cost what was asked for."""

    __slots__ = ("_length",)
    fixed: Final = None

    def __init__(self, length: Length) -> None:
        self._length = length

    def asked(self, asking: Asking) -> int:
        """As `Price` has it."""
        return self._length.of(asking)

    def answered(self, value: object, asking: Asking) -> int:
        """As `Price` has it; the value is what is told of the page."""
        return 0 if value is None else self._length.of(asking)


@dataclass(frozen=True)
class Prices:
    """What the root fields of an operation cost.

    Attributes:
        fields: By their names in the answer; those that cost nothing are left out.
        defaults: The values of variables that are not given.
        names: All that are asked for, as the schema names them, `Query.contacts`, by their names in
            the answer.
    """

    fields: Mapping[str, Price]
    defaults: Mapping[str, Any] = field(default_factory=dict)
    names: Mapping[str, str] = field(default_factory=dict)

    def asked(self, variables: Mapping[str, Any], sizes: PageSizes) -> int:
        """What the operation costs as it is asked for."""
        asking = self._asking(variables, sizes)
        total = 0
        for price in self.fields.values():
            total += price.asked(asking)
        return total or LEAST

    def bill(self, variables: Mapping[str, Any], sizes: PageSizes) -> "Bill":
        """What the answer costs, to be filled while it is made."""
        return Bill(self.fields, self._asking(variables, sizes))

    def _asking(self, variables: Mapping[str, Any], sizes: PageSizes) -> Asking:
        return Asking({**self.defaults, **variables} if self.defaults else variables, sizes)


class Bill:
    """What one answer costs, by its root fields.

    A field that comes from the cache as text brings its cost along.
    """

    __slots__ = ("_asking", "_known", "_prices")

    def __init__(
        self, prices: Mapping[str, Price] = _NO_PRICES, asking: Asking = _NOTHING_ASKED
    ) -> None:
        self._prices = prices
        self._asking = asking
        self._known: dict[str, int] = {}

    def of(self, name: str, value: Any) -> int:
        """What the value of a root field costs."""
        price = self._prices.get(name)
        return 0 if price is None else price.answered(value, self._asking)

    def note(self, name: str, cost: int) -> None:
        """A root field whose value cannot be looked into costs this."""
        self._known[name] = cost

    def forget(self) -> None:
        """The operation is executed again from its beginning."""
        self._known.clear()

    def total(self, data: Mapping[str, Any]) -> int:
        """What the whole answer costs."""
        total, known = 0, self._known
        for name, price in self._prices.items():
            cost = known.get(name)
            if cost is None:
                cost = known[name] = price.answered(data.get(name), self._asking)
            total += cost
        return total or LEAST

    def of_each(self, names: Iterable[str]) -> tuple[int, ...]:
        """What root fields cost of which the total was asked."""
        return tuple([self._known.get(name, 0) for name in names])


@dataclass(slots=True)
class Cost:
    """What one operation costs.

    Attributes:
        requested: As it was asked for.
        actual: As it was answered; None as long as it is not.
        maximum: What it may be.
        available: What the user has left, where that is counted.
        per_minute: What comes back in a minute, and is the most that is there; None where what
            users have left is not counted.
        bucket: From what it was taken.
    """

    requested: int
    maximum: int
    actual: int | None = None
    available: float = 0
    per_minute: int | None = None
    bucket: str = ""

    def told(self) -> dict[str, object]:
        """What the client is told."""
        told: dict[str, object] = {
            "requested": self.requested,
            "actual": self.actual,
            "maximum": self.maximum,
        }
        if self.per_minute is not None:
            told["throttle"] = {
                "maximum": self.per_minute,
                "available": int(self.available),
                "restoreRate": _restore_rate(self.per_minute),
            }
        return told


@lru_cache(maxsize=16)
def _restore_rate(per_minute: int) -> float:
    """What comes back in a second, as it is told."""
    return round(per_minute / MINUTE_SECONDS, 3)
