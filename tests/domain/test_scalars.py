"""Promises of `domain.scalars`: what JSON can stand for a value, and what is told otherwise."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta, timezone
from math import inf, nan
from typing import Final
from uuid import UUID

import pytest
from graphql import (
    GraphQLBoolean,
    GraphQLError,
    GraphQLFloat,
    GraphQLID,
    GraphQLInt,
    GraphQLScalarType,
    GraphQLString,
)

from domain.scalars import (
    read_big_int,
    read_boolean,
    read_date,
    read_datetime,
    read_float,
    read_id,
    read_int,
    read_string,
    read_uuid,
    write_datetime,
)

VALUES: Final[tuple[object, ...]] = (
    *(None, True, False, 0, -0.0, 1, 1.0, 1.5, 2**31, 2**31 - 1, -(2**31), -(2**31) - 1, 2.0**31),
    *(2**53, 2**53 + 1, 2**63, 1e19, 1e300, 10**400, 2**1000, inf, -inf, nan),
    *("", "x", "1", "1.5", "true", [], [1], {}, {"a": 1}),
)


def outcome(read: Callable[[object], object], value: object) -> object:
    """The value and its type, or that there is none."""
    try:
        found = read(value)
    except (ValueError, GraphQLError):
        return "refused"
    return type(found), found


def named(value: object) -> str:
    """What a function or value is called in the name of a test, the same in every process."""
    return str(getattr(value, "__name__", value))


@pytest.mark.parametrize(
    ("read", "scalar"),
    [
        (read_string, GraphQLString),
        (read_boolean, GraphQLBoolean),
        (read_int, GraphQLInt),
        (read_float, GraphQLFloat),
        (read_id, GraphQLID),
    ],
    ids=named,
)
def test_values_are_taken_as_graphql_takes_them(
    read: Callable[[object], object], scalar: GraphQLScalarType
) -> None:
    """Whatever comes, it becomes the same value of the same type, or none for both."""
    found = [outcome(read, value) for value in VALUES]

    assert found == [outcome(scalar.coerce_input_value, value) for value in VALUES]
    assert "refused" in found


@pytest.mark.parametrize(
    ("read", "value", "expected"),
    [
        (read_datetime, "2026-01-31T09:30:00", datetime(2026, 1, 31, 9, 30, tzinfo=UTC)),
        (read_datetime, "2026-01-31 09:30Z", datetime(2026, 1, 31, 9, 30, tzinfo=UTC)),
        (read_datetime, "2026-01-31T09:30:00+01:00", datetime(2026, 1, 31, 8, 30, tzinfo=UTC)),
        (read_date, "2026-01-31", date(2026, 1, 31)),
        (
            read_uuid,
            "0B7E2A5C-0000-4000-8000-000000000001",
            UUID("0b7e2a5c000040008000000000000001"),
        ),
        (read_big_int, "9223372036854775807", 2**63 - 1),
        (read_big_int, -(2**63), -(2**63)),
    ],
    ids=named,
)
def test_scalars_are_read_from_their_usual_forms(
    read: Callable[[object], object], value: object, expected: object
) -> None:
    """A point in time without an offset is one in UTC; a large number may be a text."""
    assert read(value) == expected


@pytest.mark.parametrize(
    ("read", "value", "message"),
    [
        (read_datetime, "2026-01-31", 'DateTime cannot represent "2026-01-31"; write it like'),
        (read_datetime, "2026-02-30T00:00:00", "DateTime cannot represent"),
        (read_datetime, "0001-01-01T00:00:00+14:00", "DateTime cannot represent"),
        (read_datetime, "9999-12-31T23:59:59-01:00", "DateTime cannot represent"),
        (read_datetime, 1769850000, "DateTime cannot represent 1769850000; write it like"),
        (read_date, "31.1.2026", "write it like 2026-01-31."),
        (read_date, None, "Date cannot represent null"),
        (read_uuid, "x" * 1000, f'UUID cannot represent "{"x" * 99};'),
        (read_big_int, "9223372036854775808", "BigInt cannot represent"),
        (read_big_int, 2**63, "BigInt cannot represent 9223372036854775808;"),
        (read_big_int, True, "BigInt cannot represent true"),
        (read_big_int, 1.0, "BigInt cannot represent 1.0"),
        (read_big_int, [1], "BigInt cannot represent a list"),
        (read_big_int, {"a": 1}, "BigInt cannot represent an object"),
        (read_big_int, "9" * 5000, "BigInt cannot represent"),
    ],
    ids=named,
)
def test_what_is_no_value_is_told_with_an_example(
    read: Callable[[object], object], value: object, message: str
) -> None:
    """The message names the scalar, shows the value shortened, and how one is written."""
    with pytest.raises(ValueError, match="write it like") as told:
        read(value)

    assert message in str(told.value)
    assert len(str(told.value)) < 200


def test_points_in_time_are_written_in_utc() -> None:
    """Whatever their offset, and exactly."""
    east = timezone(timedelta(hours=5, minutes=30))

    assert write_datetime(datetime(2026, 1, 31, 9, 30, tzinfo=east)) == "2026-01-31T04:00:00Z"
    assert write_datetime(datetime(2026, 1, 31, 9, 30, 0, 1, tzinfo=UTC)) == (
        "2026-01-31T09:30:00.000001Z"
    )
