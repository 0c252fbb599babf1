"""Who asks: what the meaning of a filter depends on beyond its own words.

The imports that a filter may name are the asker's, however deep in it the name stands and whichever
door it came through. So each door says once who asks. Where none did, such a filter is refused.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Final, NamedTuple
from uuid import UUID


class Asker(NamedTuple):
    """Who asks.

    Attributes:
        sees_all: They see what is anybody's. Their role alone does not say it: a token may be
            good for less.
    """

    user_uuid: UUID
    sees_all: bool = False


_asker: Final[ContextVar[Asker | None]] = ContextVar("asker", default=None)


def asker() -> Asker | None:
    """For whom this task, or the one that began it, reads; None when nobody said."""
    return _asker.get()


@contextmanager
def asked_by(user_uuid: UUID | None, *, sees_all: bool = False) -> Iterator[None]:
    """Until the end of the block a user asks; tasks that begin in it remember it.

    Args:
        sees_all: As `Asker` has it.
    """
    before = _asker.set(None if user_uuid is None else Asker(user_uuid, sees_all))
    try:
        yield
    finally:
        _asker.reset(before)
