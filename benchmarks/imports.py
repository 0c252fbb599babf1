"""`make bench-imports`: a clean file of a million contacts, beside psql with the same rows.

The ways take turns, round by round, each in an empty database of its own with all the product's
indexes; the medians are told as JSON. psql copies the file into a staging table and merges it by
set-wise statements, in batches of the product's size and all at once. It reads no encoding, cleans
no cell, tells nothing about a row, and could not undo or go on: what PostgreSQL takes is the limit.
Then the file is imported by a server, and a small request is sent every 20 ms meanwhile.
"""

import argparse
import asyncio
import json
import os
import re
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import aiofiles
import psycopg

from app.embedded.binaries import binaries
from app.embedded.server import EmbeddedServer, lease
from benchmarks.import_files import ImportFile, write_file
from benchmarks.processor import cpu_seconds
from benchmarks.progress import say
from benchmarks.watching import Latencies, MemoryWatch, Pulse
from db.engine import normalize_database_url, open_engine
from db.imports import create_import
from db.migrate import upgrade
from db.transaction import Database
from domain.imports import ImportEntity, ImportRequest
from domain.uploads import UploadKind
from jobs.imports import BATCH_ROWS
from streaming.upload_limits import UploadSettings
from streaming.uploads import open_uploads

_COMMAND: Final = Path(sys.executable).with_name("appointment360")
_MERGE: Final = Path(__file__).with_name("import_merge.sql")
_TEMPLATE: Final = "imports_template"
_CHUNK_BYTES: Final = 2**20
_LOOK_SECONDS: Final = 0.1
_IDLE_SECONDS: Final = 5.0
_STAGED: Final = ("first_name", "last_name", "email", "company", "phone")
_JOB: Final = (
    "SELECT status, counters, extract(epoch FROM finished_at - created_at)::float"
    " FROM jobs WHERE finished_at IS NOT NULL"
)
_COUNT: Final = (
    "SELECT (SELECT count(*) FROM contacts), (SELECT count(*) FROM contact_emails),"
    " (SELECT count(*) FROM companies)"
)


@dataclass(frozen=True)
class Product:
    """One import by a process of the product.

    Attributes:
        seconds: From the making of the job to its end.
        cpu_seconds: Of the process that imports, without PostgreSQL's.
        postgresql_cpu_seconds: Of PostgreSQL.
        growth_mib: The most memory of the process, less what it had before.
        latencies: Of small requests meanwhile, in milliseconds; None for a worker alone.
    """

    seconds: float
    cpu_seconds: float
    postgresql_cpu_seconds: float
    growth_mib: float
    upload_seconds: float
    latencies: Latencies | None


