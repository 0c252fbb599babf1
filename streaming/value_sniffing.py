"""What the cells of a column are, by their looks alone."""

import re
from collections.abc import Callable, Iterable, Mapping
from enum import StrEnum
from typing import Final

_FEWEST: Final = 2
_SHARE: Final = 0.8
_MOST_CHARS: Final = 300


class Looks(StrEnum):
    """What cells look like, in words for people."""

    EMAIL = "e-mail addresses"
    LINKEDIN_PERSON = "addresses of LinkedIn profiles"
    LINKEDIN_COMPANY = "addresses of companies' LinkedIn pages"
    URL = "web addresses"
    PHONE = "phone numbers"
    DATE = "dates"
    NUMBER = "numbers"
    SALUTATION = "forms of address"


def _pattern(pattern: str) -> Callable[[str], object]:
    return re.compile(pattern, re.IGNORECASE).fullmatch


# The finer before the coarser: the first that fits counts.
_PATTERNS: Final[Mapping[Looks, Callable[[str], object]]] = {
    Looks.EMAIL: _pattern(r"[^\s@]+@[^\s@]+\.[^\s@]+"),
    Looks.LINKEDIN_PERSON: _pattern(r"(?:https?://)?(?:[\w-]+\.)?linkedin\.com/(?:in|pub)/\S+"),
    Looks.LINKEDIN_COMPANY: _pattern(
        r"(?:https?://)?(?:[\w-]+\.)?linkedin\.com/(?:company|school|showcase)/\S+"
    ),
    Looks.URL: _pattern(r"(?:https?://\S+|www\.\S+\.\S+)"),
    Looks.DATE: _pattern(r"\d{4}-\d\d-\d\d.*|\d{1,2}[./-]\d{1,2}[./-]\d{4}.*"),
    # Digits alone may be any number; a phone shows how it is dialled.
    Looks.PHONE: _pattern(r"'?(?:\+|00)\s?\d[\d\s()./-]{5,18}|\(?\d{2,5}[)/ .-][\d\s().-]{4,14}\d"),
    Looks.NUMBER: _pattern(r"[$€£-]?\d[\d.,' ]*\s?[kmb%]?"),
    Looks.SALUTATION: _pattern(r"(?:mr|mrs|ms|miss|mx|dr|prof|sir|herr|frau|mme|m)\.?"),
}


def looks_of(cells: Iterable[str]) -> Looks | None:
    """What at least four of five cells that are not empty look like; two of them must be there."""
    filled = [text[:_MOST_CHARS] for cell in cells if (text := cell.strip())]
    if len(filled) < _FEWEST:
        return None
    for looks, matches in _PATTERNS.items():
        if sum(1 for text in filled if matches(text)) >= _SHARE * len(filled):
            return looks
    return None
