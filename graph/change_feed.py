"""What happens to contacts and companies, told to everybody who subscribed; never silently less."""

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Final

from db.announcing import CHANNEL, read_announcement
from db.listening import Listener
from domain.changes import ChangeEventKind
from domain.node_ids import NodeKind, node_id_writer
from domain.scalars import NodeId
from graph.seats import Seats

MAX_WAITING: Final = 1000
"""How many events wait for a slow subscriber before it is told that it missed some."""


@dataclass(frozen=True)
class Told:
    """One event of a subscription.

    Attributes:
        ids: Which records; empty when the event is about all of them.
    """

    kind: ChangeEventKind
    ids: tuple[NodeId, ...] = ()

    @cached_property
    def id_set(self) -> frozenset[NodeId]:
        """The ids, for all subscribers who look for theirs."""
        return frozenset(self.ids)


_READY: Final = Told(ChangeEventKind.READY)
_MISSED: Final = Told(ChangeEventKind.MISSED)


class ChangeFeed:
    """The changes that any process commits, for the subscribers of this one."""

    def __init__(self, listener: Listener, seats: Seats) -> None:
        self._listener = listener
        self._seats = seats
        self._waiting: dict[NodeKind, set[_Waiting]] = {
            NodeKind.CONTACT: set(),
            NodeKind.COMPANY: set(),
        }
        listener.hear(CHANNEL, self._hear, on_begin=self._begin)

    def watch(
        self, of: NodeKind, ids: frozenset[NodeId] | None = None
    ) -> AsyncGenerator[Told, None]:
        """What happens to records of a kind, from the event READY on, which comes first.

        Args:
            of: CONTACT or COMPANY.
            ids: Only of these; what has no ids is told to everybody.

        Raises:
            Unavailable: There are too many subscribers.
        """
        self._seats.require_one()
        return self._stream(of, ids)

    async def _stream(
        self, of: NodeKind, ids: frozenset[NodeId] | None
    ) -> AsyncGenerator[Told, None]:
        waiting = _Waiting(ids)
        with self._seats.take():
            self._waiting[of].add(waiting)
            try:
                self._listener.start()
                if self._listener.is_listening:
                    waiting.begin()
                while True:
                    yield await waiting.next()
            finally:
                self._waiting[of].discard(waiting)

    def _hear(self, payload: str) -> None:
        if not any(self._waiting.values()):
            return
        changed = read_announcement(payload)
        if changed is None:
            for waiting in self._everybody():
                waiting.miss()
            return
        told = Told(changed.kind, tuple(map(node_id_writer(changed.of), changed.ids)))
        for waiting in self._waiting.get(changed.of, ()):
            waiting.tell(told)

    def _begin(self) -> None:
        for waiting in self._everybody():
            waiting.begin()

    def _everybody(self) -> Iterator["_Waiting"]:
        for several in self._waiting.values():
            yield from several


class _Waiting:
    """What one subscriber was not told yet.

    Args:
        wanted: The ids that the subscriber asked for; None when it asked for all.
    """

    def __init__(self, wanted: frozenset[NodeId] | None) -> None:
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
        is_ready_unsaid = _READY in self._events
        self._events.clear()
        self._add(_READY if is_ready_unsaid else _MISSED)

    def tell(self, told: Told) -> None:
        """Tell of a change, as far as the subscriber asked for it."""
        if not self._has_begun:
            # It is about to be told READY, and reads then.
            return
        if told.ids:
            self._tell_of_some(told)
        elif not self._events or self._events[-1].ids:
            # What waits last does not say to read the lists again already.
            self._add(told)

    def _tell_of_some(self, told: Told) -> None:
        if self._wanted is not None:
            if not (found := self._wanted & told.id_set):
                return
            told = Told(told.kind, tuple(node_id for node_id in told.ids if node_id in found))
        if len(self._events) < MAX_WAITING:
            self._add(told)
        else:
            self.miss()

    def _add(self, told: Told) -> None:
        self._events.append(told)
        self._has_events.set()
