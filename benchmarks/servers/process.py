"""Servers as processes: started side by side, awaited, asked once, and stopped by their pid."""

import http.client
import os
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from benchmarks.operations import Operation, Request
from benchmarks.servers.entry import Place, Server

_ROOT: Final = Path(__file__).parents[2]
_READY_SECONDS: Final = 60.0
_STOP_SECONDS: Final = 20.0
_LOG_CHARS: Final = 3000


class ServerFailed(Exception):
    """A server did not start, or did not answer as it should."""


@dataclass(frozen=True)
class RunningServer:
    """A server that takes requests."""

    server: Server
    port: int
    process: subprocess.Popen[bytes]
    log: Path

    @property
    def name(self) -> str:
        """The server's name."""
        return self.server.name

    def request(self, operation: Operation, contact: int) -> Request:
        """The request for an operation."""
        return self.server.ask(operation, contact)

    def answer(self, operation: Operation, contact: int) -> bytes:
        """The body of the answer to one request.

        Raises:
            ServerFailed: It was not answered with 200.
        """
        request = self.request(operation, contact)
        headers = {"Content-Type": "application/json", **request.headers}
        status, body = _exchange(self.port, "POST", request.path, request.body, headers)
        if status != 200:
            raise ServerFailed(f"{self.name} answered {operation.name} with {status}: {body!r}")
        return body

    def await_ready(self) -> None:
        """Return when requests can be sent.

        Raises:
            ServerFailed: It ended, or took too long.
        """
        deadline = time.monotonic() + _READY_SECONDS
        while time.monotonic() < deadline and self.process.poll() is None:
            try:
                if _exchange(self.port, "GET", self.server.ready_path)[0] == 200:
                    return
            except OSError:
                pass
            time.sleep(0.05)
        said = self.log.read_text(errors="replace")[-_LOG_CHARS:]
        raise ServerFailed(f"{self.name} did not start. It said:\n{said}")

    def await_end(self) -> None:
        """Return when the process has ended, by force when it does not end by itself."""
        try:
            self.process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


@contextmanager
def running(
    servers: list[Server], *, database_url: str, connections: int, npm_folder: Path
) -> Iterator[list[RunningServer]]:
    """All servers at once, each on a port of its own, until the end of the block."""
    started: list[RunningServer] = []
    with TemporaryDirectory(prefix="benchmarks-") as folder:
        try:
            for server in servers:
                place = Place(
                    port=_free_port(),
                    database_url=database_url,
                    connections=connections,
                    npm_folder=npm_folder,
                )
                started.append(_start(server, place, folder=Path(folder)))
            for running_server in started:
                running_server.await_ready()
            yield started
        finally:
            _stop(started)


def _stop(servers: list[RunningServer]) -> None:
    for server in servers:
        server.process.terminate()
    for server in servers:
        server.await_end()


def _start(server: Server, place: Place, *, folder: Path) -> RunningServer:
    log = folder / f"{server.name}.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            server.command(place),
            # A folder without a .env: nobody's own settings are measured.
            cwd=folder,
            env={**os.environ, "PYTHONPATH": str(_ROOT), **server.environment(place)},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
        )
    return RunningServer(server, place.port, process, log)


def _exchange(
    port: int,
    method: str,
    path: str,
    body: bytes | None = None,
    headers: dict[str, str] | None = None,
) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        connection.request(method, path, body, headers or {})
        response = connection.getresponse()
        return response.status, response.read()
    finally:
        connection.close()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
