"""What the cells of a file say, as values: numbers, dates, yes and no, names of lists.

Pure functions. An unknown text is an error, never a default: an unknown boolean is not true.
"""

import re
import unicodedata
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from enum import StrEnum
from typing import TypeVar

from domain.enums import EmailStatus, Seniority
from domain.errors import InvalidValue, ProblemCode
from domain.normalize import MAX_SHOWN_CHARS, required, shown


def _number(gaps: str) -> str:
    """A pattern of digits, in groups of three where one of `gaps` stands between them."""
    groups = rf"[1-9]\d{{0,2}}(?:(?P<gap>[{gaps}])\d{{3}})(?:(?P=gap)\d{{3}})*"
    return rf"(?P<whole>{groups}|\d+)(?:[.,](?P<fraction>\d+))?"


# `1.234` is the German for 1234, but in `1.234M` the point is a decimal one.
_NUMBER = re.compile(_number(",.'’ ") + "(?P<scale>)", re.ASCII)

_SCALED_NUMBER = re.compile(_number(",'’ ") + " ?(?P<scale>[KMBkmb])", re.ASCII)

_SCALES = {"": 1, "k": 10**3, "m": 10**6, "b": 10**9}

MAX_INTEGER = 2**63 - 1

"""The largest value of a `bigint` column."""

# Written in the form of `_words`.
_SENIORITIES = {
    **{member.replace("_", " ").lower(): member for member in Seniority},
    "c level": Seniority.C_SUITE,
    "cxo": Seniority.C_SUITE,
    "co founder": Seniority.FOUNDER,
    "vice president": Seniority.VP,
    "vp level": Seniority.VP,
    "director level": Seniority.DIRECTOR,
    "manager level": Seniority.MANAGER,
    "entry level": Seniority.ENTRY,
}

_EMAIL_STATUSES = {
    **{member.replace("_", " ").lower(): member for member in EmailStatus},
    "likely to engage": EmailStatus.LIKELY,
    "email no longer verified": EmailStatus.NO_LONGER_VERIFIED,
    "new data available": EmailStatus.UNVERIFIED,
    "accept all": EmailStatus.CATCH_ALL,
    "valid": EmailStatus.VERIFIED,
}

_TRUE = frozenset({"true", "yes", "1", "y", "t"})

_FALSE = frozenset({"false", "no", "0", "n", "f"})

Member = TypeVar("Member", bound=StrEnum)


def parse_integer(value: str) -> int:
    """The whole number that a cell shows, such as `1,234`, `1 234`, `$1.2M` or `1645.0`.

    Thousands may be grouped by `,` `.` `'` or a blank, a currency sign may stand at either end, and
    K, M and B multiply by a thousand, a million and a thousand millions.

    Raises:
        InvalidValue: INVALID_VALUE; no number, not a whole one, or beyond 64 bits.
    """
    text = required(value, code=ProblemCode.INVALID_VALUE, kind="number")
    sign, digits = (-1, text[1:]) if text[0] in "-−" else (1, text)
    digits = _without_currency(digits)
    match = _SCALED_NUMBER.fullmatch(digits) or _NUMBER.fullmatch(digits)
    if match is None or len(digits) > MAX_SHOWN_CHARS:
        raise _invalid_number(value)
    whole = re.sub(r"\D", "", match["whole"])
    number = Decimal(f"{whole}.{match['fraction'] or 0}") * _SCALES[match["scale"].lower()] * sign
    if number != int(number) or abs(number) > MAX_INTEGER:
        raise _invalid_number(value)
    return int(number)


def parse_boolean(value: str) -> bool:
    """What true, yes, y, t, 1 and false, no, n, f, 0 mean, in any case.

    Raises:
        InvalidValue: INVALID_VALUE; any other text.
    """
    word = required(value, code=ProblemCode.INVALID_VALUE, kind="yes or no").casefold()
    if word in _TRUE or word in _FALSE:
        return word in _TRUE
    raise InvalidValue(ProblemCode.INVALID_VALUE, f"{shown(value)} is neither yes nor no.")


def parse_datetime(value: str) -> datetime:
    """The moment in UTC; a text without an offset is UTC, a day alone its first moment.

    Raises:
        InvalidValue: INVALID_VALUE; not ISO 8601, or outside the years 1 to 9999.
    """
    text = required(value, code=ProblemCode.INVALID_VALUE, kind="date")
    try:
        moment = datetime.fromisoformat(text)
        return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    except (ValueError, OverflowError) as error:
        raise InvalidValue(
            ProblemCode.INVALID_VALUE,
            f"{shown(value)} is not a date; write it as in 2024-03-12 or 2024-03-12T08:30:00Z.",
        ) from error


def parse_seniority(value: str) -> Seniority:
    """The seniority that a file calls `C-Suite`, `Vp`, `Vice President` and so on.

    Raises:
        InvalidValue: INVALID_VALUE; an unknown word.
    """
    return _known(value, _SENIORITIES, kind="seniority")


def parse_email_status(value: str) -> EmailStatus:
    """The status that a file calls `Email No Longer Verified`, `Do_not_mail` and so on.

    `New Data Available` says nothing about the address itself and counts as UNVERIFIED.

    Raises:
        InvalidValue: INVALID_VALUE; an unknown word.
    """
    return _known(value, _EMAIL_STATUSES, kind="e-mail status")


def _without_currency(text: str) -> str:
    if text and unicodedata.category(text[0]) == "Sc":
        text = text[1:]
    elif text and unicodedata.category(text[-1]) == "Sc":
        text = text[:-1]
    return text.strip()


def _invalid_number(value: str) -> InvalidValue:
    message = f"{shown(value)} is not a whole number; write it as in 1234, 1,234 or 1.2M."
    return InvalidValue(ProblemCode.INVALID_VALUE, message)


def _words(value: str) -> str:
    return " ".join(re.split(r"[\W_]+", value.casefold())).strip()


def _known(value: str, names: Mapping[str, Member], *, kind: str) -> Member:
    member = names.get(_words(required(value, code=ProblemCode.INVALID_VALUE, kind=kind)))
    if member is None:
        raise InvalidValue(ProblemCode.INVALID_VALUE, f"{shown(value)} is not a known {kind}.")
    return member
