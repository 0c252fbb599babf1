"""What the cells of a file say, as values: numbers, dates, yes and no, names of lists.

Pure functions. An unknown text is an error, never a default: an unknown boolean is not true.
"""

import re
import unicodedata
from collections.abc import Mapping
from decimal import Decimal
from difflib import get_close_matches
from enum import StrEnum
from typing import Final, TypeVar

from domain.enums import EmailStatus, EmailType, PhoneType, Seniority
from domain.errors import InvalidValue, ProblemCode
from domain.imports import NumberLocale
from domain.normalize import MAX_SHOWN_CHARS, required, shown
from domain.scalars import MAX_BIG_INT


class UnclearCell(InvalidValue):
    """The text of a cell is no value of its kind.

    Attributes:
        suggestion: What could be written instead; empty where nobody knows.
        is_ambiguous: It could be several values.
    """

    def __init__(self, message: str, *, suggestion: str = "", is_ambiguous: bool = False) -> None:
        super().__init__(ProblemCode.INVALID_VALUE, message)
        self.suggestion = suggestion
        self.is_ambiguous = is_ambiguous


def _number(gaps: str, point: str = ".,") -> str:
    """A pattern of digits, in groups of three where one of `gaps` stands between them."""
    groups = rf"[1-9]\d{{0,2}}(?:(?P<gap>[{gaps}])\d{{3}})(?:(?P=gap)\d{{3}})*"
    return rf"(?P<whole>{groups}|\d+)(?:[{point}](?P<fraction>\d+))?"


_SCALE: Final = "(?: ?(?P<scale>[KMBkmb]))?"

# `1.234` is the German for 1234, but in `1.234M` the point is a decimal one.
_NUMBERS: Final = {
    None: (
        re.compile(_number(",'’ ") + " ?(?P<scale>[KMBkmb])", re.ASCII),
        re.compile(_number(",.'’ ") + "(?P<scale>)", re.ASCII),
    ),
    NumberLocale.POINT: (re.compile(_number(",'’ ", ".") + _SCALE, re.ASCII),),
    NumberLocale.COMMA: (re.compile(_number(".'’ ", ",") + _SCALE, re.ASCII),),
}
_AMBIGUOUS_NUMBER: Final = re.compile(r"\D?\s?[1-9]\d{0,2}([.,])\d{3}\s?\D?", re.ASCII)

_SCALES: Final = {"k": 10**3, "m": 10**6, "b": 10**9}

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
    "non manager": Seniority.UNKNOWN,
}

_EMAIL_STATUSES = {
    **{member.replace("_", " ").lower(): member for member in EmailStatus},
    "likely to engage": EmailStatus.LIKELY,
    "email no longer verified": EmailStatus.NO_LONGER_VERIFIED,
    "new data available": EmailStatus.UNVERIFIED,
    "accept all": EmailStatus.CATCH_ALL,
    "valid": EmailStatus.VERIFIED,
}

_EMAIL_TYPES = {
    **{member.lower(): member for member in EmailType},
    **dict.fromkeys(("business", "office", "company"), EmailType.WORK),
    **dict.fromkeys(("home", "private"), EmailType.PERSONAL),
}

_PHONE_TYPES = {
    **{member.replace("_", " ").lower(): member for member in PhoneType},
    **dict.fromkeys(("work", "business", "direct", "office"), PhoneType.WORK_DIRECT),
    **dict.fromkeys(("cell", "iphone", "mobile phone"), PhoneType.MOBILE),
    **dict.fromkeys(("work fax", "home fax", "other fax"), PhoneType.FAX),
    **dict.fromkeys(("main", "company main"), PhoneType.COMPANY),
}

_FRACTION = re.compile(r"(\d{1,3}(?:[.,]\d{1,17})?)\s?(%?)", re.ASCII)

_NEAR = 0.75

# What is longer names nothing, however many words it has.
_MOST_KNOWN_CHARS = 200

_TRUE = frozenset({"true", "yes", "1", "y", "t"})

_FALSE = frozenset({"false", "no", "0", "n", "f"})

Member = TypeVar("Member", bound=StrEnum)


def parse_integer(value: str, *, locale: NumberLocale | None = None, scale: int = 1) -> int:
    """The whole number that a cell shows, such as `1,234`, `1 234`, `$1.2M` or `1645.0`.

    Thousands may be grouped by `,` `.` `'` or a blank, a currency sign may stand at either end, and
    K, M and B multiply by a thousand, a million and a thousand millions.

    Args:
        locale: Which sign is the decimal one; None takes `1.234` and `1,234` both for 1234.
        scale: What one stands for, as in a column "in thousands"; a K, M or B goes before it.

    Raises:
        InvalidValue: INVALID_VALUE; no number, not a whole one, or beyond 64 bits.
    """
    text = required(value, code=ProblemCode.INVALID_VALUE, kind="number")
    sign, digits = (-1, text[1:]) if text[0] in "-−" else (1, text)
    digits = _without_currency(digits)
    found = (pattern.fullmatch(digits) for pattern in _NUMBERS[locale])
    match = next((each for each in found if each), None)
    if match is None or len(digits) > MAX_SHOWN_CHARS:
        raise _invalid_number(value)
    whole = re.sub(r"\D", "", match["whole"])
    suffix = match["scale"]
    times = (_SCALES[suffix.lower()] if suffix else scale) * sign
    number = Decimal(f"{whole}.{match['fraction'] or 0}") * times
    if number != int(number) or abs(number) > MAX_BIG_INT:
        raise _invalid_number(value)
    return int(number)


