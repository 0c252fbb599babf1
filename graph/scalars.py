"""How values that are more than a number or a text look in GraphQL."""

from collections.abc import Callable, Mapping
from datetime import date, datetime
from typing import Any, Final, TypeVar
from uuid import UUID

import orjson
import strawberry
from graphql import GraphQLError
from strawberry.schema.types.scalar import DEFAULT_SCALAR_REGISTRY
from strawberry.types.scalar import ScalarDefinition

from domain.scalars import (
    MAX_BIG_INT,
    MIN_BIG_INT,
    BigInt,
    Json,
    NodeId,
    read_big_int,
    read_date,
    read_datetime,
    read_uuid,
    write_datetime,
)

T = TypeVar("T")


def _reader(read: Callable[[object], T]) -> Callable[[object], T]:
    """What reads a scalar, with the errors of GraphQL."""

    def parse(value: object) -> T:
        try:
            return read(value)
        except ValueError as error:
            raise GraphQLError(str(error)) from None

    return parse


def _read_json(value: object) -> object:
    return value


def _write_json(value: Any) -> object:
    """A column of type jsonb, as its text or already read."""
    return _writable(orjson.loads(value) if isinstance(value, str) else value)


def _writable(value: Any) -> object:
    """The value with numbers that orjson can write.

    PostgreSQL gives 1e30 back as 31 digits; beyond 64 bits it is a float again.
    """
    if isinstance(value, dict):
        return {name: _writable(item) for name, item in value.items()}
    if isinstance(value, list):
        return [_writable(item) for item in value]
    if isinstance(value, int) and not MIN_BIG_INT <= value <= MAX_BIG_INT:
        return float(value)
    return value


SCALARS: Final[Mapping[object, ScalarDefinition]] = {
    NodeId: DEFAULT_SCALAR_REGISTRY[strawberry.ID],
    datetime: strawberry.scalar(
        name="DateTime",
        description="A point in time by RFC 3339; answered in UTC, taken with any offset.",
        specified_by_url="https://www.rfc-editor.org/rfc/rfc3339",
        serialize=write_datetime,
        parse_value=_reader(read_datetime),
    ),
    date: strawberry.scalar(
        name="Date",
        description="A day, such as `2026-01-31`.",
        specified_by_url="https://www.rfc-editor.org/rfc/rfc3339",
        serialize=date.isoformat,
        parse_value=_reader(read_date),
    ),
    UUID: strawberry.scalar(
        name="UUID",
        description="A universally unique identifier, for clients outside GraphQL.",
        specified_by_url="https://www.rfc-editor.org/rfc/rfc9562",
        serialize=str,
        parse_value=_reader(read_uuid),
    ),
    BigInt: strawberry.scalar(
        name="BigInt",
        description="A whole number of up to 64 bits, a sum of any length; answered as a string,"
        " taken as either.",
        serialize=str,
        parse_value=_reader(read_big_int),
    ),
    Json: strawberry.scalar(
        name="JSON",
        description="Any JSON value.",
        specified_by_url="https://www.rfc-editor.org/rfc/rfc8259",
        serialize=_write_json,
        parse_value=_read_json,
    ),
}
