"""Making cached answers out of date before anybody is told of a change.

It surrounds COMMIT. The tags that the changes of a transaction touch are dirty from before COMMIT
until after it; then they have new generations, and nothing that was kept under the old ones is
found. Where that cannot be done, the epoch is renewed in the transaction, and the answer waits
until no process believes the old one any more.
"""

import asyncio
import secrets
import time
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from contextlib import suppress
from enum import StrEnum
from functools import partial
from typing import Final, Protocol

import structlog

from cache.events import Events
from cache.lease import LEASE_SECONDS
from cache.store import Store, StoreUnavailable
from cache.tags import tags_of
from domain.changes import Change, CommitOutcome

_MARGIN_SECONDS: Final = 0.05
_PAUSE_SECONDS: Final = 0.2
_PATIENCE_SECONDS: Final = 25.0
_SETTLING_SECONDS: Final = 5.0

log = structlog.get_logger(__name__)


class Standing(StrEnum):
    """What the changes of a transaction mean for the caches of processes."""

    UNUSED = "UNUSED"  # nobody uses one until the transaction is over
    OURS = "OURS"  # this process has to say what is out of date
    THEIRS = "THEIRS"  # others use one; the transaction renews its epoch


class Committing(Protocol):
    """A transaction that has made its changes and is about to be committed."""

    async def standing(self) -> Standing:
        """What its changes mean for caches."""

    async def renew_epoch(self) -> None:
        """Make everything out of date from COMMIT on."""


End = Callable[[CommitOutcome], Awaitable[None]]
"""Takes what became of the transaction."""


class Invalidation:
    """Says what is out of date.

    Args:
        store: None in a process that shares no cache with those that serve.
        renew_epoch: Makes everything out of date, in a transaction of its own; if that is asked
            for, after all that are under way.
        events: Are told what became out of date.
        waits: Each change is shown to everybody before it is acknowledged; otherwise only `shown`
            waits for that.
    """

    def __init__(
        self,
        store: Store | None,
        *,
        renew_epoch: Callable[[bool], Awaitable[None]],
        events: Events,
        waits: bool = True,
    ) -> None:
        self._store = store
        self._renew_epoch = renew_epoch
        self._events = events
        self._waits = waits
        self._shown_at = 0.0
        self._under_way: set[asyncio.Future[object]] = set()

    async def begin(self, committing: Committing, changes: Sequence[Change]) -> End:
        """Before COMMIT; what is to be done after it."""
        standing = await committing.standing()
        if standing is Standing.UNUSED:
            return _nothing
        tags = tags_of(changes)
        # What touches no tag renews the epoch by a trigger.
        if standing is Standing.THEIRS or self._store is None or not tags:
            return self._wait
        return await self._begin(self._store, committing, tags)

    async def shown(self) -> None:
        """Wait until no process believes an epoch that changes of this one have ended."""
        await asyncio.sleep(max(0.0, self._shown_at - time.monotonic()))

    async def settle(self) -> None:
        """Wait a little for what is still being done about transactions that did not end well."""
        if self._under_way:
            await asyncio.wait(self._under_way, timeout=_SETTLING_SECONDS)

    async def _begin(self, store: Store, committing: Committing, tags: frozenset[str]) -> End:
        change = secrets.token_hex(8)
        try:
            await store.begin(tags, change)
        except StoreUnavailable:
            await committing.renew_epoch()
            return self._wait
        except BaseException:
            # The marks may have been made, of a change that will not be.
            self._in_background(self._forget(store, tags, change))
            raise
        return partial(self._end, store, tags, change)

    async def _end(
        self, store: Store, tags: frozenset[str], change: str, outcome: CommitOutcome
    ) -> None:
        if outcome is CommitOutcome.UNKNOWN:
            # PostgreSQL may still be at a COMMIT that it did not answer. The tags stay dirty until
            # their marks expire; should the store lose them before, the epoch is another one.
            self._in_background(self._renew(after_all=True))
            return
        try:
            await store.end(tags, change)
        except StoreUnavailable:
            # Nobody knows whether the store will forget what is out of date.
            if outcome is CommitOutcome.COMMITTED:
                await self._renew(after_all=False)
                await self._wait(outcome)
        if outcome is CommitOutcome.COMMITTED:
            self._events.changed(tags)

    async def _forget(self, store: Store, tags: frozenset[str], change: str) -> None:
        with suppress(StoreUnavailable):
            await store.end(tags, change)

    async def _renew(self, *, after_all: bool) -> None:
        """Renew the epoch, as long as the tags are dirty if need be."""
        until = time.monotonic() + _PATIENCE_SECONDS
        while time.monotonic() < until:
            try:
                await self._renew_epoch(after_all)
            except Exception as error:  # noqa: BLE001  # PostgreSQL is away, or others are committing
                log.info("cache_epoch_not_renewed", error=type(error).__name__)
                await asyncio.sleep(_PAUSE_SECONDS)
            else:
                return
        log.error("cache_epoch_not_renewed_in_time")

    async def _wait(self, outcome: CommitOutcome) -> None:
        if outcome is not CommitOutcome.UNDONE:
            self._shown_at = time.monotonic() + LEASE_SECONDS + _MARGIN_SECONDS
            if self._waits:
                await self.shown()

    def _in_background(self, work: Coroutine[None, None, object]) -> None:
        task = asyncio.ensure_future(work)
        self._under_way.add(task)
        task.add_done_callback(self._under_way.discard)


async def _nothing(_outcome: CommitOutcome) -> None:
    """No process uses a cache."""
