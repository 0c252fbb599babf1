"""Every filter field with every operator, each alone, with operands that stand in the rows."""

from collections.abc import Iterator
from dataclasses import fields
from typing import Any, Final, get_args, get_type_hints

import asyncpg
from sqlalchemy import Table

from db.filter_fields import FIELDS, FilterField, RelatedCount
from db.filter_imports import OfImport
from db.relations import Relation
from db.tables import companies, contacts
from domain.conditions import BigIntRange, DateRange, DateTimeRange, FloatRange, IntRange
from domain.filters import AnyFilter, CompanyFilter, ContactFilter
from domain.node_ids import encode_node_id

_TABLES: Final = {ContactFilter: contacts, CompanyFilter: companies}
_LOGIC: Final = frozenset({"and_", "or_", "not_"})
_RANGES: Final = {
    "IntFilter": IntRange,
    "BigIntFilter": BigIntRange,
    "FloatFilter": FloatRange,
    "DateFilter": DateRange,
    "DateTimeFilter": DateTimeRange,
}
_LISTS: Final = frozenset({"in_", "not_in", "any_of", "all_of", "none_of"})
_PLACES: Final = {"contains": slice(2, 9), "starts_with": slice(0, 6), "ends_with": slice(-6, None)}


class FilterSamples:
    """Makes filters from values that a database holds.

    Args:
        connection: To a database with rows; each table is asked for one value a column.
    """

    def __init__(self, connection: asyncpg.Connection) -> None:
        self._connection = connection

    async def each(self, kind: type[AnyFilter]) -> list[tuple[str, Any]]:
        """The filters of a kind with the names that a table of results shows."""
        return await self._each(kind, _TABLES[kind])

    async def _each(self, kind: Any, table: Table) -> list[tuple[str, Any]]:
        made: list[tuple[str, Any]] = []
        for name, declared in FIELDS[kind].items():
            taken = get_args(get_type_hints(kind)[name])[0]
            if not isinstance(declared, Relation):
                filled = await self._conditions(table, declared, taken)
            elif declared.table in _TABLES.values():
                continue
            else:
                filled = [(f".{of}", it) for of, it in await self._each(taken, declared.table)]
            made += [(f"{name}{how}", kind(**{name: it})) for how, it in filled]
        return made

    async def _conditions(self, table: Table, declared: Any, taken: Any) -> list[tuple[str, Any]]:
        if isinstance(declared, OfImport):
            return []  # The records of the benchmark came by no import.
        if taken is bool:
            return [(f" {flag}", flag) for flag in (True, False)]
        if taken is str:
            return [(f" {words}", words) for words in await self._searches(table)]
        value = 5 if isinstance(declared, RelatedCount) else await self._value(table, declared)
        return [
            (f" {operator} {operand}"[:45], taken(**{operator: operand}))
            for operator, operand in _operands(taken, value)
        ]

    async def _value(self, table: Table, declared: FilterField) -> Any:
        """A value of the column, the same one in every run; ids as clients write them."""
        column, key = declared.column, table.primary_key.columns.keys()[0]
        value = await self._connection.fetchval(
            f"SELECT {column} FROM {table.name} WHERE {column} IS NOT NULL"
            f" ORDER BY hashint8({key}) LIMIT 1"
        )
        if declared.node is None or value is None:
            return value
        return encode_node_id(declared.node, value)

    async def _searches(self, table: Table) -> list[str]:
        """A rare word, and one that is in many rows."""
        text = await self._connection.fetchval(
            f"SELECT search_text FROM {table.name} ORDER BY hashint8(id) LIMIT 1"
        )
        words = sorted(text.split(), key=len)
        return [words[-1], words[0]]


def _operands(conditions: type, value: Any) -> Iterator[tuple[str, Any]]:
    for item in fields(conditions):
        name = item.name
        if name in {"is_null", "is_empty"}:
            yield from ((name, flag) for flag in (True, False))
        elif name == "case_sensitive" or value is None:
            continue
        elif name in _LISTS:
            yield name, value[:1] if isinstance(value, list) else [value]
        elif name == "between":
            yield name, _RANGES[conditions.__name__](from_=value, to=value)
        else:
            yield name, value[_PLACES[name]] if name in _PLACES else value
