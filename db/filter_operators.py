"""What the operators of filters are in SQL."""

from collections.abc import Callable, Mapping
from typing import Final

from sqlalchemy import ColumnElement, any_, literal_column, not_, true

LISTS: Final = frozenset({"in_", "not_in", "any_of", "all_of", "none_of"})
"""The operators that take a list."""

Operator = Callable[..., ColumnElement[bool]]

OPERATORS: Final[Mapping[str, Operator]] = {
    "eq": lambda column, value: column == value,
    "not_eq": lambda column, value: column.is_distinct_from(value),
    "in_": lambda column, value: column == any_(value),
    "not_in": lambda column, value: (column == any_(value)).is_not(true()),
    "contains": lambda column, value: column.like(value),
    "starts_with": lambda column, value: column.like(value),
    "ends_with": lambda column, value: column.like(value),
    "gt": lambda column, value: column > value,
    "gte": lambda column, value: column >= value,
    "lt": lambda column, value: column < value,
    "lte": lambda column, value: column <= value,
    "between": lambda column, least, greatest: column.between(least, greatest),
    "any_of": lambda column, value: column.overlap(value),
    "all_of": lambda column, value: column.contains(value),
    "none_of": lambda column, value: not_(column.overlap(value)),
}

PRESENCE: Final[Mapping[str, Operator]] = {
    "is_null": lambda column: column.is_(None),
    "is_empty": lambda column: column == literal_column("'{}'::text[]"),
}
