"""What is worked out over a group, in SQL: an operation over the values of a measure."""

from collections.abc import Callable, Mapping
from typing import Any, Final

from sqlalchemy import ColumnElement, Double, Text, cast, distinct, exists, func, literal, not_, or_
from sqlalchemy.dialects.postgresql import ARRAY

from db.sources import Source
from db.tables import contact_phones
from domain.aggregates import Measure, Operation

_Value = Callable[[Source], ColumnElement[Any]]

CONTACT_VALUES: Final[Mapping[str, _Value]] = {
    "email": lambda source: source.rows.c.email_key,
    "linkedin_url": lambda source: source.metadata.c.linkedin_url,
    "phones": lambda source: exists().where(contact_phones.c.contact_id == source.rows.c.id),
    "company": lambda source: source.company.c.id,
    "owner": lambda source: source.rows.c.owner_id,
}
COMPANY_VALUES: Final[Mapping[str, _Value]] = {
    "owner": lambda source: source.rows.c.owner_id,
}
"""The measures that are no column under their own name."""


def measure_label(operation: Operation, name: str) -> str:
    """The name of a measure's value in a row of a group."""
    return f"{operation}_{name}"


def build_measure(
    operation: Operation, measure: Measure, value: ColumnElement[Any]
) -> ColumnElement[Any]:
    """The SQL of an operation over the values of a measure in a group."""
    built = _OPERATIONS[operation](value, _is_empty(measure, value))
    return built.label(measure_label(operation, measure.name))


def _is_empty(measure: Measure, value: ColumnElement[Any]) -> ColumnElement[bool]:
    if measure.type is bool:
        return not_(value)
    if measure.type is list:
        return func.cardinality(value) == 0
    if measure.type is str:
        return or_(value.is_(None), value == "")
    return value.is_(None)


def _percent_empty(_value: ColumnElement[Any], empty: ColumnElement[bool]) -> ColumnElement[float]:
    # Over no rows at all, which only the group of everything can have, there is no share.
    share = 100.0 * func.count().filter(empty) / func.nullif(func.count(), 0)
    return cast(share, Double)


def _distinct_values(value: ColumnElement[Any], empty: ColumnElement[bool]) -> ColumnElement[Any]:
    values = func.array_agg(distinct(value)).filter(not_(empty))
    return func.coalesce(values, literal([], ARRAY(Text)))


_Operation = Callable[[Any, Any], ColumnElement[Any]]

_OPERATIONS: Final[Mapping[Operation, _Operation]] = {
    Operation.COUNT_DISTINCT: lambda value, empty: func.count(distinct(value)).filter(not_(empty)),
    Operation.COUNT_EMPTY: lambda _value, empty: func.count().filter(empty),
    Operation.COUNT_NOT_EMPTY: lambda _value, empty: func.count().filter(not_(empty)),
    Operation.PERCENT_EMPTY: _percent_empty,
    Operation.MIN: lambda value, _empty: func.min(value),
    Operation.MAX: lambda value, _empty: func.max(value),
    Operation.AVG: lambda value, _empty: cast(func.avg(value), Double),
    Operation.SUM: lambda value, _empty: func.sum(value),
    Operation.DISTINCT_VALUES: _distinct_values,
}
