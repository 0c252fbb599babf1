"""Filters with operands near the values that stand in the rows, one a field and whole trees."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import fields
from datetime import date, datetime, timedelta
from enum import StrEnum
from random import Random
from typing import Any, Final, get_args, get_type_hints
from uuid import UUID

from domain.filters import (
    BigIntRange,
    CompanyFilter,
    ContactFilter,
    DateRange,
    DateTimeRange,
    Filter,
    IntRange,
)
from tests.db.brute_force import Row, filtered_value
from tests.db.datasets import LABELS, WORDS

NESTING: Final = frozenset({"and_", "or_", "not_", "company"})
NODES: Final = ("AQEBAAAAAAA", "AQIBAAAAAAA")
"""Ids of a contact and of a company that never were."""

_RANGES: Final = {
    "IntFilter": IntRange,
    "BigIntFilter": BigIntRange,
    "DateFilter": DateRange,
    "DateTimeFilter": DateTimeRange,
}
_LISTS: Final = frozenset({"in_", "not_in", "any_of", "all_of", "none_of"})
_PARTS: Final = frozenset({"contains", "starts_with", "ends_with"})
_TIES: Final = ("", "%", "_", "\\", "\\%", "a", "A", "é", "É", "ж", "@", "zz")


def conditions_of(kind: type[Filter], name: str) -> type:
    """The class of the conditions of a filter's field."""
    found: type = get_args(get_type_hints(kind)[name])[0]
    return found


def condition_fields(kind: type[Filter]) -> list[str]:
    """The fields of a filter that hold conditions."""
    return [item.name for item in fields(kind) if item.name not in NESTING]


def operators_of(conditions: type) -> list[str]:
    """The operators of a class of conditions."""
    return [item.name for item in fields(conditions) if item.name != "case_sensitive"]


class RandomFilters:
    """Makes filters from the values that the rows of each kind hold."""

    def __init__(self, random: Random, rows: Mapping[type[Filter], Sequence[Row]]) -> None:
        self.random = random
        self._rows = rows

    def of_field(self, kind: type[Filter], name: str, operator: str) -> Filter:
        """A filter of one condition."""
        conditions = conditions_of(kind, name)
        given: dict[str, Any] = {operator: self._operand(kind, name, operator)}
        if "case_sensitive" in {item.name for item in fields(conditions)}:
            given["case_sensitive"] = self.random.random() < 0.5
        return kind(**{name: conditions(**given)})

    def tree(self, kind: type[Filter], *, depth: int) -> Filter:
        """A filter of few conditions, nested at most so deep."""
        parts: dict[str, Any] = {}
        for name in self.random.sample(condition_fields(kind), self.random.randrange(3)):
            operator = self.random.choice(operators_of(conditions_of(kind, name)))
            parts |= self.of_field(kind, name, operator).__dict__
        given = {name: value for name, value in parts.items() if name in condition_fields(kind)}
        if depth > 1:
            given |= dict(self._nested(kind, depth=depth - 1))
        return kind(**given)

    def _nested(self, kind: type[Filter], *, depth: int) -> Iterator[tuple[str, Any]]:
        for name in ("and_", "or_"):
            if self.random.random() < 0.4:
                count = self.random.randrange(3)
                yield name, [self.tree(kind, depth=depth) for _ in range(count)]
        if self.random.random() < 0.4:
            yield "not_", self.tree(kind, depth=depth)
        if kind is ContactFilter and self.random.random() < 0.3:
            yield "company", self.tree(CompanyFilter, depth=depth)

    def _operand(self, kind: type[Filter], name: str, operator: str) -> Any:
        if operator in {"is_null", "is_empty"}:
            return self.random.random() < 0.5
        pick: Callable[[], Any] = lambda: self._value(kind, name, operator)  # noqa: E731
        if operator in _LISTS:
            return [pick() for _ in range(self.random.randrange(4))]
        if operator == "between":
            return _RANGES[conditions_of(kind, name).__name__](from_=pick(), to=pick())
        return pick()

    def _value(self, kind: type[Filter], name: str, operator: str) -> Any:
        known = [
            value
            for row in self._rows[kind]
            if (value := filtered_value(kind, name, row)) is not None
        ]
        value = self.random.choice(known)
        if isinstance(value, list):
            return self.random.choice(LABELS)
        if name in {"id", "company_id"}:
            contact, company = NODES
            missing = contact if (kind, name) == (ContactFilter, "id") else company
            return self.random.choice((value, value, missing))
        if conditions_of(kind, name).__name__ == "StringFilter":
            return self._text(value, operator)
        return self._near(value)

    def _text(self, value: str, operator: str) -> str:
        if operator in _PARTS:
            start = self.random.randrange(len(value) + 1)
            value = value[start : start + self.random.randrange(4)]
            value = self.random.choice((value, *_TIES))
        return self.random.choice((value, value, value.upper(), value.lower(), *WORDS[:3]))

    def _near(self, value: Any) -> Any:
        if isinstance(value, bool | UUID | StrEnum | str):
            return value
        step = self.random.choice((-1, 0, 0, 1))
        if isinstance(value, datetime):
            return value + timedelta(microseconds=step)
        if isinstance(value, date):
            return value + timedelta(days=step)
        return value if value in {2**31 - 1, 2**63 - 1} else value + step
