"""Several processes of one server: started one after the other, replaced when they die, stopped.

The process that watches over them has neither an event loop nor threads, so that it can fork at
any time, and holds nothing that they use: no connection, no lease. It waits for signals, one of
which says that a process of its own has ended.
"""

import os
import select
import shutil
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from math import inf
from pathlib import Path
from typing import Final, NoReturn, Self

import structlog

from app.siblings import Place
from app.stopping import STOP_SECONDS, Wishes

_EARLY_SECONDS: Final = 5.0
_EARLY_DEATHS: Final = 5
_FIRST_PAUSE_SECONDS: Final = 0.1
_LAST_PAUSE_SECONDS: Final = 10.0
_FORK_PAUSE_SECONDS: Final = 1.0
_KILL_SECONDS: Final = STOP_SECONDS + 1.0
_AGAIN_SECONDS: Final = 1.0
# With the longest name of a socket in it, less than any system allows the path of one.
_MAX_FOLDER_CHARS: Final = 80

log = structlog.get_logger(__name__)


class ProcessesFailed(Exception):
    """The server cannot go on; the message says why."""


@dataclass(frozen=True, kw_only=True)
class Child:
    """What one of the processes is told of itself.

    Attributes:
        is_first: No process has served before.
        tether: Is at its end when the process that watches has gone.
        ready: Say here that requests are taken.
    """

    place: Place
    is_first: bool
    tether: int
    ready: int


Serve = Callable[[Child], int]
"""Serves until a signal comes, in a process of its own; its status."""


@dataclass
class _Process:
    """One of the processes, or the place for it."""

    number: int
    pid: int | None = None
    started_at: float = -inf
    due_at: float = -inf
    early_deaths: int = 0


def supervise(
    count: int,
    serve: Serve,
    *,
    on_stop: Callable[[], None],
    on_end: Callable[[int], None] = lambda _number: None,
    patience_seconds: float = _KILL_SECONDS,
    early_seconds: float = _EARLY_SECONDS,
) -> None:
    """Have so many processes serve until a signal comes.

    The first makes everything ready, and the others are started once it takes requests.

    Args:
        on_stop: Lets go of what the processes share, before they are told to stop.
        on_end: Is told the number of a process that has ended, however it did.
        patience_seconds: How long they may take to end before they are killed.
        early_seconds: Whoever ends sooner after the start has not come up.

    Raises:
        ProcessesFailed: The first could not start, one dies again and again before any has come
            up, or one does not stop as it should.
    """
    with _private_folder() as folder, _Signals() as signals:
        stopping = _Stopping(on_stop, patience_seconds)
        replacing = _Replacing(on_end, early_seconds)
        _Supervisor(count, serve, replacing, stopping, folder, signals).run()


class _Signals:
    """Signals of this process, one after the other."""

    _NUMBERS: Final = (signal.SIGCHLD, signal.SIGTERM, signal.SIGINT)

    def __enter__(self) -> Self:
        self.reading, self._writing = os.pipe()
        for end in (self.reading, self._writing):
            os.set_blocking(end, False)
        self._before = {number: signal.signal(number, _be_woken) for number in self._NUMBERS}
        signal.set_wakeup_fd(self._writing)
        return self

    def __exit__(self, *_exception: object) -> None:
        self.forget()

    def hand_over(self) -> None:
        """Let through those that were held, to whoever had them before."""
        self.forget()
        signal.pthread_sigmask(signal.SIG_UNBLOCK, self._NUMBERS)

    def forget(self) -> None:
        """Leave signals to whoever had them before."""
        signal.set_wakeup_fd(-1)
        for number, handler in self._before.items():
            signal.signal(number, handler)
        os.close(self.reading)
        os.close(self._writing)

    def taken(self) -> Sequence[int]:
        """Those that have come since the last time."""
        with suppress(BlockingIOError):
            return os.read(self.reading, 4096)
        return b""

    @contextmanager
    def held(self) -> Iterator[None]:
        """Signals wait as long as the block lasts."""
        signal.pthread_sigmask(signal.SIG_BLOCK, self._NUMBERS)
        try:
            yield
        finally:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, self._NUMBERS)


