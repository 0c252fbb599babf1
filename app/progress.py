"""The progress bars of loads and exports, on stderr."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from app.load_summary import LoadProgress


@contextmanager
def load_progress(file: Path) -> Iterator[Callable[[LoadProgress], None]]:
    """Shows how much of the file has been read and what became of its rows."""
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f} %  {task.fields[rows]} rows"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task(file.name, total=_lines(file), rows=0)

        def show(progress: LoadProgress) -> None:
            bar.update(task, completed=progress.rows, rows=progress.rows)

        yield show
        bar.update(task, completed=_lines(file))


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


def _lines(file: Path) -> int:
    """About as many as there are rows: cells may hold line breaks."""
    with file.open("rb") as source:
        return sum(chunk.count(b"\n") for chunk in iter(lambda: source.read(2**20), b""))
