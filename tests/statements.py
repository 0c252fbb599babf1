"""Records the SQL that runs, so that one query too many is a failing number."""

from collections.abc import Iterator
from contextlib import contextmanager

from db.transaction import StatementRun


class Statements:
    """Texts of statements in the order they ended."""

    def __init__(self) -> None:
        self._texts: list[str] = []

    def observe(self, run: StatementRun) -> None:
        """Remember a statement."""
        self._texts.append(run.sql)

    @contextmanager
    def recorded(self) -> Iterator[list[str]]:
        """The statements that run inside the block."""
        start, inside = len(self._texts), []  # type: int, list[str]
        yield inside
        inside += self._texts[start:]
