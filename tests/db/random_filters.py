"""Filters with operands near the values that stand in the rows, one a field and whole trees."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import fields
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from functools import partial
from random import Random
from typing import Any, Final, get_args, get_type_hints
from uuid import UUID

from domain.conditions import BigIntRange, DateRange, DateTimeRange, FloatRange, IntRange
from domain.filters import (
    MAX_FILTER_PREDICATES,
    AnyFilter,
    CompanyFilter,
    ContactFilter,
    Filter,
)
from domain.node_ids import NodeKind, encode_node_id
from domain.scalars import NodeId
from domain.search import MAX_SEARCH_WORDS
from tests.db.brute_force import NODES, World, filtered_value, given_fields, searched_text
from tests.db.datasets import LABELS, WORDS

LOGIC: Final = frozenset({"and_", "or_", "not_"})
FILTERS: Final[frozenset[type]] = frozenset(get_args(AnyFilter))

RANGES: Final = {
    "IntFilter": IntRange,
    "BigIntFilter": BigIntRange,
    "FloatFilter": FloatRange,
    "DateFilter": DateRange,
    "DateTimeFilter": DateTimeRange,
}
LISTS: Final = frozenset({"in_", "not_in", "any_of", "all_of", "none_of"})
_PARTS: Final = frozenset({"contains", "starts_with", "ends_with"})
_TIES: Final = ("", " ", "%", "_", "\\", "\\%", "a", "A", "é", "É", "ж", "@", "zz")
_SOME: Final[dict[str, Any]] = {
    "StringFilter": "ada",
    "StringListFilter": ["Sales"],
    "BooleanFilter": True,
    "IntFilter": 1,
    "BigIntFilter": 1,
    "FloatFilter": 0.5,
    "UUIDFilter": UUID(int=1),
    "DateFilter": date(2020, 2, 29),
    "DateTimeFilter": datetime(2024, 2, 29, tzinfo=UTC),
}


_TAKEN: Final[Mapping[tuple[type, str], Any]] = {
    (kind, name): get_args(hint)[0]
    for kind in FILTERS
    for name, hint in get_type_hints(kind).items()
}


def kind_of(kind: type[AnyFilter], name: str) -> Any:
    """The class of what a filter's field takes: conditions, another filter, or a plain value."""
    return _TAKEN[kind, name]


def condition_fields(kind: type[AnyFilter]) -> list[str]:
    """The fields of a filter that hold conditions."""
    return _fields(kind, lambda taken: taken not in FILTERS | {bool, str, NodeId})


def relation_fields(kind: type[AnyFilter]) -> list[str]:
    """The fields of a filter that hold a filter of related rows."""
    return _fields(kind, lambda taken: taken in FILTERS)


def plain_fields(kind: type[AnyFilter]) -> list[str]:
    """The fields of a filter that hold a plain value."""
    return _fields(kind, lambda taken: taken in {bool, str})


def operators_of(conditions: type) -> list[str]:
    """The operators of a class of conditions."""
    return [item.name for item in fields(conditions) if item.name != "case_sensitive"]


def size(value: Any) -> int:
    """How many conditions a filter has, as the limit counts them."""
    if isinstance(value, list):
        return sum(size(part) for part in value)
    if isinstance(value, str):
        return max(1, len(value.split()))
    if isinstance(value, bool):
        return 1
    given = dict(given_fields(value))
    if type(value) in FILTERS:
        return sum(size(part) for part in given.values()) if given else 1
    return max(1, len(given.keys() - {"case_sensitive"}))


