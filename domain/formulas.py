"""Texts that a spreadsheet would calculate, and the `'` before them by which it does not.

The guard loses nothing: what begins with `'` gets one too, so taking one off gives every text back.

Source: OWASP, "CSV Injection".
"""

import re
from typing import Final

GUARD: Final = "'"

DANGEROUS: Final = "=+-@\t\r\n＝＋－＠"
"""Characters that make what they begin a formula, the full-width ones in East Asian editions."""

BLANKS: Final = (
    "\v\f\x1c\x1d\x1e\x1f \x85\u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008"
    "\u2009\u200a\u2028\u2029\u202f\u205f\u3000"
    # Nobody sees these, and a spreadsheet may drop them as it reads.
    "\u180e\u200b\u200c\u200d\u200e\u200f\u2060\ufeff"
)
"""Characters that may stand before a dangerous one; the blanks that are dangerous are not among
them."""

_FORMULA: Final = re.compile(f"[{re.escape(BLANKS)}]*[{re.escape(DANGEROUS)}]")
_GUARDED: Final = re.compile(f"{GUARD}(?={GUARD}|{_FORMULA.pattern})")


def guarded(text: str) -> str:
    """The text as a spreadsheet shows it without calculating."""
    return GUARD + text if text.startswith(GUARD) or _FORMULA.match(text) else text


def unguarded(text: str) -> str:
    """The text that was guarded; one whose `'` guards nothing (`'hello`) stays as it is."""
    return text[1:] if _GUARDED.match(text) else text