class Bench:
    """A PostgreSQL, and what is tried in it.

    Args:
        folder: Where files and databases lie.
    """

    def __init__(self, server: EmbeddedServer, folder: Path) -> None:
        self._server = server
        self._folder = folder
        self._url = normalize_database_url(server.dsn)
        self._made = 0

    async def prepare(self) -> None:
        """Make the database that all others are copies of."""
        self._execute(f"CREATE DATABASE {_TEMPLATE}")
        url = self._url.set(database=_TEMPLATE)
        async with open_engine(url, statement_timeout_seconds=600) as engine:
            await upgrade(engine)

    def by_psql(self, file: ImportFile, *, batch_rows: int) -> float:
        """The seconds that psql takes for a file."""
        columns = ", ".join(_STAGED[: len(file.columns)])
        with self._database() as address:
            self._psql(address, "-f", str(_MERGE))
            started = time.perf_counter()
            self._psql(
                address,
                *("-c", f"\\copy staging ({columns}) FROM '{file.path}' (format csv, header)"),
                *("-c", "ANALYZE staging"),
                *("-c", f"CALL merge_staging({batch_rows})"),
            )
            seconds = time.perf_counter() - started
            _assert_whole(address, file)
        return seconds

    def by_product(self, file: ImportFile, *, serves: bool) -> Product:
        """An import by a worker process, or by a server that works too."""
        with self._database() as address, TemporaryDirectory(dir=self._folder) as data:
            command = ("serve", "--port=0") if serves else ("work",)
            with _running(command, address, Path(data)) as (process, port):
                if serves:
                    time.sleep(_IDLE_SECONDS)
                pulse = Pulse(port) if serves else nullcontext()
                memory = MemoryWatch(process.pid)
                spent = _spent(process.pid), _spent(self._server.pid)
                with memory, pulse as beating:
                    began = time.perf_counter()
                    asyncio.run(_begin(address, Path(data), file))
                    upload_seconds = time.perf_counter() - began
                    seconds = _wait(address, file)
                after = _spent(process.pid), _spent(self._server.pid)
            _assert_whole(address, file)
        return Product(
            seconds=seconds,
            cpu_seconds=after[0] - spent[0],
            postgresql_cpu_seconds=after[1] - spent[1],
            growth_mib=memory.growth_mib,
            upload_seconds=upload_seconds,
            latencies=beating.latencies() if beating else None,
        )

    @contextmanager
    def _database(self) -> Iterator[str]:
        """The address of an empty database, which is there as long as the block lasts."""
        self._made += 1
        name = f"imports_{self._made}"
        self._execute(f"CREATE DATABASE {name} TEMPLATE {_TEMPLATE} STRATEGY FILE_COPY")
        self._execute("CHECKPOINT")
        try:
            url = self._url.set(database=name, drivername="postgresql")
            yield url.render_as_string(hide_password=False)
        finally:
            self._execute(f"DROP DATABASE {name} WITH (FORCE)")

    def _execute(self, statement: str) -> None:
        address = self._url.set(drivername="postgresql").render_as_string(hide_password=False)
        with psycopg.connect(address, autocommit=True) as connection:
            connection.execute(statement)

    @staticmethod
    def _psql(address: str, *words: str) -> None:
        subprocess.run(
            [binaries() / "psql", "-q", "-X", "-v", "ON_ERROR_STOP=1", "-d", address, *words],
            check=True,
            stdout=subprocess.DEVNULL,
        )


def main(arguments: Sequence[str] | None = None) -> None:
    """The command."""
    wanted = _parser().parse_args(arguments)
    with TemporaryDirectory(prefix="a360-imports-") as name:
        folder = Path(name)
        # PostgreSQL runs as another user when this runs as root.
        folder.chmod(0o755)
        with lease(folder / "data", ephemeral=True) as server:
            bench = Bench(server, folder)
            asyncio.run(bench.prepare())
            plain = write_file(folder, "plain", rows=wanted.rows, has_phones=False)
            phones = write_file(folder, "phones", rows=wanted.rows, has_phones=True)
            figures = {
                "rows": wanted.rows,
                "rounds": wanted.rounds,
                "plain": _compare(bench, plain, rounds=wanted.rounds),
                "phones": _compare(bench, phones, rounds=wanted.rounds),
                "server": _serve(bench, plain),
            }
    print(json.dumps(figures, indent=2))


def _compare(bench: Bench, file: ImportFile, *, rounds: int) -> dict[str, Any]:
    product, batches, at_once = [], [], []
    for number in range(1, rounds + 1):
        product.append(bench.by_product(file, serves=False))
        say(f"{file.name} {number}: product {_rate(file, product[-1].seconds)}")
        batches.append(bench.by_psql(file, batch_rows=BATCH_ROWS))
        say(f"{file.name} {number}: psql in batches {_rate(file, batches[-1])}")
        at_once.append(bench.by_psql(file, batch_rows=file.rows))
        say(f"{file.name} {number}: psql at once {_rate(file, at_once[-1])}")
    ours, best = _median(product), min(map(statistics.median, (batches, at_once)))
    return {
        "product": _told(file, ours),
        "psql_batches_rows_per_second": round(file.rows / statistics.median(batches)),
        "psql_at_once_rows_per_second": round(file.rows / statistics.median(at_once)),
        "share_of_the_faster_psql": round(best / ours.seconds, 3),
    }


