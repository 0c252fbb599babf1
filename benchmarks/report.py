"""What a run says: medians over its rounds, ratios to limit A, a table and rows of JSON."""

import os
import platform
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Final

import orjson

from benchmarks.database import Scale
from benchmarks.measure import Measurement
from benchmarks.peers.catalogue import POSTGRAPHILE
from benchmarks.processor import IS_COUNTED
from benchmarks.servers.catalogue import LIMIT

Round = Sequence[Measurement]
Cost = Callable[[Measurement], float | None]

_TEXTS: Final = 2
_UNKNOWN: Final = "–"


def summarize(rounds: Sequence[Round]) -> list[Measurement]:
    """The median of every figure over the rounds, in the order of the first round by operation."""
    keys = sorted({row.operation for row in rounds[0]})
    servers = list(dict.fromkeys(row.server for row in rounds[0]))
    return [_median_row(rounds, server, operation) for operation in keys for server in servers]


def ratio(
    rounds: Sequence[Round], row: Measurement, cost: Cost, *, against: str = LIMIT
) -> float | None:
    """How many times the other server's cost a server's is: the median over the rounds."""
    ratios = []
    for measured in rounds:
        own = _cost(measured, row.server, row.operation, cost)
        other = _cost(measured, against, row.operation, cost)
        if own is not None and other:
            ratios.append(own / other)
    return median(ratios) if ratios else None


def render_table(rounds: Sequence[Round]) -> str:
    """The table that a person reads; what PostGraphile is told against only when it ran."""
    rows = summarize(rounds)
    with_peer = any(row.server == POSTGRAPHILE for row in rows)
    cells = [_cells(rounds, row, with_peer=with_peer) for row in rows]
    lines = [list(cells[0]), *(list(row.values()) for row in cells)]
    widths = [max(len(cell) for cell in column) for column in zip(*lines, strict=True)]
    texts = ["  ".join(_aligned(line, widths)) for line in lines]
    if not IS_COUNTED:
        texts.append("Processor time is counted on Linux only; its columns are empty here.")
    return "\n".join(texts)


def render_header(
    scale: Scale, *, postgresql: str, connections: int, versions: Iterable[str]
) -> str:
    """What was measured with, and how busy the machine was before.

    Args:
        versions: The packages of the servers, each with its version.
    """
    told = [f"Python {platform.python_version()}", f"PostgreSQL {postgresql}", *versions]
    load = os.getloadavg()[0]
    return (
        f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC · {os.cpu_count()} cores, load {load:.1f} before"
        f" · {', '.join(told)}\n{scale.contacts} contacts, {scale.companies} companies · "
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


def _own(row: Measurement) -> float | None:
    return row.cpu_ms


def _postgresql(row: Measurement) -> float | None:
    return row.pg_cpu_ms


def _both(row: Measurement) -> float | None:
    if row.cpu_ms is None or row.pg_cpu_ms is None:
        return None
    return row.cpu_ms + row.pg_cpu_ms


def _cells(rounds: Sequence[Round], row: Measurement, *, with_peer: bool) -> Mapping[str, str]:
    def times(cost: Cost, against: str = LIMIT) -> str:
        return _number(ratio(rounds, row, cost, against=against), 2)

    peer = {"×PostGraphile": times(_own, POSTGRAPHILE)} if with_peer else {}
    return {
        "operation": row.operation,
        "server": row.server,
        "cpu ms": _number(row.cpu_ms, 3),
        "×A": times(_own),
        **peer,
        "pg ms": _number(row.pg_cpu_ms, 3),
        "pg ×A": times(_postgresql),
        "both ×A": times(_both),
        "req/s": _number(row.rps, 0),
        "p50 ms": _number(row.p50_ms, 2),
        "p99 ms": _number(row.p99_ms, 2),
        "bytes": str(row.bytes),
    }


def _number(value: float | None, decimals: int) -> str:
    return _UNKNOWN if value is None else f"{value:.{decimals}f}"


def _aligned(line: Sequence[str], widths: Sequence[int]) -> list[str]:
    return [
        cell.ljust(width) if at < _TEXTS else cell.rjust(width)
        for at, (cell, width) in enumerate(zip(line, widths, strict=True))
    ]
