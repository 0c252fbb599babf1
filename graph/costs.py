"""What operations cost their users: refused when it is too much, taken before, and put right after.

The cost of an operation is known before anything is read (`graph.prices`). It has to be within
what one operation may cost, and within what its user has left; what was not there to be read is
given back, and what was there beyond it is owed.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import ceil
from typing import Any

from cache.buckets import Buckets, MemoryBuckets
from domain.errors import LimitExceeded, RateLimited
from domain.viewer import Viewer
from graph.document import Operation
from graph.documents import refused
from graph.lengths import PageSizes
from graph.prices import MINUTE_SECONDS, Cost


@dataclass(frozen=True, kw_only=True)
class CostLimits:
    """What operations may cost.

    Attributes:
        maximum: One of them.
        per_minute: All of a user together; None for any.
        page_sizes: What pages have, as costs are counted by them.
    """

    maximum: int = 20_000
    per_minute: int | None = None
    page_sizes: PageSizes = PageSizes(100, 1000)

    @property
    def highest(self) -> int:
        """What one operation may cost, which no user could pay if it were more than all."""
        if self.per_minute is None:
            return self.maximum
        return min(self.maximum, self.per_minute)


class Costs:
    """Counts what users ask for.

    Args:
        buckets: Where it is known what they have left.
    """

    def __init__(self, limits: CostLimits, buckets: Buckets | None = None) -> None:
        self._limits = limits
        self._buckets = MemoryBuckets() if buckets is None else buckets

    async def take(
        self, operation: Operation, variables: Mapping[str, Any], viewer: Viewer | None
    ) -> Cost:
        """What an operation costs, taken from what its user has left.

        Raises:
            InvalidDocument: It is too much for one operation.
            RateLimited: It is more than the user has left.
        """
        cost = self._cost(operation, variables)
        if self._limits.per_minute is None or viewer is None:
            return cost
        capacity = self._limits.per_minute
        cost.bucket = _key(viewer, capacity)
        taken = await self._buckets.draw(
            cost.bucket,
            cost.requested,
            capacity=capacity,
            per_second=capacity / MINUTE_SECONDS,
        )
        if taken.wait_seconds:
            raise _rate_limited(cost, taken.wait_seconds, int(taken.available), capacity)
        cost.available, cost.per_minute = taken.available, capacity
        return cost

    async def settle(self, cost: Cost, viewer: Viewer | None, *, actual: int) -> None:
        """What was answered is known: give back what was too much, or take what was too little.

        That is never refused: what the user has not is owed.
        """
        cost.actual = actual
        unused = cost.requested - actual
        if viewer is None or cost.per_minute is None or not unused:
            return
        cost.available = await self._buckets.give_back(
            cost.bucket,
            unused,
            capacity=cost.per_minute,
            per_second=cost.per_minute / MINUTE_SECONDS,
        )

    def rows_at_once(
        self, operation: Operation, variables_for: Callable[[int], Mapping[str, Any]]
    ) -> int:
        """How many rows of its one list an operation can ask for at once.

        Args:
            variables_for: Those that ask for so many.

        Raises:
            InvalidDocument: A single one is too much.
        """
        maximum = self._limits.maximum
        page, of_one_row = (self._asked(operation, variables_for(rows)) for rows in (0, 1))
        if of_one_row > maximum:
            raise refused(_too_expensive(of_one_row, maximum))
        return (maximum - page) // (of_one_row - page)

    def _cost(self, operation: Operation, variables: Mapping[str, Any]) -> Cost:
        requested, highest = self._asked(operation, variables), self._limits.highest
        if requested > highest:
            raise refused(_too_expensive(requested, highest))
        return Cost(requested, highest)

    def _asked(self, operation: Operation, variables: Mapping[str, Any]) -> int:
        """What an operation costs as it is asked for."""
        return operation.prices(variables).asked(variables, self._limits.page_sizes)


def _key(viewer: Viewer, per_minute: int) -> str:
    # With another setting everybody begins anew.
    return f"cost:{per_minute}:{viewer.user_uuid.hex}"


def _too_expensive(requested: int, limit: int) -> LimitExceeded:
    # JSON has no word for what nested pages can come to.
    actual = min(requested, 2**53 - 1)
    return LimitExceeded(
        f"The operation costs {actual}; one may cost {limit}. Ask for smaller pages with first,"
        " above all where lists are in lists.",
        limit=limit,
        actual=actual,
    )


def _rate_limited(cost: Cost, wait_seconds: float, available: int, capacity: int) -> RateLimited:
    seconds = max(1, ceil(wait_seconds))
    return RateLimited(
        f"The operation costs {cost.requested}, and you have {available} left of {capacity} a"
        f" minute. Try again in {seconds} s, or ask for smaller pages.",
        retry_after_seconds=seconds,
        cost=cost.requested,
        available=available,
        maximum=capacity,
    )
