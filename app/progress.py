"""The progress bars of loads and exports, on stderr."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from db.rows import JobRow

_SPEED_SECONDS = 60.0


@contextmanager
def load_progress(name: str) -> Iterator[Callable[[JobRow], None]]:
    """Shows how much of a file has been read, how many rows that are, and when it will be done."""
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f} %  {task.fields[rows]:,} rows"),
        TextColumn("{task.fields[rate]:,.0f} rows/s  left:"),
        TimeRemainingColumn(),
    )
    console = Console(stderr=True)
    with Progress(*columns, console=console, speed_estimate_period=_SPEED_SECONDS) as bar:
        task = bar.add_task(name, total=None, rows=0, rate=0.0)
        pace = _Pace()

        def show(job: JobRow) -> None:
            rows = job.counters.get("rows") or job.counters.get("checked", 0)
            rate = pace.rate(rows)
            bar.update(task, total=job.total, completed=job.done, rows=rows, rate=rate)

        yield show


@contextmanager
def export_progress(name: str) -> Iterator[Callable[[int, int], None]]:
    """Shows how many rows are written, of how many."""
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.completed} of {task.total} rows"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task(name, total=None)
        yield lambda rows, total: bar.update(task, completed=rows, total=total)


class _Pace:
    """How fast rows are done here; those done before do not count."""

    def __init__(self) -> None:
        self._first: tuple[float, int] | None = None

    def rate(self, rows: int) -> float:
        """Rows a second."""
        now = time.monotonic()
        started, before = self._first = self._first or (now, rows)
        return (rows - before) / (now - started) if now > started else 0.0
