"""Which part of the rows of a list is wanted, told without SQL and without GraphQL."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Selection:
    """Some columns of a row, and of the rows that it points to.

    It is hashable, so that what is worked out for it once can be found again. `db.selection` tells
    which names there are.

    Attributes:
        columns: The columns of the row itself, by name.
        to_one: What is wanted of the one row that a relation leads to, by the relation's name, each
            once.
        cursors: Whether the places of the rows in their list are wanted, too.
        whole: Whether the rows are handed to somebody who takes them for the rows of their table.
    """

    columns: tuple[str, ...]
    to_one: tuple[tuple[str, "Selection"], ...] = ()
    cursors: bool = True
    whole: bool = False
