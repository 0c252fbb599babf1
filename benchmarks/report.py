"""What a run says: medians over its rounds, ratios to limit A, a table and rows of JSON."""

import os
import platform
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from statistics import median
from typing import Final

import orjson

from benchmarks.database import Scale
from benchmarks.measure import Measurement
from benchmarks.processor import IS_COUNTED
from benchmarks.servers.catalogue import LIMIT

Round = Sequence[Measurement]
Cost = Callable[[Measurement], float | None]

_PACKAGES: Final = ("strawberry-graphql", "graphql-core", "uvicorn", "uvloop", "asyncpg")
_COLUMNS: Final = (
    *("operation", "server", "cpu ms", "×A", "pg ms", "×A", "both ×A"),
    *("req/s", "p50 ms", "p99 ms", "bytes"),
)
_TEXTS: Final = 2
_UNKNOWN: Final = "–"


def summarize(rounds: Sequence[Round]) -> list[Measurement]:
    """The median of every figure over the rounds, in the order of the first round by operation."""
    keys = sorted({row.operation for row in rounds[0]})
    servers = list(dict.fromkeys(row.server for row in rounds[0]))
    return [_median_row(rounds, server, operation) for operation in keys for server in servers]


def ratio(rounds: Sequence[Round], row: Measurement, cost: Cost) -> float | None:
    """How many times limit A's cost a server's is: the median of the ratios of the rounds."""
    ratios = []
    for measured in rounds:
        own = _cost(measured, row.server, row.operation, cost)
        limit = _cost(measured, LIMIT, row.operation, cost)
        if own is not None and limit:
            ratios.append(own / limit)
    return median(ratios) if ratios else None


def render_table(rounds: Sequence[Round]) -> str:
    """The table that a person reads."""
    lines = [_COLUMNS, *(_cells(rounds, row) for row in summarize(rounds))]
    widths = [max(len(line[at]) for line in lines) for at in range(len(_COLUMNS))]
    texts = ["  ".join(_aligned(line, widths)) for line in lines]
    if not IS_COUNTED:
        texts.append("Processor time is counted on Linux only; its columns are empty here.")
    return "\n".join(texts)


def render_header(scale: Scale, *, postgresql: str, connections: int) -> str:
    """What was measured with, and how busy the machine was before."""
    versions = [f"Python {platform.python_version()}", f"PostgreSQL {postgresql}"]
    versions += [f"{package} {version(package)}" for package in _PACKAGES]
    load = os.getloadavg()[0]
    return (
        f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC · {os.cpu_count()} cores, load {load:.1f} before"
        f" · {', '.join(versions)}\n{scale.contacts} contacts, {scale.companies} companies · "
        f"{connections} connections · one process each · medians over the rounds · "
        "×A is told against limit_a within each round"
    )


def write_rows(rounds: Sequence[Round], file: Path) -> None:
    """Keep the medians as JSON."""
    rows = [asdict(row) for row in summarize(rounds)]
    file.write_bytes(orjson.dumps(rows, option=orjson.OPT_INDENT_2) + b"\n")


def _median_row(rounds: Sequence[Round], server: str, operation: str) -> Measurement:
    mine = [
        row for measured in rounds for row in measured
        if (row.server, row.operation) == (server, operation)
    ]  # fmt: skip
    return Measurement(
        server=server,
        operation=operation,
        cpu_ms=_median(row.cpu_ms for row in mine),
        pg_cpu_ms=_median(row.pg_cpu_ms for row in mine),
        rps=median(row.rps for row in mine),
        p50_ms=median(row.p50_ms for row in mine),
        p99_ms=median(row.p99_ms for row in mine),
        bytes=round(median(row.bytes for row in mine)),
    )


def _median(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return median(known) if known else None


def _cost(measured: Round, server: str, operation: str, cost: Cost) -> float | None:
    for row in measured:
        if (row.server, row.operation) == (server, operation):
            return cost(row)
    return None


def _both(row: Measurement) -> float | None:
    if row.cpu_ms is None or row.pg_cpu_ms is None:
        return None
    return row.cpu_ms + row.pg_cpu_ms


def _cells(rounds: Sequence[Round], row: Measurement) -> tuple[str, ...]:
    return (
        row.operation,
        row.server,
        _number(row.cpu_ms, 3),
        _number(ratio(rounds, row, lambda other: other.cpu_ms), 2),
        _number(row.pg_cpu_ms, 3),
        _number(ratio(rounds, row, lambda other: other.pg_cpu_ms), 2),
        _number(ratio(rounds, row, _both), 2),
        _number(row.rps, 0),
        _number(row.p50_ms, 2),
        _number(row.p99_ms, 2),
        str(row.bytes),
    )


def _number(value: float | None, decimals: int) -> str:
    return _UNKNOWN if value is None else f"{value:.{decimals}f}"


def _aligned(line: Sequence[str], widths: Sequence[int]) -> list[str]:
    return [
        cell.ljust(width) if at < _TEXTS else cell.rjust(width)
        for at, (cell, width) in enumerate(zip(line, widths, strict=True))
    ]