class RandomFilters:
    """Makes filters from the values that the rows of a world hold."""

    def __init__(self, random: Random, world: World) -> None:
        self.random = random
        self._world = world

    def of_field(self, kind: type[AnyFilter], name: str, operator: str) -> Any:
        """A filter of one condition."""
        conditions = kind_of(kind, name)
        given: dict[str, Any] = {operator: self._operand(kind, name, operator)}
        if "case_sensitive" in {item.name for item in fields(conditions)}:
            given["case_sensitive"] = self.random.random() < 0.5
        return kind(**{name: conditions(**given)})

    def of_plain_field(self, kind: type[AnyFilter], name: str) -> Any:
        """A filter of one plain value."""
        is_flag = kind_of(kind, name) is bool
        given: dict[str, Any] = {
            name: self.random.random() < 0.5 if is_flag else self._search(kind)
        }
        return kind(**given)

    def tree(self, kind: type[Filter], *, depth: int) -> Any:
        """A filter of few conditions, nested at most so deep."""
        made = self._tree(kind, depth=depth)
        return made if size(made) <= MAX_FILTER_PREDICATES else self.tree(kind, depth=depth)

    def _tree(self, kind: type[AnyFilter], *, depth: int) -> Any:
        given: dict[str, Any] = {}
        for name in self.random.sample(condition_fields(kind), self.random.randrange(3)):
            operator = self.random.choice(operators_of(kind_of(kind, name)))
            given[name] = getattr(self.of_field(kind, name, operator), name)
        if plain_fields(kind) and self.random.random() < 0.2:
            name = self.random.choice(plain_fields(kind))
            given[name] = getattr(self.of_plain_field(kind, name), name)
        if depth > 1:
            given |= dict(self._nested(kind, depth=depth - 1))
        return kind(**given)

    def _nested(self, kind: type[AnyFilter], *, depth: int) -> Iterator[tuple[str, Any]]:
        if kind in {ContactFilter, CompanyFilter}:
            for name in ("and_", "or_"):
                if self.random.random() < 0.4:
                    count = self.random.randrange(3)
                    yield name, [self._tree(kind, depth=depth) for _ in range(count)]
            if self.random.random() < 0.4:
                yield "not_", self._tree(kind, depth=depth)
        relations = relation_fields(kind)
        if relations and self.random.random() < 0.4:
            name = self.random.choice(relations)
            yield name, self._tree(kind_of(kind, name), depth=depth)

    def _operand(self, kind: type[AnyFilter], name: str, operator: str) -> Any:
        if operator in {"is_null", "is_empty"}:
            return self.random.random() < 0.5
        pick = partial(self._value, kind, name, operator)
        if operator in LISTS:
            return [pick() for _ in range(self.random.randrange(4))]
        if operator == "between":
            return RANGES[kind_of(kind, name).__name__](from_=pick(), to=pick())
        return pick()

    def _value(self, kind: type[AnyFilter], name: str, operator: str) -> Any:
        value = self.random.choice(self._known(kind, name))
        if isinstance(value, list):
            return self.random.choice(LABELS)
        if (kind, name) in NODES:
            return self.random.choice((value, value, _nobody(NODES[kind, name])))
        if kind_of(kind, name).__name__ == "StringFilter":
            return self._text(value, operator)
        return self._near(value)

    def _known(self, kind: type[AnyFilter], name: str) -> list[Any]:
        """The values that stand in the rows, or one of the kind."""
        values = (filtered_value(kind, name, row, self._world) for row in self._world.rows(kind))
        if known := [value for value in values if value is not None]:
            return known
        if (kind, name) in NODES:
            return [_nobody(NODES[kind, name])]
        taken = kind_of(kind, name)
        if taken.__name__ in _SOME:
            return [_SOME[taken.__name__]]
        enum = get_args(get_type_hints(taken)["eq"])[0]
        return list(enum)

    def _text(self, value: str, operator: str) -> str:
        if operator in _PARTS:
            start = self.random.randrange(len(value) + 1)
            value = value[start : start + self.random.randrange(4)]
            value = self.random.choice((value, *_TIES))
        return self.random.choice((value, value, value.upper(), value.lower(), *WORDS[:3]))

    def _search(self, kind: type[AnyFilter]) -> str:
        """Pieces of the words of one row, mostly; blanks between them of any number."""
        rows = self._world.rows(kind)
        words = searched_text(kind, self.random.choice(rows)).split() if rows else []
        picked = []
        for word in self.random.sample(words, min(len(words), self.random.randrange(4))):
            start = self.random.randrange(len(word))
            picked.append(self._text(word[start : start + self.random.randrange(1, 5)], "eq"))
        return self.random.choice((" ", "  \t")).join(picked[:MAX_SEARCH_WORDS])

    def _near(self, value: Any) -> Any:
        if isinstance(value, bool | UUID | StrEnum | str):
            return value
        step = self.random.choice((-1, 0, 0, 1))
        if isinstance(value, datetime):
            return value + timedelta(microseconds=step)
        if isinstance(value, date):
            return value + timedelta(days=step)
        return value if value in {2**31 - 1, 2**63 - 1} else value + step


def _fields(kind: type[AnyFilter], wanted: Callable[[type], bool]) -> list[str]:
    return [
        item.name
        for item in fields(kind)
        if item.name not in LOGIC and wanted(kind_of(kind, item.name))
    ]


def _nobody(kind: NodeKind) -> str:
    """The id of something that never was."""
    return encode_node_id(kind, 2**62)
