"""What happens to contacts and companies, told to everybody who subscribed; never silently less."""

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Final
from uuid import UUID

from db.announcing import CHANNEL, read_announcement
from db.listening import Listener
from domain.changes import ChangeEventKind, RecordsChanged
from domain.node_ids import NodeKind, node_id_writer
from domain.scalars import NodeId
from graph.seats import Seats

MAX_WAITING: Final = 1000
"""How many events wait for a slow subscriber before it is told that it missed some."""

CaughtUp = Callable[[], Awaitable[None]]


@dataclass(frozen=True)
class Told:
    """One event of a subscription.

    Attributes:
        of: CONTACT or COMPANY, where there are records.
        row_ids: Which records; empty when the event is about all of them.
    """

    kind: ChangeEventKind
    of: NodeKind | None = None
    row_ids: tuple[int, ...] = ()

    @cached_property
    def ids(self) -> tuple[NodeId, ...]:
        """The records as clients know them."""
        return () if self.of is None else tuple(map(node_id_writer(self.of), self.row_ids))

    @cached_property
    def row_id_set(self) -> frozenset[int]:
        """The records, for all subscribers who look for theirs."""
        return frozenset(self.row_ids)


_READY: Final = Told(ChangeEventKind.READY)
_MISSED: Final = Told(ChangeEventKind.MISSED)


class ChangeFeed:
    """The changes that any process commits, for the subscribers of this one.

    Args:
        caught_up: Waits until reads show all that was committed before.
    """

    def __init__(
        self, listener: Listener, seats: Seats, *, caught_up: CaughtUp | None = None
    ) -> None:
        self._listener = listener
        self._caught_up = caught_up
        self._seats = seats
        self._waiting: dict[NodeKind, set[_Waiting]] = {
            NodeKind.CONTACT: set(),
            NodeKind.COMPANY: set(),
        }
        listener.hear(CHANNEL, self._hear, on_begin=self._begin)

    def watch(
        self, of: NodeKind, row_ids: frozenset[int] | None = None, *, user: UUID
    ) -> AsyncGenerator[Told, None]:
        """What happens to records of a kind, from the event READY on, which comes first.

        Args:
            of: CONTACT or COMPANY.
            row_ids: Only of these; what is about all of them is told to everybody.
            user: Who subscribes.

        Raises:
            Unavailable: There are too many subscribers.
        """
        self._seats.require_one(user)
        return self._stream(of, row_ids, user)

    async def _stream(
        self, of: NodeKind, row_ids: frozenset[int] | None, user: UUID
    ) -> AsyncGenerator[Told, None]:
        waiting = _Waiting(row_ids)
        with self._seats.take(user):
            self._waiting[of].add(waiting)
            try:
                self._listener.start()
                if self._listener.is_listening:
                    waiting.begin()
                while True:
                    told = await waiting.next()
                    if self._caught_up is not None:
                        await self._caught_up()
                    yield told
            finally:
                self._waiting[of].discard(waiting)

    def _hear(self, payload: str) -> None:
        if not any(self._waiting.values()):
            return
        try:
            changed = read_announcement(payload)
            if changed is None:
                self._miss()
            else:
                self._tell(changed)
        except Exception:  # a bug of ours, of which the listener writes into the log
            self._miss()
            raise

    def _tell(self, changed: RecordsChanged) -> None:
        told = Told(changed.kind, changed.of, changed.ids)
        for waiting in self._waiting.get(changed.of, ()):
            waiting.tell(told)

    def _miss(self) -> None:
        for waiting in self._everybody():
            waiting.miss()

    def _begin(self) -> None:
        for waiting in self._everybody():
            waiting.begin()

    def _everybody(self) -> Iterator["_Waiting"]:
        for several in self._waiting.values():
            yield from several


class _Waiting:
    """What one subscriber was not told yet.

    Args:
        wanted: The records that the subscriber asked for; None when it asked for all.
    """

    def __init__(self, wanted: frozenset[int] | None) -> None:
        self._wanted = wanted
        self._events: deque[Told] = deque()
        self._has_events = asyncio.Event()
        self._has_begun = False

    async def next(self) -> Told:
        """The event that has waited longest."""
        while not self._events:
            self._has_events.clear()
            await self._has_events.wait()
        return self._events.popleft()

    def begin(self) -> None:
        """From here on everything is heard."""
        if self._has_begun:
            self.miss()
        else:
            self._has_begun = True
            self._add(_READY)

    def miss(self) -> None:
        """Something may have been lost, so that all that waits says less than to read again."""
        if not self._has_begun:
            # It is about to be told READY, and reads then.
            return
        is_ready_unsaid = _READY in self._events
        self._events.clear()
        self._add(_READY if is_ready_unsaid else _MISSED)

    def tell(self, told: Told) -> None:
        """Tell of a change, as far as the subscriber asked for it."""
        if not self._has_begun:
            return
        if told.row_ids:
            self._tell_of_some(told)
        elif not self._events or self._events[-1].row_ids:
            # What waits last does not say to read the lists again already.
            self._add(told)

    def _tell_of_some(self, told: Told) -> None:
        if self._wanted is not None:
            if not (found := self._wanted & told.row_id_set):
                return
            row_ids = tuple(row_id for row_id in told.row_ids if row_id in found)
            told = Told(told.kind, told.of, row_ids)
        if len(self._events) < MAX_WAITING:
            self._add(told)
        else:
            self.miss()

    def _add(self, told: Told) -> None:
        self._events.append(told)
        self._has_events.set()
