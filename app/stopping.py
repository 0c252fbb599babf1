"""One deadline for a process that is to stop: requests, jobs and tasks share it."""

import time
from collections.abc import Callable
from math import inf
from typing import Final

STOP_SECONDS: Final = 28.0
"""What may pass from the signal to the end; whoever started the process gives it a little more."""

REQUEST_SECONDS: Final = 20
"""What requests under way may take of it; jobs stop at the same time, tasks have the rest."""


class StopClock:
    """Tells how long a process may go on, and whether it should be sent requests still.

    Args:
        seconds: From the moment on at which it is to stop.
        now: Tells the time, in seconds.
    """

    def __init__(
        self, seconds: float = STOP_SECONDS, *, now: Callable[[], float] = time.monotonic
    ) -> None:
        self._seconds = seconds
        self._now = now
        self._ends = inf
        self._is_draining = False

    @property
    def is_draining(self) -> bool:
        """Whether requests should go elsewhere: it will stop, though it still answers them."""
        return self._is_draining or self._ends < inf

    def drain(self) -> None:
        """The process is to stop soon."""
        self._is_draining = True

    def begin(self) -> None:
        """The process is to stop. Only the first time counts."""
        if self._ends == inf:
            self._ends = self._now() + self._seconds

    def at_most(self, seconds: float) -> float:
        """So many seconds, or what is left when that is less."""
        return max(0.0, min(seconds, self._ends - self._now()))
