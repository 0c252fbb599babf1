"""Processes of PostgreSQL: starting the postmaster, and telling whether one still lives.

Owns every question about a pid. The rule: a pid alone proves nothing (its process may be a zombie,
or another one by now), so a process counts as ours only by its command line.
"""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import suppress
from pathlib import Path

from app.embedded.binaries import Account, EmbeddedServerError, environment

_TETHER = Path(__file__).with_name("tether.py")
_QUIT_SECONDS, _KILL_SECONDS = 5.0, 5.0


class Child:
    """A process that we started, and the thread that waits for its end.

    The thread is what keeps it: it reaps the child at once, so that no zombie passes for a server,
    and it lives as long as we do. Linux ends a tethered child with the thread that started it, and
    the caller's may be one of a pool.
    """

    def __init__(
        self,
        command: list[str],
        folder: Path,
        *,
        account: Account | None,
        log: int,
        tethered: bool,
    ) -> None:
        self._started: Future[int] = Future()
        self.exit: Future[int] = Future()
        if tethered:
            command, account = _tether(command, account), None
        threading.Thread(
            target=self._keep, args=(command, folder, account, log), daemon=True
        ).start()
        self.pid = self._started.result()

    def _keep(self, command: list[str], folder: Path, account: Account | None, log: int) -> None:
        try:
            # A session of its own: Ctrl-C in the terminal reaches the app, and only the app.
            process = subprocess.Popen(  # noqa: S603 - our own program, never words from a request
                command,
                cwd=folder,
                env=environment(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                user=account.uid if account else None,
                group=account.gid if account else None,
                extra_groups=[] if account else None,
            )
        except (OSError, subprocess.SubprocessError) as error:
            self._started.set_exception(error)
            return
        self._started.set_result(process.pid)
        self.exit.set_result(process.wait())


def is_postmaster(pid: int, data: Path) -> bool:
    """Whether this process is alive and is the server of this data folder."""
    # A zombie has no command line. The blank keeps /a/data from matching /a/data2.
    return f"/postgres -D {data} " in f"{_command_line(pid)} "


def await_end(pid: int, data: Path) -> None:
    """Returns when the process no longer is the server of this data folder."""
    deadline = time.monotonic() + _KILL_SECONDS
    while is_postmaster(pid, data):
        if time.monotonic() > deadline:
            raise EmbeddedServerError(f"The PostgreSQL server with pid {pid} does not end.")
        time.sleep(0.005)


def end_orphans(cluster_name: str) -> None:
    """Ends what a killed postmaster left behind.

    Its backends end by themselves only when they next wait for something; until then PostgreSQL
    refuses to start on the same data ("pre-existing shared memory block is still in use").
    """
    begun = time.monotonic()
    while orphans := list(_orphans(cluster_name)):
        waited_seconds = time.monotonic() - begun
        if waited_seconds > _QUIT_SECONDS + _KILL_SECONDS:
            raise EmbeddedServerError(
                f"Processes of a killed PostgreSQL server do not end: pids {orphans}. End them."
            )
        for pid in orphans:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGQUIT if waited_seconds < _QUIT_SECONDS else signal.SIGKILL)
        time.sleep(0.02)


def _tether(command: list[str], account: Account | None) -> list[str]:
    uid, gid = (account.uid, account.gid) if account else (-1, -1)
    ids = [str(number) for number in (os.getpid(), uid, gid)]
    return [sys.executable, "-I", "-S", str(_TETHER), *ids, *command]


def _orphans(cluster_name: str) -> Iterator[int]:
    for pid in _pids():
        if _command_line(pid).startswith(f"postgres: {cluster_name}: "):
            yield pid


def _pids() -> list[int]:
    if sys.platform != "linux":
        return [int(word) for word in _ps("-axo", "pid=").split()]
    return [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdecimal()]


def _command_line(pid: int) -> str:
    """The arguments of a process with blanks between; empty for a dead one and for a zombie."""
    if sys.platform != "linux":
        return _ps("-ww", "-o", "command=", "-p", str(pid)).strip()
    try:
        arguments = Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return ""
    return os.fsdecode(arguments.replace(b"\0", b" ")).strip()


def _ps(*arguments: str) -> str:
    command = ["/bin/ps", *arguments]
    done = subprocess.run(  # noqa: S603 - a fixed program, and numbers
        command, capture_output=True, text=True, errors="surrogateescape", check=False
    )
    return done.stdout
