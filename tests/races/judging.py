"""Judges what reads show against what they may show: stale, out of order, torn, wrong filter."""

from collections import Counter
from collections.abc import Callable, Iterable
from enum import StrEnum
from typing import Any, TypeVar

from tests.races.history import Firm, Look, Person, Window

S = TypeVar("S")
Row = dict[str, Any]

DOMAIN = ".example.com"
"""Follows the name of a company in its domain."""

_EXAMPLES = 10


class Wrong(StrEnum):
    """What can be wrong with an answer."""

    STALE = "stale"
    OUT_OF_ORDER = "out of order"
    TORN = "torn"
    WRONG_FILTER = "wrong filter"
    WRONG_COUNT = "wrong count"


class Verdicts:
    """What was found.

    Attributes:
        examples: The first findings, in words.
    """

    def __init__(self) -> None:
        self.counts: Counter[Wrong] = Counter()
        self.examples: list[str] = []

    def find(self, wrong: Wrong, words: str) -> None:
        """Note a finding."""
        self.counts[wrong] += 1
        if len(self.examples) < _EXAMPLES:
            self.examples.append(f"{wrong}: {words}")

    def __bool__(self) -> bool:
        return bool(self.counts)

    def __str__(self) -> str:
        return ", ".join(f"{self.counts[wrong]} {wrong}" for wrong in Wrong)


class Judge:
    """Judges the answer to one read.

    Args:
        name: What was read, for people.
        look: What it may show.
    """

    def __init__(self, name: str, look: Look, verdicts: Verdicts) -> None:
        self._name = name
        self._look = look
        self._verdicts = verdicts

    def contact(self, name: str, row: Row | None) -> None:
        """One contact that was asked for by its id."""
        if row is None:
            self._without(name, lambda _person: True)
        else:
            self._person(row)

    def contacts(
        self, rows: Iterable[Row], wanted: Callable[[Person], bool], *, is_filtered: bool
    ) -> None:
        """A whole list: what is in it, and what is not."""
        listed = Counter(row["firstName"] for row in rows)
        for name in (name for name, count in listed.items() if count > 1):
            self._find(Wrong.TORN, f"{name} is listed {listed[name]} times")
        for row in rows:
            if not wanted(_told_by(row)):
                self._find(Wrong.WRONG_FILTER, f"{row} does not match")
            self._person(row)
        missing = Wrong.WRONG_FILTER if is_filtered else None
        for name in {window.history.name for window in self._look.people} - listed.keys():
            self._without(name, wanted, otherwise=missing)

    def count(self, shown: int, wanted: Callable[[Person], bool]) -> None:
        """How many contacts there are of a kind."""

        def counted(person: Person) -> bool:
            return person.is_there and wanted(person)

        windows = list(self._look.people)
        least = sum(window.always(counted) for window in windows)
        most = sum(window.ever(counted) for window in (*windows, *self._look.passers_by()))
        if not least <= shown <= most:
            self._find(Wrong.WRONG_COUNT, f"{shown}, and not {least} to {most}")

    def company(self, row: Row) -> None:
        """One company."""
        name = row["domain"].removesuffix(DOMAIN)
        if row["name"] != row["shortDescription"]:
            self._find(Wrong.TORN, str(row))
            return
        window = self._look.firms.of(name)
        assert window is not None
        self._judge(window, lambda firm: firm == Firm(number=_number(row["name"])), str(row))

    def companies_with(self, rows: Iterable[Row], wanted: Callable[[Person], bool]) -> None:
        """Companies that have contacts of a kind: those that are listed, and those that are not."""
        listed = {row["domain"].removesuffix(DOMAIN) for row in rows}
        for row in rows:
            self.company(row)
        for window in self._look.firms:
            firm = window.history.name
            people = list(self._look.people)
            has = any(person.always(_is_of(firm, wanted)) for person in people)
            people += self._look.passers_by()
            may_have = any(person.ever(_is_of(firm, wanted)) for person in people)
            if (firm in listed and not may_have) or (firm not in listed and has):
                self._find(Wrong.WRONG_FILTER, f"{firm} is{'' if firm in listed else ' not'} there")

    def same(self, one: object, other: object) -> None:
        """Two parts of one answer that were asked for in the same words."""
        if one != other:
            self._find(Wrong.TORN, f"{one} beside {other}")

    def _person(self, row: Row) -> None:
        name = row["firstName"]
        window = self._look.people.of(name) or self._look.passed_by(name)
        shown = _told_by(row)
        if row["leadStatus"] != row["title"] or row["stage"] != shown.stage:
            self._find(Wrong.TORN, str(row))
        elif window is None:
            is_gone = name in self._look.records.gone
            self._find(Wrong.STALE if is_gone else Wrong.TORN, f"{row} is not there")
        else:
            self._judge(window, lambda person: person == shown, str(row))
            self.company(row["company"])

    def _without(
        self,
        name: str,
        wanted: Callable[[Person], bool],
        *,
        otherwise: Wrong | None = None,
    ) -> None:
        """A contact that is not shown where those that are wanted are."""
        window = self._look.people.of(name)
        if window is not None:
            self._judge(
                window,
                lambda person: not (person.is_there and wanted(person)),
                f"{name} is missing",
                otherwise=otherwise,
            )

    def _judge(
        self,
        window: Window[S],
        holds: Callable[[S], bool],
        words: str,
        *,
        otherwise: Wrong | None = None,
    ) -> None:
        """Whether what is shown is so in one of the states that may be."""
        fitting = next((at for at, state in window.states if holds(state)), None)
        if fitting is None:
            now = [str(state) for _at, state in window.states]
            self._find(otherwise or _wrong(window, holds), f"{words}, and not {now}")
        else:
            window.history.shown = max(window.history.shown, fitting)

    def _find(self, wrong: Wrong, words: str) -> None:
        self._verdicts.find(wrong, f"{self._name}: {words}")


def _wrong(window: Window[S], holds: Callable[[S], bool]) -> Wrong:
    """What is wrong with something that is shown and is in no state that may be."""
    states = window.history.states
    if any(holds(state) for state in states[: window.acknowledged]):
        return Wrong.STALE
    if any(holds(state) for state in states[: window.shown]):
        return Wrong.OUT_OF_ORDER
    return Wrong.TORN


def _told_by(row: Row) -> Person:
    """The state that a row of an answer tells."""
    return Person(
        number=_number(row["title"]),
        tag=_number(row["tags"][0]),
        firm=row["company"]["domain"].removesuffix(DOMAIN),
    )


def _number(text: str) -> int:
    return int(text[1:])


def _is_of(firm: str, wanted: Callable[[Person], bool]) -> Callable[[Person], bool]:
    return lambda person: person.is_there and person.firm == firm and wanted(person)
