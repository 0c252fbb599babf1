"""How many subscriptions a process has at most, and a user of it."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final
from uuid import UUID

from domain.errors import Unavailable

MAX_SUBSCRIPTIONS: Final = 10_000
MAX_OF_ONE_USER: Final = 500


class Seats:
    """Places for subscribers, each given back when its subscriber leaves."""

    def __init__(
        self, count: int = MAX_SUBSCRIPTIONS, *, of_one_user: int = MAX_OF_ONE_USER
    ) -> None:
        self._count = count
        self._of_one_user = of_one_user
        self._by_user: Counter[UUID] = Counter()
        self.taken = 0

    def require_one(self, user: UUID) -> None:
        """Refuse a subscriber for whom there is no place.

        Raises:
            Unavailable: All are taken, or all that one user may have.
        """
        if self._by_user[user] >= self._of_one_user:
            raise Unavailable(
                f"You have {self._of_one_user} subscriptions at this server, which is all that one"
                " user can have. Close those you do not need; one can follow many records."
            )
        if self.taken >= self._count:
            raise Unavailable(
                f"All {self._count} subscriptions that this server can hold are taken. Close those"
                " you do not need, or try again in a moment."
            )

    @contextmanager
    def take(self, user: UUID) -> Iterator[None]:
        """A place during the block.

        Raises:
            Unavailable: As `require_one`.
        """
        self.require_one(user)
        self.taken += 1
        self._by_user[user] += 1
        try:
            yield
        finally:
            self._leave(user)

    def _leave(self, user: UUID) -> None:
        self.taken -= 1
        self._by_user[user] -= 1
        if not self._by_user[user]:
            del self._by_user[user]
