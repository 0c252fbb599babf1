"""Every operator of every filter field alone, with operands that few rows match."""

from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from typing import Any, Final, get_args, get_type_hints

import asyncpg

from db.filter_fields import FIELDS, FilterField, RelatedCount
from db.relations import ACTIVITIES, EMAILS, METADATA, PHONES, Relation
from db.tables import companies, contacts
from domain.conditions import StringFilter
from domain.filters import (
    ActivityFilter,
    AnyFilter,
    CompanyFilter,
    ContactEmailFilter,
    ContactFilter,
    ContactMetadataFilter,
    ContactPhoneFilter,
    Filter,
    ImportErrorFilter,
    JobFilter,
)
from domain.names import spelled
from domain.node_ids import encode_node_id
from tests.db.brute_force import NODES
from tests.db.random_filters import (
    LISTS,
    RANGES,
    condition_fields,
    kind_of,
    operators_of,
    plain_fields,
    relation_fields,
)

_TABLES: Final = {ContactFilter: contacts, CompanyFilter: companies}
_REACHED: Final[dict[type, tuple[str, Relation]]] = {
    ContactMetadataFilter: ("metadata", METADATA),
    ContactEmailFilter: ("emails", EMAILS),
    ContactPhoneFilter: ("phones", PHONES),
    ActivityFilter: ("activities", ACTIVITIES),
}
_FLAGGED: Final = {
    "has_email": (contacts, "email_key"),
    "has_phone": (PHONES.table, "contact_id"),
    "has_linked_in": (METADATA.table, "contact_id"),
    "is_duplicate": (METADATA.table, "linkedin_url"),
}
# Of every hundred rows fewer than one hold a rare value.
_RARE: Final = 0.01
_NOWHERE: Final = "Nowhere to be found"
_SOME_DAY: Final = datetime(2020, 2, 29, tzinfo=UTC)
_CUTS: Final = {"contains": slice(1, -1), "starts_with": slice(0, -1), "ends_with": slice(1, None)}


@dataclass(frozen=True)
class Probe:
    """One condition, and where an index would have to be used for it.

    Attributes:
        name: As in `ContactFilter.title.startsWith`, or `… caseSensitive` when capitals are told.
        columns: An index condition on any of these columns of the table serves it.
    """

    name: str
    filter_: Filter
    table: str
    columns: frozenset[str]


async def probes(connection: asyncpg.Connection) -> AsyncIterator[Probe]:
    """Those on records and what belongs to them, with operands from the rows of a database."""
    for kind in (kind for kind in FIELDS if kind not in {ImportErrorFilter, JobFilter}):
        for name in condition_fields(kind):
            values = await _values(connection, kind, name)
            for how, conditions in _conditions(kind, name, values):
                yield _probe(kind, name, f"{kind.__name__}.{spelled(name)}.{how}", conditions)
        for name in plain_fields(kind):
            for value in (True, False) if kind_of(kind, name) is bool else ("Quin Rossi",):
                yield _probe(kind, name, f"{kind.__name__}.{spelled(name)} {value}", value)
        for name in relation_fields(kind):
            yield _probe(kind, name, f"{kind.__name__}.{spelled(name)}", kind_of(kind, name)())


def _probe(kind: type[AnyFilter], name: str, title: str, value: Any) -> Probe:
    filter_: Any = kind(**{name: value})
    declared = FIELDS[kind][name]
    if kind in _REACHED:
        reached, relation = _REACHED[kind]
        filter_ = ContactFilter(**{reached: filter_})
        return Probe(title, filter_, relation.table.name, _columns(declared))
    if isinstance(declared, RelatedCount | Relation):
        relation = declared.relation if isinstance(declared, RelatedCount) else declared
        return Probe(title, filter_, relation.table.name, frozenset({relation.key}))
    if name in _FLAGGED:
        table, column = _FLAGGED[name]
        return Probe(title, filter_, table.name, frozenset({column}))
    return Probe(title, filter_, _TABLES[kind].name, _columns(declared))


