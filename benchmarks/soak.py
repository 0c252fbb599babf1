"""`make soak`: the memory of a server that does nothing but one operation for a minute.

Prints the resident memory of the server process every ten seconds, and how much it grew from second
20 on. Until then caches and pools fill, and the interpreter takes the memory that a page needs.
"""

import argparse
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from app.embedded.binaries import EmbeddedServerError
from benchmarks.database import Scale, open_database
from benchmarks.measure import open_load_generator
from benchmarks.operations import load_operation, operation_names
from benchmarks.options import add_load_options
from benchmarks.progress import say
from benchmarks.servers.catalogue import SERVERS
from benchmarks.servers.process import ServerFailed, running

_SETTLED_SECONDS: Final = 20.0
_SHOWN_EVERY: Final = 10
_PAGE_BYTES: Final = 4096
_MEBIBYTE: Final = 2**20

Sample = tuple[float, float]
"""Seconds since the start, and resident MiB."""


class Sampler(threading.Thread):
    """Looks at the resident memory of a process once a second until it is stopped."""

    def __init__(self, pid: int) -> None:
        super().__init__(daemon=True)
        self._file = Path(f"/proc/{pid}/statm")
        self._stopped = threading.Event()
        self.samples: list[Sample] = []

    def run(self) -> None:
        """Take samples."""
        started = time.monotonic()
        while True:
            pages = int(self._file.read_text().split()[1])
            now = time.monotonic() - started
            self.samples.append((now, pages * _PAGE_BYTES / _MEBIBYTE))
            if self._stopped.wait(1.0):
                return

    def stop(self) -> None:
        """Take no more."""
        self._stopped.set()
        self.join()


def growth_mib(samples: Sequence[Sample], *, since_seconds: float = _SETTLED_SECONDS) -> float:
    """How much more is in use at the end than at a time: medians of the five samples at each."""
    later = [memory for seconds, memory in samples if seconds >= since_seconds]
    if not later:
        raise ValueError(f"there is no sample after second {since_seconds:g}")
    first, last = sorted(later[:5]), sorted(later[-5:])
    return last[len(last) // 2] - first[len(first) // 2]


def main(arguments: Sequence[str] | None = None) -> None:
    """The command."""
    wanted = _parser().parse_args(arguments)
    scale = Scale(contacts=wanted.contacts, companies=wanted.companies)
    try:
        samples = _load(wanted, scale)
    except (EmbeddedServerError, ServerFailed) as error:
        raise SystemExit(str(error)) from None
    for seconds, memory in samples[::_SHOWN_EVERY]:
        print(f"{seconds:5.0f} s  {memory:7.1f} MiB")
    since = min(_SETTLED_SECONDS, wanted.seconds / 3)
    print(f"growth after second {since:g}: {growth_mib(samples, since_seconds=since):+.1f} MiB")


def _load(wanted: argparse.Namespace, scale: Scale) -> list[Sample]:
    server, operation = SERVERS[wanted.server], load_operation(wanted.operation)
    with (
        open_database(wanted.data, scale, progress=say) as database,
        running(
            [server],
            database_url=database.url,
            connections=wanted.connections,
            npm_folder=wanted.data / "peers",
        ) as started,
        open_load_generator() as load,
    ):
        sampler = Sampler(started[0].process.pid)
        sampler.start()
        measured = load.measure(
            started[0],
            operation,
            database,
            seconds=wanted.seconds,
            connections=wanted.connections,
        )
        sampler.stop()
    print(f"{operation.name} on {server.name}: {measured.rps:.0f} requests/s")
    return sampler.samples


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.soak", description=__doc__)
    add = parser.add_argument
    add("--seconds", type=float, default=60.0, help="for how long (%(default)s)")
    add("--server", choices=SERVERS, default="appointment360", help="which (%(default)s)")
    add("--operation", choices=operation_names(), default="q1", help="which (%(default)s)")
    add_load_options(parser)
    return parser


if __name__ == "__main__":
    main()
