"""One load for all who miss the same value at the same time.

Who misses was given a token before; only who was given the same one may share a load: nothing that
the value depends on has changed between their lookups, so it is as new for the last as for the
first of them.
"""

import asyncio
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from enum import Enum, auto
from typing import Final, NamedTuple


class Name(NamedTuple):
    """What a value is known by."""

    kind: str
    digest: str


class Route(NamedTuple):
    """What all who share a load agree on."""

    name: Name
    era: str
    token: str


class _Outcome(Enum):
    ABANDONED = auto()


ABANDONED: Final = _Outcome.ABANDONED
"""Who loaded was cancelled; somebody else has to."""


class Landed(NamedTuple):
    """A value that was loaded.

    Attributes:
        is_kept: It is in the cache.
    """

    value: bytes
    is_kept: bool


class Flight:
    """A load that others wait for.

    Attributes:
        is_claimed: One of those who share it was told to fill; nobody else's value is to come.
    """

    def __init__(self, *, is_claimed: bool) -> None:
        self.is_claimed = is_claimed
        self._outcome: asyncio.Future[Landed | _Outcome | None] = (
            asyncio.get_running_loop().create_future()
        )

    def land(self, outcome: Landed | _Outcome | None) -> None:
        """Give what was loaded to those who wait, None when there is nothing to be shared."""
        if not self._outcome.done():
            self._outcome.set_result(outcome)

    async def outcome(self, *, until: float) -> Landed | _Outcome | None:
        """What it has brought, as soon as it is there; None when it is not by then.

        Args:
            until: In the time of the event loop.
        """
        left = until - asyncio.get_running_loop().time()
        # Unlike `wait_for` it leaves the future to the others.
        await asyncio.wait((self._outcome,), timeout=max(0.0, left))
        return self._outcome.result() if self._outcome.done() else None

    @property
    def landed(self) -> Landed | None:
        """What it has brought, if it is a value."""
        outcome = self._outcome.result() if self._outcome.done() else None
        return outcome if isinstance(outcome, Landed) else None


class Watch:
    """A lookup under way.

    Its answer may be from before a value was kept and be heard only after that.

    Attributes:
        landed: The values that were loaded meanwhile.
    """

    def __init__(self) -> None:
        self.landed: dict[Route, Landed] = {}


class Flights:
    """The loads of one process."""

    def __init__(self) -> None:
        self._flights: dict[Route, Flight] = {}
        self._watches: defaultdict[Name, set[Watch]] = defaultdict(set)

    @contextmanager
    def watching(self, name: Name) -> Iterator[Watch]:
        """Remember what lands as long as this lasts."""
        watch = Watch()
        self._watches[name].add(watch)
        try:
            yield watch
        finally:
            self._watches[name].discard(watch)
            if not self._watches[name]:
                del self._watches[name]

    def find(self, route: Route) -> Flight | None:
        """The load to share."""
        return self._flights.get(route)

    @contextmanager
    def leading(self, route: Route, *, is_claimed: bool) -> Iterator[Flight]:
        """Load for all who come as long as this lasts.

        An error is for who leads; the others load themselves.
        """
        flight = self._flights[route] = Flight(is_claimed=is_claimed)
        try:
            yield flight
        except Exception:
            flight.land(None)
            raise
        except BaseException:
            flight.land(ABANDONED)
            raise
        finally:
            del self._flights[route]
            if flight.landed is not None:
                for watch in self._watches.get(route.name, ()):
                    watch.landed[route] = flight.landed
