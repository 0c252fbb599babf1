"""What a process needs, and how soon it answers, while it is busy with something else."""

import http.client
import os
import statistics
import threading
import time
from abc import ABC, abstractmethod
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Final, Self

_PAGE_BYTES: Final = os.sysconf("SC_PAGE_SIZE")
_MEBIBYTE: Final = 2**20
_LOOK_SECONDS: Final = 0.05
_BEAT_SECONDS: Final = 0.02


@dataclass(frozen=True)
class Latencies:
    """How long small requests waited."""

    requests: int
    p50_ms: float
    p99_ms: float
    most_ms: float


class _Watch(ABC, threading.Thread):
    """Does something again and again, as long as the block lasts."""

    def __init__(self, every_seconds: float) -> None:
        super().__init__(daemon=True)
        self._every_seconds = every_seconds
        self._stopped = threading.Event()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        self._stopped.set()
        self.join()

    @abstractmethod
    def look(self) -> None:
        """Do it once."""

    def run(self) -> None:
        """Do it until the block ends."""
        while not self._stopped.wait(self._every_seconds):
            self.look()


class MemoryWatch(_Watch):
    """The most memory that a process has."""

    def __init__(self, pid: int) -> None:
        super().__init__(_LOOK_SECONDS)
        self._statm = Path(f"/proc/{pid}/statm")
        self._before = self._most = self._resident_mib()

    @property
    def growth_mib(self) -> float:
        """The most that it had, less what it had at the beginning."""
        return self._most - self._before

    def look(self) -> None:
        """Take a look."""
        self._most = max(self._most, self._resident_mib())

    def _resident_mib(self) -> float:
        return int(self._statm.read_text().split()[1]) * _PAGE_BYTES / _MEBIBYTE


class Pulse(_Watch):
    """A client that asks a server whether it lives, and takes the time."""

    def __init__(self, port: int) -> None:
        super().__init__(_BEAT_SECONDS)
        self._port = port
        self._waits: list[float] = []

    def latencies(self) -> Latencies:
        """How long the answers took."""
        cuts = statistics.quantiles(self._waits, n=100)
        told = (1000 * seconds for seconds in (cuts[49], cuts[98], max(self._waits)))
        return Latencies(len(self._waits), *(round(milliseconds, 2) for milliseconds in told))

    def run(self) -> None:
        """Ask until the block ends."""
        with closing(http.client.HTTPConnection("127.0.0.1", self._port)) as self._connection:
            super().run()

    def look(self) -> None:
        """Ask once."""
        began = time.perf_counter()
        self.ask(self._connection)
        self._waits.append(time.perf_counter() - began)

    def ask(self, connection: http.client.HTTPConnection) -> None:
        """Send what is asked, and read the answer."""
        connection.request("GET", "/health/live")
        connection.getresponse().read()
