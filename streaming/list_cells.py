"""Cells that hold several values: what stands between them, and how our exports escape it."""

import re
from typing import Final

_ESCAPED: Final = re.compile(r"\\([;\\])")
_ITEM: Final = re.compile(r"((?:\\.|[^;\\]|\\$)*)(;|$)", re.DOTALL)
_GOOGLE: Final = ":::"
_GOOGLES_OWN: Final = "* "
_PHONE_DIGITS: Final = 5


def split_escaped(cell: str) -> list[str]:
    r"""The items of a cell that our exports wrote, empty ones too: `a\;b;c` is `a;b` and `c`."""
    if "\\" not in cell:
        return cell.split(";")
    items = []
    for found in _ITEM.finditer(cell):
        items.append(_ESCAPED.sub(r"\1", found[1]))
        if not found[2]:
            break
    return items


def split_list(cell: str, *, comma_is_text: bool = False) -> list[str]:
    r"""The items of a cell that anybody wrote.

    The strongest sign in it separates them: ` ::: `, a line break, `;` (not `\;`), `|`, `,`.
    """
    if _GOOGLE in cell:
        items = cell.split(_GOOGLE)
        return [item for item in items if not item.lstrip().startswith(_GOOGLES_OWN)]
    if "\n" in cell or "\r" in cell:
        return cell.splitlines()
    if ";" in cell:
        return split_escaped(cell)
    if "|" in cell:
        return cell.split("|")
    return [cell] if comma_is_text else cell.split(",")


def split_addresses(cell: str) -> list[str]:
    """The e-mail addresses of a cell; what is one, if a strange one, stays whole."""
    if cell.count("@") < 2:
        return [cell]
    items = re.split(r":::|[;,|\s]+", cell)
    return (
        [item for item in items if item] if all("@" in item for item in items if item) else [cell]
    )


def split_numbers(cell: str) -> list[str]:
    """The phone numbers of a cell; an extension stays with its number."""
    if not any(sign in cell for sign in (_GOOGLE, ";", "\n", ",", "/")):
        return [cell]
    items = [item.strip() for item in re.split(r":::|[;\n,]|\s/\s", cell) if item.strip()]
    are_numbers = all(sum(map(str.isdigit, item)) >= _PHONE_DIGITS for item in items)
    return items if are_numbers else [cell]


def first_of(cell: str) -> str:
    """The first of several values of a field that takes one."""
    return cell.partition(_GOOGLE)[0].strip() if _GOOGLE in cell else cell
