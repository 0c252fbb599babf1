"""SQLAlchemy Core statements compiled once into the text and argument order of asyncpg.

SQLAlchemy builds and checks the statement; asyncpg runs it. The text depends on the statement's
shape only, never on a value, so both our caches and asyncpg's prepared statements are hit again.
"""

from collections.abc import Mapping
from typing import Any, Final, Generic, TypeVar, overload

from sqlalchemy import ClauseElement, text
from sqlalchemy.dialects.postgresql.asyncpg import dialect

from db.rows import Row

R = TypeVar("R", bound=Row)

_DIALECT: Final = dialect()  # type: ignore[no-untyped-call]  # SQLAlchemy leaves it untyped


class Statement(Generic[R]):
    """A compiled statement.

    Args:
        clause: Its values are bind parameters with names.
        row: The class of the rows it gives.
    """

    __slots__ = ("_defaults", "_names", "row", "sql")

    def __init__(self, clause: ClauseElement, row: type[R]) -> None:
        compiled: Any = clause.compile(dialect=_DIALECT)
        self.sql: str = compiled.string
        self.row = row
        self._names: tuple[str, ...] = tuple(compiled.positiontup)
        self._defaults: Mapping[str, object] = compiled.params

    def arguments(self, values: Mapping[str, object]) -> list[object]:
        """The values in the order the text counts them."""
        defaults = self._defaults
        return [values[name] if name in values else defaults[name] for name in self._names]


@overload
def sql(query: str) -> Statement[Row]: ...
@overload
def sql(query: str, row: type[R]) -> Statement[R]: ...
def sql(query: str, row: type[Any] = Row) -> Statement[Any]:
    """A statement written as text, its values named as in `:keys`."""
    return Statement(text(query), row)
