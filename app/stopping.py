"""One deadline for a process that is to stop: requests, jobs and tasks share it."""

import faulthandler
import time
from collections.abc import Callable
from math import inf
from typing import Final

STOP_SECONDS: Final = 28.0
"""What may pass from the signal to the end; whoever started the process gives it a little more."""

REQUEST_SECONDS: Final = 20.0
"""Until when after the signal requests are waited for; jobs stop meanwhile, tasks have the rest."""

MAX_DRAIN_SECONDS: Final = 15.0
"""How long one may go on answering at most: those that come last need their time, too."""

_LAST_RESORT_SECONDS: Final = STOP_SECONDS + 0.5
_SAME_WISH_SECONDS: Final = 0.5


def end_at_last() -> None:
    """Have the process be gone in time, and tell where it hangs if nothing else ends it."""
    faulthandler.dump_traceback_later(_LAST_RESORT_SECONDS, exit=True)


class Wishes:
    """Signals that ask to stop: what comes twice within half a second came once."""

    def __init__(self) -> None:
        self._came_at: dict[int, float] = {}

    @property
    def have_come(self) -> bool:
        """Whether any signal has."""
        return bool(self._came_at)

    def is_new(self, number: int) -> bool:
        """Whether a signal that comes now is another wish than the last of its kind."""
        now = time.monotonic()
        before, self._came_at[number] = self._came_at.get(number, -inf), now
        return now - before >= _SAME_WISH_SECONDS


class StopClock:
    """Tells how long a process may go on, and whether it should be sent requests still.

    Args:
        seconds: From the moment on at which it is told to stop.
        now: Tells the time, in seconds.
    """

    def __init__(
        self, seconds: float = STOP_SECONDS, *, now: Callable[[], float] = time.monotonic
    ) -> None:
        self._seconds = seconds
        self._now = now
        self._told_at = inf
        self._to_do: list[Callable[[], None]] = []

    @property
    def is_draining(self) -> bool:
        """Whether requests should go elsewhere: it will stop, though it still answers them."""
        return self._told_at < inf

    def begin(self) -> None:
        """The process is to stop, at once or after a while; the time runs from the first call."""
        if not self.is_draining:
            self._told_at = self._now()
            for do in self._to_do:
                do()

    def on_begin(self, do: Callable[[], None]) -> None:
        """Have something done at the moment when the time begins to run."""
        self._to_do.append(do)

    def left_of(self, seconds: float) -> float:
        """What is left of so many seconds from the signal on; all of them before it."""
        passed = self._now() - self._told_at if self.is_draining else 0.0
        return max(0.0, seconds - passed)

    def at_most(self, seconds: float) -> float:
        """So many seconds from now on, or what is left in all when that is less."""
        return min(seconds, self.left_of(self._seconds)) if self.is_draining else seconds