@dataclass
class _Replacing:
    """How those are replaced that end by themselves.

    Attributes:
        on_end: Is told the number of each that has ended.
        early_seconds: Whoever ends sooner after the start has not come up.
        has_one_come_up: Once one has, the others are started for ever: what keeps them from it
            will pass, and those that are up answer meanwhile.
    """

    on_end: Callable[[int], None]
    early_seconds: float
    has_one_come_up: bool = False

    def has_come_up(self, process: _Process) -> bool:
        """Whether a process has run for so long that it cannot be broken from the start."""
        return time.monotonic() - process.started_at >= self.early_seconds


@dataclass
class _Stopping:
    """How far the end is.

    Attributes:
        on_begin: Is called when it begins.
        patience_seconds: How long it may take.
        kill_at: When those are killed that are still there.
        failed: How many have ended otherwise than they should.
    """

    on_begin: Callable[[], None]
    patience_seconds: float
    kill_at: float = inf
    failed: int = 0
    wishes: Wishes = field(default_factory=Wishes)

    @property
    def is_begun(self) -> bool:
        """Whether nothing is started any more."""
        return self.kill_at < inf


class _Supervisor:
    """Watches over the processes."""

    def __init__(
        self,
        count: int,
        serve: Serve,
        replacing: _Replacing,
        stopping: _Stopping,
        folder: Path,
        signals: _Signals,
    ) -> None:
        self._serve = serve
        self._folder = folder
        self._signals = signals
        self._processes = [_Process(number) for number in range(count)]
        self._tether, self._held = os.pipe()
        self._ready, self._telling = os.pipe()
        self._is_ready = False
        self._replacing = replacing
        self._stopping = stopping
        self._problem: str | None = None

    def run(self) -> None:
        """Until all have ended."""
        try:
            while self._living() or not self._stopping.is_begun:
                self._start_due()
                self._wait()
                self._bury()
                self._kill_late()
        finally:
            for end in (self._tether, self._held, self._ready, self._telling):
                os.close(end)
        if self._problem is not None:
            raise ProcessesFailed(self._problem)
        if self._stopping.failed:
            raise ProcessesFailed(f"{self._stopping.failed} processes did not end as they should.")

    def _living(self) -> list[_Process]:
        return [process for process in self._processes if process.pid is not None]

    def _due(self) -> list[_Process]:
        """Those that are to be started now or later."""
        if self._stopping.is_begun:
            return []
        wanted = self._processes if self._is_ready else self._processes[:1]
        return [process for process in wanted if process.pid is None]

    def _start_due(self) -> None:
        for process in self._due():
            if process.due_at <= time.monotonic():
                self._start(process)

    def _start(self, process: _Process) -> None:
        process.started_at = time.monotonic()
        with self._signals.held():
            try:
                pid = os.fork()
            except OSError as error:
                # There are too many processes, or too little memory: the others go on.
                log.warning("process_not_started", number=process.number, reason=error.strerror)
                process.due_at = process.started_at + _FORK_PAUSE_SECONDS
                return
            if pid == 0:
                self._be_child(process.number)
        process.pid = pid

    def _be_child(self, number: int) -> NoReturn:
        """Serve, and end: what called this belongs to another process."""
        status = 1
        try:
            try:
                status = self._serve(self._child(number))
            except KeyboardInterrupt:
                status = 0
            except BaseException:  # noqa: BLE001  # nobody else would tell
                traceback.print_exc()
            sys.stderr.flush()
        finally:
            os._exit(status)

    def _child(self, number: int) -> Child:
        """What a process that has just been forked is; from here on it takes signals itself."""
        # Ctrl-C is for the process that watches, which passes it on.
        os.setpgrp()
        os.close(self._held)
        os.close(self._ready)
        self._signals.hand_over()
        return Child(
            place=Place(number, self._folder),
            is_first=not self._is_ready,
            tether=self._tether,
            ready=self._telling,
        )

    def _wait(self) -> None:
        """Until something happens or is due."""
        times = [process.due_at for process in self._due()] + [self._stopping.kill_at]
        seconds = max(0.0, min(times) - time.monotonic())
        watched = [self._signals.reading] + ([] if self._is_ready else [self._ready])
        ready, _, _ = select.select(watched, [], [], None if seconds == inf else seconds)
        self._is_ready = self._is_ready or self._ready in ready
        for number in self._signals.taken():
            if number != signal.SIGCHLD:
                self._stop(number)

    def _stop(self, number: int) -> None:
        """Take the wish to stop: a second one is in a hurry."""
        if self._stopping.wishes.is_new(number):
            self._pass_on(signal.SIGINT if self._stopping.is_begun else number)

    def _pass_on(self, number: int) -> None:
        if not self._stopping.is_begun:
            self._stopping.kill_at = time.monotonic() + self._stopping.patience_seconds
            self._stopping.on_begin()
        for process in self._living():
            os.kill(process.pid or 0, number)

    def _bury(self) -> None:
        """Take note of those that have ended."""
        for process in self._living():
            pid, status = os.waitpid(process.pid or 0, os.WNOHANG)
            if pid:
                self._replacing.on_end(process.number)
                self._ended(process, os.waitstatus_to_exitcode(status))

    def _ended(self, process: _Process, status: int) -> None:
        replacing = self._replacing
        replacing.has_one_come_up |= any(map(replacing.has_come_up, self._living()))
        process.pid = None
        if self._stopping.is_begun:
            self._stopping.failed += status != 0
        elif self._is_ready:
            self._replace(process, status)
        else:
            # It has said itself what is wrong.
            self._give_up("The server could not start.")

    def _replace(self, process: _Process, status: int) -> None:
        """Have it be started again, after a pause that grows when it ends as soon as it starts."""
        replacing = self._replacing
        process.early_deaths = 0 if replacing.has_come_up(process) else process.early_deaths + 1
        process.due_at = time.monotonic() + _pause_seconds(process.early_deaths)
        log.error("process_ended", number=process.number, status=status)
        if process.early_deaths >= _EARLY_DEATHS and not replacing.has_one_come_up:
            self._give_up(
                f"Process {process.number} has ended {_EARLY_DEATHS} times within"
                f" {replacing.early_seconds:g} s of its start, at last with status {status}. The"
                " lines above say why."
            )

    def _give_up(self, problem: str) -> None:
        self._problem = problem
        self._pass_on(signal.SIGTERM)

    def _kill_late(self) -> None:
        if time.monotonic() < self._stopping.kill_at:
            return
        for process in self._living():
            os.kill(process.pid or 0, signal.SIGKILL)
        self._stopping.kill_at += _AGAIN_SECONDS


def _pause_seconds(early_deaths: int) -> float:
    """How long to wait before the next start."""
    # Who tries for hours would come to numbers that no float holds.
    doublings = min(early_deaths, 10)
    return min(_FIRST_PAUSE_SECONDS * 2.0**doublings, _LAST_PAUSE_SECONDS)


def _be_woken(_number: int, _frame: object) -> None:
    """The signal's number is in the pipe by now."""


@contextmanager
def _private_folder() -> Iterator[Path]:
    """A new folder for this user alone, whose path is short enough for sockets."""
    is_short = len(tempfile.gettempdir()) < _MAX_FOLDER_CHARS
    folder = Path(tempfile.mkdtemp(prefix="a360-", dir=None if is_short else "/tmp"))  # noqa: S108  # mkdtemp makes one of its own there
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
