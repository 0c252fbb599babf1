"""Values that PostgreSQL plans a statement without.

A prepared statement is planned anew for its values each time, unless a plan without them promises
to be as cheap. Where the plan is the same for all values, planning is all that is spent: 0.5 ms of
0.6 for a contact with its company. So the planner must not see what would make it hope for more.
"""

from typing import Any, Final

from sqlalchemy import BigInteger, ColumnElement, any_, bindparam, cast, select
from sqlalchemy.dialects.postgresql import ARRAY

_IDS: Final = ARRAY(BigInteger)
_LIMITS: Final = (16, 128, 1024, 8192)


def ids(name: str) -> ColumnElement[Any]:
    """An array of ids as a parameter; the planner takes it for ten, whatever it holds."""
    return cast(select(bindparam(name, type_=_IDS)).scalar_subquery(), _IDS)


def one_of(name: str) -> ColumnElement[Any]:
    """What an id is compared with that shall be one of `ids`."""
    return any_(ids(name))


def limit_above(rows: int) -> int | None:
    """A limit for the text of a statement, one of a few; None when none is worth it.

    The planner takes a limit that is a parameter for a tenth of the rows. A tenth of this one is
    always less than `rows`, so a plan without values never looks dearer than one with them.
    """
    return next((limit for limit in _LIMITS if rows <= limit), None)
