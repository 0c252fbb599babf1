"""`make bench-uploads`: a gigabyte by tus, beside a plain copy of the same file with fsync.

The ways take turns, round by round, and the medians are told: bytes a second, what share of the
copy's speed that is, the processor time of the server, how much its memory grows, and how long a
small request waits meanwhile. Client, server and disk are those of one machine, so the client takes
its part of the processors.
"""

import argparse
import http.client
import os
import statistics
import time
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from benchmarks.processor import cpu_seconds
from benchmarks.serving import Served, serving
from benchmarks.watching import MemoryWatch, Pulse
from streaming.tus import write_metadata

_MEBIBYTE: Final = 2**20
_BLOCK_BYTES: Final = 2**20
_PIECE_BYTES: Final = 16 * _MEBIBYTE
_ASK_SECONDS: Final = 0.02


@dataclass(frozen=True)
class _Run:
    """One file that was sent."""

    seconds: float
    cpu_seconds: float
    growth_mib: float
    p99_ms: float


def main(arguments: Sequence[str] | None = None) -> None:
    """The command."""
    wanted = _parser().parse_args(arguments)
    size = wanted.megabytes * 1_000_000
    with TemporaryDirectory(prefix="a360-uploads-", dir=wanted.folder) as folder:
        # PostgreSQL runs as another user when this runs as root.
        Path(folder).chmod(0o755)
        source = Path(folder) / "source"
        _write(source, size)
        with serving("--no-jobs", DATA_DIR=str(Path(folder) / "data")) as served:
            _compare(served, source, size, rounds=wanted.rounds)


def _compare(served: Served, source: Path, size: int, *, rounds: int) -> None:
    ways = {"one request": size, "pieces of 16 MiB": _PIECE_BYTES}
    runs: dict[str, list[_Run]] = {name: [] for name in ways}
    copies: list[float] = []
    for _ in range(rounds):
        copies.append(_timed(partial(_copy, source)))
        for name, piece in ways.items():
            runs[name].append(_upload(served, source, size, piece))
    copy = statistics.median(copies)
    print(f"{'plain copy, fsync':20}{size / copy / 1e6:6.0f} MB/s")
    for name, taken in runs.items():
        print(f"{f'tus, {name}':20}{_told(taken, size, copy)}")


def _told(runs: Sequence[_Run], size: int, copy: float) -> str:
    seconds = statistics.median(run.seconds for run in runs)
    spent = statistics.median(run.cpu_seconds for run in runs)
    growth = statistics.median(run.growth_mib for run in runs)
    p99 = statistics.median(run.p99_ms for run in runs)
    return (
        f"{size / seconds / 1e6:6.0f} MB/s, {copy / seconds:.0%} of the copy,"
        f" {spent / size * 1e9:.2f} s of CPU a GB, growth {growth:+.1f} MiB,"
        f" small requests p99 {p99:.0f} ms"
    )


def _upload(served: Served, source: Path, size: int, piece: int) -> _Run:
    pid = served.process.pid
    spent = cpu_seconds(pid) or 0.0
    with MemoryWatch(pid) as memory, Pulse(served.port) as pulse:
        path = _create(served, size)
        seconds = _timed(partial(_send, served, path, source, size, piece))
    spent = (cpu_seconds(pid) or 0.0) - spent
    _ask(served, "DELETE", path, {})
    return _Run(seconds, spent, memory.growth_mib, pulse.latencies().p99_ms)


def _create(served: Served, size: int) -> str:
    told = write_metadata({"filename": "contacts.csv", "kind": "contacts"})
    headers = {"Upload-Length": str(size), "Upload-Metadata": told}
    location = _ask(served, "POST", "/api/v1/uploads/", headers).headers["Location"]
    assert location is not None
    return location


def _send(served: Served, path: str, source: Path, size: int, piece: int) -> None:
    with closing(served.connect(block_bytes=_BLOCK_BYTES)) as connection, source.open("rb") as file:
        for start in range(0, size, piece):
            length = min(piece, size - start)
            body = file if length == size else file.read(length)
            headers = {
                "Authorization": f"Bearer {served.token}",
                "Tus-Resumable": "1.0.0",
                "Content-Type": "application/offset+octet-stream",
                "Upload-Offset": str(start),
                "Content-Length": str(length),
            }
            connection.request("PATCH", path, body, headers)
            _require_success(connection.getresponse())


def _ask(
    served: Served, method: str, path: str, headers: dict[str, str]
) -> http.client.HTTPResponse:
    with closing(served.connect(block_bytes=_BLOCK_BYTES)) as connection:
        usual = {"Authorization": f"Bearer {served.token}", "Tus-Resumable": "1.0.0"}
        connection.request(method, path, headers=usual | headers)
        return _require_success(connection.getresponse())


def _require_success(answer: http.client.HTTPResponse) -> http.client.HTTPResponse:
    body = answer.read()
    if answer.status not in {201, 204}:
        raise SystemExit(f"The server answered with {answer.status}: {body!r}")
    return answer


def _timed(act: partial[None]) -> float:
    began = time.perf_counter()
    act()
    return time.perf_counter() - began


def _copy(source: Path) -> None:
    target = source.with_name("copy")
    with source.open("rb", buffering=0) as read, target.open("wb", buffering=0) as written:
        while block := read.read(_BLOCK_BYTES):
            written.write(block)
        os.fsync(written.fileno())
    target.unlink()


def _write(path: Path, size: int) -> None:
    block = os.urandom(_BLOCK_BYTES)
    with path.open("wb") as file:
        for start in range(0, size, _BLOCK_BYTES):
            file.write(block[: size - start])
        file.flush()
        os.fsync(file.fileno())


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.uploads", description=__doc__)
    add = parser.add_argument
    add("--rounds", type=int, default=3, help="of all ways (%(default)s)")
    add("--megabytes", type=int, default=1000, help="of the file (%(default)s)")
    add("--folder", type=Path, help="on the disk to measure; the usual for temporary files")
    return parser


if __name__ == "__main__":
    main()
