"""Which tables a condition, an order or a group reads beyond the row that it is about.

The one idea: nobody declares it, it is found in the SQL itself. Only what triggers copy from one
table into another cannot be seen there, and stands in `COPIED`.
"""

from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any, Final

from sqlalchemy import Alias, ColumnClause, FromClause, Table
from sqlalchemy.sql.visitors import ExternallyTraversible, iterate

from db.aggregates import Groupable
from db.filter_fields import FIELDS, Declared, FilterField, RelatedCount, Search
from db.filter_flags import Flag
from db.filter_imports import READ, OfImport
from db.relations import Relation
from db.sorting import COMPANY_SORT_KEYS, CONTACT_SORT_KEYS
from db.sources import Source
from db.tables import (
    activities,
    companies,
    contact_emails,
    contact_metadata,
    contact_phones,
    contacts,
)
from domain.filters import (
    ActivityFilter,
    AnyFilter,
    CompanyFilter,
    ContactEmailFilter,
    ContactFilter,
    ContactMetadataFilter,
    ContactPhoneFilter,
)
from domain.paging import CompanyOrderField, ContactOrderField

Tables = frozenset[str]
"""The names of tables."""

NONE: Final[Tables] = frozenset()

COPIED: Final[Mapping[str, Mapping[str, Tables]]] = {
    contacts.name: dict.fromkeys(
        ("company_name", "company_employees_count", "company_annual_revenue", "search_text"),
        frozenset({companies.name}),
    )
}
"""The columns of tables that hold what is in others."""

_FILTERED: Final[Mapping[type[AnyFilter], Table]] = {
    ContactFilter: contacts,
    CompanyFilter: companies,
    ContactMetadataFilter: contact_metadata,
    ContactEmailFilter: contact_emails,
    ContactPhoneFilter: contact_phones,
    ActivityFilter: activities,
}


def reach_of_column(table: str, column: str) -> Tables:
    """The tables that a column has its values from, beside its own."""
    return COPIED.get(table, {}).get(column, NONE)


def reach_of_filter(kind: type[AnyFilter], name: str) -> Tables | None:
    """The tables that a field of a filter reads; None when it holds filters of the same kind.

    Raises:
        KeyError: It is no filter of records.
    """
    table, declared = _FILTERED[kind], FIELDS[kind].get(name)
    return None if declared is None else _reach_of_filter(table, declared)


# Fields of both have the same names, and are equal.
@lru_cache(maxsize=128, typed=True)
def reach_of_order(field: ContactOrderField | CompanyOrderField) -> Tables:
    """The tables that an order reads."""
    is_contacts = isinstance(field, ContactOrderField)
    rows = (contacts if is_contacts else companies).alias()
    keys = CONTACT_SORT_KEYS if is_contacts else COMPANY_SORT_KEYS
    return _read(keys[field].build(rows), rows)


@lru_cache(maxsize=128)
def reach_of_dimension(of: Groupable[Any], dimension: str) -> Tables:
    """The tables that the key of a group is read from."""
    source = Source(of.entity.table.alias())
    value = of.dimensions[dimension].value(source)
    return _read(value, source.rows) | _read(source.joined, source.rows)


@lru_cache(maxsize=128)
def reach_of_measure(of: Groupable[Any], name: str) -> Tables:
    """The tables that a measure is worked out from."""
    source = Source(of.entity.table.alias())
    value = of.value(name, source)
    return _read(value, source.rows) | _read(source.joined, source.rows)


def _reach_of_filter(table: Table, declared: Declared) -> Tables:
    match declared:
        case FilterField():
            columns = {declared.column, declared.folded or declared.column}
            return NONE.union(*(reach_of_column(table.name, column) for column in columns))
        case Relation():
            return frozenset({declared.table.name})
        case RelatedCount():
            return frozenset({declared.relation.table.name})
        case Search():
            return reach_of_column(table.name, "search_text")
        case OfImport():
            return READ
        case Flag():
            return _reach_of_flag(table, declared)


def _reach_of_flag(table: Table, flag: Flag) -> Tables:
    """Of a condition that looks into a table nobody knows whether it looks for its own row only."""
    rows = table.alias()
    read = _read(flag.holds(rows), rows) | _read(flag.fails(rows), rows)
    return read | {table.name} if read else read


def _read(expression: ExternallyTraversible, rows: FromClause) -> Tables:
    """The tables of all columns in an expression over rows, and those that theirs copy."""
    return NONE.union(*_tables(expression, rows))


def _tables(expression: ExternallyTraversible, rows: FromClause) -> Iterator[Tables]:
    for part in iterate(expression):
        if not isinstance(part, ColumnClause):
            continue
        owner = part.table
        table = owner.element if isinstance(owner, Alias) else owner
        if isinstance(table, Table):
            yield reach_of_column(table.name, part.name)
            if owner is not rows:
                yield frozenset({table.name})
