"""`make bench-exports`: a million rows as a download, beside psql with the same statement.

The cases take turns, round by round, and the medians are told: rows a second, the processor time of
the server for a million rows, and how much its memory grows. PostgreSQL forms the text, so psql
shows what it takes; what a row weighs decides most of it, so CSV is measured with the usual columns
and with ten plain ones. Then slow readers are counted on: what they take, and whether one holds a
transaction open.
"""

import argparse
import http.client
import socket
import statistics
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final
from urllib.parse import urlencode

import psycopg

from app.embedded.binaries import EmbeddedServerError, binaries
from benchmarks.database import Scale, SeededDatabase, default_folder, open_database
from benchmarks.processor import cpu_seconds
from benchmarks.progress import say
from benchmarks.serving import Served, serving
from benchmarks.watching import MemoryWatch
from db.exports import export_sql
from domain.exports import DEFAULT_COLUMNS, Export, ExportEntity, ExportFormat

_CONTACTS: Final = ExportEntity.CONTACTS
_TEN_PLAIN: Final = (
    "uuid",
    "firstName",
    "lastName",
    "email",
    "emailStatus",
    "title",
    "seniority",
    "city",
    "country",
    "createdAt",
)
_DOCUMENT: Final = "{ contacts { nodes { uuid firstName lastName email company { name } } } }"
_MEBIBYTE: Final = 2**20
_READ_BYTES: Final = 2**20
_LOOK_SECONDS: Final = 0.2
_SLOW_BYTES: Final = 10_240
_OLDEST: Final = (
    "SELECT coalesce(max(extract(epoch FROM clock_timestamp() - xact_start)), 0)::float"
    " FROM pg_stat_activity WHERE application_name LIKE 'appointment360%'"
    " AND xact_start IS NOT NULL"
)


@dataclass(frozen=True)
class _Case:
    name: str
    format: str
    columns: tuple[str, ...]
    raw: bool = False

    @property
    def path(self) -> str:
        """What is asked for."""
        asked = {"format": self.format, "columns": ",".join(self.columns)}
        return f"/api/v1/contacts/stream/?{urlencode(asked | ({'raw': '1'} if self.raw else {}))}"

    @property
    def sql(self) -> str:
        """What PostgreSQL is asked for."""
        return export_sql(
            Export(
                entity=_CONTACTS,
                format=ExportFormat[self.format.upper()],
                order=(),
                columns=self.columns,
                raw=self.raw,
            )
        )


_USUAL: Final = DEFAULT_COLUMNS[_CONTACTS]
_CASES: Final = (
    _Case("CSV, usual columns", "csv", _USUAL),
    _Case("CSV, usual columns, raw", "csv", _USUAL, raw=True),
    _Case("CSV, ten plain columns", "csv", _TEN_PLAIN),
    _Case("JSONL, usual columns", "jsonl", _USUAL),
    _Case("JSONL, ten plain columns", "jsonl", _TEN_PLAIN),
)

_SLOWLY_READ: Final = _Case("read slowly", "csv", ("uuid", "email"))


@dataclass(frozen=True)
class _Run:
    """One download."""

    seconds: float
    first_ms: float
    cpu_seconds: float
    growth_mib: float
    bytes: int


