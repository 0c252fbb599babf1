"""Which operation a statement is for, at its end, for whoever looks at PostgreSQL's own records."""

import re
from collections.abc import Callable
from typing import Final

Comment = Callable[[], str | None]
"""Tells the name of the operation that asks, if it has one."""

# The names that GraphQL has: nothing in them can end a comment, or begin anything else.
_NAME: Final = re.compile(r"[_A-Za-z][_0-9A-Za-z]{0,99}")


def commented(sql: str, comment: Comment) -> str:
    """A statement with the name at its end; as it is when there is none, or none of GraphQL."""
    name = comment()
    if name is None or _NAME.fullmatch(name) is None:
        return sql
    return f"{sql} /* operation='{name}' */"
