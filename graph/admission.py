"""How many operations a process executes at the same time, and how many wait for that.

Without it a burst is executed all at once, and each operation takes as long as all of them. Nobody
has more than half of the places, or of the queue: what one user asks for keeps no other out.
"""

import asyncio
from collections import Counter, deque
from types import TracebackType
from typing import Final, NamedTuple
from uuid import UUID

from domain.errors import RateLimited, Unavailable

_PAUSE_SECONDS: Final = 1


class _Waiting(NamedTuple):
    """Somebody who waits."""

    user: int | None
    called: asyncio.Future[None]


class Admission:
    """Places for operations: `async with admission.place(user)`.

    Who waits comes in in the order of coming; only those are passed whose user has all the places
    that one may have. Strangers are one user. Not for threads.

    Args:
        most: How many are inside at the same time.
        most_waiting: Whoever comes to a longer queue is sent away.
    """

    def __init__(self, *, most: int, most_waiting: int) -> None:
        self._most = most
        self._most_waiting = most_waiting
        self._most_of_one = _half(most)
        self._most_waiting_of_one = _half(most_waiting)
        # By the numbers of UUIDs, which are looked up in a third of the time.
        self._inside: Counter[int | None] = Counter()
        self._waiting: deque[_Waiting] = deque()
        self.inside = 0

    @property
    def waiting(self) -> int:
        """How many wait."""
        return len(self._waiting)

    def place(self, user: UUID | None) -> "Place":
        """A place for an operation of a user; waited for at the beginning of the block."""
        return Place(self, None if user is None else user.int)

    async def enter(self, user: int | None) -> None:
        """Wait for a place.

        Args:
            user: The number of the UUID.

        Raises:
            RateLimited: As many of the user's wait already as may.
            Unavailable: As many wait already as may.
        """
        if self.take_free(user):
            return
        self._require_room(user)
        mine = _Waiting(user, asyncio.get_running_loop().create_future())
        self._waiting.append(mine)
        try:
            await mine.called
        except asyncio.CancelledError:
            if not mine.called.cancelled():
                # It was given a place in the same turn in which it was given up.
                self.leave(user)
            elif mine in self._waiting:
                self._waiting.remove(mine)
            raise

    def take_free(self, user: int | None) -> bool:
        """Take a place if there is one that nobody has to wait for."""
        if self.inside >= self._most or self._inside[user] >= self._most_of_one:
            return False
        self._take(user)
        return True

    def leave(self, user: int | None) -> None:
        """Give the place to who waits longest, of those who may have it."""
        self.inside -= 1
        left = self._inside[user] - 1
        if left:
            self._inside[user] = left
        else:
            del self._inside[user]
        for waiting in tuple(self._waiting):
            if self.inside >= self._most:
                break
            if self._inside[waiting.user] < self._most_of_one:
                self._call(waiting)

    def _call(self, waiting: _Waiting) -> None:
        self._waiting.remove(waiting)
        if not waiting.called.done():
            self._take(waiting.user)
            waiting.called.set_result(None)

    def _take(self, user: int | None) -> None:
        self.inside += 1
        self._inside[user] += 1

    def _require_room(self, user: int | None) -> None:
        if len(self._waiting) >= self._most_waiting:
            raise Unavailable("The server has more to do than it can. Try again in a moment.")
        if sum(each.user == user for each in self._waiting) >= self._most_waiting_of_one:
            raise RateLimited(
                "You have as many operations under way as one user may have. Wait for some.",
                retry_after_seconds=_PAUSE_SECONDS,
            )


class Place:
    """The place of one operation."""

    __slots__ = ("_admission", "_user")

    def __init__(self, admission: Admission, user: int | None) -> None:
        self._admission = admission
        self._user = user

    async def __aenter__(self) -> None:
        """Wait for it; as `Admission.enter`."""
        if not self._admission.take_free(self._user):
            await self._admission.enter(self._user)

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Give it back."""
        self._admission.leave(self._user)


def _half(most: int) -> int:
    return (most + 1) // 2