def main(arguments: Sequence[str] | None = None) -> None:
    """The command."""
    wanted = _parser().parse_args(arguments)
    scale = Scale(contacts=wanted.contacts, companies=wanted.contacts // 10)
    try:
        with (
            open_database(wanted.data, scale, progress=say) as database,
            _serving(database) as served,
        ):
            if wanted.rounds:
                _compare(served, database, rounds=wanted.rounds, rows=wanted.contacts)
            _read_slowly(served, database, readers=wanted.readers, seconds=wanted.seconds)
    except EmbeddedServerError as error:
        raise SystemExit(str(error)) from None


def _compare(served: Served, database: SeededDatabase, *, rounds: int, rows: int) -> None:
    runs: dict[str, list[_Run]] = {case.name: [] for case in _CASES}
    psql: dict[str, list[float]] = {case.name: [] for case in _CASES}
    documents: list[_Run] = []
    _download(served, "GET", _CASES[0].path)
    for _ in range(rounds):
        for case in _CASES:
            runs[case.name].append(_download(served, "GET", case.path))
            psql[case.name].append(_copy_by_psql(database, case))
        documents.append(_download(served, "POST", "/api/v1/stream/", _asked(_DOCUMENT)))
    for case in _CASES:
        beside = statistics.median(psql[case.name])
        print(f"{case.name:27}{_told(runs[case.name], rows)}, psql {rows / beside / 1000:.0f} k/s")
    print(f"{'GraphQL document, 5 fields':27}{_told(documents, rows)}")


def _told(runs: Sequence[_Run], rows: int) -> str:
    seconds = statistics.median(run.seconds for run in runs)
    spent = statistics.median(run.cpu_seconds for run in runs)
    first = statistics.median(run.first_ms for run in runs)
    growth = statistics.median(run.growth_mib for run in runs)
    return (
        f"{rows / seconds / 1000:5.0f} k rows/s, {runs[0].bytes / rows:4.0f} bytes a row,"
        f" {spent / rows * 1_000_000:.2f} s of CPU a million, first byte {first:.0f} ms,"
        f" growth {growth:+.1f} MiB"
    )


def _asked(document: str) -> str:
    return '{"query": "' + document + '"}'


def _download(served: Served, method: str, path: str, body: str | None = None) -> _Run:
    spent = cpu_seconds(served.process.pid) or 0.0
    with MemoryWatch(served.process.pid) as memory:
        started = time.perf_counter()
        answer = _ask(served, method, path, body)
        first, size, buffer = 0.0, 0, bytearray(_READ_BYTES)
        while count := answer.readinto(buffer):
            first = first or time.perf_counter() - started
            size += count
        seconds = time.perf_counter() - started
        after = cpu_seconds(served.process.pid) or 0.0
    return _Run(seconds, first * 1000, after - spent, memory.growth_mib, size)


def _copy_by_psql(database: SeededDatabase, case: _Case) -> float:
    """The seconds that psql takes for the same rows and text."""
    options = "csv" if case.format == "csv" else "csv, quote E'\\x01', delimiter E'\\x02'"
    prepared = "SET jit = off; SET random_page_cost = 1.1; SET work_mem = '64MB';"
    prepared += " SET max_parallel_workers_per_gather = 0; SET timezone = 'UTC';"
    statement = f"COPY ({case.sql}) TO STDOUT (format {options})"
    started = time.perf_counter()
    subprocess.run(
        [binaries() / "psql", "-q", "-X", "-d", database.url, "-c", prepared, "-c", statement],
        check=True,
        stdout=subprocess.DEVNULL,
    )
    return time.perf_counter() - started


def _read_slowly(served: Served, database: SeededDatabase, *, readers: int, seconds: float) -> None:
    """Some read 10 KB a second each, for a while."""
    with (
        MemoryWatch(served.process.pid) as memory,
        ExitStack() as stack,
        psycopg.connect(database.url, autocommit=True) as watch,
    ):
        connections = [stack.enter_context(_slow(served)) for _ in range(readers)]
        ends, oldest, written = time.monotonic() + seconds, 0.0, time.monotonic()
        while time.monotonic() < ends:
            for connection in connections:
                connection.recv(_SLOW_BYTES)
            (age,) = watch.execute(_OLDEST).fetchone() or (0.0,)
            if age:
                written = time.monotonic()
                oldest = max(oldest, age)
            time.sleep(1.0)
        quiet = time.monotonic() - written
    print(
        f"{readers} readers at 10 KB/s for {seconds:.0f} s: growth {memory.growth_mib:+.1f} MiB,"
        f" oldest transaction {oldest:.1f} s while the files were written, none in the last"
        f" {quiet:.0f} s"
    )


@contextmanager
def _slow(served: Served) -> Iterator[socket.socket]:
    """A connection that has asked, whose buffers are small."""
    with socket.socket() as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _SLOW_BYTES)
        connection.connect((served.host, served.port))
        connection.sendall(
            f"GET {_SLOWLY_READ.path} HTTP/1.1\r\nHost: {served.host}\r\n"
            f"Authorization: Bearer {served.token}\r\n\r\n".encode()
        )
        yield connection


@contextmanager
def _serving(database: SeededDatabase) -> Iterator[Served]:
    with (
        TemporaryDirectory(prefix="a360-exports-") as folder,
        serving(DATA_DIR=folder, DATABASE_URL=database.url, MAX_CONCURRENT_EXPORTS="100") as served,
    ):
        yield served


def _ask(
    served: Served, method: str, path: str, body: str | None = None
) -> http.client.HTTPResponse:
    """An answer whose body has yet to be read."""
    headers = {"Authorization": f"Bearer {served.token}"}
    if body is not None:
        headers |= {"Content-Type": "application/json", "Accept": "application/jsonl"}
    connection = served.connect()
    connection.request(method, path, body, headers)
    answer = connection.getresponse()
    if answer.status != 200:
        raise SystemExit(f"{path} was answered with {answer.status}: {answer.read()!r}")
    return answer


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.exports", description=__doc__)
    add = parser.add_argument
    add("--rounds", type=int, default=3, help="of all cases; 0 for none (%(default)s)")
    add("--contacts", type=int, default=1_000_000, help="rows (%(default)s)")
    add("--readers", type=int, default=10, help="that are slow (%(default)s)")
    add("--seconds", type=float, default=60.0, help="for how long they read (%(default)s)")
    add("--data", type=Path, default=default_folder(), help="keeps the database (%(default)s)")
    return parser


if __name__ == "__main__":
    main()
