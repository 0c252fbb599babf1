"""The load generator, a process of its own: keeps some connections busy and takes the time.

Reads one job a line on stdin. For each it connects, warms the server up, waits until every answer
is there, says `warm` and waits for a line; then it sends for the time that was asked for, waits for
the last answer and writes the outcome as a line of JSON. Before that line and after the outcome
nothing is under way, so the caller can read the processor time of the server at both ends.
"""

import asyncio
import itertools
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from typing import Any, Final, cast

import httptools
import orjson
import uvloop

WARM: Final = b"warm\n"

_ANSWER_SECONDS: Final = 60.0
# PostgreSQL plans the first five executions of a prepared statement anew, on each connection.
# Source: PREPARE in its manual, plan_cache_mode.
_WARM_UP_ANSWERS: Final = 7
_ERRORS: Final = b'"errors":['


@dataclass(frozen=True)
class Job:
    """What to send, and for how long.

    Attributes:
        requests: Whole requests, sent in turn.
    """

    port: int
    requests: list[str]
    connections: int
    warm_up_seconds: float
    seconds: float

    def to_line(self) -> bytes:
        """The job as the load generator reads it."""
        return orjson.dumps(asdict(self)) + b"\n"


@dataclass(frozen=True)
class Outcome:
    """What one job came to."""

    requests: int
    seconds: float
    p50_ms: float
    p99_ms: float
    bytes: int


@dataclass
class _Window:
    """A stretch of time in which requests are sent, and what came back.

    Attributes:
        answers: A connection goes on after the deadline until it has this many.
    """

    deadline: float
    requests: Iterator[bytes]
    answers: int
    latencies: list[float] = field(default_factory=list)
    bytes: int = 0


class _Connection(asyncio.Protocol):
    """One connection: the next request goes out when the answer to the last one is complete."""

    def __init__(self) -> None:
        self._parser = httptools.HttpResponseParser(self)
        self._window: _Window
        self._idle: asyncio.Future[None]
        self._sent_at = 0.0
        self._failed = False
        self._answers = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def start(self, window: _Window) -> asyncio.Future[None]:
        """Send until the window's deadline; done when the last answer is there."""
        self._window = window
        self._answers = 0
        self._idle = asyncio.get_running_loop().create_future()
        self._send()
        return self._idle

    def close(self) -> None:
        self._transport.close()

    def data_received(self, data: bytes) -> None:
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError as error:
            self._fail(f"not HTTP: {error!r}")

    def connection_lost(self, error: Exception | None) -> None:
        self._fail(f"the connection was closed: {error!r}")

    def on_body(self, body: bytes) -> None:
        self._window.bytes += len(body)
        if _ERRORS in body or self._parser.get_status_code() != 200:
            self._failed = True
            self._fail(f"status {self._parser.get_status_code()}: {body[:500]!r}")

    def on_message_complete(self) -> None:
        now = time.perf_counter()
        self._window.latencies.append(now - self._sent_at)
        self._answers += 1
        if self._failed:
            return
        if now < self._window.deadline or self._answers < self._window.answers:
            self._send()
        else:
            self._idle.set_result(None)

    def _send(self) -> None:
        self._sent_at = time.perf_counter()
        self._transport.write(next(self._window.requests))

    def _fail(self, reason: str) -> None:
        if not self._idle.done():
            self._idle.set_exception(ConnectionError(reason))


async def _run(job: Job) -> Outcome:
    loop = asyncio.get_running_loop()
    requests = itertools.cycle([request.encode() for request in job.requests])
    connections = [
        (await loop.create_connection(_Connection, "127.0.0.1", job.port))[1]
        for _ in range(job.connections)
    ]
    await _send_all(connections, requests, job.warm_up_seconds, answers=_WARM_UP_ANSWERS)
    _say(WARM)
    sys.stdin.buffer.readline()
    started = time.perf_counter()
    window = await _send_all(connections, requests, job.seconds)
    seconds = time.perf_counter() - started
    for connection in connections:
        connection.close()
    return _outcome(window, seconds)


async def _send_all(
    connections: list[_Connection],
    requests: Iterator[bytes],
    seconds: float,
    *,
    answers: int = 1,
) -> _Window:
    window = _Window(time.perf_counter() + seconds, requests, answers)
    async with asyncio.timeout(seconds + _ANSWER_SECONDS):
        await asyncio.gather(*(connection.start(window) for connection in connections))
    return window


def _outcome(window: _Window, seconds: float) -> Outcome:
    latencies = sorted(window.latencies)
    count = len(latencies)
    return Outcome(
        requests=count,
        seconds=seconds,
        p50_ms=latencies[count // 2] * 1000,
        p99_ms=latencies[min(count - 1, count * 99 // 100)] * 1000,
        bytes=window.bytes // count,
    )


def _say(line: bytes) -> None:
    sys.stdout.buffer.write(line)
    sys.stdout.buffer.flush()


def main() -> None:
    """Do one job after the other until stdin ends."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        while line := sys.stdin.buffer.readline():
            wanted: dict[str, Any] = orjson.loads(line)
            _say(orjson.dumps(asdict(runner.run(_run(Job(**wanted))))) + b"\n")


if __name__ == "__main__":
    main()