def is_ambiguous_number(value: str) -> bool:
    """Whether the point or comma of a number could be a decimal one or not, as in `1.234`."""
    return bool(_AMBIGUOUS_NUMBER.fullmatch(value.strip()))


def parse_fraction(value: str) -> float:
    """A number from 0 to 1 that a cell shows as `0.93`, `93%` or `93`.

    Raises:
        InvalidValue: INVALID_VALUE; no such number.
    """
    text = required(value, code=ProblemCode.INVALID_VALUE, kind="number")
    match = _FRACTION.fullmatch(text)
    number = float(match[1].replace(",", ".")) if match else -1.0
    if match and (match[2] or number > 1):
        number /= 100
    if 0 <= number <= 1:
        return number
    message = f"{shown(value)} is not a number from 0 to 1, and no percentage."
    raise UnclearCell(message, suggestion="Write it as in 0.93 or 93%.")


def parse_boolean(value: str) -> bool:
    """What true, yes, y, t, 1 and false, no, n, f, 0 mean, in any case.

    Raises:
        InvalidValue: INVALID_VALUE; any other text.
    """
    word = required(value, code=ProblemCode.INVALID_VALUE, kind="yes or no").casefold()
    if word in _TRUE or word in _FALSE:
        return word in _TRUE
    raise UnclearCell(f"{shown(value)} is neither yes nor no.", suggestion="Write yes or no.")


def parse_catch_all(value: str) -> bool:
    """The same for whether a domain takes mail for any name: `Catch-all`, `Not Catch-all`.

    Raises:
        InvalidValue: INVALID_VALUE; any other text.
    """
    words = _words(value)
    if words in {"catch all", "not catch all"}:
        return words == "catch all"
    return parse_boolean(value)


def parse_seniority(value: str) -> Seniority:
    """The seniority that a file calls `C-Suite`, `Vp`, `Vice President` and so on.

    Raises:
        InvalidValue: INVALID_VALUE; an unknown word, or several known ones.
    """
    return _known(value, _SENIORITIES, kind="seniority")


def parse_email_status(value: str) -> EmailStatus:
    """The status that a file calls `Email No Longer Verified`, `Do_not_mail` and so on.

    `New Data Available` says nothing about the address itself and counts as UNVERIFIED.

    Raises:
        InvalidValue: INVALID_VALUE; an unknown word, or several known ones.
    """
    return _known(value, _EMAIL_STATUSES, kind="e-mail status")


def parse_email_type(value: str) -> EmailType:
    """Whose mailbox an address is by its label; address books let people write any word there."""
    return _EMAIL_TYPES.get(_words(value), EmailType.OTHER)


def parse_phone_type(value: str) -> PhoneType:
    """What kind of line a number is by its label; any unknown word is OTHER."""
    return _PHONE_TYPES.get(_words(value), PhoneType.OTHER)


def _without_currency(text: str) -> str:
    if text and unicodedata.category(text[0]) == "Sc":
        text = text[1:]
    elif text and unicodedata.category(text[-1]) == "Sc":
        text = text[:-1]
    return text.strip()


def _invalid_number(value: str) -> InvalidValue:
    message = f"{shown(value)} is not a whole number; write it as in 1234, 1,234 or 1.2M."
    return UnclearCell(message, suggestion="Write its digits only, as in 1234.")


def _words(value: str) -> str:
    return " ".join(re.split(r"[\W_]+", value.casefold())).strip()


def _known(value: str, names: Mapping[str, Member], *, kind: str) -> Member:
    value = required(value, code=ProblemCode.INVALID_VALUE, kind=kind)[:_MOST_KNOWN_CHARS]
    words = _words(value)
    if member := names.get(words):
        return member
    parts = re.split(r"[/,;|&+]|\band\b|\bor\b", value.casefold())
    meant = {names[part] for part in map(_words, parts) if part in names}
    if len(meant) > 1:
        choice = " or ".join(sorted(meant))
        message = f"{shown(value)} could be several kinds of {kind}."
        raise UnclearCell(message, suggestion=f"Write {choice}.", is_ambiguous=True)
    near = get_close_matches(words[:MAX_SHOWN_CHARS], names, n=1, cutoff=_NEAR)
    suggestion = f"Did you mean {names[near[0]]}?" if near else ""
    raise UnclearCell(f"{shown(value)} is not a known {kind}.", suggestion=suggestion)
