"""Who asks: what the meaning of a filter depends on beyond its own words.

The imports that a filter may name are the asker's, however deep in it the name stands and whichever
door it came through. So each door says once who asks. Where none did, such a filter is refused.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Final
from uuid import UUID

_asker: Final[ContextVar[UUID | None]] = ContextVar("asker", default=None)


def asker() -> UUID | None:
    """The user for whom this task, or the one that began it, reads; None when nobody said."""
    return _asker.get()


@contextmanager
def asked_by(user: UUID | None) -> Iterator[None]:
    """Until the end of the block a user asks; tasks that begin in it remember it."""
    before = _asker.set(user)
    try:
        yield
    finally:
        _asker.reset(before)
