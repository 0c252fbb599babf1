"""Random lists: a filter, an order and a page size, with what Python says they show.

An example follows from its number alone, given the world it is asked about.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from random import Random
from typing import Any, Final

from domain.filters import CompanyFilter, ContactFilter, Filter
from domain.search import split_search
from tests.db.brute_force import World, matches
from tests.db.datasets import seeded
from tests.db.random_filters import RandomFilters
from tests.db.walks import COMPANY_LIST, CONTACT_LIST, Listing, OrderKeys, compared, in_order

EXAMPLES_PER_WORLD: Final = 20
_LONGEST_WALK: Final = 4
_FEW: Final = 3
_DEPTH: Final = 3


@dataclass(frozen=True)
class Example:
    """One list.

    Attributes:
        number: What it follows from; a failing test shows it.
    """

    number: int
    listing: Listing
    filter: Any
    order: OrderKeys
    size: int

    @property
    def words(self) -> Sequence[str]:
        """Those of the search, for RELEVANCE."""
        return _words(self.filter)

    @property
    def by_relevance(self) -> bool:
        """Whether its list has no last page."""
        return self.order[0].field == "RELEVANCE"

    def matching(self, world: World) -> list[Any]:
        """The rows of the list in their order, says Python."""
        return in_order(_matching(self.filter, world), self.order, words=self.words)

    def values(self, row: Any) -> tuple[Any, ...]:
        """What the order compares of a row."""
        return tuple(compared(row, key, words=self.words) for key in self.order)

    def __str__(self) -> str:
        return f"seed {self.number}: {self.filter} {self.order} size={self.size}"


def make_example(number: int, world: World, *, listing: Listing | None = None) -> Example:
    """The example of a number."""
    random = seeded(f"example {number}")
    wanted = listing or random.choice((CONTACT_LIST, CONTACT_LIST, COMPANY_LIST))
    kind = ContactFilter if wanted is CONTACT_LIST else CompanyFilter
    filter_ = _filter(random, kind, world)
    by_relevance = bool(_words(filter_)) and random.random() < 0.7
    order = wanted.random_order(random, by_relevance=by_relevance)
    rows = len(_matching(filter_, world))
    size = random.randint(max(1, rows // _LONGEST_WALK), max(2, rows // 2))
    return Example(number, wanted, filter_, order, size)


def _filter(random: Random, kind: type[Filter], world: World) -> Filter:
    """A third of them search; the opposite where one matches hardly a row."""
    makers = RandomFilters(random, world)
    made: Any = makers.tree(kind, depth=_DEPTH)
    if len(_matching(made, world)) < _FEW and random.random() < 0.8:
        made = kind(not_=made)
    if random.random() < 0.35:
        made = replace(made, search=makers.of_plain_field(kind, "search").search)
    return made  # type: ignore[no-any-return]  # trees are of the kind that was asked for


def _matching(filter_: Filter, world: World) -> list[Any]:
    return [row for row in world.rows(type(filter_)) if matches(filter_, row, world)]


def _words(filter_: Filter) -> list[str]:
    return split_search(filter_.search) if filter_.search else []
