"""One measurement: an operation under load, and the processor time that it took on both sides."""

import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

import orjson

from benchmarks.database import SeededDatabase
from benchmarks.load import WARM, Job, Outcome
from benchmarks.operations import Operation
from benchmarks.processor import cpu_seconds
from benchmarks.servers.process import RunningServer, ServerFailed

_WARM_UP_SHARE: Final = 0.125


@dataclass(frozen=True, kw_only=True)
class Measurement:
    """What one server spent on a request of one operation; None where it is not counted."""

    server: str
    operation: str
    cpu_ms: float | None
    pg_cpu_ms: float | None
    rps: float
    p50_ms: float
    p99_ms: float
    bytes: int


def cost_of(measured: Sequence[Measurement], server: str, operation: str) -> float:
    """Milliseconds of the server's processor time for a request."""
    (cost,) = (
        row.cpu_ms
        for row in measured
        if (row.server, row.operation) == (server, operation) and row.cpu_ms is not None
    )
    return cost


class LoadGenerator:
    """The process that sends the requests; one for all measurements, as starting it takes time."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process

    def measure(
        self,
        server: RunningServer,
        operation: Operation,
        database: SeededDatabase,
        *,
        seconds: float,
        connections: int,
    ) -> Measurement:
        """The cost of an operation while it is all the server does.

        Raises:
            ServerFailed: A request was answered with an error, or not at all.
        """
        job = Job(
            port=server.port,
            requests=_requests(server, operation, database),
            connections=connections,
            warm_up_seconds=seconds * _WARM_UP_SHARE,
            seconds=seconds,
        )
        outcome, spent_ms = self._watch(job, (server.process.pid, database.pid))
        cpu_ms, pg_cpu_ms = (
            None if spent is None else spent / outcome.requests for spent in spent_ms
        )
        return Measurement(
            server=server.name,
            operation=operation.name,
            cpu_ms=cpu_ms,
            pg_cpu_ms=pg_cpu_ms,
            rps=outcome.requests / outcome.seconds,
            p50_ms=outcome.p50_ms,
            p99_ms=outcome.p99_ms,
            bytes=outcome.bytes,
        )

    def _watch(self, job: Job, pids: tuple[int, int]) -> tuple[Outcome, list[float | None]]:
        """What the job came to, and the processor time of each process while requests were sent."""
        if self._exchange(job.to_line()) != WARM:
            raise ServerFailed("A server failed under load; see above.")
        before = [cpu_seconds(pid) for pid in pids]
        line = self._exchange(b"go\n")
        if not line:
            raise ServerFailed("A server failed under load; see above.")
        after = [cpu_seconds(pid) for pid in pids]
        spent_ms = [
            None if start is None or end is None else (end - start) * 1000
            for start, end in zip(before, after, strict=True)
        ]
        return Outcome(**orjson.loads(line)), spent_ms

    def _exchange(self, line: bytes) -> bytes:
        """The next line after this one; empty when the process has ended."""
        stdin, stdout = self._process.stdin, self._process.stdout
        assert stdin is not None
        assert stdout is not None
        stdin.write(line)
        stdin.flush()
        return stdout.readline()


@contextmanager
def open_load_generator() -> Iterator[LoadGenerator]:
    """The load generator, until the end of the block."""
    command = [sys.executable, "-m", "benchmarks.load"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        try:
            yield LoadGenerator(process)
        finally:
            process.terminate()


def _requests(server: RunningServer, operation: Operation, database: SeededDatabase) -> list[str]:
    contacts = database.contact_ids if operation.rotates else database.contact_ids[:1]
    return [server.request(operation, contact).as_bytes().decode() for contact in contacts]
