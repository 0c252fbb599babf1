"""Texts that a spreadsheet would calculate, and the `'` before them by which it does not.

The guard loses nothing: what begins with `'` gets one too, so taking one off gives every text back.

Source: OWASP, "CSV Injection"; Unicode 15.1, general categories and Default_Ignorable_Code_Point.
"""

import re
from collections.abc import Iterable
from typing import Final

GUARD: Final = "'"

_DANGEROUS: Final = "=+-@\t\r\n＝＋－＠"
"""What they begin becomes a formula; the full-width ones in East Asian editions."""

_INVISIBLE: Final = (
    (0x0000, 0x0008),  # controls, but for TAB, LF and CR, which are dangerous themselves
    (0x000B, 0x000C),
    (0x000E, 0x0020),
    (0x007F, 0x00A0),
    (0x00AD, 0x00AD),
    (0x034F, 0x034F),
    (0x0600, 0x0605),
    (0x061C, 0x061C),
    (0x06DD, 0x06DD),
    (0x070F, 0x070F),
    (0x0890, 0x0891),
    (0x08E2, 0x08E2),
    (0x115F, 0x1160),
    (0x1680, 0x1680),
    (0x17B4, 0x17B5),
    (0x180B, 0x180F),
    (0x2000, 0x200F),
    (0x2028, 0x202F),
    (0x205F, 0x206F),
    (0x3000, 0x3000),
    (0x3164, 0x3164),
    (0xFE00, 0xFE0F),
    (0xFEFF, 0xFEFF),
    (0xFFA0, 0xFFA0),
    (0xFFF0, 0xFFFB),
    (0x110BD, 0x110BD),
    (0x110CD, 0x110CD),
    (0x13430, 0x1343F),
    (0x1BCA0, 0x1BCA3),
    (0x1D173, 0x1D17A),
    (0xE0000, 0xE0FFF),
)
"""Controls, formats, blanks and what is shown as nothing, the first and last of each range: a
spreadsheet may drop them as it reads."""


def _class(ranges: Iterable[tuple[int, int]]) -> str:
    return "".join(f"{_escaped(first)}-{_escaped(last)}" for first, last in ranges)


def _escaped(code: int) -> str:
    return f"\\U{code:08X}" if code > 0xFFFF else f"\\u{code:04X}"


FORMULA: Final = f"[{_class(_INVISIBLE)}]*[{_class((ord(sign), ord(sign)) for sign in _DANGEROUS)}]"
"""How a text begins that would be calculated, as the patterns of Python and PostgreSQL have it."""

# Most texts begin so, and are told from the others in half the time.
_FORMULA: Final = re.compile(f"(?![0-9A-Za-z]){FORMULA}")
_GUARDED: Final = re.compile(f"{GUARD}(?={GUARD}|{FORMULA})")


def guarded(text: str) -> str:
    """The text as a spreadsheet shows it without calculating."""
    return GUARD + text if text.startswith(GUARD) or _FORMULA.match(text) else text


def unguarded(text: str) -> str:
    """The text that was guarded; one whose `'` guards nothing (`'hello`) stays as it is."""
    return text[1:] if _GUARDED.match(text) else text
