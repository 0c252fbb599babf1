"""Values that are more than their Python type says, and how they are read from JSON.

The doors give them their names and words; what is taken for a value is told here alone.
"""

import json
import sys
from datetime import UTC, date, datetime
from typing import Final, NewType, TypeGuard
from uuid import UUID

NodeId = NewType("NodeId", str)
"""The opaque id of a contact, company or other node, as `domain.node_ids` writes it."""

BigInt = NewType("BigInt", int)
"""A whole number of up to 64 bits; JSON readers get it as a string, so that none is rounded."""

Json = NewType("Json", object)
"""Any JSON value."""

_MIN_INT: Final = -(2**31)
MAX_INT: Final = 2**31 - 1
MIN_BIG_INT: Final = -(2**63)
MAX_BIG_INT: Final = 2**63 - 1

_SHOWN_CHARS: Final = 100


def read_datetime(value: object) -> datetime:
    """A point in time by RFC 3339; in UTC when it names no offset.

    Raises:
        ValueError: It is none, or is none in UTC.
    """
    if isinstance(value, str) and len(value) > len("2026-01-01"):
        try:
            parsed = datetime.fromisoformat(value)
            moment = parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)
            moment.astimezone(UTC)
        except (ValueError, OverflowError):
            pass
        else:
            return moment
    raise unrepresentable("DateTime", value, example="2026-01-31T09:30:00Z")


def write_datetime(value: datetime) -> str:
    """A point in time in UTC, as in 2026-01-31T09:30:00Z."""
    return value.astimezone(UTC).isoformat().replace("+00:00", "Z")


def read_date(value: object) -> date:
    """A day.

    Raises:
        ValueError: It is none.
    """
    if isinstance(value, str):
        try:
            return date.fromisoformat(value)
        except ValueError:
            pass
    raise unrepresentable("Date", value, example="2026-01-31")


def read_uuid(value: object) -> UUID:
    """A UUID.

    Raises:
        ValueError: It is none.
    """
    if isinstance(value, str):
        try:
            return UUID(value)
        except ValueError:
            pass
    raise unrepresentable("UUID", value, example="0b7e…-…")


def read_big_int(value: object) -> BigInt:
    """A whole number of up to 64 bits, as a number or as a text.

    Raises:
        ValueError: It is none.
    """
    number = _number(value) if isinstance(value, str) else value
    if _is_number(number) and isinstance(number, int) and MIN_BIG_INT <= number <= MAX_BIG_INT:
        return BigInt(number)
    raise unrepresentable("BigInt", value, example='"12345678901"')


def _number(text: str) -> int | None:
    try:
        return int(text) if len(text) <= len(str(MIN_BIG_INT)) else None
    except ValueError:
        return None


def read_string(value: object) -> str:
    """A text.

    Raises:
        ValueError: It is none.
    """
    if isinstance(value, str):
        return value
    raise unrepresentable("String", value, example='"text"')


def read_boolean(value: object) -> bool:
    """Yes or no.

    Raises:
        ValueError: It is neither.
    """
    if isinstance(value, bool):
        return value
    raise unrepresentable("Boolean", value, example="true")


def read_int(value: object) -> int:
    """A whole number of 32 bits, which may be written with a fraction of zero.

    Raises:
        ValueError: It is none.

    Source: the specification of GraphQL, 3.5.1.
    """
    if _is_number(value) and _is_whole(value) and _MIN_INT <= value <= MAX_INT:
        return int(value)
    raise unrepresentable("Int", value, example="42")


def read_float(value: object) -> float:
    """A number; a whole one only if it loses nothing by becoming one.

    Raises:
        ValueError: It is none.

    Source: the specification of GraphQL, 3.5.2.
    """
    if _is_number(value) and abs(value) <= sys.float_info.max and float(value) == value:
        return float(value)
    raise unrepresentable("Float", value, example="0.5")


def read_id(value: object) -> NodeId:
    """An id, as a text or as a whole number.

    Raises:
        ValueError: It is none.

    Source: the specification of GraphQL, 3.5.5.
    """
    if isinstance(value, str):
        return NodeId(value)
    if _is_number(value) and _is_whole(value):
        return NodeId(str(int(value)))
    raise unrepresentable("ID", value, example='"AQEB"')


def _is_number(value: object) -> TypeGuard[int | float]:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_whole(number: float) -> bool:
    return isinstance(number, int) or number.is_integer()


def unrepresentable(scalar: str, value: object, *, example: str) -> ValueError:
    """What is wrong with a value that is none of a scalar."""
    return ValueError(f"{scalar} cannot represent {_shown(value)}; write it like {example}.")


def _shown(value: object) -> str:
    """A value as JSON; of one that holds others only what it is."""
    if isinstance(value, list | dict):
        return "a list" if isinstance(value, list) else "an object"
    return json.dumps(value, default=str, ensure_ascii=False)[:_SHOWN_CHARS]
