"""Looks into files: in threads of their own, few at a time, ended when nobody waits for them.

To take a file apart is work for a processor. In the threads that all share, a few such looks would
hold up whatever else needs one, such as every upload.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from functools import cache, partial
from threading import Event
from typing import Final, Protocol, TypeVar
from weakref import WeakKeyDictionary

AT_ONCE: Final = 2
"""Looks of a process."""

_Result_co = TypeVar("_Result_co", covariant=True)


class Look(Protocol[_Result_co]):
    """What reads a file."""

    def __call__(self, *, check: Callable[[], None]) -> _Result_co:
        """Read it. Blocks; calls `check` now and then, which raises to end it."""


class GivenUp(Exception):
    """Nobody waits for the result any more."""


# A semaphore belongs to the event loop in which somebody had to wait for it.
_places: Final[WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Semaphore]] = (
    WeakKeyDictionary()
)


@asynccontextmanager
async def place_to_look() -> AsyncIterator[None]:
    """Wait until fewer look than may."""
    places = _places.setdefault(asyncio.get_running_loop(), asyncio.Semaphore(AT_ONCE))
    async with places:
        yield


async def look(read: Look[_Result_co]) -> _Result_co:
    """What is read in a thread; when this is cancelled, so is the reading."""
    is_given_up = Event()

    def check() -> None:
        if is_given_up.is_set():
            raise GivenUp

    loop = asyncio.get_running_loop()
    try:
        return await loop.run_in_executor(_threads(), partial(read, check=check))
    finally:
        is_given_up.set()


@cache
def _threads() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(AT_ONCE, thread_name_prefix="preview")
