"""Transactions that are done again when something was in their way."""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

from db.transaction import Database, Transaction
from domain.errors import ConnectionLost, OutcomeUnknown, WriteConflict

T = TypeVar("T")

_PAUSE_SECONDS: Final = 0.02
# With three, one of more than ten thousand racing mutations was in vain (2026-11-23).
_MOST_CONFLICTS: Final = 6
_PATIENCE_SECONDS: Final = 5.0
"""Nothing is begun again after so long: who waits is told, before a request has no time left."""


async def write_again(
    database: Database, work: Callable[[Transaction], Awaitable[T]], *, is_repeatable: bool
) -> T:
    """What work gives that is done in a transaction, and again after a conflict or a broken line.

    Args:
        is_repeatable: The work finds out by itself whether it was done before, so that it may be
            done again when COMMIT got no answer.

    Raises:
        Unavailable: It was in vain too often, or for too long.
    """
    left = {
        WriteConflict: _MOST_CONFLICTS,
        ConnectionLost: 1,
        OutcomeUnknown: 1 if is_repeatable else 0,
    }
    pause, began = _PAUSE_SECONDS, time.monotonic()
    while True:
        try:
            async with database.write() as tx:
                return await work(tx)
        except (WriteConflict, ConnectionLost, OutcomeUnknown) as error:
            if not left[type(error)] or time.monotonic() - began > _PATIENCE_SECONDS:
                raise
            left[type(error)] -= 1
        await asyncio.sleep(random.uniform(0.5, 1.5) * pause)  # noqa: S311  # spreads retries
        pause *= 2
