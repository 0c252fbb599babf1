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


class Flight:
    """A load that others wait for.

    Attributes:
        is_claimed: One of those who share it was told to fill; nobody else's value is to come.
    """

    def __init__(self, *, is_claimed: bool) -> None:
        self.is_claimed = is_claimed
        self._landed: asyncio.Future[bytes | _Outcome | None] = (
            asyncio.get_running_loop().create_future()
        )

    def land(self, value: bytes | _Outcome | None) -> None:
        """Give the value to those who wait, None when there is none to be shared."""
        if not self._landed.done():
            self._landed.set_result(value)

    async def landed(self) -> bytes | _Outcome | None:
        """What it has brought, as soon as it is there."""
        return await asyncio.shield(self._landed)

    @property
    def value(self) -> bytes | None:
        """What it has brought, if it is a value."""
        outcome = self._landed.result() if self._landed.done() else None
        return outcome if isinstance(outcome, bytes) else None


class Watch:
    """A lookup under way.

    Its answer may be from before a value was kept and be heard only after that.

    Attributes:
        landed: The values that were kept meanwhile.
    """

    def __init__(self) -> None:
        self.landed: dict[Route, bytes] = {}


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
            if flight.value is not None:
                for watch in self._watches.get(route.name, ()):
                    watch.landed[route] = flight.value
