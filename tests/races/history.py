"""What is true of the records of a race, moment by moment, and what a read may show of them.

Each record has one writer at a time. Its history is the list of states it was asked to be in; a
read may show the last state that was acknowledged before the read began, or any later one that was
asked for before it ended, and nothing that is older than what a read has shown before.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from typing import Generic, TypeVar

S = TypeVar("S")


@dataclass(frozen=True, kw_only=True)
class Person:
    """A state of a contact.

    Attributes:
        number: Written into two of its fields, greater with each write.
        tag: The number of its one tag.
        firm: The name in the race of its company.
        is_there: False before it is created, and while it is deleted.
    """

    number: int
    tag: int
    firm: str
    is_there: bool = True

    @property
    def stage(self) -> str:
        """What lists are filtered by; another one with most writes."""
        return stage_of(self.number)


@dataclass(frozen=True, kw_only=True)
class Firm:
    """A state of a company; its number is in two of its fields."""

    number: int


STAGES = ("s0", "s1", "s2")


def stage_of(number: int) -> str:
    """The stage that goes with a number."""
    return STAGES[number % len(STAGES)]


class History(Generic[S]):
    """The states of one record, the oldest first.

    Attributes:
        id: What clients call it; empty until its creation is acknowledged.
        acknowledged: The last state that its writer was told of.
        shown: The last state that a read has certainly shown.
    """

    def __init__(self, name: str, state: S, *, id: str = "") -> None:
        self.name = name
        self.id = id
        self.states = [state]
        self.acknowledged = 0
        self.shown = 0

    @property
    def now(self) -> S:
        """The last state it was asked to be in."""
        return self.states[-1]

    def ask(self, state: S) -> None:
        """A write is about to be sent."""
        self.states.append(state)

    def acknowledge(self) -> None:
        """The write was answered."""
        self.acknowledged = len(self.states) - 1


@dataclass(frozen=True)
class Window(Generic[S]):
    """The states of one record that one read may show.

    Attributes:
        acknowledged: The oldest of them as far as writers were told.
        shown: The oldest of them as far as reads have shown.
    """

    history: History[S]
    acknowledged: int
    shown: int

    @property
    def states(self) -> Iterator[tuple[int, S]]:
        """Those that it may show until now, with their places in the history."""
        first = max(self.acknowledged, self.shown)
        return ((at, self.history.states[at]) for at in range(first, len(self.history.states)))

    def always(self, holds: Callable[[S], bool]) -> bool:
        """Whether it is so in each of them."""
        return all(holds(state) for _at, state in self.states)

    def ever(self, holds: Callable[[S], bool]) -> bool:
        """Whether it is so in one of them."""
        return any(holds(state) for _at, state in self.states)


class Windows(Generic[S]):
    """What one read that begins now may show of each record of a kind."""

    def __init__(self, histories: dict[str, History[S]]) -> None:
        self._histories = histories
        self._windows = {name: opened(history) for name, history in histories.items()}

    def of(self, name: str) -> Window[S] | None:
        """The window of a record; None for one that was gone before, or never was."""
        if name not in self._windows and name in self._histories:
            # It was created while the read was under way.
            self._windows[name] = Window(self._histories[name], 0, 0)
        return self._windows.get(name)

    def __iter__(self) -> Iterator[Window[S]]:
        """All that there were at the beginning or are there now."""
        for name in self._histories:
            self.of(name)
        return iter(self._windows.values())


def opened(history: History[S]) -> Window[S]:
    """The window of a read that begins now."""
    return Window(history, history.acknowledged, history.shown)


@dataclass
class Records:
    """Everything that takes part in a race, by its name there.

    Attributes:
        gone: Contacts whose deletion was acknowledged, and which nobody brings back.
        founded: Companies that no read shows; their creation was acknowledged.
    """

    people: dict[str, History[Person]] = field(default_factory=dict)
    firms: dict[str, History[Firm]] = field(default_factory=dict)
    gone: dict[str, History[Person]] = field(default_factory=dict)
    founded: list[str] = field(default_factory=list)

    def forget(self, name: str) -> None:
        """Reads that begin from now on must not show this contact."""
        self.gone[name] = self.people.pop(name)


class Look:
    """One read, from its beginning on: what it may show of everything."""

    def __init__(self, records: Records) -> None:
        self.records = records
        self.people = Windows(records.people)
        self.firms = Windows(records.firms)
        self._gone_before = len(records.gone)

    def passed_by(self, name: str) -> Window[Person] | None:
        """The window of a contact that came and went while the read was under way."""
        return next((window for window in self.passers_by() if window.history.name == name), None)

    def passers_by(self) -> Iterator[Window[Person]]:
        """The windows of all that went meanwhile and were not there when the read began."""
        for name in islice(self.records.gone, self._gone_before, None):
            if self.people.of(name) is None:
                yield Window(self.records.gone[name], 0, 0)
