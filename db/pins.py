"""Who has to read at the primary, and until the replica has come how far.

A pin ends by the replica's position, never by the clock: however late the replica is, nobody sees
less than what their own mutation has shown them.
"""

from typing import Final
from uuid import UUID

MAX_PINS: Final = 10_000


class Pins:
    """The users who wrote, each with the position of the log that holds what they wrote.

    Args:
        limit: Users remembered one by one; beyond, what the earliest wait for holds for everybody.
    """

    def __init__(self, *, limit: int = MAX_PINS) -> None:
        self._limit = limit
        self._positions: dict[UUID, int] = {}
        self._everybody = 0
        self._unknown: dict[UUID, float] = {}

    def __len__(self) -> int:
        return len(self._positions) + len(self._unknown)

    def hold(self, user: UUID, *, at: float) -> None:
        """Pin a user whose change may be anywhere in the log up to a moment.

        Args:
            at: The moment by the monotonic clock.
        """
        self._unknown[user] = at

    def pin(self, user: UUID, position: int, *, held_at: float) -> None:
        """Pin a user up to a position, which was read after the moment the user was held at."""
        if self._unknown.get(user) == held_at:
            del self._unknown[user]
        # Taken out and put in again: the first one is the one that waits longest.
        self._positions[user] = max(position, self._positions.pop(user, 0))
        if len(self._positions) > self._limit:
            earliest = next(iter(self._positions))
            self._everybody = max(self._everybody, self._positions.pop(earliest))

    def settle(self, position: int, *, asked_at: float) -> None:
        """Give those a position who were held before the primary was asked for it."""
        for user, held_at in list(self._unknown.items()):
            if held_at < asked_at:
                self.pin(user, position, held_at=held_at)

    def allow(self, user: UUID | None, position: int) -> bool:
        """Whether a user may read where the log has been repeated up to the position."""
        if user in self._unknown or position < self._everybody:
            return False
        return user is None or position >= self._positions.get(user, 0)

    def forget(self, position: int) -> None:
        """Let go of those whose changes are all before the position."""
        self._positions = {
            user: pinned for user, pinned in self._positions.items() if pinned > position
        }
