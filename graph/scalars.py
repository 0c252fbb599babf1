"""How values that are more than a number or a text look in GraphQL."""

import json
from collections.abc import Mapping
from datetime import UTC, date, datetime
from typing import Any, Final
from uuid import UUID

import orjson
import strawberry
from graphql import GraphQLError
from strawberry.schema.types.scalar import DEFAULT_SCALAR_REGISTRY
from strawberry.types.scalar import ScalarDefinition

from domain.scalars import BigInt, Json, NodeId

_MIN_BIG_INT: Final = -(2**63)
_MAX_BIG_INT: Final = 2**63 - 1
_SHOWN_CHARS: Final = 100


def _write_datetime(value: datetime) -> str:
    return value.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _read_datetime(value: object) -> datetime:
    if isinstance(value, str):
        try:
            parsed = datetime.fromisoformat(value)
        except ValueError:
            parsed = None
        if parsed is not None and len(value) > len("2026-01-01"):
            return parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)
    raise _refused("DateTime", value, "2026-01-31T09:30:00Z")


def _read_date(value: object) -> date:
    if isinstance(value, str):
        try:
            return date.fromisoformat(value)
        except ValueError:
            pass
    raise _refused("Date", value, "2026-01-31")


def _read_uuid(value: object) -> UUID:
    if isinstance(value, str):
        try:
            return UUID(value)
        except ValueError:
            pass
    raise _refused("UUID", value, "0b7e…-…")


def _read_big_int(value: object) -> int:
    if isinstance(value, str) and len(value) <= len(str(_MIN_BIG_INT)):
        try:
            value = int(value)
        except ValueError:
            raise _refused("BigInt", value, '"12345678901"') from None
    is_number = isinstance(value, int) and not isinstance(value, bool)
    if isinstance(value, int) and is_number and _MIN_BIG_INT <= value <= _MAX_BIG_INT:
        return value
    raise _refused("BigInt", value, '"12345678901"')


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
    if isinstance(value, int) and not _MIN_BIG_INT <= value <= _MAX_BIG_INT:
        return float(value)
    return value


def _refused(scalar: str, value: object, example: str) -> GraphQLError:
    shown = json.dumps(value, default=str, ensure_ascii=False)[:_SHOWN_CHARS]
    return GraphQLError(f"{scalar} cannot represent {shown}; write it like {example}.")


SCALARS: Final[Mapping[object, ScalarDefinition]] = {
    NodeId: DEFAULT_SCALAR_REGISTRY[strawberry.ID],
    datetime: strawberry.scalar(
        name="DateTime",
        description="A point in time by RFC 3339; answered in UTC, taken with any offset.",
        specified_by_url="https://www.rfc-editor.org/rfc/rfc3339",
        serialize=_write_datetime,
        parse_value=_read_datetime,
    ),
    date: strawberry.scalar(
        name="Date",
        description="A day, such as `2026-01-31`.",
        specified_by_url="https://www.rfc-editor.org/rfc/rfc3339",
        serialize=date.isoformat,
        parse_value=_read_date,
    ),
    UUID: strawberry.scalar(
        name="UUID",
        description="A universally unique identifier, for clients outside GraphQL.",
        specified_by_url="https://www.rfc-editor.org/rfc/rfc9562",
        serialize=str,
        parse_value=_read_uuid,
    ),
    BigInt: strawberry.scalar(
        name="BigInt",
        description="A whole number of up to 64 bits, a sum of any length; answered as a string,"
        " taken as either.",
        serialize=str,
        parse_value=_read_big_int,
    ),
    Json: strawberry.scalar(
        name="JSON",
        description="Any JSON value.",
        specified_by_url="https://www.rfc-editor.org/rfc/rfc8259",
        serialize=_write_json,
        parse_value=_read_json,
    ),
}
