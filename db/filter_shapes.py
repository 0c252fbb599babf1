"""The first half of compiling a filter: what it asks becomes a shape and values.

The shape says which fields and operators are used and how they are nested; `db.filters` makes SQL
of it, and takes the values in the order in which they are collected here. What a filter must not
ask is refused on the way.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields
from typing import Any, Final, Literal

from db.filter_fields import FIELDS, FilterField, RelatedCount, Search
from db.filter_flags import Flag
from db.filter_imports import OfImport
from db.filter_operators import LISTS, PRESENCE
from db.operands import PARTS, found_anywhere, joined_list, like_pattern, lowered_start
from db.relations import Relation
from domain.absent import given
from domain.asker import asker
from domain.errors import InvalidFilter
from domain.filters import (
    MAX_FILTER_DEPTH,
    MAX_FILTER_LIST_ITEMS,
    MAX_FILTER_PREDICATES,
    AnyFilter,
    ListFilter,
    StringFilter,
)
from domain.names import spelled
from domain.node_ids import NodeKind, decode_node_id
from domain.search import split_search

Shape = tuple[Any, ...]
"""A nested tuple of names: hashable, free of values."""

EVERYTHING: Final[Shape] = ("and", ())

Case = Literal["ignored", "told", "none"]
"""How a comparison treats capitals; what is no text has none."""

_INSTEAD_OF_NULL: Final[Mapping[type, str]] = {
    Flag: "give true or false",
    OfImport: "give the id of an import",
    Search: "give words",
}


class _Splitter:
    """Walks a filter once; collects its values and checks its limits."""

    def __init__(self) -> None:
        self.values: list[object] = []
        self._predicates = 0

    def shape(self, filter_: AnyFilter, *, path: str, depth: int = 1) -> Shape:
        if depth > MAX_FILTER_DEPTH:
            raise InvalidFilter(f"{path} is nested more than {MAX_FILTER_DEPTH} levels deep.")
        parts = [
            self._part(type(filter_), name, value, path=f"{path}.{spelled(name)}", depth=depth)
            for name, value in _given_fields(filter_)
        ]
        return self._all(parts)

    def _part(
        self, kind: type[AnyFilter], name: str, value: Any, *, path: str, depth: int
    ) -> Shape:
        declared = FIELDS[kind].get(name)
        if value is None:
            instead = _INSTEAD_OF_NULL.get(type(declared), "ask with isNull")
            raise InvalidFilter(f"{path} is null. Leave it out, or {instead}.")
        if declared is None:
            return self._logic(name[:-1], value, path=path, depth=depth + 1)
        if isinstance(declared, Relation):
            return ("related", declared, self.shape(value, path=path, depth=depth + 1))
        if isinstance(declared, Flag):
            self._count()
            return ("flag", declared, value)
        if isinstance(declared, OfImport):
            return self._of_import(declared, value, path=path)
        if isinstance(declared, Search):
            return self._search(value, path=path)
        return self._conditions(declared, value, path=path)

    def _logic(self, operator: str, value: Any, *, path: str, depth: int) -> Shape:
        if operator == "not":
            return ("not", self.shape(value, path=path, depth=depth))
        _check_length(value, path)
        nested = [
            self.shape(item, path=f"{path}[{at}]", depth=depth) for at, item in enumerate(value)
        ]
        return (operator, tuple(nested))

    def _of_import(self, declared: OfImport, node_id: str, *, path: str) -> Shape:
        self._count()
        who = asker()
        if who is None:
            raise InvalidFilter(f"{path} is for users, about their own imports. Leave it out.")
        self.values += [decode_node_id(node_id, expected=NodeKind.JOB)[1], *who]
        return ("imported", declared)

    def _search(self, text: str, *, path: str) -> Shape:
        return self._all([self._word(word) for word in split_search(text, path=path)])

    def _word(self, word: str) -> Shape:
        self._count()
        self.values.append(like_pattern("contains", word))
        return ("word",)

    def _conditions(
        self, declared: FilterField | RelatedCount, conditions: Any, *, path: str
    ) -> Shape:
        case = _case_of(conditions)
        return self._all(
            [
                self._condition(declared, case, operator, operand, f"{path}.{spelled(operator)}")
                for operator, operand in _given_fields(conditions)
                if operator != "case_sensitive"
            ]
        )

    def _condition(
        self,
        declared: FilterField | RelatedCount,
        case: Case,
        operator: str,
        operand: Any,
        path: str,
    ) -> Shape:
        self._count()
        if operand is None:
            raise InvalidFilter(f"{path} is null. To find missing values use isNull: true.")
        if operator in PRESENCE:
            return ("presence", declared, case, operator, operand)
        if isinstance(declared, RelatedCount):
            return self._counted(declared, operator, operand, path)
        return ("and", tuple(self._compared(declared, case, operator, operand, path)))

    def _counted(self, of: RelatedCount, operator: str, operand: Any, path: str) -> Shape:
        values = _values(of, operator, operand, path)
        self.values += [*values, _beyond(values)]
        return ("count", of, operator)

    def _compared(
        self, field: FilterField, case: Case, operator: str, operand: Any, path: str
    ) -> Iterator[Shape]:
        """The comparison, and what follows from it and has an index where it may have none."""
        values = _values(field, operator, operand, path)
        is_list = case == "ignored" and operator in LISTS
        self.values += joined_list(values[0]) if is_list else values
        yield ("compare", field, case, operator)
        if case == "told" and operator in {"eq", "in_"} and field.folded != field.column:
            yield from self._compared(field, "ignored", operator, operand, path)
        if case == "told" and operator == "starts_with" and field.folded != field.column:
            self.values.append(lowered_start(operand))
            yield ("start", field)
        if operator in PARTS and field.searched:
            self.values.append(found_anywhere(operand, exact=case == "told"))
            yield ("word",)

    def _all(self, parts: Sequence[Shape]) -> Shape:
        if not parts:
            self._count()
        return ("and", tuple(parts))

    def _count(self) -> None:
        """Conditions count, and filters without any: they too become SQL."""
        self._predicates += 1
        if self._predicates > MAX_FILTER_PREDICATES:
            raise InvalidFilter(f"A filter has at most {MAX_FILTER_PREDICATES} conditions.")


def split_filter(filter_: ListFilter | None, *, path: str = "filter") -> tuple[Shape, list[object]]:
    """A filter's shape, and its values in the order the shape asks for them.

    Raises:
        InvalidFilter: An operand is null, a limit is passed, or a text cannot be stored.
    """
    if filter_ is None:
        return EVERYTHING, []
    splitter = _Splitter()
    shape = splitter.shape(filter_, path=path)
    return shape, splitter.values


def _case_of(conditions: object) -> Case:
    if not isinstance(conditions, StringFilter):
        return "none"
    return "told" if conditions.case_sensitive else "ignored"


def _values(
    declared: FilterField | RelatedCount, operator: str, operand: Any, path: str
) -> list[Any]:
    if operator in LISTS:
        _check_length(operand, path)
        return [[_value(declared, operator, item, path) for item in operand]]
    if operator == "between":
        return [operand.from_, operand.to]
    return [_value(declared, operator, operand, path)]


def _value(declared: FilterField | RelatedCount, operator: str, value: Any, path: str) -> object:
    if value is None:
        raise InvalidFilter(f"{path} holds null. To find missing values use isNull: true.")
    if isinstance(declared, FilterField) and declared.node is not None:
        return decode_node_id(value, expected=declared.node)[1]
    if isinstance(value, str):
        if "\0" in value:
            raise InvalidFilter(f"{path} holds a NUL character, which no stored text can have.")
        return like_pattern(operator, value) if operator in PARTS else value
    return value


def _beyond(values: Sequence[Any]) -> int:
    """One more than any operand: who counts that far can tell on which side of it a count lies."""
    first, *rest = values
    numbers: list[int] = [*(first if isinstance(first, list) else [first]), *rest]
    return max([0, *numbers]) + 1


def _check_length(items: Sequence[object], path: str) -> None:
    if len(items) > MAX_FILTER_LIST_ITEMS:
        raise InvalidFilter(f"{path} has {len(items)} items; at most {MAX_FILTER_LIST_ITEMS} fit.")


def _given_fields(value: Any) -> Iterator[tuple[str, Any]]:
    for item in fields(value):
        if given(operand := getattr(value, item.name)):
            yield item.name, operand
