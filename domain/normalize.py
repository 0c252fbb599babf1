"""Texts, lists and codes in the one form in which they are stored, compared and looked up.

Pure functions: no database, no network, no settings. Mutations and imports use the same ones, and
each is idempotent: a stored value that is written again does not change. A function that cannot
bring a value into its form raises `InvalidValue`; it never guesses and never returns half a value.
"""

import re
import unicodedata
from collections.abc import Callable, Iterable, Sequence
from functools import wraps
from typing import Protocol, overload

from domain.errors import InvalidValue, ProblemCode

PLACEHOLDER_VALUE = "_"

"""Written by an import where the source has no value; stored as NULL."""

MAX_SHOWN_CHARS = 100
MAX_COMBINING_MARKS = 30

# Compared exactly, capitals included: `NULL` is an empty cell but `Null` is a family name, and
# `None`, `Na` and `Nan` are names too. `NA` is the country Namibia, so it stays as well.
_PLACEHOLDERS = frozenset(
    {PLACEHOLDER_VALUE, "-", "--", "---", "–", "—", ".", "..", "...", "…", "?"}
    | {"N/A", "n/a", "N.A.", "n.a.", "null", "NULL", "(null)", "<null>", "\\N", "NaN"}
    | {"(blank)", "#N/A", "#NAME?", "#NULL!", "#REF!", "#VALUE!", "#DIV/0!"}
)

# The zero width joiners U+200C and U+200D are missing on purpose: Persian and emoji need them.
_INVISIBLE = dict.fromkeys(
    [
        *(code for code in range(0x20) if chr(code) not in "\t\n\v\f\r"),
        *(code for code in range(0x7F, 0xA0) if code != 0x85),
        *(0x00AD, 0x200B, 0x200E, 0x200F, *range(0x202A, 0x202F), 0x2060, *range(0x2066, 0x206A)),
        0xFEFF,
    ]
)

_LINE_BREAK = re.compile("\r\n?|[\v\f\x85\u2028\u2029]")

_SEPARATOR = re.compile(r":::|[;,|\n]")


class _NullableRule(Protocol):
    @overload
    def __call__(self, value: None, /) -> None: ...
    @overload
    def __call__(self, value: str, /) -> str: ...


def null_stays_null(rule: Callable[[str], str]) -> _NullableRule:
    """The rule for a value that may also be null: null is the wish to clear a field."""

    @overload
    def nullable(value: None, /) -> None: ...
    @overload
    def nullable(value: str, /) -> str: ...
    @wraps(rule)
    def nullable(value: str | None, /) -> str | None:
        return None if value is None else rule(value)

    return nullable


def normalize_text(value: str | None) -> str | None:
    """One line in NFC with single blanks, or None when it says nothing.

    Invisible characters (controls, zero width spaces, text direction marks) are removed. What says
    nothing is blank or one of the usual placeholders (`_`, `-`, `N/A`, `null`, `#N/A`), compared
    exactly: somebody's family name is `Null`, and `None`, `Na` and `NA` are kept too.

    Raises:
        InvalidValue: It holds a NUL or half a surrogate pair, which PostgreSQL cannot store.
    """
    if value is None:
        return None
    if value.isascii() and value.isprintable():
        text = value.strip()
        if "  " in text:
            text = " ".join(text.split())
    else:
        text = " ".join(visible(value).split())
    return None if not text or text in _PLACEHOLDERS else text


def normalize_paragraphs(value: str | None) -> str | None:
    """The same as `normalize_text` for text of several lines, whose breaks become line feeds.

    Blanks within a line and at its start stay; several empty lines become one.

    Raises:
        InvalidValue: It holds a NUL or half a surrogate pair.
    """
    if value is None:
        return None
    lines = _LINE_BREAK.sub("\n", visible(value)).split("\n")
    text = re.sub(r"\n{3,}", "\n\n", "\n".join(line.rstrip() for line in lines)).strip()
    return None if not text or text in _PLACEHOLDERS else text


def normalize_sequence(value: str | Sequence[str] | None) -> list[str]:
    """The items as clean lines, the first of equal ones, in their order; None gives none.

    Items that differ only in capitals are equal; the first spelling stays.

    Args:
        value: A text is split at `;` `,` `|` `:::` and line breaks; the items of a list are whole.

    Raises:
        InvalidValue: An item holds a NUL or half a surrogate pair.
    """
    if value is None:
        return []
    items: Iterable[str] = _SEPARATOR.split(value) if isinstance(value, str) else value
    unique: dict[str, str] = {}
    for item in items:
        if text := normalize_text(item):
            unique.setdefault(text.casefold(), text)
    return list(unique.values())


def coalesce_text(*values: str | None) -> str | None:
    """The first of the values that says something, as `normalize_text` gives it."""
    return next((text for value in values if (text := normalize_text(value))), None)


@null_stays_null
def normalize_country_code(value: str) -> str:
    """Two capital letters; the `UK` that many write becomes `GB`.

    Raises:
        InvalidValue: INVALID_VALUE; it is not two letters of the alphabet.
    """
    code = _letters(value, 2, kind="country code, as in DE")
    return "GB" if code == "UK" else code


@null_stays_null
def normalize_currency_code(value: str) -> str:
    """Three capital letters.

    Raises:
        InvalidValue: INVALID_VALUE; it is not three letters of the alphabet.
    """
    return _letters(value, 3, kind="currency code, as in EUR")


def visible(value: str, *, code: ProblemCode = ProblemCode.INVALID_VALUE) -> str:
    """The text in NFC without the characters that nobody sees.

    Raises:
        InvalidValue: It holds a NUL or half a surrogate pair, which no database stores.
    """
    if "\0" in value:
        raise InvalidValue(code, f"{shown(value)} holds a NUL character; remove it.")
    _refuse_long_marks(value, code)
    try:
        value.encode()
    except UnicodeEncodeError as error:
        raise InvalidValue(code, f"{shown(value)} holds half a surrogate pair.") from error
    return unicodedata.normalize("NFC", value.translate(_INVISIBLE))


def _refuse_long_marks(value: str, code: ProblemCode) -> None:
    """NFC sorts a run of combining marks in quadratic time; no language has runs like these.

    Source: Unicode Standard Annex 15, "Stream-Safe Text Format".
    """
    if value.isascii():
        return
    run = 0
    for character in value:
        run = run + 1 if unicodedata.combining(character) else 0
        if run > MAX_COMBINING_MARKS:
            raise InvalidValue(
                code, f"More than {MAX_COMBINING_MARKS} combining marks follow each other."
            )


def required(value: str, *, code: ProblemCode, kind: str) -> str:
    """One visible line of at least one character."""
    text = " ".join(visible(value, code=code).split())
    if not text:
        raise InvalidValue(code, f"The {kind} is empty; leave it out or give null.")
    return text


def shown(value: str) -> str:
    """The value in quotes with controls escaped, cut so that a message stays readable."""
    return repr(value if len(value) <= MAX_SHOWN_CHARS else value[: MAX_SHOWN_CHARS - 1] + "…")


def _letters(value: str, count: int, *, kind: str) -> str:
    text = required(value, code=ProblemCode.INVALID_VALUE, kind=kind)
    if len(text) != count or not (text.isascii() and text.isalpha()):
        raise InvalidValue(ProblemCode.INVALID_VALUE, f"{shown(value)} is not a {kind}.")
    return text.upper()
