"""Patterns over the names of cached values, as Redis has them."""

import re
from collections.abc import Callable
from typing import Final

_MEMBER: Final = r"\\.|[^\]]-.|[^\]]"
_TOKEN: Final = re.compile(
    rf"(?P<stars>\*+)|(?P<any>\?)|\[(?P<not>\^?)(?P<members>(?:{_MEMBER})*+)\]?|\\?(?P<literal>.)",
    re.DOTALL,
)


def matcher(pattern: str) -> Callable[[str], bool]:
    r"""Tells whether a text matches: `*`, `?`, `[a-z]`, `[^a-z]`, a backslash before a literal."""
    first, *others = _between_stars(pattern)
    last = f".*{others.pop()}" if others else ""
    # What follows a star is taken where it first fits; trying further places finds nothing more.
    expression = re.compile(first + "".join(f"(?>.*?{part})" for part in others) + last, re.DOTALL)
    return lambda text: expression.fullmatch(text) is not None


def _between_stars(pattern: str) -> list[str]:
    """Regular expressions for the parts of a pattern."""
    parts = [""]
    for token in _TOKEN.finditer(pattern):
        if token["stars"]:
            parts.append("")
        elif token["any"]:
            parts[-1] += "."
        elif token["literal"] is not None:
            parts[-1] += re.escape(token["literal"])
        else:
            parts[-1] += _one_of(token["members"], is_not=bool(token["not"]))
    return parts


def _one_of(members: str, *, is_not: bool) -> str:
    ranges = [_range(member) for member in re.findall(_MEMBER, members, re.DOTALL)]
    if not ranges:
        return "." if is_not else "(?!)"
    return f"[{'^' * is_not}{''.join(ranges)}]"


def _range(member: str) -> str:
    if member[0] == "\\" and len(member) == 2:
        return re.escape(member[1])
    return "-".join(map(re.escape, sorted({member[0], member[-1]})))