def _columns(declared: object) -> frozenset[str]:
    if not isinstance(declared, FilterField):
        return frozenset({"search_text"})
    searched = {"search_text"} if declared.searched else set()
    return frozenset({declared.column, declared.folded or declared.column} | searched)


@dataclass(frozen=True)
class _Values:
    """What is known of a column: a value that few rows or none hold, and the ends of the others."""

    rare: Any
    least: Any
    greatest: Any


async def _values(connection: asyncpg.Connection, kind: type[AnyFilter], name: str) -> _Values:
    taken = kind_of(kind, name)
    source = _source(kind, name)
    rarest = await connection.fetchrow(
        f"SELECT value, count(*) < {_RARE} * (SELECT count(*) FROM {source}) AS is_rare"
        f" FROM {source} WHERE value IS NOT NULL GROUP BY value ORDER BY count(*), value LIMIT 1"
    )
    if taken.__name__ in {"BooleanFilter", "UUIDFilter"}:
        value = rarest["value"] if rarest else True
        return _Values(value, value, value)
    ends = await connection.fetchrow(f"SELECT min(value), max(value) FROM {source}")
    least, greatest = ends or (None, None)
    rare = rarest["value"] if rarest and rarest["is_rare"] else None
    if rare is None:
        stored = await connection.fetch(f"SELECT DISTINCT value FROM {source}")
        rare = _missing(taken, {row["value"] for row in stored}, greatest)
    return _Values(rare, rare if least is None else least, rare if greatest is None else greatest)


def _source(kind: type[AnyFilter], name: str) -> str:
    declared = FIELDS[kind][name]
    if isinstance(declared, RelatedCount):
        table, key = declared.relation.table.name, declared.relation.key
        return f"(SELECT count(*)::int AS value FROM {table} GROUP BY {key}) AS counts"
    assert isinstance(declared, FilterField)
    stored = _REACHED[kind][1].table if kind in _REACHED else _TABLES[kind]
    column = declared.column
    value = f"unnest({column})" if kind_of(kind, name).__name__ == "StringListFilter" else column
    return f"(SELECT {value} AS value FROM {stored.name}) AS stored"


def _missing(taken: type, stored: set[Any], greatest: Any) -> Any:
    """A value of the column's kind that no row holds; of a full enum one that some do."""
    if taken.__name__ in {"StringFilter", "StringListFilter"}:
        return _NOWHERE
    if taken.__name__ == "IDFilter":
        return 2**62
    operand = get_args(get_type_hints(taken)["eq"])[0]
    if issubclass(operand, StrEnum):
        return next((member for member in operand if member not in stored), max(operand))
    if taken.__name__ == "DateTimeFilter":
        return _SOME_DAY if greatest is None else greatest + timedelta(days=1)
    return 0 if greatest is None else greatest + 1


def _conditions(kind: type[AnyFilter], name: str, values: _Values) -> Iterator[tuple[str, Any]]:
    taken = kind_of(kind, name)
    for operator in operators_of(taken):
        operand = _operand(kind, name, operator, values)
        yield spelled(operator), taken(**{operator: operand})
        if taken is StringFilter:
            told = taken(**{operator: operand}, case_sensitive=True)
            yield f"{spelled(operator)} caseSensitive", told


def _operand(kind: type[AnyFilter], name: str, operator: str, values: _Values) -> Any:
    if operator in {"is_null", "is_empty"}:
        return True
    if operator in _CUTS:
        return values.rare[_CUTS[operator]]
    if operator in _ENDS:
        return _ENDS[operator](values)
    if operator == "between":
        past = _past(values)
        return RANGES[kind_of(kind, name).__name__](from_=past, to=past)
    node = NODES.get((kind, name))
    value = values.rare if node is None else encode_node_id(node, values.rare)
    return [value] if operator in LISTS else value


def _step(values: _Values) -> Any:
    return timedelta(days=1) if isinstance(values.greatest, date) else 1


def _past(values: _Values) -> Any:
    return values.greatest + _step(values)


_ENDS: Final[dict[str, Callable[[_Values], Any]]] = {
    "gt": lambda values: values.greatest,
    "gte": _past,
    "lt": lambda values: values.least,
    "lte": lambda values: values.least - _step(values),
}
