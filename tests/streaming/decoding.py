"""Files of tests as `streaming.decoders` reads them."""

from pathlib import Path

from domain.imports import ImportErrorCode
from streaming.decoders import CsvRow, RowProblem, open_csv
from streaming.dialects import CsvDialect

Item = tuple[int, list[str] | ImportErrorCode]


def read(
    path: Path, *, encoding: str | None = None
) -> tuple[CsvDialect, list[CsvRow | RowProblem]]:
    with open_csv(path, encoding=encoding) as source:
        return source.dialect, list(source)


def items(path: Path) -> list[Item]:
    return [
        (item.line, item.values if isinstance(item, CsvRow) else item.code)
        for item in read(path)[1]
    ]


def only_problem(path: Path) -> RowProblem:
    problems = [item for item in read(path)[1] if isinstance(item, RowProblem)]
    assert len(problems) == 1
    return problems[0]
