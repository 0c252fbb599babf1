"""The embedded PostgreSQL for tests: its folders, who holds it, and looks from outside."""

import json
import os
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

from app.embedded.binaries import binaries
from app.embedded.server import EmbeddedServer

PROJECT = Path(__file__).parents[2]

HOLDER = """
import json, os, sys
from pathlib import Path
from app.embedded.server import acquire, default_folder
folder, uid, options = Path(sys.argv[1]), int(sys.argv[2]), json.loads(sys.argv[3])
if uid:
    os.setgroups([]); os.setgid(uid); os.setuid(uid)
server = acquire(folder, **options)
told = {"pid": server.pid, "started": server.started, "dsn": server.dsn}
print(json.dumps(told | {"default_folder": str(default_folder())}), flush=True)
sys.stdin.readline()
server.release()
"""


class Holder:
    """Another process that holds a lease until it is told to release it, or is killed."""

    def __init__(
        self, folder: Path, *, uid: int = 0, env: dict[str, str] | None = None, **options: Any
    ) -> None:
        options = {"durable": False, **options}
        self.process = subprocess.Popen(
            [sys.executable, "-c", HOLDER, str(folder), str(uid), json.dumps(options)],
            cwd=PROJECT,
            env={**os.environ, **(env or {})},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._server: dict[str, Any] | None = None

    @property
    def server(self) -> dict[str, Any]:
        """What the process got; waits until it has it."""
        if self._server is None:
            assert self.process.stdout is not None
            assert select.select([self.process.stdout], [], [], 30)[0], "no server in 30 s"
            self._server = json.loads(self.process.stdout.readline())
        return self._server

    def release(self) -> None:
        self.process.communicate("\n", timeout=30)
        assert self.process.returncode == 0

    def kill(self) -> None:
        self.process.kill()
        self.process.wait(timeout=10)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        with self.process:
            if self.process.poll() is None:
                self.process.kill()


@contextmanager
def open_parent() -> Iterator[Path]:
    parent = Path(tempfile.mkdtemp(prefix="a360-"))
    parent.chmod(0o755)
    yield parent
    stop_leftovers(parent)
    shutil.rmtree(parent)


def stop_leftovers(parent: Path) -> None:
    for pid_file in parent.glob("**/postmaster.pid"):
        words = pid_file.read_text().split()
        if words and str(parent) in process_column(int(words[0]), "args"):
            os.kill(int(words[0]), signal.SIGQUIT)


def process_column(pid: int, column: str) -> str:
    """What ps says of a process; empty when there is none."""
    command = ["ps", "-ww", "-o", f"{column}=", "-p", str(pid)]
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()


def is_alive(pid: int) -> bool:
    return process_column(pid, "stat")[:1] not in {"", "Z"}


def eventually(holds: Callable[[], bool], *, seconds: float = 10) -> bool:
    deadline = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.01)
    return True


def psql(dsn: str, sql: str, **env: str) -> str:
    """The answer of the database, or the client's error."""
    done = subprocess.run(
        [binaries() / "psql", "-XAtw", dsn.replace("+asyncpg", ""), "-c", sql],
        env={"PATH": os.environ["PATH"], **env},
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
    )
    return (done.stdout or done.stderr).strip()


def data_of(server: EmbeddedServer) -> Path:
    return server.folder / "pg18" / "data"


def kill_postmaster(server: EmbeddedServer) -> None:
    os.kill(server.pid, signal.SIGKILL)
    assert eventually(lambda: not is_alive(server.pid))
