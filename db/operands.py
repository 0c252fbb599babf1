"""Texts in the form in which conditions take them: patterns of LIKE, and lists to be lowered.

A condition that follows from another one may stand beside it: it changes no answer, and an index
can serve it where none serves the other. Nothing here depends on the collation of the database;
`lower` is a server's own, and only what every server lowers alike is lowered here.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Final

_FORMS: Final[Mapping[str, str]] = {
    "contains": "%{}%",
    "starts_with": "{}%",
    "ends_with": "%{}",
}
PARTS: Final = frozenset(_FORMS)
"""The operators that compare with a part of a text."""

# What letters beyond ASCII become depends on the collation and on their neighbours (Σ, İ), and so
# it does with I and J in Turkish and Lithuanian. Source: Unicode, SpecialCasing.txt.
_LOWERED_UNLIKE: Final = re.compile(r"[^\x00-\x7f]|[IJ]")


def like_pattern(operator: str, text: str) -> str:
    """The pattern of an operator for a text that stands for itself."""
    return _FORMS[operator].format(_escaped(text))


def lowered_start(text: str) -> str:
    """A pattern that `lower(x)` matches when x starts with the text, capitals told apart."""
    return f"{_escaped(_LOWERED_UNLIKE.split(text, maxsplit=1)[0]).lower()}%"


def found_anywhere(text: str, *, exact: bool) -> str:
    """A pattern whose `lower` matches `lower(… || x || …)` when x holds the text.

    Blanks around the text are left out: they may be lost where x is joined to other texts.

    Args:
        exact: Whether capitals were told apart.
    """
    core = text.strip(" ")
    pieces = _LOWERED_UNLIKE.split(core) if exact else [core]
    return f"%{'%'.join(_escaped(piece) for piece in pieces)}%"


def joined_list(items: Sequence[str]) -> tuple[str, str]:
    """The items as one text, and what `string_to_array` splits it by.

    The first item stands there twice, because an empty text would be an empty list.
    """
    separator = "\x1f\x1e"
    while any(separator in item for item in items):
        separator += "\x1e"
    return separator.join([*items, *items[:1]]), separator


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
