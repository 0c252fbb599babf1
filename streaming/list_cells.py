"""Cells that hold several values: what stands between them, and how our exports escape it.

A cell may hold tens of thousands. Each function gives the first `most` of them, and what is behind
these as one item more.
"""

import re
from typing import Final

from domain.records import MAX_EMAILS, MAX_LIST_ITEMS, MAX_PHONES

_ESCAPED: Final = re.compile(r"\\([;\\])")
_ITEM: Final = re.compile(r"((?:\\.|[^;\\]|\\$)*)(;|$)", re.DOTALL)
_BETWEEN_ADDRESSES: Final = re.compile(r":::|[;,|\s]+")
_BETWEEN_NUMBERS: Final = re.compile(r":::|[;\n,]|\s/\s")
_LINE_BREAK: Final = re.compile("\r\n|[\r\n]")
_GOOGLE: Final = ":::"
_GOOGLES_OWN: Final = "* "
_PHONE_DIGITS: Final = 5


def split_escaped(cell: str, most: int = MAX_LIST_ITEMS) -> list[str]:
    r"""The items of a cell that our exports wrote, empty ones too: `a\;b;c` is `a;b` and `c`."""
    if "\\" not in cell:
        return cell.split(";", most)
    items: list[str] = []
    for found in _ITEM.finditer(cell):
        if len(items) == most:
            return [*items, cell[found.start() :]]
        items.append(_ESCAPED.sub(r"\1", found[1]))
        if not found[2]:
            break
    return items


def split_list(cell: str, most: int = MAX_LIST_ITEMS, *, comma_is_text: bool = False) -> list[str]:
    r"""The items of a cell that anybody wrote.

    The strongest sign in it separates them: ` ::: `, a line break, `;` (not `\;`), `|`, `,`.
    """
    if _GOOGLE in cell:
        items = cell.split(_GOOGLE, most)
        return [item for item in items if not item.lstrip().startswith(_GOOGLES_OWN)]
    if "\n" in cell or "\r" in cell:
        return _LINE_BREAK.split(cell, most)
    if ";" in cell:
        return split_escaped(cell, most)
    if "|" in cell:
        return cell.split("|", most)
    return [cell] if comma_is_text else cell.split(",", most)


def split_addresses(cell: str, most: int = MAX_EMAILS) -> list[str]:
    """The e-mail addresses of a cell; what is one, if a strange one, stays whole."""
    if cell.count("@") < 2:
        return [cell]
    items = _pieces(_BETWEEN_ADDRESSES, cell, most)
    return items if all("@" in item for item in items) else [cell]


def split_numbers(cell: str, most: int = MAX_PHONES) -> list[str]:
    """The phone numbers of a cell; an extension stays with its number."""
    if not any(sign in cell for sign in (_GOOGLE, ";", "\n", ",", "/")):
        return [cell]
    items = _pieces(_BETWEEN_NUMBERS, cell, most)
    are_numbers = all(sum(map(str.isdigit, item)) >= _PHONE_DIGITS for item in items)
    return items if are_numbers else [cell]


def first_of(cell: str) -> str:
    """The first of several values of a field that takes one."""
    return cell.partition(_GOOGLE)[0].strip() if _GOOGLE in cell else cell


def _pieces(between: re.Pattern[str], cell: str, most: int) -> list[str]:
    """What stands between the matches of a pattern, without what is blank."""
    items: list[str] = []
    start = 0
    for found in between.finditer(cell):
        if item := cell[start : found.start()].strip():
            items.append(item)
        start = found.end()
        if len(items) == most:
            break
    rest = cell[start:].strip()
    return [*items, rest] if rest else items
