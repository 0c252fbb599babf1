"""Promises of `domain.cell_dates`: a day is read in any usual form, and never guessed."""

from contextlib import suppress
from datetime import UTC, date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.cell_dates import parse_date, parse_datetime
from domain.cell_values import UnclearCell
from domain.errors import InvalidValue
from domain.imports import DateOrder

ANY_DAY = st.dates(min_value=date(1000, 1, 1), max_value=date(9999, 12, 30))


@pytest.mark.parametrize(
    ("value", "moment"),
    [
        ("2024-03-12", datetime(2024, 3, 12, tzinfo=UTC)),
        ("1997-08-29 07:35:16.555707", datetime(1997, 8, 29, 7, 35, 16, 555707, tzinfo=UTC)),
        ("2024-03-12T08:30:00+02:00", datetime(2024, 3, 12, 6, 30, tzinfo=UTC)),
        ("2024-03-12T08:30:00Z", datetime(2024, 3, 12, 8, 30, tzinfo=UTC)),
        ("2024-03-12 08:30 UTC", datetime(2024, 3, 12, 8, 30, tzinfo=UTC)),
        ("12 Mar 2024", datetime(2024, 3, 12, tzinfo=UTC)),
        ("12-Mar-2024", datetime(2024, 3, 12, tzinfo=UTC)),
        ("March 12th, 2024 8:30 PM", datetime(2024, 3, 12, 20, 30, tzinfo=UTC)),
        ("12.03.2024 08:30", datetime(2024, 3, 12, 8, 30, tzinfo=UTC)),
        ("2024/3/12", datetime(2024, 3, 12, tzinfo=UTC)),
        ("25/03/2024", datetime(2024, 3, 25, tzinfo=UTC)),
        ("3/25/2024 12:00 AM", datetime(2024, 3, 25, tzinfo=UTC)),
        ("04/04/2024", datetime(2024, 4, 4, tzinfo=UTC)),
    ],
)
def test_a_moment_is_read_in_any_usual_form(value: str, moment: datetime) -> None:
    """Every moment carries the zone UTC."""
    parsed = parse_datetime(value)
    assert (parsed, parsed.tzinfo) == (moment, UTC)


@pytest.mark.parametrize(
    ("value", "suggestion"),
    [
        ("", ""),
        ("yesterday", "2024-03-12"),
        ("2024-02-30", "2024-03-12"),
        ("0001-01-01T00:00+14:00", "2024-03-12"),
        ("03/04/2024", "Write 2024-03-04 or 2024-04-03."),
        ("03/04/24", "2024-03-12"),
        ("31.04.2024", "2024-03-12"),
        ("45363", "did you mean 2024-03-12?"),
        ("12 Marc 2024", "2024-03-12"),
        ("3/25/2024 13:00 PM", "2024-03-12"),
        ("12/12/12/2024", "2024-03-12"),
    ],
)
def test_what_could_be_another_day_is_not_guessed(value: str, suggestion: str) -> None:
    """It is refused, with what could be written instead."""
    with pytest.raises(InvalidValue) as caught:
        parse_datetime(value)
    assert suggestion in getattr(caught.value, "suggestion", "")


@pytest.mark.parametrize(
    ("order", "day"), [(DateOrder.DMY, date(2024, 4, 3)), (DateOrder.MDY, date(2024, 3, 4))]
)
def test_the_order_decides_between_two_days(order: DateOrder, day: date) -> None:
    """What is ambiguous by itself is read as the file is said to be written."""
    assert parse_date("03/04/2024", order=order) == day


def test_an_order_that_cannot_be_is_told() -> None:
    """A file that is said to be in one order and is not is not read in the other by stealth."""
    with pytest.raises(UnclearCell, match="in the order MDY") as caught:
        parse_date("25/03/2024", order=DateOrder.MDY)
    assert caught.value.suggestion == "Did you mean 2024-03-25?"


@given(day=ANY_DAY)
def test_every_day_is_read_in_the_order_that_is_told(day: date) -> None:
    """No day of the calendar is out of reach in any order."""
    assert parse_date(f"{day:%d/%m/%Y}", order=DateOrder.DMY) == day
    assert parse_date(f"{day:%m/%d/%Y}", order=DateOrder.MDY) == day
    assert parse_date(f"{day:%Y/%m/%d}", order=DateOrder.YMD) == day
    assert parse_date(day.isoformat()) == day


@given(text=st.text(max_size=30))
def test_any_text_is_a_date_or_refused(text: str) -> None:
    """Nothing else is ever raised."""
    with suppress(InvalidValue):
        assert parse_datetime(text).tzinfo is UTC
