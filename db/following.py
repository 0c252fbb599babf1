"""What is known of how a replica follows the primary; it only ever errs on the safe side."""

import math
import time
from collections import deque
from datetime import datetime
from typing import Final

from db.standing import Standing

MAX_LAG_SECONDS: Final = 10.0
"""A replica that may be further behind is not read from."""

NOT_KNOWN: Final = "How far the replica is behind is not known yet."
BEHIND: Final = f"The replica is more than {MAX_LAG_SECONDS:g} s behind, or the primary is silent."
_PRIMARY_NOT_SEEN: Final = "The primary does not tell how far it has come."
_NO_STANDBY: Final = "The server of DATABASE_REPLICA_URL is no standby: it is not in recovery."
_FOREIGN: Final = "The server of DATABASE_REPLICA_URL is a standby of another primary."
_OTHER_TIMELINE: Final = "The replica follows another timeline than the primary is on."
_WENT_BACK: Final = "The replica was restarted and is behind what it has shown before."

_KEPT_MOMENTS: Final = 200


class Following:
    """The last looks at both servers.

    Attributes:
        position: The replica has repeated the log up to here, and is never read from when it may
            have less: after a crash it can stand before what it has shown.
    """

    def __init__(self) -> None:
        self.position = 0
        self._started_at: datetime | None = None
        self._primary: Standing | None = None
        self._began = math.inf
        self._caught_up_at = -math.inf
        # When the primary was asked, and the position that held everything by then.
        self._moments: deque[tuple[float, int]] = deque(maxlen=_KEPT_MOMENTS)

    def see_primary(self, standing: Standing, *, asked_at: float) -> None:
        """Take in where the primary stands."""
        self._primary = standing
        self._began = min(self._began, asked_at)
        self._moments.append((asked_at, standing.position))

    def see_replica(self, standing: Standing) -> str | None:
        """Take in where the replica stands; in words, what keeps it from being read; else None."""
        problem = self._mismatch(standing)
        if problem is not None:
            return problem
        self.position, self._started_at = standing.position, standing.started_at
        while self._moments and self._moments[0][1] <= self.position:
            self._caught_up_at = self._moments.popleft()[0]
        since = max(self._began, self._caught_up_at)
        if time.monotonic() - since > MAX_LAG_SECONDS:
            return BEHIND
        return None if self._caught_up_at >= self._began else NOT_KNOWN

    def admits(self, standing: Standing) -> bool:
        """Whether a connection leads to the replica as it was seen last, or later."""
        is_same = standing.in_recovery and standing.started_at == self._started_at
        return is_same and standing.position >= self.position

    def lag_seconds(self) -> float:
        """How far the replica is behind, at most: how long ago it had everything."""
        return time.monotonic() - self._caught_up_at

    def _mismatch(self, standing: Standing) -> str | None:
        if not standing.in_recovery:
            return _NO_STANDBY
        if self._primary is None:
            return _PRIMARY_NOT_SEEN
        if standing.cluster != self._primary.cluster:
            return _FOREIGN
        if standing.timeline != self._primary.timeline:
            return _OTHER_TIMELINE
        return _WENT_BACK if standing.position < self.position else None
