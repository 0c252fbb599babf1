"""What is read of rows, gathered while a plan is made, to be told to the database.

The one idea: a field that names the column it reads needs that column and no other. A `Reading`
collects the columns and joins of the rows of one statement; a field that tells nothing about what
it reads makes it read everything.
"""

from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Final

from db.selection import SOURCES, RowSource
from domain.selection import Selection

# Further ones are loaded for all rows at once: PostgreSQL looks at all orders of up to eight joins.
_MAX_JOINS_IN_A_ROW: Final = 3


@dataclass(eq=False)
class Reading:
    """What is read of the rows of a source.

    Args:
        name: The source, as `db.selection.SOURCES` has it.
    """

    name: str
    cursors: bool = False
    is_whole: bool = False
    columns: dict[str, None] = field(default_factory=dict)
    joins: dict[str, "Reading"] = field(default_factory=dict)

    @property
    def source(self) -> RowSource:
        """What can be read."""
        return SOURCES[self.name]

    def read(self, *columns: str) -> None:
        """Read columns of the row itself."""
        self.columns.update(dict.fromkeys(columns))

    def read_everything(self) -> None:
        """Read all columns of the row itself, for a resolver that may ask it for anything."""
        self.is_whole = True
        self.read(*sorted(self.source.columns))

    def joined(self, relation: str) -> "Reading":
        """What is read of the row that a relation leads to."""
        if relation not in self.joins:
            self.joins[relation] = Reading(self.source.relations[relation])
        return self.joins[relation]

    def selection(self) -> Selection:
        """What was read, in an order that does not depend on the document's."""
        joins = sorted(self.joins.items())
        return Selection(
            tuple(sorted(self.columns)),
            tuple((name, below.selection()) for name, below in joins),
            self.cursors,
            self.is_whole,
        )


@dataclass(frozen=True)
class Rows:
    """Rows that objects are made of.

    Attributes:
        table: Of which table they are.
        reading: What the statement is told to read; None when it reads everything of the row.
        prefix: What stands before the names of its columns, where they are a part of another row.
        joins: How many joins lead to them.
    """

    table: str
    reading: Reading | None = None
    prefix: str = ""
    joins: int = 0

    def read(self, column: str) -> str:
        """The name of a column in the row, now that it is read."""
        if self.reading is not None:
            self.reading.read(column)
        return self.prefix + column

    def requires(self, column: str) -> bool:
        """Whether the column is never NULL, as far as that is known."""
        source = SOURCES.get(self.table)
        return source is not None and column in source.required

    def read_all(self, columns: Collection[str]) -> None:
        """Read some columns of the row."""
        for column in columns:
            self.read(column)

    def read_everything(self) -> None:
        """Read whatever the row has."""
        if self.reading is not None:
            self.reading.read_everything()

    def is_related(self, relation: str) -> bool:
        """Whether rows of this table have the relation to one row."""
        source = SOURCES.get(self.table)
        return source is not None and relation in source.relations

    def leads(self, relation: str) -> bool:
        """Whether a join can follow the relation."""
        is_near = self.joins < _MAX_JOINS_IN_A_ROW
        return is_near and self.reading is not None and self.is_related(relation)

    def follow(self, relation: str) -> "Rows":
        """The row that a relation leads to, in a reading of its own until `join` keeps it."""
        target = SOURCES[self.table].relations[relation]
        prefix = f"{self.prefix}{relation}."
        return Rows(target, Reading(target), prefix, self.joins + 1)

    def join(self, relation: str, followed: "Rows") -> str:
        """Read what was followed too; gives the name of the column that is NULL without a row."""
        if self.reading is not None and followed.reading is not None:
            _merge(self.reading.joined(relation), followed.reading)
        return followed.prefix + SOURCES[followed.table].key


def _merge(into: Reading, other: Reading) -> None:
    into.read(*other.columns)
    for relation, below in other.joins.items():
        _merge(into.joined(relation), below)
