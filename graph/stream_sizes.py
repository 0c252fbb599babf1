"""How many rows a page of a stream has: as many as are read and told soon, whatever is in them.

What stands below a row can weigh nothing or megabytes, and only reading it tells. So the first page
is small, and each one is sized by what the one before it took.
"""

from typing import Final

_FIRST_ROWS: Final = 50
_WANTED_BYTES: Final = 1_000_000
_WANTED_SECONDS: Final = 0.2
# One page can be out of the ordinary, and so can its moment.
_MOST_CHANGE: Final = 4.0


class PageSize:
    """The number of rows of the next page.

    Args:
        most_rows: Never more than these.

    Attributes:
        rows: 1 at least.
    """

    def __init__(self, most_rows: int) -> None:
        self._most_rows = most_rows
        self.rows = min(_FIRST_ROWS, most_rows)

    def limit(self, rows: int) -> None:
        """Only so many are left."""
        self._most_rows = min(self._most_rows, rows)
        self._set(self.rows)

    def learn(self, *, rows: int, size_bytes: int, seconds: float) -> None:
        """Take what a page took for what the next ones will take.

        Args:
            rows: It had.
        """
        by_bytes = _WANTED_BYTES / max(size_bytes, 1)
        by_seconds = _WANTED_SECONDS / max(seconds, 1e-6)
        change = min(by_bytes, by_seconds, _MOST_CHANGE)
        self._set(round(rows * max(change, 1 / _MOST_CHANGE)))

    def halve(self) -> bool:
        """Ask for half as much; whether that is less."""
        before = self.rows
        self._set(before // 2)
        return self.rows < before

    def _set(self, rows: int) -> None:
        self.rows = min(max(rows, 1), self._most_rows)
