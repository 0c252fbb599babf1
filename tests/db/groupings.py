"""Contacts and companies as tests ask about their groups."""

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random
from typing import Any, Final

from db.aggregates import GROUPABLE_COMPANIES, GROUPABLE_CONTACTS, Groupable
from domain.aggregates import (
    LARGEST_FIRST,
    MAX_GROUP_BY,
    CompanyGroupBy,
    CompanyGroupSort,
    ContactGroupBy,
    ContactGroupSort,
    GroupBy,
    GroupOrder,
    GroupSort,
    Operation,
    sort_groups,
)
from domain.filters import CompanyFilter, ContactFilter, Filter
from domain.paging import NEWEST_COMPANIES, NEWEST_CONTACTS, Order
from tests.db.brute_force import Row, World, matches
from tests.db.random_filters import RandomFilters

EVERYTHING: Final = 1000


@dataclass(frozen=True, eq=False)
class Kind:
    """Contacts or companies, as a test asks about their groups."""

    name: str
    of: Groupable[Any]
    filter_: type[Filter]
    dimensions: type[ContactGroupBy] | type[CompanyGroupBy]
    sort: type[GroupSort]
    newest: tuple[Order, ...]

    def measured(self) -> list[tuple[Operation, str]]:
        """Every operation over every measure."""
        return [
            (operation, name)
            for name, measure in self.of.measures.items()
            for operation in sorted(measure.operations)
        ]

    def random_group_by(self, random: Random) -> tuple[GroupBy, ...]:
        return tuple(random.sample(list(self.dimensions), random.randint(1, MAX_GROUP_BY)))

    def order(
        self, group_by: Sequence[GroupBy], order_by: Sequence[GroupOrder] = LARGEST_FIRST
    ) -> tuple[GroupSort, ...]:
        return sort_groups(order_by, group_by, self.sort)


CONTACTS: Final = Kind(
    "contacts",
    GROUPABLE_CONTACTS,
    ContactFilter,
    ContactGroupBy,
    ContactGroupSort,
    NEWEST_CONTACTS,
)
COMPANIES: Final = Kind(
    "companies",
    GROUPABLE_COMPANIES,
    CompanyFilter,
    CompanyGroupBy,
    CompanyGroupSort,
    NEWEST_COMPANIES,
)
KINDS: Final = (CONTACTS, COMPANIES)


def named(value: object) -> str:
    """The id of a test's parameter."""
    if isinstance(value, GroupOrder):
        return f"{value.field} {value.direction} nulls {value.nulls}".lower()
    return value.name if isinstance(value, Kind) else str(value).lower()


def matching(world: World, kind: Kind, filter_: Any) -> list[Row]:
    """The rows that a filter selects, says Python."""
    rows = world.rows(kind.filter_)
    return rows if filter_ is None else [row for row in rows if matches(filter_, row, world)]


def random_filter(random: Random, world: World, kind: Kind) -> Any:
    """A filter that leaves some rows, mostly."""
    makers = RandomFilters(random, world)
    tried = [makers.tree(kind.filter_, depth=2) for _ in range(5)]
    return random.choice([None, max(tried, key=lambda one: len(matching(world, kind, one)))])
