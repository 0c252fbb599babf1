"""Whether this process may use the cache now, and of which era what it may find is.

What processes have agreed on is looked at several times a second. Its epoch is the era of all
values. It is believed for one lease from the moment a look at it began; whoever changes it waits
that long before anybody is told of the change. So a process that is frozen, or that PostgreSQL does
not answer, reads past the cache until it has looked again.

A store that was started anew may have forgotten which changes are under way. It is used once all of
these are over: then processes agree on its new life.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Final, Protocol
from uuid import UUID

import structlog

LEASE_SECONDS: Final = 1.0
"""How long a look at the agreement is believed."""

_PAUSE_SECONDS: Final = 0.3
_LEAST_PAUSE_SECONDS: Final = 0.02
_INSIST_SECONDS: Final = 1.0
_SILENT_SECONDS: Final = 3.0
_GONE_SECONDS: Final = 1.5
_DOWN_SECONDS: Final = 2.0

_CLOCK: Final[int] = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)

log = structlog.get_logger(__name__)


class AgreementSeen(Protocol):
    """What is agreed on; `db.cache_state.Agreement` tells more of it."""

    @property
    def epoch(self) -> UUID:
        """Is new after changes of which nobody else tells."""

    @property
    def trusted(self) -> str | None:
        """Whose changes give no new epoch."""

    @property
    def life(self) -> str | None:
        """Which start of the store that they share counts."""

    @property
    def is_off(self) -> bool:
        """No process may use its cache."""

    @property
    def off_seconds(self) -> float:
        """How long ago somebody last insisted on that."""

    @property
    def is_alive(self) -> bool:
        """A process of the trusted ones is connected."""


class AgreementKept(Protocol):
    """Where the agreement is kept. Everything raises when it cannot be done now."""

    @property
    def name(self) -> str:
        """By what this process is trusted."""

    async def look(self) -> AgreementSeen:
        """What is agreed on now."""

    async def take_over(self, before: str | None) -> None:
        """Be trusted instead of who was seen to be."""

    async def release(self) -> None:
        """Be trusted no more."""

    async def adopt(self, life: str, *, before: str | None) -> None:
        """Have another start of the shared store count than was seen to."""

    async def turn_off(self) -> None:
        """Keep every process from using its cache, or insist on it once more."""

    async def turn_on(self, *, silent_seconds: float) -> None:
        """Let caches be used again unless somebody has insisted lately that they are not."""


class Probed(Protocol):
    """A store that may be away."""

    @property
    def life(self) -> str:
        """Which start of it answers now."""

    async def probe(self) -> None:
        """See whether it is back."""

    def down_seconds(self) -> float:
        """How long it has been away; 0 when it is not."""


class Lease:
    """The agreement as this process believes it.

    Args:
        store: Is probed as often as the agreement is looked at.
        is_shared: Several processes use one store, and are trusted by one name.
        seconds: How long a look is believed. More than LEASE_SECONDS only where nobody waits for
            this process.
    """

    def __init__(
        self,
        agreement: AgreementKept,
        store: Probed,
        *,
        is_shared: bool,
        seconds: float = LEASE_SECONDS,
    ) -> None:
        self._agreement = agreement
        self._store = store
        self._is_shared = is_shared
        self._seconds = seconds
        self._era: str | None = None
        self._life: str | None = None
        self._believed_until = 0.0
        self._insisted_at = 0.0
        self._gone_since: tuple[str | None, float] | None = None
        self._is_told = False
        self._may_change_at = 0.0
        self._problem: str | None = None
        self._has_looked = asyncio.Event()
        self._is_awaited = asyncio.Event()
        self._new_look = asyncio.Condition()
        self._begun = self._looked = 0

    def era(self) -> str | None:
        """Of which era values are to be; None while the cache may not be used."""
        if _now() >= self._believed_until or self._life != self._store.life:
            return None
        return self._era

    @property
    def problem(self) -> str | None:
        """What keeps this process from using the cache, in an operator's words; None: nothing."""
        if self._store.down_seconds():
            return "The cache does not answer."
        if self.era() is not None:
            return None
        if self._problem is not None:
            return "PostgreSQL does not say whether what the cache holds is still true."
        return "The processes have not agreed on the cache yet, or one of them keeps it off."

    def down_seconds(self) -> float:
        """How long the cache has been away; 0 when it is not."""
        return self._store.down_seconds()

    async def usable(self) -> None:
        """Wait until the cache may be used for the first time."""
        await self._has_looked.wait()

    async def caught_up(self) -> None:
        """Wait until nothing is found any more that was out of date when this was called.

        Where others have caches that are asked as well, it is they who are waited for.
        """
        before, asked = self._era, self._begun
        self._is_awaited.set()
        # Without a look that succeeds the lease is over by then.
        with suppress(TimeoutError):
            async with asyncio.timeout(self._seconds), self._new_look:
                await self._new_look.wait_for(lambda: self._looked > asked)
        if self._is_shared and self._era != before:
            await asyncio.sleep(LEASE_SECONDS)

    async def watch(self) -> None:
        """Look again and again, for ever."""
        while True:
            self._is_awaited.clear()
            self._begun += 1
            if await self._look_once():
                async with self._new_look:
                    self._looked = self._begun
                    self._new_look.notify_all()
            await asyncio.sleep(_LEAST_PAUSE_SECONDS)
            # `wait_for` of Python 3.11 loses a cancellation that comes just after the event.
            with suppress(TimeoutError):
                async with asyncio.timeout(_PAUSE_SECONDS):
                    await self._is_awaited.wait()

    async def _look_once(self) -> bool:
        try:
            await self._store.probe()
            await self._look()
        except Exception as error:  # noqa: BLE001  # whatever it is, the lease runs out
            self._tell(type(error).__name__)
            return False
        self._tell(None)
        return True

    async def release(self) -> None:
        """Use the cache no more; who comes next need not wait for this process to be gone."""
        self._era = None
        if not self._is_shared:
            await _tried(self._agreement.release)

    async def _look(self) -> None:
        started = _now()
        agreed = await self._agreement.look()
        is_trusted = agreed.trusted == self._agreement.name
        self._life = agreed.life if self._is_shared else self._store.life
        if is_trusted and not agreed.is_off and self._life == self._store.life:
            self._era, self._believed_until = agreed.epoch.hex, started + self._seconds
            self._has_looked.set()
        else:
            self._era = None
        await self._act(agreed, is_trusted=is_trusted)

    async def _act(self, agreed: AgreementSeen, *, is_trusted: bool) -> None:
        """Change the agreement where it is for this process to do so."""
        if is_trusted:
            self._is_told = False
        elif self._is_held(agreed):
            if agreed.is_alive:
                self._warn()
                await self._insist_on_none()
            return
        elif not await self._change(lambda: self._agreement.take_over(agreed.trusted)):
            # Until it is possible, nobody has to wait for whoever is gone.
            await self._insist_on_none()
            return
        if self._store.down_seconds() > _DOWN_SECONDS:
            await self._insist_on_none()
        elif self._life != self._store.life:
            life = self._store.life
            await self._change(lambda: self._agreement.adopt(life, before=agreed.life))
        elif agreed.is_off and agreed.off_seconds > _SILENT_SECONDS:
            await self._change(lambda: self._agreement.turn_on(silent_seconds=_SILENT_SECONDS))

    async def _change(self, change: Callable[[], Awaitable[None]]) -> bool:
        """Change the agreement; when somebody is committing, not again for a while.

        Those who want to commit queue up behind who waits for those who do.
        """
        if _now() < self._may_change_at:
            return False
        is_changed = await _tried(change)
        self._may_change_at = 0.0 if is_changed else _now() + _INSIST_SECONDS
        return is_changed

    def _tell(self, problem: str | None) -> None:
        """Log that PostgreSQL stopped to answer or began again; not while it has never answered."""
        if self._has_looked.is_set() and (problem is None) is not (self._problem is None):
            log.info(
                "cache_lease_renewed" if problem is None else "cache_lease_lost", error=problem
            )
        self._problem = problem

    def _is_held(self, agreed: AgreementSeen) -> bool:
        """Whether somebody else is trusted, or was until so lately that it may not know better."""
        if agreed.trusted is None:
            return False
        now = _now()
        if agreed.is_alive:
            self._gone_since = None
            return True
        if self._gone_since is None or self._gone_since[0] != agreed.trusted:
            self._gone_since = agreed.trusted, now
        return now - self._gone_since[1] < _GONE_SECONDS

    def _warn(self) -> None:
        if not self._is_told:
            self._is_told = True
            log.warning(
                "cache_off",
                reason="Another server process uses this database, and they share no cache. "
                "Set ENABLE_REDIS_CACHE and the same REDIS_URL for all of them; releases that tell "
                "otherwise what is out of date share none while both run.",
            )

    async def _insist_on_none(self) -> None:
        """Have no process use its cache."""
        if _now() - self._insisted_at >= _INSIST_SECONDS:
            self._insisted_at = _now()
            await _tried(self._agreement.turn_off)


async def _tried(change: Callable[[], Awaitable[None]]) -> bool:
    """Change the agreement; whether it could be done now."""
    try:
        await change()
    except Exception as error:  # noqa: BLE001  # PostgreSQL is away, or somebody is committing
        log.info("cache_agreement_not_changed", error=type(error).__name__)
        return False
    return True


def _now() -> float:
    """Seconds that go on while the machine sleeps, where that can be had."""
    return time.clock_gettime(_CLOCK)
