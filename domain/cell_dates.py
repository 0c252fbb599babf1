"""The dates that cells of a file show, whatever their order, as long as they can mean one day only.

Source: ISO 8601; the other forms are those of the exports that people have.
"""

import re
from datetime import UTC, date, datetime, time, timedelta
from typing import Final

from domain.cell_values import UnclearCell
from domain.errors import ProblemCode
from domain.imports import DateOrder
from domain.normalize import required, shown

_MONTHS: Final = {
    name: number
    for number, name in enumerate(
        ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"),
        start=1,
    )
}
_TIME: Final = (
    r"(?:[T,]?\s*(?P<hour>\d{1,2}):(?P<minute>\d{2})(?::(?P<second>\d{2}))?"
    r"\s*(?P<half>[AP]M)?(?:\s*(?:UTC|GMT))?)?"
)
_FLAGS: Final = re.ASCII | re.IGNORECASE
_FIGURES: Final = re.compile(
    r"(?P<first>\d{1,4})(?P<sign>[./-])(?P<middle>\d{1,2})(?P=sign)(?P<last>\d{1,4})" + _TIME,
    _FLAGS,
)
_WORDS: Final = (
    re.compile(
        r"(?P<day>\d{1,2})(?:st|nd|rd|th)?[\s.-]+(?P<month>[a-z]{3,9})[\s.,-]+(?P<year>\d{4})"
        + _TIME,
        _FLAGS,
    ),
    re.compile(
        r"(?P<month>[a-z]{3,9})\.?\s+(?P<day>\d{1,2})(?:st|nd|rd|th)?,?\s+(?P<year>\d{4})" + _TIME,
        _FLAGS,
    ),
)
_NAMES: Final = re.compile(
    "jan(uary)?|feb(ruary)?|mar(ch)?|apr(il)?|may|june?|july?|aug(ust)?|sept?(ember)?|oct(ober)?"
    "|nov(ember)?|dec(ember)?",
    re.IGNORECASE,
)
_SERIAL: Final = re.compile(r"\d{5}(?:\.\d+)?", re.ASCII)
_FIRST_SERIAL: Final = date(1899, 12, 30)
_HINT: Final = "Write it as in 2024-03-12."


def parse_datetime(value: str, *, order: DateOrder | None = None) -> datetime:
    """The moment in UTC; a text without an offset is UTC, a day alone its first moment.

    Read are ISO 8601, `12 Mar 2024`, `Mar 12, 2024`, `12.03.2024`, `2024/03/12` and, where their
    order is told or only one is possible, `03/04/2024`. Months are English.

    Args:
        order: How three numbers are read; None for those that can mean one day only. Between
            points the day comes first.

    Raises:
        InvalidValue: INVALID_VALUE; no date, or one of several days.
    """
    text = required(value, code=ProblemCode.INVALID_VALUE, kind="date")
    try:
        moment = _read(text, order)
        return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    except UnclearCell:
        raise
    except (ValueError, OverflowError) as error:
        message = (
            f"{shown(value)} is not a date; write it as in 2024-03-12 or 2024-03-12T08:30:00Z."
        )
        raise UnclearCell(message, suggestion=_suggested(text)) from error


def parse_date(value: str, *, order: DateOrder | None = None) -> date:
    """The day of the same."""
    return parse_datetime(value, order=order).date()


def _read(text: str, order: DateOrder | None) -> datetime:
    if figures := _FIGURES.fullmatch(text):
        return datetime.combine(_day(figures, text, order), _time_of(figures))
    for pattern in _WORDS:
        words = pattern.fullmatch(text)
        if words and _NAMES.fullmatch(words["month"]):
            month = _MONTHS[words["month"][:3].lower()]
            day = date(int(words["year"]), month, int(words["day"]))
            return datetime.combine(day, _time_of(words))
    return datetime.fromisoformat(text)


def _day(figures: re.Match[str], text: str, order: DateOrder | None) -> date:
    first, middle, last = figures["first"], int(figures["middle"]), figures["last"]
    if len(first) == 4:
        return date(int(first), middle, int(last))
    if len(last) != 4:
        raise UnclearCell(f"{shown(text)} has no year of four digits.", suggestion=_HINT)
    if order is None and figures["sign"] == ".":
        order = DateOrder.DMY
    return _ordered(int(last), (int(first), middle), text, order)


def _ordered(year: int, pair: tuple[int, int], text: str, order: DateOrder | None) -> date:
    """The day of two numbers that are its day and its month in either order."""
    possible = {
        DateOrder.DMY: _possible_date(year, pair[1], pair[0]),
        DateOrder.MDY: _possible_date(year, pair[0], pair[1]),
    }
    days = {day for day in possible.values() if day}
    meant = possible.get(order) if order else next(iter(days)) if len(days) == 1 else None
    if meant:
        return meant
    choice = " or ".join(sorted(day.isoformat() for day in days))
    if order is None and choice:
        message = f"{shown(text)} is one of two days; set dateOrder to DMY or MDY."
        raise UnclearCell(message, suggestion=f"Write {choice}.", is_ambiguous=True)
    message = f"{shown(text)} is no day{f' in the order {order}' if choice else ''}."
    raise UnclearCell(message, suggestion=f"Did you mean {choice}?" if choice else _HINT)


def _possible_date(year: int, month: int, day: int) -> date | None:
    try:
        return date(year, month, day)
    except ValueError:
        return None


def _time_of(match: re.Match[str]) -> time:
    if not match["hour"]:
        return time()
    hour, half = int(match["hour"]), (match["half"] or "").upper()
    if half and not 1 <= hour <= 12:
        raise ValueError("The hour is not one of twelve.")
    hour = hour % 12 + 12 * (half == "PM") if half else hour
    return time(hour, int(match["minute"]), int(match["second"] or 0))


def _suggested(text: str) -> str:
    if _SERIAL.fullmatch(text):
        day = _FIRST_SERIAL + timedelta(days=int(text[:5]))
        return f"A spreadsheet counts days so; did you mean {day.isoformat()}?"
    return _HINT