def _serve(bench: Bench, file: ImportFile) -> dict[str, Any]:
    served = bench.by_product(file, serves=True)
    say(f"{file.name}: server {_rate(file, served.seconds)}")
    return _told(file, served)


def _told(file: ImportFile, run: Product) -> dict[str, Any]:
    figures = {
        "rows_per_second": round(file.rows / run.seconds),
        "cpu_ms_per_thousand_rows": round(run.cpu_seconds / file.rows * 1e6, 1),
        "postgresql_cpu_ms_per_thousand_rows": round(
            run.postgresql_cpu_seconds / file.rows * 1e6, 1
        ),
        "growth_mib": round(run.growth_mib, 1),
        "upload_seconds": round(run.upload_seconds, 2),
    }
    return figures | ({"latency": asdict(run.latencies)} if run.latencies else {})


def _median(runs: Sequence[Product]) -> Product:
    return sorted(runs, key=lambda run: run.seconds)[(len(runs) - 1) // 2]


def _rate(file: ImportFile, seconds: float) -> str:
    return f"{seconds:.1f} s, {file.rows / seconds:,.0f} rows/s"


async def _begin(address: str, data: Path, file: ImportFile) -> None:
    """Take the file in, as a server does, and queue its import."""
    async with open_engine(normalize_database_url(address)) as engine:
        database = Database(engine)
        settings = UploadSettings(max_import_bytes=2**40)
        uploads = await open_uploads(data / "uploads", database, settings, store_url=None)
        upload = await uploads.receive(
            _chunks(file.path),
            owner=None,
            kind=UploadKind.CONTACTS,
            filename=file.path.name,
            media_type="text/csv",
        )
        async with database.write() as tx:
            request = ImportRequest(entity=ImportEntity.CONTACTS)
            await create_import(tx, request, upload, owner=None)


async def _chunks(path: Path) -> AsyncIterator[bytes]:
    async with aiofiles.open(path, "rb") as file:
        while chunk := await file.read(_CHUNK_BYTES):
            yield chunk


def _wait(address: str, file: ImportFile) -> float:
    """The seconds that the import took, once it has ended as it should."""
    with psycopg.connect(address, autocommit=True) as connection:
        while (row := connection.execute(_JOB).fetchone()) is None:
            time.sleep(_LOOK_SECONDS)
    status, counters, seconds = row
    if status != "COMPLETED" or counters.get("created") != file.rows:
        raise SystemExit(f"The import ended as {status}: {counters}")
    return float(seconds)


def _assert_whole(address: str, file: ImportFile) -> None:
    with psycopg.connect(address, autocommit=True) as connection:
        found = connection.execute(_COUNT).fetchone()
    if found != (file.rows, file.rows, file.companies):
        raise SystemExit(f"{file.name} gave {found} contacts, addresses and companies")


@contextmanager
def _running(
    words: Sequence[str], address: str, data: Path
) -> Iterator[tuple[subprocess.Popen[str], int]]:
    """A process of the product that is ready, and the port that it listens at, else 0."""
    process = subprocess.Popen(
        [_COMMAND, *words],
        env={**os.environ, "DATA_DIR": str(data), "DATABASE_URL": address, "LOG_LEVEL": "warning"},
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield process, _port(process)
    finally:
        process.terminate()
        process.wait(60)


def _port(process: subprocess.Popen[str]) -> int:
    assert process.stderr is not None
    for line in process.stderr:
        if found := re.search(r"http://\S+?:(\d+)/|(Working on)", line):
            read = partial(process.stderr.read)
            threading.Thread(target=read, daemon=True).start()
            return int(found[1] or 0)
    raise SystemExit("The process did not start.")


def _spent(pid: int) -> float:
    return cpu_seconds(pid) or 0.0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.imports", description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000, help="of a file (%(default)s)")
    parser.add_argument("--rounds", type=int, default=1, help="of all ways (%(default)s)")
    return parser


if __name__ == "__main__":
    main()
